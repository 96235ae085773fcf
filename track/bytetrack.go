package track

import (
	"slices"
	"time"

	"github.com/tracker-go/tracker/detect"
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
	// MaxAge is how much media time a track may go without a detection. Raising it
	// carries identities through longer occlusions, and risks that a stale track
	// picks up another object.
	MaxAge time.Duration
}

// DefaultByteTrackConfig holds the settings that the authors use on MOT17.
func DefaultByteTrackConfig() ByteTrackConfig {
	return ByteTrackConfig{
		HighScore: 0.6, LowScore: 0.1, NewScore: 0.7,
		MaxCost: 0.9, FuseScore: true, MaxAge: time.Second,
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
	cfg    ByteTrackConfig
	frame  int
	now    time.Duration
	lastID int
	tracks []byteTrack // ordered by id

	// Of one frame, kept for their memory.
	high, low     []subject
	rows, cols    []subject
	matched       []bool // by position in Input.Detections
	first, second overlaps
	matcher       matcher
	out           []Track
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
	found  bool // in this frame
	last   detect.Box // after the last detection
}

// NewByteTrack makes a tracker with no tracks. Every setting is taken as it is.
func NewByteTrack(cfg ByteTrackConfig) *ByteTrack { return &ByteTrack{cfg: cfg} }

// Update implements Tracker.
func (b *ByteTrack) Update(in Input) []Track {
	b.frame++
	b.now = max(b.now, in.Time)
	b.split(in.Detections)
	b.predict()

	b.associate(in.Detections, b.high, b.cfg.MaxCost, b.cfg.FuseScore, func(t *byteTrack) bool { return t.state != byteTentative })
	b.associate(in.Detections, b.low, byteLowCost, false, func(t *byteTrack) bool { return t.state == byteTracked })
	b.associate(in.Detections, b.high, byteTentativeCost, b.cfg.FuseScore, func(t *byteTrack) bool { return t.state == byteTentative })
	b.settle()
	b.begin(in.Detections)
	b.removeDuplicates()
	return b.report()
}

// split parts the detections by their score.
func (b *ByteTrack) split(detections []detect.Detection) {
	b.high, b.low = b.high[:0], b.low[:0]
	b.matched = resize(b.matched, len(detections))
	clear(b.matched)
	for i := range detections {
		d := &detections[i]
		switch {
		case !trackable(d) || d.Score < b.cfg.LowScore:
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
	for i := range b.tracks {
		t := &b.tracks[i]
		t.found, t.detection = false, -1
		if t.state != byteTentative {
			t.filter.predict(t.state == byteLost)
		}
	}
}

// associate matches the tracks of a kind that are still to be found with the
// detections that are still free.
func (b *ByteTrack) associate(detections []detect.Detection, from []subject, maxCost float64, fuse bool, takesPart func(*byteTrack) bool) {
	b.rows, b.cols = b.rows[:0], b.cols[:0]
	for i := range b.tracks {
		if t := &b.tracks[i]; !t.found && takesPart(t) {
			b.rows = append(b.rows, byteSubject(b.expected(t), t.class, i))
		}
	}
	for _, d := range from {
		if !b.matched[d.index] {
			b.cols = append(b.cols, d)
		}
	}
	edges := b.first.find(b.rows, b.cols)
	gain := edges[:0] // how far a pair's cost lies below the greatest
	for _, e := range edges {
		if fuse {
			e.weight *= detections[b.cols[e.col].index].Score
		}
		if e.weight -= 1 - maxCost; e.weight > 0 {
			gain = append(gain, e)
		}
	}
	for _, e := range b.matcher.maximize(gain, len(b.rows), len(b.cols)) {
		d := &b.cols[e.col]
		t := &b.tracks[b.rows[e.row].index]
		t.filter.update(detections[d.index].Box)
		t.last = t.filter.box()
		t.observe(&detections[d.index], d.index, b.now)
		t.found, t.state = true, byteTracked
		b.matched[d.index] = true
	}
}

// expected is where a track is looked for.
func (b *ByteTrack) expected(t *byteTrack) detect.Box {
	if b.cfg.Unpredicted {
		return t.last
	}
	return t.filter.box()
}

// settle says what becomes of the tracks that were not found.
func (b *ByteTrack) settle() {
	for i := range b.tracks {
		t := &b.tracks[i]
		switch {
		case t.found:
		case t.state == byteTentative || expired(b.now-t.seen, b.cfg.MaxAge):
			t.state = byteRemoved
		default:
			t.state = byteLost
		}
	}
	b.forget()
}

func (b *ByteTrack) forget() {
	b.tracks = slices.DeleteFunc(b.tracks, func(t byteTrack) bool { return t.state == byteRemoved })
}

// begin starts tracks from the sure detections left over.
func (b *ByteTrack) begin(detections []detect.Detection) {
	for _, d := range b.high {
		if b.matched[d.index] || detections[d.index].Score < b.cfg.NewScore {
			continue
		}
		b.lastID++
		t := byteTrack{
			identity: newIdentity(b.lastID, &detections[d.index], d.index, b.now),
			filter:   newByteFilter(detections[d.index].Box),
			found:    true,
			last:     detections[d.index].Box,
		}
		if b.frame == 1 {
			t.state = byteTracked
		}
		b.tracks = append(b.tracks, t)
	}
}

// removeDuplicates drops, of a tracked and a lost track that cover each other,
// the one with the shorter history.
func (b *ByteTrack) removeDuplicates() {
	b.rows, b.cols = b.rows[:0], b.cols[:0]
	for i := range b.tracks {
		t := &b.tracks[i]
		if s := byteSubject(b.expected(t), t.class, i); t.state == byteLost {
			b.cols = append(b.cols, s)
		} else {
			b.rows = append(b.rows, s)
		}
	}
	if len(b.cols) == 0 {
		return
	}
	for _, e := range b.second.find(b.rows, b.cols) {
		if e.weight <= byteDuplicateIoU {
			continue
		}
		seen, lost := &b.tracks[b.rows[e.row].index], &b.tracks[b.cols[e.col].index]
		if seen.seen-seen.born > lost.seen-lost.born {
			lost.state = byteRemoved
		} else {
			seen.state = byteRemoved
		}
	}
	b.forget()
}

// report collects the output.
func (b *ByteTrack) report() []Track {
	b.out = b.out[:0]
	for i := range b.tracks {
		if t := &b.tracks[i]; t.state == byteTracked {
			b.out = append(b.out, t.report(t.filter.box(), b.now))
		}
	}
	return b.out
}

func byteSubject(b detect.Box, class, index int) subject {
	b.X2++
	b.Y2++
	return newSubject(b, class, index)
}
