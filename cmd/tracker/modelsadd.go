//go:build gocv_specific_modules

package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tracker-go/tracker/backbones"
)

const modelsAddLong = `add installs an ONNX detector in the first models folder, from a file or a URL. It is
described by --manifest, by the manifest beside the file, or, where its outputs are
those of YOLOX, YOLOv5, YOLOv8, YOLO11, RT-DETR, NanoDet-Plus or an end-to-end export,
by what they look like; that manifest is written, and can be edited.

The file is checked against --sha256, which a URL must come with, and run once
before it counts as installed. Run what you trust: the checksum says that a file is
the one you mean, not that it means well.

Exit codes: 0 ok, 1 failed, 2 usage, 130 interrupted.`

func newModelsAddCommand() *cobra.Command {
	var a backbones.Addition
	cmd := &cobra.Command{
		Use:   "add FILE|URL [--sha256 HEX] [--name NAME] [--manifest FILE]",
		Short: "Install a model",
		Long:  modelsAddLong,
		Args:  oneArgument("the model's file or URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			a.Source, a.SHA256 = args[0], strings.ToLower(a.SHA256)
			if err := a.Validate(); err != nil {
				return &codedError{exitUsage, err}
			}
			m, err := backbones.Add(cmd.Context(), a)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "added %s: %s %d×%d, %d classes (%s); licence: %s\n%s\n",
				m.Name, m.Head.Format, m.Input.Width, m.Input.Height, len(m.Labels), someLabels(m.Labels), m.Licence, m.Path())
			return err
		},
	}
	cmd.Flags().StringVar(&a.SHA256, "sha256", "", "the file's checksum, in `HEX`; a URL needs it")
	cmd.Flags().StringVar(&a.Name, "name", "", "call the model `NAME`; the file's or manifest's if not given")
	cmd.Flags().StringVar(&a.Manifest, "manifest", "", "describe it by this JSON `FILE`")
	return cmd
}

// someLabels shows the first few, enough to see that they are the right ones.
func someLabels(labels []string) string {
	if len(labels) > 3 {
		return strings.Join(labels[:3], ", ") + ", …"
	}
	return strings.Join(labels, ", ")
}

const modelsRemoveLong = `remove takes an installed model away, file and manifest, by its own name. What is built
into the program stays.

Exit codes: 0 ok, 1 failed, 2 usage.`

func newModelsRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove NAME",
		Short: "Remove an installed model",
		Long:  modelsRemoveLong,
		Args:  oneArgument("the model's name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := backbones.Remove(args[0])
			if errors.Is(err, backbones.ErrUnknown) || errors.Is(err, backbones.ErrBuiltIn) {
				return &codedError{exitUsage, err}
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "removed %s\n", file)
			return err
		},
	}
}

// oneArgument wants exactly one word, and says which.
func oneArgument(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usageErrorf("%s: want one argument, %s; got %d", cmd.CommandPath(), what, len(args))
		}
		return nil
	}
}
