//go:build gocv_specific_modules

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tracker-go/tracker/backbones"
	"github.com/tracker-go/tracker/config"
)

const doctorLong = `doctor looks at what the tracker needs and what this machine has: libraries and their
versions, devices that the ONNX Runtime in use can run networks on, every model (its
checksum, and how many of its nodes run on which provider of the chosen device),
video codecs by writing a video with each, cameras with their formats and rates, the
screen, and the processor.

Each line is ok, absent (not there, and not needed unless you ask for it) or broken;
what is broken comes again at the end with the command that mends it.

Exit codes: 0 ok, 1 something is broken, 2 usage.`

func newDoctorCommand() *cobra.Command {
	device := config.Default().Device
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check libraries, devices, models, codecs, cameras and screen",
		Long:  doctorLong,
		Args:  flagsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := backbones.ParseDevice(device)
			if err != nil {
				return &codedError{exitUsage, err}
			}
			report := examine(d)
			print := report.print
			if asJSON {
				print = report.printJSON
			}
			if err := print(cmd.OutOrStdout()); err != nil {
				return fmt.Errorf("print report: %w", err)
			}
			return report.err()
		},
	}
	cmd.Flags().StringVar(&device, "device", device, "run the models on a `DEVICE`: "+backbones.Devices())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	_ = cmd.RegisterFlagCompletionFunc("device", cobra.FixedCompletions(backbones.DeviceKinds(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// verdict is how a check came out.
type verdict string

const (
	fine   verdict = "ok"
	absent verdict = "absent" // and nothing that was asked for needs it
	broken verdict = "broken"
)

// check is one line of the report.
type check struct {
	Area     string  `json:"area"`
	Item     string  `json:"item"`
	Verdict  verdict `json:"verdict"`
	Found    string  `json:"found"`
	Required string  `json:"required,omitempty"`
	Fix      string  `json:"fix,omitempty"` // a command or a step; only where not ok
}

// doctorReport is what doctor found, in the order of looking.
type doctorReport struct {
	Device string  `json:"device"`
	Checks []check `json:"checks"`
}

// areas are what doctor looks at.
var areas = []struct {
	name    string
	examine func(backbones.Device) []check
}{
	{"program", examineProgram},
	{"device", examineDevices},
	{"model", examineModels},
	{"codec", examineCodecs},
	{"camera", examineCameras},
	{"screen", examineScreen},
	{"processor", examineProcessor},
}

func examine(d backbones.Device) *doctorReport {
	r := &doctorReport{Device: d.String()}
	for _, a := range areas {
		for _, c := range a.examine(d) {
			c.Area, c.Found, c.Fix = a.name, onOneLine(c.Found), onOneLine(c.Fix)
			r.Checks = append(r.Checks, c)
		}
	}
	return r
}

func onOneLine(s string) string { return strings.ReplaceAll(s, "\n", "; ") }

func (r *doctorReport) printJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

func (r *doctorReport) print(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	area := ""
	for _, c := range r.Checks {
		shown := c.Area
		if shown == area {
			shown = ""
		}
		area = c.Area
		found := c.Found
		if c.Required != "" {
			found += " (wants " + c.Required + ")"
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", shown, c.Verdict, c.Item, found)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for i, c := range r.broken() {
		if i == 0 {
			fmt.Fprintln(w, "\nTo mend:")
		}
		if _, err := fmt.Fprintf(w, "  %s: %s\n", c.Item, c.Fix); err != nil {
			return err
		}
	}
	return nil
}

func (r *doctorReport) broken() (list []check) {
	for _, c := range r.Checks {
		if c.Verdict == broken {
			list = append(list, c)
		}
	}
	return list
}

// err names what is broken.
func (r *doctorReport) err() error {
	var names []string
	for _, c := range r.broken() {
		names = append(names, c.Item)
	}
	if len(names) == 0 {
		return nil
	}
	return &codedError{exitFailed, fmt.Errorf("%d of %d checks found something broken: %s", len(names), len(r.Checks), strings.Join(names, ", "))}
}
