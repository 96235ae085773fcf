package progress

import (
	"bytes"
	"fmt"
	"time"
)

// The bar between brackets takes what the text leaves of the line, within these
// bounds; narrower terminals go without.
const (
	minBar, maxBar = 10, 40
	// textCols is what the line needs beside the bar and the two frame numbers,
	// at its longest: a bar that followed the actual text would twitch.
	textCols = 47
	// nameCols is the room for an input's name; longer ones are cut.
	nameCols = 16
)

// longest is the longest time that is written.
const longest = 999 * time.Hour

// appendLine writes the terminal's line in at most cols columns, ASCII only:
//
//	 24% [=========>                ] 191/795  75.7 FPS  ETA 0:08  7 tracks
//	frame 1234  29.9 FPS  0:41  7 tracks
//
// Where there are several inputs, it begins with the name of its own.
func (s state) appendLine(b *bytes.Buffer, cols int) {
	if s.batch.of > 0 {
		s.batch.appendLine(b, cols)
		return
	}
	start := b.Len()
	whole := cols
	if s.name != "" {
		fmt.Fprintf(b, "%-*.*s ", nameCols, nameCols, s.name)
		cols -= nameCols + 1
	}
	if s.bounded() {
		wide := digits(s.total)
		fmt.Fprintf(b, "%3d%% ", s.percent())
		if width := min(cols-textCols-2*wide, maxBar); width >= minBar {
			appendBar(b, width, s.frame, s.total)
		}
		fmt.Fprintf(b, "%*d/%d  %.1f FPS  %s  %s",
			wide, s.frame, s.total, s.fps, s.clockOrETA(), s.last())
	} else {
		fmt.Fprintf(b, "frame %d  %.1f FPS  %s  %s", s.frame, s.fps, clock(s.elapsed), s.last())
	}
	b.Truncate(min(b.Len(), start+max(whole, 0)))
}

// appendLine writes the line of all inputs:
//
//	all               34% [====>     ] 3/10 inputs  ETA 1:20
func (s batch) appendLine(b *bytes.Buffer, cols int) {
	start := b.Len()
	percent := int(100 * s.share)
	fmt.Fprintf(b, "%-*s %3d%% ", nameCols, "all", percent)
	text := fmt.Sprintf("%d/%d inputs  %s", s.done, s.of, s.eta())
	if width := min(cols-(b.Len()-start)-len(text)-3, maxBar); width >= minBar {
		appendBar(b, width, percent, 100)
	}
	b.WriteString(text)
	b.Truncate(min(b.Len(), start+max(cols, 0)))
}

func (s batch) eta() string {
	if s.left < 0 {
		return "ETA -:--"
	}
	return "ETA " + clock(s.left)
}

// last is the objects in view, or how it ended.
func (s state) last() string {
	if s.end != "" {
		return s.end
	}
	return Count(s.tracks, "track")
}

// appendPlain writes the same for a log.
func (s state) appendPlain(b *bytes.Buffer) {
	if s.batch.of > 0 {
		fmt.Fprintf(b, "%d of %d inputs (%d%%), %s", s.batch.done, s.batch.of, int(100*s.batch.share), s.batch.eta())
		return
	}
	if s.name != "" {
		fmt.Fprintf(b, "%s: ", s.name)
	}
	if !s.bounded() {
		fmt.Fprintf(b, "frame %d, %.1f FPS, %s, %s", s.frame, s.fps, clock(s.elapsed), Count(s.tracks, "track"))
		return
	}
	fmt.Fprintf(b, "frame %d of %d (%d%%), %.1f FPS, %s, %s",
		s.frame, s.total, s.percent(), s.fps, s.clockOrETA(), Count(s.tracks, "track"))
}

// bounded is false where the number of frames is not known, or where the file
// said a smaller one than it holds, as some containers do.
func (s state) bounded() bool { return s.total > 0 && s.frame <= s.total }

func (s state) percent() int { return 100 * s.frame / s.total }

// clockOrETA is the time that is left at the present rate, and the time taken
// once nothing is left.
func (s state) clockOrETA() string {
	left := s.total - s.frame
	switch {
	case left == 0 || s.end != "":
		return clock(s.elapsed)
	case s.fps <= 0:
		return "ETA -:--"
	}
	// A rate near 0 must not overflow the duration.
	seconds := min(float64(left)/s.fps, longest.Seconds())
	return "ETA " + clock(time.Duration(seconds*float64(time.Second)))
}

func appendBar(b *bytes.Buffer, width, n, total int) {
	filled := width * n / total
	b.WriteByte('[')
	for i := range width {
		switch {
		case i < filled:
			b.WriteByte('=')
		case i == filled:
			b.WriteByte('>')
		default:
			b.WriteByte(' ')
		}
	}
	b.WriteString("] ")
}

// clock writes d as m:ss or h:mm:ss, rounded to the second.
func clock(d time.Duration) string {
	s := int(min(max(d, 0), longest).Round(time.Second).Seconds())
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// Count is a number of things in words: 1 track, 2 tracks.
func Count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func digits(n int) int { return len(fmt.Sprint(n)) }
