package capture

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind is the sort of thing that frames come from.
type Kind int

const (
	File   Kind = iota // a video file
	Images             // a folder of images, a pattern, or one image
	Camera             // a camera of this machine
	URL                // a network stream
	Stdin              // a video on standard input
)

func (k Kind) String() string {
	return [...]string{"file", "images", "camera", "URL", "stdin"}[k]
}

// Spec says what to open and how. The zero value of every option is a sensible
// default.
type Spec struct {
	Kind Kind
	// Path is the file, folder, pattern, device or URL; empty for Stdin.
	Path string

	// Width, Height (pixels) and FourCC (four letters) are asked of a camera; it
	// may deliver something else, see Info. FourCC is MJPG by default: uncompressed
	// pictures fill a USB 2 bus at 2 or 3 large frames a second.
	Width, Height int
	FourCC        string
	// FPS is asked of a camera, and is the rate of an image folder, which has no
	// times of its own: 30 by default.
	FPS float64

	// Stride delivers every Stride-th frame; 0 and 1 deliver all. The frames
	// between are passed over without being converted to pictures.
	Stride int
	// MaxFrames ends the source after so many delivered frames; 0 is no limit.
	MaxFrames int

	// Threads bounds those that decode a video; 0 is one for each core.
	Threads int

	// OpenTimeout and ReadTimeout bound the wait for a URL to answer and for the
	// next frame of a URL or camera; 10 s by default. Lower finds a dead stream
	// sooner, and gives up sooner on a slow one; opening takes up to 25 frames.
	OpenTimeout, ReadTimeout time.Duration

	// The rest is for live sources.

	// Policy says what happens to frames that nobody has taken yet. Queue is the
	// number that All keeps, 32 by default: more bridges longer pauses of the
	// consumer, and delays more when it never catches up.
	Policy Policy
	Queue  int
	// Reconnect says what happens when the source is lost; by default it is tried
	// again for ever.
	Reconnect Reconnect
	// FrameThreads decodes several frames at a time, as files are decoded. That
	// serves a stream too large for one core, and delays it by a frame for each
	// further core.
	FrameThreads bool
	// Notify is told of what happens to the source, from a goroutine of the
	// source's own that waits for it; nil tells nobody. It must not close the
	// source.
	Notify func(Event)
}

const defaultQueue = 32

// CameraSpec is the camera with that index: /dev/videoN on Linux.
func CameraSpec(index int) Spec {
	return Spec{Kind: Camera, Path: strconv.Itoa(index)}
}

var (
	urlScheme    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]+://`)
	cameraDevice = regexp.MustCompile(`^/dev/(video[0-9]+|v4l/.+)$`)
)

