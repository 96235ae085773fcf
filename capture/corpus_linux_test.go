//go:build gocv_specific_modules

package capture

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	// corpusHelper makes the test program read the file it names, say how that
	// ended, and exit: FFmpeg may crash on hostile bytes.
	corpusHelper = "CAPTURE_TEST_CORPUS"
	// corpusMemory bounds what reading a file of a few kilobytes may take.
	corpusMemory = 1 << 30
)

func TestCorpusHelper(t *testing.T) {
	path := os.Getenv(corpusHelper)
	if path == "" {
		t.Skip("helper of TestHostileMedia")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	s, err := Open(ctx, Spec{Path: path})
	if err != nil {
		fmt.Println("result: ", err)
		return
	}
	defer s.Close()
	size, last := image.Point{}, time.Duration(-1)
	for n := 0; ; n++ {
		f, err := s.Next(ctx)
		if err != nil || n > 2000 {
			fmt.Println("result:", n, "frames:", err)
			return
		}
		now := image.Pt(f.Mat.Cols(), f.Mat.Rows())
		if n > 0 && now != size || f.Time < last {
			t.Errorf("frame %d is %v at %v, after %v at %v", n, now, f.Time, size, last)
		}
		size, last = now, f.Time
		f.Close()
	}
}

// variants spoils a video in every way that the seed leads to.
func variants(seed uint64, video []byte) map[string][]byte {
	r := rand.New(rand.NewPCG(seed, 0))
	all := map[string][]byte{"empty": {}}
	edit := func(name string, change func(data []byte) []byte) {
		all[name] = change(slices.Clone(video))
	}
	for _, keep := range []int{1, 100, len(video) / 3, len(video) - 1 - r.IntN(len(video)/4)} {
		edit(fmt.Sprintf("cut after %d", keep), func(data []byte) []byte { return data[:keep] })
	}
	for _, flips := range []int{1, 30, 1000} {
		for _, part := range []int{512, len(video)} {
			edit(fmt.Sprintf("%d bits flipped in the first %d bytes", flips, part), func(data []byte) []byte {
				for range flips {
					data[r.IntN(part)] ^= 1 << r.IntN(8)
				}
				return data
			})
		}
	}
	// The size as the containers and codecs write it, made absurd wherever it is.
	for _, order := range []binary.AppendByteOrder{binary.BigEndian, binary.LittleEndian} {
		for _, size := range []uint16{0, 0x3fff, 0xffff} {
			edit(fmt.Sprintf("size %#x %v", size, order), func(data []byte) []byte {
				for _, side := range []uint16{testWidth, testHeight} {
					was, now := order.AppendUint16(nil, side), order.AppendUint16(nil, size)
					data = bytes.ReplaceAll(data, was, now)
				}
				return data
			})
		}
	}
	edit("middle missing", func(data []byte) []byte { return slices.Delete(data, len(data)/3, len(data)/2) })
	edit("middle twice", func(data []byte) []byte {
		return slices.Insert(data, len(data)/2, data[len(data)/3:len(data)/2]...)
	})
	edit("middle zero", func(data []byte) []byte { clear(data[len(data)/3 : len(data)/2]); return data })
	edit("all random after the head", func(data []byte) []byte {
		for i := 256; i < len(data); i++ {
			data[i] = byte(r.Uint32())
		}
		return data
	})
	return all
}

// Corrupt and hostile files neither crash nor hang the program, nor take its
// memory.
func TestHostileMedia(t *testing.T) {
	dir := t.TempDir()
	for i, c := range []struct{ name, codec string }{
		{"a.avi", "MJPG"}, {"b.mp4", "mp4v"}, {"c.mkv", "MJPG"}, {"d.ts", "H264"},
	} {
		video, err := os.ReadFile(writeNoise(t, filepath.Join(dir, c.name), c.codec, 20))
		if err != nil {
			t.Fatal(err)
		}
		for what, data := range variants(uint64(i+1), video) {
			t.Run(c.name+" "+what, func(t *testing.T) { readHostile(t, "spoilt"+filepath.Ext(c.name), data) })
		}
		for _, name := range []string{"x.mp4", "x.txt", "x"} {
			t.Run(c.name+" as "+name, func(t *testing.T) { readHostile(t, name, video) })
		}
	}
}

func readHostile(t *testing.T, name string, data []byte) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestCorpusHelper$", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), corpusHelper+"="+path)
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("result:")) || bytes.Contains(out, []byte("deadline")) {
		keep := filepath.Join(os.TempDir(), "hostile-"+name)
		os.WriteFile(keep, data, 0o644)
		t.Fatalf("%v: %s (kept as %s)", err, out, keep)
	}
	memory := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
	if memory > corpusMemory {
		t.Errorf("%d MB of memory", memory>>20)
	}
	result, _, _ := strings.Cut(string(out), "\n")
	t.Logf("%d MB, %s", memory>>20, strings.ReplaceAll(result, filepath.Dir(path)+"/", ""))
}

// A recording whose pictures change their size ends with an error that says so;
// OpenCV would go on with false pictures.
func TestFileChangesSize(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ width, height int }{{160, 128}, {48, 32}, {96, 32}, {48, 64}} {
		var both []byte
		for i, size := range []image.Point{{testWidth, testHeight}, {c.width, c.height}} {
			part, err := os.ReadFile(writeNoiseSized(t, filepath.Join(dir, fmt.Sprint(i, ".ts")), "H264", 20, size.X, size.Y))
			if err != nil {
				t.Fatal(err)
			}
			both = append(both, part...)
		}
		path := filepath.Join(dir, "both.ts")
		if err := os.WriteFile(path, both, 0o644); err != nil {
			t.Fatal(err)
		}
		s := mustOpen(t, Spec{Path: path})
		all, err := readAll(t, s, false)
		var resized *ResizedError
		if !errors.As(err, &resized) || len(all) != 20 || resized.To != image.Pt(c.width, c.height) {
			t.Errorf("%d frames, then %v", len(all), err)
		}
		wantError(t, err, "read "+path+": ", "the pictures change from 96x64 to ")
	}
	// The same twice is whole.
	part, err := os.ReadFile(filepath.Join(dir, "0.ts"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "twice.ts")
	if err := os.WriteFile(path, slices.Concat(part, part), 0o644); err != nil {
		t.Fatal(err)
	}
	if all, err := readAll(t, mustOpen(t, Spec{Path: path}), false); err != io.EOF || len(all) != 40 {
		t.Errorf("%d frames, then %v", len(all), err)
	}
}
