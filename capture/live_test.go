//go:build gocv_specific_modules

package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gocv.io/x/gocv"
)

// mjpegServer streams JPEG pictures as network cameras do, one every period,
// and stalls after so many: it says nothing until the test ends.
func mjpegServer(t *testing.T, period time.Duration, frames int, stall bool) string {
	t.Helper()
	var pictures [][]byte
	for i := range 31 {
		m := barFrame(i)
		jpeg, err := gocv.IMEncode(gocv.JPEGFileExt, m)
		if err != nil {
			t.Fatal(err)
		}
		pictures = append(pictures, slices.Clone(jpeg.GetBytes()))
		jpeg.Close()
		m.Close()
	}
	over := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "multipart/x-mixed-replace; boundary=frame")
		for i := range frames {
			picture := pictures[i%len(pictures)]
			fmt.Fprintf(w, "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n", len(picture))
			w.Write(picture)
			io.WriteString(w, "\r\n")
			w.(http.Flusher).Flush()
			select {
			case <-time.After(period):
			case <-r.Context().Done():
				return
			}
		}
		if stall {
			select {
			case <-over:
			case <-r.Context().Done():
			}
		}
	}))
	t.Cleanup(func() { close(over); server.CloseClientConnections(); server.Close() })
	return server.URL
}

func TestLiveStream(t *testing.T) {
	s := mustOpen(t, mustParse(t, mjpegServer(t, 10*time.Millisecond, 1000, false)))
	if info := s.Info(); !info.Live || info.Frames != 0 || info.FPS != 0 || info.Width != testWidth {
		t.Fatalf("%+v", info)
	}
	start := time.Now()
	var last *Frame
	for i := range 20 {
		f, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if last != nil && (f.Index <= last.Index || f.Time <= last.Time) {
			t.Errorf("frame %d at %v after frame %d at %v", f.Index, f.Time, last.Index, last.Time)
		}
		if elapsed := time.Since(start); f.Time > elapsed+2*time.Second {
			t.Errorf("frame %d at %v, %v after the start", f.Index, f.Time, elapsed)
		}
		f.Close()
		last = f
		if i == 10 {
			time.Sleep(200 * time.Millisecond) // a slow consumer
		}
	}
	if s.Dropped() == 0 || last.Index < 20+s.Dropped()-1 {
		t.Errorf("%d dropped, last index %d of 20 taken", s.Dropped(), last.Index)
	}
}

// A consumer that sleeps gets the newest picture, not the oldest.
func TestLiveStreamDoesNotLag(t *testing.T) {
	s := mustOpen(t, mustParse(t, mjpegServer(t, 10*time.Millisecond, 1000, false)))
	for range 3 {
		time.Sleep(time.Second)
		f, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if age := time.Since(f.Captured); age > 500*time.Millisecond {
			t.Errorf("frame %d is %v old", f.Index, age)
		}
		f.Close()
	}
}

// With the policy "all", a pause of the consumer loses nothing, up to the queue.
func TestLiveStreamQueues(t *testing.T) {
	spec := mustParse(t, mjpegServer(t, 20*time.Millisecond, 1000, false))
	spec.Policy, spec.Queue = All, 20
	s := mustOpen(t, spec)
	next := func() *Frame {
		f, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		return f
	}
	// What FFmpeg held back while it opened the stream comes first.
	for f := next(); time.Since(f.Captured) > 10*time.Millisecond || f.Index < 30; {
		f = next()
	}
	dropped, last := s.Dropped(), next()
	time.Sleep(100 * time.Millisecond)
	for range 5 {
		f := next()
		if f.Index != last.Index+1 {
			t.Errorf("frame %d after frame %d", f.Index, last.Index)
		}
		last = f
	}
	if n := s.Dropped(); n != dropped {
		t.Errorf("%d frames dropped in a pause of 5 with a queue of 20", n-dropped)
	}
	time.Sleep(1500 * time.Millisecond)
	if f := next(); s.Dropped() == dropped || f.Index-last.Index-1 > s.Dropped()-dropped {
		t.Errorf("frame %d after frame %d, %d dropped in a pause of 75", f.Index, last.Index, s.Dropped()-dropped)
	}
}

// A camera that falls silent holds up neither Next nor Close.
func TestStalledStream(t *testing.T) {
	spec := mustParse(t, mjpegServer(t, time.Millisecond, 40, true))
	spec.ReadTimeout = 4 * time.Second
	s := mustOpen(t, spec)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	for {
		f, err := s.Next(ctx)
		if err == nil {
			f.Close()
			continue
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Next: %v, want the deadline", err)
		}
		break
	}
	start := time.Now()
	s.Close()
	if d := time.Since(start); d > closeGrace+time.Second {
		t.Errorf("Close took %v", d)
	}
	for deadline := start.Add(10 * time.Second); s.State().Hung > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the reading goroutine is still there 10 s after its 4 s timeout")
		}
	}
}

