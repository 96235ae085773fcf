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

// writeCounts tells what was counted, a zone a line, and a line for each class where there
// are several. Labels are the names of the classes.
func writeCounts(w io.Writer, counts []zone.Count, labels []string) {
	for _, n := range counts {
		if n.Zone.IsLine() {
			fmt.Fprintf(w, "line %s: %d to the right, %d to the left\n", n.Zone.Name, n.Right, n.Left)
		} else {
			fmt.Fprintf(w, "zone %s: %d tracks; %d entered, %d left, %d inside at the end\n", n.Zone.Name, n.Tracks, n.Entered, n.Left, n.Inside)
		}
		if len(n.Classes) < 2 {
			continue
		}
		for _, own := range n.Classes {
			name := zone.Label(own.Class, labels)
			if n.Zone.IsLine() {
				fmt.Fprintf(w, "  %-12s %d to the right, %d to the left\n", name, own.Right, own.Left)
			} else {
				fmt.Fprintf(w, "  %-12s %d tracks; %d entered, %d left\n", name, own.Tracks, own.Entered, own.Left)
			}
		}
	}
}
