package track

import (
	"slices"
	"time"

	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track/internal/pairing"
)

// SORTConfig holds the settings of SORT.
type SORTConfig struct {
	// MaxAge is how many frames in a row a track may go without a detection. Raising
	// it carries identities through longer gaps, and risks that a stale track picks
	// up another object; 0 ends a track at its first miss, −1 sets no such bound.
	MaxAge int
	// MaxGap is how much media time it may go without one; 0 sets no such bound, as
	// in the paper.
	MaxGap time.Duration
	// MinHits is how many frames in a row a track must be matched, after the
	// detection that started it, before it is reported. Raising it suppresses false
	// detections and reports objects later, again after every miss. The first
	// MinHits frames of a stream report everything.
	MinHits int
	// IoU is the least overlap, in (0,1], between where a track is expected and a
	// detection of it. Lowering it follows faster motion and lower frame rates;
	// raising it makes fewer wrong matches in crowds.
	IoU float64
}

// DefaultSORTConfig holds the settings of the paper.
func DefaultSORTConfig() SORTConfig { return SORTConfig{MaxAge: 1, MinHits: 3, IoU: 0.3} }

// SORT is the tracker of Bewley, Ge, Ott, Ramos and Upcroft, "Simple online and
// realtime tracking", ICIP 2016: a Kalman filter per track, overlap as the only
// cue, and the assignment that overlaps most. It reproduces the counts of the
// authors' program. Two things are added: a detection only matches a track of
// its own class, each class as if it were alone; and a detection whose box is
// not finite, is empty (a side under 1e−6 pixels) or lies beyond ±1e9 pixels, or
// whose score is not finite, is skipped.
//
// It reports tracks that were seen in this very frame, so Track.Detection is
// never −1. Input.Motion is not used.
type SORT struct {
	ledger
	picture
	cfg    SORTConfig
	tracks []sortTrack // ordered by id

	// Of one frame, kept for their memory.
	expected, detected []subject
	pairs              []pairing.Edge
	matched            []bool
	overlaps           overlaps
	contest            contest
	matcher            pairing.Matcher
}

type sortTrack struct {
	identity
	filter sortFilter
	streak int // matches in a row since the first detection or the last miss
}

// NewSORT makes a tracker with no tracks. Every setting is taken as it is; see
// Config.Validate for the ones that make sense.
func NewSORT(cfg SORTConfig) *SORT { return &SORT{cfg: cfg} }

// Update implements Tracker.
func (s *SORT) Update(in Input) []Track {
	s.open(&in)
	s.fit(&in)
	s.predict()
	s.detected = s.appendSubjects(s.detected[:0], in.Detections)
	s.associate()
	s.correct(in.Detections)
	s.explainLosses()
	s.begin(in.Detections)
	return s.close()
}

// predict moves every track one frame ahead.
func (s *SORT) predict() {
	s.expected = s.expected[:0]
	for i := range s.tracks {
		t := &s.tracks[i]
		if t.missed > 0 {
			t.streak = 0
		}
		t.expect()
		t.filter.predict()
		s.expected = append(s.expected, newSubject(t.filter.box(), t.class(), i))
	}
}

// associate fills pairs.
func (s *SORT) associate() {
	clear, contested := s.contest.split(s.overlaps.find(s.expected, s.detected), s.expected, s.detected, s.cfg.IoU)
	s.pairs = append(s.pairs[:0], clear...)
	for _, k := range s.matcher.Maximize(contested, len(s.expected), len(s.detected)) {
		if e := contested[k]; e.Weight >= s.cfg.IoU {
			s.pairs = append(s.pairs, e)
		}
	}
}

// correct gives every paired track its detection.
func (s *SORT) correct(detections []detect.Detection) {
	s.matched = pairing.Resize(s.matched, len(s.detected))
	clear(s.matched)
	for _, e := range s.pairs {
		s.matched[e.Col] = true
		t, d := &s.tracks[e.Row], &s.detected[e.Col]
		s.sighted(&t.identity, d.index, Matched, e.Weight, s.cfg.IoU)
		t.filter.update(d.box)
		t.observe(&detections[d.index], d.index, s.now)
		t.streak++
	}
}

// explainLosses says why tracks are not seen.
func (s *SORT) explainLosses() {
	if !s.on() {
		return
	}
	for i := range s.tracks {
		if t := &s.tracks[i]; t.missed > 0 {
			s.unsighted(&t.identity, overlapping(s.detected, &s.expected[i], s.cfg.IoU))
		}
	}
}

// begin starts a track from every detection left over.
func (s *SORT) begin(detections []detect.Detection) {
	for j := range s.detected {
		if s.matched[j] {
			continue
		}
		d := &s.detected[j]
		t := sortTrack{
			identity: newIdentity(s.newID(), &detections[d.index], d.index, s.now),
			filter:   newSortFilter(d.box),
		}
		if s.on() {
			s.begun(t.id, d.index, overlapped(s.expected, d, s.cfg.IoU, func(k int) int { return s.tracks[k].id }))
		}
		s.tracks = append(s.tracks, t)
	}
}

// close collects the output and lets go of the tracks that are too old.
func (s *SORT) close() []Track {
	s.list(len(s.tracks))
	life := lifetime{s.cfg.MaxAge, s.cfg.MaxGap}
	s.tracks = slices.DeleteFunc(s.tracks, func(t sortTrack) bool { return s.expire(&t.identity, life) })
	for i := range s.tracks {
		t := &s.tracks[i]
		if t.missed == 0 && (t.streak >= s.cfg.MinHits || s.frame <= s.cfg.MinHits) {
			s.report(&t.identity, t.filter.box(), t.filter.covariance)
		}
	}
	return s.out
}
