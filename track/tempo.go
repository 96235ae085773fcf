package track

import (
	"slices"
	"time"

	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track/internal/pairing"
)

// TempoConfig holds the settings of Tempo. Times are media time, so that they
// mean the same at any frame rate.
type TempoConfig struct {
	// Score is from where on a detection counts as sure: the threshold one would use
	// without a tracker. Sure ones are matched first, with every track. Raising it
	// trusts fewer detections to find lost tracks again. 0 takes it from the
	// detections themselves: 0.63 of the highest score in the last minute.
	Score float64
	// LowScore is the least score of a detection that is looked at, on a scale on
	// which Score is 0.6, whatever it is, as are the two below. Those that are not
	// sure only continue tracks that were seen in the frame before. Lowering it
	// follows objects deeper into an occlusion, and onto more false detections.
	LowScore float64
	// NewScore is the least score of a detection that may start a track. Raising it
	// makes fewer false tracks and starts true ones later. Below 0.6 it is 0.6: only
	// sure detections start any.
	NewScore float64
	// SureScore is the least score of a detection that starts a track which is
	// reported at once. Lowering it reports objects sooner, most of all at low frame
	// rates, and more false ones; above 1, every track waits for MinHits.
	SureScore float64
	// MinHits is how many detections in a row a track needs to be reported. Raising
	// it suppresses false detections and reports objects later.
	MinHits int
	// Similarity is the least similarity, in (0,0.95), of a match with a sure detection:
	// overlap, weighed down by unlike heights, labels and looks, times the score.
	// Lowering it follows faster motion; raising it makes fewer wrong matches.
	Similarity float64
	// LowSimilarity is the same for a detection that is not sure. Lowering it follows
	// objects deeper into an occlusion, and slips more often onto the one in front.
	LowSimilarity float64
	// NewSimilarity is the same for a track that is not reported yet.
	NewSimilarity float64
	// MaxGap is how much media time a track may go without a detection, 0 for no such
	// bound. Raising it carries identities through longer occlusions, and risks that
	// a stale track picks up another object.
	MaxGap time.Duration
	// MaxAge is how many frames in a row it may go without one; −1 sets no such
	// bound.
	MaxAge int
	// Coast is for how much media time tracks that are not seen are reported where
	// they are expected, marked Coasted. Raising it hides misses of the detector,
	// and shows ghosts for longer.
	Coast time.Duration
	// ClassCost, 0..1, is how much of the similarity a detection loses whose label
	// the track never had. At 1 labels keep tracks apart, and a label that flickers
	// loses the track; at 0 they do not matter.
	ClassCost float64
	// LookCost is how much the looks weigh, where detections have embeddings: what they
	// say for or against a match is multiplied by it. Raising it helps where objects cross and
	// hide, and hurts where they are lit unevenly; 0 leaves looks out.
	LookCost float64
	// Still switches the estimate of the camera's motion off. It is off in frames
	// with Input.Motion anyway.
	Still bool
}

// DefaultTempoConfig holds the settings that do well on everything tried: people
// from 2 to 30 frames a second, with strong and weak detectors. They were found on
// the second half of MOT17. Tuned again on six of its seven sequences at a time
// and scored on the seventh, HOTA is 69.7; as they stand, it is 69.9.
func DefaultTempoConfig() TempoConfig {
	return TempoConfig{
		LowScore: 0.1, NewScore: 0.65, SureScore: 0.85,
		MinHits: 2, Similarity: 0.12, LowSimilarity: 0.5, NewSimilarity: 0.2,
		MaxGap: 1500 * time.Millisecond, MaxAge: -1,
		ClassCost: 0.7, LookCost: 0.5,
	}
}

