package batch

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExpand(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"in/b.MP4", "in/a.avi", "in/deep/er/c.mkv", "in/seq/2.jpg", "in/seq/1.png", "in/notes.txt",
		"in/.hidden/x.mp4", "in/out/a.mp4", "single.jpg", "odd.bin", "x1.mp4", "x2.mp4",
	} {
		write(t, dir, name, name)
	}
	t.Chdir(dir)
	for link, to := range map[string]string{"link": "in", "in/loop": ".", "elsewhere": "in/out"} {
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	write(t, dir, "list.txt", "# which\n in \n\nx*.mp4\nnone.mp4\n")
	for _, c := range []struct {
		args  []string
		stdin string
		want  []string
	}{
		{[]string{"in"}, "", []string{"a.avi", "b.MP4", "deep/er/c.mkv", "seq"}},
		{[]string{"in/"}, "", []string{"a.avi", "b.MP4", "deep/er/c.mkv", "seq"}},
		{[]string{"in/seq"}, "", []string{"seq"}},
		{[]string{"link"}, "", []string{"a.avi", "b.MP4", "deep/er/c.mkv", "seq"}},
		{[]string{"single.jpg", "odd.bin", "none.mp4"}, "", []string{"single.jpg", "odd.bin", "none.mp4"}},
		{[]string{"in/b.MP4", "in", dir + "/in/b.MP4"}, "", []string{"b.MP4", "a.avi", "deep/er/c.mkv", "seq"}},
		{[]string{"x*.mp4"}, "", []string{"x1.mp4", "x2.mp4"}},
		{[]string{"-"}, "x2.mp4\nx1.mp4", []string{"x2.mp4", "x1.mp4"}},
		{[]string{"@list.txt"}, "", []string{"a.avi", "b.MP4", "deep/er/c.mkv", "seq", "x1.mp4", "x2.mp4", "none.mp4"}},
	} {
		for _, out := range []string{filepath.Join("in", "out"), "elsewhere"} {
			inputs, err := Expand(c.args, strings.NewReader(c.stdin), out)
			if err != nil {
				t.Errorf("%v: %v", c.args, err)
			}
			var got []string
			for _, in := range inputs {
				got = append(got, in.Below)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%v but %s: %v, want %v", c.args, out, got, c.want)
			}
		}
	}
	inputs, err := Expand([]string{"link"}, nil, "")
	if err != nil || inputs[0] != (Input{"link/a.avi", "a.avi", int64(len("in/a.avi"))}) {
		t.Errorf("%+v, %v", inputs, err)
	}
	for _, c := range []struct{ arg, stdin, want string }{
		{"@nothing.txt", "", "list of inputs"},
		{"y*.mp4", "", "nothing matches"},
		{"-", "@other\n", "a list cannot name another"},
		{"-", "", "no video"},
		{"rtsp://host/path", "", "is a stream"},
		{"s3://bucket/a.mp4", "", "mount the bucket"},
	} {
		if _, err := Expand([]string{c.arg}, strings.NewReader(c.stdin), "out"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.arg, err, c.want)
		}
	}
}

