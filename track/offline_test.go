package track_test

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
	"github.com/tracker-go/tracker/track/mot"
)

// record is what a tracker reports of a scene, for Offline.
func record(t track.Tracker, scene []track.Input) []track.Frame {
	frames := make([]track.Frame, len(scene))
	for k, in := range scene {
		frames[k] = track.Frame{Time: in.Time, Tracks: slices.Clone(t.Update(in))}
	}
	return frames
}

func offline(t *testing.T, frames []track.Frame, cfg track.OfflineConfig) []track.Frame {
	t.Helper()
	out, err := track.Offline(frames, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// coasting is Tempo with everything on that Offline has to get along with.
func coasting() track.Tracker {
	cfg := track.DefaultTempoConfig()
	cfg.MaxGap, cfg.Coast = 300*time.Millisecond, 200*time.Millisecond
	return track.NewTempo(cfg)
}

func forEachRecording(t *testing.T, f func(t *testing.T, frames []track.Frame)) {
	trackers := map[string]func() track.Tracker{"coasting": coasting}
	for _, name := range track.Names() {
		trackers[name] = func() track.Tracker { return newTracker(t, name) }
	}
	for name, tracker := range trackers {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(3) {
				scene := street(20+seed, 150, 25, 2)
				for k := range scene {
					scene[k].Covariance = seed == 1
				}
				f(t, record(tracker(), scene))
			}
		})
	}
}

// What was detected stays as it was, in whichever track; what is added lies
// between two detections of one.
func TestOfflineTellsTheTruth(t *testing.T) {
	cfg := track.DefaultOfflineConfig()
	cfg.FillShare = 0.5
	filled, merged := 0, 0
	forEachRecording(t, func(t *testing.T, before []track.Frame) {
		after := offline(t, before, cfg)
		names := sameDetections(t, before, after)
		filled += checkRevised(t, after, cfg)
		for id, name := range names {
			if id != name {
				merged++
			}
		}
	})
	if filled < 100 || merged < 20 {
		t.Errorf("only %d boxes filled in and %d tracks merged: the scenes test nothing", filled, merged)
	}
}

// sameDetections checks that both have the same observed tracks up to renaming,
// and returns the new names by the old.
func sameDetections(t *testing.T, before, after []track.Frame) map[int]int {
	t.Helper()
	if len(after) != len(before) {
		t.Fatalf("%d frames became %d", len(before), len(after))
	}
	names := map[int]int{}
	for k := range before {
		if after[k].Time != before[k].Time {
			t.Fatalf("frame %d moved from %v to %v", k, before[k].Time, after[k].Time)
		}
		old, now := byDetection(before[k]), byDetection(after[k])
		if len(old) != len(now) {
			t.Fatalf("frame %d: %d observed tracks became %d", k, len(old), len(now))
		}
		for d, o := range old {
			n := now[d]
			if name, ok := names[o.ID]; ok && name != n.ID {
				t.Fatalf("frame %d: track %d became both %d and %d", k, o.ID, name, n.ID)
			}
			names[o.ID] = n.ID
			if (o.Covariance == nil) != (n.Covariance == nil) || n.Hits < o.Hits || n.Age < o.Age || n.Box != o.Box && n.Box.IoU(o.Raw) < 0.5 {
				t.Fatalf("frame %d: %+v became %+v", k, o, n)
			}
			if n.Covariance != nil {
				checkCovariance(t, n.Covariance)
			}
			n.ID, n.Box, n.Covariance, n.Hits, n.Age = o.ID, o.Box, o.Covariance, o.Hits, o.Age
			if n != o {
				t.Fatalf("frame %d: %+v became %+v", k, o, n)
			}
		}
	}
	return names
}

func byDetection(f track.Frame) map[int]track.Track {
	m := map[int]track.Track{}
	for _, o := range f.Tracks {
		if o.State == track.Observed {
			m[o.Detection] = o
		}
	}
	return m
}

