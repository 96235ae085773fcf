package track

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/tracker-go/tracker/detect"
)

// wears gives a walker a look: an angle between two colours, so that looks that lie
// 90° apart have nothing in common.
func wears(w walker, degrees float64) walker {
	return func(s float64) detect.Detection {
		d := w(s)
		sin, cos := math.Sincos(degrees * math.Pi / 180)
		d.Embedding = []float32{float32(cos), float32(sin)}
		return d
	}
}

// company is who else is there, so that a scene has something to learn looks from.
func company(degrees ...float64) (list []walker) {
	for i, a := range degrees {
		list = append(list, wears(walk(100+150*float64(i), 600, 5, 0), a))
	}
	return list
}

// jumper is somebody who is hidden from the second second on, and comes out after
// gone seconds, off pixels from where he was.
func jumper(gone, off float64) walker {
	return func(s float64) detect.Detection {
		switch {
		case s < 2:
			return at(500, 100, 40, 100)
		case s < 2+gone:
			d := at(500, 100, 40, 100)
			d.Score = 0.01
			return d
		}
		return at(500+off, 100, 40, 100)
	}
}

func TestTempoRecallsByLooks(t *testing.T) {
	for what, tc := range map[string]struct {
		gone, off   float64 // seconds, pixels
		before, now float64 // degrees
		others      []float64
		cost        float64
		change      func(*detect.Detection) // when he is back; nil for none
		same        bool
	}{
		"the same clothes":              {0.5, 70, 10, 10, []float64{80, 40}, 0.5, nil, true},
		"other clothes":                 {0.5, 70, 10, 80, []float64{80, 40}, 0.5, nil, false},
		"looks left out":                {0.5, 70, 10, 10, []float64{80, 40}, 0, nil, false},
		"too far for the time":          {0.5, 400, 10, 10, []float64{80, 40}, 0.5, nil, false},
		"gone for longer, and farther":  {1.4, 110, 10, 10, []float64{80, 40}, 0.5, nil, true},
		"gone for too long":             {1.8, 70, 10, 10, []float64{80, 40}, 0.5, nil, false},
		"where all wear the same":       {0.5, 70, 10, 10, []float64{10, 10}, 0.5, nil, false},
		"half as tall":                  {0.5, 70, 10, 10, []float64{80, 40}, 0.5, func(d *detect.Detection) { d.Box.Y2 -= 50 }, false},
		"of another label":              {0.5, 70, 10, 10, []float64{80, 40}, 0.5, func(d *detect.Detection) { d.Class = 3 }, false},
		"alone, so far as anyone knows": {0.5, 70, 10, 10, nil, 0.5, nil, true},
	} {
		cfg := DefaultTempoConfig()
		cfg.LookCost = tc.cost
		who := jumper(tc.gone, tc.off)
		him := func(s float64) detect.Detection {
			if s < 2 {
				return wears(who, tc.before)(s)
			}
			d := wears(who, tc.now)(s)
			if tc.change != nil && s >= 2+tc.gone {
				tc.change(&d)
			}
			return d
		}
		scene := film(evenly(150, 30), append([]walker{him}, company(tc.others...)...)...)
		tempo, events := NewTempo(cfg), []Event{}
		recalled, unlike := false, false
		ids := make([]int, len(scene))
		for k, in := range scene {
			events, in.Events = events[:0], &events
			for _, o := range tempo.Update(in) {
				if o.Detection == 0 {
					ids[k] = o.ID
				}
			}
			for _, e := range events {
				recalled = recalled || e.Kind == Found && e.Reason == Recognised && e.Detection == 0 && e.Value >= e.Limit
				unlike = unlike || e.Kind == Missing && e.Reason == TooDifferent && e.Rival == 0 && e.Limit == recallLeast
			}
		}
		if last := ids[len(ids)-1]; last == 0 || (last == ids[0]) != tc.same || recalled != tc.same {
			t.Errorf("%s: id %d, was %d, recalled %v; want the same: %v", what, last, ids[0], recalled, tc.same)
		}
		if want := what == "other clothes" || what == "of another label" || what == "where all wear the same"; unlike != want {
			t.Errorf("%s: told that the looks are too different: %v; want %v", what, unlike, want)
		}
	}
}

