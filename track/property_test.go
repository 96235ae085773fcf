package track_test

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
)

// The tests of this file hold for every tracker that New makes.

// frameTime is the time from one frame of a street to the next.
const frameTime = 40 * time.Millisecond

// street is a made-up scene: walkers of several classes cross a picture of
// 1920×1080, come and go, and are detected with jitter, misses and false alarms,
// in random order. Most detections have an embedding.
func street(seed uint64, frames, walkers, classes int) []track.Input {
	rng, clothes := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2))
	type walker struct{ x, y, vx, vy, h float64 }
	people := make([]walker, walkers)
	enter := func() walker {
		return walker{1920 * rng.Float64(), 1080 * rng.Float64(), 8 * rng.NormFloat64(), 2 * rng.NormFloat64(), 60 + 200*rng.Float64()}
	}
	for i := range people {
		people[i] = enter()
	}
	scene := make([]track.Input, frames)
	for k := range scene {
		in := &scene[k]
		in.Time = time.Duration(k) * frameTime
		for i := range people {
			p := &people[i]
			p.x, p.y = p.x+p.vx, p.y+p.vy
			if rng.IntN(100) == 0 {
				*p = enter()
			}
			if rng.IntN(12) == 0 {
				continue
			}
			jitter := func() float64 { return rng.NormFloat64() * p.h / 50 }
			in.Detections = append(in.Detections, detect.Detection{
				Box:   detect.FromLTWH(p.x+jitter(), p.y+jitter(), p.h*0.4+jitter(), p.h+jitter()),
				Score: 0.5 + 0.5*rng.Float64(), Class: i % classes, Embedding: look(clothes, i),
			})
		}
		rng.Shuffle(len(in.Detections), func(a, b int) {
			in.Detections[a], in.Detections[b] = in.Detections[b], in.Detections[a]
		})
	}
	return scene
}

// look is how walker i appears this time; nil now and then.
func look(rng *rand.Rand, i int) []float32 {
	if rng.IntN(20) == 0 {
		return nil
	}
	e := make([]float32, 8)
	for k := range e {
		e[k] = float32(math.Sin(float64((i+1)*(k+1))) + 0.2*rng.NormFloat64())
	}
	norm := 0.0
	for _, v := range e {
		norm += float64(v) * float64(v)
	}
	for k := range e {
		e[k] /= float32(math.Sqrt(norm))
	}
	return e
}

// run copies what a tracker reports of every frame.
func run(t track.Tracker, scene []track.Input) [][]track.Track {
	out := make([][]track.Track, len(scene))
	for k, in := range scene {
		out[k] = slices.Clone(t.Update(in))
	}
	return out
}

// auditor checks one frame after the other against what Tracker promises.
type auditor struct{ known map[int]track.Track }

func (a *auditor) check(t *testing.T, in track.Input, out []track.Track) {
	t.Helper()
	if a.known == nil {
		a.known = map[int]track.Track{}
	}
	last, used := 0, map[int]bool{}
	for _, o := range out {
		if o.ID <= last {
			t.Fatalf("%v: id %d after %d: not in order, not unique or not positive", in.Time, o.ID, last)
		}
		last = o.ID
		if !o.Box.Valid() {
			t.Fatalf("%v: track %d has box %v", in.Time, o.ID, o.Box)
		}
		if o.Hits < 1 || o.SinceUpdate < 0 || o.Age < o.SinceUpdate || math.IsNaN(o.Score) {
			t.Fatalf("%v: impossible %+v", in.Time, o)
		}
		if !(o.ClassConfidence > 0 && o.ClassConfidence <= 1) {
			t.Fatalf("%v: track %d is of its class with confidence %g", in.Time, o.ID, o.ClassConfidence)
		}
		if before, ok := a.known[o.ID]; ok && (o.Hits < before.Hits || o.Age < before.Age || o.ClassConfidence == 1 && o.Class != before.Class) {
			t.Fatalf("%v: %+v was %+v before", in.Time, o, before)
		}
		a.known[o.ID] = o
		if o.Detection == -1 {
			if o.State != track.Coasted || o.Raw != (detect.Box{}) {
				t.Fatalf("%v: not seen, but %+v", in.Time, o)
			}
			continue
		}
		if o.Detection < -1 || o.Detection >= len(in.Detections) || used[o.Detection] {
			t.Fatalf("%v: track %d claims detection %d of %d", in.Time, o.ID, o.Detection, len(in.Detections))
		}
		used[o.Detection] = true
		if d := in.Detections[o.Detection]; o.ClassConfidence == 1 && d.Class != o.Class ||
			d.Score != o.Score || d.Box != o.Raw || o.SinceUpdate != 0 || o.State != track.Observed {
			t.Fatalf("%v: %+v does not fit its detection %+v", in.Time, o, d)
		}
	}
}

