package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/tracker-go/tracker/cmd/tracker/internal/timing"
	"github.com/tracker-go/tracker/track/zone"
)

// someRun is a camera with figures, and a file that failed.
func someRun() *Run {
	camera := Input{Name: "camera0", Source: "camera 0", Live: true, Feed: NewFeed(), Timings: timing.New(1),
		Health: func() Health { return Health{OK: true, Dropped: 3, Reconnects: 1} }, Final: func() *timing.Summary { return nil }}
	for i := range 4 {
		camera.Feed.Note(Moment{
			Index: 10 + i, Time: 2500 * time.Millisecond, Width: 640, Height: 480, Detections: 5, Tracks: 2, Labels: []string{"car", "bus"},
			Zones: []zone.Count{
				{Zone: zone.Zone{Name: "door", Points: make([]zone.Point, 2)}, Right: 2, Left: 1, Classes: []zone.ClassCount{{Class: 1, Right: 2, Left: 1}}},
				{Zone: zone.Zone{Name: "yard", Points: make([]zone.Point, 3)}, Inside: 4, Entered: 6, Tracks: 7, Classes: []zone.ClassCount{{Class: 0, Entered: 6, Tracks: 7}}},
			},
		})
		trace := &timing.Trace{Latency: 30 * time.Millisecond}
		trace.Took[timing.Inference] = 20 * time.Millisecond
		camera.Timings.Add(trace)
	}
	ended := timing.Summary{FPS: 12, Bottleneck: "capture", BusyMS: 80, IntervalMS: 83}
	broken := Input{Name: "b", Source: "b.mp4", Feed: NewFeed(), Timings: timing.New(1),
		Health: func() Health { return Health{State: "failed", Ended: true} }, Final: func() *timing.Summary { return &ended }}
	network := Network{Model: "m", Input: "416x416", Device: "cpu", Tracker: "tempo"}
	return &Run{Version: "1.2.3", Network: func() Network { return network }, Inputs: []Input{camera, broken}}
}

func open(t *testing.T, run *Run) *Server {
	t.Helper()
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := Serve(l, "gate:8080", func(message string, args ...any) { t.Log(message, args) })
	t.Cleanup(func() { _ = s.Close() })
	s.Show(run)
	return s
}

func get(t *testing.T, url string) (code int, kind, body string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, r.Header.Get("Content-Type"), string(text)
}