// Who was recalled is known to the one that might have been recalled instead.
func TestTempoExplainsWhoWasRecalledInstead(t *testing.T) {
	const hidden, off = 1.2, 80.0
	other := func(s float64) detect.Detection {
		if s < 2+hidden {
			return detect.Detection{Box: detect.FromLTWH(500, 800, 40, 100)}
		}
		return at(500-off-5, 100, 40, 100)
	}
	scene := film(evenly(100, 30), append([]walker{wears(jumper(hidden, off), 10), wears(other, 10)}, company(80, 40)...)...)
	tempo, events := NewTempo(DefaultTempoConfig()), []Event{}
	for _, in := range scene {
		events, in.Events = events[:0], &events
		tempo.Update(in)
		for _, e := range events {
			if e.Kind == Born && in.Time > time.Second {
				if e.Reason != Outbid || e.Rival != 3 || e.Limit != recallLeast {
					t.Errorf("%v; want track 3 to have taken the other", e)
				}
				return
			}
		}
	}
	t.Error("nobody was born")
}

// Neither who has just appeared nor a weak detection teaches what somebody looks like.
func TestTempoLooksLearnFromSureDetectionsOfKnownTracks(t *testing.T) {
	tempo := NewTempo(DefaultTempoConfig())
	for k := range 20 {
		d, other := at(100, 100, 40, 100), at(600, 100, 40, 100)
		d.Embedding, other.Embedding = []float32{1, 0}, []float32{0, 1}
		if k > 10 {
			d.Embedding, d.Score = []float32{0.8, 0.6}, 0.5
		}
		tempo.Update(Input{Time: time.Duration(k) * time.Second / 10, Detections: []detect.Detection{d, other}})
		if k == 0 && tempo.alike != (resemblance{}) {
			t.Errorf("learned %+v from a first frame", tempo.alike)
		}
	}
	if k := &tempo.tracks[0]; len(tempo.tracks) != 2 || k.missed > 0 || !slices.Equal(k.look, []float32{1, 0}) {
		t.Errorf("%d tracks; missed %d times, looks %v", len(tempo.tracks), k.missed, k.look)
	}
}

// How alike one object stays is learned, too.
func TestResemblanceOfUnsteadyLooks(t *testing.T) {
	for swing, want := range map[float64]float64{0: 0.98, 20: 0.87, 40: 0.76} {
		unsteady := func(s float64) detect.Detection {
			return wears(walk(500, 100, 0, 0), swing*float64(int(s*30+0.5)%2))(s)
		}
		tempo := NewTempo(DefaultTempoConfig())
		follow(tempo, film(evenly(90, 30), unsteady))
		if m := tempo.alike.same.mean; math.Abs(m-want) > 0.03 {
			t.Errorf("looks that swing by %g°: alike by %.2f on average; want %.2f", swing, m, want)
		}
	}
}

// What was learned long ago fades.
func TestResemblanceForgets(t *testing.T) {
	m := newResemblance(2).same
	for k := range 20 * alikeMost {
		m.add(0.9)
		if k >= 17*alikeMost {
			m.add(0.5)
		}
	}
	if math.Abs(m.mean-0.7) > 0.02 {
		t.Errorf("mean %.3f of late; want 0.7", m.mean)
	}
}

func TestAlike(t *testing.T) {
	for _, tc := range []struct {
		a, b []float32
		want float64
		ok   bool
	}{
		{[]float32{0.6, 0.8}, []float32{0.6, 0.8}, 1, true},
		{[]float32{1, 0}, []float32{0, 1}, 0, true},
		{[]float32{1, 0}, []float32{0.6, 0.8}, 1 - math.Sqrt(0.4), true},
		{[]float32{1, 0}, []float32{-1, 0}, 1 - math.Sqrt2, true},
		{[]float32{1, 0}, []float32{1, 0, 0}, 0, false},
		{nil, nil, 0, false},
		{[]float32{1, 0}, nil, 0, false},
	} {
		if got, ok := alike(tc.a, tc.b); ok != tc.ok || ok && math.Abs(got-tc.want) > 1e-4 {
			t.Errorf("%v and %v: %g, %v; want %g, %v", tc.a, tc.b, got, ok, tc.want, tc.ok)
		}
	}
}

