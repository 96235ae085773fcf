package track

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/tracker-go/tracker/detect"
)

// plaza is a scene with all that trackers keep something of: walkers with looks and
// flickering labels, gaps, uneven times, a stall, and a camera that moves.
func plaza(frames int) []Input {
	rng := rand.New(rand.NewPCG(7, 11))
	scene := make([]Input, frames)
	now := time.Duration(0)
	for k := range scene {
		now += time.Duration(20+rng.IntN(60)) * time.Millisecond
		if k == frames*3/4 {
			now += 3 * time.Second
		}
		in := &scene[k]
		in.Time = now
		if k%3 == 0 {
			in.Motion = &Affine{A11: 1, A22: 1, TX: 3 * rng.NormFloat64(), TY: rng.NormFloat64()}
		}
		for i := range 14 {
			if rng.IntN(8) == 0 || (k/25+i)%7 == 0 {
				continue
			}
			s := now.Seconds()
			d := at(float64(90*i)+40*s*float64(i%3-1)+rng.NormFloat64(), float64(60*(i%4))+10*s+rng.NormFloat64(), 50, 110)
			d.Score, d.Class = 0.2+0.8*rng.Float64(), i%3
			if rng.IntN(9) == 0 {
				d.Class = 5
			}
			d.Embedding = make([]float32, 8)
			d.Embedding[i%8], d.Embedding[(i+k)%8] = 0.8, 0.6
			in.Detections = append(in.Detections, d)
		}
	}
	return scene
}

// A tracker that goes on from a snapshot does what the uninterrupted one does.
func TestSnapshotGoesOn(t *testing.T) {
	scene := regauged(plaza(240), 60, 150, 0.5, 0.75, true)
	for _, name := range Names() {
		whole, err := New(name, Config{})
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		var snapshots [][]byte
		for _, in := range scene {
			snapshots = append(snapshots, whole.(Resumable).Snapshot(nil))
			want = append(want, fmt.Sprintf("%+v", whole.Update(in)))
		}
		for k := 0; k < len(scene); k += 7 {
			next, _ := New(name, Config{})
			next.Update(scene[200]) // what it saw before is forgotten
			if err := next.(Resumable).Restore(snapshots[k]); err != nil {
				t.Fatalf("%s, frame %d: %v", name, k, err)
			}
			for j := k; j < len(scene); j++ {
				if got := fmt.Sprintf("%+v", next.Update(scene[j])); got != want[j] {
					t.Fatalf("%s from frame %d: frame %d differs:\n%s\n%s", name, k, j, got, want[j])
				}
			}
		}
	}
}

// No field of a track is left out of a snapshot: whoever adds one is told.
func TestSnapshotKeepsEveryField(t *testing.T) {
	sort, restoredSort := NewSORT(DefaultSORTConfig()), NewSORT(DefaultSORTConfig())
	byTe, restoredByte := NewByteTrack(DefaultByteTrackConfig()), NewByteTrack(DefaultByteTrackConfig())
	oc, restoredOC := NewOCSORT(DefaultOCSORTConfig()), NewOCSORT(DefaultOCSORTConfig())
	tempo, restoredTempo := NewTempo(DefaultTempoConfig()), NewTempo(DefaultTempoConfig())
	sort.tracks, byTe.tracks = make([]sortTrack, 2), make([]byteTrack, 2)
	oc.tracks, tempo.tracks = make([]ocTrack, 2), make([]tempoTrack, 2)
	for _, c := range []struct {
		from, to Resumable
		kept     func(Resumable) []any
	}{
		{sort, restoredSort, func(r Resumable) []any { s := r.(*SORT); return []any{&s.ledger, &s.picture, &s.tracks} }},
		{byTe, restoredByte, func(r Resumable) []any { b := r.(*ByteTrack); return []any{&b.ledger, &b.picture, &b.tracks} }},
		{oc, restoredOC, func(r Resumable) []any { o := r.(*OCSORT); return []any{&o.ledger, &o.picture, &o.tracks} }},
		{tempo, restoredTempo, func(r Resumable) []any {
			t := r.(*Tempo)
			return []any{&t.ledger, &t.picture, &t.tracks, &t.noise, &t.conf, &t.alike, &t.camera.vx, &t.camera.vy}
		}},
	} {
		n := 0
		for _, part := range c.kept(c.from) {
			number(reflect.ValueOf(part).Elem(), &n)
		}
		c.kept(c.from)[0].(*ledger).frame = 1000 // which bounds the counters of tracks
		if err := c.to.Restore(c.from.Snapshot(nil)); err != nil {
			t.Fatalf("%T: %v", c.from, err)
		}
		for i, part := range c.kept(c.to) {
			if want := c.kept(c.from)[i]; !reflect.DeepEqual(part, want) {
				t.Errorf("%T: restored %+v\nwant %+v", c.from, part, want)
			}
		}
	}
}

