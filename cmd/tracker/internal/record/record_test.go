package record

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
)

var header = Header{
	Program: "tracker test", Source: "street.mp4", Width: 768, Height: 576, FPS: 10, Stride: 2, Live: true,
	Model: Model{Name: "m", SHA256: strings.Repeat("ab", 32), Size: "320x256"}, Labels: []string{"person", "café\n"},
	Conf: 0.4, Least: 0.05, NMSIoU: 0.5, Classes: []string{"person"}, CameraMotion: "auto", Tracker: "tempo",
}

// scene makes frames of every kind: empty and full, with numbers that are short and
// long, with and without motion, clock and embeddings, and gaps between them.
func scene(frames int) []Frame {
	rng := rand.New(rand.NewPCG(1, 2))
	list := make([]Frame, frames)
	index, media, start := 0, time.Duration(0), time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	for i := range list {
		f := &list[i]
		f.Index, f.Time = index, media
		index += 1 + rng.IntN(3)
		media += time.Duration(rng.Int64N(int64(150 * time.Millisecond)))
		if i%3 > 0 {
			f.Wall = start.Add(media)
		}
		if i%7 > 0 {
			f.Width, f.Height = 640>>(i/30%2), 360
		}
		if i%4 == 1 {
			f.Motion = &track.Affine{A11: 1 + rng.NormFloat64()/100, A12: rng.NormFloat64(), TX: 3, A22: 1, TY: math.Copysign(0, -1)}
		}
		for j := range rng.IntN(40) {
			d := detect.Detection{
				Box:   detect.Box{X1: float64(rng.Float32()), Y1: rng.Float64() * 500, X2: math.Inf(1), Y2: 12},
				Score: float64(rng.Float32()), Class: rng.IntN(80) - 1,
			}
			if j%5 == 0 {
				d.Embedding = []float32{rng.Float32(), -1, float32(i)}
			}
			f.Detections = append(f.Detections, d)
		}
	}
	return list
}

