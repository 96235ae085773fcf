//go:build gocv_specific_modules

package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Nothing that is read is ever written over, by any name that it has.
func TestNothingReadIsReplaced(t *testing.T) {
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "a.mp4"), 3)
	for name, text := range map[string]string{"run.yaml": "conf: 0.4\n", "list.txt": "a.mp4\n", "net.onnx": "x", "net.json": "{}", "net.jsonl": "conf: 0.4\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	here := filepath.Join(t.TempDir(), "here")
	for link, to := range map[string]string{filepath.Join(dir, "b.mp4"): "a.mp4", here: dir} {
		if err := os.Symlink(to, link); err != nil {
			t.Skip(err)
		}
	}
	before := contents(t, dir)
	for args, want := range map[string]string{
		"-i file://DIR/a.mp4 --save a.mp4":                "save a.mp4 would replace input DIR/a.mp4",
		"-i - --save a.mp4":                               "save a.mp4 would replace input /dev/stdin",
		"-i a.mp4 --config run.yaml --mot run.yaml":       "mot run.yaml would replace config run.yaml",
		"-i a.mp4 --model net.onnx --record net.onnx":     "record net.onnx would replace model net.onnx",
		"-i a.mp4 --model net.onnx --jsonl net.json":      "jsonl net.json would replace model net.json",
		"-i a.mp4 --cpu-profile a.mp4":                    "cpu-profile a.mp4 would replace input a.mp4",
		"-i a.mp4 --mot x.txt --trace x.txt":              "trace x.txt would replace mot x.txt",
		"-i a.mp4 --cpu-profile x --trace x":              "trace x would replace cpu-profile x",
		"batch a.mp4 --out . --video":                     "a.mp4, of input DIR/a.mp4, would replace input DIR/a.mp4",
		"batch a.mp4 --out . --video --force":             "would replace input",
		"batch b.mp4 --out HERE --video":                  "HERE/b.mp4, of input DIR/b.mp4, would replace input DIR/b.mp4",
		"batch a.mp4 b.mp4 --out . --video":               "would replace input",
		"batch DIR/*.mp4 --out DIR/none/.. --video":       "would replace input",
		"batch --list list.txt --out . --video":           "would replace input",
		"batch list.mp4 --list list.txt --out .":          "list.txt, of input DIR/list.mp4, would replace list list.txt",
		"batch list.mp4 @list.txt --out HERE":             "would replace list list.txt",
		"TRACKER_CONFIG=run.yaml -i a.mp4 --mot run.yaml": "mot run.yaml would replace config run.yaml",
		"TRACKER_CONFIG=net.jsonl batch net.mp4 --out .":  "would replace config net.jsonl",
		"batch net.mp4 --out . --config net.jsonl":        "net.jsonl, of input DIR/net.mp4, would replace config net.jsonl",
	} {
		in := func(text string) string { return strings.NewReplacer("DIR", dir, "HERE", here).Replace(text) }
		cmd := command(dir, strings.Fields(in(args))...)
		file, err := os.Open(filepath.Join(dir, "a.mp4"))
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdin = file
		if name, is := strings.CutPrefix(args, "TRACKER_CONFIG="); is {
			name, rest, _ := strings.Cut(name, " ")
			cmd = command(dir, strings.Fields(in(rest))...)
			cmd.Env = append(cmd.Env, "TRACKER_CONFIG="+name)
		}
		got := finish(t, cmd)
		file.Close()
		if got.code != exitUsage || !strings.Contains(got.stderr, in(want)) {
			t.Errorf("%s: exit code %d, want %q: %s", args, got.code, in(want), got.stderr)
		}
		if after := contents(t, dir); !maps.Equal(before, after) {
			t.Fatalf("%s: files are others now: %v", args, files(t, dir))
		}
	}
}

// The files of an installed model are read, too.
func TestInstalledModelIsNotReplaced(t *testing.T) {
	home, dir := t.TempDir(), t.TempDir()
	makeVideo(t, filepath.Join(dir, "people.avi"), 3)
	if got := bare(t, home, dir, "models", "add", foreignModel(t), "--name", "people"); got.code != exitOK {
		t.Fatal(got.stderr)
	}
	models := filepath.Join(home, "models")
	before := contents(t, models)
	for _, args := range [][]string{
		{"-i", "people.avi", "--mot", filepath.Join(models, "people.json")},
		{"-i", "people.avi", "--record", filepath.Join(models, "people.onnx")},
	} {
		got := bare(t, home, dir, append(args, "--backbone", "people")...)
		if want := "would replace model " + args[3]; got.code != exitUsage || !strings.Contains(got.stderr, want) {
			t.Errorf("exit code %d, want %q: %s", got.code, want, got.stderr)
		}
	}
	if !maps.Equal(before, contents(t, models)) {
		t.Error("the model's files are others now")
	}
}

// Results beside their inputs are good where they replace none.
func TestBatchBesideInputs(t *testing.T) {
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "a.avi"), 3)
	before := contents(t, dir)["a.avi"]
	for range 2 {
		if got := runIn(t, dir, "batch", "a.avi", "--out", ".", "--video"); got.code != exitOK {
			t.Fatalf("exit code %d: %s", got.code, got.stderr)
		}
	}
	want := []string{"a.avi", "a.jsonl", "a.manifest.json", "a.mp4", "a.txt"}
	if got := files(t, dir); !slices.Equal(got, want) || contents(t, dir)["a.avi"] != before {
		t.Errorf("files %v, the input is the same: %v", got, contents(t, dir)["a.avi"] == before)
	}
}
