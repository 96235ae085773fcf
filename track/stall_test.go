package track_test

import (
	"maps"
	"path/filepath"
	"testing"
	"time"

	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
	"github.com/tracker-go/tracker/track/mot"
)

// People who walk on while a stream stands still for a second keep their
// identities: nearly all who stand clear of others, and most in a crowd.
func TestTempoOverStalls(t *testing.T) {
	dir := dataDir(t, "mot", "MOT15-train", "PETS09-S2L1")
	var s sequence
	for _, s = range readSequences(t, filepath.Dir(dir), "det.txt", 0) {
		if s.name == filepath.Base(dir) {
			break
		}
	}
	rows, err := mot.ReadFile(filepath.Join(dir, "gt", "gt.txt"))
	if err != nil {
		t.Fatal(err)
	}
	truth := make([][]mot.Row, len(s.frames))
	for _, r := range rows {
		truth[r.Frame-1] = append(truth[r.Frame-1], r)
	}
	const rate = 7
	var all, clear struct{ kept, met int }
	for gap := 6 * rate; gap+2*rate < len(s.frames); gap += 4 {
		tracker := newTracker(t, "tempo")
		before, after := map[int]int{}, map[int]int{}
		for k := gap - 6*rate; k < gap+2*rate; k++ {
			if k >= gap && k < gap+rate {
				continue
			}
			names := namesOf(tracker.Update(s.frames[k]), truth[k])
			if k < gap {
				maps.Copy(before, names)
			} else {
				maps.Copy(after, names)
			}
		}
		for _, person := range truth[gap-1] {
			was, is := before[person.ID], after[person.ID]
			if was == 0 || is == 0 {
				continue
			}
			counts := []*struct{ kept, met int }{&all}
			if standsClear(truth[gap-1], person.ID) && standsClear(truth[gap+rate], person.ID) {
				counts = append(counts, &clear)
			}
			for _, c := range counts {
				c.met++
				if was == is {
					c.kept++
				}
			}
		}
	}
	t.Logf("%d of %d people keep their ids, %d of %d who stand clear", all.kept, all.met, clear.kept, clear.met)
	if all.kept*100 < all.met*75 || clear.kept*100 < clear.met*94 {
		t.Error("want 75 % of all, 94 % of those who stand clear")
	}
}

// namesOf gives people the ids of the tracks that stand on them.
func namesOf(tracks []track.Track, people []mot.Row) map[int]int {
	ids := map[int]int{}
	for _, person := range people {
		best := 0.5
		for i := range tracks {
			if overlap := tracks[i].Box.IoU(person.Box()); overlap > best {
				best, ids[person.ID] = overlap, tracks[i].ID
			}
		}
	}
	return ids
}

// standsClear says that a person is there with nobody within their own width.
func standsClear(people []mot.Row, id int) bool {
	for _, person := range people {
		if person.ID != id {
			continue
		}
		room := person.Box()
		room.X1, room.X2 = room.X1-person.Width, room.X2+person.Width
		for _, other := range people {
			if other.ID != id && room.IoU(other.Box()) > 0 {
				return false
			}
		}
		return true
	}
	return false
}

// Tracks outlive a short stall of the stream, and not a long one, even of an
// object that stands in the same place again.
func TestTempoForgetsOverStalls(t *testing.T) {
	for _, c := range []struct {
		stall time.Duration
		same  bool
	}{{time.Second, true}, {5 * time.Second, true}, {7 * time.Second, false}, {time.Minute, false}} {
		tracker := newTracker(t, "tempo")
		at := func(now time.Duration) int {
			out := tracker.Update(track.Input{Time: now, Detections: []detect.Detection{
				{Box: detect.Box{X1: 100, Y1: 100, X2: 140, Y2: 200}, Score: 0.95},
			}})
			if len(out) != 1 {
				t.Fatalf("%d tracks at %v", len(out), now)
			}
			return out[0].ID
		}
		var id int
		now := time.Duration(0)
		for ; now < time.Second; now += 100 * time.Millisecond {
			id = at(now)
		}
		if same := at(now-100*time.Millisecond+c.stall) == id; same != c.same {
			t.Errorf("after a stall of %v: same id %v, want %v", c.stall, same, c.same)
		}
	}
}