func forEachTracker(t *testing.T, f func(t *testing.T, name string)) {
	for _, name := range track.Names() {
		t.Run(name, func(t *testing.T) { f(t, name) })
	}
}

func TestTrackersKeepTheirPromises(t *testing.T) {
	forEachTracker(t, func(t *testing.T, name string) {
		for seed := range uint64(5) {
			tracker := newTracker(t, name)
			var a auditor
			for _, in := range street(seed, 200, 30, 3) {
				a.check(t, in, tracker.Update(in))
			}
			if len(a.known) < 30 {
				t.Errorf("only %d identities in a street of 30", len(a.known))
			}
		}
	})
}

func TestTrackersAreDeterministic(t *testing.T) {
	forEachTracker(t, func(t *testing.T, name string) {
		scene := street(7, 200, 40, 2)
		want := run(newTracker(t, name), scene)
		if !reflect.DeepEqual(run(newTracker(t, name), scene), want) {
			t.Error("two runs differ")
		}
	})
}

func TestTrackersLeaveTheInputAlone(t *testing.T) {
	forEachTracker(t, func(t *testing.T, name string) {
		scene, untouched := street(8, 50, 20, 2), street(8, 50, 20, 2)
		run(newTracker(t, name), scene)
		if !reflect.DeepEqual(scene, untouched) {
			t.Error("detections changed")
		}
	})
}