// checkRevised checks what Offline promises of its output, and returns how many
// boxes it filled in.
func checkRevised(t *testing.T, frames []track.Frame, cfg track.OfflineConfig) (filled int) {
	t.Helper()
	type sighting struct {
		time time.Duration
		track.Track
	}
	latest := map[int]sighting{}
	open := map[int][]track.Track{} // interpolated since
	for k, f := range frames {
		id := 0
		for _, o := range f.Tracks {
			if o.ID <= id {
				t.Fatalf("frame %d: id %d after %d", k, o.ID, id)
			}
			id = o.ID
			if !o.Box.Valid() || o.Age < o.SinceUpdate {
				t.Fatalf("frame %d: %+v", k, o)
			}
			last, known := latest[o.ID]
			if known && (o.Hits < last.Hits || o.State != track.Coasted && o.Age-last.Age != f.Time-last.time) {
				t.Fatalf("frame %d: %+v after %+v", k, o, last)
			}
			switch o.State {
			case track.Interpolated:
				if !known || o.Detection != -1 || o.Raw != (detect.Box{}) || o.SinceUpdate != f.Time-last.time {
					t.Fatalf("frame %d: %+v after %+v", k, o, last)
				}
				open[o.ID] = append(open[o.ID], o)
			case track.Observed:
				for _, i := range open[o.ID] {
					if i.Score != min(o.Score, last.Score) || f.Time-last.time > cfg.FillGap+time.Millisecond {
						t.Fatalf("frame %d: %+v between %+v and %+v", k, i, last, o)
					}
				}
				filled += len(open[o.ID])
				delete(open, o.ID)
				latest[o.ID] = sighting{f.Time, o}
			}
		}
	}
	if len(open) > 0 {
		t.Fatalf("interpolated beyond the last detection: %+v", open)
	}
	return filled
}

func TestOfflineTwiceIsOnce(t *testing.T) {
	forEachRecording(t, func(t *testing.T, frames []track.Frame) {
		once := offline(t, frames, track.DefaultOfflineConfig())
		if twice := offline(t, once, track.DefaultOfflineConfig()); !reflect.DeepEqual(twice, once) {
			t.Error("what was improved changed again")
		}
	})
}

func TestOfflineLeavesTheInputAlone(t *testing.T) {
	forEachRecording(t, func(t *testing.T, frames []track.Frame) {
		untouched := make([]track.Frame, len(frames))
		for k, f := range frames {
			untouched[k] = track.Frame{Time: f.Time, Tracks: slices.Clone(f.Tracks)}
		}
		want := offline(t, frames, track.DefaultOfflineConfig())
		if !reflect.DeepEqual(frames, untouched) {
			t.Error("the frames given changed")
		}
		if got := offline(t, frames, track.DefaultOfflineConfig()); !reflect.DeepEqual(got, want) {
			t.Error("two runs differ")
		}
	})
}

// Without settings only boxes are smoothed: nobody is renamed, nothing added.
func TestOfflineOnlySmoothsWithoutSettings(t *testing.T) {
	forEachRecording(t, func(t *testing.T, frames []track.Frame) {
		out := offline(t, frames, track.OfflineConfig{})
		for id, name := range sameDetections(t, frames, out) {
			if id != name {
				t.Fatalf("track %d became %d", id, name)
			}
		}
		for k := range frames {
			if len(frames[k].Tracks) != len(out[k].Tracks) {
				t.Fatalf("frame %d: %d tracks became %d", k, len(frames[k].Tracks), len(out[k].Tracks))
			}
		}
	})
}

func TestOfflineOfNothing(t *testing.T) {
	for _, frames := range [][]track.Frame{nil, {}, {{}, {}, {Time: 5}}} {
		out := offline(t, frames, track.DefaultOfflineConfig())
		if len(out) != len(frames) {
			t.Errorf("%v became %v", frames, out)
		}
	}
}

