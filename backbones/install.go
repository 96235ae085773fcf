package backbones

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Addition is a model to install.
type Addition struct {
	// Source is an ONNX file or the http(s) URL of one.
	Source string
	// SHA256 is the file's hex digest; it may be left out for a local file.
	SHA256 string
	// Name of the model; empty for the manifest's, else the file's.
	Name string
	// Manifest describes the model; empty for the one beside a local file, or, where
	// there is none, for what the outputs look like.
	Manifest string
}

// Validate checks what can be known before anything is read.
func (a Addition) Validate() error {
	if scheme, _, found := strings.Cut(a.Source, "://"); found {
		if _, err := url.Parse(a.Source); err != nil {
			return fmt.Errorf("%s: not a valid URL; write special characters of a password as %%XX", a.shown())
		}
		if scheme != "http" && scheme != "https" {
			return fmt.Errorf("%s: want a file or an http or https URL", a.shown())
		}
		if a.SHA256 == "" {
			return fmt.Errorf("%s: a download needs its checksum; give --sha256", a.shown())
		}
	}
	if a.SHA256 != "" && !sha256Pattern.MatchString(a.SHA256) {
		return fmt.Errorf("sha256 %q: want 64 lower-case hex digits", a.SHA256)
	}
	if a.Name != "" {
		return checkNewName(a.Name)
	}
	return nil
}

// shown is the source as it may be printed and kept: without what may be secret in
// a URL, the password and the query.
func (a Addition) shown() string {
	scheme, _, found := strings.Cut(a.Source, "://")
	if !found {
		return a.Source
	}
	u, err := url.Parse(a.Source)
	if err != nil {
		return scheme + "://…"
	}
	if u.RawQuery != "" {
		u.RawQuery = "…"
	}
	return u.Redacted()
}

// checkNewName keeps families' names for what stands for them.
func checkNewName(name string) error {
	if !namePattern.MatchString(name) {
		return fmt.Errorf("name %q: want lower-case letters, digits, '.', '_' and '-'", name)
	}
	if _, err := LookupFamily(name); err == nil {
		return fmt.Errorf("name %q is a backbone family's; give the model another with --name", name)
	}
	return nil
}

// Add installs a model in the first data folder, once it has the right checksum
// and runs. Whatever goes wrong, nothing is left behind.
func Add(ctx context.Context, a Addition) (_ *Manifest, err error) {
	if err := a.Validate(); err != nil {
		return nil, err
	}
	m, err := add(ctx, a)
	if err != nil {
		return nil, fmt.Errorf("add model %s: %w", a.shown(), err)
	}
	return m, nil
}

func add(ctx context.Context, a Addition) (_ *Manifest, err error) {
	dir := filepath.Join(DataDirs()[0], "models")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	// Beside its final place, so that the last step is a rename.
	staging, err := os.MkdirTemp(dir, ".adding-*")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(staging)) }()

	file := filepath.Join(staging, "model.onnx")
	digest, err := fetch(ctx, a.Source, file)
	if err != nil {
		return nil, err
	}
	if a.SHA256 != "" && digest != a.SHA256 {
		return nil, fmt.Errorf("its sha256 is %s, not %s: it is another file, or damaged", digest, a.SHA256)
	}
	m, err := a.describe(file, digest)
	if err != nil {
		return nil, err
	}
	target := filepath.Join(dir, m.Name)
	for _, ext := range []string{".onnx", ".json"} {
		if _, err := os.Lstat(target + ext); err == nil {
			return nil, fmt.Errorf("%s is there already; give another --name, or 'tracker models remove %s' first", target+ext, m.Name)
		}
	}
	staged := filepath.Join(staging, m.Name)
	if err := errors.Join(os.Rename(file, staged+".onnx"), writeManifest(m, staged+".json"), tryOut(staged+".onnx")); err != nil {
		return nil, err
	}
	// The manifest last: without it there is no model.
	if err := os.Rename(staged+".onnx", target+".onnx"); err != nil {
		return nil, err
	}
	if err := os.Rename(staged+".json", target+".json"); err != nil {
		return nil, errors.Join(err, os.Remove(target+".onnx"))
	}
	return ReadManifest(target + ".json")
}

// describe finds the manifest of the fetched file and gives it its new name.
func (a Addition) describe(file, digest string) (*Manifest, error) {
	from := a.Manifest
	if from == "" && !strings.Contains(a.Source, "://") {
		if beside := manifestBeside(a.Source); isFile(beside) == nil {
			from = beside
		}
	}
	var m *Manifest
	var err error
	if from == "" {
		m, err = recognise(file)
		switch {
		case errors.As(err, new(unknownError)):
			return nil, fmt.Errorf("%w; describe it with --manifest FILE.json, as docs/models.md shows", err)
		case err != nil:
			return nil, err
		}
		m.Name, m.Source = nameFor(a.Source), a.shown()
	} else {
		if m, err = ReadManifest(from); err != nil {
			return nil, err
		}
		if m.SHA256 != digest {
			return nil, fmt.Errorf("%s describes another file (sha256 %s…, this one's is %s…)", from, m.SHA256[:12], digest[:12])
		}
	}
	if a.Name != "" {
		m.Name = a.Name
	}
	m.File = m.Name + ".onnx"
	return m, checkNewName(m.Name)
}

