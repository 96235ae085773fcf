//go:build gocv_specific_modules

package sink

import (
	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
	"github.com/tracker-go/tracker/track/zone"
)

// Result is what the pipeline knows of one frame. A sink keeps nothing of it.
type Result struct {
	Frame *capture.Frame
	// Width and Height of the picture in pixels; 0 where nobody knows.
	Width, Height int
	Detections    []detect.Detection // that the tracker was given, best first
	Tracks        []track.Track
	// Weak are the detections below those, for whoever keeps them for another tracker.
	Weak []detect.Detection
	// Motion of the camera from the frame before; nil where it stood still or nobody
	// looked.
	Motion *track.Affine
	// Zones is what was counted up to this frame; empty where nobody counts.
	Zones  []zone.Count
	Labels []string // names of the classes, by index
	Device string   // what the network ran on; empty where nothing but the CPU was asked for
}
