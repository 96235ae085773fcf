//go:build gocv_specific_modules && matprofile

package capture

import (
	"os"
	"testing"
	"time"

	"gocv.io/x/gocv"
)

// TestMain checks, where gocv counts them, that the tests left no Mat open.
func TestMain(m *testing.M) {
	code := m.Run()
	// A source closed while its read was blocked frees itself a little later.
	for deadline := time.Now().Add(5 * time.Second); gocv.MatProfile.Count() > 0 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	if n := gocv.MatProfile.Count(); n > 0 {
		os.Stderr.WriteString("Mats left open:\n")
		gocv.MatProfile.WriteTo(os.Stderr, 1)
		code = 1
	}
	os.Exit(code)
}
