package main

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The program needs no OpenCV when it is built without the Makefile's tags.
func TestNeedsNoOpenCV(t *testing.T) {
	bare := func(args ...string) []byte {
		cmd := exec.Command("go", args...)
		cmd.Env = append(cmd.Environ(), "GOFLAGS=-trimpath")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go %v: %v", args, err)
		}
		return out
	}
	bare("build", "-buildvcs=false", "-o", filepath.Join(t.TempDir(), "backbench"), ".")
	out := bare("list", "-deps", ".")
	if deps := string(out); strings.Contains(deps, "gocv") || !strings.Contains(deps, "onnxruntime_go") {
		t.Errorf("depends on %s", deps)
	}
}

func TestMeasure(t *testing.T) {
	var out, errs bytes.Buffer
	small := filepath.Join("..", "..", "backbones", "testdata", "foreign", "yolox.onnx")
	if code := run([]string{"-json", "-time", "50ms", "-batch", "1,2", "-threads", "1", "mobilenetv2"}, &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s", code, &errs)
	}
	var results []result
	if err := json.Unmarshal(out.Bytes(), &results); err != nil || len(results) != 2 {
		t.Fatalf("%v: %s", err, &out)
	}
	for i, r := range results {
		if r.Batch != i+1 || r.Device != "cpu" || r.P50 <= 0 || r.P95 < r.P50 || r.Runs < 1 || r.Nodes.On("CPU") < 100 {
			t.Errorf("%+v", r)
		}
	}
	out.Reset()
	if code := run([]string{"-time", "10ms", "-batch", "1", small}, &out, &errs); code != 0 || !strings.Contains(out.String(), "yolox") {
		t.Errorf("exit code %d: %s%s", code, &out, &errs)
	}
}

// A model that takes one picture at a time is measured so, and refused where more
// are asked for.
func TestOnePictureAtATime(t *testing.T) {
	suppressed := filepath.Join("..", "..", "backbones", "testdata", "foreign", "end2end.onnx")
	for _, tc := range []struct {
		flags []string
		code  int
		want  string
	}{
		{nil, 0, "left out: "},
		{[]string{"-batch", "1,8"}, 1, "backbench: "},
	} {
		var out, errs bytes.Buffer
		args := append(tc.flags, "-json", "-time", "10ms", suppressed)
		code := run(args, &out, &errs)
		var results []result
		if err := json.Unmarshal(out.Bytes(), &results); err != nil || len(results) != 1 || results[0].Batch != 1 {
			t.Errorf("%v: %v: %s", tc.flags, err, &out)
		}
		if code != tc.code || !strings.HasPrefix(errs.String(), tc.want) || !strings.Contains(errs.String(), "one picture at a time") {
			t.Errorf("%v: exit code %d: %s", tc.flags, code, &errs)
		}
	}
}

func TestMistakes(t *testing.T) {
	for _, tc := range []struct {
		args []string
		code int
		want string
	}{
		{nil, 2, "name a model"},
		{[]string{"-batch", "0", "mobilenetv2"}, 2, `batch "0"`},
		{[]string{"-device", "abacus", "mobilenetv2"}, 2, `device "abacus"`},
		{[]string{"-device", "cuda:7", "mobilenetv2"}, 1, "device cuda:7"},
		{[]string{"nonesuch"}, 1, "nonesuch"},
	} {
		var out, errs bytes.Buffer
		if code := run(tc.args, &out, &errs); code != tc.code || !strings.Contains(errs.String(), tc.want) {
			t.Errorf("%v: exit code %d: %s", tc.args, code, &errs)
		}
	}
}
