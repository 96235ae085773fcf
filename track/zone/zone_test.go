package zone

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
)

func TestParse(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"door=0.1 0.5 0.4 0.5", ""},
		{" yard = 0 0.6  1 0.6 1 1 0 1 ", ""},
		{"door", "not NAME=X Y"},
		{"do\xffor=0 0 1 1", "not UTF-8"},
		{"=0 0 1 1", "not NAME=X Y"},
		{"door=0 0 1", "has 3 numbers"},
		{"door=0 0", "has 2 numbers"},
		{"door=0 0 1 1 0", "has 5 numbers"},
		{"door=0 0 1.5 1", "has 1.5, want a fraction"},
		{"door=0 0 NaN 1", "has NaN, want a fraction"},
		{"door=0 0 x 1", "has x, want a fraction"},
		{"door=0.1,0.5,0.4,0.5", "zone door: separate numbers by spaces, not commas"},
		{"door=0.5 0.5 0.5 0.5", "0.5 0.5 twice"},
		{"yard=0 0 1 1 0.5 0.5", "on one line"},
		{"bow=0 0 1 1 1 0 0 1", "crosses itself"},
	} {
		z, err := Parse(tc.text)
		if tc.want == "" {
			again, againErr := Parse(z.String())
			if err != nil || againErr != nil || !reflect.DeepEqual(z, again) {
				t.Errorf("%q: %v, %+v and then %+v", tc.text, err, z, again)
			}
		} else if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: %v, want %q", tc.text, err, tc.want)
		}
	}
	if _, err := ParseAll([]string{"a=0 0 1 1", "a=0 0 1 0"}); err == nil {
		t.Error("a name is taken twice")
	}
	// A list of zones is divided at commas: those of a name leave parts of it alone. Those between numbers leave numbers alone.
	for _, texts := range [][]string{{"door=0.1", "0.5", "0.4", "0.5"}, {"door=0.1 0.5", " 0.4 0.5"}, {"door=0 0 1 1", "0.5 1"}} {
		if _, err := ParseAll(texts); err == nil || !strings.Contains(err.Error(), "zone door: separate numbers by spaces") {
			t.Errorf("%q: %v", texts, err)
		}
	}
	for _, texts := range [][]string{{"in, out", " yard=0 0 1 1"}, {"a=0 0 1 1", "in", " out", " yard = 0 0 1 1", "b=0 0 1 1"}} {
		if _, err := ParseAll(texts); err == nil || !strings.Contains(err.Error(), `"in, out, yard=0.1 0.5`) {
			t.Errorf("%q: %v", texts, err)
		}
	}
	if _, err := ParseAll([]string{"door", "x"}); err == nil || !strings.Contains(err.Error(), "not NAME=X Y") {
		t.Error(err)
	}
}

// life is how long the default tracker keeps a track.
var life = track.DefaultConfig(track.Default)

// walk has a box of that height put its feet on points of a picture of 100×100.
func walk(c *Counter, id int, height float64, feet ...Point) (counts []Count) {
	for _, p := range feet {
		tr := track.Track{ID: id, Box: detect.Box{X1: p.X - 5, Y1: p.Y - height, X2: p.X + 5, Y2: p.Y}}
		counts = slices.Clone(c.Update([]track.Track{tr}, 0, 100, 100))
	}
	return counts
}

