//go:build !gocv_specific_modules

package main

// Importing capture makes a build without the tags stop with its explanation.
import _ "github.com/tracker-go/tracker/capture"

func main() {}
