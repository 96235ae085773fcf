package mot

import (
	"fmt"
	"math"
	"strings"
)

// Benchmark says which boxes of ground truth and results are scored.
type Benchmark int

const (
	// Generic is for data of one's own: truth rows whose confidence is 0 are left
	// out, every other row counts, and classes are not looked at.
	Generic Benchmark = iota
	// MOT15 leaves out truth rows whose confidence, a flag there, has the integer part 0,
	// as TrackEval reads it.
	MOT15
	// MOT17 (and MOT16) also leaves out truth rows other than pedestrians, and
	// result boxes that match a person on a vehicle, a static person, a
	// distractor or a reflection.
	MOT17
	// MOT20 is MOT17 with non-motorised vehicles among the distractors.
	MOT20
	// DanceTrack follows the rules of MOT17; its truth has only pedestrians.
	DanceTrack
)

// Classes of the MOT16, MOT17 and MOT20 truth.
const (
	classPedestrian      = 1
	classPersonOnVehicle = 2
	classNonMOTVehicle   = 6
	classStaticPerson    = 7
	classDistractor      = 8
	classReflection      = 12
	classMax             = 13
)

// rules are what distinguishes the benchmarks.
type rules struct {
	name string
	// classes: the truth's class column is meaningful, and only pedestrians count.
	classes bool
	// pedestrians: a result row of another class is an error, and the truth's
	// confidence is a flag, in whole numbers.
	pedestrians bool
	// distractors is a bit per class whose boxes a result may cover unpunished.
	distractors uint
}

const mot17Distractors = 1<<classPersonOnVehicle | 1<<classStaticPerson | 1<<classDistractor | 1<<classReflection

var benchmarks = [...]rules{
	Generic:    {name: "generic"},
	MOT15:      {name: "mot15", pedestrians: true},
	MOT17:      {name: "mot17", pedestrians: true, classes: true, distractors: mot17Distractors},
	MOT20:      {name: "mot20", pedestrians: true, classes: true, distractors: mot17Distractors | 1<<classNonMOTVehicle},
	DanceTrack: {name: "dancetrack", pedestrians: true, classes: true, distractors: mot17Distractors},
}

// unset reports whether a row of truth with that confidence is not to be scored.
func (r *rules) unset(confidence float64) bool {
	if r.pedestrians {
		confidence = math.Trunc(confidence)
	}
	return confidence == 0
}

func (b Benchmark) rules() rules {
	if b < 0 || int(b) >= len(benchmarks) {
		return rules{name: fmt.Sprintf("Benchmark(%d)", int(b))}
	}
	return benchmarks[b]
}

// String is the benchmark's name as ParseBenchmark reads it.
func (b Benchmark) String() string { return b.rules().name }

// ParseBenchmark reads a name in any case: generic, mot15, mot16, mot17, mot20
// or dancetrack. MOT16 has the truth and the rules of MOT17.
func ParseBenchmark(name string) (Benchmark, error) {
	lower := strings.ToLower(name)
	if lower == "mot16" {
		return MOT17, nil
	}
	names := make([]string, 0, len(benchmarks))
	for b, r := range benchmarks {
		if r.name == lower {
			return Benchmark(b), nil
		}
		names = append(names, r.name)
	}
	return Generic, fmt.Errorf("unknown benchmark %q: choose one of %s", name, strings.Join(names, ", "))
}

// GuessBenchmark tells the benchmark from the name of one of its sequences
// ("MOT17-02-FRCNN", "dancetrack0001"); Generic where the name says nothing.
func GuessBenchmark(sequence string) Benchmark {
	lower := strings.ToLower(sequence)
	for prefix, b := range map[string]Benchmark{
		"mot15": MOT15, "mot16": MOT17, "mot17": MOT17, "mot20": MOT20, "dancetrack": DanceTrack,
	} {
		if strings.HasPrefix(lower, prefix) {
			return b
		}
	}
	return Generic
}