func TestLostStream(t *testing.T) {
	url := mjpegServer(t, time.Millisecond, 40, false)
	spec := mustParse(t, url)
	spec.Reconnect.Off = true
	got, err := readAll(t, mustOpen(t, spec), true)
	if !errors.Is(err, ErrLost) || len(got) == 0 {
		t.Fatalf("%d frames, then %v; want ErrLost", len(got), err)
	}
	wantError(t, err, "read "+url+": ", "check the camera and the network")
}

// A video on a web server waits for its reader and has an end.
func TestVideoOverHTTP(t *testing.T) {
	dir := t.TempDir()
	writeVideo(t, filepath.Join(dir, "a.mp4"), "mp4v", 30)
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	s := mustOpen(t, mustParse(t, server.URL+"/a.mp4"))
	if info := s.Info(); info.Live || info.Frames != 30 {
		t.Errorf("%+v", info)
	}
	if got := readWhole(t, s, true); !slices.Equal(got, evenly(30, 1)) {
		t.Errorf("%v", got)
	}
}

func TestURLErrors(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for input, want := range map[string]string{
		server.URL + "/gone.mp4":                          "answers but sends no video",
		"rtsp://u:secret@" + closed.Addr().String() + "/": "connection refused",
	} {
		spec := mustParse(t, input)
		_, err := Open(t.Context(), spec)
		wantError(t, err, "open "+spec.Name()+": ", want)
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%v tells the password", err)
		}
	}
}

// A server that accepts and says nothing: the timeout and ctx both end the wait.
func TestSilentServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	spec := mustParse(t, "http://"+listener.Addr().String()+"/x.mp4")
	spec.OpenTimeout = 500 * time.Millisecond
	start := time.Now()
	_, err = Open(t.Context(), spec)
	wantError(t, err, "open "+spec.Path, "sends no video")
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("an open timeout of 0.5 s took %v", d)
	}

	spec.OpenTimeout = 3 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start = time.Now()
	if _, err = Open(ctx, spec); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > time.Second {
		t.Errorf("Open: %v after %v", err, time.Since(start))
	}
}

func TestCameraErrors(t *testing.T) {
	regular := filepath.Join(t.TempDir(), "video0")
	if err := os.WriteFile(regular, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for want, spec := range map[string]Spec{
		"/dev/video97 does not exist": CameraSpec(97),
		"/dev/video98 does not exist": {Kind: Camera, Path: "/dev/video98"},
		"is not a device":             {Kind: Camera, Path: regular},
		"/dev/null gives no pictures": {Kind: Camera, Path: "/dev/null"},
	} {
		_, err := Open(t.Context(), spec)
		wantError(t, err, "open "+spec.Name()+": ", want)
	}
}

// The test program run again with this variable set reads its standard input,
// prints what it saw, and exits.
const stdinHelper = "CAPTURE_TEST_STDIN"

func TestStdinHelper(t *testing.T) {
	if os.Getenv(stdinHelper) == "" {
		t.Skip("helper of TestStdin")
	}
	s, err := Open(t.Context(), mustParse(t, "-"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	if s.Info().Live {
		t.Error("standard input is live: frames could be dropped")
	}
	time.Sleep(50 * time.Millisecond) // a slow consumer loses nothing
	all, err := readAll(t, s, false)
	fmt.Println(len(all), "frames:", err)
}

func TestStdin(t *testing.T) {
	dir := t.TempDir()
	avi := writeNoise(t, filepath.Join(dir, "a.avi"), "MJPG", 60)
	text := filepath.Join(dir, "a.txt")
	if err := os.WriteFile(text, []byte("not a video"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path string
		pipe bool
		want string
	}{
		{avi, true, "60 frames: EOF"},
		{avi, false, "60 frames: EOF"},
		{cut(t, avi, 0.5), false, "read standard input: cut off after"},
		{cut(t, avi, 0.5), true, "of 60 frames ("},
		{text, true, "open standard input: not a video that FFmpeg can decode from a pipe"},
		{text, false, "open standard input: it is text, not video"},
		{os.DevNull, false, "open standard input: it is a terminal or empty"},
	} {
		f, err := os.Open(c.path)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(os.Args[0], "-test.run=^TestStdinHelper$")
		cmd.Env = append(os.Environ(), stdinHelper+"=1")
		cmd.Stdin = f
		if c.pipe {
			cmd.Stdin = io.MultiReader(f) // not a file: exec makes a pipe
		}
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		f.Close()
		if err != nil || !strings.Contains(string(out), c.want) {
			t.Errorf("%s (pipe %v): %v, %s; want %q", c.path, c.pipe, err, out, c.want)
		}
		if stderr.Len() > 0 {
			t.Errorf("%s (pipe %v): OpenCV is not quiet: %s", c.path, c.pipe, &stderr)
		}
	}
}
