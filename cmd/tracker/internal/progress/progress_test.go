package progress

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLine(t *testing.T) {
	tests := []struct {
		name string
		s    state
		cols int
		want string
	}{
		{"file", state{frame: 191, total: 795, fps: 75.71, tracks: 7}, 79,
			" 24% [======>                   ] 191/795  75.7 FPS  ETA 0:08  7 tracks"},
		{"one track, hours left", state{frame: 1, total: 90000, fps: 10, tracks: 1}, 79,
			"  0% [>                     ]     1/90000  10.0 FPS  ETA 2:30:00  1 track"},
		{"finished", state{frame: 795, total: 795, fps: 80, elapsed: 10500 * time.Millisecond}, 63,
			"100% [==========] 795/795  80.0 FPS  0:11  0 tracks"},
		{"no room for a bar", state{frame: 191, total: 795, fps: 75.71, tracks: 7}, 50,
			" 24% 191/795  75.7 FPS  ETA 0:08  7 tracks"},
		{"no room for the text", state{frame: 191, total: 795, fps: 75.71, tracks: 7}, 20,
			" 24% 191/795  75.7 F"},
		{"no room at all", state{frame: 191, total: 795}, -1, ""},
		{"rate not known yet", state{frame: 0, total: 795}, 44, "  0%   0/795  0.0 FPS  ETA -:--  0 tracks"},
		{"rate near zero", state{frame: 0, total: 795, fps: math.SmallestNonzeroFloat64}, 44,
			"  0%   0/795  0.0 FPS  ETA 999:00:00  0 trac"},
		{"live", state{frame: 1234, fps: 29.9, tracks: 7, elapsed: 41 * time.Second}, 79,
			"frame 1234  29.9 FPS  0:41  7 tracks"},
		{"one of several", state{name: "a-long-name-of-a-camera", frame: 191, total: 795, fps: 75.71, tracks: 7}, 79,
			"a-long-name-of-a  24% 191/795  75.7 FPS  ETA 0:08  7 tracks"},
		{"ended", state{name: "yard", frame: 12, elapsed: time.Second, end: "failed"}, 79,
			"yard             frame 12  0.0 FPS  0:01  failed"},
		{"more frames than the file said", state{frame: 796, total: 795, fps: 80, elapsed: 10 * time.Second}, 79,
			"frame 796  80.0 FPS  0:10  0 tracks"},
		{"all inputs", state{batch: batch{3, 10, 0.34, 80 * time.Second}}, 70,
			"all               34% [========>               ] 3/10 inputs  ETA 1:20"},
		{"all inputs, nobody knows for how long", state{batch: batch{0, 10, 0, -1}}, 50,
			"all                0% 0/10 inputs  ETA -:--"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			tt.s.appendLine(&b, tt.cols)
			if got := b.String(); got != tt.want {
				t.Errorf("line %q\nwant %q", got, tt.want)
			}
			if b.Len() > max(tt.cols, 0) {
				t.Errorf("line of %d columns, want at most %d", b.Len(), tt.cols)
			}
		})
	}
}

// A log gets one line every ten seconds and nothing of a short run.
func TestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		b := New(&out, 600, false)
		for i := range 250 {
			time.Sleep(100 * time.Millisecond)
			b.Update(i+1, 10, 3)
		}
		b.Done()
		want := "frame 100 of 600 (16%), 10.0 FPS, ETA 0:50, 3 tracks\n" +
			"frame 200 of 600 (33%), 10.0 FPS, ETA 0:40, 3 tracks\n"
		if out.String() != want {
			t.Errorf("log %q\nwant %q", out.String(), want)
		}
	})
}

func TestLiveLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		b := New(&out, 0, false)
		time.Sleep(75 * time.Second)
		b.Update(2250, 30, 1)
		b.Done()
		if want := "frame 2250, 30.0 FPS, 1:15, 1 track\n"; out.String() != want {
			t.Errorf("log %q, want %q", out.String(), want)
		}
	})
}

func TestQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		b := terminalBar(&out, 10, true)
		time.Sleep(time.Minute)
		b.Update(5, 10, 1)
		b.Done()
		if out.Len() != 0 {
			t.Errorf("a quiet bar wrote %q", out.String())
		}
		fmt.Fprintln(b, "log")
		if out.String() != "log\n" {
			t.Errorf("a log line became %q", out.String())
		}
	})
}

func TestRedrawsAreRateLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		b := terminalBar(&out, 1000, false)
		for i := range 1000 {
			b.Update(i+1, 500, 0)
			time.Sleep(2 * time.Millisecond)
		}
		if n := strings.Count(out.String(), eraseLine); n != 20 {
			t.Errorf("%d redraws in 2 s, want 20", n)
		}
		out.Reset()
		b.Done()
		b.Done()
		time.Sleep(time.Minute)
		b.Update(1000, 500, 0)
		b.Line(0).Total(1, 1, 1, 0)
		if got := out.String(); !strings.HasPrefix(got, eraseLine+"100% ") || strings.Index(got, "\n") != len(got)-1 {
			t.Errorf("Done and what came later wrote %q, want the last state and one newline", got)
		}
	})
}

func TestLogLinesGoAboveTheBar(t *testing.T) {
	var out bytes.Buffer
	b := terminalBar(&out, 100, false)
	b.Update(50, 25, 2)
	out.Reset()
	n, err := b.Write([]byte("dropped 3 frames\n"))
	if err != nil || n != len("dropped 3 frames\n") {
		t.Fatalf("Write = %d, %v", n, err)
	}
	if want := eraseLine + "dropped 3 frames\n" + eraseLine + " 50% ["; !strings.HasPrefix(out.String(), want) {
		t.Errorf("wrote %q, want it to start with %q", out.String(), want)
	}
}