// Who asks before there is a run is told so, and sees it once there is.
func TestBeforeTheRun(t *testing.T) {
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := Serve(l, "", func(message string, args ...any) { t.Error(message, args) })
	for _, path := range []string{"", "healthz", "metrics"} {
		if code, _, body := get(t, s.URL()+path); code != http.StatusServiceUnavailable || !strings.HasPrefix(body, "the run begins: ") {
			t.Errorf("%s: %d: %s", path, code, body)
		}
	}
	run := someRun()
	run.Inputs = run.Inputs[:1]
	s.Show(run)
	if code, _, body := get(t, s.URL()+"healthz"); code != http.StatusOK {
		t.Errorf("%d: %s", code, body)
	}
	for range 2 { // closing again does nothing
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestStatus(t *testing.T) {
	s := open(t, someRun())
	_, kind, body := get(t, s.URL()+"status")
	var got Status
	if err := json.Unmarshal([]byte(body), &got); err != nil || kind != "application/json" || len(got.Inputs) != 2 {
		t.Fatalf("%s, %v: %s", kind, err, body)
	}
	in := got.Inputs[0]
	if got.Model != "m" || in.Frames != 4 || in.Frame != 13 || in.Time != 2.5 || in.Width != 640 || in.Tracks != 2 || !in.OK || in.Dropped != 3 {
		t.Errorf("%+v", got)
	}
	if in.Latency.P50 < 29 || in.Latency.P50 > 31 || len(in.Stages) == 0 || in.Zones[0].Classes[0].Label != "bus" {
		t.Errorf("%+v", in)
	}
	if other := got.Inputs[1]; other.OK || other.State != "failed" || other.Zones == nil || other.Stages == nil || other.FPS != 12 || other.Bound == "" {
		t.Errorf("%+v", other)
	}
}

func TestMetrics(t *testing.T) {
	run := someRun()
	if problems, err := testutil.CollectAndLint(exporter{run}); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	code, _, body := get(t, open(t, run).URL()+"metrics")
	if code != http.StatusOK {
		t.Fatalf("%d: %s", code, body)
	}
	for _, line := range []string{
		`tracker_info{device="cpu",input_size="416x416",model="m",tracker="tempo",version="1.2.3"} 1`,
		`tracker_up{input="camera0"} 1`, `tracker_up{input="b"} 0`, `tracker_frames_total{input="camera0"} 4`,
		`tracker_dropped_frames_total{input="camera0"} 3`, `tracker_reconnects_total{input="camera0"} 1`,
		`tracker_stage_seconds_sum{input="camera0",stage="inference"} 0.08`, `tracker_stage_seconds_count{input="camera0",stage="inference"} 4`,
		`tracker_latency_seconds_count{input="camera0"} 4`, `tracker_zone_inside{input="camera0",zone="yard"} 4`,
		`tracker_zone_crossings_total{class="bus",input="camera0",way="right",zone="door"} 2`,
		`tracker_zone_crossings_total{class="car",input="camera0",way="entered",zone="yard"} 6`,
		`tracker_zone_tracks_total{class="car",input="camera0",zone="yard"} 7`, `go_goroutines `, `process_resident_memory_bytes `,
	} {
		if !strings.Contains(body, line) && !(runtime.GOOS != "linux" && strings.HasPrefix(line, "process")) {
			t.Errorf("no %s in\n%s", line, body)
		}
	}
}

// What is to be seen now, nobody knows of an input that is lost; counters stay.
func TestMetricsOfLostInput(t *testing.T) {
	run := someRun()
	run.Inputs[0].Health = func() Health { return Health{State: "lost"} }
	_, _, body := get(t, open(t, run).URL()+"metrics")
	for line, want := range map[string]bool{
		`tracker_up{input="camera0"} 0`: true, `tracker_fps{input="camera0"} 0`: true, `tracker_fps{input="b"} 0`: true,
		`tracker_frames_total{input="camera0"} 4`: true, `tracker_zone_tracks_total{class="car",input="camera0",zone="yard"} 7`: true,
		`tracker_tracks{`: false, `tracker_detections{`: false, `tracker_zone_inside{`: false,
	} {
		if strings.Contains(body, line) != want {
			t.Errorf("%s is there: %v, in\n%s", line, !want, body)
		}
	}
}

func TestHealth(t *testing.T) {
	run := someRun()
	if code, _, body := get(t, open(t, run).URL()+"healthz"); code != http.StatusServiceUnavailable || body != "b: failed\n" {
		t.Errorf("%d: %s", code, body)
	}
	run.Inputs = run.Inputs[:1]
	if code, _, body := get(t, open(t, run).URL()+"healthz"); code != http.StatusOK || body != "ok\n" {
		t.Errorf("%d: %s", code, body)
	}
}

func TestPages(t *testing.T) {
	s := open(t, someRun())
	if code, kind, body := get(t, s.URL()); code != http.StatusOK || kind != "text/html; charset=utf-8" || !strings.HasPrefix(body, "<!doctype html>") {
		t.Errorf("%d, %s", code, kind)
	}
	for _, path := range []string{"x", "camera0", "camera1.jpg", "a/b"} {
		if code, _, _ := get(t, s.URL()+path); code != http.StatusNotFound {
			t.Errorf("%s: %d", path, code)
		}
	}
	for _, tc := range []struct {
		method, path, host string
		code               int
	}{
		{http.MethodPost, "status", "", http.StatusMethodNotAllowed},
		{http.MethodHead, "camera0.mjpeg", "", http.StatusOK}, // and no pictures
		{http.MethodHead, "camera0.jpg", "", http.StatusOK},
		{http.MethodGet, "status", "localhost:1", http.StatusOK},
		{http.MethodGet, "status", "LOCALHOST", http.StatusOK},
		{http.MethodGet, "status", "[::1]", http.StatusOK},
		{http.MethodGet, "status", "Gate:80", http.StatusOK}, // as the user called it
		{http.MethodGet, "status", "elsewhere.example", http.StatusMisdirectedRequest},
	} {
		request, err := http.NewRequestWithContext(t.Context(), tc.method, s.URL()+tc.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = tc.host
		r, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != tc.code {
			t.Errorf("%s %s of %q: %d", tc.method, tc.path, tc.host, r.StatusCode)
		}
	}
	for _, path := range []string{"", "status", "metrics", "healthz"} {
		r, err := http.Get(s.URL() + path)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, r.Header)
		}
		if policy := r.Header.Get("Content-Security-Policy"); strings.HasPrefix(policy, "default-src 'none'; ") != (path == "") {
			t.Errorf("%s: policy %q", path, policy)
		}
	}
}

// pictureSize is more than a socket holds.
const pictureSize = 8 << 20

// fill gives a feed pictures until the test is over, as a run does.
func fill(t *testing.T, f *Feed) {
	ended := make(chan struct{})
	t.Cleanup(func() { close(ended) })
	go func() {
		for n := byte('0'); ; n++ {
			select {
			case <-ended:
				return
			case <-time.After(5 * time.Millisecond):
			}
			if now := time.Now(); f.Due(now) {
				f.Show(bytes.Repeat([]byte{n}, pictureSize), now)
			}
		}
	}()
}

// All who look get pictures, whole and one after the other; one who does not read holds up
// nobody; when nobody looks any more none are asked for; the end of a run ends it for all.
func TestPictures(t *testing.T) {
	run := someRun()
	feed := run.Inputs[0].Feed
	if feed.Due(time.Now()) {
		t.Error("pictures are wanted, and nobody looks")
	}
	s := open(t, run)
	fill(t, feed)
	idle, err := http.Get(s.URL() + "camera0.mjpeg") // and never read
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Body.Close()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	request, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.URL()+"camera0.mjpeg", nil)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	kind, options, err := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/x-mixed-replace" {
		t.Fatalf("%s, %v", kind, err)
	}
	parts := multipart.NewReader(answer.Body, options["boundary"])
	var last byte
	for i := range 4 {
		part, err := parts.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		picture, err := io.ReadAll(part)
		if err != nil || len(picture) != pictureSize || picture[0] == last || part.Header.Get("Content-Type") != "image/jpeg" {
			t.Fatalf("picture %d: %d bytes, %v", i, len(picture), err)
		}
		last = picture[0]
	}
	if code, kind, body := get(t, s.URL()+"camera0.jpg"); code != http.StatusOK || kind != "image/jpeg" || len(body) != pictureSize {
		t.Errorf("%d, %s, %d bytes", code, kind, len(body))
	}
	leave()
	began := time.Now()
	if err := s.Close(); err != nil || time.Since(began) > 5*time.Second {
		t.Errorf("closed after %v: %v", time.Since(began), err)
	}
	for end := time.Now().Add(10 * time.Second); feed.Due(time.Now().Add(time.Hour)); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("pictures are wanted, and nobody looks any more")
		}
	}
}

