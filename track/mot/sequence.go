package mot

import (
	"fmt"
	"slices"

	"github.com/tracker-go/tracker/track/internal/pairing"
)

// A sequence is truth and results made ready for the metrics: what the
// benchmark does not score is gone, identities are numbered from 0, and only
// pairs of boxes that overlap are kept, frame by frame.
type sequence struct {
	frames []frame // those with a box to score, in order
	length int     // frames of the video

	gtDets, resDets int   // boxes to score
	gtCount         []int // boxes of each true identity
	resCount        []int // boxes of each result identity
	pairs           []pair
}

// A frame holds the boxes of one frame by their identities.
type frame struct {
	gt, res  []int32
	overlaps []overlap // by truth, then by result
}

// An overlap is a true box and a result box of one frame that share pixels.
type overlap struct {
	gt, res int32 // positions in the frame
	pair    int32 // the identities of the two, an index into sequence.pairs
	iou     float64
}

// edge is the pair for a matching in which it is worth that much.
func (o *overlap) edge(weight float64) pairing.Edge {
	return pairing.Edge{Row: int(o.gt), Col: int(o.res), Weight: weight}
}

// A pair is a true and a result identity that overlap in some frame.
type pair struct{ gt, res int32 }

// epsilon is the tolerance of TrackEval's comparisons: the distance from 1 to
// the next float64.
const epsilon = 0x1p-52

// A side is the rows of truth or results, in the order of frames and, within
// one, of the file.
type side struct {
	name string // for errors
	rows []Row
	keys []uint64      // frame<<32 | index into rows, ascending
	ids  map[int]int32 // the number of each identity
	last []int         // the last frame that each was seen in
	used []int32       // of each identity: its number among those scored, −1 before
	kept int           // identities scored
}

// newSide sorts the rows; length is the number of frames that the video has, 0
// where nobody knows.
func newSide(name string, rows []Row, length int) (*side, error) {
	if length <= 0 {
		length = maxFrame
	}
	s := &side{name: name, rows: rows, keys: make([]uint64, len(rows)), ids: make(map[int]int32)}
	for i, r := range rows {
		if r.Frame < 1 {
			return nil, fmt.Errorf("%s: frame %d, id %d: frames count from 1", name, r.Frame, r.ID)
		}
		if r.Frame > length {
			return nil, fmt.Errorf("%s: frame %d, id %d: the sequence has frames 1 to %d", name, r.Frame, r.ID, length)
		}
		s.keys[i] = uint64(r.Frame)<<32 | uint64(i)
	}
	slices.Sort(s.keys)
	return s, nil
}

// noFrame stands for the frame after the last.
const noFrame = maxFrame + 1

// nextFrame is the frame of the first row not taken yet, or noFrame.
func (s *side) nextFrame() int {
	if len(s.keys) == 0 {
		return noFrame
	}
	return int(s.keys[0] >> 32)
}

func (s *side) lastFrame() int {
	if len(s.keys) == 0 {
		return 0
	}
	return int(s.keys[len(s.keys)-1] >> 32)
}

// take appends the boxes of a frame to dst and moves on to the next.
func (s *side) take(frame int, dst []box) ([]box, error) {
	for ; s.nextFrame() == frame; s.keys = s.keys[1:] {
		r := &s.rows[uint32(s.keys[0])]
		if r.ID < 0 {
			return dst, fmt.Errorf("%s: frame %d: id %d is negative; is this a file of detections?", s.name, frame, r.ID)
		}
		id, known := s.ids[r.ID]
		switch {
		case !known:
			id = int32(len(s.last))
			s.ids[r.ID] = id
			s.last, s.used = append(s.last, frame), append(s.used, -1)
		case s.last[id] == frame:
			return dst, fmt.Errorf("%s: frame %d: id %d is there twice", s.name, frame, r.ID)
		}
		s.last[id] = frame
		dst = append(dst, newBox(r, id))
	}
	return dst, nil
}

// scored is the number of an identity among those that have a box to score.
func (s *side) scored(id int32) int32 {
	if s.used[id] < 0 {
		s.used[id] = int32(s.kept)
		s.kept++
	}
	return s.used[id]
}

// A box is a row ready to be compared.
type box struct {
	x1, y1, x2, y2, area float64
	id                   int32
	row                  *Row
	drop                 bool  // not scored
	at                   int32 // position among the frame's boxes that are scored
}

// The conversions in newBox and iou keep a compiler from fusing a product and
// a sum, which would round differently from one processor to the next.

func newBox(r *Row, id int32) box {
	b := box{x1: r.Left, y1: r.Top, x2: r.Left + r.Width, y2: r.Top + r.Height, id: id, row: r}
	b.area = float64((b.x2 - b.x1) * (b.y2 - b.y1))
	return b
}

// iou is the intersection over union, 0 for a box without an area.
func (b *box) iou(o *box) float64 {
	w := min(b.x2, o.x2) - max(b.x1, o.x1)
	h := min(b.y2, o.y2) - max(b.y1, o.y1)
	if w <= 0 || h <= 0 || b.area <= epsilon || o.area <= epsilon {
		return 0
	}
	inter := float64(w * h)
	union := b.area + o.area - inter
	if union <= epsilon {
		return 0
	}
	return inter / union
}

