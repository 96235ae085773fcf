package backbones

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/tracker-go/tracker/detect"
)

// headLayout is a shape of output by which a format is recognised: so many boxes
// for each cell of feature maps with these strides, and so many channels beside
// the classes.
type headLayout struct {
	format   string // one of headFormats, or swapped
	strides  []int  // nil where the network chooses its boxes
	perCell  int
	extra    int
	channels int  // the axis of the channels, 1 or 2 with the batch as axis 0
	numbered bool // a channel holds the class's number; there is none for each class
}

// headLayouts, in groups: what fits one of the first is looked for in no other, for
// the exact number of cells says more than any number of boxes.
var headLayouts = [][]headLayout{{
	{"yolox", threeStrides, 1, 5, 2, false},
	{"yolov5", threeStrides, 3, 5, 2, false},
	{"yolov5", fourStrides, 3, 5, 2, false},
	{"yolov8", threeStrides, 1, 4, 1, false},
	{"yolov8", fourStrides, 1, 4, 1, false},
	{"yolov8", finerStrides, 1, 4, 1, false},
	{"nanodet", fourStrides, 1, 4 * (usualRegMax + 1), 2, false},
}, {
	{swapped, threeStrides, 1, 4, 2, false},
	{swapped, fourStrides, 1, 4, 2, false},
	{swapped, finerStrides, 1, 4, 2, false},
}, {
	endToEnd,
	{"detr", nil, 0, 4, 2, false},
}}

// endToEnd is the only one of a file that says that it chooses its boxes.
var endToEnd = headLayout{"end2end", nil, 0, 6, 2, true}

// swapped is YOLOv8's output with boxes before channels, which is not read: it stands
// in the table so as not to be taken for that of a network that chooses its boxes.
const swapped = "swapped"

// classes is how many an output of that shape has for an input of w×h pixels,
// given how many the model names, 0 if none; 0 where the layout is another.
func (l *headLayout) classes(w, h int, shape ort.Shape, named int) int {
	n := shape[l.channels] - int64(l.extra)
	if l.numbered && n == 0 {
		n = int64(named)
	}
	if !l.hasBoxes(w, h, shape[3-l.channels], named) || n < 1 || n > maxClasses || named > 0 && n != int64(named) {
		return 0
	}
	return int(n)
}

// hasBoxes says whether the layout can have that many. Where the network chooses,
// the number says little: the names of classes have to tell the rest.
func (l *headLayout) hasBoxes(w, h int, boxes int64, named int) bool {
	if l.strides == nil {
		return named > 0 && boxes >= 1 && boxes <= maxChosen
	}
	return boxes == int64(l.perCell*detect.CountCells(w, h, l.strides))
}

// maxClasses bounds what a file can ask for; the largest sets of labels have some
// ten thousand. maxChosen is how many boxes a network that chooses them may give to
// be recognised as one: exporters write 300, and feature maps have more cells.
const maxClasses, maxChosen = 1 << 16, 1000

// text is the shape for an input of w×h pixels, as in [1,8400,5+C].
func (l *headLayout) text(w, h int) string {
	boxes, channels := strconv.Itoa(l.perCell*detect.CountCells(w, h, l.strides)), fmt.Sprintf("%d+C", l.extra)
	if l.strides == nil {
		boxes = "K"
	}
	if l.numbered {
		channels = strconv.Itoa(l.extra)
	}
	if l.channels == 1 {
		boxes, channels = channels, boxes
	}
	return headFormats[l.format].title + " [1," + boxes + "," + channels + "]"
}

// unknownError is of a network that nothing says how to use; a manifest would.
type unknownError struct{ error }

// recognise describes a model that has no manifest by its inputs and outputs and
// what its exporter wrote into it. It fails with an unknownError where these do not tell.
func recognise(file string) (*Manifest, error) {
	data, err := readONNX(file)
	if err != nil {
		return nil, err
	}
	g, err := readGraph(data)
	if err != nil {
		return nil, err
	}
	m, err := g.describe(data)
	if err != nil {
		return nil, unknownError{fmt.Errorf("%w (inputs: %s; outputs: %s)", err, tensorList(g.inputs), tensorList(g.outputs))}
	}
	sum := sha256.Sum256(data)
	m.Schema, m.Name, m.File, m.SHA256 = ManifestSchema, nameFor(file), filepath.Base(file), hex.EncodeToString(sum[:])
	m.Licence = cmp.Or(g.metadata["licence"], g.metadata["license"], "unknown")
	m.Source = cmp.Or(g.metadata["source"], "the file "+m.File)
	m.TrainingData = g.metadata["training_data"]
	m.path, m.origin = manifestBeside(file), undescribed
	return m, m.validate()
}

// readONNX reads a file that looks like ONNX. Another one, perhaps a recording of many
// gigabytes, it leaves alone: ONNX Runtime would speak of it in the terms of its parser.
func readONNX(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > maxModel || !isONNX(file, info.Size()) {
		return nil, errors.New("it is no ONNX file, or a damaged one; export or copy it again")
	}
	data := make([]byte, info.Size())
	_, err = io.ReadFull(file, data)
	return data, err
}