func write(t testing.TB, frames []Frame) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, header)
	if err != nil {
		t.Fatal(err)
	}
	for i := range frames {
		if err := w.Write(&frames[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// readAll reads until something ends it.
func readAll(b []byte) (frames []Frame, err error) {
	r, err := NewReader(bytes.NewReader(b), "x.rec")
	if err != nil {
		return nil, err
	}
	for {
		f, err := r.Next()
		if err != nil {
			return frames, err
		}
		frames = append(frames, f.Clone())
	}
}

// equal compares bits, so that NaN and −0 count.
func equal(a, b []Frame) bool {
	return fmt.Sprintf("%#v", plain(a)) == fmt.Sprintf("%#v", plain(b))
}

func plain(frames []Frame) []any {
	var list []any
	for _, f := range frames {
		list = append(list, f.Index, f.Time, f.Wall.UnixNano(), f.Width, f.Height, len(f.Detections))
		if m := f.Motion; m != nil {
			list = append(list, math.Float64bits(m.A11), math.Float64bits(m.A12), math.Float64bits(m.TX), math.Float64bits(m.A21), math.Float64bits(m.A22), math.Float64bits(m.TY))
		}
		for _, d := range f.Detections {
			list = append(list, math.Float64bits(d.Score), math.Float64bits(d.Box.X1), math.Float64bits(d.Box.Y1), math.Float64bits(d.Box.X2), math.Float64bits(d.Box.Y2), d.Class, d.Embedding)
		}
	}
	return list
}

// A record that was broken off anywhere, and taken up, is that of a run without a break.
func TestResume(t *testing.T) {
	frames := scene(60)
	want := write(t, frames)
	for broken := range len(frames) + 1 {
		var b bytes.Buffer
		first, err := NewWriter(&b, header)
		if err != nil {
			t.Fatal(err)
		}
		for i := range frames[:broken] {
			if err := first.Write(&frames[i]); err != nil {
				t.Fatal(err)
			}
		}
		second, err := Resume(&b, first.Snapshot())
		if err != nil {
			t.Fatal(err)
		}
		for i := range frames[broken:] {
			if err := second.Write(&frames[broken+i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := second.Close(); err != nil || !bytes.Equal(b.Bytes(), want) {
			t.Errorf("broken off after %d frames: %d bytes, want %d, or others: %v", broken, b.Len(), len(want), err)
		}
	}
	if _, err := Resume(io.Discard, []byte{0, 0, 0x80}); err == nil {
		t.Error("a state that ends early is taken for one")
	}
}

func TestRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 500} {
		want := scene(n)
		b := write(t, want)
		if n == 500 {
			want[3].Detections[0].Score = math.NaN()
			b = write(t, want)
		}
		got, err := readAll(b)
		if err != io.EOF || !equal(got, want) {
			t.Fatalf("%d frames: got %d, %v", n, len(got), err)
		}
		if again := write(t, want); !bytes.Equal(again, b) {
			t.Errorf("%d frames: equal frames made different bytes", n)
		}
		r, err := NewReader(bytes.NewReader(b), "x")
		h := header
		h.Version = Version
		if err != nil || !reflect.DeepEqual(r.Header, h) {
			t.Errorf("header %+v, %v", r.Header, err)
		}
	}
}

// A record that is cut anywhere gives the frames of its whole blocks, and says that
// it is cut.
func TestCut(t *testing.T) {
	want := scene(40)
	b := write(t, want)
	ends, at := map[int]bool{}, len(signature)
	for at < len(b) {
		at += head + int(uint32(b[at+1])|uint32(b[at+2])<<8|uint32(b[at+3])<<16)
		ends[at] = true
	}
	if len(ends) < 4 {
		t.Fatalf("only %d blocks", len(ends))
	}
	last := 0
	for n := 0; n < len(b); n++ {
		if near := ends[n] || ends[n-1] || ends[n+1]; n > 600 && !near && n%37 > 0 {
			continue
		}
		got, err := readAll(b[:n])
		var short *CutError
		switch {
		case !errors.As(err, &short) && (got != nil || err == nil || err == io.EOF):
			t.Fatalf("%d of %d bytes: %d frames, %v", n, len(b), len(got), err)
		case short != nil && (short.Frames != len(got) || !errors.Is(err, errCut)):
			t.Fatalf("%d of %d bytes: %d frames, %v", n, len(b), len(got), err)
		case !equal(got, want[:len(got)]):
			t.Fatalf("%d of %d bytes: other frames", n, len(b))
		case len(got) > last && !ends[n]:
			t.Fatalf("%d frames after %d bytes, in the middle of a block", len(got), n)
		}
		last = len(got)
	}
}

// A changed bit anywhere is seen, and the frames before it are good.
func TestDamage(t *testing.T) {
	want := scene(20)
	b := write(t, want)
	for n := 0; n < len(b); n += 1 + n/200 {
		spoilt := bytes.Clone(b)
		spoilt[n] ^= 1 << (n % 8)
		got, err := readAll(spoilt)
		if err == nil || err == io.EOF || !equal(got, want[:len(got)]) {
			t.Fatalf("byte %d changed: %d frames, %v", n, len(got), err)
		}
	}
}

// What is written can be read at once, but for the last second.
func TestReadAlong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "live.rec")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := NewWriter(f, header)
	if err != nil {
		t.Fatal(err)
	}
	frames := scene(200)
	for i := range frames {
		if err := w.Write(&frames[i]); err != nil {
			t.Fatal(err)
		}
		if i%20 > 0 {
			continue
		}
		r, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		last := time.Duration(-1)
		for {
			var got *Frame
			if got, err = r.Next(); err != nil {
				break
			}
			last = got.Time
		}
		if !errors.Is(err, errCut) || frames[i].Time-last > blockTime+150*time.Millisecond {
			t.Errorf("at %v: read up to %v, %v", frames[i].Time, last, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestRefuses(t *testing.T) {
	newer := bytes.Replace(write(t, nil), fmt.Appendf(nil, `"version":%d`, Version), []byte(`"version":9`), 1)
	block := newer[len(signature) : len(newer)-head-1]
	seal(block, kindHeader)
	for name, tc := range map[string]struct {
		bytes []byte
		want  string
	}{
		"empty":    {nil, "no record of 'tracker --record'"},
		"text":     {[]byte("1,-1,10,20,30,40,0.9,-1,-1,-1\n"), "detections as text are given with --detections"},
		"headless": {[]byte(signature), "ends before its first frame"},
		"newer":    {newer, "version 9 of the format, and this program reads up to 2: use the program that wrote it (tracker test)"},
	} {
		if _, err := readAll(tc.bytes); err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "x.rec") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none.rec")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// A block whose checksum fits may lie all the same; it costs no more memory than an honest one.
func TestLies(t *testing.T) {
	var bomb buffer
	w, _ := flate.NewWriter(&bomb, flate.BestSpeed)
	for range maxBlock>>20 + 1 {
		w.Write(make([]byte, 1<<20))
	}
	w.Close()
	const frames = 3
	honest := write(t, scene(frames))
	for _, c := range []struct {
		kind    byte
		payload []byte
		want    string
	}{
		{kindFrames, bomb, "larger than 67108864 bytes"},
		{kindEnd, []byte{frames + 1}, "its end mark speaks of 4 frames"},
		{kindEnd, nil, "its end mark speaks of 0 frames"},
	} {
		block := append(make([]byte, head), c.payload...)
		seal(block, c.kind)
		b := append(honest[:len(honest)-head-1:len(honest)-head-1], block...) // in the end mark's place
		r, err := NewReader(bytes.NewReader(b), "x.rec")
		for err == nil {
			_, err = r.Next()
		}
		var short *CutError
		if !errors.As(err, &short) || short.Frames != frames || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
		if most := maxBlock + 1; r.raw.Len() > most {
			t.Errorf("%s: %d bytes are held, want at most %d", c.want, r.raw.Len(), most)
		}
	}
}

// What no reader would take is not written.
func TestTooLarge(t *testing.T) {
	var b bytes.Buffer
	w, err := NewWriter(&b, header)
	if err != nil {
		t.Fatal(err)
	}
	before := b.Len()
	large := detect.Detection{Embedding: make([]float32, maxBlock/16/4)}
	f := Frame{Index: 7, Detections: slices.Repeat([]detect.Detection{large}, 16)}
	for range 2 {
		if err := w.Write(&f); err == nil || !strings.Contains(err.Error(), "frame 7 with 16 detections is too large") || b.Len() != before {
			t.Errorf("%v, %d bytes written", err, b.Len()-before)
		}
	}
}

// A block of a kind that is not known yet is passed over.
func TestUnknownBlock(t *testing.T) {
	want := scene(30)
	b := write(t, want)
	at := len(signature) + head + int(uint32(b[len(signature)+1])|uint32(b[len(signature)+2])<<8)
	block := append(make([]byte, head), "something new"...)
	seal(block, 'X')
	b = append(append(bytes.Clone(b[:at]), block...), b[at:]...)
	if got, err := readAll(b); err != io.EOF || !equal(got, want) {
		t.Errorf("%d frames, %v", len(got), err)
	}
}

func TestWriterAllocatesNothing(t *testing.T) {
	frames := scene(300)
	w, err := NewWriter(io.Discard, header)
	if err != nil {
		t.Fatal(err)
	}
	all := func() {
		for i := range frames {
			if err := w.Write(&frames[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 5 {
		all()
	}
	if n := testing.AllocsPerRun(5, all); n > 0 {
		t.Errorf("%v allocations in %d frames", n, len(frames))
	}
}

type failing struct{ after int }

func (f *failing) Write(p []byte) (int, error) {
	if f.after--; f.after < 0 {
		return 0, errors.New("disk full")
	}
	return len(p), nil
}

// A write that fails is told, and nothing is written behind the hole.
func TestWriteFails(t *testing.T) {
	w, err := NewWriter(&failing{after: 2}, header)
	if err != nil {
		t.Fatal(err)
	}
	frames, failed := scene(100), 0
	for i := range frames {
		if w.Write(&frames[i]) != nil {
			failed++
		}
	}
	if err := w.Close(); failed < 50 || err == nil || err.Error() != "disk full" {
		t.Errorf("%d writes failed, close: %v", failed, err)
	}
}

// FuzzReader: no bytes make the reader panic or lie about its memory, and frames
// that it reads can be written and read again.
func FuzzReader(f *testing.F) {
	f.Add(write(f, nil))
	f.Add(write(f, scene(5)))
	f.Add(write(f, scene(40))[:900])
	f.Add([]byte(signature))
	f.Fuzz(func(t *testing.T, b []byte) {
		frames, err := readAll(b)
		if err == nil {
			t.Fatal("it never ends")
		}
		if len(frames) == 0 {
			return
		}
		if again, err := readAll(write(t, frames)); err != io.EOF || !equal(again, frames) {
			t.Fatalf("%d frames, read again: %d, %v", len(frames), len(again), err)
		}
	})
}

// FuzzFrames goes behind the checksum.
func FuzzFrames(f *testing.F) {
	var p base
	var block []byte
	for _, frame := range scene(2) {
		block = p.appendFrame(block, &frame)
	}
	f.Add(block)
	f.Fuzz(func(t *testing.T, b []byte) {
		d := decoder{b: b}
		var frames []Frame
		var f Frame
		for len(d.b) > 0 && d.frame(&f) == nil {
			frames = append(frames, f.Clone())
		}
		var p base
		var again []byte
		for i := range frames {
			again = p.appendFrame(again, &frames[i])
		}
		d = decoder{b: again}
		for i := range frames {
			if err := d.frame(&f); err != nil || !equal([]Frame{f}, frames[i:i+1]) {
				t.Fatalf("frame %d: %v", i, err)
			}
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	frames := scene(300)
	w, err := NewWriter(io.Discard, header)
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		if err := w.Write(&frames[i%len(frames)]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	record := write(b, scene(300))
	for b.Loop() {
		if frames, err := readAll(record); len(frames) != 300 {
			b.Fatal(err)
		}
	}
}
