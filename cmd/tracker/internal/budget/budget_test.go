package budget

import (
	"testing"
	"time"
)

const ms = time.Millisecond

// machine is a computer whose speed the test sets; time is simulated.
type machine struct {
	now     time.Time
	unit    time.Duration // the network's time for Work 1
	rest    time.Duration
	control *Controller
	options []Option
	changes []int // options changed to
}

var ladder = []Option{{1, 1}, {0.6, 1}, {1, 2}, {0.6, 2}, {0.35, 2}, {0.35, 4}}

func newMachine(budget time.Duration) *machine {
	return &machine{now: time.Unix(0, 0), unit: 20 * ms, rest: 2 * ms, options: ladder, control: New(budget, ladder)}
}

// run analyses frames of a source of 30 a second for some time. Every 7th frame has
// a hiccup, which must not matter.
func (m *machine) run(d time.Duration) {
	for end, i := m.now.Add(d), 0; m.now.Before(end); i++ {
		o := m.options[m.control.At()]
		cost := Cost{time.Duration(o.Work * float64(m.unit)), m.rest}
		if i%7 == 0 {
			cost.Network *= 10
		}
		m.now = m.now.Add(time.Duration(o.Stride) * time.Second / 30)
		if to, change := m.control.Observe(m.now, cost); change {
			m.changes = append(m.changes, to)
			m.control.Changed(to)
		}
	}
}

func (m *machine) holds() bool {
	o := m.options[m.control.At()]
	return time.Duration(o.Work*float64(m.unit))+m.rest <= m.control.budget*time.Duration(o.Stride)
}

func TestHoldsAndRecovers(t *testing.T) {
	for _, tc := range []struct {
		unit time.Duration
		want int // option
	}{{20 * ms, 0}, {31 * ms, 0}, {40 * ms, 1}, {60 * ms, 2}, {100 * ms, 3}, {170 * ms, 4}, {300 * ms, 5}} {
		m := newMachine(33 * ms)
		m.run(2 * time.Second)
		m.unit = tc.unit
		m.run(5 * time.Second)
		if m.control.At() != tc.want || !m.holds() {
			t.Errorf("%v a frame: option %d after %v, want %d", tc.unit, m.control.At(), m.changes, tc.want)
		}
		if len(m.changes) > 2 {
			t.Errorf("%v a frame: it wavers: %v", tc.unit, m.changes)
		}
		m.unit = 20 * ms
		m.run(time.Minute)
		if m.control.At() != 0 {
			t.Errorf("%v a frame: it does not recover: %v", tc.unit, m.changes)
		}
	}
}

// Where nothing is cheap enough it stays with the cheapest.
func TestTooSlowForAnything(t *testing.T) {
	m := newMachine(5 * ms)
	m.unit = time.Second
	m.run(time.Minute)
	if m.control.At() != len(ladder)-1 || len(m.changes) != 1 {
		t.Errorf("changes %v", m.changes)
	}
}

// What seems to be room and is none is tried less and less often.
func TestWaversLessAndLess(t *testing.T) {
	m := newMachine(33 * ms)
	// The cheaper option is far faster than its Work says.
	m.options = append([]Option{}, ladder...)
	m.options[1].Work = 0.3
	m.unit = 40 * ms
	m.run(time.Minute)
	first := len(m.changes)
	m.run(10 * time.Minute)
	m.changes = nil
	m.run(10 * time.Minute)
	if later := len(m.changes); first < 3 || later > 2*10*60/int(lastPatience.Seconds())+2 {
		t.Errorf("%d changes in the first minute, %d in the last ten", first, later)
	}
}

// An option that cannot be had is passed over.
func TestBar(t *testing.T) {
	c := New(33*ms, ladder)
	now := time.Unix(0, 0)
	var got []int
	for range 200 {
		now = now.Add(40 * ms)
		if to, change := c.Observe(now, Cost{40 * ms, 2 * ms}); change {
			got = append(got, to)
			if to == 1 {
				c.Bar(to)
				continue
			}
			c.Changed(to)
			break
		}
	}
	if len(got) != 2 || got[0] != 1 || got[1] != 2 || c.At() != 2 {
		t.Errorf("chose %v", got)
	}
}

func TestObserveAllocatesNothing(t *testing.T) {
	c := New(33*ms, ladder)
	now := time.Unix(0, 0)
	for range 100 {
		c.Observe(now, Cost{20 * ms, 2 * ms})
	}
	if n := testing.AllocsPerRun(200, func() { c.Observe(now, Cost{20 * ms, 2 * ms}) }); n != 0 {
		t.Errorf("%g allocations a frame", n)
	}
}
