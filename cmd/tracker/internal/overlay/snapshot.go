//go:build gocv_specific_modules

package overlay

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"maps"
	"slices"
	"time"
)

// memory is what an Overlay remembers from frame to frame.
type memory struct {
	Now    time.Duration
	Trails []path
}

// path is a trail from its oldest point to its newest.
type path struct {
	ID     int
	Points []step
}

type step struct {
	X, Y float64
	Time time.Duration
}

// Snapshot is all that the next Draw depends on besides its arguments, so that
// another Overlay of the same Options can go on in this one's place.
func (o *Overlay) Snapshot() ([]byte, error) {
	m := memory{Now: o.trails.now}
	for _, id := range slices.Sorted(maps.Keys(o.trails.byID)) {
		tr := o.trails.byID[id]
		p := path{ID: id}
		for i := tr.n - 1; i >= 0; i-- {
			f := tr.at(i)
			p.Points = append(p.Points, step{f.x, f.y, f.time})
		}
		m.Trails = append(m.Trails, p)
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(&m); err != nil {
		return nil, fmt.Errorf("snapshot of the overlay: %w", err)
	}
	return b.Bytes(), nil
}

// Restore takes a Snapshot. An error says why it is none, and forgets all trails.
func (o *Overlay) Restore(snapshot []byte) error {
	var m memory
	o.trails = trails{span: o.trails.span, byID: make(map[int]*trail)}
	if err := gob.NewDecoder(bytes.NewReader(snapshot)).Decode(&m); err != nil {
		return fmt.Errorf("restore the overlay: %w", err)
	}
	for _, p := range m.Trails {
		if len(p.Points) < 1 || len(p.Points) > trailLen {
			o.trails.byID = make(map[int]*trail)
			return fmt.Errorf("restore the overlay: damaged: a trail of %d points", len(p.Points))
		}
		tr := &trail{n: len(p.Points), last: len(p.Points) - 1}
		for i, s := range p.Points {
			tr.points[i] = footprint{point{s.X, s.Y}, s.Time}
		}
		o.trails.byID[p.ID] = tr
	}
	o.trails.now = m.Now
	return nil
}