// Several lines are redrawn in place; what is logged goes above them, and those
// that find no room are counted.
func TestSeveralLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		b := NewLines(&out, false, "yard", "gate", "hall")
		rows := 24
		b.size = func() (int, int) { return 80, rows }
		b.Line(0).Expect(100)
		b.Line(1).Update(3, 25, 1)
		lines := func(yard, gate, hall string) string {
			return eraseLine + fmt.Sprintf("%-17s", "yard") + yard + "\n" + eraseLine + fmt.Sprintf("%-17s", "gate") + gate + "\n" +
				eraseLine + fmt.Sprintf("%-17s", "hall") + hall
		}
		const gate = "frame 3  25.0 FPS  0:00  1 track"
		nothing := "frame 0  0.0 FPS  0:00  0 tracks"
		check := func(want string) {
			t.Helper()
			if out.String() != want {
				t.Errorf("wrote %q\nwant  %q", out.String(), want)
			}
			out.Reset()
		}
		check(lines("  0%   0/100  0.0 FPS  ETA -:--  0 tracks", gate, nothing))
		fmt.Fprintln(b, "log")
		check("\r\x1b[2A\x1b[Jlog\n" + lines("  0%   0/100  0.0 FPS  ETA -:--  0 tracks", gate, nothing))
		b.Line(1).End("done")
		time.Sleep(time.Second)
		b.Line(0).Update(50, 10, 2)
		check("\r\x1b[2A" + lines(" 50%  50/100  10.0 FPS  ETA 0:05  2 tracks", "frame 3  25.0 FPS  0:00  done", "frame 0  0.0 FPS  0:01  0 tracks"))
		rows = 3
		b.Done()
		check("\r\x1b[2A" + eraseLine + fmt.Sprintf("%-17s", "yard") + " 50%  50/100  10.0 FPS  ETA 0:05  2 tracks\n" + eraseLine + "and 2 more inputs\x1b[J\n")
	})
}

// A log has a line for each input that goes on.
// A line goes from one input to the next, and the last is that of all.
func TestLinesOfABatch(t *testing.T) {
	var out bytes.Buffer
	b := NewLines(&out, false, "", "")
	b.start = time.Now().Add(-time.Hour)
	line, all := b.Line(0), b.Line(1)
	line.Begin("yard", 10)
	line.Update(5, 20, 1)
	line.End("done")
	line.Begin("gate", 0)
	b.drawn = time.Time{}
	all.Total(1, 2, 0.5, time.Minute)
	want := "yard: frame 5 of 10 (50%), 20.0 FPS, ETA 0:00, 1 track\n"
	if got := out.String(); !strings.HasPrefix(got, want) ||
		!strings.HasSuffix(got, "gate: frame 0, 0.0 FPS, 1:00:00, 0 tracks\n1 of 2 inputs (50%), ETA 1:00\n") {
		t.Errorf("wrote %q", got)
	}
}

func TestLogOfSeveral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		b := NewLines(&out, false, "yard", "gate")
		b.Line(1).End("failed")
		time.Sleep(12 * time.Second)
		b.Line(0).Update(120, 10, 3)
		b.Done()
		if want := "yard: frame 120, 10.0 FPS, 0:12, 3 tracks\n"; out.String() != want {
			t.Errorf("log %q, want %q", out.String(), want)
		}
	})
}

func TestBrokenOutputDoesNotEndTheRun(t *testing.T) {
	b := terminalBar(failing{}, 100, false)
	b.Update(1, 1, 1)
	if _, err := b.Write([]byte("x\n")); !errors.Is(err, errBroken) {
		t.Errorf("Write error = %v, want the writer's", err)
	}
	b.Done()
}

// The bar on a real terminal: script(1) runs this test binary again on one.
func TestTerminal(t *testing.T) {
	if os.Getenv("PROGRESS_DEMO") != "" {
		demo()
		return
	}
	script, err := exec.LookPath("script")
	if err != nil {
		t.Skip("no script(1) to make a terminal with")
	}
	run := fmt.Sprintf("stty cols 70 && exec %s -test.run='^TestTerminal$'", os.Args[0])
	cmd := exec.Command(script, "-qec", run, "/dev/null")
	cmd.Env = append(os.Environ(), "PROGRESS_DEMO=1", "TERM=xterm")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Skipf("script(1) could not make a terminal: %v: %s", err, out)
	}
	text := string(out)
	if n := strings.Count(text, eraseLine); n < 3 || n > 8 {
		t.Errorf("%d redraws in 0.3 s, want about 4: %q", n, text)
	}
	if !strings.Contains(text, "100% [") || !strings.Contains(text, "30/30") {
		t.Errorf("the last state is missing: %q", text)
	}
	for _, line := range strings.Split(text, eraseLine) {
		if line, _, _ = strings.Cut(line, "\r\n"); len(line) > 69 {
			t.Errorf("%d columns on a terminal of 70: %q", len(line), line)
		}
	}
}

func demo() {
	b := New(os.Stderr, 30, false)
	for i := range 30 {
		time.Sleep(10 * time.Millisecond)
		b.Update(i+1, 100, 4)
	}
	b.Done()
}

func BenchmarkUpdate(b *testing.B) {
	bar := terminalBar(&bytes.Buffer{}, 0, false)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		bar.Update(i, 100, 4)
	}
}

func terminalBar(w interface{ Write([]byte) (int, error) }, total int, quiet bool) *Bar {
	b := New(w, total, quiet)
	b.size = func() (int, int) { return 80, 24 }
	return b
}

var errBroken = errors.New("broken pipe")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errBroken }
