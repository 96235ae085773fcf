package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
)

// machineName is what the processor calls itself, or the board where it has no
// name, as on ARM.
func machineName() string {
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if name := fieldOf(info, "model name"); name != "" {
			return name
		}
	}
	if board, err := os.ReadFile("/proc/device-tree/model"); err == nil {
		return string(bytes.TrimRight(board, "\x00\n"))
	}
	return fmt.Sprintf("%s/%s, %d cores", runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
}

// fieldOf is the value of the first "key : value" line, empty where there is none.
func fieldOf(text []byte, key string) string {
	for line := range bytes.Lines(text) {
		k, v, found := bytes.Cut(line, []byte(":"))
		if found && string(bytes.TrimSpace(k)) == key {
			return string(bytes.TrimSpace(v))
		}
	}
	return ""
}

// memoryMeter measures by how much the process grows, in resident memory. The
// peak is read from /proc, for the one of getrusage counts the parent's too.
type memoryMeter struct{ before int64 }

// startMemory takes what the process has now as the zero, and forgets its peak.
func startMemory() memoryMeter {
	// What is given back meanwhile would hide as much growth.
	debug.FreeOSMemory()
	returnMemory()
	// Where the kernel refuses this, a peak from before counts: too much, if anything.
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
	return memoryMeter{residentBytes("VmRSS")}
}

// peak is the growth in bytes up to the peak, 0 where the system does not tell.
func (m memoryMeter) peak() int64 { return max(residentBytes("VmHWM")-m.before, 0) }

// residentBytes reads a figure of this process from Linux, 0 elsewhere.
func residentBytes(key string) int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	var kilobytes int64
	fmt.Sscanf(fieldOf(status, key), "%d kB", &kilobytes)
	return kilobytes * 1024
}
