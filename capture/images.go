//go:build gocv_specific_modules

package capture

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gocv.io/x/gocv"
)

// images decodes a list of image files, one frame each.
type images struct {
	facts Info
	paths []string
	first gocv.Mat // decoded by openImages, until the first frame takes it
	next  int
}

// openImages lists the images and decodes the first, which gives the size and
// finds a wrong input at once.
func openImages(spec Spec) (*images, error) {
	paths, err := listImages(spec.Path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", spec.Path, err)
	}
	first, err := readImage(paths[0])
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", paths[0], err)
	}
	fps := cmp.Or(spec.FPS, defaultFPS)
	return &images{
		facts: Info{
			Name: spec.Path, Width: first.Cols(), Height: first.Rows(),
			FPS: fps, Frames: len(paths), Backend: "images",
		},
		paths: paths,
		first: first,
	}, nil
}

// listImages is the images that path names, in natural order: img2 before img10.
func listImages(path string) ([]string, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return imagesIn(path)
	case err == nil:
		return []string{path}, nil
	case !strings.ContainsAny(path, "*?["):
		return nil, explainPath(path, err)
	}
	paths, err := filepath.Glob(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("not a valid pattern; use *, ? and [a-z]")
	case len(paths) == 0:
		return nil, fmt.Errorf("nothing matches; put the pattern in quotes and check it with ls")
	}
	for _, p := range paths {
		if !isImage(p) {
			return nil, fmt.Errorf("matches %s, which is not an image (%s); for several videos use 'tracker batch', or --input for each", p, strings.Join(imageTypes, ", "))
		}
	}
	slices.SortFunc(paths, compareNatural)
	return paths, nil
}

// imagesIn is the images directly in a folder, hidden files left out.
func imagesIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, explainOpen(err)
	}
	var paths []string
	for _, e := range entries {
		if isImage(e.Name()) && !e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no images in this folder (%s); give a folder of images or a video file; for a folder of videos use 'tracker batch'", strings.Join(imageTypes, ", "))
	}
	slices.SortFunc(paths, compareNatural)
	return paths, nil
}

func (d *images) info() Info { return d.facts }

func (d *images) decode(f *Frame) error {
	if d.next >= len(d.paths) {
		return io.EOF
	}
	mat := d.first
	d.first = gocv.Mat{}
	if d.next > 0 {
		var err error
		if mat, err = readImage(d.paths[d.next]); err != nil {
			return fmt.Errorf("read frame %d, %s: %w", d.next, d.paths[d.next], err)
		}
	}
	f.Mat.Close()
	f.Mat = mat
	f.Index = d.next
	f.Time = time.Duration(math.Round(float64(d.next) / d.facts.FPS * float64(time.Second)))
	f.Captured = time.Now()
	d.next++
	return nil
}

func (d *images) skip() error {
	if d.next >= len(d.paths) {
		return io.EOF
	}
	d.next++
	return nil
}

func (d *images) close() error {
	if d.first.Ptr() != nil {
		return d.first.Close()
	}
	return nil
}

// readImage decodes a file to 8-bit BGR. The picture is always a new one: a
// failing OpenCV decoder leaves a reused one as it was, the picture before.
func readImage(path string) (gocv.Mat, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return gocv.Mat{}, explainOpen(err)
	}
	switch {
	case len(data) == 0:
		return gocv.Mat{}, fmt.Errorf("the file is empty; remove or replace it")
	case cutJPEG(data):
		return gocv.Mat{}, fmt.Errorf("it is cut off; remove or replace it")
	}
	mat, err := gocv.IMDecode(data, gocv.IMReadColor)
	if err == nil && !mat.Empty() {
		return mat, nil
	}
	if mat.Ptr() != nil {
		mat.Close()
	}
	return gocv.Mat{}, fmt.Errorf("not an image that OpenCV can decode; remove or replace it")
}
