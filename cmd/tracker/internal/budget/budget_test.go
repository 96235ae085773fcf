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

// Room for a better option is waited for twice as long after one that did not hold for twice
// the wait, and half as long after one that did.
func TestPatience(t *testing.T) {
	c := New(30*ms, []Option{{1, 1}, {0.5, 1}})
	now := time.Unix(0, 0)
	// feed gives equal frames until one makes it change, and says how long that takes.
	feed := func(network, most time.Duration) time.Duration {
		start := now
		for now.Sub(start) < most {
			now = now.Add(5 * ms)
			if to, change := c.Observe(now, Cost{Network: network}); change {
				c.Changed(to)
				break
			}
		}
		return now.Sub(start)
	}
	var wait time.Duration
	for i, tc := range []struct {
		held float64 // how long the better option did, in waits for it
		want float64 // seconds
	}{
		{0, 5}, {0, 10}, {0, 20}, {0, 40}, {0, 80}, {0, 120}, {0, 120},
		{2.5, 60}, {2.5, 30}, {1.5, 60}, {2.5, 30}, {2.5, 15}, {2.5, 7.5}, {2.5, 5}, {2.5, 5},
	} {
		feed(20*ms, time.Duration(tc.held*float64(wait)))
		feed(40*ms, time.Minute)                              // too long
		wait = feed(10*ms, time.Hour) - (skipped+window)*5*ms // before which it knows nothing
		if wait.Seconds() != tc.want || c.At() != 0 {
			t.Errorf("rise %d waits for %v, want %v s; at option %d", i, wait, tc.want, c.At())
		}
	}
}

// Frames right after a change say nothing.
func TestSkips(t *testing.T) {
	c := New(33*ms, ladder)
	c.Changed(1)
	for i := range skipped + window {
		_, change := c.Observe(time.Unix(0, 0), Cost{Network: time.Second})
		if last := i == skipped+window-1; change != last {
			t.Errorf("frame %d after a change: chooses %v, want %v", i, change, last)
		}
	}
}

// An option that is in use can be had, whatever is said of it.
func TestBarInUse(t *testing.T) {
	m := newMachine(33 * ms)
	m.control.Bar(m.control.At())
	m.unit = 40 * ms
	m.run(2 * time.Second)
	m.unit = 20 * ms
	m.run(time.Minute)
	if len(m.changes) != 2 || m.control.At() != 0 {
		t.Errorf("changes %v", m.changes)
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
