package record

// Version is the version of the format that this package writes, and the highest
// that it reads.
const Version = 2

// Header says where the frames of a record are from.
type Header struct {
	Version int    `json:"version"`
	Program string `json:"program"` // that wrote the record, with its version

	Source string  `json:"source"` // as shown to a user
	Width  int     `json:"width"`  // pixels, 0 unknown
	Height int     `json:"height"`
	FPS    float64 `json:"fps"`    // nominal, before any stride; 0 unknown
	Stride int     `json:"stride"` // every so many frames of the source were analysed
	Live   bool    `json:"live"`   // the frames have a wall clock

	Model  Model    `json:"model"`
	Labels []string `json:"labels"` // names of the classes, by index
	// Conf is the score from where on the run was sure of a detection, Least the
	// lowest that is recorded, both 0..1.
	Conf  float64 `json:"conf"`
	Least float64 `json:"least"`
	// NMSIoU is the overlap above which two boxes of a class were one object, Classes
	// what was kept; all where there are none.
	NMSIoU  float64  `json:"nms_iou"`
	Classes []string `json:"classes,omitempty"`
	// CameraMotion says how the motion of the camera was measured: auto, on or off.
	CameraMotion string `json:"camera_motion"`
	// Tracker is whose tracks were left out when it was measured.
	Tracker string `json:"tracker"`
}

// Model is the detector that was run.
type Model struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"` // hex digest of its file
	Size   string `json:"size"`   // of its input, WIDTHxHEIGHT pixels
}
