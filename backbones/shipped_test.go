//go:build gocv_specific_modules

package backbones

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/cpu"

	"github.com/tracker-go/tracker/models"
)

var referenceDir = filepath.Join("testdata", "reference")

// shippedReference is what training/reference.py found in street.png.
type shippedReference struct {
	SHA256     string
	Conf       float64
	NMSIoU     float64 `json:"nms_iou"`
	Detections []foundRow
}

// shippedManifests are those of every model in models/, built in or not.
func shippedManifests(t *testing.T) []*Manifest {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "models", "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no models are shipped (%v)", err)
	}
	var list []*Manifest
	for _, path := range paths {
		m, err := ReadManifest(path)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, m)
	}
	return list
}

// Every shipped model finds in Go what it finds in Python.
func TestShippedModelsEqualPython(t *testing.T) {
	img := readPicture(t, filepath.Join(referenceDir, "street.png"))
	for _, m := range shippedManifests(t) {
		t.Run(m.Name, func(t *testing.T) {
			path := filepath.Join(referenceDir, m.Name+".json")
			var want shippedReference
			readJSON(t, path, &want)
			if want.SHA256 != m.SHA256 {
				t.Fatalf("%s is of another file; make it with: python3 -m training.reference models/%s", path, m.File)
			}
			if m.Precision == "int8" && saturates() {
				t.Skip("this CPU's 8-bit products saturate, which those of the reference did not")
			}
			// At its own size the picture is not resized: both see the same pixels.
			m, err := m.WithSize(img.Cols(), img.Rows())
			if err != nil {
				t.Fatal(err)
			}
			m.Conf, m.NMSIoU = want.Conf, want.NMSIoU
			sameFound(t, findIn(t, m, img), want.Detections, 1e-3)
		})
	}
}

// saturates reports whether the CPU multiplies 8-bit numbers as x86 did before
// VNNI: sums of two products are cut to 16 bits.
func saturates() bool { return cpu.X86.HasSSE2 && !cpu.X86.HasAVX512VNNI && !cpu.X86.HasAVXVNNI }

// What is shipped is whole, described, and small enough for everybody's copy.
func TestShippedModels(t *testing.T) {
	recommended := map[string]string{}
	for _, m := range shippedManifests(t) {
		if _, err := readVerified(m); err != nil {
			t.Error(err)
		}
		family, err := LookupFamily(m.Backbone)
		if err != nil {
			t.Error(err)
		}
		limit := map[Target]int64{Edge: 12e6, GPU: 64e6}[family.Target]
		if size, err := m.Size(); err != nil || size > limit {
			t.Errorf("%s has %d bytes (%v), want at most %d", m.File, size, err, limit)
		}
		if m.Name != strings.TrimSuffix(m.File, ".onnx") || m.Accuracy == nil || m.Precision == "" || m.Conf == 0 || m.TrainingData == "" {
			t.Errorf("%s does not say all there is to say: %+v", m.Name, m)
		}
		if _, err := LookupFamily(m.Name); err == nil {
			t.Errorf("%s is the name of a family", m.Name)
		}
		if other := recommended[m.Backbone]; m.Recommended && other != "" {
			t.Errorf("%s and %s both stand for %s", other, m.Name, m.Backbone)
		} else if m.Recommended {
			recommended[m.Backbone] = m.Name
		}
	}
	if recommended["mobilenetv2"] == "" {
		t.Error("nothing stands for the default backbone")
	}
}

// What is built in are the INT8 models, small together.
func TestBuiltInModels(t *testing.T) {
	var total int64
	err := fs.WalkDir(models.Files, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		total += info.Size()
		return err
	})
	if err != nil || total > 25<<20 {
		t.Errorf("%d bytes are built in (%v), want at most 25 MiB", total, err)
	}
	emptyStore(t)
	list, err := Installed()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		if !m.BuiltIn() || m.Precision != "int8" {
			t.Errorf("%s is %s, from %s", m.Name, m.Precision, m.Path())
		}
		if _, err := readVerified(m); err != nil {
			t.Error(err)
		}
	}
}

// The SSD detector that setup can install still works.
func TestInstalledSSD(t *testing.T) {
	m, err := Find("ssd-mobilenetv2")
	if errors.Is(err, ErrUnknown) {
		t.Skip("not installed: deploy/setup.sh ssd")
	}
	if err != nil {
		t.Fatal(err)
	}
	dets := findIn(t, m, readPicture(t, filepath.Join(referenceDir, "street.png")))
	if len(dets) == 0 || m.Labels[dets[0].Class] != "Person" {
		t.Errorf("found %v, want people", dets)
	}
}

func TestRuntimeDirs(t *testing.T) {
	home := t.TempDir()
	t.Setenv(HomeEnv, home)
	dirs := runtimeDirs()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	beside := slices.Index(dirs, filepath.Dir(exe))
	system := slices.Index(dirs, "/usr/lib")
	if dirs[0] != filepath.Join(home, "lib") || beside < 1 || system >= 0 && system < beside {
		t.Errorf("folders %v", dirs)
	}
}
