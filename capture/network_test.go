//go:build gocv_specific_modules

package capture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const webFrames = 60

// webVideos are the paths of a video in every format.
func webVideos(t *testing.T) map[string]string {
	t.Helper()
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("no ffmpeg in PATH")
	}
	dir, videos := t.TempDir(), map[string]string{}
	src := writeNoise(t, filepath.Join(dir, "src.avi"), "MJPG", webFrames)
	h264 := []string{"-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "10"}
	for name, args := range map[string][]string{
		"fast.mp4": append(slices.Clone(h264), "-movflags", "+faststart"), "slow.mp4": h264, "a.mkv": h264, "a.ts": h264, "a.avi": {"-c", "copy"},
	} {
		videos[name] = filepath.Join(dir, name)
		args = append(append([]string{"-v", "error", "-i", src}, args...), videos[name])
		if msg, err := exec.Command(ffmpeg, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", name, err, msg)
		}
	}
	return videos
}

// serve answers with files; the handlers say how.
func serve(t *testing.T, path string, how func(http.ResponseWriter, *http.Request, []byte)) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { how(w, r, data) }))
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	return server.URL + "/" + filepath.Base(path)
}

func withRanges(w http.ResponseWriter, r *http.Request, data []byte) {
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

func withoutRanges(w http.ResponseWriter, _ *http.Request, data []byte) {
	w.Header().Set("Content-Length", fmt.Sprint(len(data)))
	w.Write(data)
}

// half promises all and breaks off.
func half(w http.ResponseWriter, _ *http.Request, data []byte) {
	w.Header().Set("Content-Length", fmt.Sprint(len(data)))
	w.Write(data[:len(data)/2])
}

// stall says no more after the half.
func stall(w http.ResponseWriter, r *http.Request, data []byte) {
	half(w, r, data)
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

// endless says no length and never ends.
func endless(w http.ResponseWriter, r *http.Request, data []byte) {
	for r.Context().Err() == nil {
		w.Write(data)
		w.(http.Flusher).Flush()
		time.Sleep(10 * time.Millisecond)
	}
}

// guarded is withRanges for who has the password.
func guarded(w http.ResponseWriter, r *http.Request, data []byte) {
	if user, password, _ := r.BasicAuth(); user != "u" || password != "secret" {
		w.Header().Set("WWW-Authenticate", `Basic realm="films"`)
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	withRanges(w, r, data)
}

// moved is withRanges at another address.
func moved(w http.ResponseWriter, r *http.Request, data []byte) {
	if r.URL.Path != "/there" {
		http.Redirect(w, r, "/there", http.StatusFound)
		return
	}
	withRanges(w, r, data)
}

// A video on a web server waits for its reader and ends, whatever its format.
func TestRecordingOverHTTP(t *testing.T) {
	for name, path := range webVideos(t) {
		urls := map[string]string{"ranges": serve(t, path, withRanges), "redirection": serve(t, path, moved)}
		urls["password"] = strings.Replace(serve(t, path, guarded), "://", "://u:secret@", 1)
		if name != "slow.mp4" {
			urls["no ranges"] = serve(t, path, withoutRanges)
		}
		for how, url := range urls {
			s := mustOpen(t, mustParse(t, url))
			if info := s.Info(); info.Live {
				t.Errorf("%s with %s: live", name, how)
				continue
			}
			if got := readWhole(t, s, false); len(got) != webFrames {
				t.Errorf("%s with %s: %d frames, want %d", name, how, len(got), webFrames)
			}
		}
	}
}

// A recording that breaks off, or that was cut off before, is not complete, and
// delivers what there is.
func TestBrokenRecordingOverHTTP(t *testing.T) {
	for name, path := range webVideos(t) {
		if name == "slow.mp4" {
			continue // without its end it does not open
		}
		local, _ := readAll(t, mustOpen(t, Spec{Path: cut(t, path, 0.5)}), false)
		for how, c := range map[string]struct {
			url, want string
			least     int // frames
		}{
			"broken off":     {serve(t, path, half), "broke off after ", len(local)},
			"cut":            {serve(t, cut(t, path, 0.5), withRanges), "cut off after ", len(local)},
			"cut, no ranges": {serve(t, cut(t, path, 0.5), withoutRanges), "cut off after ", len(local)},
			// OpenCV leaves in the decoder what it holds back.
			"silent": {serve(t, path, stall), "nothing came for too long", len(local) - 4},
		} {
			if name == "a.ts" && strings.HasPrefix(how, "cut") {
				continue // the format does not say how long it is
			}
			spec := mustParse(t, c.url)
			spec.ReadTimeout = 300 * time.Millisecond
			start := time.Now()
			got, err := readAll(t, mustOpen(t, spec), false)
			var truncated *TruncatedError
			if !errors.As(err, &truncated) || !errors.Is(err, io.ErrUnexpectedEOF) || truncated.Read != len(got) || len(got) < c.least {
				t.Errorf("%s, %s: %d frames, then %v; want a *TruncatedError after %d", name, how, len(got), err, c.least)
			}
			wantError(t, err, "read "+c.url+": ", c.want)
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("%s, %s: took %v", name, how, d)
			}
		}
	}
}

// An index behind the pictures needs ranges.
func TestIndexBehindWithoutRanges(t *testing.T) {
	url := serve(t, webVideos(t)["slow.mp4"], withoutRanges)
	_, err := readAll(t, mustOpen(t, mustParse(t, url)), false)
	wantError(t, err, "read "+url+": ", "-movflags +faststart")
}

// playlist is that of a camera: it has a length, the video has none.
func playlist(w http.ResponseWriter, r *http.Request, data []byte) {
	if strings.HasSuffix(r.URL.Path, ".m3u8") {
		data = []byte("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:4.8,\na.ts\n")
	}
	withRanges(w, r, data)
}

// Streams of the same format are still live.
func TestEndlessOverHTTP(t *testing.T) {
	path := webVideos(t)["a.ts"]
	for _, url := range []string{serve(t, path, endless), serve(t, path, playlist) + "/live.m3u8"} {
		spec := mustParse(t, url)
		spec.ReadTimeout = 300 * time.Millisecond
		if !mustOpen(t, spec).Info().Live {
			t.Errorf("%s is not live", url)
		}
	}
}
