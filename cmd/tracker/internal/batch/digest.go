package batch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tracker-go/tracker/cmd/tracker/internal/atomicfile"
)

// Source is what identifies an input.
type Source struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // of a file; of a folder, of its pictures' names and bytes

	changed time.Time // as extent says
}

// Digest reads an input, until ctx ends, to tell it from every other.
func Digest(ctx context.Context, path string) (Source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Source{}, err
	}
	s := Source{Path: path}
	if _, s.changed, err = extent(path); err != nil { // before it is read
		return Source{}, err
	}
	h := sha256.New()
	if info.IsDir() {
		s.Bytes, err = addFolder(ctx, h, path)
	} else {
		s.Bytes, err = addFile(ctx, h, path)
	}
	s.SHA256 = hex.EncodeToString(h.Sum(nil))
	return s, err
}

// Is says whether both are one input, wherever it lay: it has the same bytes, or lies in the
// same place, by whatever name.
func (s Source) Is(o Source) bool { return s.SHA256 == o.SHA256 || atomicfile.Same(s.Path, o.Path) }

// Unchanged is an error where the input is not what Digest has read.
func (s Source) Unchanged() error {
	bytes, changed, err := extent(s.Path)
	switch {
	case err != nil:
		return fmt.Errorf("it vanished while it was read: %w", err)
	case !changed.Equal(s.changed) || bytes != s.Bytes:
		return fmt.Errorf("%s changed while it was read; run the batch again when it is complete", s.Path)
	}
	return nil
}

// extent is how many bytes an input has, and when it was changed last. A folder does not say
// when one of its pictures was written over in its place.
func extent(path string) (bytes int64, changed time.Time, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, changed, err
	}
	if changed = info.ModTime(); !info.IsDir() {
		return info.Size(), changed, nil
	}
	names, err := pictures(path)
	for _, name := range names {
		if info, err = os.Stat(filepath.Join(path, name)); err != nil {
			return 0, changed, err
		}
		bytes += info.Size()
		if info.ModTime().After(changed) {
			changed = info.ModTime()
		}
	}
	return bytes, changed, err
}

// pictures are the names of those in a folder, sorted: those that are read.
func pictures(dir string) (names []string, err error) { return filesOf(dir, pictureTypes) }

// filesOf are the names of the files of some types in a folder, sorted. Hidden ones are left
// out, as a Finder or an editor makes beside a picture.
func filesOf(dir string, types []string) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if !e.IsDir() && has(types, e.Name()) && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names, err
}

func addFile(ctx context.Context, w io.Writer, path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() { // to open a pipe may take for ever
		return 0, fmt.Errorf("%s: it is a pipe or a device; a batch takes files and folders", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return io.Copy(w, until{ctx, f})
}

// until reads a file, which may be large, until ctx ends.
type until struct {
	ctx  context.Context
	file *os.File
}

func (u until) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, fmt.Errorf("%s: %w", u.file.Name(), err)
	}
	return u.file.Read(p)
}

func addFolder(ctx context.Context, w io.Writer, dir string) (bytes int64, err error) {
	names, err := pictures(dir)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		fmt.Fprintf(w, "%q\n", name)
		n, err := addFile(ctx, w, filepath.Join(dir, name))
		if err != nil {
			return bytes, err
		}
		fmt.Fprintf(w, "\n%d\n", n)
		bytes += n
	}
	return bytes, nil
}

// Key identifies the results of an input: they depend on its bytes, the model's and
// the settings, and on nothing else.
func Key(s Source, model string, settings any) (string, error) {
	text, err := json.Marshal(struct {
		Input, Model string
		Settings     any
	}{s.SHA256, model, settings})
	if err != nil {
		return "", fmt.Errorf("settings of the batch: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}