func zones(t testing.TB, texts ...string) []Zone {
	t.Helper()
	all, err := ParseAll(texts)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestCounts(t *testing.T) {
	const yard, line = "yard=0.2 0.2 0.8 0.2 0.8 0.8 0.2 0.8", "line=0.2 0.5 0.8 0.5"
	const all, low, side = "all=0 0 1 0 1 1 0 1", "low=0.2 0.6 0.8 0.6 0.8 1 0.2 1", "side=0.6 0.2 1 0.2 1 0.8 0.6 0.8"
	for _, tc := range []struct {
		name, zone string
		feet       []Point
		want       Count
	}{
		{"in and out", yard, []Point{{10, 50}, {50, 50}, {90, 50}}, Count{Entered: 1, Left: 1, Tracks: 1}},
		{"begins inside", yard, []Point{{50, 50}, {55, 50}}, Count{Inside: 1, Tracks: 1}},
		{"trembles at the border", yard, []Point{{10, 50}, {21, 50}, {19, 50}, {21, 50}, {19, 50}, {30, 50}, {19, 50}, {21, 50}}, Count{Entered: 1, Inside: 1, Tracks: 1}},
		{"comes twice", yard, []Point{{10, 50}, {50, 50}, {10, 50}, {50, 50}}, Count{Entered: 2, Left: 1, Inside: 1, Tracks: 1}},
		{"through in one step", yard, []Point{{10, 50}, {90, 50}}, Count{}},
		{"down across the line", line, []Point{{50, 40}, {50, 60}}, Count{Right: 1}},
		{"up across the line", line, []Point{{50, 60}, {50, 40}}, Count{Left: 1}},
		{"trembles on the line", line, []Point{{50, 40}, {50, 51}, {50, 49}, {50, 51}, {50, 49}, {50, 53}, {50, 49}, {50, 53}}, Count{Right: 1}},
		{"around its end", line, []Point{{50, 40}, {90, 45}, {90, 60}, {50, 60}}, Count{}},
		{"along it, then across", line, []Point{{50, 40}, {50, 50}, {60, 50}, {60, 60}}, Count{Right: 1}},
		{"cut off by the lower edge", low, []Point{{50, 100}, {55, 100}}, Count{Inside: 1, Tracks: 1}},
		{"in and out along the lower edge", low, []Point{{10, 100}, {50, 100}, {50, 98}, {90, 99}}, Count{Entered: 1, Left: 1, Tracks: 1}},
		{"in along the right edge", side, []Point{{100, 10}, {100, 50}}, Count{Entered: 1, Inside: 1, Tracks: 1}},
		{"trembles at the edges", all, []Point{{50, 100}, {50, 98}, {50, 101}, {100, 50}, {101, 101}, {-1, 50}, {0, 0}}, Count{Inside: 1, Tracks: 1}},
		{"comes in from above the picture", low, []Point{{50, -3}, {50, 80}}, Count{Entered: 1, Inside: 1, Tracks: 1}},
	} {
		got := walk(NewCounter(zones(t, tc.zone), life), 1, 40, tc.feet...)[0]
		tc.want.Zone, got.Crossed = got.Zone, nil
		if n := tc.want; n.Entered+n.Left+n.Right+n.Tracks > 0 {
			tc.want.Classes = []ClassCount{{Entered: n.Entered, Left: n.Left, Right: n.Right, Tracks: n.Tracks}}
		}
		if !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: %+v, want %+v", tc.name, got, tc.want)
		}
	}
}

// Who crosses is named in the frame of the crossing, and in no other; each class has a
// count of its own.
func TestSaysWhoCrosses(t *testing.T) {
	c := NewCounter(zones(t, "yard=0.2 0.2 0.8 0.2 0.8 0.8 0.2 0.8", "line=0.2 0.5 0.8 0.5"), life)
	at := func(id, class int, x, y float64) track.Track {
		return track.Track{ID: id, Class: class, Box: detect.Box{X1: x - 5, Y1: y - 20, X2: x + 5, Y2: y}}
	}
	for k, frame := range []struct {
		tracks     []track.Track
		yard, line []Crossing
	}{
		{[]track.Track{at(1, 0, 10, 40), at(2, 7, 50, 60)}, nil, nil},
		{[]track.Track{at(1, 0, 50, 40), at(2, 7, 50, 40)}, []Crossing{{1, 0, Entered}}, []Crossing{{2, 7, Left}}},
		{[]track.Track{at(1, 0, 50, 60), at(2, 7, 90, 40)}, []Crossing{{2, 7, Left}}, []Crossing{{1, 0, Right}}},
		{[]track.Track{at(1, 0, 50, 60)}, nil, nil},
	} {
		counts := c.Update(frame.tracks, time.Duration(k)*time.Second, 100, 100)
		for i, want := range [][]Crossing{frame.yard, frame.line} {
			if got := counts[i].Crossed; !slices.Equal(got, want) {
				t.Errorf("frame %d, %s: %v, want %v", k, counts[i].Zone.Name, got, want)
			}
		}
	}
	for i, want := range [][]ClassCount{
		{{Class: 0, Entered: 1, Tracks: 1}, {Class: 7, Left: 1, Tracks: 1}},
		{{Class: 0, Right: 1}, {Class: 7, Left: 1}},
	} {
		if got := c.Counts()[i]; !slices.Equal(got.Classes, want) {
			t.Errorf("%s: %v, want %v", got.Zone.Name, got.Classes, want)
		}
	}
}

