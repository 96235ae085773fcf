//go:build gocv_specific_modules

package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/tracker-go/tracker/cmd/tracker/internal/record"
	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
	"github.com/tracker-go/tracker/track/mot"
)

// defaultFPS is assumed where neither a flag nor a seqinfo.ini gives a rate.
const defaultFPS = 30

// material is where detections come from: records and MOTChallenge text.
type material struct {
	paths           []string // files, folders of sequences, "-"
	detName, motion string
	fps             float64 // 0 where the sequence says it
	quiet           bool

	in    io.Reader
	notes io.Writer
}

// bindMaterial makes the flags that say how detections as text are read.
func bindMaterial(f *pflag.FlagSet, m *material) {
	f.StringVar(&m.detName, "det-name", "det.txt", "file `NAME` in the det/ of each sequence of a folder")
	bindSequence(f, &m.motion, &m.fps)
}

// bindSequence makes the flags for what detections as text do not say of their sequence.
func bindSequence(f *pflag.FlagSet, motion *string, fps *float64) {
	f.StringVar(motion, "motion", "", "camera motion from `FILE`, rows \"frame,a11,a12,tx,a21,a22,ty\"")
	f.Float64Var(fps, "fps", 0, "`N` frames a second; from seqinfo.ini if not given, else 30")
}

// choose takes the paths from the arguments or from --detections.
func (m *material) choose(args []string, detections string) error {
	switch {
	case len(args) == 0 && detections == "":
		return usageErrorf("no detections to track: give a record, or --detections PATH")
	case len(args) > 0 && detections != "":
		return usageErrorf("%s and --detections %s: give one or the other", args[0], detections)
	case len(args) > 0:
		m.paths = args
	default:
		m.paths = []string{detections}
	}
	return nil
}

// check looks at the flags alone.
func (m *material) check(flags *pflag.FlagSet) error {
	if flags.Changed("fps") && !(m.fps > 0 && m.fps <= 1e6) {
		return usageErrorf("--fps %g: want a number above 0, such as 25", m.fps)
	}
	return nil
}

// note tells the user something, unless they do not want to hear it.
func (m *material) note(format string, args ...any) {
	if !m.quiet {
		fmt.Fprintf(m.notes, "tracker: "+format+"\n", args...)
	}
}

// sequence is the detections of one video.
type sequence struct {
	name, path string
	isRecord   bool
	motion     string // camera motion for detections as text; none where empty
	ofFolder   bool
}

// sequences lists what the paths hold, those of a folder in the order of the names,
// which must all differ. several says that there can be more than one.
func (m *material) sequences() (list []sequence, several bool, err error) {
	several = len(m.paths) > 1
	named := make(map[string]string)
	for _, path := range m.paths {
		found := []sequence{{name: nameOfDetections(path), path: path, motion: m.motion}}
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			if found, err = m.folder(path); err != nil {
				return nil, false, err
			}
			several = true
		}
		for _, s := range found {
			if other, taken := named[s.name]; taken {
				return nil, false, usageErrorf("%s and %s are both called %s; rename one", other, s.path, s.name)
			}
			named[s.name] = s.path
			if s.isRecord = record.Is(s.path); s.isRecord && (m.motion != "" || m.fps > 0) {
				return nil, false, usageErrorf("%s is a record, which has its own times and camera motion; leave out --fps and --motion", s.path)
			}
			list = append(list, s)
		}
	}
	return list, several, nil
}

