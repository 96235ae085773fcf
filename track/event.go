package track

import (
	"fmt"
	"time"
)

// Event is something that happened to a track or a detection, and why: what was
// measured, against which limit. A tracker appends events to Input.Events. In
// every frame each detection has one event of its own (it was Ignored, or a track
// was Born, Seen or Found with it), and so has each track (Born, Seen, Found, Lost
// or Missing); Confirmed and Died may come on top. A track that Tempo ends because the
// stream stalled has only Died: it is not looked for any more.
type Event struct {
	Kind   Kind
	Reason Reason
	Time   time.Duration // media time of the frame
	// Track is the id of the track, 0 where a detection alone is concerned.
	Track int
	// Detection is an index into Input.Detections, −1 where there is none.
	Detection int
	// Rival is the other party; −1 for none. Where a track is Born or Died it is the
	// id of another track: the one that came closest to taking the detection, or the
	// one that stays. Else it is the index of a detection.
	Rival int
	// Value is what was measured and Limit what it was compared with; Reason says
	// what they are.
	Value, Limit float64
}

// Kind is what happened.
type Kind uint8

const (
	Ignored   Kind = iota // a detection neither continued nor started a track
	Born                  // a detection started a track
	Confirmed             // a track is reported from now on
	Lost                  // a track was not seen, for the first time in a row
	Found                 // a lost track was seen again
	Died                  // a track ended
	Seen                  // a detection continued a track
	Missing               // a lost track was not seen again
)

// Reason is why it happened.
type Reason uint8

const (
	// Broken: the box is not finite, empty or absurd, or the score is not finite.
	Broken Reason = iota
	// LowScore: Value is the score, Limit the least that is looked at.
	LowScore
	// Unsure: no track took the detection, and its score, Value, is under Limit,
	// which starting a track asks for.
	Unsure
	// Alone: there is no candidate that may be taken and overlaps at all.
	Alone
	// TooDifferent: the best candidate has similarity Value, under Limit. Of Tempo, it
	// may be the chance of Recognised.
	TooDifferent
	// Outbid: the best candidate, Rival, has similarity Value, or such a chance, over
	// Limit, but is better off in another pair.
	Outbid
	// Duplicate: the box overlaps that of Rival, a detection, by Value, over Limit;
	// where a track Died of it, Rival is a track.
	Duplicate
	// Matched: the pair has similarity Value, over Limit.
	Matched
	// Recognised: by looks and label, the detection is the track's with chance Value,
	// over Limit.
	Recognised
	// Sure: the score of the detection, Value, reaches Limit, or the video begins.
	Sure
	// EnoughHits: the track has Value detections, as many as Limit asks for.
	EnoughHits
	// Unconfirmed: the track was missed when it had Value detections; being reported
	// takes Limit.
	Unconfirmed
	// Expired: the track has been unseen for Value seconds; Limit is the most, 0
	// where the bound is in frames.
	Expired
)

var kindNames = [...]string{"ignored", "born", "confirmed", "lost", "found again", "died", "seen", "still lost"}

var reasonNames = [...]string{
	"broken", "low score", "unsure", "alone", "too different", "outbid", "duplicate",
	"matched", "recognised", "sure", "enough hits", "unconfirmed", "expired",
}

var reasonWords = [...]string{
	Broken:       "its box or score is broken",
	LowScore:     "score %.2f is under %.2f",
	Unsure:       "no track took it, and score %.2f starts none under %.2f",
	Alone:        "nothing overlapped it",
	TooDifferent: "the best candidate had similarity %.2f, under %.2f",
	Outbid:       "the best candidate, similarity %.2f of at least %.2f, went to another",
	Duplicate:    "it overlaps another by %.2f, over %.2f",
	Matched:      "similarity %.2f of at least %.2f",
	Recognised:   "by its looks it is the same, chance %.2f of at least %.2f",
	Sure:         "score %.2f of at least %.2f",
	EnoughHits:   "%.0f detections of %.0f",
	Unconfirmed:  "missed after %.0f detections, before %.0f confirmed it",
	Expired:      "unseen for %.2f s, over %.2f s",
}

// String is what happened: "lost", for example.
func (k Kind) String() string { return kindNames[min(int(k), len(kindNames)-1)] }

// String is the reason in a word or two: "low score", for example.
func (r Reason) String() string { return reasonNames[min(int(r), len(reasonNames)-1)] }

// String is the event in words, in one line.
func (e Event) String() string {
	who := fmt.Sprintf("track %d", e.Track)
	if e.Track == 0 {
		who = fmt.Sprintf("detection %d", e.Detection)
	} else if e.Detection >= 0 {
		who += fmt.Sprintf(", detection %d,", e.Detection)
	}
	why := reasonWords[min(int(e.Reason), len(reasonWords)-1)]
	switch {
	case e.Reason == Expired && e.Limit == 0:
		why = fmt.Sprintf("unseen for %.2f s, over the most frames", e.Value)
	case e.Reason != Broken && e.Reason != Alone:
		why = fmt.Sprintf(why, e.Value, e.Limit)
	}
	if e.Rival >= 0 {
		other := "detection"
		if e.Kind == Born || e.Kind == Died {
			other = "track"
		}
		why += fmt.Sprintf(" (%s %d)", other, e.Rival)
	}
	return fmt.Sprintf("%v: %s %v: %s", e.Time.Round(time.Millisecond), who, e.Kind, why)
}

// journal writes events where somebody wants them.
type journal struct {
	events *[]Event
	now    time.Duration
}

func (j *journal) on() bool { return j.events != nil }

func (j *journal) add(kind Kind, reason Reason, track, detection, rival int, value, limit float64) {
	if j.events != nil {
		*j.events = append(*j.events, Event{kind, reason, j.now, track, detection, rival, value, limit})
	}
}

// skipped explains the detections that never took part.
func (j *journal) skipped(index int, broken bool, score, least float64) {
	if broken {
		j.add(Ignored, Broken, 0, index, -1, 0, 0)
	} else {
		j.add(Ignored, LowScore, 0, index, -1, score, least)
	}
}

// verdict is why somebody stayed without a partner.
type verdict struct {
	reason       Reason
	rival        int // the best candidate, −1 for none
	value, limit float64
}

// judge looks for the best of n candidates, whose name is their rival's.
func judge(n int, limit float64, similarity func(k int) float64, name func(k int) int) verdict {
	v := verdict{Alone, -1, 0, limit}
	best := -1
	for k := range n {
		if s := similarity(k); s > v.value {
			best, v.value, v.reason = k, s, TooDifferent
		}
	}
	if best < 0 {
		return v
	}
	v.rival = name(best)
	if v.value >= limit {
		v.reason = Outbid
	}
	return v
}

// or is the verdict of two rounds: that of the candidate which came closest to
// its limit.
func (v verdict) or(other verdict) verdict {
	if other.value/other.limit > v.value/v.limit {
		return other
	}
	return v
}
