//go:build gocv_specific_modules

package backbones

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var yoloxFile = filepath.Join(foreignDir, "yolox.onnx")

func digestOf(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// folder lists what is in one; nothing where there is none.
func folder(dir string) (names []string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// A model is added, found, run, and removed, and nothing is left.
func TestAddAndRemove(t *testing.T) {
	dir := emptyStore(t)
	m, err := Add(context.Background(), Addition{Source: yoloxFile})
	if err != nil {
		t.Fatal(err)
	}
	if m.Name != "yolox" || m.Licence != "unknown" || m.Source != yoloxFile {
		t.Errorf("added %+v", m)
	}
	if got := strings.Join(folder(dir), " "); got != "yolox.json yolox.onnx" {
		t.Errorf("the folder has %s", got)
	}
	found, err := Find("yolox")
	if err != nil {
		t.Fatal(err)
	}
	if model, err := Open(found, Options{}); err != nil {
		t.Error(err)
	} else if err := model.Close(); err != nil {
		t.Error(err)
	}
	if _, err := Add(context.Background(), Addition{Source: yoloxFile}); err == nil || !strings.Contains(err.Error(), "there already") {
		t.Errorf("added twice: %v", err)
	}
	if _, err := Remove("yolox"); err != nil || len(folder(dir)) != 0 {
		t.Errorf("removed, leaving %v: %v", folder(dir), err)
	}
	if _, err := Remove("yolox"); !errors.Is(err, ErrUnknown) {
		t.Errorf("removed twice: %v", err)
	}
	if _, err := Remove(shippedName(t)); !errors.Is(err, ErrBuiltIn) {
		t.Errorf("removed what is built in: %v", err)
	}
}

// The manifest of a shipped model goes with it, under a new name.
func TestAddWithManifest(t *testing.T) {
	path := copyModel(t, func(_ *Manifest, data []byte) []byte { return data })
	dir := emptyStore(t)
	m, err := Add(context.Background(), Addition{Source: path, Name: "mine", SHA256: digestOf(t, path)})
	if err != nil {
		t.Fatal(err)
	}
	if m.Name != "mine" || m.File != "mine.onnx" || m.Backbone != "mobilenetv2" || m.Accuracy == nil {
		t.Errorf("added %+v", m)
	}
	_, err = Add(context.Background(), Addition{Source: yoloxFile, Name: "other", Manifest: filepath.Join(dir, "mine.json")})
	if err == nil || !strings.Contains(err.Error(), "describes another file") {
		t.Errorf("another model's manifest: %v", err)
	}
}

func TestAddFromURL(t *testing.T) {
	dir := emptyStore(t)
	server := httptest.NewServer(http.FileServer(http.Dir(foreignDir)))
	defer server.Close()
	digest, wrong := digestOf(t, yoloxFile), strings.Repeat("0", 64)
	m, err := Add(context.Background(), Addition{Source: server.URL + "/yolox.onnx", SHA256: digest, Name: "street"})
	if err != nil || m.SHA256 != digest {
		t.Fatalf("%+v, %v", m, err)
	}
	secret := strings.Replace(server.URL, "://", "://me:hush@", 1)
	if m, err := Add(context.Background(), Addition{Source: secret + "/yolox.onnx?token=hush", SHA256: digest, Name: "secret"}); err != nil || strings.Contains(m.Source, "hush") {
		t.Errorf("added %+v, %v, want a source without password and token", m, err)
	}
	before := len(folder(dir))
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		add  Addition
		want string
	}{
		"another checksum": {context.Background(), Addition{Source: server.URL + "/yolox.onnx", SHA256: wrong, Name: "a"},
			"add model " + server.URL + "/yolox.onnx: its sha256 is " + digest + ", not " + wrong},
		"no such file":   {context.Background(), Addition{Source: server.URL + "/none.onnx", SHA256: wrong}, "404 Not Found"},
		"no server":      {context.Background(), Addition{Source: "http://127.0.0.1:1/x.onnx", SHA256: wrong}, "connection refused"},
		"interrupted":    {cancelled, Addition{Source: server.URL + "/yolox.onnx", SHA256: digest, Name: "b"}, context.Canceled.Error()},
		"no model":       {context.Background(), Addition{Source: server.URL + "/picture.png", SHA256: digestOf(t, filepath.Join(foreignDir, "picture.png"))}, "it is no ONNX file"},
		"a missing file": {context.Background(), Addition{Source: "none.onnx"}, "add model none.onnx: no such file"},
	} {
		if _, err := Add(c.ctx, c.add); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
		if n := len(folder(dir)); n != before {
			t.Errorf("%s: %d files, not %d: %v", name, n, before, folder(dir))
		}
	}
}

// A server that stops in the middle is given up.
func TestDownloadStalls(t *testing.T) {
	released := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte("half"))
		w.(http.Flusher).Flush()
		<-released
	}))
	defer server.Close()
	defer close(released)
	ctx, stop := context.WithCancelCause(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	d := watch(ctx, stop, answer.Body, 50*time.Millisecond)
	defer d.Close()
	got, err := io.ReadAll(d)
	if string(got) != "half" || err == nil || !strings.Contains(err.Error(), "nothing more: not a byte in 50ms") {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAdditionValidate(t *testing.T) {
	for want, a := range map[string]Addition{
		"want a file or an http":     {Source: "ftp://example.org/x.onnx"},
		"give --sha256":              {Source: "https://example.org/x.onnx"},
		"://me:xxxxx@example.org/x":  {Source: "https://me:hush@example.org/x.onnx"},
		"https://…: not a valid URL": {Source: "https://me:%zz@example.org/x.onnx"},
		"want 64 lower-case hex":     {Source: "x.onnx", SHA256: "abc"},
		"is a backbone family's":     {Source: "x.onnx", Name: "mobilenetv2"},
		"want lower-case letters, d": {Source: "x.onnx", Name: "../x"},
	} {
		if err := a.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", a, err, want)
		}
	}
}

// A family's name stands for its recommended model, an exact name for itself, and
// what is installed goes before what is built in.
func TestFindPrefers(t *testing.T) {
	edited := func(edit func(*Manifest)) string {
		return copyModel(t, func(m *Manifest, data []byte) []byte { edit(m); return data })
	}
	own, plain := shippedName(t), edited(func(m *Manifest) { m.Recommended, m.Precision = false, "fp32" })
	resnet := edited(func(m *Manifest) { m.Backbone, m.Recommended, m.Precision = "resnet", false, "fp32" })
	emptyStore(t)
	for _, a := range []Addition{{Source: plain, Name: "a-plain"}, {Source: plain, Name: "big-fp32"}, {Source: plain, Name: own}, {Source: resnet, Name: "big"}} {
		if _, err := Add(context.Background(), a); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"a-plain": "a-plain", "A-Plain": "a-plain", "a-plain-fp32": "a-plain", "big-fp32": "big-fp32", "resnet": "big", own: own,
	} {
		if m, err := Find(name); err != nil || m.Name != want {
			t.Errorf("%s found %v, %v; want %s", name, m, err, want)
		}
	}
	if m, err := Find(own); err != nil || m.BuiltIn() {
		t.Errorf("an installed model does not go before a built-in one of its name: %v", err)
	}
	if _, err := Remove(own); err != nil {
		t.Fatal(err)
	}
	if m, err := Find("mobilenetv2"); err != nil || m.Name != own || !m.BuiltIn() {
		t.Errorf("the family found %+v, %v; want the recommended %s", m, err, own)
	}
}

// What an edit or a crash has spoilt can be removed by its name, as Add says, and
// nothing of another model's with it.
func TestRemoveRemains(t *testing.T) {
	dir := emptyStore(t)
	for _, name := range []string{"spoilt", "other"} {
		if _, err := Add(context.Background(), Addition{Source: yoloxFile, Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []error{
		os.WriteFile(filepath.Join(dir, "spoilt.json"), []byte("{"), 0o600),
		os.WriteFile(filepath.Join(dir, "orphan.onnx"), nil, 0o600),
		os.Rename(filepath.Join(dir, "other.json"), filepath.Join(dir, "renamed.json")),
	} {
		if step != nil {
			t.Fatal(step)
		}
	}
	for _, name := range []string{"spoilt", "orphan"} {
		if file, err := Remove(name); err != nil || file != filepath.Join(dir, name+".onnx") {
			t.Errorf("removed %q, %v", file, err)
		}
	}
	for _, name := range []string{"renamed", "../models/other", "none"} {
		if file, err := Remove(name); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: removed %q, %v", name, file, err)
		}
	}
	if got := strings.Join(folder(dir), " "); got != "other.onnx renamed.json" {
		t.Errorf("left: %s", got)
	}
}
