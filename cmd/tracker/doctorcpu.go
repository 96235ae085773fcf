//go:build gocv_specific_modules

package main

import (
	"strings"

	"golang.org/x/sys/cpu"
)

// features are those that inference uses, best last; dot says that 8-bit products
// are summed without loss, by one instruction.
var features = []struct {
	name string
	has  bool
	dot  bool
}{
	{"AVX2", cpu.X86.HasAVX2, false},
	{"AVX-512", cpu.X86.HasAVX512F, false},
	{"AVX VNNI", cpu.X86.HasAVXVNNI, true},
	{"AVX-512 VNNI", cpu.X86.HasAVX512VNNI, true},
	{"AMX INT8", cpu.X86.HasAMXInt8, true},
	{"NEON", cpu.ARM64.HasASIMD, false},
	{"dot product", cpu.ARM64.HasASIMDDP, true},
	{"I8MM", cpu.ARM64.HasI8MM, true},
}

// examineFeatures says what the processor has that makes INT8 models pay.
func examineFeatures() check {
	c := check{Item: "features", Verdict: absent}
	var names []string
	for _, f := range features {
		if f.has {
			names = append(names, f.name)
		}
		if f.has && f.dot {
			c.Verdict = fine
		}
	}
	c.Found = strings.Join(names, ", ")
	if c.Verdict == absent {
		c.Found += "; no 8-bit dot product: INT8 models gain little, and on x86 lose accuracy"
		c.Fix = "choose an fp32 or fp16 model"
	}
	return c
}
