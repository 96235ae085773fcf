package timing

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const milli = time.Millisecond

// The bound promised by Summary.
const maxRelativeError = 0.01

func TestQuantilesAgainstSortedData(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	shapes := map[string]func() float64{
		"uniform":       func() float64 { return rng.Float64() * 40e6 },
		"exponential":   func() float64 { return rng.ExpFloat64() * 8e6 },
		"log-normal":    func() float64 { return math.Exp(rng.NormFloat64()*2 + 14) },
		"two modes":     func() float64 { return 1e6 + 90e6*float64(rng.IntN(2)) + rng.Float64() },
		"nanoseconds":   func() float64 { return float64(rng.IntN(100)) },
		"constant":      func() float64 { return 8_912_345 },
		"minutes, long": func() float64 { return 1e9 * float64(1+rng.IntN(4000)) },
	}
	for name, draw := range shapes {
		t.Run(name, func(t *testing.T) {
			var h histogram
			values := make([]time.Duration, 10_000)
			for i := range values {
				values[i] = time.Duration(draw())
				h.add(values[i])
			}
			slices.Sort(values)
			for _, q := range []float64{0.001, 0.05, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1} {
				want := values[rank(q, uint64(len(values)))-1]
				got := h.quantile(q)
				if diff := math.Abs(float64(got - want)); diff > maxRelativeError*float64(want) {
					t.Errorf("quantile %v = %v, sorted data says %v", q, got, want)
				}
			}
			if h.max != values[len(values)-1] {
				t.Errorf("max = %v, want %v", h.max, values[len(values)-1])
			}
		})
	}
}

// Of equal records every figure is what they are, wherever in its bucket that lies.
func TestQuantilesOfEqualRecords(t *testing.T) {
	for d := time.Duration(1); d < 2*time.Hour; d += d/3 + 1 {
		var h histogram
		for range 3 {
			h.add(d)
			if h.mean() != d || h.quantile(0.5) != d || h.quantile(0.95) != d || h.max != d {
				t.Fatalf("of %v: mean %v, p50 %v, p95 %v, max %v", d, h.mean(), h.quantile(0.5), h.quantile(0.95), h.max)
			}
		}
	}
}

// A stage that ran in no time that the clock can tell counts as one that ran.
func TestTimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f Trace
		failed := errors.New("failed")
		if err := f.Timed(Motion, func() error { return failed }); err != failed || f.Took[Motion] != 1 {
			t.Errorf("%v, took %v", err, f.Took[Motion])
		}
		if err := f.Timed(Motion, func() error { time.Sleep(milli); return nil }); err != nil || f.Took[Motion] != milli {
			t.Errorf("%v, took %v", err, f.Took[Motion])
		}
	})
}

// Every bucket's middle must map back to it, and buckets must follow in order.
func TestBucketsRoundTrip(t *testing.T) {
	for i := range numBuckets {
		if got := bucketOf(middleOf(i)); got != i {
			t.Fatalf("bucketOf(middleOf(%d)) = %d", i, got)
		}
	}
	for _, d := range []time.Duration{1 << maxBits, math.MaxInt64} {
		if got := bucketOf(d); got != numBuckets-1 {
			t.Errorf("bucketOf(%d) = %d, want the last, %d", d, got, numBuckets-1)
		}
	}
}

func TestRankIsNearest(t *testing.T) {
	for n := uint64(1); n <= 2000; n++ {
		if got, want := rank(0.95, n), (95*n+99)/100; got != want {
			t.Fatalf("rank(0.95, %d) = %d, want %d", n, got, want)
		}
	}
}

func TestRowsShowOnlyTheWindow(t *testing.T) {
	r := New(1)
	for range 1000 {
		r.Add(trace(Inference, time.Second)) // long ago
	}
	for i := 1; i <= Window; i++ {
		r.Add(trace(Inference, time.Duration(i)*milli))
	}
	rows := r.Rows(nil)
	want := []Row{{Name: "inference", Current: 120 * milli, P50: 60 * milli, P95: 114 * milli}}
	if !slices.Equal(rows, want) {
		t.Errorf("rows = %v, want %v", rows, want)
	}
}

