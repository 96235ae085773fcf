package track

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/tracker-go/tracker/detect"
)

// second is the scene's clock: a walker at time s.
type walker func(s float64) detect.Detection

// walk is a person who starts somewhere and keeps a velocity, pixels a second.
func walk(x, y, vx, vy float64) walker {
	return func(s float64) detect.Detection { return at(x+vx*s, y+vy*s, 40, 100) }
}

// film shows walkers at the given times.
func film(times []float64, walkers ...walker) []Input {
	scene := make([]Input, len(times))
	for k, s := range times {
		scene[k].Time = time.Duration(s * float64(time.Second))
		for _, w := range walkers {
			scene[k].Detections = append(scene[k].Detections, w(s))
		}
	}
	return scene
}

// evenly are n times at the given rate.
func evenly(n int, rate float64) []float64 {
	times := make([]float64, n)
	for k := range times {
		times[k] = float64(k) / rate
	}
	return times
}

// follow returns the ids of the detections, frame by frame, 0 where one has none.
func follow(t Tracker, scene []Input) [][]int {
	ids := make([][]int, len(scene))
	for k, in := range scene {
		ids[k] = make([]int, len(in.Detections))
		for _, o := range t.Update(in) {
			if o.Detection >= 0 {
				ids[k][o.Detection] = o.ID
			}
		}
	}
	return ids
}

// keepsIDs checks that detections in the same place of the list have the id they
// had at first, in all frames but those excused.
func keepsIDs(t *testing.T, ids [][]int, excused ...int) {
	t.Helper()
	for k := range ids {
		if !slices.Contains(excused, k) && !slices.Equal(ids[k], ids[0]) {
			t.Fatalf("frame %d: ids %v, were %v", k, ids[k], ids[0])
		}
	}
}

// The same walk at many rates, with drops, jumps and a stall: never a new id.
func TestTempoLivesInMediaTime(t *testing.T) {
	uneven := []float64{0, .03, .07, .2, .21, .25, .6, .63, .66, .7, 1.1, 1.13, 1.5, 1.52, 1.9}
	stall := append(evenly(10, 30), 3, 3.03, 3.06)
	for what, times := range map[string][]float64{
		"2 a second": evenly(20, 2), "7 a second": evenly(40, 7), "30 a second": evenly(90, 30),
		"60 a second": evenly(180, 60), "uneven": uneven, "stall": stall,
	} {
		t.Run(what, func(t *testing.T) {
			still := 1.0
			if what == "stall" {
				still = 0 // who walked on is somewhere else
			}
			keepsIDs(t, follow(NewTempo(DefaultTempoConfig()), film(times,
				walk(100, 100, 60*still, 0), walk(900, 120, -60*still, 5*still), walk(400, 600, 0, 0))))
		})
	}
}

// A track lives for as long in frames of any rate.
func TestTempoForgetsInMediaTime(t *testing.T) {
	for _, rate := range []float64{5, 30, 60} {
		for _, tc := range []struct {
			gap  float64
			same bool
		}{{1.3, true}, {1.8, false}} {
			times := evenly(int(rate), rate)
			gone := evenly(int(tc.gap*rate), rate)
			tempo := NewTempo(DefaultTempoConfig())
			before := follow(tempo, film(times, walk(100, 100, 0, 0)))
			for _, s := range gone {
				tempo.Update(Input{Time: time.Duration((1 + s) * float64(time.Second))})
			}
			back := time.Duration((1 + tc.gap) * float64(time.Second))
			after := follow(tempo, []Input{{Time: back, Detections: []detect.Detection{at(100, 100, 40, 100)}}})
			if same := after[0][0] == before[0][0]; same != tc.same {
				t.Errorf("%g frames/s, gone for %g s: same id %v, want %v", rate, tc.gap, same, tc.same)
			}
		}
	}
}

