//go:build gocv_specific_modules

package sink

import (
	"github.com/tracker-go/tracker/capture"
	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
)

// Result is what the pipeline knows of one frame. A sink keeps nothing of it.
type Result struct {
	Frame      *capture.Frame
	Detections []detect.Detection
	Tracks     []track.Track
	Labels     []string // names of the classes, by index
}