// Who crosses while the pictures change their size is counted as if they did not.
func TestChangeOfSize(t *testing.T) {
	c := NewCounter(zones(t, "line=0.2 0.5 0.8 0.5", "yard=0.2 0.5 0.8 0.5 0.8 1 0.2 1"), life)
	walk(c, 1, 40, Point{30, 40}, Point{30, 44})
	small := track.Track{ID: 1, Box: detect.Box{X1: 10, Y1: 10, X2: 20, Y2: 30}} // feet at 30,60 of 100×100
	got := c.Update([]track.Track{small}, 0, 50, 50)
	if got[0].Right != 1 || got[1].Entered != 1 {
		t.Errorf("into smaller pictures: %+v", got)
	}
	if got := walk(c, 1, 40, Point{30, 40}); got[0].Left != 1 || got[1].Left != 1 {
		t.Errorf("and back: %+v", got)
	}
}

// A zone that stays goes on with its counts when others change; a snapshot goes on as
// if nothing had been.
func TestFollowAndRestore(t *testing.T) {
	both := zones(t, "yard=0.2 0.2 0.8 0.2 0.8 0.8 0.2 0.8", "line=0.2 0.5 0.8 0.5")
	c := NewCounter(both, life)
	walk(c, 1, 40, Point{10, 40}, Point{50, 40})
	data, err := c.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	restored := NewCounter(both, life)
	if err := restored.Restore(data); err != nil {
		t.Fatal(err)
	}
	again := walk(restored, 1, 40, Point{50, 60})
	next := c.Follow(zones(t, "line=0.2 0.5 0.8 0.5", "new=0 0 1 0 1 1"), life)
	got := walk(next, 1, 40, Point{50, 60})
	if got[0].Right != 1 || got[1].Entered != 0 || got[1].Tracks != 0 {
		t.Errorf("after a change: %+v", got)
	}
	if again[1].Right != 1 || again[0].Entered != 1 || again[0].Inside != 1 || again[0].Tracks != 1 || !slices.Equal(again[0].Classes, []ClassCount{{Entered: 1, Tracks: 1}}) {
		t.Errorf("after a snapshot: %+v", again)
	}
	if err := NewCounter(both[:1], life).Restore(data); err == nil {
		t.Error("counts of two zones are taken for those of one")
	}
	if err := restored.Restore([]byte("x")); err == nil {
		t.Error("nonsense is taken for counts")
	}
	if n := (*Counter)(nil).Follow(both, life); len(n.zones) != 2 {
		t.Error("no counter cannot be followed")
	}
}

// Nobody is remembered for ever, and nothing is allocated for those who are known.
func TestForgetsAndAllocatesNothing(t *testing.T) {
	c := NewCounter(zones(t, "yard=0.2 0.2 0.8 0.2 0.8 0.8 0.2 0.8", "line=0.2 0.5 0.8 0.5"), life)
	tracks := make([]track.Track, 20)
	for i := range tracks {
		tracks[i] = track.Track{ID: i + 1, Box: detect.Box{X1: float64(i), Y1: 0, X2: float64(i + 9), Y2: float64(4*i + 9)}}
	}
	c.Update(tracks, 0, 100, 100)
	if n := testing.AllocsPerRun(100, func() { c.Update(tracks, 0, 100, 100) }); n > 0 {
		t.Errorf("%g allocations a frame", n)
	}
	for i := range 3 * forgetAfter {
		c.Update(nil, time.Duration(i)*40*time.Millisecond, 100, 100)
	}
	if n := len(c.zones[0].tracks) + len(c.zones[1].tracks); n > 0 {
		t.Errorf("%d tracks are still remembered", n)
	}
}

