//go:build gocv_specific_modules

package capture

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func imageFolder(t *testing.T, frames int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range frames {
		writeImage(t, filepath.Join(dir, fmt.Sprintf("img%d.png", i)), i) // no leading zeros
	}
	for _, name := range []string{"readme.txt", ".hidden.png"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestImages(t *testing.T) {
	dir := imageFolder(t, 12)
	for _, input := range []string{dir, filepath.Join(dir, "img*.png")} {
		spec := mustParse(t, input)
		spec.FPS = testFPS
		s := mustOpen(t, spec)
		info := s.Info()
		if info.Width != testWidth || info.Height != testHeight || info.Frames != 12 || info.FPS != testFPS || info.Live {
			t.Errorf("%s: %+v", input, info)
		}
		if got := readWhole(t, s, true); !slices.Equal(got, evenly(12, 1)) {
			t.Errorf("%s: %v", input, got)
		}
	}

	spec := mustParse(t, dir)
	spec.FPS, spec.Stride = testFPS, 5
	if got := readWhole(t, mustOpen(t, spec), true); !slices.Equal(got, evenly(12, 5)) {
		t.Errorf("stride 5: %v", got)
	}

	got := readWhole(t, mustOpen(t, mustParse(t, filepath.Join(dir, "img7.png"))), true)
	if want := []seen{{0, 0, 7}}; !slices.Equal(got, want) {
		t.Errorf("one image: %v", got)
	}
	if s := mustOpen(t, mustParse(t, dir)); s.Info().FPS != defaultFPS {
		t.Errorf("default rate %v, want %v", s.Info().FPS, defaultFPS)
	}
}

func TestCorruptImage(t *testing.T) {
	whole := jpegFile(t, 64, 48)
	for name, contents := range map[string]string{
		"half JPEG": string(whole[:len(whole)/2]),
		"no image":  "no image at all",
		"empty":     "",
		"cut":       "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
	} {
		dir := imageFolder(t, 5)
		bad := filepath.Join(dir, "img3.png")
		if err := os.WriteFile(bad, []byte(contents), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := readAll(t, mustOpen(t, mustParse(t, dir)), true)
		wantError(t, err, "read frame 3, "+bad+": ", "remove or replace it")
		if len(got) != 3 {
			t.Errorf("%s: %d frames before it, want 3", name, len(got))
		}
	}
}

func TestImageErrors(t *testing.T) {
	empty := t.TempDir()
	dir := imageFolder(t, 2)
	first := filepath.Join(dir, "bad", "a.png")
	if err := os.Mkdir(filepath.Dir(first), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(first, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	for input, c := range map[string]struct{ subject, want string }{
		empty:                             {empty, "no images in this folder"},
		filepath.Join(dir, "gone.png"):    {filepath.Join(dir, "gone.png"), "no such file"},
		filepath.Join(dir, "img%03d.png"): {filepath.Join(dir, "img%03d.png"), "as a pattern in quotes, 'img*.jpg'"},
		filepath.Join(dir, "a.png,b.png"): {filepath.Join(dir, "a.png,b.png"), "--input once for each"},
		filepath.Join(dir, "gone*.png"):   {filepath.Join(dir, "gone*.png"), "nothing matches"},
		filepath.Join(dir, "*"):           {filepath.Join(dir, "*"), "which is not an image"},
		filepath.Join(dir, "[*"):          {filepath.Join(dir, "[*"), "not a valid pattern"},
		filepath.Dir(first):               {first, "not an image that OpenCV can decode"},
	} {
		_, err := Open(t.Context(), mustParse(t, input))
		wantError(t, err, "open "+c.subject+": ", c.want)
	}
}