func TestOfflineRefuses(t *testing.T) {
	seen := track.Track{ID: 1, Box: detect.FromLTWH(0, 0, 10, 20), Raw: detect.FromLTWH(0, 0, 10, 20), Score: 1}
	nobody, blank, unsure := seen, seen, seen
	nobody.ID = 0
	blank.Raw = detect.Box{}
	unsure.Score = math.NaN()
	for want, frames := range map[string][]track.Frame{
		"sort the frames by time":  {{Time: 2}, {Time: 1}},
		"id 1 is there twice":      {{Tracks: []track.Track{seen, seen}}},
		"id 0; want 1 or more":     {{Tracks: []track.Track{nobody}}},
		"its raw box is {0 0 0 0}": {{Tracks: []track.Track{blank}}},
		"score NaN":                {{Tracks: []track.Track{unsure}}},
	} {
		if _, err := track.Offline(frames, track.DefaultOfflineConfig()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
}

// stroll is a person seen at the given times, as one track.
type stroll struct {
	id             int
	x, y, vx, vy   float64 // at time 0, pixels and pixels a second
	from, to       float64 // seconds
	hidFrom, hidTo float64 // unseen in between
	class          int
}

func (s stroll) box(at float64) detect.Box {
	return detect.FromLTWH(s.x+s.vx*at, s.y+s.vy*at, 40, 100)
}

// strolls are the frames of a perfect detector and tracker.
func strolls(times []float64, people ...stroll) []track.Frame {
	frames := make([]track.Frame, len(times))
	for k, at := range times {
		frames[k].Time = time.Duration(at * float64(time.Second))
		for _, p := range people {
			if at < p.from || at > p.to || at > p.hidFrom && at < p.hidTo {
				continue
			}
			frames[k].Tracks = append(frames[k].Tracks, track.Track{
				ID: p.id, Box: p.box(at), Raw: p.box(at), Score: 0.9, Class: p.class, ClassConfidence: 1,
				Detection: len(frames[k].Tracks), Hits: 1, Age: frames[k].Time - time.Duration(p.from*float64(time.Second)),
			})
		}
	}
	return frames
}

func steadily(seconds, rate float64) []float64 {
	var times []float64
	for k := 0; float64(k) <= seconds*rate; k++ {
		times = append(times, float64(k)/rate)
	}
	return times
}

// A gap is filled at any frame rate, even or not, with boxes in the right place.
func TestOfflineFillsGapsInMediaTime(t *testing.T) {
	uneven := append(steadily(2, 20), 2.3, 2.31, 2.6, 2.93, 3.1, 3.15, 3.2, 3.4, 3.41, 3.5, 3.55, 3.6, 3.65, 3.7)
	for what, times := range map[string][]float64{
		"3 a second": steadily(6, 3), "10 a second": steadily(6, 10), "60 a second": steadily(6, 60), "uneven": uneven,
	} {
		t.Run(what, func(t *testing.T) {
			p := stroll{id: 4, x: 100, y: 200, vx: 80, vy: -20, to: 9, hidFrom: 2, hidTo: 3.1}
			out := offline(t, strolls(times, p), track.DefaultOfflineConfig())
			for k, at := range times {
				hidden := at > p.hidFrom && at < p.hidTo
				if len(out[k].Tracks) != 1 {
					t.Fatalf("%g s: %d tracks", at, len(out[k].Tracks))
				}
				o := out[k].Tracks[0]
				if hidden != (o.State == track.Interpolated) || distance(o.Box, p.box(at)) > 3 {
					t.Errorf("%g s: %v %v, want %v, hidden %v", at, o.State, o.Box, p.box(at), hidden)
				}
			}
		})
	}
}

func TestOfflineLeavesLongGapsAndFlickerOpen(t *testing.T) {
	times := steadily(10, 10)
	long := stroll{id: 1, x: 100, to: 10, hidFrom: 3, hidTo: 5.5}
	for k, f := range offline(t, strolls(times, long), track.DefaultOfflineConfig()) {
		if at := times[k]; at > long.hidFrom && at < long.hidTo && len(f.Tracks) > 0 {
			t.Fatalf("%g s: %+v in a gap of 2.5 s", at, f.Tracks[0])
		}
	}
	flicker := strolls(times, stroll{id: 1, x: 100, to: 10})
	for k := range flicker {
		if k%3 != 0 {
			flicker[k].Tracks = nil
		}
	}
	if filled := checkRevised(t, offline(t, flicker, track.DefaultOfflineConfig()), track.DefaultOfflineConfig()); filled > 0 {
		t.Errorf("%d boxes between detections in every third frame", filled)
	}
}

// Only tracks that continue each other are one.
func TestOfflineMerges(t *testing.T) {
	first := stroll{id: 1, x: 100, y: 200, vx: 80, to: 3}
	second := stroll{id: 2, x: 100, y: 200, vx: 80, from: 4.5, to: 8}
	with := func(change func(s *stroll)) stroll {
		s := second
		change(&s)
		return s
	}
	for what, tc := range map[string]struct {
		people []stroll
		merged bool
	}{
		"one walker":            {[]stroll{first, second}, true},
		"far from a third":      {[]stroll{first, second, {id: 3, x: 900, y: 500, to: 8}}, true},
		"another class":         {[]stroll{first, with(func(s *stroll) { s.class = 1 })}, false},
		"elsewhere":             {[]stroll{first, with(func(s *stroll) { s.y += 90 })}, false},
		"the other way":         {[]stroll{first, with(func(s *stroll) { s.vx, s.x = -80, 820 })}, false},
		"too late":              {[]stroll{first, with(func(s *stroll) { s.from = 6.5 })}, false},
		"at the same time":      {[]stroll{first, with(func(s *stroll) { s.from = 2.9 })}, false},
		"two who may have been": {[]stroll{first, with(func(s *stroll) { s.y -= 10 }), with(func(s *stroll) { s.id, s.y = 3, s.y+12 })}, false},
	} {
		t.Run(what, func(t *testing.T) {
			times := steadily(8, 12)
			frames := strolls(times, tc.people...)
			out := offline(t, frames, track.DefaultOfflineConfig())
			checkRevised(t, out, track.DefaultOfflineConfig())
			names := sameDetections(t, frames, out)
			if merged := names[2] == names[1]; merged != tc.merged {
				t.Errorf("merged: %v", merged)
			}
			if last := out[len(out)-1].Tracks; tc.merged && (last[0].ID != 1 || last[0].Age != 8*time.Second) {
				t.Errorf("at the end %+v", last[0])
			}
		})
	}
}

// Several pieces of one walk become one track, whatever their ids.
func TestOfflineMergesChains(t *testing.T) {
	var pieces []stroll
	for k, id := range []int{4, 2, 9, 7} {
		pieces = append(pieces, stroll{id: id, x: 100, y: 50, vx: 60, from: 3 * float64(k), to: 3*float64(k) + 2})
	}
	frames := strolls(steadily(11, 15), pieces...)
	for k, f := range offline(t, frames, track.DefaultOfflineConfig()) {
		if len(f.Tracks) != 1 || f.Tracks[0].ID != 4 {
			t.Fatalf("frame %d: %+v", k, f.Tracks)
		}
	}
}

// playback is a tracker that reports what was recorded.
type playback []track.Frame

func (p *playback) Update(track.Input) []track.Track {
	tracks := (*p)[0].Tracks
	*p = (*p)[1:]
	return tracks
}

// Every tracker gains, on strong and weak detections, at full and at low frame
// rates: by so much HOTA at least.
func TestOfflineHelps(t *testing.T) {
	for _, tc := range []struct {
		tracker, set, file string
		stride             int
		gain               float64
		benchmark          mot.Benchmark
	}{
		{"tempo", "MOT17-val", "yolox_x.txt", 1, 1.8, mot.MOT17},
		{"tempo", "MOT17-val", "yolox_x.txt", 5, 1.9, mot.MOT17},
		{"tempo", "MOT17-val", "yolox_x.txt", 10, 1.5, mot.MOT17},
		{"tempo", "MOT17-val", "frcnn.txt", 1, 1.5, mot.MOT17},
		{"tempo", "MOT15-train", "det.txt", 1, 1.4, mot.MOT15},
		{"bytetrack", "MOT17-val", "yolox_x.txt", 1, 1.9, mot.MOT17},
		{"sort", "MOT15-train", "det.txt", 1, 2.5, mot.MOT15},
	} {
		t.Run(fmt.Sprint(tc.tracker, " ", tc.set, " ", tc.file, " every ", tc.stride), func(t *testing.T) {
			dir := dataDir(t, "mot", tc.set)
			var before, after []mot.Result
			for _, s := range readSequences(t, dir, tc.file, math.Inf(-1)) {
				s = s.everyNth(tc.stride)
				frames := record(newTracker(t, tc.tracker), s.frames)
				streamed, improved := playback(frames), playback(offline(t, frames, track.DefaultOfflineConfig()))
				before = append(before, score(t, dir, s, &streamed, tc.benchmark))
				after = append(after, score(t, dir, s, &improved, tc.benchmark))
			}
			was, is := summary(before), summary(after)
			t.Logf("HOTA %.2f to %.2f, MOTA %.2f to %.2f, IDF1 %.2f to %.2f, IDSW %d to %d", 100*was.HOTA, 100*is.HOTA,
				100*was.MOTA, 100*is.MOTA, 100*was.IDF1, 100*is.IDF1, was.IDSW, is.IDSW)
			if gain := 100 * (is.HOTA - was.HOTA); gain < tc.gain {
				t.Errorf("HOTA rose by %.2f, want %g or more", gain, tc.gain)
			}
			if is.MOTA < was.MOTA || is.IDF1 < was.IDF1 || is.IDSW > was.IDSW {
				t.Errorf("something got worse")
			}
		})
	}
}

// FuzzOffline improves what trackers make of raw bytes.
func FuzzOffline(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 40, 100, 0, 1, 0, 0, 44, 100, 40, 100, 0})
	f.Add([]byte{7, 250, 1, 2, 3, 4, 0, 7, 251, 1, 2, 3, 4, 0, 9, 252, 253, 254, 255, 1, 1})
	f.Fuzz(func(t *testing.T, raw []byte) {
		scene := framesOfBytes(raw)
		for k := 1; k < len(scene); k++ {
			scene[k].Time = max(scene[k].Time, scene[k-1].Time)
		}
		cfg := track.SORTConfig{MaxAge: 5, IoU: 0.1}
		for _, tracker := range []track.Tracker{track.NewSORT(cfg), coasting()} {
			once := offline(t, record(tracker, scene), track.DefaultOfflineConfig())
			for k, frame := range once {
				for _, o := range frame.Tracks {
					if !o.Box.Valid() {
						t.Fatalf("frame %d: %+v", k, o)
					}
				}
			}
			if twice := offline(t, once, track.DefaultOfflineConfig()); !reflect.DeepEqual(twice, once) {
				t.Fatal("what was improved changed again")
			}
		}
	})
}