// However long tracks may live, nobody is recalled from across the picture.
func TestTempoRecallsFromNearby(t *testing.T) {
	for off, want := range map[float64]bool{60: true, 180: false} {
		cfg := DefaultTempoConfig()
		cfg.MaxGap = 20 * time.Second
		scene := film(evenly(390, 30), append([]walker{wears(jumper(10, off), 10)}, company(80, 40)...)...)
		ids := follow(NewTempo(cfg), scene)
		if same := ids[389][0] == ids[0][0]; same != want || ids[389][0] == 0 {
			t.Errorf("%g pixels away: id %d, was %d", off, ids[389][0], ids[0][0])
		}
	}
}

// A weak detection where a track is expected is worth more than a sure one that looks like
// it elsewhere.
func TestTempoRecallsNobodyWhoIsThere(t *testing.T) {
	scene := film(evenly(60, 30), append([]walker{wears(walk(500, 100, 0, 0), 10)}, company(80, 40)...)...)
	last := &scene[59]
	twin := at(550, 100, 40, 100)
	twin.Embedding = last.Detections[0].Embedding
	last.Detections[0].Score = 0.3
	last.Detections = append(last.Detections, twin)
	ids := follow(NewTempo(DefaultTempoConfig()), scene)
	if ids[59][0] != ids[0][0] || ids[59][3] == ids[0][0] {
		t.Errorf("ids %v, were %v", ids[59], ids[0])
	}
}

// Weak detections continue no track because of what they look like.
func TestTempoLooksRaiseNoWeakDetection(t *testing.T) {
	tempo := NewTempo(DefaultTempoConfig())
	scene := film(evenly(60, 30), append([]walker{wears(walk(500, 100, 0, 0), 10)}, company(80, 40)...)...)
	follow(tempo, scene)
	at := slices.IndexFunc(tempo.tracks, func(k tempoTrack) bool { return k.detection == 0 })
	k, d := &tempo.tracks[at], &scene[59].Detections[0]
	expected := newSubject(k.motion.box(), 0, 0)
	weak, sure := tempo.likeness(k, &expected, d, weakLooks), tempo.likeness(k, &expected, d, sureLooks)
	if weak > 1 || sure < 1.5 {
		t.Errorf("likeness %.2f weak, %.2f sure; want at most 1 and nearly 2", weak, sure)
	}
}

// What stands in front of somebody does not become what he looks like.
func TestTempoLooksLearnNothingFromCoveredBoxes(t *testing.T) {
	for _, tc := range []struct {
		cover float64 // pixels of 40
		learn bool
	}{{8, true}, {12, false}} {
		tempo := NewTempo(DefaultTempoConfig())
		for k := range 30 {
			him, front := at(100, 100, 40, 100), at(100+40-tc.cover, 100, 60, 110)
			him.Embedding, front.Embedding = []float32{1, 0}, []float32{0, 1}
			if k > 10 {
				him.Embedding = []float32{0.8, 0.6}
			}
			tempo.Update(Input{Time: time.Duration(k) * time.Second / 10, Detections: []detect.Detection{him, front}})
		}
		if learned := tempo.tracks[0].look[1] > 0.1; learned != tc.learn {
			t.Errorf("%g of 40 pixels covered: looks %v", tc.cover, tempo.tracks[0].look)
		}
	}
}