// folder lists the sequences of a folder.
func (m *material) folder(path string) ([]sequence, error) {
	files, err := filepath.Glob(filepath.Join(escapeGlob(path), "*", "det", escapeGlob(m.detName)))
	if err != nil {
		return nil, fmt.Errorf("read detections in %s: %w", path, err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("read detections in %s: there is no <sequence>/det/%s; --det-name names another file", path, m.detName)
	}
	slices.Sort(files)
	list := make([]sequence, len(files))
	for i, file := range files {
		list[i] = sequence{name: nameOfDetections(file), path: file, ofFolder: true}
		if m.motion != "" {
			list[i].motion = filepath.Join(filepath.Dir(filepath.Dir(file)), m.motion)
		}
	}
	return list, nil
}

// nameOfDetections is the sequence's name for <name>/det/<file>, the file's without
// its extension for others.
func nameOfDetections(path string) string {
	if abs, err := filepath.Abs(path); err == nil && path != "-" {
		path = abs
	}
	if dir := filepath.Dir(path); filepath.Base(dir) == "det" {
		return filepath.Base(filepath.Dir(dir))
	}
	return strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
}

// footage is the frames of a sequence in order, each valid until the next; io.EOF
// after the last.
type footage interface {
	Next() (*record.Frame, error)
}

// clip is an open sequence.
type clip struct {
	footage
	header *record.Header // nil for detections as text
	close  func() error
}

func (m *material) open(s sequence) (*clip, error) {
	if s.isRecord {
		r, err := record.Open(s.path)
		if err != nil {
			return nil, err
		}
		return &clip{r, &r.Header, r.Close}, nil
	}
	text, err := m.readText(s)
	if err != nil {
		return nil, err
	}
	return &clip{text, nil, func() error { return nil }}, nil
}

// rowFootage is detections as text.
type rowFootage struct {
	rows   []mot.Row // sorted by frame
	motion mot.Motion
	frames int
	fps    float64

	frame  record.Frame
	affine track.Affine
	given  int
}

func (m *material) readText(s sequence) (*rowFootage, error) {
	rows, err := readRows(s.path, m.in)
	switch {
	case err != nil && s.path != "-" && isBinary(s.path):
		return nil, fmt.Errorf("%s is no record and no detections; for a video use tracker --input %[1]s", s.path)
	case err != nil:
		return nil, fmt.Errorf("read detections: %w", err)
	}
	if len(rows) == 0 {
		if !s.ofFolder {
			return nil, fmt.Errorf("read detections: %s has no rows; nothing to track", s.path)
		}
		m.note("%s has no detections", s.path)
	}
	f := &rowFootage{rows: rows}
	if s.motion != "" {
		if f.motion, err = mot.ReadMotionFile(s.motion); err != nil {
			return nil, fmt.Errorf("read camera motion: %w", err)
		}
	}
	slices.SortStableFunc(rows, func(x, y mot.Row) int { return cmp.Compare(x.Frame, y.Frame) })
	if len(rows) > 0 {
		f.frames = rows[len(rows)-1].Frame
	}
	return f, m.timeline(s, f)
}

// isBinary says whether a file begins as no text does.
func isBinary(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	start := make([]byte, 512)
	n, _ := io.ReadFull(f, start)
	return bytes.IndexByte(start[:n], 0) >= 0
}

// timeline settles how many frames there are and how many of them a second.
func (m *material) timeline(s sequence, f *rowFootage) (err error) {
	var info mot.SeqInfo
	if s.path != "-" {
		if info, _, err = findSeqInfo(s.path); err != nil {
			return err
		}
	}
	switch {
	case m.fps > 0:
		f.fps = m.fps
	case info.FrameRate > 0:
		f.fps = info.FrameRate
	default:
		f.fps = defaultFPS
		m.note("no --fps and no seqinfo.ini near %s: taking %d frames a second", s.path, defaultFPS)
	}
	f.frames = max(f.frames, info.Length)
	return nil
}

// Next is the next frame, also where it has no rows.
func (r *rowFootage) Next() (*record.Frame, error) {
	if r.given == r.frames {
		return nil, io.EOF
	}
	r.given++
	f := &r.frame
	f.Index, f.Time, f.Motion, f.Detections = r.given-1, mediaTime(r.given, r.fps), nil, f.Detections[:0]
	if motion, moved := r.motion[r.given]; moved {
		r.affine = motion
		f.Motion = &r.affine
	}
	for ; len(r.rows) > 0 && r.rows[0].Frame == r.given; r.rows = r.rows[1:] {
		f.Detections = append(f.Detections, detect.Detection{Box: r.rows[0].Box(), Score: r.rows[0].Conf})
	}
	return f, nil
}

// mediaTime is when a frame, counted from 1, is shown.
func mediaTime(frame int, fps float64) time.Duration {
	return time.Duration(math.Round(float64(frame-1) / fps * float64(time.Second)))
}

// thinned is footage of which every Nth frame is kept; what the camera moved in
// between goes to the next one that is. Skipped frames without motion add none: the
// camera rested in most of them. Over a change of the picture's size there is no
// motion: the pixels of one size are not those of the other.
type thinned struct {
	footage
	stride int

	started       bool
	motion        track.Affine
	width, height int // of the last frame whose size is known
}

func (t *thinned) Next() (*record.Frame, error) {
	moved, resized := false, false
	for n := 1; ; n++ {
		f, err := t.footage.Next()
		if err != nil {
			return nil, err
		}
		resized = t.resize(f) || resized
		if !t.started { // nothing is before the first
			t.started, f.Motion = true, nil
			return f, nil
		}
		switch {
		case f.Motion == nil:
		case moved:
			t.motion = f.Motion.After(t.motion)
		default:
			moved, t.motion = true, *f.Motion
		}
		if n < t.stride {
			continue
		}
		if f.Motion = nil; moved && !resized {
			f.Motion = &t.motion
		}
		return f, nil
	}
}

// resize notes the size of a frame, where it has one, and says whether it is another
// than before.
func (t *thinned) resize(f *record.Frame) bool {
	if f.Width == 0 || f.Height == 0 || f.Width == t.width && f.Height == t.height {
		return false
	}
	known := t.width > 0
	t.width, t.height = f.Width, f.Height
	return known
}

// strong appends the detections of at least that score to dst.
func strong(dst, detections []detect.Detection, least float64) []detect.Detection {
	for i := range detections {
		if detect.Reaches(detections[i].Score, least) {
			dst = append(dst, detections[i])
		}
	}
	return dst
}

// cutShort is the error of a record that ends early, nil for others and none: what
// was made of it is good up to there.
func cutShort(err error) error {
	var cut *record.CutError
	if errors.As(err, &cut) {
		return partialError(cut)
	}
	return nil
}