// Tempo is our own tracker, for cameras that move, frames that drop and objects
// that turn. It is ByteTrack's order of association with these changes:
//
//   - The filter runs in media time, with noise that acts all the time: frames of
//     any rate, even or not, give the same tracks (tempofilter.go).
//   - What all tracks miss their detections by is the camera's doing, and is taken
//     out of all of them, also those that are lost (tempocamera.go).
//   - Where tracks keep missing in the same direction, the objects turn faster than
//     the filter believes: its noise is raised for the whole scene until they do
//     not (temponoise.go).
//   - Overlap is weighed by likeness of height (Yang et al., "Hybrid-SORT", AAAI
//     2024), label and looks, and uncertain detections move the filter less (Du et
//     al., "GIAOTracker", ICCVW 2021) (tempomatch.go).
//   - What looks are worth is learned from the scene (temporesemblance.go), and lost
//     tracks are looked for by them beyond their reach (temporecall.go).
//   - After a stall of the stream tracks look farther for their detections, and after
//     a long one there are none (tempostall.go).
//   - A detection that leaves no doubt starts a track that is reported at once.
//   - What a score is worth is learned from the detector (tempoconfidence.go).
type Tempo struct {
	ledger
	picture
	cfg    TempoConfig
	tracks []tempoTrack // ordered by id
	camera camera
	noise  noise
	conf   confidence
	alike  resemblance
	looks  [][]float32 // of tracks that ended, for their memory

	// Of one frame, kept for their memory.
	expected   []subject // a track each
	high, low  []subject // detections
	rows, cols []subject
	taken      []bool // by position in Input.Detections
	overlaps   overlaps
	matcher    pairing.Matcher
	births     []subject
}

type tempoTrack struct {
	identity
	motion    tempoFilter
	surprise  surprise
	look      []float32 // unit length; nil where the detector gives no embeddings
	confirmed bool
	young     bool    // was not confirmed as the frame began
	reach     float64 // of recall in this frame, in sizes of its box
}

// NewTempo makes a tracker with no tracks. Every setting is taken as it is.
func NewTempo(cfg TempoConfig) *Tempo {
	return &Tempo{cfg: cfg, noise: newNoise(), overlaps: overlaps{mixed: true}}
}

// Update implements Tracker.
func (t *Tempo) Update(in Input) []Track {
	usual := t.usual
	step := t.open(&in)
	t.fit(&in)
	stall := stalled(step, usual)
	step = min(step, maxStep)
	t.conf.see(in.Detections, step.Seconds(), t.cfg.Score)
	t.split(in.Detections)
	if stall {
		t.forget()
	}
	t.predict(step.Seconds())
	t.compensate(in.Motion, step.Seconds())
	t.expect()

	t.associate(in.Detections, t.high, round{least: t.cfg.Similarity, similarity: (*Tempo).sureSimilarity, admits: (*tempoTrack).isConfirmed})
	if stall {
		far := round{least: stallLeast * t.cfg.Similarity, similarity: (*Tempo).sureSimilarity, reach: stallReach, admits: (*tempoTrack).isConfirmed}
		t.associate(in.Detections, t.high, far)
	}
	t.associate(in.Detections, t.low, round{least: t.cfg.LowSimilarity, similarity: (*Tempo).weakSimilarity, admits: (*tempoTrack).isFresh})
	t.recall(in.Detections)
	t.associate(in.Detections, t.high, round{least: t.cfg.NewSimilarity, similarity: (*Tempo).sureSimilarity, admits: (*tempoTrack).isTentative})
	t.noise.learn(t.tracks)

	t.explain(in.Detections)
	t.begin(in.Detections)
	t.remember(in.Detections, step.Seconds())
	t.end()
	return t.close()
}

// maxStep bounds how far the filter looks ahead: nobody walks straight on through
// a stall of the stream.
const maxStep = 2 * time.Second

// split parts the detections by their score.
func (t *Tempo) split(detections []detect.Detection) {
	t.high, t.low = t.high[:0], t.low[:0]
	t.taken = pairing.Resize(t.taken, len(detections))
	clear(t.taken)
	for i := range detections {
		d := &detections[i]
		switch {
		case !trackable(d) || t.conf.of(d.Score) < t.cfg.LowScore:
			t.skipped(i, !trackable(d), d.Score, t.conf.score(t.cfg.LowScore))
		case d.Score >= t.conf.sure:
			t.high = append(t.high, newSubject(d.Box, d.Class, i))
		default:
			t.low = append(t.low, newSubject(d.Box, d.Class, i))
		}
	}
}

// predict moves every track ahead by dt seconds.
func (t *Tempo) predict(dt float64) {
	for i := range t.tracks {
		k := &t.tracks[i]
		k.motion.predict(dt, t.noise.factor, k.missed > 0)
		k.expect()
		k.young = !k.confirmed
		k.reach = min(recallMost, recallReach+recallPace*(t.now-k.seen).Seconds())
	}
}

// compensate takes the motion of the camera out of every track.
func (t *Tempo) compensate(motion *Affine, dt float64) {
	switch {
	case motion != nil && motion.sane():
		t.warp(motion)
		t.camera.rest()
	case !t.cfg.Still && t.frame > 1:
		t.followCamera(dt)
	}
}