// A question whose body never comes holds no connection, of which there are few; who looks
// may do so for any time.
func TestTimes(t *testing.T) {
	t.Parallel()
	run := someRun()
	s := open(t, run)
	fill(t, run.Inputs[0].Feed)
	for _, path := range []string{"status", "camera0.mjpeg"} {
		slow, err := net.Dial("tcp", s.at.String())
		if err != nil {
			t.Fatal(err)
		}
		defer slow.Close()
		slow.SetDeadline(time.Now().Add(pictureIn))
		fmt.Fprintf(slow, "GET /%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n", path)
		if answer, err := io.ReadAll(slow); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") {
			t.Errorf("%s: the connection stays: %v: %s", path, err, answer)
		}
	}
	looking, err := http.Get(s.URL() + "camera0.mjpeg")
	if err != nil {
		t.Fatal(err)
	}
	defer looking.Body.Close()
	picture := make([]byte, pictureSize)
	for end := time.Now().Add(pictureIn + writeIn + time.Second); time.Now().Before(end); {
		if _, err := io.ReadFull(looking.Body, picture); err != nil {
			t.Fatalf("no more pictures: %v", err)
		}
	}
}

// Who looks at an input of which no picture comes is told so when they have waited.
func TestNoPicture(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	w := httptest.NewRecorder()
	onePicture(w, httptest.NewRequest(http.MethodGet, "/b.jpg", nil).WithContext(ctx), NewFeed())
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d", w.Code)
	}
}

