//go:build unix

package backbones

// #cgo linux LDFLAGS: -ldl
// #include <dlfcn.h>
// #include <stdlib.h>
import "C"

import (
	"path/filepath"
	"unsafe"
)

// preload loads libraries that lie in a folder, for good, so that the one that
// needs them finds them there without LD_LIBRARY_PATH. What is not there, or does
// not load, is left to whoever needs it, who says so.
func preload(dir string, names []string) {
	for _, name := range names {
		path := C.CString(filepath.Join(dir, "lib"+name))
		C.dlopen(path, C.RTLD_NOW|C.RTLD_GLOBAL)
		C.free(unsafe.Pointer(path))
	}
}