// number gives every number behind v another value, where a snapshot keeps it: not
// what is only of one frame.
func number(v reflect.Value, n *int) {
	v = reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
	*n++
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Type().Field(i).Name; !slices.Contains([]string{"out", "covs", "covering", "events"}, field) {
				number(v.Field(i), n)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Float32 {
			v.Set(reflect.ValueOf([]float32{float32(*n), 2}))
			return
		}
		for i := range v.Len() {
			number(v.Index(i), n)
		}
	case reflect.Array:
		for i := range v.Len() {
			number(v.Index(i), n)
		}
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(1 + *n%3)) // in the range of every counter
	case reflect.Uint8:
		v.SetUint(uint64(1 + *n%2))
	case reflect.Float64:
		v.SetFloat(float64(*n) + 0.25)
	case reflect.Bool:
		v.SetBool(true)
	}
}

// Whatever scores a detector gives, a snapshot can be restored.
func TestSnapshotOfAnyScores(t *testing.T) {
	for _, name := range Names() {
		for _, score := range []float64{0.9, 60, math.MaxFloat64, math.Inf(1), math.Inf(-1), -math.MaxFloat64, math.NaN()} {
			tracker, _ := New(name, Config{})
			for k := range 100 {
				d := at(100, 100, 40, 100)
				d.Score = score
				tracker.Update(Input{Time: time.Duration(k) * time.Second / 25, Detections: []detect.Detection{d}})
			}
			next, _ := New(name, Config{})
			if err := next.(Resumable).Restore(tracker.(Resumable).Snapshot(nil)); err != nil {
				t.Errorf("%s, scores of %g: %v", name, score, err)
			}
		}
	}
}

func TestRestoreRefuses(t *testing.T) {
	tempo := NewTempo(DefaultTempoConfig())
	follow(tempo, plaza(30))
	good := tempo.Snapshot(nil)
	other := DefaultTempoConfig()
	other.MinHits++
	long := append(slices.Clone(good), 0)
	for what, bad := range map[string]error{
		"another tracker": NewSORT(DefaultSORTConfig()).Restore(good),
		"other settings":  NewTempo(other).Restore(good),
		"nothing":         NewTempo(DefaultTempoConfig()).Restore(nil),
		"cut off":         NewTempo(DefaultTempoConfig()).Restore(good[:len(good)-3]),
		"too long":        NewTempo(DefaultTempoConfig()).Restore(long),
	} {
		if bad == nil {
			t.Errorf("%s: no error", what)
		}
	}
	if err := tempo.Restore(good[:len(good)-3]); err == nil || len(tempo.tracks) != 0 || tempo.frame != 0 {
		t.Errorf("after %v: %d tracks in frame %d", err, len(tempo.tracks), tempo.frame)
	}
}

// A damaged snapshot is refused, or gives a tracker that works.
func FuzzRestore(f *testing.F) {
	scene := plaza(2) // a small seed: large ones slow the fuzzer down
	for i, name := range Names() {
		t, _ := New(name, Config{})
		for _, in := range scene {
			t.Update(in)
		}
		f.Add(uint8(i), t.(Resumable).Snapshot(nil)[8:])
	}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		tracker, _ := New(Names()[int(kind)%len(Names())], Config{})
		r := tracker.(Resumable)
		signed := append(r.Snapshot(nil)[:8:8], data...)
		if r.Restore(signed) != nil {
			return
		}
		if again := r.Snapshot(nil); string(again) != string(signed) {
			t.Fatalf("restored and taken again: %d bytes of %d, or others", len(again), len(signed))
		}
		if o, ok := tracker.(*OCSORT); ok && o.frame > 1e6 {
			return // lives through all frames of a gap again
		}
		tracker.Update(Input{Time: time.Hour, Detections: []detect.Detection{at(10, 10, 50, 100), at(300, 10, 50, 100)}})
	})
}
