//go:build !gocv_specific_modules

package capture

// Without the tags gocv compiles modules that a distribution's OpenCV lacks, and
// fails with pages of C++ errors. Say it in one line instead.

// #error "gocv needs build tags: run 'make build', or set GOFLAGS=-tags=gocv_specific_modules,gocv_videoio,gocv_highgui"
import "C"