// expect lists where the tracks are expected, as rows of the association.
func (t *Tempo) expect() {
	t.expected = t.expected[:0]
	for i := range t.tracks {
		k := &t.tracks[i]
		t.expected = append(t.expected, newSubject(k.motion.box(), 0, i))
	}
}

// begin starts tracks from the detections left over that are sure enough. They
// get their ids from the surest on, so that these do not depend on the order of
// the detections.
func (t *Tempo) begin(detections []detect.Detection) {
	t.births = t.births[:0]
	for _, d := range t.high {
		if !t.taken[d.index] && t.conf.of(detections[d.index].Score) >= t.cfg.NewScore {
			t.births = append(t.births, d)
		}
	}
	slices.SortStableFunc(t.births, func(a, b subject) int {
		return compareDetections(&detections[a.index], &detections[b.index])
	})
	t.dropRepeats()
	for i := range t.births {
		t.start(&t.births[i], &detections[t.births[i].index])
	}
}

// duplicateIoU is the overlap from where on two detections are one object, under
// whatever label.
const duplicateIoU = 0.9

// dropRepeats takes out of births what only repeats a detection that continued a
// track, or a surer one among the births that stay.
func (t *Tempo) dropRepeats() {
	if len(t.births) == 0 {
		return
	}
	t.cols = t.cols[:0]
	for i := range t.tracks {
		if k := &t.tracks[i]; k.missed == 0 {
			t.cols = append(t.cols, newSubject(k.raw, 0, k.detection))
		}
	}
	others := len(t.cols)
	t.cols = append(t.cols, t.births...)
	for _, e := range t.overlaps.find(t.births, t.cols) {
		b, other := &t.births[e.Row], e.Col-others
		surer := other < e.Row && (other < 0 || t.births[other].index >= 0)
		if surer && e.Weight > duplicateIoU && b.index >= 0 {
			t.add(Ignored, Duplicate, 0, b.index, t.cols[e.Col].index, e.Weight, duplicateIoU)
			b.index = -1
		}
	}
	t.births = slices.DeleteFunc(t.births, func(b subject) bool { return b.index < 0 })
}

func (t *Tempo) start(s *subject, d *detect.Detection) {
	k := tempoTrack{
		identity:  newIdentity(t.newID(), d, s.index, t.now),
		motion:    newTempoFilter(s.box),
		confirmed: t.frame == 1 || t.conf.of(d.Score) >= t.cfg.SureScore || t.cfg.MinHits <= 1,
	}
	k.look = t.newLook(d.Embedding)
	if t.on() {
		t.explainBirth(k.id, s, d)
	}
	t.tracks = append(t.tracks, k)
	if k.confirmed {
		t.add(Confirmed, Sure, k.id, s.index, -1, d.Score, t.conf.score(t.cfg.SureScore))
	}
}

// end lets go of the tracks that are too old or were missed too early.
func (t *Tempo) end() {
	life := lifetime{t.cfg.MaxAge, t.cfg.MaxGap}
	t.tracks = slices.DeleteFunc(t.tracks, func(k tempoTrack) bool {
		over := t.expire(&k.identity, life)
		if !over && !k.confirmed && k.missed > 0 {
			t.add(Died, Unconfirmed, k.id, -1, -1, float64(k.hits), float64(t.cfg.MinHits))
			over = true
		}
		if over {
			t.keepLook(k.look)
		}
		return over
	})
}

// close collects the output.
func (t *Tempo) close() []Track {
	t.list(len(t.tracks))
	for i := range t.tracks {
		k := &t.tracks[i]
		if k.confirmed && (k.missed == 0 || t.now-k.seen <= t.cfg.Coast) {
			t.report(&k.identity, k.box(), k.motion.covariance)
		}
	}
	return t.out
}

// box is the filter's estimate, unless it vanished in rounding.
func (k *tempoTrack) box() detect.Box {
	if b := k.motion.box(); b.Valid() {
		return b
	}
	return k.raw
}

func (k *tempoTrack) isConfirmed() bool { return k.confirmed }
func (k *tempoTrack) isTentative() bool { return !k.confirmed }

// isFresh holds for tracks that were seen in the frame before.
func (k *tempoTrack) isFresh() bool { return k.confirmed && k.missed == 1 }
