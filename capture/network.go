//go:build gocv_specific_modules

package capture

import (
	"context"
	"errors"
	"fmt"
	"net"
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
	how := decoding{quick: again, slices: !spec.FrameThreads, threads: spec.Threads}
	vc, err := openCapture(ctx, func() (*gocv.VideoCapture, error) {
		return withFFmpeg(spec.Path, how, propOpenTimeout, milliseconds(open), propReadTimeout, milliseconds(read))
	})
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fmt.Errorf("open %s: %w", spec.Name(), explainURL(ctx, spec.Path, open))
	}
	v := newVideo(vc, spec.Name(), !isRecording(spec.Path, vc))
	v.patience = urlPatience
	if v.facts.Live {
		v.atEnd = lostAfter(v.facts.Name, "check the camera and the network")
	}
	if v.facts.Live && isHTTP(spec.Path) && strings.HasPrefix(strings.ToLower(v.facts.FourCC), "mj") {
		// Motion JPEG over HTTP has neither times nor a rate; FFmpeg makes them up.
		v.byArrival, v.facts.FPS = true, 0
	}
	return v, nil
}

// isRecording tells a video file on a web server, which has a length and waits,
// from a stream, which has none and does not.
func isRecording(path string, vc *gocv.VideoCapture) bool {
	return isHTTP(path) && vc.Get(gocv.VideoCaptureFrameCount) > 0
}

func isHTTP(path string) bool { return strings.HasPrefix(strings.ToLower(path), "http") }

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