func TestRowsInPipelineOrder(t *testing.T) {
	r := New(1)
	all := Trace{Latency: 7 * milli}
	for s := range all.Took {
		all.Took[s] = milli
	}
	r.Add(&all)
	var names []string
	for _, row := range r.Rows(nil) {
		names = append(names, row.Name)
	}
	want := "capture preprocess inference postprocess motion track draw write"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("rows %q, want %q", got, want)
	}
	if got, want := r.Latency(), (Row{"latency", 7 * milli, 7 * milli, 7 * milli}); got != want {
		t.Errorf("latency = %v, want %v", got, want)
	}
}

// trace is a frame on which one stage ran.
func trace(s Stage, d time.Duration) *Trace {
	t := &Trace{Latency: d}
	t.Took[s] = d
	return t
}

func TestFPS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(1)
		if got := r.FPS(); got != 0 {
			t.Errorf("FPS before any frame = %v", got)
		}
		frames := func(n int, every time.Duration) {
			for range n {
				time.Sleep(every)
				r.Add(&Trace{Latency: every})
			}
		}
		frames(100, 100*milli)
		near(t, "FPS at 10 a second", r.FPS(), 10)
		frames(Window, 20*milli)
		near(t, "FPS after a change to 50 a second", r.FPS(), 50)
		near(t, "FPS of the run", r.Summary().FPS, (100+Window)/(10+Window*0.02))
		time.Sleep(time.Minute)
		if got := r.FPS(); got > 2 {
			t.Errorf("FPS of a stream that stalled for a minute = %v", got)
		}
	})
}

func TestSummary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(2)
		for i := range 100 {
			time.Sleep(6 * milli)
			f := Trace{Latency: 12 * milli}
			f.Took[Capture], f.Took[Preprocess], f.Took[Inference] = 2*milli, milli, 9*milli
			f.Waited[Preprocess] = 3 * milli
			if i%2 == 0 { // a stage that runs on every other frame
				f.Took[Write] = 4 * milli
			}
			r.Add(&f)
		}
		s := r.Summary()
		near(t, "elapsed", s.Elapsed, 0.6)
		near(t, "FPS", s.FPS, 100/0.6)
		near(t, "utilisation of capture", s.Stages[0].Utilisation, 2.0/6)
		near(t, "queue before preprocess", s.Stages[1].Waited, 3)
		near(t, "utilisation of two inferences", s.Stages[2].Utilisation, 9.0/12)
		near(t, "mean of write", s.Stages[3].Mean, 4)
		if s.Stages[3].Count != 50 || s.Latency.Count != 100 {
			t.Errorf("counts %d and %d, want 50 and 100", s.Stages[3].Count, s.Latency.Count)
		}
		if got, want := s.Bound(), "inference-bound: 5.0 of 6.0 ms a frame"; got != want {
			t.Errorf("Bound() = %q, want %q", got, want)
		}
		var b bytes.Buffer
		if err := s.WriteTable(&b); err != nil || !strings.HasSuffix(b.String(), "\n"+s.Bound()+" (preprocess and inference ÷ 2 workers)\n") {
			t.Errorf("%v: table:\n%s\nlacks the workers", err, &b)
		}
	})
}

