package backbones

import (
	"fmt"
	"regexp"
	"strings"
)

// Device is what a network runs on: a kind, and which of them. The zero value is
// the CPU.
type Device struct {
	// Kind is cpu, cuda, tensorrt, openvino, xnnpack or coreml.
	Kind string
	// Target is the number of a GPU, or OpenVINO's name of a device (CPU, GPU.1,
	// NPU, AUTO); empty for kinds of which there is one.
	Target string
}

const cpuKind = "cpu"

// Devices describes what ParseDevice takes, for help and messages.
func Devices() string {
	forms := make([]string, len(providers))
	for i, p := range providers {
		forms[i] = p.form
	}
	return strings.Join(forms, ", ")
}

// DeviceKinds lists what a device can begin with.
func DeviceKinds() []string {
	kinds := make([]string, len(providers))
	for i, p := range providers {
		kinds[i] = p.kind
	}
	return kinds
}

// ParseDevice reads a device as --device takes it, as in cpu, cuda:1 or
// openvino:GPU; nothing is the CPU. It says nothing of whether it is there.
func ParseDevice(text string) (Device, error) {
	if text == "" {
		return Device{Kind: cpuKind}, nil
	}
	kind, target, given := strings.Cut(text, ":")
	for i := range providers {
		p := &providers[i]
		switch {
		case !strings.EqualFold(kind, p.kind):
		case !given:
			return Device{p.kind, p.target}, nil
		case p.targets != nil && p.targets.MatchString(target):
			return Device{p.kind, strings.ToUpper(target)}, nil
		default:
			return Device{}, fmt.Errorf("device %q: want %s", text, p.form)
		}
	}
	return Device{}, fmt.Errorf("device %q: want %s", text, Devices())
}

// OnCPU reports whether the network runs on ONNX Runtime's own CPU kernels, in
// main memory.
func (d Device) OnCPU() bool { return d.Kind == cpuKind || d.Kind == "" }

// String is the device as ParseDevice reads it.
func (d Device) String() string {
	switch {
	case d.OnCPU():
		return cpuKind
	case d.Target == "":
		return d.Kind
	}
	return d.Kind + ":" + d.Target
}

var (
	gpuNumber      = regexp.MustCompile(`^\d{1,3}$`)
	openvinoDevice = regexp.MustCompile(`^(?i)[a-z][a-z0-9_.:,]*$`)
)
