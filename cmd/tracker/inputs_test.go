//go:build gocv_specific_modules

package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tracker-go/tracker/config"
)

func TestNames(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.Mkdir("frames", 0o700); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"videos/street.cut.mp4": "street.cut", "-": "stdin", "3": "camera3", "/dev/video2": "camera2",
		"/dev/v4l/by-id/usb-cam": "camera-dev-v4l-by-id-usb-cam",
		"frames":                 "frames", "frames/": "frames", "frames/*.jpg": "frames", "*.jpg": filepath.Base(dir), "a.jpg": "a",
		"rtsp://user:secret@10.0.0.7:554/main/1": "10.0.0.7-554-main-1", "http://host/a?token=secret": "host-a",
		"rtsp://cam/user=admin_password=secret_channel=1.sdp": "cam-user-admin_password-xxxxx",
		"gopher://x": "input", "Straße 5.mp4": "Straße-5", ".mp4": "input", "../none/..": "input",
	} {
		if got := nameOf(config.Config{Input: config.List[string]{path}}); got != want {
			t.Errorf("%s is called %q, want %q", path, got, want)
		}
	}
	if got := nameOf(config.Config{Cam: config.List[int]{4}}); got != "camera4" {
		t.Errorf("camera 4 is called %q", got)
	}
}

// What may be secret in an address is not shown.
func TestShownInputs(t *testing.T) {
	inputs := config.List[string]{"rtsp://user:secret@10.0.0.7/1", "http://host/a?token=secret", "rtsp://user:se%cret@host/", "a.mp4"}
	want := "rtsp://user:xxxxx@10.0.0.7/1, http://host/a?…, URL, a.mp4"
	if got := shownInputs(config.Config{Input: inputs}); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestDistinctNames(t *testing.T) {
	got := distinct([]string{"cam", "Cam", "cam-2", "cam", "yard", "cam-2"})
	if want := []string{"cam", "Cam-3", "cam-2", "cam-4", "yard", "cam-2-2"}; !slices.Equal(got, want) {
		t.Errorf("names %q, want %q", got, want)
	}
}

// Each input gets the settings with itself alone and its own outputs.
func TestInputsOf(t *testing.T) {
	c := config.Default()
	c.Input = config.List[string]{"a/cam.mp4", "b/cam.mp4"}
	c.MOT, c.Save, c.JSONL = "out/{name}.txt", "out/{name}-{name}.mp4", "-"
	list := inputsOf(c)
	if len(list) != 2 || list[0].config.MOT != "out/cam.txt" || list[1].config.Save != "out/cam-2-cam-2.mp4" || list[1].config.JSONL != "-" ||
		list[0].renamed || !list[1].renamed || !slices.Equal(list[1].config.Input, []string{"b/cam.mp4"}) || c.MOT != "out/{name}.txt" {
		t.Errorf("inputs %+v", list)
	}
}

// A password that changes is told, and not which.
func TestShownChange(t *testing.T) {
	of := func(input string) config.Config { return config.Config{Input: config.List[string]{input}} }
	for _, c := range [][3]string{
		{"rtsp://cam/1", "rtsp://cam/2", "rtsp://cam/2"},
		{"rtsp://u:old@cam/1", "rtsp://u:new@cam/1", "rtsp://u:xxxxx@cam/1 (with another password or query)"},
	} {
		if _, to := shownChange(of(c[0]), of(c[1])); to != c[2] {
			t.Errorf("from %s to %q, want %q", c[0], to, c[2])
		}
	}
}
