//go:build gocv_specific_modules

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	_ "image/jpeg"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tracker-go/tracker/cmd/tracker/internal/web"
)

// fetch reads what the site has at a path.
func fetch(site, path string) (body []byte, err error) {
	r, err := http.Get(site + path)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	return io.ReadAll(r.Body)
}

// A run shows its inputs to who looks, an input that failed among them, also where one reads
// no pictures that it has asked for; and ends at once when it is stopped.
func TestServe(t *testing.T) {
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "small.avi"), 8000)
	ffmpeg(t, "-f", "lavfi", "-i", "color=gray:size=1920x1080:rate=25", "-t", "120", "-c:v", "libx264", "-preset", "ultrafast", filepath.Join(dir, "wide.mp4"))
	at := "127.0.0.1:" + freePort(t)
	site := "http://" + at + "/"
	cmd := command(dir, "-i", "small.avi", "-i", "wide.mp4", "-i", "gone.mp4", "--serve", at, "--zones", "all=0 0 1 0 1 1 0 1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	var s web.Status
	waitFor(t, func() bool {
		body, err := fetch(site, "status")
		return err == nil && json.Unmarshal(body, &s) == nil && s.Inputs[0].Frames > 5 && s.Inputs[1].Frames > 5
	})
	if in := s.Inputs[1]; s.Model != "mobilenetv2-int8" || in.Name != "wide" || in.Width != 1920 || in.State != "" || !in.OK || len(in.Zones) != 1 || in.Latency.P50 == 0 {
		t.Errorf("%+v", s)
	}
	if in := s.Inputs[2]; in.State != "failed" || in.OK {
		t.Errorf("%+v", in)
	}
	for name, want := range map[string]image.Point{"small": image.Pt(160, 120), "wide": image.Pt(1280, 720)} {
		body, err := fetch(site, name+".jpg")
		if err != nil {
			t.Fatal(err)
		}
		picture, format, err := image.DecodeConfig(bytes.NewReader(body))
		if err != nil || format != "jpeg" || image.Pt(picture.Width, picture.Height) != want {
			t.Errorf("%s: %dx%d %s, %v", name, picture.Width, picture.Height, format, err)
		}
	}
	if body, err := fetch(site, "metrics"); err != nil || !strings.Contains(string(body), `tracker_up{input="gone"} 0`) || !strings.Contains(string(body), `tracker_frames_total{input="wide"} `) {
		t.Errorf("%s, %v", body, err)
	}
	if body, err := fetch(site, "gone.jpg"); err != nil || string(body) != "the input has ended\n" {
		t.Errorf("%s, %v", body, err)
	}
	looking, err := http.Get(site + "wide.mjpeg") // and never read
	if err != nil {
		t.Fatal(err)
	}
	defer looking.Body.Close()
	inBrowser(t, site)
	began := time.Now()
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || time.Since(began) > 20*time.Second {
		t.Errorf("exit code %d after %v: %s", code, time.Since(began), stderr.String())
	}
	if !strings.Contains(stderr.String(), "page="+site) {
		t.Errorf("stderr does not say where the page is: %s", stderr.String())
	}
}

// inBrowser looks at the page with a real one, where there is one.
func inBrowser(t *testing.T, site string) {
	t.Helper()
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Log("chromium is not installed: nobody has looked at the page")
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	shown, err := exec.CommandContext(ctx, browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--user-data-dir="+t.TempDir(), "--virtual-time-budget=5000", "--dump-dom", site).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`mobilenetv2-int8 416x416 on cpu, tempo`, `<img alt="pictures of wide" src="blob:`, `<span class="state">running</span>`,
		`<article aria-label="gone" class="bad">`, `<span class="state">failed</span>`, `<dd>1920×1080</dd>`,
		`<th scope="row">inference</th>`, `<th scope="row">all</th>`,
	} {
		if !strings.Contains(string(shown), want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if frames := regexp.MustCompile(`<dt>frames</dt><dd>[1-9]\d*</dd>`).FindAll(shown, -1); len(frames) != 2 {
		t.Errorf("frames of %d inputs", len(frames))
	}
	if t.Failed() {
		t.Logf("%s", shown)
	}
}

// Of results that never came none is said to be the last.
func TestNoResults(t *testing.T) {
	now := time.Now()
	for noted, want := range map[time.Time]string{
		{}:                         "no results come, none so far",
		now.Add(-12 * time.Second): "no results come, the last 12 s ago",
	} {
		if got := noResults(noted, now); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Where nobody can listen the run ends before it begins.
func TestServeWhereOthersListen(t *testing.T) {
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "a.avi"), 20)
	l, err := web.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at := l.Addr().String()
	got := runIn(t, dir, "-i", "a.avi", "--serve", at, "--mot", "a.txt")
	if got.code != exitFailed || !strings.Contains(got.stderr, "serve "+at+": another program listens there; choose another port") {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
	if left := files(t, dir); len(left) != 1 {
		t.Errorf("files %v", left)
	}
}

// Who looks changes no result, neither text nor video.
func TestServeChangesNothing(t *testing.T) {
	dir := t.TempDir()
	video := street(t)
	args := func(name string) []string {
		return []string{"-i", video, "--max-frames", "150", "--jsonl", name + ".jsonl", "--save", name + ".avi", "--panel", "off", "--codec", "mjpeg", "-q"}
	}
	if got := runIn(t, dir, args("alone")...); got.code != exitOK {
		t.Fatal(got.stderr)
	}
	at := "127.0.0.1:" + freePort(t)
	looked := 0
	done := make(chan struct{})
	got := finishAfter(t, command(dir, append(args("seen"), "--serve", at)...), func() {
		go func() {
			defer close(done)
			name := strings.TrimSuffix(filepath.Base(video), filepath.Ext(video))
			for end := time.Now().Add(time.Minute); time.Now().Before(end); {
				body, err := fetch("http://"+at+"/", name+".jpg")
				switch {
				case err == nil && len(body) > 1000:
					looked++
				case looked > 0:
					return
				default: // it does not listen yet
					time.Sleep(10 * time.Millisecond)
				}
			}
		}()
	})
	<-done
	if got.code != exitOK || looked < 3 {
		t.Fatalf("exit code %d, looked %d times: %s", got.code, looked, got.stderr)
	}
	for _, ext := range []string{".jsonl", ".avi"} {
		if read(t, dir, "alone"+ext) != read(t, dir, "seen"+ext) {
			t.Errorf("%s: with somebody who looks it is another", ext)
		}
	}
}
