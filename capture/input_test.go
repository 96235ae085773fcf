package capture

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseInput(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, name := range []string{"clip.mp4", "7", "odd[1].mp4", "still.JPG"} {
		if err := os.WriteFile(name, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir("frames.mp4", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		input string
		kind  Kind
		path  string
	}{
		{"clip.mp4", File, "clip.mp4"},
		{"missing.mp4", File, "missing.mp4"},
		{"odd[1].mp4", File, "odd[1].mp4"}, // exists, so no pattern
		{"7", File, "7"},                   // exists, so no camera
		{"0", Camera, "0"},
		{"12", Camera, "12"},
		{"/dev/video2", Camera, "/dev/video2"},
		{"/dev/v4l/by-id/usb-cam", Camera, "/dev/v4l/by-id/usb-cam"},
		{"-", Stdin, ""},
		{"frames.mp4", Images, "frames.mp4"}, // a folder, whatever its name
		{dir, Images, dir},
		{"still.JPG", Images, "still.JPG"},
		{"gone.png", Images, "gone.png"},
		{"img*.png", Images, "img*.png"},
		{"RTSP://host/a", URL, "RTSP://host/a"},
		{"http://host/snap.jpg", URL, "http://host/snap.jpg"},
		{"udp://@239.0.0.1:1234", URL, "udp://@239.0.0.1:1234"},
		{"file:///data/a.mp4", File, "/data/a.mp4"},
		{`C:\clips\a.mp4`, File, `C:\clips\a.mp4`},
	} {
		got, err := ParseInput(c.input)
		if err != nil || got.Kind != c.kind || got.Path != c.path {
			t.Errorf("ParseInput(%q) = %v %q, %v; want %v %q", c.input, got.Kind, got.Path, err, c.kind, c.path)
		}
	}
	for input, want := range map[string]string{
		"":                          "empty",
		"gopher://host/x":           "cannot read gopher://",
		"rtsp://u:secret%zz@host/x": "not a valid URL",
		"gopher://host/x?pw=secret": "input gopher://host/x?…: cannot read",
		"rtsp://":                   "input rtsp://…: no host; write rtsp://HOST/PATH",
		"https:///a.mp4?pw=secret":  "no host; write https://HOST/PATH",
	} {
		_, err := ParseInput(input)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("ParseInput(%q): %v, want %q", input, err, want)
		}
	}
}

func TestNameHidesPassword(t *testing.T) {
	for _, c := range []struct {
		spec Spec
		want string
	}{
		{Spec{Kind: URL, Path: "rtsp://admin:secret@cam/1"}, "rtsp://admin:xxxxx@cam/1"},
		{Spec{Kind: URL, Path: "rtsp://cam/1?user=admin&password=secret"}, "rtsp://cam/1?…"},
		{Spec{Kind: URL, Path: "rtsp://cam/user=admin_Password=se_cr%2Fet_channel=1.sdp/main"}, "rtsp://cam/user=admin_Password=xxxxx"},
		{Spec{Kind: URL, Path: "rtsp://cam/bypass/1"}, "rtsp://cam/bypass/1"},
		{CameraSpec(3), "camera 3"},
		{Spec{Kind: Camera, Path: "/dev/video1"}, "/dev/video1"},
		{Spec{Kind: Stdin}, "standard input"},
		{Spec{Kind: File, Path: "a/b.mp4"}, "a/b.mp4"},
	} {
		if got := c.spec.Name(); got != c.want {
			t.Errorf("Name of %+v = %q, want %q", c.spec, got, c.want)
		}
	}
}

func TestCompareNatural(t *testing.T) {
	ordered := []string{
		"", "1.png", "2.png", "10.png", "a", "a001", "a01", "a1", "a2b1", "a2b10", "a02b11", "a10",
		"a99999999999999999999998", "a99999999999999999999999", "b", filepath.Join("c", "1"),
	}
	for i, a := range ordered {
		for j, b := range ordered {
			got := compareNatural(a, b)
			if (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("compareNatural(%q, %q) = %d, want the order of %d and %d", a, b, got, i, j)
			}
		}
	}
}
