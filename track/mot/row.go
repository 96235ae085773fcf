package mot

import "github.com/tracker-go/tracker/detect"

// Row is one line of a MOTChallenge file: one box in one frame.
type Row struct {
	// Frame counts from 1.
	Frame int
	// ID is the identity; −1 in detection files.
	ID int
	// Left, Top, Width and Height are the box in pixels. Width and Height of a
	// result may be zero or negative in a broken file: such a box overlaps nothing.
	Left, Top, Width, Height float64
	// Conf is the confidence of a detection or result (any scale; 1 where the
	// file has no such column). In ground truth its integer part is a flag: 0
	// marks a box that is not to be scored.
	Conf float64
	// Class is 1 for a pedestrian (see the MOT16 report for the others) and −1
	// where the file does not say. The truth of MOT15 has a world coordinate in
	// this column; its integer part is what ends up here and is of no use.
	Class int
	// Visibility is the visible share of the box, 0..1, or −1 where unknown.
	Visibility float64
}

// Box is the row's box with its far edges, in pixels.
func (r Row) Box() detect.Box {
	return detect.FromLTWH(r.Left, r.Top, r.Width, r.Height)
}

// FromBox makes the row of a result: an identity's box and score in a frame,
// its class and visibility unknown.
func FromBox(frame, id int, b detect.Box, conf float64) Row {
	return Row{
		Frame: frame, ID: id,
		Left: b.X1, Top: b.Y1, Width: b.Width(), Height: b.Height(),
		Conf: conf, Class: -1, Visibility: -1,
	}
}
