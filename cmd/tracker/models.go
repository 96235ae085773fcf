//go:build gocv_specific_modules

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tracker-go/tracker/backbones"
	"github.com/tracker-go/tracker/cmd/tracker/internal/progress"
	"github.com/tracker-go/tracker/track"
)

const modelsLong = `models lists the detectors that are built into the program or installed: input size,
precision, AP50 (the mean over classes, and of people), file size, time of one
inference where it was measured, and licence. CONF is the --conf of a run that gives none.
A star marks the one that stands for its backbone family: --backbone FAMILY. Any other is
chosen by its name.

A model is an ONNX file and, beside it under the same name, a manifest (JSON) in a
models folder; the folders searched are printed at the end.

  tracker models add yolox_nano.onnx
  tracker models add https://example.org/people.onnx --sha256 HEX --name people
  tracker models remove people

Exit codes: 0 ok, 1 failed, 2 usage, 3 some models cannot be read.`

func newModelsCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "models",
		Short: "List, add and remove detection models",
		Long:  modelsLong,
		Args:  flagsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := backbones.Installed()
			if err != nil {
				err = partialError(err)
			}
			rows := modelRows(list)
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetIndent("", "  ")
				if encErr := enc.Encode(rows); encErr != nil {
					return encErr
				}
				return err
			}
			printModels(cmd.OutOrStdout(), rows)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.AddCommand(newModelsAddCommand(), newModelsRemoveCommand())
	return cmd
}

// modelRow is one model, or a family that has none.
type modelRow struct {
	Backbone    string              `json:"backbone,omitempty"`
	Target      backbones.Target    `json:"target,omitempty"`
	Purpose     string              `json:"purpose,omitempty"`
	Paper       string              `json:"paper,omitempty"`
	Installed   bool                `json:"installed"`
	BuiltIn     bool                `json:"built_in"`
	Recommended bool                `json:"recommended"`
	Model       string              `json:"model,omitempty"`
	Input       string              `json:"input,omitempty"`
	Precision   string              `json:"precision,omitempty"`
	Conf        float64             `json:"conf,omitempty"` // where --conf is not given
	NMSIoU      float64             `json:"nms_iou,omitempty"`
	Accuracy    *backbones.Accuracy `json:"accuracy,omitempty"`
	Bytes       int64               `json:"bytes,omitempty"`
	Speed       *backbones.Speed    `json:"speed,omitempty"`
	Labels      []string            `json:"labels,omitempty"`
	Licence     string              `json:"licence,omitempty"`
	Source      string              `json:"source,omitempty"`
	File        string              `json:"file,omitempty"`
}

// modelRows lists the models by family, then those of none.
func modelRows(list []*backbones.Manifest) []modelRow {
	var rows []modelRow
	for _, f := range append(backbones.Families(), backbones.Family{}) {
		row := modelRow{Backbone: f.Name, Target: f.Target, Purpose: f.Purpose, Paper: f.Paper}
		found := false
		for _, m := range list {
			if m.Backbone == f.Name {
				found = true
				rows = append(rows, row.of(m))
			}
		}
		if !found && f.Name != "" {
			rows = append(rows, row)
		}
	}
	return rows
}

// of is the family's row filled in for one of its models.
func (r modelRow) of(m *backbones.Manifest) modelRow {
	r.Installed, r.BuiltIn, r.Recommended = true, m.BuiltIn(), m.Recommended
	r.Model, r.Precision, r.Accuracy, r.Speed = m.Name, m.Precision, m.Accuracy, m.Speed
	r.Conf, r.NMSIoU = m.Thresholds()
	r.Input = fmt.Sprintf("%d×%d", m.Input.Width, m.Input.Height)
	r.Labels, r.Licence, r.Source, r.File = m.Labels, m.Licence, m.Source, m.Path()
	r.Bytes, _ = m.Size() // 0 where the file is missing
	return r
}

func printModels(w io.Writer, rows []modelRow) {
	var empty []modelRow
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "MODEL\tBACKBONE\tINPUT\tPRECISION\tCONF\tAP50\tPERSON\tFILE\tINFERENCE\tLICENCE")
	for _, r := range rows {
		if !r.Installed {
			empty = append(empty, r)
			continue
		}
		fmt.Fprintln(tw, strings.Join(r.columns(), "\t"))
	}
	tw.Flush()
	if len(empty) > 0 {
		fmt.Fprintln(w, "\nBackbones without a model; train one (training/README.md) or add your own:")
		tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, r := range empty {
			fmt.Fprintf(tw, "  %s\t%s\t%s\n", r.Backbone, r.Target, r.Purpose)
		}
		tw.Flush()
	}
	fmt.Fprintln(w, "\nSearched, before what is built in:")
	for _, dir := range backbones.DataDirs() {
		fmt.Fprintf(w, "  %s/models\n", dir)
	}
}

// columns are the cells of a model's line; a dash is what nobody has said.
func (r modelRow) columns() []string {
	const unknown = "-"
	name, precision := r.Model, r.Precision
	if r.Recommended {
		name += " *"
	}
	if precision == "" {
		precision = unknown
	}
	family, ap50, person, size, speed := r.Backbone, unknown, unknown, "missing", unknown
	if family == "" {
		family = unknown
	}
	if a := r.Accuracy; a != nil {
		ap50 = fmt.Sprintf("%.1f", 100*a.AP50)
		if a.PersonAP50 > 0 {
			person = fmt.Sprintf("%.1f", 100*a.PersonAP50)
		}
	}
	if r.Bytes > 0 {
		size = megabytes(r.Bytes)
	}
	if s := r.Speed; s != nil {
		speed = fmt.Sprintf("%.1f ms, %s", s.Milliseconds, progress.Count(s.Threads, "thread"))
	}
	return []string{name, family, r.Input, precision, fmt.Sprintf("%.2f", r.Conf), ap50, person, size, speed, r.Licence}
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// completeNames lets the shell complete backbones, trackers and choices.
func completeNames(cmd *cobra.Command) {
	families := make([]string, 0, 8)
	for _, f := range backbones.Families() {
		families = append(families, f.Name+"\t"+f.Purpose)
	}
	for flag, values := range map[string][]string{
		"backbone": families, "tracker": track.Names(), "device": backbones.DeviceKinds(),
		"display": {"auto", "on", "off"}, "codec": {"auto", "h264", "mpeg4", "mjpeg"},
		"live-policy":   {"newest", "all"},
		"camera-motion": {"auto", "on", "off"}, "looks": {"on", "off"}, "panel": {"on", "off"},
		"log-level": {"debug", "info", "warn", "error"},
	} {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if ext := map[string]string{"save": "mp4", "model": "onnx", "config": "yaml"}[f.Name]; ext != "" {
			_ = cmd.MarkFlagFilename(f.Name, ext)
		}
	})
}
