package backbones

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tracker-go/tracker/detect"
)

// Head says how the network's outputs become detections.
type Head struct {
	// Format is how the outputs are laid out:
	//   boxes    decoded already: boxes [N,A,4] as x1,y1,x2,y2 in input pixels and
	//            scores [N,A,C], the project's own contract
	//   ssd      raw boxes [N,A,4] and scores [N,A,C] of anchors, described by SSD
	//   yolox    one output [N,A,5+C], raw: see detect.YOLOX
	//   yolov5   one output [N,A,5+C], decoded: see detect.YOLOv5
	//   yolov8   one output [N,4+C,A], decoded: see detect.YOLOv8
	//   nanodet  one output [N,A,C+4·(reg_max+1)], raw: see detect.NanoDet
	//   end2end  one output [N,K,6], suppressed already: see detect.EndToEnd
	//   detr     one output [N,K,4+C], one box an object: see detect.DETR
	Format string `json:"format"`
	// Boxes and Scores name the outputs of a format with two, Output that of a format
	// with one.
	Boxes  string `json:"boxes,omitempty"`
	Scores string `json:"scores,omitempty"`
	Output string `json:"output,omitempty"`
	// Strides of the feature maps of a raw format, in input pixels, finest first; its
	// usual ones where empty.
	Strides []int `json:"strides,omitempty"`
	// RegMax is the longest distance of a NanoDet head in strides, 0 for 7.
	RegMax int               `json:"reg_max,omitempty"`
	SSD    *detect.SSDConfig `json:"ssd,omitempty"`
}

// outputs names what the network gives in the order that the decoder takes it.
func (h *Head) outputs() []string {
	if h.Output != "" {
		return []string{h.Output}
	}
	return []string{h.Boxes, h.Scores}
}

// headFormat is what a format of heads brings along.
type headFormat struct {
	single  bool   // one output, not boxes and scores
	alone   bool   // one picture at a time: see Batch
	title   string // how people call it
	strides []int  // usual ones of a raw format
	// Conf and nmsIoU are the thresholds for models that do not say their own; an
	// overlap of 1 drops nothing.
	conf, nmsIoU float64
	// How pixels go in by convention, for models that nobody has described.
	color, resize string
	mean, std     []float64
	decoder       func(m *Manifest, strides []int) (detect.Decoder, error)
}

var (
	threeStrides = []int{8, 16, 32}
	fourStrides  = []int{8, 16, 32, 64}
	finerStrides = []int{4, 8, 16, 32}
	// toUnit brings pixels to 0..1; imageNetMean and imageNetStd are of B, G, R.
	toUnit       = []float64{255, 255, 255}
	imageNetMean = []float64{103.53, 116.28, 123.675}
	imageNetStd  = []float64{57.375, 57.12, 58.395}
)

var headFormats = map[string]headFormat{
	"boxes": {
		title: "boxes and scores", conf: 0.25, nmsIoU: 0.5,
		decoder: func(m *Manifest, _ []int) (detect.Decoder, error) { return detect.Boxes{Labels: len(m.Labels)}, nil },
	},
	"ssd": {
		title: "SSD", conf: 0.4, nmsIoU: 0.4,
		decoder: func(m *Manifest, _ []int) (detect.Decoder, error) {
			return detect.NewSSD(*m.Head.SSD, m.Input.Width, m.Input.Height, len(m.Labels))
		},
	},
	"yolox": {
		title: "YOLOX", single: true, strides: threeStrides, conf: 0.3, nmsIoU: 0.45,
		color: "BGR", resize: "letterbox-top-left",
		decoder: func(m *Manifest, strides []int) (detect.Decoder, error) {
			return detect.NewYOLOX(m.Input.Width, m.Input.Height, len(m.Labels), strides)
		},
	},
	"yolov5": {
		title: "YOLOv5", single: true, conf: 0.25, nmsIoU: 0.45,
		color: "RGB", resize: "letterbox", std: toUnit,
		decoder: func(m *Manifest, _ []int) (detect.Decoder, error) { return detect.YOLOv5{Labels: len(m.Labels)}, nil },
	},
	"yolov8": {
		title: "YOLOv8 or YOLO11", single: true, conf: 0.25, nmsIoU: 0.7,
		color: "RGB", resize: "letterbox", std: toUnit,
		decoder: func(m *Manifest, _ []int) (detect.Decoder, error) { return detect.YOLOv8{Labels: len(m.Labels)}, nil },
	},
	"nanodet": {
		title: "NanoDet-Plus", single: true, strides: fourStrides, conf: 0.35, nmsIoU: 0.6,
		color: "BGR", resize: "stretch", mean: imageNetMean, std: imageNetStd,
		decoder: func(m *Manifest, strides []int) (detect.Decoder, error) {
			return detect.NewNanoDet(m.Input.Width, m.Input.Height, len(m.Labels), m.Head.regMax(), strides)
		},
	},
	"end2end": {
		title: "end-to-end", single: true, alone: true, conf: 0.25, nmsIoU: 1,
		color: "RGB", resize: "letterbox", std: toUnit,
		decoder: func(m *Manifest, _ []int) (detect.Decoder, error) { return detect.EndToEnd{Labels: len(m.Labels)}, nil },
	},
	"detr": {
		title: "RT-DETR", single: true, conf: 0.25, nmsIoU: 1,
		color: "RGB", resize: "stretch", std: toUnit,
		decoder: func(m *Manifest, _ []int) (detect.Decoder, error) {
			return detect.DETR{Width: m.Input.Width, Height: m.Input.Height, Labels: len(m.Labels)}, nil
		},
	},
}

// usualRegMax is NanoDet's longest distance in strides where nothing is said.
const usualRegMax = 7

func (h *Head) regMax() int {
	if h.RegMax == 0 {
		return usualRegMax
	}
	return h.RegMax
}

func newDecoder(m *Manifest) (detect.Decoder, error) {
	format := headFormats[m.Head.Format]
	strides := m.Head.Strides
	if len(strides) == 0 {
		strides = format.strides
	}
	return format.decoder(m, strides)
}

func (h *Head) validate() error {
	format, ok := headFormats[h.Format]
	if !ok {
		return fmt.Errorf("head.format is %q, want %s", h.Format, strings.Join(formatNames(), ", "))
	}
	var errs []error
	check := func(ok bool, text string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(text, args...))
		}
	}
	if format.single {
		check(h.Output != "" && h.Boxes == "" && h.Scores == "", "head.output %q: format %s has this one output, and no boxes and scores", h.Output, h.Format)
	} else {
		check(h.Boxes != "" && h.Scores != "" && h.Boxes != h.Scores && h.Output == "",
			"head.boxes %q and head.scores %q: want two output names, and no head.output", h.Boxes, h.Scores)
	}
	check((h.Format == "ssd") == (h.SSD != nil), "head.ssd goes with format ssd, and with no other")
	check(len(h.Strides) == 0 || format.strides != nil, "head.strides does not go with format %s", h.Format)
	check(h.RegMax == 0 || h.Format == "nanodet", "head.reg_max goes with format nanodet")
	if h.Format == "ssd" && h.SSD != nil {
		errs = append(errs, h.SSD.Validate())
	}
	return errors.Join(errs...)
}

func formatNames() []string {
	names := make([]string, 0, len(headFormats))
	for name := range headFormats {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
