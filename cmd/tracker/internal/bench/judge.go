package bench

import (
	"fmt"
	"slices"
	"strings"
)

// Metric is what models are compared by, beside their latency.
type Metric string

// The metrics, best first: what was measured on the user's own sequence says more
// than what a manifest says of other pictures.
const (
	HOTA       Metric = "HOTA"
	PersonAP50 Metric = "person AP50" // where people alone are wanted
	AP50       Metric = "AP50"
	Unknown    Metric = "" // no model has any accuracy
)

// accuracy is a model's value of the metric, if it is known.
func (m Metric) accuracy(r *Result) (value float64, known bool) {
	switch {
	case m == HOTA && r.Tracking != nil:
		return r.Tracking.HOTA, true
	case m == PersonAP50 && r.PersonAP50 > 0:
		return r.PersonAP50, true
	case m == AP50 && r.AP50 > 0:
		return r.AP50, true
	}
	return 0, false
}

// bestMetric is the first that some model has, of those that fit the classes.
func bestMetric(results []Result, classes []string) Metric {
	metrics := []Metric{HOTA, AP50}
	if onlyPeople(classes) {
		metrics = []Metric{HOTA, PersonAP50, AP50}
	}
	for _, m := range metrics {
		for i := range results {
			if _, known := m.accuracy(&results[i]); known {
				return m
			}
		}
	}
	return Unknown
}

func onlyPeople(classes []string) bool {
	other := func(class string) bool { return !strings.EqualFold(strings.TrimSpace(class), "person") }
	return len(classes) > 0 && !slices.ContainsFunc(classes, other)
}

// markFront marks the Pareto front: results than which no other is faster (p95 of
// the frame) without being less accurate, nor more accurate without being slower.
// A result whose accuracy is not known is not on it.
func markFront(results []Result, m Metric) {
	for i := range results {
		r := &results[i]
		value, known := m.accuracy(r)
		r.Front = known && !slices.ContainsFunc(results, func(other Result) bool {
			theirs, known := m.accuracy(&other)
			return known && theirs >= value && other.Frame.P95 <= r.Frame.P95 &&
				(theirs > value || other.Frame.P95 < r.Frame.P95)
		})
	}
}

// Choice is the answer for a budget.
type Choice struct {
	// Model is the recommended one with its input size, empty where none fits.
	Model  string `json:"model,omitempty"`
	Width  int    `json:"width,omitempty"`
	Height int    `json:"height,omitempty"`
	// Spare is what its p95 leaves of the budget in milliseconds; where no model fits,
	// it is negative, and what the fastest one lacks.
	Spare float64 `json:"spare_ms"`
	// Answer is a sentence for people.
	Answer string `json:"answer"`
}

// choose finds the most accurate of the results, which are sorted from fast to
// slow, whose p95 of the whole frame is within the budget (milliseconds).
func choose(results []Result, m Metric, budget float64) Choice {
	fitting := within(results, budget)
	if len(fitting) == 0 {
		fastest := &results[0]
		over := fastest.Frame.P95 - budget
		return Choice{Spare: -over, Answer: fmt.Sprintf("No model fits %g ms a frame: the fastest, %s, takes %.1f ms at p95, %.1f ms too long (%s).",
			budget, fastest.Name(), fastest.Frame.P95, over, remedies)}
	}
	r, most := mostAccurate(fitting, m)
	if r == nil {
		return Choice{Spare: budget - results[0].Frame.P95, Answer: fmt.Sprintf(
			"%d of %d models fit %g ms a frame, but the accuracy of none of those is known: give --input VIDEO and --gt TRUTH.", len(fitting), len(results), budget)}
	}
	spare := budget - r.Frame.P95
	return Choice{
		Model: r.Model, Width: r.Width, Height: r.Height, Spare: spare,
		Answer: fmt.Sprintf("For %g ms a frame: --backbone %s --size %s. %s %.1f; %.1f ms at p95, %.1f ms (%.0f %%) below the budget.",
			budget, r.Model, r.Size(), m, percent(most), r.Frame.P95, spare, 100*spare/budget),
	}
}

// within are those of the sorted results that keep to the budget.
func within(results []Result, budget float64) []Result {
	n := 0
	for n < len(results) && results[n].Frame.P95 <= budget {
		n++
	}
	return results[:n]
}

