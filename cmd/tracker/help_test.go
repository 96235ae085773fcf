package main

import (
	"regexp"
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

// The value of a flag has a name that its sentence explains: pflag's own are Go's types, and one in brackets was added for
// the name alone.
func TestHelpNamesValues(t *testing.T) {
	bad := regexp.MustCompile(`(?m)^ +(-., )?--\S+ (float|int|string|strings|ints|duration) |\([A-Z]+\)$`)
	var check func(*cobra.Command)
	check = func(cmd *cobra.Command) {
		for _, line := range bad.FindAllString(cmd.UsageString(), -1) {
			t.Errorf("%s --help: %s", cmd.CommandPath(), line)
		}
		for _, sub := range cmd.Commands() {
			check(sub)
		}
	}
	check(newRootCommand())
}

// bench pipeline shows no flags of what it refuses.
func TestHelpOfBenchPipeline(t *testing.T) {
	text := newBenchPipelineCommand().UsageString()
	for _, word := range []string{"--cam ", "--cam-fps", "--live-policy", "--reconnect", "many times", "standard input"} {
		if strings.Contains(text, word) {
			t.Errorf("bench pipeline --help has %s", word)
		}
	}
}

// A word that is no command, and one that lacks its dashes, is told with what was likely meant.
func TestStrayWords(t *testing.T) {
	dir := put(t, map[string]string{"save": ""})
	for line, want := range map[string]string{
		"help foo":         `unknown command "foo"; those of tracker are batch, bench, `,
		"help config foo":  `unknown command "foo"; those of tracker config are check, show;`,
		"help track foo":   `unknown command "foo"; tracker track has none;`,
		"serve :80":        `unknown command "serve"; did you mean --serve?`,
		"model x.onnx":     `unknown command "model"; did you mean models or --model?`,
		"bench budget 5ms": `unexpected argument "budget"; did you mean --budget?`,
		"save":             "a video is given as --input save", // which is a file here
	} {
		if got := runIn(t, dir, strings.Fields(line)...); got.code != exitUsage || got.stdout != "" || !strings.Contains(got.stderr, want) {
			t.Errorf("%s: exit code %d: %s%s", line, got.code, got.stdout, got.stderr)
		}
	}
	if got := runIn(t, dir, "help", "foo"); !strings.HasSuffix(got.stderr, "; see 'tracker --help'\n") {
		t.Errorf("help foo: %s", got.stderr)
	}
	if got := runIn(t, dir, "help", "config", "show"); got.code != exitOK || !strings.Contains(got.stdout, "tracker config show") {
		t.Errorf("help: exit code %d: %s%s", got.code, got.stdout, got.stderr)
	}
}
