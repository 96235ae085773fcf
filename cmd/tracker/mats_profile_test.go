//go:build gocv_specific_modules && matprofile

package main

import (
	"os"
	"time"

	"gocv.io/x/gocv"
)

// liveMats counts the Mats that the program leaves open, and says where they were
// made. A source closed while its read was blocked frees itself a little later.
func liveMats() int {
	for deadline := time.Now().Add(5 * time.Second); gocv.MatProfile.Count() > 0 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	n := gocv.MatProfile.Count()
	if n > 0 {
		_ = gocv.MatProfile.WriteTo(os.Stderr, 1)
	}
	return n
}

// countMats is the number of Mats at this moment.
func countMats() int { return gocv.MatProfile.Count() }
