//go:build gocv_specific_modules

package main

import (
	"fmt"
	"io"

	"github.com/tracker-go/tracker/config"
	"github.com/tracker-go/tracker/track/zone"
)

// zonesOf counts at the zones of settings, with the counts so far of those that were
// there before; nil where there are none.
func zonesOf(c config.Config, before *zone.Counter) *zone.Counter {
	zones := c.ZoneList()
	if len(zones) == 0 {
		return nil
	}
	life, _, _ := trackerOf(c) // was checked before
	return before.Follow(zones, life)
}

// writeCounts tells what was counted, a zone a line.
func writeCounts(w io.Writer, counts []zone.Count) {
	for i := range counts {
		switch n := &counts[i]; {
		case n.Zone.IsLine():
			fmt.Fprintf(w, "line %s: %d to the right, %d to the left\n", n.Zone.Name, n.Right, n.Left)
		default:
			fmt.Fprintf(w, "zone %s: %d tracks; %d entered, %d left, %d inside at the end\n", n.Zone.Name, n.Tracks, n.Entered, n.Left, n.Inside)
		}
	}
}