// A digest tells inputs apart by their bytes, folders also by the pictures' names.
func TestDigest(t *testing.T) {
	dir := t.TempDir()
	a := write(t, dir, "a.mp4", "bytes")
	b := write(t, dir, "b.mp4", "bytes")
	c := write(t, dir, "c.mp4", "others")
	write(t, dir, "p/1.jpg", "x")
	write(t, dir, "p/notes.txt", "x")
	write(t, dir, "q/2.jpg", "x")
	sum := func(path string) string {
		s, err := Digest(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Unchanged(); err != nil {
			t.Error(err)
		}
		return s.SHA256
	}
	if sum(a) != sum(b) || sum(a) == sum(c) {
		t.Error("files are told apart by more or less than their bytes")
	}
	p := sum(filepath.Join(dir, "p"))
	if p == sum(filepath.Join(dir, "q")) {
		t.Error("a folder's digest leaves out the names")
	}
	for _, other := range []string{"p/notes.txt", "p/._1.jpg"} {
		write(t, dir, other, "others")
		if p != sum(filepath.Join(dir, "p")) {
			t.Errorf("a folder's digest counts %s, which is not read", other)
		}
	}
	if err := os.Symlink("user@host.1", filepath.Join(dir, "p", ".#1.jpg")); err != nil { // as Emacs locks a file
		t.Fatal(err)
	}
	if p != sum(filepath.Join(dir, "p")) {
		t.Error("a folder's digest counts the lock of an editor")
	}
	folder, _ := Digest(t.Context(), filepath.Join(dir, "p"))
	later := time.Now().Add(time.Second) // than the clock of the file system can tell
	if err := os.Chtimes(write(t, dir, "p/1.jpg", "y"), later, later); err != nil || folder.Unchanged() == nil {
		t.Error("a folder of which a picture was written over counts as unchanged", err)
	}
	s, _ := Digest(t.Context(), c)
	write(t, dir, "c.mp4", "longer than it was")
	if s.Unchanged() == nil {
		t.Error("a file that grew counts as unchanged")
	}
	if err := os.Remove(c); err != nil || s.Unchanged() == nil {
		t.Error("a file that vanished counts as unchanged", err)
	}
	k1, _ := Key(s, "model", 1)
	k2, _ := Key(s, "model", 2)
	k3, _ := Key(s, "other", 1)
	if k1 == k2 || k1 == k3 {
		t.Error("keys leave something out")
	}
}

// A process may die between any two names that results are given.
func TestPublishGoesOn(t *testing.T) {
	for done := range 3 {
		dir := t.TempDir()
		write(t, dir, "sub/a.partial.txt", "rows")
		write(t, dir, "sub/a.partial.jsonl", "")
		names := []string{"sub/a.txt", "sub/a.jsonl"}
		outputs, err := Ready(dir, names)
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, "sub/a.txt", "of a run before")
		if err := Publish(dir, outputs[:done]); err != nil {
			t.Fatal(err)
		}
		if err := Publish(dir, outputs); err != nil {
			t.Fatalf("after %d names: %v", done, err)
		}
		m := Manifest{Status: Done, Key: "k", Outputs: outputs}
		path := filepath.Join(dir, "sub", "a.manifest.json")
		if err := m.Write(path); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(filepath.Join(dir, "sub", "a.txt")); err != nil || string(text) != "rows" {
			t.Errorf("%q, %v", text, err)
		}
		if !Finished(dir, path, "k") || Finished(dir, path, "other") {
			t.Error("finished for another key, or not for its own")
		}
		write(t, dir, "sub/a.txt", "cut")
		if Finished(dir, path, "k") || Publish(dir, outputs) == nil {
			t.Error("a result that is another counts as complete")
		}
	}
}

func TestCheckpoint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.checkpoint")
	want := Checkpoint{
		Key: "k", Program: "p", Frames: 7, Sizes: map[string]int64{"a.txt": 5}, Tracker: []byte{1}, Motion: []byte{2},
		Moving: [][4]float64{{1, 2, 3, 4}}, Overlay: []byte{3}, Video: []byte{4}, Ready: &Manifest{Key: "k"},
	}
	if err := want.Save(path); err != nil {
		t.Fatal(err)
	}
	if got := LoadCheckpoint(path, "k", "p"); got == nil || !reflect.DeepEqual(*got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	for _, c := range [][2]string{{"other", "p"}, {"k", "other"}} {
		if LoadCheckpoint(path, c[0], c[1]) != nil {
			t.Errorf("a checkpoint of another %v is taken", c)
		}
	}
	if LoadCheckpoint(path+"x", "k", "p") != nil {
		t.Error("there is a checkpoint where there is none")
	}
	for _, damaged := range []Checkpoint{{Key: "k", Frames: -1}, {Key: "k", Sizes: map[string]int64{"a.txt": -1}}} {
		if err := damaged.Save(path); err != nil || LoadCheckpoint(path, "k", "") != nil {
			t.Errorf("a checkpoint is taken that makes no sense: %+v, %v", damaged, err)
		}
	}
}

// Damaged files are refused, or make sense.
func FuzzCheckpoint(f *testing.F) {
	path := filepath.Join(f.TempDir(), "c")
	c := Checkpoint{Key: "k", Frames: 3, Sizes: map[string]int64{"a": 1}, Ready: &Manifest{Outputs: []Output{{Path: "a"}}}}
	if err := c.Save(path); err != nil {
		f.Fatal(err)
	}
	data, _ := os.ReadFile(path)
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := parseCheckpoint(data); err == nil && c.Frames < 0 {
			t.Fatalf("%+v", c)
		}
	})
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"version":1,"status":"done","key":"k","outputs":[{"path":"a.txt","bytes":3}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := ParseManifest(data); err == nil && m.Version != manifestVersion {
			t.Fatalf("%+v", m)
		}
	})
}
