//go:build gocv_specific_modules

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tracker-go/tracker/backbones"
	"github.com/tracker-go/tracker/config"
)

// bare is the program as it is with nothing installed but the ONNX Runtime.
func bare(t *testing.T, home, dir string, args ...string) outcome {
	t.Helper()
	_, library, err := backbones.RuntimeInUse()
	if err != nil {
		t.Fatal(err)
	}
	cmd := command(dir, args...)
	cmd.Env = append(os.Environ(), asMain+"=1", backbones.HomeEnv+"="+home, "XDG_DATA_HOME="+home, backbones.RuntimeEnv+"="+library)
	return finish(t, cmd)
}

// foreignModel is a small YOLOX without a manifest.
func foreignModel(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "backbones", "testdata", "foreign", "yolox.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// The program alone tracks: its default model is inside.
func TestBareProgram(t *testing.T) {
	dir := t.TempDir()
	makeVideo(t, filepath.Join(dir, "good.avi"), 6)
	for _, args := range [][]string{nil, {"--backbone", "mobilenetv2-int8", "--size", "192x160"}, {"--model", foreignModel(t)}} {
		got := bare(t, t.TempDir(), dir, append(args, "-i", "good.avi", "--jsonl", "out.jsonl")...)
		if got.code != exitOK || len(lines(t, filepath.Join(dir, "out.jsonl"))) != 6 {
			t.Errorf("%v: exit code %d: %s", args, got.code, got.stderr)
		}
	}
}

func TestModelsAddListRemove(t *testing.T) {
	home, dir := t.TempDir(), t.TempDir()
	makeVideo(t, filepath.Join(dir, "good.avi"), 4)
	if err := os.WriteFile(filepath.Join(dir, "spoilt.onnx"), []byte("not a network"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		args []string
		code int
		want string // in the output or the error
	}{
		{[]string{"models", "add", foreignModel(t), "--name", "mine"}, exitOK, "added mine: yolox 96×64, 3 classes"},
		{[]string{"models"}, exitOK, "mine "},
		{[]string{"--version"}, exitOK, "model mine (sha256 "},
		{[]string{"-i", "good.avi", "--backbone", "mine", "--jsonl", "out.jsonl"}, exitOK, ""},
		{[]string{"models", "add", foreignModel(t), "--name", "mine"}, exitFailed, "there already"},
		{[]string{"models", "add", foreignModel(t), "--name", "other", "--sha256", strings.Repeat("a", 64)}, exitFailed, "sha256"},
		{[]string{"models", "add", "spoilt.onnx"}, exitFailed, "spoilt.onnx"},
		{[]string{"models", "add", "none.onnx"}, exitFailed, "none.onnx"},
		{[]string{"models", "add", "https://example.org/x.onnx"}, exitUsage, "--sha256"},
		{[]string{"models", "add", "x.onnx", "--name", "resnet"}, exitUsage, "family"},
		{[]string{"models", "add"}, exitUsage, "want one argument"},
		{[]string{"models", "remove", "mine"}, exitOK, "removed "},
		{[]string{"models", "remove", "mine"}, exitUsage, "remove model mine: unknown"},
		{[]string{"models", "remove", "mobilenetv2-int8"}, exitUsage, "built into the program"},
		{[]string{"models", "ad"}, exitUsage, "ad"},
	} {
		got := bare(t, home, dir, step.args...)
		if got.code != step.code || !strings.Contains(got.stdout+got.stderr, step.want) {
			t.Errorf("%v: exit code %d, want %d and %q: %s%s", step.args, got.code, step.code, step.want, got.stdout, got.stderr)
		}
	}
	if left := files(t, filepath.Join(home, "models")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// The list says of every model what its manifest says.
func TestModelsList(t *testing.T) {
	got := bare(t, t.TempDir(), t.TempDir(), "models", "--json")
	var rows []modelRow
	if err := json.Unmarshal([]byte(got.stdout), &rows); err != nil {
		t.Fatalf("%v: %s", err, got.stderr)
	}
	shown := map[string]modelRow{}
	for _, r := range rows {
		shown[r.Backbone] = r
	}
	r := shown["mobilenetv2"]
	if !r.BuiltIn || r.Bytes == 0 || r.Precision != "int8" || r.Conf == 0 || r.NMSIoU == 0 || r.Accuracy == nil || r.Licence == "" {
		t.Errorf("mobilenetv2 is listed as %+v", r)
	}
	if len(shown) != len(backbones.Families()) {
		t.Errorf("%d families, want %d", len(shown), len(backbones.Families()))
	}
}

// Settings that are not given are the model's own.
func TestModelThresholds(t *testing.T) {
	t.Setenv(backbones.HomeEnv, t.TempDir())
	c := config.Default()
	c.NMSIoU = 0.6
	m, err := chooseModel(&c)
	if err != nil {
		t.Fatal(err)
	}
	if conf, _ := m.Thresholds(); c.Conf != conf || c.NMSIoU != 0.6 {
		t.Errorf("conf %g and nms-iou %g, want the model's %g and 0.6", c.Conf, c.NMSIoU, conf)
	}
}
