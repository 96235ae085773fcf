package track

import (
	"time"

	"github.com/tracker-go/tracker/detect"
)

// Tracker turns the detections of successive frames into identities. It is
// called once for every frame in order, also for a frame without detections,
// and is not safe for concurrent use: its state lives in one goroutine.
//
// The returned slice, ordered by ID, is valid until the next call; copy what
// must live longer.
type Tracker interface {
	Update(Input) []Track
}

// Input is what a tracker sees of one frame.
type Input struct {
	// Time is the media time of the frame since the start of the stream. It must
	// not go backwards.
	Time time.Duration
	// Detections of this frame; the tracker does not keep or change them.
	Detections []detect.Detection
	// Motion of the camera from the previous frame to this one; nil where unknown
	// or still.
	Motion *Affine
}

// Affine maps a point of the previous frame to this one, in pixels:
// x' = A11·x + A12·y + TX, y' = A21·x + A22·y + TY.
type Affine struct{ A11, A12, TX, A21, A22, TY float64 }

// Track is one identity as seen in the frame just given to Update.
type Track struct {
	// ID is a positive integer, unique within one Tracker and never used again.
	ID int
	// Box is the tracker's estimate in this frame, source-frame pixels.
	Box detect.Box
	// Class is an index into the detector's labels.
	Class int
	// Score is the confidence of the detection behind the box, 0..1.
	Score float64
	// Detection is the index in Input.Detections that updated the track in this
	// frame, or −1 where the box is only predicted.
	Detection int
	// Hits counts the frames in which a detection updated the track.
	Hits int
	// Age is the media time since the track's first detection.
	Age time.Duration
	// SinceUpdate is the media time since its last detection, 0 when seen now.
	SinceUpdate time.Duration
}