// Who leaves the picture looks another way in each frame, and stays who he is where nobody
// else can be meant.
func TestTempoLooksAtTheEdgeOfThePicture(t *testing.T) {
	leaving := func(s float64) detect.Detection {
		if s < 2 {
			return wears(walk(500, 100, 0, 0), 10)(s)
		}
		return wears(func(float64) detect.Detection { return at(521, 100, 19, 100) }, 80)(s)
	}
	for what, tc := range map[string]struct {
		width  int
		others []walker
		same   bool
	}{
		"cut":                     {540, nil, true},
		"nearly cut":              {542, nil, true},
		"not cut":                 {550, nil, false},
		"in a picture of no size": {0, nil, false},
		"beside somebody":         {540, []walker{wears(walk(470, 100, 0, 0), 60)}, false},
		"in front of somebody":    {540, []walker{wears(walk(538, 100, 0, 0), 60)}, false},
	} {
		scene := film(evenly(66, 30), append(append([]walker{leaving}, company(80, 40)...), tc.others...)...)
		for k := range scene {
			scene[k].Width, scene[k].Height = tc.width, 2*tc.width
		}
		ids := follow(NewTempo(DefaultTempoConfig()), scene)
		if same := ids[65][0] == ids[0][0]; same != tc.same || ids[65][0] == 0 {
			t.Errorf("%s: id %d, was %d", what, ids[65][0], ids[0][0])
		}
	}
}

// Nobody else is in question at the picture's edge where no other track may be the
// detection, and no other sure detection the track.
func TestTempoCutAlone(t *testing.T) {
	here, near, far := detect.FromLTWH(0, 100, 40, 100), detect.FromLTWH(30, 100, 40, 100), detect.FromLTWH(300, 100, 40, 100)
	for what, tc := range map[string]struct {
		expected, high []detect.Box // the first of each is looked at
		detected       detect.Box
		want           bool
	}{
		"alone":                          {[]detect.Box{near}, []detect.Box{here}, here, true},
		"others far away":                {[]detect.Box{near, far}, []detect.Box{here, far}, here, true},
		"another track":                  {[]detect.Box{near, here}, []detect.Box{here}, here, false},
		"another detection":              {[]detect.Box{near}, []detect.Box{here, near}, here, false},
		"weak, beside a sure one":        {[]detect.Box{near}, []detect.Box{near}, here, false},
		"far from its track, by another": {[]detect.Box{far, near}, []detect.Box{here}, here, false},
		"not at the edge":                {[]detect.Box{near}, []detect.Box{near}, near, false},
	} {
		tempo := NewTempo(DefaultTempoConfig())
		tempo.picture = picture{400, 300}
		for i, b := range tc.expected {
			tempo.expected = append(tempo.expected, newSubject(b, 0, i))
		}
		for i, b := range tc.high {
			tempo.high = append(tempo.high, newSubject(b, 0, i))
		}
		if got := tempo.cutAlone(&tempo.expected[0], &detect.Detection{Box: tc.detected}); got != tc.want {
			t.Errorf("%s: %v; want %v", what, got, tc.want)
		}
	}
}

// Looks that are alike speak for a match at the picture's edge, too.
func TestTempoLooksSpeakForAMatchAtTheEdge(t *testing.T) {
	tempo := NewTempo(DefaultTempoConfig())
	scene := film(evenly(60, 30), append([]walker{wears(walk(500, 100, 0, 0), 10)}, company(80, 40)...)...)
	for k := range scene {
		scene[k].Width, scene[k].Height = 540, 1080
	}
	follow(tempo, scene)
	at := slices.IndexFunc(tempo.tracks, func(k tempoTrack) bool { return k.detection == 0 })
	k, d := &tempo.tracks[at], &scene[59].Detections[0]
	if expected := newSubject(k.motion.box(), 0, at); tempo.likeness(k, &expected, d, sureLooks) < 1.5 {
		t.Error("looks that are alike do not raise the likeness")
	}
}

// What somebody looks like whom the edge of the picture cuts is soon forgotten.
func TestTempoLooksFadeFasterAtTheEdgeOfThePicture(t *testing.T) {
	for width, bounds := range map[int][2]float64{140: {0, 0.1}, 400: {0.7, 0.9}} {
		tempo := NewTempo(DefaultTempoConfig())
		for k := range 21 {
			d := at(100, 100, 40, 100)
			d.Embedding = []float32{1, 0}
			if k > 10 {
				d.Embedding = []float32{0, 1}
			}
			tempo.Update(Input{Time: time.Duration(k) * time.Second / 10, Width: width, Height: 400, Detections: []detect.Detection{d}})
		}
		if len(tempo.tracks) != 1 {
			t.Fatalf("%d tracks; want 1", len(tempo.tracks))
		}
		if left := float64(tempo.tracks[0].look[0]); left < bounds[0] || left > bounds[1] {
			t.Errorf("picture of width %d: %.3f left of the old looks after a second; want %v", width, left, bounds)
		}
	}
}

