//go:build gocv_specific_modules

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/tracker-go/tracker/backbones"
)

// doctor runs the command with more of an environment, and reads its JSON.
func doctor(t *testing.T, environment ...string) (outcome, doctorReport) {
	t.Helper()
	cmd := command(t.TempDir(), "doctor", "--json")
	cmd.Env = append(cmd.Env, environment...)
	got := finish(t, cmd)
	var report doctorReport
	if err := json.Unmarshal([]byte(got.stdout), &report); err != nil {
		t.Fatalf("%v: %s%s", err, got.stdout, got.stderr)
	}
	return got, report
}

// of is the check of an item.
func (r *doctorReport) of(t *testing.T, item string) check {
	t.Helper()
	for _, c := range r.Checks {
		if c.Item == item {
			return c
		}
	}
	t.Fatalf("nothing is said of %s in %+v", item, r.Checks)
	return check{}
}

func TestDoctorOnThisMachine(t *testing.T) {
	got, r := doctor(t, "XDG_DATA_HOME="+t.TempDir(), libraryInUse(t))
	if got.code != exitOK {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
	for item, want := range map[string]string{
		"ONNX Runtime": backbones.RuntimeVersion, "OpenCV": "4.", "FFmpeg": "libavcodec ", "cpu": "can use it",
		"mobilenetv2-int8": "sha256 ok; runs on cpu; nodes: CPU ", "h264": "written", "mpeg4": "written", "mjpeg": "written",
		"memory": "GB in all",
	} {
		if c := r.of(t, item); c.Verdict != fine || !strings.Contains(c.Found, want) {
			t.Errorf("%s: %+v, want %q", item, c, want)
		}
	}
	if c := r.of(t, "xnnpack"); c.Verdict != absent || c.Fix == "" {
		t.Errorf("%+v", c)
	}
}

// libraryInUse lets a process without a data folder find the ONNX Runtime.
func libraryInUse(t *testing.T) string {
	t.Helper()
	_, library, err := backbones.RuntimeInUse()
	if err != nil {
		t.Fatal(err)
	}
	return backbones.RuntimeEnv + "=" + library
}

// Three things are broken, one after the other, as they break in life: each is
// named, with its remedy, and nothing else is.
func TestDoctorNamesWhatIsBroken(t *testing.T) {
	for _, tc := range []struct {
		name        string
		environment []string
		item, found string
		fix         string
	}{
		{"no ONNX Runtime", []string{backbones.RuntimeEnv + "=/nowhere/libonnxruntime.so"}, "ONNX Runtime", "/nowhere/libonnxruntime.so", "unset " + backbones.RuntimeEnv},
		{"a spoilt model", []string{backbones.HomeEnv + "=" + spoiltModel(t), libraryInUse(t)}, "spoilt", "is not the file its manifest describes", "tracker models remove spoilt"},
		{"an FFmpeg without x264", []string{"LD_PRELOAD=" + withoutX264(t)}, "h264", "h264", "apt-get install --reinstall libavcodec"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, r := doctor(t, tc.environment...)
			list := r.broken()
			if got.code != exitFailed || len(list) != 1 {
				t.Fatalf("exit code %d, broken: %+v", got.code, list)
			}
			if c := list[0]; c.Item != tc.item || !strings.Contains(c.Found, tc.found) || !strings.Contains(c.Fix, tc.fix) {
				t.Errorf("%+v", c)
			}
			if !strings.Contains(got.stderr, tc.item) {
				t.Errorf("the last line is silent: %s", got.stderr)
			}
		})
	}
}

// spoiltModel is a data folder with a model of which a byte has changed.
func spoiltModel(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	models := filepath.Join(home, "models")
	if err := os.Mkdir(models, 0o700); err != nil {
		t.Fatal(err)
	}
	for ext, edit := range map[string]func(string) string{
		".onnx": func(s string) string { return s[:1000] + "\x00\x01" + s[1002:] },
		".json": func(s string) string {
			s = strings.ReplaceAll(s, "mobilenetv2-int8", "spoilt")
			return strings.Replace(s, `"recommended": true`, `"recommended": false`, 1)
		},
	} {
		data, err := os.ReadFile(filepath.Join("..", "..", "models", "mobilenetv2-int8"+ext))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(models, "spoilt"+ext), []byte(edit(string(data))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return home
}

// withoutX264 is a library that hides an encoder from FFmpeg's users, as a build
// without it does.
func withoutX264(t *testing.T) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs LD_PRELOAD")
	}
	return compile(t, "-shared", "-fPIC", `
		#define _GNU_SOURCE
		#include <dlfcn.h>
		#include <string.h>
		const void *avcodec_find_encoder_by_name(const char *name) {
			const void *(*next)(const char *) = dlsym(RTLD_NEXT, "avcodec_find_encoder_by_name");
			return strcmp(name, "libx264") ? next(name) : 0;
		}`)
}

// compile builds C text with flags and gives the file.
func compile(t *testing.T, flagsAndText ...string) string {
	t.Helper()
	dir := t.TempDir()
	source, made := filepath.Join(dir, "made.c"), filepath.Join(dir, "made")
	flags, text := flagsAndText[:len(flagsAndText)-1], flagsAndText[len(flagsAndText)-1]
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cc", append(flags, "-o", made, source, "-ldl")...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return made
}

func TestDriverIn(t *testing.T) {
	bundle := t.TempDir()
	library := filepath.Join(bundle, "libonnxruntime.so.1")
	twelve := cudaBeside(library)
	if err := os.WriteFile(filepath.Join(bundle, "libcudart.so.13"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if found, fits := cudaBeside(library).driverIn([]byte("Kernel Module  570.86.10  Release")); found != "570.86.10, too old for CUDA 13" || fits {
		t.Errorf("%q, %v", found, fits)
	}
	for text, want := range map[string]struct {
		found string
		fits  bool
	}{
		"": {"none is loaded", false},
		"NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.10  Thu May  2 14:37:44 UTC 2024\n":                   {"570.86.10", true},
		"NVRM version: NVIDIA UNIX x86_64 Kernel Module  470.256.02  Thu May  2 14:37:44 UTC 2024\n":                  {"470.256.02, too old for CUDA 12", false},
		"NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build  (dvs)  Tue Sep 23 2025\n": {"580.95.05", true},
		"NVRM version: something else": {"loaded, of an unknown version", true},
	} {
		if found, fits := twelve.driverIn([]byte(text)); found != want.found || fits != want.fits {
			t.Errorf("driverIn(%q) = %q, %v", text, found, fits)
		}
	}
}

func TestDoctorDevice(t *testing.T) {
	got := finish(t, command(t.TempDir(), "doctor", "--device", "abacus"))
	if got.code != exitUsage || !strings.Contains(got.stderr, `"abacus"`) {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
	cmd := command(t.TempDir(), "doctor", "--device", "tensorrt")
	cmd.Env = append(cmd.Env, libraryInUse(t))
	got = finish(t, cmd)
	if got.code != exitFailed || !strings.Contains(got.stdout, "To mend:") || !strings.Contains(got.stdout, "tensorrt:0: run 'deploy/setup.sh cuda'") {
		t.Errorf("exit code %d: %s", got.code, got.stdout)
	}
}