func TestWriteTable(t *testing.T) {
	s := Summary{
		Frames: 795, Elapsed: 10.5, FPS: 75.714, Bottleneck: "inference", BusyMS: 8.9, IntervalMS: 13.2,
		Stages: []StageSummary{
			{Name: "capture", Mean: 1.234, P50: 1.2, P95: 2.5, Max: 14, Utilisation: 0.1219},
			{Name: "inference", Mean: 8.9, P50: 8.7, P95: 10.2, Max: 1234.56, Waited: 0.5, Utilisation: 0.8781},
		},
		Latency: StageSummary{Name: "latency", Mean: 10.2, P50: 10, P95: 12.4, Max: 1250},
	}
	const want = `stage          mean ms       p50       p95       max     queue    busy
capture           1.23      1.20      2.50     14.00      0.00   12.2%
inference         8.90      8.70     10.20   1234.56      0.50   87.8%
latency          10.20     10.00     12.40   1250.00

795 frames in 10.5 s: 75.7 FPS
inference-bound: 8.9 of 13.2 ms a frame
`
	var b bytes.Buffer
	if err := s.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	if b.String() != want {
		t.Errorf("table:\n%s\nwant:\n%s", b.String(), want)
	}
}

func TestEmptyRun(t *testing.T) {
	s := New(1).Summary()
	var b bytes.Buffer
	if got := New(1).Latency(); got != (Row{}) {
		t.Errorf("latency of an empty run = %v", got)
	}
	if err := s.WriteTable(&b); err != nil || strings.Contains(b.String(), "NaN") {
		t.Errorf("table of an empty run: error %v, text\n%s", err, b.String())
	}
	if _, err := json.Marshal(s); err != nil {
		t.Errorf("JSON of an empty run: %v", err)
	}
}

func TestStageNames(t *testing.T) {
	if got := Inference.String(); got != "inference" {
		t.Errorf("Inference is called %q", got)
	}
	for _, s := range []Stage{-1, NumStages} {
		if got := s.String(); got != "unknown" {
			t.Errorf("Stage(%d) is called %q", int(s), got)
		}
	}
}

// All stages at once from several goroutines, with a reader: for -race, and no
// record may get lost.
func TestConcurrentUse(t *testing.T) {
	r := New(1)
	const workers, each = 4, 2000
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range each {
				r.Add(trace(Stage(i%NumStages), time.Duration(i+1)))
			}
		})
	}
	wg.Go(func() {
		var rows []Row
		for range 50 {
			rows = r.Rows(rows[:0])
			r.FPS()
			r.Summary()
		}
	})
	wg.Wait()
	s, records := r.Summary(), uint64(0)
	for i := range s.Stages {
		records += s.Stages[i].Count
	}
	if s.Frames != workers*each || records != workers*each {
		t.Errorf("%d frames and %d records, want %d of both", s.Frames, records, workers*each)
	}
}

func TestNoAllocations(t *testing.T) {
	r := New(1)
	rows := make([]Row, 0, NumStages)
	d := milli
	var f Trace
	frame := func() {
		for s := range Stage(NumStages) {
			f.Took[s], f.Waited[s] = d, d
		}
		f.Latency = d
		r.Add(&f)
		rows = r.Rows(rows[:0])
		_, _ = r.Latency(), r.FPS()
		d += 1234
	}
	if n := testing.AllocsPerRun(300, frame); n != 0 {
		t.Errorf("%v allocations a frame, want none", n)
	}
}

func BenchmarkAdd(b *testing.B) {
	r, f := New(1), Trace{Latency: milli}
	for s := range f.Took {
		f.Took[s], f.Waited[s] = milli, milli
	}
	b.ReportAllocs()
	for b.Loop() {
		r.Add(&f)
	}
}

func BenchmarkRows(b *testing.B) {
	r := New(1)
	rng := rand.New(rand.NewPCG(3, 4))
	for range 2 * Window {
		f := Trace{Latency: time.Duration(rng.ExpFloat64() * 35e6)}
		for s := range f.Took {
			f.Took[s] = time.Duration(rng.ExpFloat64() * 5e6)
		}
		r.Add(&f)
	}
	var rows []Row
	b.ReportAllocs()
	for b.Loop() {
		rows = append(r.Rows(rows[:0]), r.Latency())
	}
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9*math.Abs(want) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}
