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
	// corpusHelper makes the test program read the files it names, say how each
	// ended, and exit: FFmpeg may crash on hostile bytes.
	corpusHelper = "CAPTURE_TEST_CORPUS"
	// corpusMemory bounds what reading files of some kilobytes may take.
	corpusMemory = 1 << 30
	// corpusPatience bounds the time for one of them.
	corpusPatience = 30 * time.Second
)

func TestCorpusHelper(t *testing.T) {
	paths := os.Getenv(corpusHelper)
	if paths == "" {
		t.Skip("helper of TestHostileMedia")
	}
	for path := range strings.SplitSeq(paths, "\n") {
		fmt.Println("begin", path)
		late := time.AfterFunc(corpusPatience, func() { panic("it hangs") })
		n, err := readSteadily(path)
		late.Stop()
		fmt.Println("end", n, "frames:", err)
	}
}

// readSteadily reads a video whose pictures must keep their size and order.
func readSteadily(path string) (frames int, err error) {
	ctx := context.Background()
	s, err := Open(ctx, Spec{Path: path, MaxFrames: 2000})
	if err != nil {
		return 0, err
	}
	defer s.Close()
	var size image.Point
	var last time.Duration
	for ; ; frames++ {
		f, err := s.Next(ctx)
		if err != nil {
			return frames, err
		}
		now := image.Pt(f.Mat.Cols(), f.Mat.Rows())
		if frames > 0 && (now != size || f.Time < last) {
			panic(fmt.Sprintf("frame %d is %v at %v, after %v at %v", frames, now, f.Time, size, last))
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
	for _, flips := range []int{1, 10, 100, 1000} {
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
	for i, c := range []struct{ extension, codec string }{
		{".avi", "MJPG"}, {".mp4", "mp4v"}, {".mkv", "MJPG"}, {".ts", "H264"},
	} {
		t.Run(c.extension, func(t *testing.T) {
			dir := t.TempDir()
			video, err := os.ReadFile(writeNoise(t, filepath.Join(dir, "whole"+c.extension), c.codec, 20))
			if err != nil {
				t.Fatal(err)
			}
			var paths []string
			write := func(name string, data []byte) {
				path := filepath.Join(dir, name)
				if err := os.WriteFile(path, data, 0o644); err != nil {
					t.Fatal(err)
				}
				paths = append(paths, path)
			}
			for name, data := range variants(uint64(i+1), video) {
				write(name+c.extension, data)
			}
			for _, name := range []string{"wrong.mp4", "wrong.avi", "wrong.txt", "wrong"} {
				write(name, video)
			}
			slices.Sort(paths)
			for len(paths) > 0 {
				paths = paths[readHostile(t, paths):]
			}
		})
	}
}

// readHostile reads files in another process, and returns how many that survived:
// all, or up to and including the one that killed it.
func readHostile(t *testing.T, paths []string) int {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestCorpusHelper$")
	cmd.Env = append(os.Environ(), corpusHelper+"="+strings.Join(paths, "\n"))
	out, err := cmd.CombinedOutput()
	begun := bytes.Count(out, []byte("begin /"))
	if err != nil || begun != len(paths) {
		keep := filepath.Join(os.TempDir(), filepath.Base(paths[max(begun, 1)-1]))
		os.Rename(paths[max(begun, 1)-1], keep)
		t.Errorf("%v at %s (kept): %s", err, keep, out)
		return max(begun, 1)
	}
	if memory := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10; memory > corpusMemory {
		t.Errorf("%d MB of memory", memory>>20)
	} else {
		t.Logf("%d files, at most %d MB", begun, memory>>20)
	}
	t.Log("\n" + strings.ReplaceAll(string(out), filepath.Dir(paths[0])+"/", ""))
	return begun
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
