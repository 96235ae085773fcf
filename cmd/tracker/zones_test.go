//go:build gocv_specific_modules

package main

import (
	"strings"
	"testing"

	"github.com/tracker-go/tracker/track/zone"
)

// The summary has a line for each zone, and one for each class where there are several.
func TestWriteCounts(t *testing.T) {
	door := zone.Zone{Name: "door", Points: make([]zone.Point, 2)}
	yard := zone.Zone{Name: "yard", Points: make([]zone.Point, 3)}
	counts := []zone.Count{
		{Zone: door, Right: 5, Left: 1, Classes: []zone.ClassCount{{Class: 0, Right: 5}, {Class: 1, Left: 1}}},
		{Zone: yard, Inside: 1, Entered: 2, Tracks: 3, Classes: []zone.ClassCount{{Class: 1, Entered: 2, Tracks: 1}, {Class: 9, Tracks: 2}}},
		{Zone: yard, Tracks: 1, Classes: []zone.ClassCount{{Class: 1, Tracks: 1}}},
	}
	var b strings.Builder
	writeCounts(&b, counts, []string{"car", "motorcycle"})
	const want = `line door: 5 to the right, 1 to the left
  car          5 to the right, 0 to the left
  motorcycle   0 to the right, 1 to the left
zone yard: 3 tracks; 2 entered, 0 left, 1 inside at the end
  motorcycle   1 tracks; 2 entered, 0 left
  class 9      2 tracks; 0 entered, 0 left
zone yard: 1 tracks; 0 entered, 0 left, 0 inside at the end
`
	if b.String() != want {
		t.Errorf("got\n%s, want\n%s", b.String(), want)
	}
}
