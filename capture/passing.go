package capture

import (
	"bufio"
	"errors"
	"io"
	"math"
)

// inspectPassing looks at a file whose bytes come once, and takes them all.
func inspectPassing(r io.Reader) container {
	c := inspect(&passing{buf: bufio.NewReader(r)}, math.MaxInt64)
	_, _ = io.Copy(io.Discard, r)
	return c
}

// passing reads something that passes only once, at rising places. What lies within a
// buffer of the last place can be read again.
type passing struct {
	buf *bufio.Reader
	at  int64 // of the buffer's first byte
}

// ReadAt implements io.ReaderAt.
func (s *passing) ReadAt(p []byte, at int64) (int, error) {
	if at+int64(len(p)) > s.at+int64(s.buf.Size()) {
		for s.at < at {
			n, err := s.buf.Discard(int(min(at-s.at, math.MaxInt32)))
			s.at += int64(n)
			if err != nil {
				return 0, err
			}
		}
	}
	if at < s.at {
		return 0, errors.New("it has passed")
	}
	skip := int(at - s.at)
	b, err := s.buf.Peek(skip + len(p))
	return copy(p, b[min(skip, len(b)):]), err
}
