package track

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"time"

	"github.com/tracker-go/tracker/detect"
)

// Resumable is a Tracker that can go on in another process as if nothing had
// happened. All trackers of this package are.
type Resumable interface {
	Tracker
	// Snapshot appends all that the next Update depends on to dst: the state after
	// the last one.
	Snapshot(dst []byte) []byte
	// Restore takes a Snapshot that a tracker of the same kind and settings made.
	// What it does after that equals, bit for bit, what that tracker does. An error
	// says why the bytes are no such snapshot, and leaves the tracker without tracks.
	Restore(snapshot []byte) error
}

var _, _, _, _ Resumable = (*SORT)(nil), (*ByteTrack)(nil), (*OCSORT)(nil), (*Tempo)(nil)

// snapshotVersion begins every snapshot. It changes with what a tracker keeps, and
// with what it does with it: a new program does not go on with an old one's state.
const snapshotVersion = 4

// Snapshot implements Resumable.
func (s *SORT) Snapshot(dst []byte) []byte { return snapshot(dst, "sort", s.cfg, s.state) }

// Restore implements Resumable.
func (s *SORT) Restore(snapshot []byte) error {
	fresh := NewSORT(s.cfg)
	err := restore(snapshot, "sort", s.cfg, fresh.state)
	*s = *orNew(fresh, err, func() *SORT { return NewSORT(s.cfg) })
	return err
}

// Snapshot implements Resumable.
func (b *ByteTrack) Snapshot(dst []byte) []byte { return snapshot(dst, "bytetrack", b.cfg, b.state) }

// Restore implements Resumable.
func (b *ByteTrack) Restore(snapshot []byte) error {
	fresh := NewByteTrack(b.cfg)
	err := restore(snapshot, "bytetrack", b.cfg, fresh.state)
	*b = *orNew(fresh, err, func() *ByteTrack { return NewByteTrack(b.cfg) })
	return err
}

// Snapshot implements Resumable.
func (o *OCSORT) Snapshot(dst []byte) []byte { return snapshot(dst, "ocsort", o.cfg, o.state) }

// Restore implements Resumable.
func (o *OCSORT) Restore(snapshot []byte) error {
	fresh := NewOCSORT(o.cfg)
	err := restore(snapshot, "ocsort", o.cfg, fresh.state)
	*o = *orNew(fresh, err, func() *OCSORT { return NewOCSORT(o.cfg) })
	return err
}

// Snapshot implements Resumable.
func (t *Tempo) Snapshot(dst []byte) []byte { return snapshot(dst, "tempo", t.cfg, t.state) }

// Restore implements Resumable.
func (t *Tempo) Restore(snapshot []byte) error {
	fresh := NewTempo(t.cfg)
	err := restore(snapshot, "tempo", t.cfg, fresh.state)
	*t = *orNew(fresh, err, func() *Tempo { return NewTempo(t.cfg) })
	return err
}

// orNew is t, or another where filling it has failed.
func orNew[T any](t *T, err error, another func() *T) *T {
	if err != nil {
		return another()
	}
	return t
}

func snapshot(dst []byte, kind string, cfg any, state func(*coder)) []byte {
	c := coder{bytes: binary.LittleEndian.AppendUint64(dst, signature(kind, cfg))}
	state(&c)
	return c.bytes
}

func restore(snapshot []byte, kind string, cfg any, state func(*coder)) error {
	c := coder{bytes: snapshot, reading: true}
	if c.word(0) != signature(kind, cfg) {
		return fmt.Errorf("track: restore %s: the snapshot is of another tracker, other settings or another version", kind)
	}
	state(&c)
	if c.err == nil && len(c.bytes) > 0 {
		c.err = fmt.Errorf("%d bytes too many", len(c.bytes))
	}
	if c.err != nil {
		return fmt.Errorf("track: restore %s: damaged snapshot: %w", kind, c.err)
	}
	return nil
}

// signature tells trackers, their settings and versions apart.
func signature(kind string, cfg any) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s %+v", snapshotVersion, kind, cfg)
	return h.Sum64()
}

func (s *SORT) state(c *coder) {
	s.ledger.state(c)
	s.picture.state(c)
	codeTracks(c, &s.tracks, func(t *sortTrack) {
		t.identity.state(c, s.frame)
		t.filter.state(c)
		c.count(&t.streak, s.frame)
	})
}

func (b *ByteTrack) state(c *coder) {
	b.ledger.state(c)
	b.picture.state(c)
	codeTracks(c, &b.tracks, func(t *byteTrack) {
		t.identity.state(c, b.frame)
		codeAxes(c, &t.filter.cx, &t.filter.cy, &t.filter.aspect, &t.filter.height)
		state := int(t.state)
		c.count(&state, int(byteRemoved))
		t.state = byteState(state)
		c.bool(&t.young)
		c.box(&t.last)
	})
}

func (o *OCSORT) state(c *coder) {
	o.ledger.state(c)
	o.picture.state(c)
	codeTracks(c, &o.tracks, func(t *ocTrack) {
		t.identity.state(c, o.frame)
		t.filter.state(c)
		t.frozen.state(c)
		h := &t.history
		for i := range h.boxes {
			c.box(&h.boxes[i])
			c.count(&h.frames[i], o.frame)
		}
		c.count(&h.n, o.frame)
		c.floats(&t.heading.x, &t.heading.y)
		c.count(&t.streak, o.frame)
	})
}

