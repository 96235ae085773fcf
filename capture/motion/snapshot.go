package motion

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
)

// memory is what an Estimator knows besides what follows from it.
type memory struct {
	Auto          bool
	Width, Height int // of the pictures; 0 before the first
	Channels      int
	Picture       []byte // the last that was measured, small and grey; nil where none was
	Still         bool
	Looks         int
	Travel        [4]float64
	Anchors       [][2]int // corners, in Picture
}

// Snapshot is all that the next call depends on, so that another Estimator can go
// on in its place. It is about as large as the small picture: up to 230 KB.
func (e *Estimator) Snapshot() ([]byte, error) {
	r, t := &e.rest, &e.rest.travel
	m := memory{
		Auto: e.options.Auto, Width: e.size.Width, Height: e.size.Height, Channels: e.size.Channels,
		Still: r.still, Looks: r.looks, Travel: [4]float64{t.a, t.b, t.tx, t.ty},
	}
	if e.started {
		m.Picture = e.from[0].pix
	}
	if r.still {
		for i := range r.anchors {
			m.Anchors = append(m.Anchors, [2]int{r.anchors[i].x, r.anchors[i].y})
		}
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(&m); err != nil {
		return nil, fmt.Errorf("motion: snapshot: %w", err)
	}
	return b.Bytes(), nil
}

// Restore takes a Snapshot of an Estimator with the same Options. What it estimates
// after that equals, bit for bit, what that one does. An error says why the bytes
// are no such snapshot, and leaves an Estimator that has seen nothing.
func (e *Estimator) Restore(snapshot []byte) error {
	fresh := New(e.options)
	err := fresh.restore(snapshot)
	if err != nil {
		fresh, err = New(e.options), fmt.Errorf("motion: restore: %w", err)
	}
	*e = *fresh
	return err
}

func (e *Estimator) restore(snapshot []byte) error {
	var m memory
	if err := gob.NewDecoder(bytes.NewReader(snapshot)).Decode(&m); err != nil {
		return fmt.Errorf("no snapshot: %w", err)
	}
	if m.Auto != e.options.Auto {
		return errors.New("the snapshot was made with other options")
	}
	if m.Width == 0 && m.Height == 0 {
		return nil
	}
	if err := e.allot(Pixels{Width: m.Width, Height: m.Height, Channels: m.Channels}); err != nil {
		return err
	}
	if m.Picture != nil {
		if len(m.Picture) != len(e.from[0].pix) {
			return fmt.Errorf("damaged snapshot: a picture of %d pixels where %d belong", len(m.Picture), len(e.from[0].pix))
		}
		copy(e.from[0].pix, m.Picture)
		e.from.build()
		e.started = true
	}
	t := m.Travel
	e.rest.looks, e.rest.travel = m.Looks, similarity{t[0], t[1], t[2], t[3]}
	if m.Still {
		return e.watchAgain(m.Anchors)
	}
	return nil
}

// watchAgain takes up resting, with those anchors.
func (e *Estimator) watchAgain(anchors [][2]int) error {
	if len(anchors) < minAnchors || len(anchors) > maxAnchors || !e.started {
		return fmt.Errorf("damaged snapshot: at rest with %d anchors", len(anchors))
	}
	p, r := &e.from[0], &e.rest
	for _, at := range anchors {
		a := anchor{x: at[0], y: at[1]}
		if a.x <= half || a.y <= half || a.x >= p.width-half-1 || a.y >= p.height-half-1 || !a.window.load(p, a.x, a.y) {
			return fmt.Errorf("damaged snapshot: nothing to watch at %d,%d", a.x, a.y)
		}
		r.anchors = append(r.anchors, a)
	}
	r.still = true
	return nil
}
