//go:build gocv_specific_modules

package main

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tracker-go/tracker/track/zone"
)

// sceneHeight is that of the real street scene, in pixels.
const sceneHeight = 576

// Real people are counted, from the frame on at which a zone is set; what was counted at
// another goes on. A line across the picture has what the boxes themselves say.
func TestZonesOfChangedSettings(t *testing.T) {
	video, _ := pedestrians(t)
	video, err := filepath.Abs(video)
	if err != nil {
		t.Fatal(err)
	}
	settings := "input: " + video + "\njsonl: out.jsonl\nclasses: person\nzones: [low=0 0.5 1 0.5 1 1 0 1"
	r := startReloadRun(t, settings+"]\n")
	r.until("200 frames", func() bool { return len(r.lines()) >= 200 })
	r.write(settings + ", across=0 0.5 1 0.5]\n")
	r.await(1, "new settings in effect")
	r.finish()
	lines := r.lines()
	if code := r.cmd.ProcessState.ExitCode(); code != exitOK || len(lines) != 795 {
		t.Fatalf("exit code %d, %d frames:\n%s", code, len(lines), r.log())
	}
	at := r.starts()[0]
	side, right, left := map[int]int{}, 0, 0
	for i, l := range lines {
		across, set := l.Zones["across"]
		if set != (i >= at) {
			t.Fatalf("the line counts at frame %d, set before frame %d", i, at)
		}
		if low := l.Zones["low"]; i > 0 && low.Tracks < lines[i-1].Zones["low"].Tracks {
			t.Fatalf("frame %d: the area has %+v after %+v", i, low, lines[i-1].Zones["low"])
		}
		for _, tr := range l.Tracks {
			off := tr.Box[3] - sceneHeight/2
			if i < at || math.Abs(off) <= zone.Margin*(tr.Box[3]-tr.Box[1]) {
				continue
			}
			now := 1
			if off < 0 {
				now = -1
			}
			switch side[tr.ID] - now {
			case -2:
				right++
			case 2:
				left++
			}
			side[tr.ID] = now
		}
		if across.Right != right || across.Left != left {
			t.Fatalf("frame %d: %d crossed to the right and %d to the left, the line has %+v", i, right, left, across)
		}
	}
	last := lines[len(lines)-1].Zones["low"]
	t.Logf("set before frame %d: %d to the right, %d to the left; the area: %+v", at, right, left, last)
	if right+left < 5 || last.Tracks < 5 {
		t.Error("too little was counted to say anything")
	}
	for _, text := range []string{
		fmt.Sprintf("line across: %d to the right, %d to the left\n", right, left),
		fmt.Sprintf("zone low: %d tracks; %d entered, %d left, %d inside at the end\n", last.Tracks, last.Entered, last.Left, last.Inside),
	} {
		if !strings.Contains(r.log(), text) {
			t.Errorf("the summary lacks %q:\n%s", text, r.log())
		}
	}
}