func (t *Tempo) state(c *coder) {
	t.ledger.state(c)
	t.picture.state(c)
	c.floats(&t.camera.vx, &t.camera.vy, &t.noise.factor, &t.conf.top, &t.conf.sure, &t.conf.high)
	t.alike.state(c)
	codeTracks(c, &t.tracks, func(k *tempoTrack) {
		k.identity.state(c, t.frame)
		codeAxes(c, &k.motion.cx, &k.motion.cy, &k.motion.w, &k.motion.h)
		s := &k.surprise
		c.floats(&s.x, &s.y, &s.lastX, &s.lastY, &k.reach)
		c.count(&s.run, t.frame)
		c.look(&k.look)
		c.bool(&k.confirmed)
		c.bool(&k.young)
	})
}

func (m *resemblance) state(c *coder) {
	c.count(&m.size, math.MaxInt32)
	for _, s := range [...]*spread{&m.same, &m.other} {
		c.floats(&s.n, &s.mean, &s.variance)
	}
}

func (l *ledger) state(c *coder) {
	c.count(&l.frame, math.MaxInt32)
	c.count(&l.lastID, math.MaxInt32)
	c.durations(&l.clock, &l.usual, &l.now)
}

func (p *picture) state(c *coder) {
	c.count(&p.width, math.MaxInt32)
	c.count(&p.height, math.MaxInt32)
}

// state is that of a track after so many frames.
func (t *identity) state(c *coder, frames int) {
	c.count(&t.id, math.MaxInt32)
	b := &t.classes
	c.count(&b.seats, ballotSeats)
	for i := range b.class {
		b.class[i] = int(c.word(uint64(b.class[i])))
		c.floats(&b.weight[i])
	}
	c.floats(&t.score)
	seen := t.detection + 1
	c.count(&seen, math.MaxInt32)
	t.detection = seen - 1
	c.box(&t.raw)
	c.count(&t.hits, frames)
	c.count(&t.missed, frames)
	c.durations(&t.born, &t.seen)
}

func (f *sortFilter) state(c *coder) { codeAxes(c, &f.cx, &f.cy, &f.area, &f.aspect) }

func codeAxes(c *coder, axes ...*axis) {
	for _, a := range axes {
		c.floats(&a.x, &a.v, &a.pxx, &a.pxv, &a.pvv)
	}
}

// codeTracks passes a list, whose items take at least a word each.
func codeTracks[T any](c *coder, list *[]T, state func(*T)) {
	n := c.length(len(*list), 8)
	if c.reading {
		*list = make([]T, n)
	}
	for i := range *list {
		state(&(*list)[i])
	}
}

// coder passes values to bytes, or from bytes to the places they came from: one
// description of a state serves both ways. After an error it passes zeros.
type coder struct {
	bytes   []byte // written so far, or left to read
	reading bool
	err     error
}

var errShort = errors.New("it ends too soon")

// word writes v, or reads another.
func (c *coder) word(v uint64) uint64 {
	switch {
	case !c.reading:
		c.bytes = binary.LittleEndian.AppendUint64(c.bytes, v)
		return v
	case len(c.bytes) < 8:
		c.bytes, c.err = nil, errors.Join(c.err, errShort)
		return 0
	}
	v = binary.LittleEndian.Uint64(c.bytes)
	c.bytes = c.bytes[8:]
	return v
}

// count passes an integer from 0 to most.
func (c *coder) count(p *int, most int) {
	v := c.word(uint64(*p))
	if c.reading && v > uint64(most) {
		c.err, v = fmt.Errorf("%d where at most %d can be", v, most), 0
	}
	*p = int(v)
}

// floats passes finite numbers: one that is not would spoil a filter for good.
func (c *coder) floats(places ...*float64) {
	for _, p := range places {
		*p = math.Float64frombits(c.word(math.Float64bits(*p)))
		if c.reading && (math.IsNaN(*p) || math.IsInf(*p, 0)) {
			c.err, *p = errors.New("a number that is not finite"), 0
		}
	}
}

func (c *coder) durations(places ...*time.Duration) {
	for _, p := range places {
		*p = time.Duration(c.word(uint64(*p)))
	}
}

func (c *coder) bool(p *bool) {
	v := 0
	if *p {
		v = 1
	}
	c.count(&v, 1)
	*p = v == 1
}

func (c *coder) box(b *detect.Box) { c.floats(&b.X1, &b.Y1, &b.X2, &b.Y2) }

// length passes that of a list of which an item takes so many bytes at least.
func (c *coder) length(n, size int) int {
	c.count(&n, math.MaxInt32)
	if c.reading && n > len(c.bytes)/size {
		c.err, n = errShort, 0
	}
	return n
}

// look passes an embedding, nil for none.
func (c *coder) look(p *[]float32) {
	n := c.length(len(*p), 8)
	if c.reading && n > 0 {
		*p = make([]float32, n)
	}
	for i := range *p {
		x := float64((*p)[i])
		c.floats(&x)
		if (*p)[i] = float32(x); float64((*p)[i]) != x {
			c.err = errors.New("an embedding of too many digits")
		}
	}
}
