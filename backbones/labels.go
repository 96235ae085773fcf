package backbones

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// labels are what the model file says its classes are, nil if it does not: as JSON
// under "labels", as this project's exporter writes them, or as a Python list or
// dictionary under "names", as Ultralytics' does.
func (g *graph) labels() ([]string, error) {
	if text := g.metadata["labels"]; text != "" {
		var labels []string
		if err := json.Unmarshal([]byte(text), &labels); err != nil {
			return nil, fmt.Errorf("its labels are not a list: %w", err)
		}
		return labels, nil
	}
	if text := g.metadata["names"]; text != "" {
		return parseNames(text)
	}
	return nil, nil
}

var (
	nameItem = regexp.MustCompile(`^\s*(?:(\d{1,6})\s*:\s*)?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\s*(?:,|$)`)
	escaped  = regexp.MustCompile(`\\(.)`)
)

// parseNames reads {0: 'person', 1: "it's"} or ['person', 'car'].
func parseNames(text string) ([]string, error) {
	whole := strings.TrimSpace(text)
	bad := func() error { return fmt.Errorf("its class names cannot be read: %.40q", whole) }
	if len(whole) < 2 || whole[:1]+whole[len(whole)-1:] != "{}" && whole[:1]+whole[len(whole)-1:] != "[]" {
		return nil, bad()
	}
	var names []string
	for rest := strings.TrimSpace(whole[1 : len(whole)-1]); rest != ""; {
		item := nameItem.FindStringSubmatch(rest)
		if item == nil || (item[1] != "") != (whole[0] == '{') {
			return nil, bad()
		}
		if item[1] != "" && item[1] != strconv.Itoa(len(names)) {
			return nil, fmt.Errorf("its class names are not numbered 0, 1, 2…: %.40q", whole)
		}
		names = append(names, escaped.ReplaceAllString(item[2][1:len(item[2])-1], "$1"))
		rest = strings.TrimSpace(rest[len(item[0]):])
	}
	return names, nil
}

// labelsOr are the labels, or where there are none COCO's for as many classes as
// COCO has, which models without names were nearly always trained on, or numbers.
func labelsOr(labels []string, classes int) []string {
	if len(labels) > 0 {
		return labels
	}
	if classes == len(cocoLabels) {
		return cocoLabels
	}
	for i := range max(classes, 0) {
		labels = append(labels, "class "+strconv.Itoa(i))
	}
	return labels
}

// cocoLabels are the classes of COCO (Lin et al., Microsoft COCO: Common Objects
// in Context, ECCV 2014) in the order of its detectors.
var cocoLabels = []string{
	"person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
	"fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow",
	"elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee",
	"skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
	"tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple",
	"sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch",
	"potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone",
	"microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear",
	"hair drier", "toothbrush",
}
