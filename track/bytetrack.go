package track

import (
	"slices"
	"time"

	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track/internal/pairing"
)

// ByteTrackConfig holds the settings of ByteTrack.
type ByteTrackConfig struct {
	// HighScore parts the detections: from here on they may match any track, below
	// only tracks that were seen in the frame before. Raising it trusts fewer
	// detections to find lost tracks and to confirm new ones.
	HighScore float64
	// LowScore is the least score of a detection that is looked at. Lowering it
	// follows objects deeper into an occlusion, and onto more false detections.
	LowScore float64
	// NewScore is the least score of a detection that may start a track. Raising it
	// makes fewer false tracks and starts true ones later.
	NewScore float64
	// MaxCost is the greatest cost, in (0,1], of a match in the first round: 1 − IoU,
	// with FuseScore 1 − IoU·score. Raising it follows faster motion, and makes more
	// wrong matches.
	MaxCost float64
	// FuseScore lets sure detections win over doubtful ones of equal overlap.
	FuseScore bool
	// Unpredicted matches detections with the box that a track had in the frame
	// before instead of where the filter expects it, as a C++ port of the authors'
	// program does; it loses fast objects.
	Unpredicted bool
	// MaxGap is how much media time a track may go without a detection, 0 for no
	// such bound. Raising it carries identities through longer occlusions, and risks
	// that a stale track picks up another object.
	MaxGap time.Duration
	// MaxAge is how many frames in a row it may go without one; −1 sets no such
	// bound.
	MaxAge int
}

// DefaultByteTrackConfig holds the settings that the authors use on MOT17.
func DefaultByteTrackConfig() ByteTrackConfig {
	return ByteTrackConfig{
		HighScore: 0.6, LowScore: 0.1, NewScore: 0.7,
		MaxCost: 0.9, FuseScore: true, MaxGap: time.Second, MaxAge: -1,
	}
}

// The settings that the paper does not name.
const (
	byteLowCost       = 0.5  // greatest cost of a match with a detection of low score
	byteTentativeCost = 0.7  // of a match with a track that was seen once
	byteDuplicateIoU  = 0.85 // above it, a tracked and a lost track are the same object
)

// ByteTrack is the tracker of Zhang et al., "ByteTrack: Multi-Object Tracking by
// Associating Every Detection Box", ECCV 2022. Detections of high score are
// matched first, with every track; then those of low score, which an occluded
// object still gives, with the tracks left over. A new track is reported from its
// second detection on, or at once in the first frame.
//
// The filter moves one step a frame, whatever the time between frames, as in the
// authors' program. A detection only matches a track of its own class.
// Input.Motion is not used.
type ByteTrack struct {
	ledger
	picture
	cfg    ByteTrackConfig
	tracks []byteTrack // ordered by id

	// Of one frame, kept for their memory.
	expected   []subject // a track each
	high, low  []subject // detections
	rows, cols []subject
	taken      []bool // by position in Input.Detections
	overlaps   overlaps
	matcher    pairing.Matcher
}

// byteState is what a track of ByteTrack may take part in.
type byteState uint8

const (
	byteTentative byteState = iota // seen once: matches what tracked ones left over
	byteTracked                    // seen in the frame before
	byteLost                       // not seen for a while
	byteRemoved                    // forgotten at the end of the frame
)

type byteTrack struct {
	identity
	filter byteFilter
	state  byteState
	young  bool       // was tentative as the frame began
	last   detect.Box // the filter's after the last detection
}

// NewByteTrack makes a tracker with no tracks. Every setting is taken as it is.
func NewByteTrack(cfg ByteTrackConfig) *ByteTrack { return &ByteTrack{cfg: cfg} }

// Update implements Tracker.
func (b *ByteTrack) Update(in Input) []Track {
	b.open(&in)
	b.fit(&in)
	b.split(in.Detections)
	b.predict()
	b.associate(in.Detections, b.high, byteStage{b.cfg.MaxCost, b.cfg.FuseScore, isConfirmed})
	b.associate(in.Detections, b.low, byteStage{byteLowCost, false, isTracked})
	b.associate(in.Detections, b.high, byteStage{byteTentativeCost, b.cfg.FuseScore, isTentative})
	b.settle(in.Detections)
	b.begin(in.Detections)
	b.forget()
	b.removeDuplicates()
	b.forget()
	return b.close()
}

// split parts the detections by their score.
func (b *ByteTrack) split(detections []detect.Detection) {
	b.high, b.low = b.high[:0], b.low[:0]
	b.taken = pairing.Resize(b.taken, len(detections))
	clear(b.taken)
	for i := range detections {
		d := &detections[i]
		switch {
		case !trackable(d) || d.Score < b.cfg.LowScore:
			b.skipped(i, !trackable(d), d.Score, b.cfg.LowScore)
		case d.Score >= b.cfg.HighScore:
			b.high = append(b.high, byteSubject(d.Box, d.Class, i))
		default:
			b.low = append(b.low, byteSubject(d.Box, d.Class, i))
		}
	}
}

// predict moves the tracks one frame ahead; those that were seen once have no
// velocity to move with.
func (b *ByteTrack) predict() {
	b.expected = b.expected[:0]
	for i := range b.tracks {
		t := &b.tracks[i]
		t.expect()
		t.young = t.state == byteTentative
		if t.state != byteTentative {
			t.filter.predict(t.state == byteLost)
		}
		b.expected = append(b.expected, byteSubject(b.where(t), t.class(), i))
	}
}

// where is the box that stands for a track among boxes of this frame.
func (b *ByteTrack) where(t *byteTrack) detect.Box {
	if b.cfg.Unpredicted {
		return t.last
	}
	return t.filter.box()
}