// Frames that nobody gave a time do not pile up tracks.
func TestTrackersForgetWithoutTimes(t *testing.T) {
	for _, name := range Names() {
		cfg := DefaultConfig(name)
		cfg.MaxAge, cfg.MaxGap = -1, time.Second
		tracker, err := New(name, cfg)
		if err != nil {
			t.Fatal(err)
		}
		var events []Event
		tracker.Update(Input{Detections: []detect.Detection{at(100, 100, 40, 100)}, Events: &events})
		for range 60 {
			tracker.Update(Input{Events: &events})
		}
		if last := events[len(events)-1]; last.Kind != Died || last.Reason != Expired {
			t.Errorf("%s: after 60 frames, the last event is %q", name, last)
		}
	}
}

// The camera jerks by a whole body width and more, once without a hint and once
// with; nobody is lost, nor who was hidden at the time.
func TestTempoFollowsTheCamera(t *testing.T) {
	const jerk = 70
	for what, motion := range map[string]*Affine{"unknown": nil, "known": {A11: 1, A22: 1, TX: jerk}} {
		t.Run(what, func(t *testing.T) {
			var walkers []walker
			for k := range 8 {
				walkers = append(walkers, walk(150*float64(k), 60*float64(k), 10, 0))
			}
			scene := film(evenly(40, 30), walkers...)
			for k := range scene {
				ds := scene[k].Detections
				for i := range ds {
					if k >= 20 {
						ds[i].Box.X1 += jerk
						ds[i].Box.X2 += jerk
					}
				}
				if k >= 17 && k < 24 { // the last one is hidden
					ds[7].Score = 0.01
				}
			}
			scene[20].Motion = motion
			keepsIDs(t, follow(NewTempo(DefaultTempoConfig()), scene)[:17])
			ids := follow(NewTempo(DefaultTempoConfig()), scene)
			keepsIDs(t, append(ids[:1:1], ids[24:]...))
			for k := 17; k < 24; k++ {
				if !slices.Equal(ids[k][:7], ids[0][:7]) {
					t.Fatalf("frame %d: ids %v, were %v", k, ids[k], ids[0])
				}
			}
		})
	}
}

// Nonsense for a motion is not followed.
func TestTempoRefusesInsaneMotion(t *testing.T) {
	nan := math.NaN()
	for _, m := range []Affine{{}, {A11: nan, A22: 1}, {A11: 1, A22: 1, TX: math.Inf(1)}, {A11: 9, A22: 9}, {A11: -1, A22: 1}, {A11: 1e200, A22: 1e-200}} {
		scene := film(evenly(10, 30), walk(100, 100, 30, 0))
		scene[5].Motion = &m
		keepsIDs(t, follow(NewTempo(DefaultTempoConfig()), scene))
	}
}

// Dancers turn every 0.4 s: the filter learns from them to expect it.
func TestTempoLearnsRestlessness(t *testing.T) {
	dance := func(x, phase float64) walker {
		return func(s float64) detect.Detection { return at(x+40*math.Sin(2.5*math.Pi*s+phase), 200, 40, 100) }
	}
	calm, wild := NewTempo(DefaultTempoConfig()), NewTempo(DefaultTempoConfig())
	times := evenly(120, 30)
	follow(calm, film(times, walk(0, 100, 40, 0), walk(500, 300, -40, 0), walk(900, 500, 0, 10), walk(1300, 100, 20, 5), walk(1700, 400, 0, 0)))
	keepsIDs(t, follow(wild, film(times, dance(100, 0), dance(500, 1), dance(900, 2), dance(1300, 4), dance(1700, 5))))
	if calm.noise.factor > 2 || wild.noise.factor < 20 {
		t.Errorf("factor %.3g for walkers, %.3g for dancers", calm.noise.factor, wild.noise.factor)
	}
}

