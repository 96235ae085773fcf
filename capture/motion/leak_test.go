//go:build gocv_specific_modules && matprofile

package motion

import (
	"os"
	"testing"

	"gocv.io/x/gocv"
)

// TestMain checks, where gocv counts them, that the tests left no Mat open.
func TestMain(m *testing.M) {
	code := m.Run()
	if n := gocv.MatProfile.Count(); n > 0 {
		os.Stderr.WriteString("Mats left open:\n")
		gocv.MatProfile.WriteTo(os.Stderr, 1)
		code = 1
	}
	os.Exit(code)
}