// nameFor makes a model's name of its file's, or of its URL's last part.
func nameFor(source string) string {
	base := filepath.Base(source)
	if u, err := url.Parse(source); err == nil && u.Scheme != "" {
		base = path.Base(u.Path)
	}
	stem := strings.ToLower(strings.TrimSuffix(base, filepath.Ext(base)))
	name := strings.TrimLeft(unfitForName.ReplaceAllString(stem, "-"), "._-")
	return cmp.Or(name, "model")
}

var unfitForName = regexp.MustCompile(`[^a-z0-9._-]+`)

// graph is what a model file says about itself.
type graph struct {
	inputs, outputs []ort.InputOutputInfo
	metadata        map[string]string
}

func readGraph(data []byte) (*graph, error) {
	if err := LoadRuntime(); err != nil {
		return nil, err
	}
	var g graph
	var err error
	if g.inputs, g.outputs, err = ort.GetInputOutputInfoWithONNXData(data); err != nil {
		return nil, fmt.Errorf("ONNX Runtime cannot load it: %w", oneLine(err))
	}
	meta, err := ort.GetModelMetadataWithONNXData(data)
	if err != nil {
		return nil, err
	}
	defer meta.Destroy()
	keys, err := meta.GetCustomMetadataMapKeys()
	if err != nil {
		return nil, err
	}
	g.metadata = make(map[string]string, len(keys))
	for _, key := range keys {
		if g.metadata[key], _, err = meta.LookupCustomMetadataMap(key); err != nil {
			return nil, err
		}
	}
	return &g, nil
}

// describe tells what kind of detector the graph is.
func (g *graph) describe(data []byte) (*Manifest, error) {
	if task := g.metadata["task"]; task != "" && task != "detect" {
		return nil, fmt.Errorf("it is a %s model, not a detector", task)
	}
	labels, err := g.labels()
	if err != nil {
		return nil, err
	}
	in, err := g.input()
	if err != nil {
		return nil, err
	}
	if in.Type == "uint8" {
		return g.ownContract(in, labels)
	}
	name, shape, err := g.output(in, data)
	if err != nil {
		return nil, err
	}
	format, classes, err := matchHead(in.Width, in.Height, shape, len(labels), g.layouts())
	if err != nil {
		return nil, err
	}
	f := headFormats[format]
	in.Color, in.Resize, in.Mean, in.Std = f.color, f.resize, f.mean, f.std
	return &Manifest{
		Description: "recognised as " + f.title + " by its outputs", Precision: precisions[in.Type],
		Input: *in, Head: Head{Format: format, Output: name}, Labels: labelsOr(labels, classes),
	}, nil
}

// layouts are those that the output may have. Ultralytics' exporter says of YOLOv10
// and YOLO26 that they are end to end, and in the arguments that it was given whether
// it put a suppression into the graph.
func (g *graph) layouts() [][]headLayout {
	if g.metadata["end2end"] == "True" || suppressing.MatchString(g.metadata["args"]) {
		return [][]headLayout{{endToEnd}}
	}
	return headLayouts
}

var suppressing = regexp.MustCompile(`'nms': *True\b`)

// precisions are what a network computes in, as far as its input's type tells.
var precisions = map[string]string{"float16": "fp16"}

// input finds where the picture goes in. Sizes that are left open may be chosen.
func (g *graph) input() (*Input, error) {
	if len(g.inputs) != 1 || len(g.inputs[0].Dimensions) != 4 {
		return nil, errors.New("its input is not one picture")
	}
	tensor := &g.inputs[0]
	shape := tensor.Dimensions
	in := &Input{Name: tensor.Name}
	switch {
	case tensor.DataType == ort.TensorElementDataTypeUint8 && shape[3] == 3:
		in.Type, in.Layout, in.Height, in.Width = "uint8", "NHWC", int(shape[1]), int(shape[2])
	case isFloat(tensor.DataType) && shape[1] == 3:
		in.Type, in.Layout, in.Height, in.Width = typeText(tensor.DataType), "NCHW", int(shape[2]), int(shape[3])
	default:
		return nil, errors.New("its input is neither float32 or float16 [N,3,H,W] nor uint8 [N,H,W,3]")
	}
	if in.Height > 0 && in.Width > 0 {
		return in, in.validateSize()
	}
	height, width := g.size()
	in.Multiple = usualMultiple
	if step, err := strconv.Atoi(g.metadata["stride"]); err == nil && step > 0 {
		in.Multiple = step
	}
	if in.Height <= 0 {
		in.Height = height
	}
	if in.Width <= 0 {
		in.Width = width
	}
	return in, in.validateSize()
}

// isFloat says whether the values of that type are numbers that a network may take
// or give as they are.
func isFloat(elem ort.TensorElementDataType) bool {
	return elem == ort.TensorElementDataTypeFloat || elem == ort.TensorElementDataTypeFloat16
}

// What networks of any input size take where they do not say: sides in pixels,
// and of what they are multiples.
const usualSide, usualMultiple = 640, 32