// A label that flickers neither loses the track nor, being outvoted, shows; two
// objects of different classes in one place stay two.
func TestTempoVotesOnClasses(t *testing.T) {
	const car, truck = 2, 7
	flicker := func(s float64) detect.Detection {
		d := at(100+50*s, 100, 200, 100)
		d.Class = car
		if int(math.Round(s*30))%3 == 2 {
			d.Class = truck
		}
		return d
	}
	tempo := NewTempo(DefaultTempoConfig())
	for k, in := range film(evenly(60, 30), flicker) {
		out := tempo.Update(in)
		if len(out) != 1 || out[0].ID != 1 || out[0].Class != car {
			t.Fatalf("frame %d: %+v", k, out)
		}
		if k == 59 && math.Abs(out[0].ClassConfidence-2.0/3) > 0.05 {
			t.Errorf("confidence %.3f, want about 2/3", out[0].ClassConfidence)
		}
	}

	twice := NewTempo(DefaultTempoConfig())
	for _, in := range film(evenly(10, 30), flicker) {
		d := in.Detections[0]
		d.Class, d.Score = truck, 0.8
		in.Detections = append(in.Detections, d)
		if out := twice.Update(in); len(out) != 1 {
			t.Fatalf("%d tracks of one object under two labels", len(out))
		}
	}

	rider, bicycle := walk(100, 100, 50, 0), func(s float64) detect.Detection {
		d := at(90+50*s, 150, 60, 60)
		d.Class = 1
		return d
	}
	keepsIDs(t, follow(NewTempo(DefaultTempoConfig()), film(evenly(60, 30), rider, bicycle)))
}

// Two who meet, stand behind each other and part: looks tell who is who.
func TestTempoLooks(t *testing.T) {
	turn := func(x, v float64, look []float32) walker {
		return func(s float64) detect.Detection {
			d := at(x+v*math.Abs(s-1), 100, 40, 100) // they turn round when they meet
			d.Embedding = look
			if math.Abs(s-1) < 0.2 {
				d.Score = 0.01
			}
			return d
		}
	}
	ids := follow(NewTempo(DefaultTempoConfig()), film(evenly(60, 30),
		turn(490, -50, []float32{1, 0}), turn(510, 50, []float32{0, 1})))
	if !slices.Equal(ids[59], ids[0]) {
		t.Errorf("ids %v, were %v", ids[59], ids[0])
	}
}

func TestTempoCoasts(t *testing.T) {
	cfg := DefaultTempoConfig()
	cfg.Coast = 200 * time.Millisecond
	tempo := NewTempo(cfg)
	follow(tempo, film(evenly(30, 30), walk(100, 100, 60, 0)))
	for k := range 10 {
		now := time.Second + time.Duration(k)*time.Second/30
		out := tempo.Update(Input{Time: now})
		unseen := now - 29*time.Second/30
		if want := unseen <= cfg.Coast; len(out) == 1 != want {
			t.Fatalf("unseen for %v: %d tracks", unseen, len(out))
		}
		if len(out) == 1 && (out[0].State != Coasted || out[0].Detection != -1 || (out[0].SinceUpdate-unseen).Abs() > time.Microsecond ||
			math.Abs(out[0].Box.X1-(100+60*now.Seconds())) > 2) {
			t.Errorf("unseen for %v: %+v", unseen, out[0])
		}
	}
}

// Two boxes are one object from duplicateIoU on, and in a chain of boxes only those that
// repeat one that stays.
func TestTempoDropsRepeats(t *testing.T) {
	wide := func(width, score float64) detect.Detection { // of 100 px, the overlap in percent
		return detect.Detection{Box: detect.FromLTWH(100, 100, width, 200), Score: score}
	}
	for what, tc := range map[string]struct {
		first, then []detect.Detection
		tracks      int
	}{
		"two births under the limit": {nil, []detect.Detection{wide(100, 0.95), wide(89, 0.9)}, 2},
		"two births over it":         {nil, []detect.Detection{wide(100, 0.95), wide(91, 0.9)}, 1},
		"a track under the limit":    {[]detect.Detection{wide(100, 0.95)}, []detect.Detection{wide(100, 0.95), wide(89, 0.9)}, 2},
		"a track over it":            {[]detect.Detection{wide(100, 0.95)}, []detect.Detection{wide(100, 0.95), wide(91, 0.9)}, 1},
		"a chain":                    {nil, []detect.Detection{wide(100, 0.95), wide(92, 0.9), wide(85, 0.88)}, 2},
		"a chain, the middle surest": {nil, []detect.Detection{wide(100, 0.9), wide(92, 0.95), wide(85, 0.88)}, 1},
	} {
		tempo := NewTempo(DefaultTempoConfig())
		tempo.Update(Input{Detections: tc.first})
		out := tempo.Update(Input{Time: time.Second / 25, Detections: tc.then})
		if len(out) != tc.tracks {
			t.Errorf("%s: %d tracks, want %d", what, len(out), tc.tracks)
		}
	}
}

