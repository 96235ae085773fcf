package backbones

import (
	"errors"
	"fmt"
	"strings"
)

// Target is the class of hardware that a family is meant for.
type Target string

const (
	Edge Target = "edge" // a few watts: CPU cores, no discrete GPU
	GPU  Target = "gpu"  // an accelerator with its own memory
)

// Family is one line of backbones, whatever detector stands on top of it.
type Family struct {
	Name    string // as --backbone takes it
	Target  Target
	Purpose string // when to choose it, one sentence
	Paper   string
}

// families is the whole registry, edge first, small to large.
var families = []Family{
	{"mnasnet", Edge, "lowest latency on phone-class CPUs; found by a search that measured it on a device",
		"Tan et al., MnasNet: Platform-Aware Neural Architecture Search for Mobile, CVPR 2019"},
	{"mobilenetv2", Edge, "the safe choice on any CPU: inverted residuals that quantise well",
		"Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, CVPR 2018"},
	{"mobilenetv3", Edge, "in its paper faster than MobileNetV2 at equal accuracy; hard-swish costs more in 8 bits",
		"Howard et al., Searching for MobileNetV3, ICCV 2019"},
	{"efficientnet", Edge, "best accuracy per operation of the edge families, at higher latency",
		"Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019"},
	{"regnet", GPU, "regular widths that keep a GPU full; fast at a given accuracy",
		"Radosavovic et al., Designing Network Design Spaces, CVPR 2020"},
	{"resnet", GPU, "the reference everybody compares with; runs well everywhere",
		"He et al., Deep Residual Learning for Image Recognition, CVPR 2016"},
	{"resnest", GPU, "split attention: in its paper more accurate than ResNet and RegNet, at more operators",
		"Zhang et al., ResNeSt: Split-Attention Networks, CVPR Workshops 2022"},
}

// Families lists the registry, edge families first.
func Families() []Family { return append([]Family(nil), families...) }

// ErrUnknown says that a name is neither a family nor a model.
var ErrUnknown = errors.New("unknown backbone or model")

// LookupFamily finds a family by name, without regard to case.
func LookupFamily(name string) (Family, error) {
	for _, f := range families {
		if strings.EqualFold(f.Name, name) {
			return f, nil
		}
	}
	return Family{}, fmt.Errorf("%w %q; the families are: %s", ErrUnknown, name, strings.Join(familyNames(), ", "))
}

func familyNames() []string {
	names := make([]string, len(families))
	for i, f := range families {
		names[i] = f.Name
	}
	return names
}
