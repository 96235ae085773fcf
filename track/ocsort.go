package track

import (
	"math"
	"slices"
	"time"

	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track/internal/pairing"
)

// OCSORTConfig holds the settings of OC-SORT.
type OCSORTConfig struct {
	// Score is the least score of a detection that is looked at. Lowering it finds
	// more of the occluded objects, and more that are none.
	Score float64
	// MaxAge is how many frames in a row a track may go without a detection. Raising
	// it carries identities through longer gaps, and risks that a stale track picks
	// up another object; −1 sets no such bound.
	MaxAge int
	// MaxGap is how much media time it may go without one; 0 sets no such bound, as
	// in the paper.
	MaxGap time.Duration
	// MinHits is how many frames in a row a track must be matched, after the
	// detection that started it, before it is reported. Raising it suppresses false
	// detections and reports objects later, again after every miss.
	MinHits int
	// IoU is the least overlap, in (0,1], between where a track is expected and a
	// detection of it. Lowering it follows faster motion, with more wrong matches.
	IoU float64
	// Inertia is how much the direction of motion counts beside the overlap: a
	// detection straight ahead gains half of it, one behind loses as much.
	Inertia float64
}

// DefaultOCSORTConfig holds the settings of the paper.
func DefaultOCSORTConfig() OCSORTConfig {
	return OCSORTConfig{Score: 0.6, MaxAge: 30, MinHits: 3, IoU: 0.3, Inertia: 0.2}
}

// OCSORT is the tracker of Cao et al., "Observation-Centric SORT: Rethinking SORT
// for Robust Multi-Object Tracking", CVPR 2023. It trusts observations more than
// the filter: the direction of motion is measured between detections (momentum),
// a track that the filter lost is sought where it was last seen (recovery), and
// when it is found, the filter lives the gap again along the straight line between
// the two detections (re-update).
//
// Boxes are reported as detected. A detection only matches a track of its own
// class, each class as if it were alone. Input.Motion is not used.
type OCSORT struct {
	ledger
	picture
	cfg    OCSORTConfig
	tracks []ocTrack // ordered by id

	// Of one frame, kept for their memory.
	expected, detected []subject
	rows, cols         []subject
	matched            []bool // by position in detected
	overlaps           overlaps
	contest            contest
	matcher            pairing.Matcher
}

type ocTrack struct {
	identity
	filter  sortFilter
	frozen  sortFilter // the filter at the first frame of the present gap
	history ocHistory
	heading direction
	streak  int // matches in a row since the first detection or the last miss
}

// NewOCSORT makes a tracker with no tracks. Every setting is taken as it is.
func NewOCSORT(cfg OCSORTConfig) *OCSORT { return &OCSORT{cfg: cfg} }

// Update implements Tracker.
func (o *OCSORT) Update(in Input) []Track {
	o.open(&in)
	o.fit(&in)
	o.detect(in.Detections)
	o.predict()
	o.associate(in.Detections)
	o.recover(in.Detections)
	o.explainLosses()
	o.begin(in.Detections)
	return o.close()
}

func (o *OCSORT) detect(detections []detect.Detection) {
	o.detected = o.detected[:0]
	for i := range detections {
		if d := &detections[i]; trackable(d) && d.Score > o.cfg.Score {
			o.detected = append(o.detected, newSubject(d.Box, d.Class, i))
		} else {
			o.skipped(i, !trackable(d), d.Score, o.cfg.Score)
		}
	}
	o.matched = pairing.Resize(o.matched, len(o.detected))
	clear(o.matched)
}

// predict moves every track one frame ahead.
func (o *OCSORT) predict() {
	o.expected = o.expected[:0]
	for i := range o.tracks {
		t := &o.tracks[i]
		if t.missed > 0 {
			t.streak = 0
		}
		t.filter.predict()
		if t.missed == 0 {
			t.frozen = t.filter
		}
		t.expect()
		o.expected = append(o.expected, newSubject(t.filter.box(), t.class(), i))
	}
}

// associate matches by overlap and direction.
func (o *OCSORT) associate(detections []detect.Detection) {
	clear, contested := o.contest.split(o.overlaps.find(o.expected, o.detected), o.expected, o.detected, o.cfg.IoU)
	for _, e := range clear {
		o.match(e.Row, e.Col, e.Weight, detections)
	}
	gain := contested[:0]
	for _, e := range contested {
		if e.Weight += o.momentum(&o.tracks[e.Row], &detections[o.detected[e.Col].index]); e.Weight > 0 {
			gain = append(gain, e)
		}
	}
	for _, k := range o.matcher.Maximize(gain, len(o.expected), len(o.detected)) {
		e := &gain[k]
		if iou := o.expected[e.Row].iou(&o.detected[e.Col]); iou >= o.cfg.IoU {
			o.match(e.Row, e.Col, iou, detections)
		}
	}
}

// momentum is what a detection gains by lying ahead of a track, 0 where the
// track has no direction.
func (o *OCSORT) momentum(t *ocTrack, d *detect.Detection) float64 {
	from, ok := t.history.before(o.frame)
	if !ok {
		return 0
	}
	angle := math.Acos(min(1, max(-1, t.heading.dot(towards(from, d.Box)))))
	return o.cfg.Inertia * (0.5 - angle/math.Pi) * d.Score
}