// mostAccurate is the fastest of the most accurate, nil where nothing is known.
func mostAccurate(results []Result, m Metric) (best *Result, most float64) {
	for i := range results {
		if value, known := m.accuracy(&results[i]); known && (best == nil || value > most) {
			best, most = &results[i], value
		}
	}
	return best, most
}

const remedies = "a smaller --size, --precision int8 or more --threads may help"

// Bounds beyond which figures are not to be trusted.
const (
	// noisy is by how much a quiet machine's rounds differ, at most.
	noisy = 0.15
	// fewFrames leaves five frames above the 95th percentile.
	fewFrames = 100
	// shortRun is so many frames that the queues fill and empty for a good part of them.
	shortRun = 100
)

// PipelineNotes says what speaks against trusting the ratio of a pipeline's rate, over so
// many frames, to the network's, which is the mean of that before and that after the run.
func PipelineNotes(frames uint64, before, after float64) (notes []string) {
	if frames < shortRun {
		notes = append(notes, fmt.Sprintf("the pipeline's rate rests on fewer than %d frames, some of which only fill it; give a longer input", shortRun))
	}
	if apart := max(before, after)/min(before, after) - 1; apart > noisy {
		notes = append(notes, fmt.Sprintf("the machine was busy or changed its clock: inference alone %.1f FPS before the run, %.1f after it; end other programs and measure again", before, after))
	}
	return notes
}

// undecided names the models by which the choice stands or falls and that kept to the
// budget in some rounds only: the chosen one, and those that are as accurate.
func undecided(results []Result, m Metric, budget float64) []string {
	_, least := mostAccurate(within(results, budget), m)
	var names []string
	for i := range results {
		r := &results[i]
		value, _ := m.accuracy(r)
		if value >= least && r.P95Least <= budget && budget < r.P95Most {
			names = append(names, fmt.Sprintf("%s (p95 %.1f to %.1f ms)", r.Name(), r.P95Least, r.P95Most))
		}
	}
	if names == nil {
		return nil
	}
	return []string{fmt.Sprintf("the rounds do not agree on who keeps to %g ms: %s; end other programs, raise --time and measure again", budget, strings.Join(names, ", "))}
}

// doubts says what speaks against trusting the figures.
func doubts(results []Result, m Metric, classes []string) []string {
	var notes []string
	var unsteady, few, data, blind []string
	worst := 0.0
	for i := range results {
		r := &results[i]
		if r.Spread > noisy {
			unsteady = append(unsteady, r.Name())
			worst = max(worst, r.Spread)
		}
		if r.Frames < fewFrames {
			few = append(few, r.Name())
		}
		if _, known := m.accuracy(r); !known && m != Unknown {
			blind = append(blind, r.Name())
		}
		if shown := r.pictures(); shown != "" && !slices.Contains(data, shown) {
			data = append(data, shown)
		}
	}
	if len(unsteady) > 0 {
		notes = append(notes, fmt.Sprintf("the machine was busy or changed its clock: rounds differ by up to %.0f %% (%s); end other programs and measure again",
			100*worst, strings.Join(unsteady, ", ")))
	}
	if len(few) > 0 {
		notes = append(notes, fmt.Sprintf("p95 is rough where it rests on fewer than %d frames (%s); raise --time", fewFrames, strings.Join(few, ", ")))
	}
	if len(blind) > 0 {
		notes = append(notes, fmt.Sprintf("no %s of %s: not compared", m, strings.Join(blind, ", ")))
	}
	if m == AP50 && len(classes) > 0 {
		notes = append(notes, fmt.Sprintf("AP50 is the mean over all classes, not of %s; give --input VIDEO and --gt TRUTH", strings.Join(classes, ", ")))
	}
	if best, most := mostAccurate(results, m); m == HOTA && best != nil && most == 0 {
		notes = append(notes, "no model finds anything of the truth: is --gt that of --input, and of these --classes?")
	}
	if (m == AP50 || m == PersonAP50) && len(data) > 1 {
		notes = append(notes, fmt.Sprintf("AP50 was measured on different pictures (%s) and does not compare; give --input VIDEO and --gt TRUTH", strings.Join(data, "; ")))
	}
	return notes
}