// What a track looks like fades in media time, whatever the frame rate.
func TestTempoLooksFadeInMediaTime(t *testing.T) {
	angle := func(rate float64) float64 {
		tempo := NewTempo(DefaultTempoConfig())
		for k := range int(2 * rate) {
			d := at(100, 100, 40, 100)
			d.Embedding = []float32{1, 0}
			if float64(k) >= rate {
				d.Embedding = []float32{0, 1}
			}
			tempo.Update(Input{Time: time.Duration(float64(k) / rate * float64(time.Second)), Detections: []detect.Detection{d}})
		}
		look := tempo.tracks[0].look
		return math.Atan2(float64(look[1]), float64(look[0])) * 180 / math.Pi
	}
	slow, fast := angle(10), angle(50)
	if math.Abs(slow-fast) > 6 || slow < 30 || slow > 60 {
		t.Errorf("a second of other looks turns the track's by %.0f° at 10 a second, by %.0f° at 50", slow, fast)
	}
}

// A new detector's embeddings, of another size, replace the old ones and what was
// learned from them.
func TestTempoLooksBeginAnewWithOtherEmbeddings(t *testing.T) {
	tempo := NewTempo(DefaultTempoConfig())
	show := func(k int, look ...float32) {
		d := at(100, 100, 40, 100)
		d.Embedding = look
		tempo.Update(Input{Time: time.Duration(k) * time.Second / 10, Detections: []detect.Detection{d}})
	}
	for k := range 20 {
		show(k, 0.6, 0.8)
	}
	for k := range 2 {
		show(20+k, 0, 0.6, 0.8)
	}
	if look := tempo.tracks[0].look; !slices.Equal(look, []float32{0, 0.6, 0.8}) || len(tempo.tracks) != 1 {
		t.Errorf("looks %v of %d tracks", look, len(tempo.tracks))
	}
	if tempo.alike.size != 3 || tempo.alike.same.n > alikeTrust+2 {
		t.Errorf("learned %+v from 2 embeddings", tempo.alike)
	}
}

// Evidence is none where objects look as alike as each does itself, and grows with
// what tells them apart.
func TestResemblanceIsWorthWhatItTellsApart(t *testing.T) {
	learned := func(same, other, noise float64) resemblance {
		m := newResemblance(2)
		for i := range 500 {
			sign := float64(1 - 2*(i%2))
			m.same.add(same + sign*noise)
			m.other.add(other - sign*noise)
		}
		return m
	}
	for _, tc := range []struct {
		same, other, noise float64
		low, high          float64 // of the evidence that looks as usual give
	}{
		{0.9, 0.9, 0.05, 0, 0.1},
		{0.8, 0.9, 0.05, 0, 0},
		{0.9, 0.85, 0.05, 0.2, 0.8},
		{0.9, 0.6, 0.05, 12, 20},
		{1, 1, 0, 0, 0.1},
	} {
		m := learned(tc.same, tc.other, tc.noise)
		if got := m.evidence(tc.same); got < tc.low || got > tc.high {
			t.Errorf("same %g, other %g, noise %g: evidence %.2f, want %g to %g", tc.same, tc.other, tc.noise, got, tc.low, tc.high)
		}
		if sum := m.evidence(tc.same) + m.evidence(tc.other); math.Abs(sum) > 0.3 {
			t.Errorf("%+v: evidence for and against do not balance: %g", tc, sum)
		}
	}
}

// Looks that never vary, of one object or of many, give finite evidence.
func TestResemblanceWithoutVariance(t *testing.T) {
	for other, want := range map[float64]float64{1: 0, 0.5: 1250} {
		m := resemblance{2, spread{alikeMost, 1, 0}, spread{alikeMost, other, 0}}
		if got := m.evidence(1); !(math.Abs(got-want) < 1e-6) {
			t.Errorf("others alike by %g: evidence %g, want %g", other, got, want)
		}
	}
}