// size is the input that the model was made for, as its exporter wrote it:
// [height, width], or WIDTHxHEIGHT by this project's own.
func (g *graph) size() (height, width int) {
	text := strings.NewReplacer("[", "", "]", "", "(", "", ")", "").Replace(g.metadata["imgsz"])
	if n, _ := fmt.Sscanf(text, "%d, %d", &height, &width); n == 1 {
		width = height
	}
	if height == 0 {
		_, _ = fmt.Sscanf(g.metadata["input_size"], "%dx%d", &width, &height)
	}
	if height <= 0 || width <= 0 {
		return usualSide, usualSide
	}
	return height, width
}

// ownContract describes a model of this project's own kind.
func (g *graph) ownContract(in *Input, labels []string) (*Manifest, error) {
	in.Color, in.Resize = "BGR", "letterbox"
	at := slices.IndexFunc(g.outputs, func(o ort.InputOutputInfo) bool { return o.Name == "scores" })
	if at < 0 || len(g.outputs[at].Dimensions) != 3 || g.outputs[at].Dimensions[2] > maxClasses || !slices.ContainsFunc(g.outputs, func(o ort.InputOutputInfo) bool { return o.Name == "boxes" }) {
		return nil, errors.New("it takes bytes, as this project's models do, but does not give boxes and scores")
	}
	return &Manifest{
		Description: "recognised as a model of this project by its outputs", Backbone: g.metadata["backbone"],
		Input: *in, Head: Head{Format: "boxes", Boxes: "boxes", Scores: "scores"},
		Labels: labelsOr(labels, int(g.outputs[at].Dimensions[2])),
	}, nil
}

// output finds the one output that can be a head's, and its shape for one picture.
// YOLOv5 may give its raw maps besides, which have five axes.
func (g *graph) output(in *Input, data []byte) (string, ort.Shape, error) {
	var found *ort.InputOutputInfo
	for i := range g.outputs {
		switch o := &g.outputs[i]; {
		case len(o.Dimensions) == 5:
		case len(o.Dimensions) != 3 || !isFloat(o.DataType) || found != nil:
			return "", nil, errors.New("it has other outputs than one head's")
		default:
			found = o
		}
	}
	if found == nil {
		return "", nil, errors.New("it has no output of a kind known here")
	}
	if found.Dimensions[1] > 0 && found.Dimensions[2] > 0 {
		return found.Name, found.Dimensions, nil
	}
	shape, err := probe(in, found, data)
	return found.Name, shape, err
}

// probe runs the network once to see the shape of an output.
func probe(in *Input, output *ort.InputOutputInfo, data []byte) (_ ort.Shape, err error) {
	data, names, err := readable(data, []ort.InputOutputInfo{*output}, []string{output.Name})
	if err != nil {
		return nil, err
	}
	session, err := ort.NewDynamicAdvancedSessionWithONNXData(data, []string{in.Name}, names, nil)
	if err != nil {
		return nil, oneLine(err)
	}
	defer func() { err = errors.Join(err, session.Destroy()) }()
	blank, err := newInputTensor(in)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, blank.Destroy()) }()
	outputs := []ort.Value{nil}
	if err := session.Run([]ort.Value{blank.value}, outputs); err != nil {
		return nil, fmt.Errorf("a first inference at %d×%d failed: %w", in.Width, in.Height, oneLine(err))
	}
	shape := outputs[0].GetShape().Clone()
	if len(shape) != 3 { // whatever the file says of it
		err = fmt.Errorf("output %s is %s, want three axes", output.Name, shapeText(shape, ""))
	}
	return shape, errors.Join(err, outputs[0].Destroy())
}

// matchHead finds the format that an output's shape can only be. Labels is how
// many the model names, 0 if none.
func matchHead(w, h int, shape ort.Shape, labels int, among [][]headLayout) (format string, classes int, err error) {
	for _, group := range among {
		var fits []string
		for i := range group {
			l := &group[i]
			if n := l.classes(w, h, shape, labels); n > 0 {
				format, classes = l.format, n
				fits = append(fits, l.text(w, h))
			}
		}
		switch {
		case len(fits) == 0:
			continue
		case len(fits) > 1:
			return "", 0, fmt.Errorf("output %s may be %s", shapeText(shape, ""), strings.Join(fits, " or "))
		case format == swapped:
			return "", 0, fmt.Errorf("output %s is YOLOv8's with its axes swapped; export it as %s",
				shapeText(shape, ""), shapeText(ort.NewShape(shape[0], shape[2], shape[1]), ""))
		}
		return format, classes, nil
	}
	return "", 0, unknownHead(w, h, shape, labels, among)
}

// unknownHead says which shapes would do.
func unknownHead(w, h int, shape ort.Shape, labels int, among [][]headLayout) error {
	var known []string
	for _, l := range slices.Concat(among...) {
		if l.format != swapped {
			known = append(known, l.text(w, h))
		}
	}
	count := "any number of"
	if labels > 0 {
		count = strconv.Itoa(labels)
	}
	return fmt.Errorf("output %s is none known here; for %d×%d pixels and %s classes C these are: %s; K is at most %d, and goes with a file that names its classes",
		shapeText(shape, ""), w, h, count, strings.Join(known, ", "), maxChosen)
}
