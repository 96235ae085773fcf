package sink

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
	"github.com/tracker-go/tracker/track/zone"
)

// The functions here append JSON by hand: encoding/json would allocate for every
// track of every frame.

func appendTrack(b []byte, t *track.Track, labels []string) []byte {
	b = append(b, '{')
	b = appendIdentity(b, t.ID, t.Class, labels)
	b = append(b, `,"score":`...)
	b = appendDecimals(b, t.Score, 4)
	b = append(b, `,"box":`...)
	b = appendBox(b, &t.Box)
	if t.State == track.Observed {
		b = append(b, `,"raw":`...)
		b = appendBox(b, &t.Raw)
	}
	b = append(b, `,"state":"`...)
	b = append(b, t.State.String()...)
	b = append(b, `","age":`...)
	b = appendSeconds(b, t.Age)
	if t.SinceUpdate > 0 {
		b = append(b, `,"unseen":`...)
		b = appendSeconds(b, t.SinceUpdate)
	}
	if t.ClassConfidence > 0 {
		b = append(b, `,"class_confidence":`...)
		b = appendDecimals(b, t.ClassConfidence, 3)
	}
	return append(b, '}')
}

func appendBox(b []byte, box *detect.Box) []byte {
	b = append(b, '[')
	for i, v := range [...]float64{box.X1, box.Y1, box.X2, box.Y2} {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendDecimals(b, v, 2)
	}
	return append(b, ']')
}

// appendZones appends what is counted at each zone, by its name, and who crossed it in
// this frame.
func appendZones(b []byte, zones []zone.Count, labels []string) []byte {
	field := func(key string, v int) {
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), key...), `":`...)
		b = appendInt(b, v)
	}
	b = append(b, '{')
	for i := range zones {
		n := &zones[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, n.Zone.Name), `:{`...)
		if n.Zone.IsLine() {
			field("right", n.Right)
		} else {
			field("inside", n.Inside)
			field("tracks", n.Tracks)
			field("entered", n.Entered)
		}
		field("left", n.Left)
		if len(n.Crossed) > 0 {
			b = appendCrossed(append(b, `,"crossed":`...), n.Crossed, labels)
		}
		b = append(b, '}')
	}
	return append(b, '}')
}

func appendCrossed(b []byte, crossed []zone.Crossing, labels []string) []byte {
	for i, c := range crossed {
		b = append(b, "[,"[min(i, 1)])
		b = append(b, '{')
		b = appendIdentity(b, c.ID, c.Class, labels)
		b = append(b, `,"way":"`...)
		b = append(b, c.Way...)
		b = append(b, `"}`...)
	}
	return append(b, ']')
}

func appendIdentity(b []byte, id, class int, labels []string) []byte {
	b = append(b, `"id":`...)
	b = appendInt(b, id)
	b = append(b, `,"class":`...)
	b = appendInt(b, class)
	if class >= 0 && class < len(labels) {
		b = append(b, `,"label":`...)
		b = appendString(b, labels[class])
	}
	return b
}

func appendInt(b []byte, v int) []byte { return strconv.AppendInt(b, int64(v), 10) }

// appendSeconds writes seconds to the microsecond.
func appendSeconds(b []byte, d time.Duration) []byte { return appendDecimals(b, d.Seconds(), 6) }

// appendDecimals writes a finite number with up to that many decimals, without
// trailing zeros: 0.5, 12, 7.25.
func appendDecimals(b []byte, v float64, decimals int) []byte {
	b = strconv.AppendFloat(b, v, 'f', decimals, 64)
	end := len(b)
	for b[end-1] == '0' {
		end--
	}
	if b[end-1] == '.' {
		end--
	}
	return b[:end]
}

// appendString writes s as a JSON string; bytes that are not UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ' || r == 0x7f:
			b = append(b, `\u00`...)
			b = append(b, hex[r>>4], hex[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