// byteSubject counts pixels as the authors' program does: a box from 10 to 20
// covers 11.
func byteSubject(b detect.Box, class, index int) subject {
	b.X2++
	b.Y2++
	return newSubject(b, class, index)
}

// byteStage is one round of association.
type byteStage struct {
	maxCost float64
	fuse    bool
	admits  func(byteState) bool
}

func isConfirmed(s byteState) bool { return s != byteTentative }
func isTracked(s byteState) bool   { return s == byteTracked }
func isTentative(s byteState) bool { return s == byteTentative }

// associate matches the tracks of a stage that are still to be found with the
// detections that are still free.
func (b *ByteTrack) associate(detections []detect.Detection, from []subject, stage byteStage) {
	b.rows, b.cols = b.rows[:0], b.cols[:0]
	for i := range b.tracks {
		if t := &b.tracks[i]; t.missed > 0 && stage.admits(t.state) {
			b.rows = append(b.rows, b.expected[i])
		}
	}
	for _, d := range from {
		if !b.taken[d.index] {
			b.cols = append(b.cols, d)
		}
	}
	edges := b.overlaps.find(b.rows, b.cols)
	gain := edges[:0] // how far the cost of a pair lies below the greatest
	for _, e := range edges {
		if stage.fuse {
			e.Weight *= detections[b.cols[e.Col].index].Score
		}
		if e.Weight -= 1 - stage.maxCost; e.Weight > 0 {
			gain = append(gain, e)
		}
	}
	for _, k := range b.matcher.Maximize(gain, len(b.rows), len(b.cols)) {
		e, limit := &gain[k], 1-stage.maxCost
		b.match(&b.tracks[b.rows[e.Row].index], detections, b.cols[e.Col].index, e.Weight+limit, limit)
	}
}

// match gives a track its detection.
func (b *ByteTrack) match(t *byteTrack, detections []detect.Detection, index int, similarity, limit float64) {
	d := &detections[index]
	b.sighted(&t.identity, index, Matched, similarity, limit)
	if t.state == byteTentative {
		b.add(Confirmed, EnoughHits, t.id, index, -1, 2, 2)
	}
	t.filter.update(d.Box)
	t.last = t.filter.box()
	t.observe(d, index, b.now)
	t.state = byteTracked
	b.taken[index] = true
}

// settle says what becomes of the tracks that were not found.
func (b *ByteTrack) settle(detections []detect.Detection) {
	life := lifetime{b.cfg.MaxAge, b.cfg.MaxGap}
	for i := range b.tracks {
		t := &b.tracks[i]
		if t.missed == 0 {
			continue
		}
		if b.on() {
			b.explainLoss(t, &b.expected[i], detections)
		}
		switch {
		case t.state == byteTentative:
			b.add(Died, Unconfirmed, t.id, -1, -1, 1, 2)
			t.state = byteRemoved
		case b.expire(&t.identity, life):
			t.state = byteRemoved
		default:
			t.state = byteLost
		}
	}
}

// begin starts tracks from the sure detections left over.
func (b *ByteTrack) begin(detections []detect.Detection) {
	for j := range b.high {
		d := &b.high[j]
		if b.taken[d.index] {
			continue
		}
		from := &detections[d.index]
		if from.Score < b.cfg.NewScore {
			b.add(Ignored, Unsure, 0, d.index, -1, from.Score, b.cfg.NewScore)
			continue
		}
		t := byteTrack{
			identity: newIdentity(b.newID(), from, d.index, b.now),
			filter:   newByteFilter(from.Box),
			last:     from.Box,
		}
		if b.frame == 1 {
			t.state = byteTracked
		}
		if b.on() {
			b.explainBirth(t.id, d, from)
		}
		if t.state == byteTracked {
			b.add(Confirmed, Sure, t.id, d.index, -1, from.Score, b.cfg.NewScore)
		}
		b.tracks = append(b.tracks, t)
	}
	for _, d := range b.low {
		if !b.taken[d.index] {
			b.add(Ignored, Unsure, 0, d.index, -1, detections[d.index].Score, b.cfg.NewScore)
		}
	}
}

// removeDuplicates drops, of a tracked and a lost track that cover each other,
// the one with the shorter history.
func (b *ByteTrack) removeDuplicates() {
	b.rows, b.cols = b.rows[:0], b.cols[:0]
	for i := range b.tracks {
		t := &b.tracks[i]
		if s := byteSubject(b.where(t), t.class(), i); t.state == byteLost {
			b.cols = append(b.cols, s)
		} else {
			b.rows = append(b.rows, s)
		}
	}
	for _, e := range b.overlaps.find(b.rows, b.cols) {
		if e.Weight <= byteDuplicateIoU {
			continue
		}
		stays, goes := &b.tracks[b.rows[e.Row].index], &b.tracks[b.cols[e.Col].index]
		if stays.seen-stays.born <= goes.seen-goes.born {
			stays, goes = goes, stays
		}
		b.add(Died, Duplicate, goes.id, -1, stays.id, e.Weight, byteDuplicateIoU)
		goes.state = byteRemoved
	}
}

func (b *ByteTrack) forget() {
	b.tracks = slices.DeleteFunc(b.tracks, func(t byteTrack) bool { return t.state == byteRemoved })
}

// close collects the output.
func (b *ByteTrack) close() []Track {
	b.list(len(b.tracks))
	for i := range b.tracks {
		if t := &b.tracks[i]; t.state == byteTracked {
			b.report(&t.identity, t.filter.box(), t.filter.covariance)
		}
	}
	return b.out
}
