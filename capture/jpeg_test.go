package capture

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"slices"
	"testing"
)

// jpegFile is a JPEG file of a picture of w×h pixels that no two are alike.
func jpegFile(t testing.TB, w, h int) []byte {
	t.Helper()
	picture := image.NewGray(image.Rect(0, 0, w, h))
	for i := range picture.Pix {
		picture.SetGray(i%w, i/w, color.Gray{Y: uint8(i * 7)})
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCutJPEG(t *testing.T) {
	whole := jpegFile(t, 64, 48)
	thumbnail := jpegFile(t, 8, 8)
	// An application's segment with a thumbnail, as Exif has it, after a byte of padding.
	head := []byte{0xff, 0xff, 0xe1, byte((2 + len(thumbnail)) >> 8), byte(2 + len(thumbnail))}
	withThumbnail := slices.Concat(whole[:2], head, thumbnail, whole[2:])
	for name, c := range map[string]struct {
		data []byte
		cut  bool
	}{
		"whole":                            {whole, false},
		"with bytes after its end":         {append(slices.Clone(whole), 0, 0, 0), false},
		"without its end":                  {whole[:len(whole)-2], false},
		"without its last bytes":           {whole[:len(whole)-40], true},
		"half":                             {whole[:len(whole)/2], true},
		"only its start":                   {whole[:2], true},
		"in a segment's length":            {whole[:5], true},
		"with a thumbnail":                 {withThumbnail, false},
		"half, with a thumbnail":           {withThumbnail[:len(withThumbnail)-len(whole)/2], true},
		"cut within the thumbnail":         {withThumbnail[:20], true},
		"with markers that have no length": {slices.Concat(whole[:2], []byte{0xff, 0, 0xff, 0xd0}, whole[2:]), false},
		"cut right after thumbnail":        {withThumbnail[:2+len(head)+len(thumbnail)], true},
		"PNG":                              {[]byte("\x89PNG\r\n"), false},
		"empty":                            {nil, false},
	} {
		if got := cutJPEG(c.data); got != c.cut {
			t.Errorf("%s: cut is %v", name, got)
		}
	}
}

func TestEveryCutOfAJPEGIsFound(t *testing.T) {
	whole := jpegFile(t, 64, 48)
	for length := 2; length < len(whole)-40; length++ { // the picture's last blocks may be in fewer bytes
		if !cutJPEG(whole[:length]) {
			t.Errorf("not cut at %d of %d bytes", length, len(whole))
		}
	}
}

func FuzzCutJPEG(f *testing.F) {
	whole := jpegFile(f, 16, 16)
	f.Add(whole)
	f.Add(whole[:40])
	f.Fuzz(func(t *testing.T, data []byte) {
		cut := cutJPEG(data)
		if c, err := jpeg.DecodeConfig(bytes.NewReader(data)); err != nil || c.Width*c.Height > maxChecked {
			return
		}
		if _, err := jpeg.Decode(bytes.NewReader(data)); err == nil && cut {
			t.Error("the file can be decoded to its end, and is told as cut")
		}
	})
}