// A track counts once for as long as the tracker may find it again, by frames or by time.
func TestRemembersAsLongAsTheTracker(t *testing.T) {
	const unseen, step = 2*forgetAfter + 100, 40 * time.Millisecond
	for _, tc := range []struct {
		name string
		life track.Config
		kept int
	}{
		{"the default", life, 0},
		{"a gap of ten minutes", track.Config{MaxAge: -1, MaxGap: 10 * time.Minute}, 1},
		{"a gap too short by a frame", track.Config{MaxAge: -1, MaxGap: (2*forgetAfter - 2) * step}, 0},
		{"7000 frames", track.Config{MaxAge: 7000}, 1},
		{"5000 frames", track.Config{MaxAge: 5000}, 0},
		{"either ends it", track.Config{MaxAge: 30, MaxGap: 10 * time.Minute}, 0},
	} {
		c := NewCounter(zones(t, "all=0 0 1 0 1 1 0 1"), tc.life)
		walk(c, 1, 40, Point{50, 50})
		for i := range unseen {
			c.Update(nil, time.Duration(i+1)*step, 100, 100)
		}
		if n := len(c.zones[0].tracks); n != tc.kept {
			t.Errorf("%s: %d tracks are remembered, want %d", tc.name, n, tc.kept)
		}
		if n := walk(c, 1, 40, Point{50, 50})[0].Tracks; n != 2-tc.kept {
			t.Errorf("%s: found again it makes %d tracks", tc.name, n)
		}
	}
}

// SORT is silent about a track that it sees until it has enough hits again: who is not
// reported for less than forgetAfter frames counts once.
func TestRemembersWhoTheTrackerIsSilentAbout(t *testing.T) {
	c := NewCounter(zones(t, "all=0 0 1 0 1 1 0 1"), track.DefaultConfig("sort"))
	for range forgetAfter / 2 {
		walk(c, 1, 40, Point{50, 50})
	}
	for range forgetAfter - 1 {
		c.Update(nil, time.Hour, 100, 100)
	}
	if n := walk(c, 1, 40, Point{50, 50})[0].Tracks; n != 1 {
		t.Errorf("reported again, it makes %d tracks", n)
	}
}

// Nor is anybody remembered for ever across a change of settings.
func TestForgetsAfterAChange(t *testing.T) {
	yard := zones(t, "all=0 0 1 0 1 1 0 1")
	c := NewCounter(yard, life)
	for range 10_000 {
		walk(c, 1, 40, Point{50, 50})
	}
	c = c.Follow(yard, life)
	for range 2 * forgetAfter {
		c.Update(nil, time.Hour, 100, 100)
	}
	if n := len(c.zones[0].tracks); n > 0 {
		t.Errorf("%d tracks are still remembered", n)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"door=0.1 0.5 0.4 0.5", "yard=0 0.6 1 0.6 1 1 0 1", "x", "x=1e-400 0 1 1", "bow=0 0 1 1 1 0 0 1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		z, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(z.String())
		if err != nil || !reflect.DeepEqual(z, again) {
			t.Fatalf("%q is %+v, then %+v, %v", text, z, again, err)
		}
		c := NewCounter([]Zone{z}, life)
		for i, p := range []Point{{0, 0}, {50, 50}, {100, 100}, {math.Inf(1), 0}, {100, 0}} {
			for _, n := range walk(c, i%2, 10, p) {
				if min(n.Inside, n.Entered, n.Left, n.Right, n.Tracks) < 0 || n.Inside > 1 {
					t.Fatalf("%+v", n)
				}
			}
		}
	})
}

func BenchmarkUpdate(b *testing.B) {
	c := NewCounter(zones(b, "yard=0.2 0.2 0.8 0.2 0.8 0.8 0.2 0.8", "line=0.2 0.5 0.8 0.5"), life)
	tracks := make([]track.Track, 50)
	for i := range tracks {
		tracks[i] = track.Track{ID: i + 1, Box: detect.Box{X1: float64(i), Y1: 0, X2: float64(i + 9), Y2: float64(i + 9)}}
	}
	b.ReportAllocs()
	for b.Loop() {
		c.Update(tracks, 0, 100, 100)
	}
}
