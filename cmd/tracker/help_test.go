package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// Scripts rely on exit codes: every command says its own.
func TestHelpSaysExitCodes(t *testing.T) {
	var check func(*cobra.Command)
	check = func(cmd *cobra.Command) {
		if !cmd.Hidden && !strings.Contains(cmd.Long, "\nExit codes: 0 ") {
			t.Errorf("%s --help says no exit codes", cmd.CommandPath())
		}
		for _, sub := range cmd.Commands() {
			check(sub)
		}
	}
	check(newRootCommand())
}

// Help fits a terminal, whatever flags a command has.
func TestHelpWidth(t *testing.T) {
	var check func(*cobra.Command)
	check = func(cmd *cobra.Command) {
		for line := range strings.SplitSeq(cmd.Long+"\n"+cmd.UsageString(), "\n") {
			if n := utf8.RuneCountInString(line); n > helpColumns {
				t.Errorf("%s --help has a line of %d columns, want at most %d: %s", cmd.CommandPath(), n, helpColumns, line)
			}
		}
		for _, sub := range cmd.Commands() {
			check(sub)
		}
	}
	check(newRootCommand())
}
