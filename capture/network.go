//go:build gocv_specific_modules

package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gocv.io/x/gocv"
)

const (
	defaultTimeout = 10 * time.Second
	// urlPatience is how long a stream may fail to deliver before it is lost. What
	// FFmpeg calls the end of a stream is mostly the end.
	urlPatience = 300 * time.Millisecond
)

// openURL opens a network stream. RTSP runs over TCP where the server can, which
// OpenCV asks for by default; OPENCV_FFMPEG_CAPTURE_OPTIONS changes that. To open
// one again is quicker, since its frame rate is known.
func openURL(ctx context.Context, spec Spec, again bool) (*video, error) {
	open, read := orDefault(spec.OpenTimeout), orDefault(spec.ReadTimeout)
	var file medium
	how := decoding{quick: again, slices: !spec.FrameThreads, threads: spec.Threads, medium: &file}
	vc, err := openCapture(ctx, func() (*gocv.VideoCapture, error) {
		return withFFmpeg(spec.Path, how, propOpenTimeout, milliseconds(open), propReadTimeout, milliseconds(read))
	})
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fmt.Errorf("open %s: %w", spec.Name(), explainURL(ctx, spec.Path, open))
	}
	v := newVideo(vc, spec.Name(), !isRecording(spec.Path, vc, file.length))
	v.patience = urlPatience
	if v.facts.Live {
		v.atEnd = lostAfter(v.facts.Name, "check the camera and the network")
	} else {
		v.atEnd = func(frames int) error { return endOfRecording(v, spec.Path, file, read, frames) }
	}
	if v.facts.Live && isHTTP(spec.Path) && strings.HasPrefix(strings.ToLower(v.facts.FourCC), "mj") {
		// Motion JPEG over HTTP has neither times nor a rate; FFmpeg makes them up.
		v.byArrival, v.facts.FPS = true, 0
	}
	return v, nil
}

// isRecording tells a video file on a web server, which has a length and waits,
// from a stream, which has none and does not. Of a server that does not say how many
// bytes there are, the video may say how many frames.
func isRecording(path string, vc *gocv.VideoCapture, length int64) bool {
	return isHTTP(path) && (length > 0 || vc.Get(gocv.VideoCaptureFrameCount) > 0)
}

func isHTTP(path string) bool { return strings.HasPrefix(strings.ToLower(path), "http") }

// endOfRecording is io.EOF, or what is wrong with a file on a web server that ends
// after so many frames. Where frames are missing, it asks the server whether the file
// itself was cut off.
func endOfRecording(v *video, path string, file medium, timeout time.Duration, frames int) error {
	if frames == 0 && file.sequential {
		return fmt.Errorf("read %s: no pictures came: the server does not answer range requests, without which "+
			"a video cannot be read that has its index at the end; put it first: "+
			"ffmpeg -i INPUT -c copy -movflags +faststart output.mp4", v.facts.Name)
	}
	var c container
	if file.length > 0 && frames < v.facts.Frames && v.broken == nil {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		c = inspect(webFile{ctx, path}, file.length)
	}
	return endOfFile(v, c, file.length, frames)
}

// webFile reads parts of a file on a web server.
type webFile struct {
	ctx context.Context
	url string
}

// ReadAt implements io.ReaderAt.
func (f webFile) ReadAt(p []byte, at int64) (int, error) {
	req, err := http.NewRequestWithContext(f.ctx, http.MethodGet, f.url, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", at, at+int64(len(p))-1))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusPartialContent:
	case http.StatusOK: // the server sends the whole file
		if _, err := io.CopyN(io.Discard, resp.Body, at); err != nil {
			return 0, err
		}
	default:
		return 0, errors.New(resp.Status)
	}
	return io.ReadFull(resp.Body, p)
}

// explainURL finds out why a stream did not open, which OpenCV does not say, by
// knocking at the server's door.
func explainURL(ctx context.Context, path string, timeout time.Duration) error {
	u, err := url.Parse(path)
	if err != nil || u.Hostname() == "" || u.Scheme == "udp" || u.Scheme == "rtp" || u.Scheme == "srt" {
		return fmt.Errorf("no video came within %v; check the address and that the sender is running", timeout)
	}
	dialer := net.Dialer{Timeout: timeout}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), portOf(u)))
	if err != nil {
		var opErr *net.OpError
		if errors.As(err, &opErr) {
			err = opErr.Err
		}
		return fmt.Errorf("cannot reach %s: %v; check the address and that the server is running", u.Host, err)
	}
	conn.Close()
	return fmt.Errorf("%s answers but sends no video that FFmpeg can read; check the path, user and password", u.Host)
}

func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	switch strings.ToLower(u.Scheme) {
	case "rtsp":
		return "554"
	case "rtsps":
		return "322"
	case "rtmp", "rtmps":
		return "1935"
	case "https":
		return "443"
	}
	return "80"
}

func orDefault(timeout time.Duration) time.Duration {
	if timeout <= 0 {
		return defaultTimeout
	}
	return timeout
}

func milliseconds(d time.Duration) gocv.VideoCaptureProperties {
	return gocv.VideoCaptureProperties(min(d, time.Hour).Milliseconds())
}
