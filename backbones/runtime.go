//go:build gocv_specific_modules

package backbones

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	ort "github.com/yalue/onnxruntime_go"
)

const (
	// RuntimeVersion is the ONNX Runtime that setup installs and tests run on.
	RuntimeVersion = "1.24.3"
	// RuntimeEnv names a library file to load instead of the installed one.
	RuntimeEnv = "TRACKER_ORT_LIB"
)

var (
	runtimeMu   sync.Mutex
	runtimePath string // the library in use; "" before LoadRuntime
)

// LoadRuntime loads the ONNX Runtime library, once for the whole process: the
// file that RuntimeEnv names, else the pinned version in the data folders. The
// error names every file it looked for and the command that installs it.
func LoadRuntime() error {
	runtimeMu.Lock()
	defer runtimeMu.Unlock()
	if runtimePath != "" {
		return nil
	}
	path, err := findRuntime()
	if err != nil {
		return err
	}
	ort.SetSharedLibraryPath(path)
	// The library prints its errors and returns them; the returned ones are
	// reported, with what they mean here.
	if err := ort.InitializeEnvironment(ort.WithLogLevelFatal()); err != nil {
		return fmt.Errorf("load ONNX Runtime %s: %w; it must be version %s or newer: run 'make setup'", path, err, RuntimeVersion)
	}
	runtimePath = path
	return nil
}

// RuntimeInUse gives the version and the file of the loaded library.
func RuntimeInUse() (version, path string, err error) {
	if err := LoadRuntime(); err != nil {
		return "", "", err
	}
	return ort.GetVersion(), runtimePath, nil
}

func findRuntime() (string, error) {
	if path := os.Getenv(RuntimeEnv); path != "" {
		if err := isFile(path); err != nil {
			return "", fmt.Errorf("load ONNX Runtime: %s=%s: %w; unset it or name the library file", RuntimeEnv, path, err)
		}
		return path, nil
	}
	var tried []string
	for _, dir := range DataDirs() {
		path := filepath.Join(dir, "lib", runtimeFile())
		if isFile(path) == nil {
			return path, nil
		}
		tried = append(tried, path)
	}
	return "", fmt.Errorf("load ONNX Runtime %s: no such file: %s; run 'make setup' to install it, or set %s to the library",
		RuntimeVersion, strings.Join(tried, ", "), RuntimeEnv)
}

// runtimeFile is the library's file name, version included, as its builds name it.
func runtimeFile() string {
	switch runtime.GOOS {
	case "darwin":
		return "libonnxruntime." + RuntimeVersion + ".dylib"
	case "windows":
		return "onnxruntime.dll"
	}
	return "libonnxruntime.so." + RuntimeVersion
}

func isFile(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return errors.Unwrap(err)
	}
	if info.IsDir() {
		return errors.New("is a folder")
	}
	return nil
}
