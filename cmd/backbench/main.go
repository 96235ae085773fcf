// Command backbench times a model's network on a device, alone: no video, no
// tracking, and no OpenCV, so that it runs on a bare machine with the ONNX Runtime
// beside it. Build it without the Makefile's tags:
//
//	GOFLAGS= go build -trimpath -o bin/backbench ./cmd/backbench
//	bin/backbench -device cuda -batch 1,8 mobilenetv2 resnest.onnx
//
// For every model and batch size it prints the median and the 95th percentile of
// one inference, copies to the device and back included and warm-up not, and on
// which execution providers the network's nodes run. A network that takes one
// picture at a time is measured so, unless -batch asks for more. It exits with 1 where
// a model could not be measured, and with 2 for a mistake on the command line.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tracker-go/tracker/backbones"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// result is one model at one batch size.
type result struct {
	Model     string              `json:"model"`
	Device    string              `json:"device"`
	Runtime   string              `json:"onnxruntime"`
	Input     string              `json:"input"`
	Precision string              `json:"precision,omitempty"`
	Batch     int                 `json:"batch"`
	P50       float64             `json:"p50_ms"` // of one inference of the whole batch
	P95       float64             `json:"p95_ms"`
	Pictures  float64             `json:"pictures_per_second"`
	Runs      int                 `json:"runs"`
	Nodes     backbones.Placement `json:"nodes"`
}

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("backbench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: backbench [flags] MODEL...   (names, or ONNX files with their manifests)")
		flags.PrintDefaults()
	}
	device := flags.String("device", "cpu", "run on a `DEVICE`: "+backbones.Devices())
	batch := flags.String("batch", "1,8", "pictures of an inference, a `LIST` of sizes")
	threads := flags.Int("threads", runtime.NumCPU(), "`N` threads of an inference on the CPU")
	length := flags.Duration("time", 3*time.Second, "`TIME` for each model and batch size")
	asJSON := flags.Bool("json", false, "print JSON")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	sizes, err := batchSizes(*batch)
	if _, deviceErr := backbones.ParseDevice(*device); err == nil {
		err = deviceErr
	}
	if err == nil && flags.NArg() == 0 {
		err = errors.New("name a model, or more")
	}
	if err != nil {
		fmt.Fprintln(stderr, "backbench:", err)
		return 2
	}
	asked := false
	flags.Visit(func(f *flag.Flag) { asked = asked || f.Name == "batch" })
	code := 0
	var results []result
	opts := backbones.Options{Device: *device, Threads: *threads, Conf: 0.25, NMSIoU: 0.5, Notify: func(s string) { fmt.Fprintln(stderr, s) }}
	for _, name := range flags.Args() {
		measured, err := measure(name, opts, sizes, asked, *length)
		results = append(results, measured...)
		if err != nil {
			fmt.Fprintf(stderr, "backbench: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
			code = 1
		}
	}
	print := printTable
	if *asJSON {
		print = printJSON
	}
	if len(results) == 0 {
		return code
	}
	if err := print(stdout, results); err != nil {
		fmt.Fprintln(stderr, "backbench:", err)
		return 1
	}
	return code
}

// batchSizes reads a list as in 1,8.
func batchSizes(list string) ([]int, error) {
	var sizes []int
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 1 || n > 64 {
			return nil, fmt.Errorf("batch %q: want sizes of 1 to 64, as in 1,8", text)
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}

// find takes the name of a model or family, or a file.
func find(name string, device backbones.Device) (*backbones.Manifest, error) {
	if err := backbones.LoadRuntimeFor(device); err != nil {
		return nil, err
	}
	if strings.HasSuffix(name, ".onnx") {
		return backbones.FromFile(name)
	}
	return backbones.Find(name)
}

// measure times a model at each batch size; one that it cannot take is an error
// where the sizes were asked for.
func measure(name string, opts backbones.Options, sizes []int, asked bool, length time.Duration) (results []result, err error) {
	device, err := backbones.ParseDevice(opts.Device)
	if err != nil {
		return nil, err
	}
	m, err := find(name, device)
	if err != nil {
		return nil, err
	}
	model, err := backbones.Open(m, opts)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, model.Close()) }()
	nodes, err := model.Placement()
	if err != nil {
		return nil, err
	}
	version, _, err := backbones.RuntimeInUse()
	if err != nil {
		return nil, err
	}
	for _, n := range sizes {
		times, err := model.Time(n, length)
		if errors.Is(err, backbones.ErrOnePicture) && !asked {
			opts.Notify(fmt.Sprintf("left out: %v", err))
			continue
		}
		if err != nil {
			return results, err
		}
		slices.Sort(times)
		p50, p95 := quantile(times, 0.5), quantile(times, 0.95)
		results = append(results, result{
			Model: m.Name, Device: model.Device().String(), Runtime: version, Precision: m.Precision,
			Input: fmt.Sprintf("%dx%d", m.Input.Width, m.Input.Height), Batch: n,
			P50: ms(p50), P95: ms(p95), Pictures: float64(n) / p50.Seconds(), Runs: len(times), Nodes: nodes,
		})
	}
	return results, nil
}

// quantile is the nearest rank of sorted times, of which there is one at least.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func printJSON(w io.Writer, results []result) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(results)
}

func printTable(w io.Writer, results []result) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "MODEL\tDEVICE\tINPUT\tBATCH\tP50 MS\tP95 MS\tPICTURES/S\tNODES")
	for _, r := range results {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%d\t%.2f\t%.2f\t%.1f\t%s\n", r.Model, r.Device, r.Input, r.Batch, r.P50, r.P95, r.Pictures, r.Nodes)
	}
	return tw.Flush()
}
