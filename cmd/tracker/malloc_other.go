//go:build gocv_specific_modules && !linux

package main

// returnMemory is for the C library of Linux alone.
func returnMemory() {}