// Detections that cannot be real change nothing about the ones that can.
func TestTrackersSkipBrokenDetections(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	var broken []detect.Detection
	for _, b := range []detect.Box{
		{X1: nan, Y1: 0, X2: 10, Y2: 10}, {X1: 0, Y1: 0, X2: inf, Y2: 10}, {X1: -inf, Y1: -inf, X2: inf, Y2: inf},
		{}, {X1: 10, Y1: 10, X2: 5, Y2: 20}, {X1: 0, Y1: 0, X2: 10, Y2: 0}, {X1: 0, Y1: 0, X2: 1e308, Y2: 1e308},
		{X1: 5, Y1: 5, X2: 5 + 1e-12, Y2: 6},
	} {
		broken = append(broken, detect.Detection{Box: b, Score: 0.9})
	}
	for _, score := range []float64{nan, inf, -inf} {
		broken = append(broken, detect.Detection{Box: detect.FromLTWH(100, 100, 50, 50), Score: score})
	}

	forEachTracker(t, func(t *testing.T, name string) {
		clean := street(9, 100, 20, 1)
		dirty := street(9, 100, 20, 1)
		for k := range dirty {
			dirty[k].Detections = append(slices.Clone(broken), dirty[k].Detections...)
		}
		want, got := run(newTracker(t, name), clean), run(newTracker(t, name), dirty)
		for k := range got {
			for i := range got[k] {
				if got[k][i].Detection >= 0 {
					got[k][i].Detection -= len(broken)
				}
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Error("broken detections changed the result")
		}
	})
}

// The published trackers follow every class as if it were alone: only the numbers
// of the ids may differ.
func TestTrackersKeepClassesApart(t *testing.T) {
	const classes = 3
	forEachTracker(t, func(t *testing.T, name string) {
		if name == "tempo" {
			t.Skip("labels are votes, and all classes tell about the camera")
		}
		scene := street(10, 200, 60, classes)
		together := run(newTracker(t, name), scene)
		for class := range classes {
			alone := make([]track.Input, len(scene))
			for k, in := range scene {
				alone[k] = in
				alone[k].Detections = nil
				for _, d := range in.Detections {
					if d.Class == class {
						alone[k].Detections = append(alone[k].Detections, d)
					}
				}
			}
			sameIdentities(t, ofClass(together, class), run(newTracker(t, name), alone))
		}
	})
}

func ofClass(frames [][]track.Track, class int) [][]track.Track {
	out := make([][]track.Track, len(frames))
	for k, tracks := range frames {
		for _, o := range tracks {
			if o.Class == class {
				out[k] = append(out[k], o)
			}
		}
	}
	return out
}

// sameIdentities compares two results up to the numbering of ids.
func sameIdentities(t *testing.T, a, b [][]track.Track) {
	t.Helper()
	names := map[int]int{}
	for k := range a {
		if len(a[k]) != len(b[k]) {
			t.Fatalf("frame %d: %d tracks together, %d alone", k, len(a[k]), len(b[k]))
		}
		for i := range a[k] {
			x, y := a[k][i], b[k][i]
			if id, ok := names[x.ID]; ok && id != y.ID {
				t.Fatalf("frame %d: %d is %d, was %d", k, x.ID, y.ID, id)
			}
			names[x.ID] = y.ID
			x.ID, x.Detection, y.Detection = y.ID, 0, 0
			if x != y {
				t.Fatalf("frame %d: %+v together, %+v alone", k, x, y)
			}
		}
	}
}

func TestTrackersAllocateNothing(t *testing.T) {
	forEachTracker(t, func(t *testing.T, name string) {
		scene := street(11, 100, 40, 2)
		tracker := newTracker(t, name)
		k := 0
		next := func() {
			in := scene[k%len(scene)]
			in.Time = time.Duration(k) * frameTime
			tracker.Update(in)
			k++
		}
		for range 5 * len(scene) { // until the buffers have seen their largest frame
			next()
		}
		if n := testing.AllocsPerRun(len(scene), next); n != 0 {
			t.Errorf("%g allocations a frame, want 0", n)
		}
	})
}

// transformed is the scene as another camera would see it.
func transformed(scene []track.Input, box func(detect.Box) detect.Box) []track.Input {
	out := make([]track.Input, len(scene))
	for k, in := range scene {
		out[k] = in
		out[k].Detections = slices.Clone(in.Detections)
		for i := range out[k].Detections {
			d := &out[k].Detections[i]
			d.Box = box(d.Box)
		}
	}
	return out
}

// The place of the origin does not matter, nor does, but for the trackers that
// count in pixels, how large the picture is.
func TestTrackersDoNotDependOnTheOriginOrTheScale(t *testing.T) {
	const shift, scale = 1 << 12, 4 // exact in floating point
	inPixels := []string{"sort", "ocsort", "bytetrack"}
	forEachTracker(t, func(t *testing.T, name string) {
		scene := street(12, 200, 40, 2)
		want := run(newTracker(t, name), scene)
		sameBoxes(t, want, run(newTracker(t, name), transformed(scene, func(b detect.Box) detect.Box {
			return detect.Box{X1: b.X1 + shift, Y1: b.Y1 - shift, X2: b.X2 + shift, Y2: b.Y2 - shift}
		})), func(b detect.Box) detect.Box {
			return detect.Box{X1: b.X1 - shift, Y1: b.Y1 + shift, X2: b.X2 - shift, Y2: b.Y2 + shift}
		})
		if slices.Contains(inPixels, name) {
			return
		}
		sameBoxes(t, want, run(newTracker(t, name), transformed(scene, func(b detect.Box) detect.Box {
			return detect.Box{X1: b.X1 * scale, Y1: b.Y1 * scale, X2: b.X2 * scale, Y2: b.Y2 * scale}
		})), func(b detect.Box) detect.Box {
			return detect.Box{X1: b.X1 / scale, Y1: b.Y1 / scale, X2: b.X2 / scale, Y2: b.Y2 / scale}
		})
	})
}

// sameBoxes compares ids and boxes, the latter of b after a change, to a millionth
// of a pixel.
func sameBoxes(t *testing.T, a, b [][]track.Track, change func(detect.Box) detect.Box) {
	t.Helper()
	for k := range a {
		if len(a[k]) != len(b[k]) {
			t.Fatalf("frame %d: %d and %d tracks", k, len(a[k]), len(b[k]))
		}
		for i := range a[k] {
			x, y := a[k][i], b[k][i]
			if x.ID != y.ID || distance(x.Box, change(y.Box)) > 1e-6 {
				t.Fatalf("frame %d: %+v and %+v", k, x, y)
			}
		}
	}
}

// The order of the detections does not matter but to the numbers of the ids.
func TestTrackersDoNotDependOnTheOrder(t *testing.T) {
	forEachTracker(t, func(t *testing.T, name string) {
		scene, mixed := street(13, 200, 40, 2), street(13, 200, 40, 2)
		rng := rand.New(rand.NewPCG(1, 1))
		for k := range mixed {
			ds := mixed[k].Detections
			rng.Shuffle(len(ds), func(a, b int) { ds[a], ds[b] = ds[b], ds[a] })
		}
		byBox := func(frames [][]track.Track) [][]track.Track {
			for _, f := range frames {
				slices.SortFunc(f, func(a, b track.Track) int { return cmp.Compare(a.Raw.X1, b.Raw.X1) })
			}
			return frames
		}
		sameIdentities(t, byBox(run(newTracker(t, name), scene)), byBox(run(newTracker(t, name), mixed)))
	})
}

// A hundred runs give the same, whatever else the machine does.
func TestTrackersGiveTheSameEveryTime(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	forEachTracker(t, func(t *testing.T, name string) {
		scene := street(14, 60, 30, 2)
		want := run(newTracker(t, name), scene)
		for k := range 100 {
			runtime.GOMAXPROCS([]int{1, 2, 8}[k%3])
			if !reflect.DeepEqual(run(newTracker(t, name), scene), want) {
				t.Fatalf("run %d differs", k)
			}
		}
	})
}

// Being asked for reasons and covariances changes nothing else, and both make
// sense.
func TestTrackersExplainThemselves(t *testing.T) {
	forEachTracker(t, func(t *testing.T, name string) {
		checkReasons(t, name, street(15, 150, 30, 2))
		for seed := range uint64(60) { // what is learned from a scene changes most at its beginning
			checkReasons(t, name, street(100+seed, 8, 30, 2))
		}
	})
}

func checkReasons(t *testing.T, name string, scene []track.Input) {
	t.Helper()
	want := run(newTracker(t, name), scene)
	var events []track.Event
	asked := slices.Clone(scene)
	for k := range asked {
		asked[k].Events, asked[k].Covariance = &events, true
	}
	tracker := newTracker(t, name)
	alive := map[int]bool{}
	for k, in := range asked {
		events = events[:0]
		got := slices.Clone(tracker.Update(in))
		for i := range got {
			checkCovariance(t, got[i].Covariance)
			got[i].Covariance = nil
		}
		if !reflect.DeepEqual(got, want[k]) {
			t.Fatalf("frame %d: %+v with reasons, %+v without", k, got, want[k])
		}
		for _, e := range events {
			checkEvent(t, e, in, alive)
		}
		checkAccount(t, name, events, in, alive)
	}
}

func checkCovariance(t *testing.T, c *track.Covariance) {
	t.Helper()
	if c == nil {
		t.Fatal("no covariance")
	}
	for i := range c {
		for j := range c {
			if c[i][j] != c[j][i] || math.IsNaN(c[i][j]) || c[i][i] <= 0 || c[i][j]*c[i][j] > c[i][i]*c[j][j]*(1+1e-9) {
				t.Fatalf("not a covariance: %v", *c)
			}
		}
	}
}

// checkEvent follows who is alive.
func checkEvent(t *testing.T, e track.Event, in track.Input, alive map[int]bool) {
	t.Helper()
	if e.Time != in.Time || e.Detection >= len(in.Detections) || e.String() == "" || strings.Contains(e.String(), "%!") {
		t.Fatalf("%v: %+v: %s", in.Time, e, e)
	}
	switch {
	case e.Kind == track.Ignored:
		if e.Track != 0 || e.Detection < 0 {
			t.Fatalf("%+v", e)
		}
		return
	case e.Kind == track.Born:
		if alive[e.Track] {
			t.Fatalf("%v: born twice", e)
		}
		alive[e.Track] = true
	case !alive[e.Track]:
		t.Fatalf("%v: not alive", e)
	}
	if e.Kind == track.Died {
		alive[e.Track] = false
	}
}

// checkAccount wants one event of every detection and, Confirmed and Died aside,
// one of every track; and whoever was outbid must have been so by somebody.
func checkAccount(t *testing.T, name string, events []track.Event, in track.Input, alive map[int]bool) {
	t.Helper()
	tracks, partner := map[int]int{}, map[int]int{} // events of a track, track of a detection
	for _, e := range events {
		if e.Kind == track.Confirmed || e.Kind == track.Died {
			continue
		}
		if e.Detection >= 0 {
			if _, twice := partner[e.Detection]; twice {
				t.Fatalf("%v: detection %d has two events", e, e.Detection)
			}
			partner[e.Detection] = e.Track
		}
		if e.Track > 0 {
			tracks[e.Track]++
		}
	}
	if len(partner) != len(in.Detections) {
		t.Fatalf("%v: events of %d detections, there are %d", in.Time, len(partner), len(in.Detections))
	}
	for id, there := range alive {
		if there && tracks[id] != 1 || tracks[id] > 1 {
			t.Fatalf("%v: track %d has %d events", in.Time, id, tracks[id])
		}
	}
	if name == "sort" || name == "ocsort" {
		return // they may drop a pair after the assignment
	}
	for _, e := range events {
		switch {
		case e.Reason != track.Outbid:
		case e.Kind == track.Born && tracks[e.Rival] != 1:
			t.Fatalf("%v: the rival is not there", e)
		case e.Kind != track.Born && (partner[e.Rival] == 0 || partner[e.Rival] == e.Track):
			t.Fatalf("%v: nobody took the rival", e)
		}
	}
	for _, e := range events {
		for _, o := range events {
			if e.Kind == track.Born && e.Reason == track.Outbid && o.Track == e.Rival && (o.Kind == track.Lost || o.Kind == track.Missing) {
				t.Fatalf("%v: but %v", e, o)
			}
		}
	}
}

// FuzzTrackers feeds frames made of raw bytes: any box, any class, any time.
func FuzzTrackers(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 40, 100, 0, 1, 0, 0, 44, 100, 40, 100, 0})
	f.Add([]byte{7, 250, 1, 2, 3, 4, 0, 7, 251, 1, 2, 3, 4, 0, 9, 252, 253, 254, 255, 1, 1})
	f.Fuzz(func(t *testing.T, raw []byte) {
		const most = 7 * 200 // detections; thousands in one place only take long
		raw = raw[:min(len(raw), most)]
		for _, name := range track.Names() {
			tracker := newTracker(t, name)
			var a auditor
			for _, in := range framesOfBytes(raw) {
				a.check(t, in, tracker.Update(in))
			}
		}
	})
}

// framesOfBytes reads seven bytes a detection: how far time moves, the four
// numbers of the box, class and score. Time that moves starts a frame.
func framesOfBytes(raw []byte) []track.Input {
	odd := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e9, -1e9, 1e-6, 1e308, 0}
	number := func(b byte) float64 {
		if k := int(b) - (256 - len(odd)); k >= 0 {
			return odd[k]
		}
		return float64(b)
	}
	frames := []track.Input{{}}
	for ; len(raw) >= 7; raw = raw[7:] {
		in := &frames[len(frames)-1]
		if raw[0] != 0 {
			step := time.Duration(int16(binary.LittleEndian.Uint16(raw))) * time.Millisecond
			frames = append(frames, track.Input{Time: in.Time + step})
			in = &frames[len(frames)-1]
		}
		in.Detections = append(in.Detections, detect.Detection{
			Box:   detect.FromLTWH(number(raw[1]), number(raw[2]), number(raw[3]), number(raw[4])),
			Class: int(raw[5] % 3), Score: number(raw[6]) / 255,
		})
	}
	return frames
}
