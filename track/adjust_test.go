package track

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tracker-go/tracker/detect"
)

// Other settings take effect with the next frame and lose no track.
func TestAdjust(t *testing.T) {
	det := func(score float64) []detect.Detection {
		return []detect.Detection{{Box: detect.Box{X1: 10, Y1: 10, X2: 50, Y2: 110}, Score: score}}
	}
	for _, name := range Names() {
		cfg := DefaultConfig(name).WithScore(name, 0.5)
		tracker, err := New(name, cfg)
		if err != nil {
			t.Fatal(err)
		}
		var now time.Duration
		update := func(dets []detect.Detection) []Track {
			now += 40 * time.Millisecond
			return slices.Clone(tracker.Update(Input{Time: now, Detections: dets}))
		}
		var id int
		for range 10 {
			if tracks := update(det(0.9)); len(tracks) == 1 {
				id = tracks[0].ID
			}
		}
		bad := cfg
		bad.IoU = 2
		if err := Adjust(tracker, bad); err == nil || !strings.Contains(err.Error(), "IoU is 2") {
			t.Errorf("%s: bad settings: %v", name, err)
		}
		cfg.MaxAge, cfg.MaxGap = 3, 0
		if err := Adjust(tracker, cfg); err != nil {
			t.Fatal(err)
		}
		if tracks := update(det(0.9)); len(tracks) != 1 || tracks[0].ID != id || id == 0 {
			t.Errorf("%s: track %d became %+v", name, id, tracks)
		}
		// The new bound holds: after more frames than that the object is another.
		for range 5 {
			update(nil)
		}
		for range 5 {
			if tracks := update(det(0.9)); len(tracks) == 1 && tracks[0].ID == id {
				t.Errorf("%s: the track outlives the new max age", name)
			}
		}
	}
}