func TestTempoGivesReasons(t *testing.T) {
	cfg := DefaultTempoConfig()
	cfg.Score = 0.6
	tempo := NewTempo(cfg)
	var events []Event
	show := func(s float64, ds ...detect.Detection) []string {
		events = events[:0]
		tempo.Update(Input{Time: time.Duration(s * float64(time.Second)), Detections: ds, Events: &events})
		var words []string
		for _, e := range events {
			words = append(words, e.String())
		}
		return words
	}
	person, weak := at(100, 100, 40, 100), at(500, 100, 40, 100)
	weak.Score = 0.4
	for _, tc := range []struct {
		s    float64
		ds   []detect.Detection
		want []string
	}{
		{0, []detect.Detection{person, weak}, []string{
			"0s: detection 1 ignored: no track took it, and score 0.40 starts none under 0.65",
			"0s: track 1, detection 0, born: nothing overlapped it",
			"0s: track 1, detection 0, confirmed: score 0.90 of at least 0.85",
		}},
		{0.1, []detect.Detection{person}, []string{"100ms: track 1, detection 0, seen: similarity 0.90 of at least 0.12"}},
		{0.2, []detect.Detection{at(135, 100, 40, 100)}, []string{
			"200ms: track 1 lost: the best candidate had similarity 0.06, under 0.12 (detection 0)",
			"200ms: track 2, detection 0, born: the best candidate had similarity 0.06, under 0.12 (track 1)",
			"200ms: track 2, detection 0, confirmed: score 0.90 of at least 0.85",
		}},
		{0.3, []detect.Detection{person}, []string{
			"300ms: track 1, detection 0, found again: similarity 0.90 of at least 0.12",
			"300ms: track 2 lost: the best candidate had similarity 0.06, under 0.12 (detection 0)",
		}},
		{2, nil, []string{
			"2s: track 1 lost: nothing overlapped it",
			"2s: track 2 still lost: nothing overlapped it",
			"2s: track 1 died: unseen for 1.70 s, over 1.50 s",
			"2s: track 2 died: unseen for 1.80 s, over 1.50 s",
		}},
	} {
		if got := show(tc.s, tc.ds...); !slices.Equal(got, tc.want) {
			t.Errorf("at %g s:\ngot  %q\nwant %q", tc.s, got, tc.want)
		}
	}
}

// A detector whose scores never get high is tracked like one that is sure of
// itself.
func TestTempoFindsOutWhatAScoreIsWorth(t *testing.T) {
	for _, top := range []float64{1, 0.9, 0.6, 0.5} {
		tempo := NewTempo(DefaultTempoConfig())
		late := func(s float64) detect.Detection {
			d := at(600, 200, 40, 100)
			if d.Score = 0.75 * top; s < 0.5 {
				d.Score = 0.05 * top
			}
			return d
		}
		best := func(s float64) detect.Detection {
			d := at(100+40*s, 100, 40, 100)
			d.Score = top
			return d
		}
		ids := follow(tempo, film(evenly(60, 30), best, late))
		if ids[10][1] != 0 || ids[59][0] != 1 || ids[59][1] != 2 {
			t.Errorf("scores up to %g: ids %v at first, %v in the end", top, ids[10], ids[59])
		}
	}
}

