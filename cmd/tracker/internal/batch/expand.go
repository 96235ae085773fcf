package batch

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Input is one thing to track: a video, a folder of pictures, or one picture.
type Input struct {
	// Path is where it is.
	Path string
	// Below is its path below the folder that was asked for, with slashes; the base
	// name where it was asked for itself.
	Below string
	// Bytes is its size as far as known, to tell how much of the batch is left.
	Bytes int64
}

// videoTypes are the extensions that count as videos in a folder. A file that is
// named itself may have any.
var videoTypes = []string{
	".3gp", ".asf", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf",
	".ogv", ".ts", ".vob", ".webm", ".wmv",
}

// pictureTypes are capture's, which this package cannot import and stay free of OpenCV; a
// test of the program holds the two together.
var pictureTypes = []string{
	".bmp", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp",
}

func has(types []string, name string) bool {
	return slices.Contains(types, strings.ToLower(filepath.Ext(name)))
}

// Expand lists the inputs that args stand for: a file; a folder, which stands for
// each video in it and below, and for each folder there that has pictures; a pattern
// (*, ?, []); @FILE, a list of such in a file; - for a list on standard input. Lists
// have one a line; empty lines and those that begin with # say nothing. The folder
// except, where the results go, is passed over. An input comes once, where it came
// first. A file that is not there is an input, too: opening it says so.
func Expand(args []string, stdin io.Reader, except string) ([]Input, error) {
	e := expansion{seen: make(map[string]bool)}
	e.except, _ = os.Stat(except) // one that is not there is in no folder
	for _, arg := range args {
		if err := e.add(arg, stdin); err != nil {
			return nil, err
		}
	}
	if len(e.inputs) == 0 {
		return nil, errors.New("there is no video and no folder of pictures among the inputs")
	}
	return e.inputs, nil
}

type expansion struct {
	inputs []Input
	seen   map[string]bool // by absolute path
	except os.FileInfo
}

func (e *expansion) add(arg string, stdin io.Reader) error {
	_, err := os.Stat(arg)
	switch list, isList := ListFile(arg); {
	case arg == "-":
		return e.addList("standard input", stdin)
	case isList:
		f, err := os.Open(list)
		if err != nil {
			return fmt.Errorf("list of inputs: %w", err)
		}
		defer f.Close()
		return e.addList(list, f)
	case err != nil && strings.ContainsAny(arg, "*?["):
		return e.addPattern(arg)
	case err != nil && strings.HasPrefix(arg, "s3://"):
		return fmt.Errorf("%s: inputs are read from folders; copy it to one, or mount the bucket", arg)
	case err != nil && strings.Contains(arg, "://"):
		return fmt.Errorf("%s is a stream, which has no end; a batch takes files and folders", arg)
	}
	return e.addPath(arg)
}

// ListFile is the file of an argument @FILE, which stands for a list of inputs.
func ListFile(arg string) (file string, is bool) {
	if _, err := os.Stat(arg); err == nil {
		return "", false // an input with such a name
	}
	return strings.CutPrefix(arg, "@")
}

func (e *expansion) addList(name string, r io.Reader) error {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		if line == "-" || line[0] == '@' {
			return fmt.Errorf("list of inputs %s: a list cannot name another (%s)", name, line)
		}
		if err := e.add(line, nil); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("list of inputs %s: %w", name, err)
	}
	return nil
}

func (e *expansion) addPattern(pattern string) error {
	matches, err := filepath.Glob(pattern)
	if err != nil {
		return fmt.Errorf("pattern %s: use *, ? and [a-z]: %w", pattern, err)
	}
	if len(matches) == 0 {
		return fmt.Errorf("pattern %s: nothing matches", pattern)
	}
	for _, path := range matches {
		if err := e.addPath(path); err != nil {
			return err
		}
	}
	return nil
}

func (e *expansion) addPath(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return e.addFolder(path)
	} else if err == nil {
		e.take(path, filepath.Base(path), info.Size())
		return nil
	}
	e.take(path, filepath.Base(path), 0)
	return nil
}

// addFolder lists a folder and all below, in the order of their names.
func (e *expansion) addFolder(root string) error {
	root += string(filepath.Separator) // so that a link to a folder is walked, too
	pictures := make(map[string]int64) // bytes of a folder's pictures
	var found []Input
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && d != nil && d.IsDir(): // reading it will say why
			found = append(found, Input{path, below(root, path), 0})
			return filepath.SkipDir
		case err != nil:
			return nil // gone since its folder was listed
		case path != root && strings.HasPrefix(d.Name(), "."), e.passesOver(d):
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case d.IsDir() || !has(videoTypes, path) && !has(pictureTypes, path):
			return nil
		}
		info, err := os.Stat(path) // of what a link points to
		if err != nil || info.IsDir() {
			return nil
		}
		if has(pictureTypes, path) {
			pictures[filepath.Dir(path)] += info.Size()
			return nil
		}
		found = append(found, Input{path, below(root, path), info.Size()})
		return nil
	})
	if err != nil {
		return fmt.Errorf("list folder %s: %w", root, err)
	}
	for dir, bytes := range pictures {
		found = append(found, Input{dir, below(root, dir), bytes})
	}
	slices.SortFunc(found, func(a, b Input) int { return cmp.Compare(a.Path, b.Path) })
	for _, in := range found {
		e.take(in.Path, in.Below, in.Bytes)
	}
	return nil
}

// VideosIn counts the videos directly in a folder, hidden files left out: 0 where there is none.
func VideosIn(folder string) int {
	names, _ := filesOf(folder, videoTypes) // what cannot be listed has none to tell of
	return len(names)
}

// passesOver says whether a folder is the one where results go, by whatever path.
func (e *expansion) passesOver(d fs.DirEntry) bool {
	if !d.IsDir() {
		return false
	}
	info, err := d.Info()
	return err == nil && os.SameFile(info, e.except)
}

func below(root, path string) string {
	if rel, err := filepath.Rel(root, path); err == nil && rel != "." {
		return filepath.ToSlash(rel)
	}
	return filepath.Base(Absolute(path))
}

func (e *expansion) take(path, below string, bytes int64) {
	if whole := Absolute(path); !e.seen[whole] {
		e.seen[whole] = true
		e.inputs = append(e.inputs, Input{path, below, bytes})
	}
}

// Absolute is a path from the root, or as it was where nobody knows the current folder.
func Absolute(path string) string {
	if whole, err := filepath.Abs(path); err == nil {
		return whole
	}
	return path
}