func writeManifest(m *Manifest, path string) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// tryOut opens a model, which runs it.
func tryOut(path string) error {
	m, err := FromFile(path)
	if err != nil {
		return err
	}
	model, err := Open(m, Options{Conf: 1})
	if err != nil {
		return err
	}
	return model.Close()
}

// maxModel bounds what is fetched: an ONNX file can have no more bytes.
const maxModel = 2 << 30

// fetch copies a file or what a URL gives to path and returns its digest.
func fetch(ctx context.Context, source, path string) (digest string, err error) {
	from, err := openSource(ctx, source)
	if err != nil {
		return "", err
	}
	defer from.Close()
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(to, hash), io.LimitReader(from, maxModel+1))
	if err := errors.Join(err, to.Close(), ctx.Err()); err != nil {
		return "", err
	}
	if n > maxModel {
		return "", errors.New("it has more than 2 GiB, the most that an ONNX file can have")
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// answerTime is how long a server may take to begin its answer.
const answerTime = 30 * time.Second

func openSource(ctx context.Context, source string) (io.ReadCloser, error) {
	if !strings.Contains(source, "://") {
		if err := isFile(source); err != nil {
			return nil, err
		}
		return os.Open(source)
	}
	ctx, stop := context.WithCancelCause(ctx)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, source, nil)
	if err != nil {
		stop(nil)
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = answerTime
	transport.DisableKeepAlives = true
	answer, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		stop(nil)
		var wrapped *url.Error // repeats the URL
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		stop(nil)
		return nil, errors.Join(fmt.Errorf("the server answers %s", answer.Status), answer.Body.Close())
	}
	return watch(ctx, stop, answer.Body, answerTime), nil
}

// download ends itself when it brings nothing more.
type download struct {
	io.ReadCloser
	ctx     context.Context // of the request that it answers
	stop    context.CancelCauseFunc
	patient time.Duration
	timer   *time.Timer
}

func watch(ctx context.Context, stop context.CancelCauseFunc, from io.ReadCloser, patient time.Duration) *download {
	stalled := fmt.Errorf("the server sends nothing more: not a byte in %v; try again", patient)
	timer := time.AfterFunc(patient, func() { stop(stalled) })
	return &download{from, ctx, stop, patient, timer}
}

func (d *download) Read(p []byte) (int, error) {
	n, err := d.ReadCloser.Read(p)
	if err != nil && d.ctx.Err() != nil {
		return n, context.Cause(d.ctx)
	}
	d.timer.Reset(d.patient)
	return n, err
}

func (d *download) Close() error {
	d.timer.Stop()
	d.stop(nil)
	return d.ReadCloser.Close()
}

// ErrBuiltIn says that a model is part of the program.
var ErrBuiltIn = errors.New("is built into the program")

// Remove takes an installed model away, by its own name. It returns the path of
// the file that is gone.
func Remove(name string) (file string, err error) {
	list, listErr := Installed()
	i := slices.IndexFunc(list, func(m *Manifest) bool { return m.Name == name })
	if i < 0 {
		if file, err := removeRemains(name, list); file != "" || err != nil {
			return file, err
		}
		return "", errors.Join(fmt.Errorf("remove model %s: %w; %s", name, ErrUnknown, installedNames(list)), listErr)
	}
	m := list[i]
	if m.BuiltIn() {
		return "", fmt.Errorf("remove model %s: it %w and stays there; --backbone chooses another", name, ErrBuiltIn)
	}
	if err := os.Remove(m.path); err != nil {
		return "", fmt.Errorf("remove model %s: %w", name, err)
	}
	if err := os.Remove(m.Path()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("remove model %s: %w", name, err)
	}
	return m.Path(), nil
}

// removeRemains takes away what stands under a name without being a model: a file
// without a manifest, or with one that cannot be read. Files of the listed models
// stay.
func removeRemains(name string, list []*Manifest) (file string, err error) {
	if !namePattern.MatchString(name) {
		return "", nil
	}
	for _, dir := range DataDirs() {
		stem := filepath.Join(dir, "models", name)
		if _, err := ReadManifest(stem + ".json"); err == nil {
			continue
		}
		for _, ext := range []string{".json", ".onnx"} {
			path := stem + ext
			if slices.ContainsFunc(list, func(m *Manifest) bool { return path == m.path || path == m.Path() }) {
				continue
			}
			switch err := os.Remove(path); {
			case err == nil:
				file = path
			case !errors.Is(err, fs.ErrNotExist):
				return "", fmt.Errorf("remove model %s: %w", name, err)
			}
		}
		if file != "" {
			return file, nil
		}
	}
	return "", nil
}
