//go:build gocv_specific_modules && !matprofile

package main

// liveMats is known only to a build with -tags matprofile.
func liveMats() int { return 0 }

func countMats() int { return 0 }