// A person is hidden for a second; afterwards one can tell where they were.
func ExampleOffline() {
	tracker := track.NewTempo(track.DefaultTempoConfig())
	var video []track.Frame
	for second := range 8 {
		in := track.Input{Time: time.Duration(second) * time.Second / 2}
		if second != 4 {
			box := detect.FromLTWH(100+20*float64(second), 50, 40, 100)
			in.Detections = []detect.Detection{{Box: box, Score: 0.9}}
		}
		video = append(video, track.Frame{Time: in.Time, Tracks: slices.Clone(tracker.Update(in))})
	}
	better, err := track.Offline(video, track.DefaultOfflineConfig())
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, frame := range better[3:6] {
		for _, t := range frame.Tracks {
			fmt.Printf("%v: %d at x=%.0f, %v\n", frame.Time, t.ID, t.Box.X1, t.State)
		}
	}
	// Output:
	// 1.5s: 1 at x=160, observed
	// 2s: 1 at x=180, interpolated
	// 2.5s: 1 at x=200, observed
}

// A track whose own box is nothing, and whose raw boxes jump so that the smoothed
// ones are not believed, takes the raw ones.
func TestOfflineWithoutBoxes(t *testing.T) {
	var frames []track.Frame
	for k := range 4 {
		x := 5000 * float64(k%2)
		raw := detect.Box{X1: x, Y1: 100, X2: x + 40, Y2: 200}
		frames = append(frames, track.Frame{
			Time:   time.Duration(k) * time.Second / 30,
			Tracks: []track.Track{{ID: 1, State: track.Observed, Raw: raw, Score: 0.9, Detection: 0}},
		})
	}
	better, err := track.Offline(frames, track.DefaultOfflineConfig())
	if err != nil {
		t.Fatal(err)
	}
	for k := range better {
		if o := better[k].Tracks[0]; !o.Box.Valid() {
			t.Errorf("frame %d: box %v of %v", k, o.Box, o.Raw)
		}
	}
}