// The end of an input lets go of who looks at it while others go on, and who comes later is
// not kept waiting.
func TestEnd(t *testing.T) {
	run := someRun()
	feed := run.Inputs[0].Feed
	s := open(t, run)
	looking, err := http.Get(s.URL() + "camera0.mjpeg")
	if err != nil {
		t.Fatal(err)
	}
	defer looking.Body.Close()
	feed.End()
	began := time.Now()
	if _, err := io.ReadAll(looking.Body); err != nil {
		t.Error(err)
	}
	for _, path := range []string{"camera0.mjpeg", "camera0.jpg"} {
		if code, _, body := get(t, s.URL()+path); code != http.StatusGone || body != "the input has ended\n" {
			t.Errorf("%s: %d: %s", path, code, body)
		}
	}
	if took := time.Since(began); took > pictureIn/2 {
		t.Errorf("told after %v", took)
	}
}

// However many look at streams, also of an input that gives no pictures, health and metrics
// are answered, and whoever leaves makes room.
func TestManyLook(t *testing.T) {
	s := open(t, someRun())
	look := func(ctx context.Context) int {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL()+"camera0.mjpeg", nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Body.Close() })
		return r.StatusCode
	}
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	for range mostStreams {
		if code := look(ctx); code != http.StatusOK {
			t.Fatal(code)
		}
	}
	for range mostConnections {
		if code, _, _ := get(t, s.URL()+"camera0.mjpeg"); code != http.StatusServiceUnavailable {
			t.Fatalf("one more than %d: %d", mostStreams, code)
		}
	}
	if code, _, _ := get(t, s.URL()+"metrics"); code != http.StatusOK {
		t.Error(code)
	}
	leave()
	for end := time.Now().Add(10 * time.Second); look(t.Context()) != http.StatusOK; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("all have left, and there is no room")
		}
	}
}

// Pictures come as often as frames do, at most MostFPS a second, also where frames come a little
// too early for the beat.
func TestMostFPS(t *testing.T) {
	const seconds = 20
	for _, fps := range []float64{5, 10, MostFPS, 25, 30, 200} {
		f, random := NewFeed(), rand.New(rand.NewPCG(1, 2))
		leave, start, shown := f.join(), time.Now(), 0
		for n := range int(seconds * fps) {
			jitter := (random.Float64() - 0.5) * 0.01
			now := start.Add(time.Duration((float64(n)/fps + jitter) * float64(time.Second)))
			if f.Due(now) {
				f.Show(nil, now)
				shown++
			}
		}
		leave()
		if rate, want := float64(shown)/seconds, min(fps, MostFPS); rate < 0.97*want || rate > want+1./seconds {
			t.Errorf("%v frames a second: %v pictures, want %v", fps, rate, want)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	s := open(t, someRun())
	for address, want := range map[string]string{
		strings.Trim(s.URL(), "htp:/"): "another program listens there; choose another port",
		"192.0.2.1:0":                  "this machine does not have that address",
	} {
		if other, err := Listen(address); err == nil {
			_ = other.Close()
			t.Errorf("%s: no error", address)
		} else if !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "serve "+address+": ") {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
}

// What is noted is the caller's to use again, and what was asked for stays as it is.
func TestFeedSharesNoMemory(t *testing.T) {
	f := NewFeed()
	counts := []zone.Count{{Inside: 1, Classes: []zone.ClassCount{{Tracks: 1}}}}
	check := func(m Moment, want int) {
		t.Helper()
		if z := m.Zones[0]; z.Inside != want || z.Classes[0].Tracks != want {
			t.Errorf("%+v, want %d", z, want)
		}
	}
	f.Note(Moment{Zones: counts})
	counts[0].Inside, counts[0].Classes[0].Tracks = 2, 2
	first := f.Latest()
	check(first, 1)
	f.Note(Moment{Zones: counts})
	check(first, 1)
	check(f.Latest(), 2)
}

// A frame costs no allocation.
func TestNoteAllocatesNothing(t *testing.T) {
	f := NewFeed()
	m := Moment{Zones: []zone.Count{{Classes: make([]zone.ClassCount, 3)}, {}}}
	f.Note(m)
	if n := testing.AllocsPerRun(100, func() { f.Note(m); f.Due(time.Time{}) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
