//go:build gocv_specific_modules

package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/tracker-go/tracker/backbones"
	"github.com/tracker-go/tracker/cmd/tracker/internal/progress"
)

// summarise prints the timings of what has run, and what did not go as it should.
// Network is a line about where that ran.
func summarise(w io.Writer, streams []*stream, took time.Duration, network string) error {
	var b bytes.Buffer
	for _, s := range streams {
		if s.frames == 0 {
			continue
		}
		if len(streams) > 1 {
			fmt.Fprintf(&b, "%s\n", s.name)
		}
		if err := s.summarise(&b); err != nil {
			return err
		}
		if len(streams) > 1 {
			b.WriteByte('\n')
		}
	}
	if len(streams) > 1 {
		total(&b, streams, took)
	}
	b.WriteString(network)
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("print summary: %w", err)
	}
	return nil
}

// ranOn says where the network really ran.
func ranOn(m *backbones.Model, asked string) string {
	switch device, err := backbones.ParseDevice(asked); {
	case err != nil || device.OnCPU():
		return cpuOnly
	case m.Device().OnCPU():
		return fmt.Sprintf("cpu, not on %s", device)
	}
	nodes, err := m.Placement() // counted when the model was opened
	if err != nil {
		return m.Device().String()
	}
	return fmt.Sprintf("%s; nodes: %s", m.Device(), nodes)
}

const cpuOnly = "cpu"

// networkLine says where the network ran, in this order; nothing where it was the CPU
// and nobody asked for more.
func networkLine(places []string) string {
	places = slices.Compact(places)
	if slices.Equal(places, []string{cpuOnly}) {
		return ""
	}
	return "network on " + strings.Join(places, ", then on ") + "\n"
}

func (s *stream) summarise(w io.Writer) error {
	if err := s.summary.WriteTable(w); err != nil {
		return err
	}
	writeCounts(w, s.counts, s.labels)
	for _, loss := range []struct {
		n         int
		what, how string
	}{
		{s.dropped, "frame", "dropped to keep up with the source"},
		{s.damaged, "piece", "of the video damaged: passed over, or made up by the decoder"},
	} {
		if loss.n > 0 {
			fmt.Fprintf(w, "%s %s\n", progress.Count(loss.n, loss.what), loss.how)
		}
	}
	return nil
}

// total prints a line for each input and one for all.
func total(w io.Writer, streams []*stream, took time.Duration) {
	wide, frames, dropped := len("input"), 0, 0
	for _, s := range streams {
		wide, frames, dropped = max(wide, len(s.name)), frames+s.frames, dropped+s.dropped
	}
	fps := float64(frames) / took.Seconds()
	fmt.Fprintf(w, "%-*s %9s %9s %9s %9s %9s  %s\n", wide, "input", "frames", "FPS", "p50 ms", "p95", "dropped", "end")
	for _, s := range streams {
		fmt.Fprintf(w, "%-*s %9d %9.1f %9.2f %9.2f %9d  %s\n", wide, s.name, s.frames,
			s.summary.FPS, s.summary.Latency.P50, s.summary.Latency.P95, s.dropped, s.state())
	}
	fmt.Fprintf(w, "%-*s %9d %9.1f %9s %9s %9d\n", wide, "all", frames, fps, "", "", dropped)
	fmt.Fprintf(w, "%d frames of %d inputs in %.1f s: %.1f FPS\n", frames, len(streams), took.Seconds(), fps)
}