func TestConfidence(t *testing.T) {
	for _, tc := range []struct{ top, given, sure, high float64 }{
		{0.95, 0, 0.5985, 0.95}, // a strong detector
		{0.5, 0, 0.315, 0.5},    // a weak one
		{0.1, 0, 0.3, 0.3 / sureShare},
		{0.95, 0.4, 0.4, 0.95}, // the user's word
		{0.5, 0.4, 0.4, 0.4 / sureShare},
	} {
		var c confidence
		d := at(0, 0, 10, 10)
		d.Score = tc.top
		c.see([]detect.Detection{d}, 0, tc.given)
		for _, want := range [][2]float64{{-1, 0}, {0, 0}, {tc.sure / 2, 0.3}, {tc.sure, 0.6}, {tc.high, 0.95}, {9, 1}} {
			if got := c.of(want[0]); math.Abs(got-want[1]) > 1e-12 {
				t.Errorf("%+v: score %g is confidence %g, want %g", tc, want[0], got, want[1])
			}
		}
		for x := 0.0; x <= 1; x += 0.1 {
			if got := c.of(c.score(x)); math.Abs(got-x) > 1e-12 {
				t.Errorf("%+v: confidence %g comes back as %g", tc, x, got)
			}
		}
		c.see(nil, 1e9, 0)
		if c.sure != sureLeast {
			t.Errorf("%+v: %g is sure after a long time, want %g", tc, c.sure, sureLeast)
		}
	}
}

// A track whose first embedding is broken gets its looks from the next.
func TestTempoLooksBeginWithTheFirstGoodEmbedding(t *testing.T) {
	tempo := NewTempo(DefaultTempoConfig())
	nan := float32(math.NaN())
	for k, look := range [][]float32{{nan, 1}, {0.6, 0.8}} {
		d := at(100, 100, 40, 100)
		d.Embedding = look
		tempo.Update(Input{Time: time.Duration(k) * time.Second / 10, Detections: []detect.Detection{d}})
	}
	if look := tempo.tracks[0].look; !slices.Equal(look, []float32{0.6, 0.8}) {
		t.Errorf("looks %v", look)
	}
}

// With a NewScore below what is sure, too, each detection has an event.
func TestTempoExplainsDetectionsThatAreNotSure(t *testing.T) {
	cfg := DefaultTempoConfig()
	cfg.Score, cfg.NewScore = 0.6, 0.4
	var events []Event
	weak := at(100, 100, 40, 100)
	weak.Score = 0.5
	NewTempo(cfg).Update(Input{Detections: []detect.Detection{weak}, Events: &events})
	if len(events) != 1 || events[0].Kind != Ignored || events[0].Reason != Unsure || events[0].Limit != 0.6 {
		t.Errorf("events %v", events)
	}
}

// Frames that share their time, as they do where a stream goes on after a stall with all
// that piled up, lie no stall apart: who walks on in them is the same.
func TestRepeatedTimesAfterAStall(t *testing.T) {
	const rate, before, after = 25, 25, 12
	for _, stall := range []float64{0.45, 1, 2} {
		times := evenly(before+after, rate)
		for k := before; k < len(times); k++ {
			times[k] += stall
		}
		scene := film(times, walk(100, 100, 60, 0))
		for k := before; k < len(scene); k++ {
			scene[k].Time = scene[before].Time
		}
		keepsIDs(t, follow(NewTempo(DefaultTempoConfig()), scene))
	}
}

// A score that is given is what it is, also below what Tempo would find.
func TestTempoNeedsWhatItLooksAt(t *testing.T) {
	for score, want := range map[float64]float64{0: 0.05, 0.12: 0.02, 0.6: 0.1} {
		cfg := DefaultConfig("tempo")
		cfg.Score = score
		if got := NeedsOf("tempo", cfg).Score; math.Abs(got-want) > 1e-12 {
			t.Errorf("score %g: looks at scores from %g, want %g", score, got, want)
		}
	}
	for _, name := range Names() {
		if n := NeedsOf(name, Config{}); n.Motion != (name == "tempo") || n.Looks != (name == "tempo") {
			t.Errorf("%s needs %+v", name, n)
		}
	}
}