// A builder makes a sequence; its buffers serve one frame after another.
type builder struct {
	rules    rules
	gt, res  []box
	overlaps []overlap
	links    []pairing.Edge
	matcher  pairing.Matcher
	pairOf   map[pair]int32
	seq      sequence
}

// newSequence checks truth and results and applies the benchmark's rules.
func newSequence(gtRows, resRows []Row, opt Options) (*sequence, error) {
	gt, err := newSide("ground truth", gtRows, opt.Frames)
	if err != nil {
		return nil, err
	}
	res, err := newSide("results", resRows, opt.Frames)
	if err != nil {
		return nil, err
	}
	b := &builder{rules: opt.Benchmark.rules(), pairOf: make(map[pair]int32)}
	b.seq.length = opt.Frames
	if b.seq.length <= 0 {
		b.seq.length = max(gt.lastFrame(), res.lastFrame())
	}
	for {
		number := min(gt.nextFrame(), res.nextFrame())
		if number == noFrame {
			return &b.seq, nil
		}
		if err := b.frame(number, gt, res); err != nil {
			return nil, err
		}
	}
}

// frame adds one frame.
func (b *builder) frame(number int, gt, res *side) (err error) {
	if b.gt, err = gt.take(number, b.gt[:0]); err != nil {
		return err
	}
	if b.res, err = res.take(number, b.res[:0]); err != nil {
		return err
	}
	if err := b.checkClasses(number); err != nil {
		return err
	}
	b.compare()
	b.dropUnscored()
	b.add(gt, res)
	return nil
}

func (b *builder) checkClasses(number int) error {
	if b.rules.classes {
		for _, g := range b.gt {
			if c := g.row.Class; c < 1 || c > classMax {
				return fmt.Errorf("ground truth: frame %d, id %d: class %d; %s has classes 1 to %d",
					number, g.row.ID, c, b.rules.name, classMax)
			}
		}
	}
	if b.rules.pedestrians {
		for _, r := range b.res {
			if r.row.Class > classPedestrian {
				return fmt.Errorf("results: frame %d, id %d: class %d; %s scores pedestrians only (class 1 or −1)",
					number, r.row.ID, r.row.Class, b.rules.name)
			}
		}
	}
	return nil
}

// compare lists the overlaps of the frame.
func (b *builder) compare() {
	b.overlaps = b.overlaps[:0]
	for i := range b.gt {
		for j := range b.res {
			if iou := b.gt[i].iou(&b.res[j]); iou > 0 {
				b.overlaps = append(b.overlaps, overlap{gt: int32(i), res: int32(j), iou: iou})
			}
		}
	}
}

// dropUnscored marks the boxes that the benchmark does not score: results that
// match a distractor, and truth that is none.
func (b *builder) dropUnscored() {
	if b.rules.distractors != 0 {
		b.links = b.links[:0]
		for _, o := range b.overlaps {
			if o.iou >= 0.5-epsilon {
				b.links = append(b.links, o.edge(o.iou))
			}
		}
		for _, i := range b.matcher.Maximize(b.links, len(b.gt), len(b.res)) {
			l := b.links[i]
			b.res[l.Col].drop = b.rules.distractors>>b.gt[l.Row].row.Class&1 != 0
		}
	}
	for i := range b.gt {
		r := b.gt[i].row
		b.gt[i].drop = b.rules.unset(r.Conf) || b.rules.classes && r.Class != classPedestrian
	}
}

// add appends what is scored to the sequence.
func (b *builder) add(gt, res *side) {
	s := &b.seq
	f := frame{
		gt:       keep(b.gt, gt, &s.gtCount),
		res:      keep(b.res, res, &s.resCount),
		overlaps: make([]overlap, 0, len(b.overlaps)),
	}
	for _, o := range b.overlaps {
		g, r := &b.gt[o.gt], &b.res[o.res]
		if g.drop || r.drop {
			continue
		}
		o.gt, o.res = g.at, r.at
		o.pair = b.pair(pair{f.gt[g.at], f.res[r.at]})
		f.overlaps = append(f.overlaps, o)
	}
	s.gtDets += len(f.gt)
	s.resDets += len(f.res)
	s.frames = append(s.frames, f)
}

// keep lists the identities of the boxes that are scored and counts them.
func keep(boxes []box, s *side, count *[]int) []int32 {
	ids := make([]int32, 0, len(boxes))
	for i := range boxes {
		if boxes[i].drop {
			continue
		}
		id := s.scored(boxes[i].id)
		if int(id) == len(*count) {
			*count = append(*count, 0)
		}
		(*count)[id]++
		boxes[i].at = int32(len(ids))
		ids = append(ids, id)
	}
	return ids
}

// pair is the number of a pair of identities.
func (b *builder) pair(p pair) int32 {
	i, known := b.pairOf[p]
	if !known {
		i = int32(len(b.seq.pairs))
		b.pairOf[p] = i
		b.seq.pairs = append(b.seq.pairs, p)
	}
	return i
}
