package sink

import (
	"io"

	"github.com/tracker-go/tracker/cmd/tracker/internal/atomicfile"
)

// textFile is where a text sink writes: a file that gets its name when complete,
// or standard output, which has nothing to complete.
type textFile struct {
	io.Writer
	file *atomicfile.File // nil for standard output
}

// newTextFile opens path, or takes stdout for "-".
func newTextFile(path string, stdout io.Writer) (textFile, error) {
	if path == "-" {
		return textFile{Writer: stdout}, nil
	}
	file, err := atomicfile.Create(path)
	if err != nil {
		return textFile{}, err
	}
	return textFile{Writer: file, file: file}, nil
}

// live says whether somebody may be reading along.
func (t textFile) live() bool { return t.file == nil }

func (t textFile) commit() error {
	if t.file == nil {
		return nil
	}
	return t.file.Commit()
}

// keep leaves the partial file, or nothing where there are no frames.
func (t textFile) keep(frames int) (string, error) {
	switch {
	case t.file == nil:
		return "", nil
	case frames == 0:
		return "", t.file.Abort()
	}
	return t.file.Keep()
}
