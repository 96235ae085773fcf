//go:build gocv_specific_modules && !linux

package main

import "errors"

// queryCamera is V4L2's, which only Linux has.
func queryCamera(string) (string, error) { return "", errors.New("formats are only known on Linux") }
