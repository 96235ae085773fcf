package config

import "reflect"

// Effect says when a changed setting takes effect in a run.
type Effect int

// The effects, from the mildest on.
const (
	// AtFrame: between two frames; nothing is loaded.
	AtFrame Effect = iota
	// Swapped: between two frames, once a network is loaded and warm beside the one
	// in use.
	Swapped
	// AtRestart: when the program is started again.
	AtRestart
)

// String says it to a user.
func (e Effect) String() string {
	return [...]string{"at the next frame", "once its network is loaded", "at the next start"}[e]
}

// effects has every key. What is opened once and kept, inputs above all, waits for a
// restart, and so does the tracker's algorithm, which would lose its
// tracks.
var effects = map[string]Effect{
	"cam": AtRestart, "input": AtRestart, "cam-width": AtRestart, "cam-height": AtRestart, "cam-fps": AtRestart,
	"image-fps": AtRestart, "live-policy": AtRestart, "read-timeout": AtRestart, "reconnect": AtRestart,
	"stride": AtFrame, "max-frames": AtRestart,

	"backbone": Swapped, "model": Swapped, "device": Swapped, "device-fallback": Swapped, "size": Swapped,
	"threads": AtRestart, "workers": Swapped, "serial": Swapped,
	"conf": AtFrame, "nms-iou": AtFrame, "classes": AtFrame,

	"tracker": AtRestart, "max-age": AtFrame, "max-gap": AtFrame, "min-hits": AtFrame, "track-iou": AtFrame,
	"camera-motion": AtFrame, "looks": AtFrame, "zones": AtFrame,

	"save": AtFrame, "codec": AtFrame, "mot": AtFrame, "jsonl": AtFrame, "offline": AtRestart, "timings": AtFrame, "record": AtFrame, "serve": AtRestart, "display": AtRestart, "panel": AtFrame,
	"budget": AtFrame, "log-level": AtFrame, "quiet": AtRestart,
}

// Change is a setting that two configurations differ in. From and To are its values
// as YAML has them, empty where it is not given.
type Change struct {
	Key, From, To string
	Effect        Effect
}

// Diff lists what differs, in the order in which Config declares the settings.
func Diff(from, to *Config) []Change {
	var changes []Change
	for _, f := range fields {
		a, b := f.of(from), f.of(to)
		if sameValue(a, b) {
			continue
		}
		changes = append(changes, Change{f.key, text(a), text(b), effects[f.key]})
	}
	return changes
}

// sameValue takes a list of nothing for no list.
func sameValue(a, b reflect.Value) bool {
	if a.Kind() == reflect.Slice && a.Len() == 0 && b.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// Adopt is to as far as a run can take it on: what waits for a restart stays as it
// is in from.
func Adopt(from, to *Config) Config {
	next := *to
	for _, f := range fields {
		if effects[f.key] == AtRestart {
			f.of(&next).Set(f.of(from))
		}
	}
	return next
}
