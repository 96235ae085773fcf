package track

import (
	"time"

	"github.com/tracker-go/tracker/detect"
)

// Tracker turns the detections of successive frames into identities. It is
// called once for every frame in order, also for a frame without detections,
// and is not safe for concurrent use: its state lives in one goroutine.
//
// The returned slice, ordered by ID, is valid until the next call, as is what it
// points to; copy what must live longer.
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
	// Width and Height of the picture in pixels, 0 where nobody knows. Where they are not
	// those of the frame before, the tracks are brought to the new size.
	Width, Height int
	// Motion of the camera from the previous frame to this one, in pixels of this one.
	// nil where none is known, because nobody measured it or because none was found:
	// a tracker may look for it in the detections. Tempo does, which helps a camera at
	// rest, too, where frames are far apart: what all objects do is taken for its motion.
	Motion *Affine
	// Covariance asks for Track.Covariance, which costs a little.
	Covariance bool
	// Events, where not nil, is given the reasons for all that happens in this
	// frame: they are appended. Without it nothing is recorded and nothing paid.
	Events *[]Event
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
	// Class is an index into the detector's labels: the one most of the track's
	// detections speak for.
	Class int
	// Score is the confidence of the last detection behind the box, 0..1.
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

	// State says how far the box can be trusted.
	State State
	// Raw is the box as detected, where State is Observed; empty otherwise.
	Raw detect.Box
	// ClassConfidence is the share, 0..1, of the track's recent detections, by
	// score, that speak for Class.
	ClassConfidence float64
	// Covariance of Box, where Input.Covariance asks for it; nil otherwise.
	Covariance *Covariance
}

// State says where the box of a track comes from.
type State uint8

const (
	// Observed: a detection of this frame is behind the box.
	Observed State = iota
	// Coasted: the box is predicted; Track.SinceUpdate says for how long.
	Coasted
	// Interpolated: the box was filled in afterwards, between two detections. No
	// Tracker reports it: they never look ahead.
	Interpolated
)

// String is the state in one lower-case word.
func (s State) String() string {
	return [...]string{"observed", "coasted", "interpolated"}[min(s, Interpolated)]
}

// Covariance is the covariance of the centre x, centre y, width and height of a
// box, in square pixels.
type Covariance [4][4]float64