// schemes are the URLs that FFmpeg is let loose on.
var schemes = []string{"rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "udp", "tcp", "rtp", "srt"}

// hosted are those of them that name a server; the others can wait for a sender.
var hosted = []string{"rtsp", "rtsps", "rtmp", "rtmps", "http", "https"}

// imageTypes are the extensions of the images that OpenCV reads.
var imageTypes = []string{
	".bmp", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp",
}

// ParseInput tells what a user means by an input: "-" is standard input, a
// number or /dev/video* a camera, scheme:// a stream, a folder, a pattern (*, ?,
// []) or an image file images, and all else a video file. Whether it exists is
// for Open to say; a file that exists wins over a pattern or number of that name.
func ParseInput(input string) (Spec, error) {
	info, err := os.Stat(input)
	exists := err == nil
	switch {
	case input == "":
		return Spec{}, fmt.Errorf("input: empty; give a file, a folder, a URL, a camera number or - for standard input")
	case input == "-":
		return Spec{Kind: Stdin}, nil
	case cameraDevice.MatchString(input):
		return Spec{Kind: Camera, Path: input}, nil
	case exists && (info.IsDir() || isImage(input)):
		return Spec{Kind: Images, Path: input}, nil
	case exists:
		return Spec{Kind: File, Path: input}, nil
	case urlScheme.MatchString(input):
		return parseURL(input)
	case isNumber(input):
		return Spec{Kind: Camera, Path: input}, nil
	case strings.ContainsAny(input, "*?["), isImage(input):
		return Spec{Kind: Images, Path: input}, nil
	}
	return Spec{Kind: File, Path: input}, nil
}

func parseURL(input string) (Spec, error) {
	u, err := url.Parse(input)
	if err != nil {
		scheme, _, _ := strings.Cut(input, "://")
		return Spec{}, fmt.Errorf("input %s://…: not a valid URL; write special characters of a password as %%XX", scheme)
	}
	scheme := strings.ToLower(u.Scheme)
	switch {
	case scheme == "file":
		return Spec{Kind: File, Path: u.Path}, nil
	case u.Host == "" && slices.Contains(hosted, scheme):
		return Spec{}, fmt.Errorf("input %s://…: no host; write %[1]s://HOST/PATH", scheme)
	case !slices.Contains(schemes, scheme):
		return Spec{}, fmt.Errorf("input %s: cannot read %s:// (only %s)", shown(u), u.Scheme, strings.Join(schemes, ", "))
	}
	return Spec{Kind: URL, Path: input}, nil
}

// pathPassword is how some cameras want it: /user=admin_password=PASSWORD_channel=1. Nothing
// tells where it ends.
var pathPassword = regexp.MustCompile(`(?i)(pass|passwd|password|pwd)=.*`)

// shown is a URL without what may be secret in it, the password and the query.
func shown(u *url.URL) string {
	own := *u
	if pathPassword.MatchString(own.Path) {
		own.Path, own.RawPath = pathPassword.ReplaceAllString(own.Path, "$1=xxxxx"), ""
	}
	if own.RawQuery != "" {
		own.RawQuery = "…"
	}
	return own.Redacted()
}

// Name is the input as it may be shown: without the password and the query of a URL.
func (s Spec) Name() string {
	switch s.Kind {
	case Stdin:
		return "standard input"
	case Camera:
		if isNumber(s.Path) {
			return "camera " + s.Path
		}
	case URL:
		u, err := url.Parse(s.Path)
		if err != nil {
			return "URL"
		}
		return shown(u)
	}
	return s.Path
}

// validate checks the options that a user can set.
func (s Spec) validate() error {
	for _, option := range []struct {
		name  string
		value float64
	}{
		{"width", float64(s.Width)}, {"height", float64(s.Height)}, {"fps", s.FPS},
		{"stride", float64(s.Stride)}, {"frame limit", float64(s.MaxFrames)}, {"threads", float64(s.Threads)},
		{"open timeout", s.OpenTimeout.Seconds()}, {"read timeout", s.ReadTimeout.Seconds()},
		{"queue", float64(s.Queue)}, {"attempt limit", float64(s.Reconnect.MaxAttempts)},
		{"first delay", s.Reconnect.FirstDelay.Seconds()}, {"longest delay", s.Reconnect.MaxDelay.Seconds()},
	} {
		if !(option.value >= 0) { // also refuses NaN
			return fmt.Errorf("open %s: %s %v is negative; use 0 for the default", s.Name(), option.name, option.value)
		}
	}
	if s.FPS > maxFPS {
		return fmt.Errorf("open %s: fps %v is above %d", s.Name(), s.FPS, maxFPS)
	}
	if s.Policy != Newest && s.Policy != All {
		return fmt.Errorf("open %s: live policy %d is not known", s.Name(), int(s.Policy))
	}
	if s.FourCC != "" && len(s.FourCC) != 4 {
		return fmt.Errorf("open %s: pixel format %q is not four letters; MJPG and YUYV are common", s.Name(), s.FourCC)
	}
	return nil
}

func isImage(name string) bool {
	return slices.Contains(imageTypes, strings.ToLower(filepath.Ext(name)))
}

func isNumber(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= 0
}