// recover matches what is left over with where the tracks were last seen.
func (o *OCSORT) recover(detections []detect.Detection) {
	o.rows, o.cols = o.rows[:0], o.cols[:0]
	for i := range o.tracks {
		t := &o.tracks[i]
		if last, ok := t.history.last(); ok && t.missed > 0 {
			o.rows = append(o.rows, newSubject(last, t.class(), i))
		}
	}
	for j, d := range o.detected {
		if !o.matched[j] {
			d.index = j
			o.cols = append(o.cols, d)
		}
	}
	edges := o.overlaps.find(o.rows, o.cols)
	for _, k := range o.matcher.Maximize(edges, len(o.rows), len(o.cols)) {
		if e := &edges[k]; e.Weight >= o.cfg.IoU {
			o.match(o.rows[e.Row].index, o.cols[e.Col].index, e.Weight, detections)
		}
	}
}

// match gives a track its detection.
func (o *OCSORT) match(row, col int, iou float64, detections []detect.Detection) {
	t, d := &o.tracks[row], &o.detected[col]
	o.sighted(&t.identity, d.index, Matched, iou, o.cfg.IoU)
	last, seen := t.history.last()
	if seen {
		if t.missed > 1 {
			t.relive(last, d.box)
		}
		from, _ := t.history.before(o.frame)
		t.heading = towards(from, d.box)
	}
	t.filter.update(d.box)
	t.history.add(o.frame, d.box)
	t.observe(&detections[d.index], d.index, o.now)
	t.streak++
	o.matched[col] = true
}

// relive leads the filter through the gap again, along virtual detections on the
// line from the last detection to the present one.
func (t *ocTrack) relive(last, now detect.Box) {
	x1, y1, w1, h1 := centerSize(last)
	x2, y2, w2, h2 := centerSize(now)
	t.filter = t.frozen
	for i := 1; ; i++ {
		part := float64(i) / float64(t.missed)
		t.filter.update(boxAround(x1+(x2-x1)*part, y1+(y2-y1)*part, w1+(w2-w1)*part, h1+(h2-h1)*part))
		if i == t.missed {
			return
		}
		t.filter.predict()
	}
}

// explainLosses says why tracks are not seen.
func (o *OCSORT) explainLosses() {
	if !o.on() {
		return
	}
	for i := range o.tracks {
		if t := &o.tracks[i]; t.missed > 0 {
			o.unsighted(&t.identity, overlapping(o.detected, &o.expected[i], o.cfg.IoU))
		}
	}
}

// begin starts a track from every detection left over.
func (o *OCSORT) begin(detections []detect.Detection) {
	for j := range o.detected {
		if o.matched[j] {
			continue
		}
		d := &o.detected[j]
		t := ocTrack{
			identity: newIdentity(o.newID(), &detections[d.index], d.index, o.now),
			filter:   newSortFilter(d.box),
		}
		if o.on() {
			o.begun(t.id, d.index, overlapped(o.expected, d, o.cfg.IoU, func(k int) int { return o.tracks[k].id }))
		}
		o.tracks = append(o.tracks, t)
	}
}

// close collects the output and lets go of the tracks that are too old.
func (o *OCSORT) close() []Track {
	o.list(len(o.tracks))
	life := lifetime{o.cfg.MaxAge, o.cfg.MaxGap}
	o.tracks = slices.DeleteFunc(o.tracks, func(t ocTrack) bool { return o.expire(&t.identity, life) })
	for i := range o.tracks {
		t := &o.tracks[i]
		if t.missed > 0 || t.streak < o.cfg.MinHits && o.frame > o.cfg.MinHits {
			continue
		}
		box, ok := t.history.last()
		if !ok {
			box = t.filter.box()
		}
		o.report(&t.identity, box, t.filter.covariance)
	}
	return o.out
}

// direction is a unit vector, or 0.
type direction struct{ x, y float64 }

func (d direction) dot(o direction) float64 { return d.x*o.x + d.y*o.y }

// towards is the direction from the centre of a to that of b.
func towards(a, b detect.Box) direction {
	ax, ay := a.Center()
	bx, by := b.Center()
	norm := math.Hypot(bx-ax, by-ay) + 1e-6
	return direction{(bx - ax) / norm, (by - ay) / norm}
}

// ocSpan is over how many frames directions are measured.
const ocSpan = 3

// ocHistory holds the last detections of a track. The one that started it is not
// among them, as in the authors' program.
type ocHistory struct {
	boxes  [ocSpan]detect.Box
	frames [ocSpan]int
	n      int // detections ever
}

func (h *ocHistory) add(frame int, b detect.Box) {
	h.boxes[h.n%ocSpan], h.frames[h.n%ocSpan] = b, frame
	h.n++
}

func (h *ocHistory) last() (detect.Box, bool) {
	if h.n == 0 {
		return detect.Box{}, false
	}
	return h.boxes[(h.n-1)%ocSpan], true
}

// before is the oldest detection of the ocSpan frames before the present one, or
// else the last one there was.
func (h *ocHistory) before(frame int) (detect.Box, bool) {
	for i := max(0, h.n-ocSpan); i < h.n; i++ {
		if frame-h.frames[i%ocSpan] <= ocSpan {
			return h.boxes[i%ocSpan], true
		}
	}
	return h.last()
}
