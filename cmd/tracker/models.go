//go:build gocv_specific_modules

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tracker-go/tracker/backbones"
	"github.com/tracker-go/tracker/track"
)

const modelsLong = `models lists the backbone families, what each is for, and the models that are
installed for it. A model is an ONNX file and, beside it under the same name, a
manifest (JSON) in a models folder; the folders searched are printed at the end.`

func newModelsCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "models",
		Short: "List the backbones and the models installed for them",
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
	return cmd
}

// modelRow is one installed model, or a family that has none.
type modelRow struct {
	Backbone  string           `json:"backbone"`
	Target    backbones.Target `json:"target"`
	Purpose   string           `json:"purpose"`
	Paper     string           `json:"paper"`
	Installed bool             `json:"installed"`
	Model     string           `json:"model,omitempty"`
	Input     string           `json:"input,omitempty"`
	Labels    []string         `json:"labels,omitempty"`
	Licence   string           `json:"licence,omitempty"`
	Source    string           `json:"source,omitempty"`
	File      string           `json:"file,omitempty"`
}

func modelRows(list []*backbones.Manifest) []modelRow {
	var rows []modelRow
	for _, f := range backbones.Families() {
		row := modelRow{Backbone: f.Name, Target: f.Target, Purpose: f.Purpose, Paper: f.Paper}
		found := false
		for _, m := range list {
			if m.Backbone != f.Name {
				continue
			}
			found = true
			has := row
			has.Installed, has.Model, has.File = true, m.Name, m.Path()
			has.Input = fmt.Sprintf("%d×%d", m.Input.Width, m.Input.Height)
			has.Labels, has.Licence, has.Source = m.Labels, m.Licence, m.Source
			rows = append(rows, has)
		}
		if !found {
			rows = append(rows, row)
		}
	}
	return rows
}

func printModels(w io.Writer, rows []modelRow) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "BACKBONE\tTARGET\tMODEL\tINPUT\tCLASSES\tLICENCE\tFOR")
	missing := false
	for _, r := range rows {
		if !r.Installed {
			missing = true
			fmt.Fprintf(tw, "%s\t%s\tnot installed\t\t\t\t%s\n", r.Backbone, r.Target, r.Purpose)
			continue
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", r.Backbone, r.Target, r.Model, r.Input, len(r.Labels), r.Licence, r.Purpose)
	}
	tw.Flush()
	if missing {
		fmt.Fprint(w, "\nA family that is not installed works with your own weights: put FILE.onnx and its\n"+
			"manifest FILE.json into a models folder below, or name the file with --model.\n"+
			"'make setup' installs the mobilenetv2 model.\n")
	}
	fmt.Fprintln(w, "\nSearched:")
	for _, dir := range backbones.DataDirs() {
		fmt.Fprintf(w, "  %s/models\n", dir)
	}
}

// completeNames lets the shell complete backbones, trackers and choices.
func completeNames(cmd *cobra.Command) {
	families := make([]string, 0, 8)
	for _, f := range backbones.Families() {
		families = append(families, f.Name+"\t"+f.Purpose)
	}
	for flag, values := range map[string][]string{
		"backbone": families, "tracker": track.Names(), "device": {"cpu", "cuda"},
		"display": {"auto", "on", "off"}, "codec": {"auto", "h264", "mpeg4", "mjpeg"},
		"live-policy":   {"newest", "all"},
		"camera-motion": {"auto", "on", "off"},
		"log-level":     {"debug", "info", "warn", "error"},
	} {
		f := cmd.Flags().Lookup(flag)
		_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if ext := map[string]string{"save": "mp4", "model": "onnx", "config": "yaml"}[f.Name]; ext != "" {
			_ = cmd.MarkFlagFilename(f.Name, ext)
		}
	})
}
