//go:build gocv_specific_modules

package main

import (
	"bytes"
	"fmt"
	"io"
	"runtime"

	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/backbones"
)

// version is set by the build from the repository's tag.
var version = "development"

// printVersion says what a bug report needs. A library that cannot be loaded is
// part of the answer, not a failure.
func printVersion(out io.Writer) error {
	w := new(bytes.Buffer)
	fmt.Fprintf(w, "tracker %s (%s %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprintf(w, "OpenCV %s, gocv %s\n", gocv.OpenCVVersion(), gocv.Version())
	if v, path, err := backbones.RuntimeInUse(); err != nil {
		fmt.Fprintf(w, "ONNX Runtime: %v\n", err)
	} else {
		fmt.Fprintf(w, "ONNX Runtime %s (%s)\n", v, path)
	}
	list, err := backbones.Installed()
	for _, m := range list {
		family := ""
		if m.Backbone != "" {
			family = m.Backbone + ", "
		}
		fmt.Fprintf(w, "model %s (%ssha256 %s)\n", m.Name, family, m.SHA256[:12])
	}
	if err != nil {
		fmt.Fprintf(w, "models: %v\n", err)
	}
	_, err = w.WriteTo(out)
	return err
}
