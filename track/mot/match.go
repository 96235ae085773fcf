package mot

import "github.com/tracker-go/tracker/track"

// A link is a possible pair of a row and a column. Pairs without a link are
// worth nothing.
type link struct {
	row, col int32
	weight   float64 // above 0
}

// A matcher finds the matching of greatest total weight in a sparse graph. It
// cuts the graph into connected parts, most of which are a single link, and
// leaves the rest to the assignment solver that the trackers use. It keeps its
// buffers between calls.
type matcher struct {
	solver track.Assigner

	parent []int32 // union-find over rows, then columns
	head   []int32 // of a root: its first link
	next   []int32 // of a link: the next of its part, −1 at the end
	local  []int32 // of a row or column: its index within its part
	chosen []int32

	// One part as a dense problem.
	cost     []float64
	linkAt   []int32 // the link behind a cell, −1 where there is none
	rowToCol []int
}

// match returns the indices of the links chosen, no two of which share a row or
// a column. The slice is valid until the next call.
func (m *matcher) match(rows, cols int, links []link) []int32 {
	m.split(rows, cols, links)
	m.chosen = m.chosen[:0]
	for i, l := range links {
		first := int32(i)
		if m.head[m.root(l.row)] != first {
			continue // its part was dealt with at its first link
		}
		if m.next[first] < 0 {
			m.chosen = append(m.chosen, first)
		} else {
			m.solvePart(rows, links, first)
		}
	}
	return m.chosen
}

// split strings the links of each connected part together, in their order.
func (m *matcher) split(rows, cols int, links []link) {
	nodes := rows + cols
	m.parent, m.head, m.local = resize(m.parent, nodes), resize(m.head, nodes), resize(m.local, nodes)
	m.next = resize(m.next, len(links))
	for i := range m.parent {
		m.parent[i], m.head[i], m.local[i] = int32(i), -1, -1
	}
	for _, l := range links {
		m.parent[m.root(l.row)] = m.root(int32(rows) + l.col)
	}
	for i := len(links) - 1; i >= 0; i-- {
		root := m.root(links[i].row)
		m.next[i], m.head[root] = m.head[root], int32(i)
	}
}

// root finds a node's representative, halving the path on the way.
func (m *matcher) root(n int32) int32 {
	for m.parent[n] != n {
		m.parent[n] = m.parent[m.parent[n]]
		n = m.parent[n]
	}
	return n
}

// solvePart chooses among the links of the part that starts with link first.
func (m *matcher) solvePart(rows int, links []link, first int32) {
	var r, c int32
	for i := first; i >= 0; i = m.next[i] {
		number(&m.local[links[i].row], &r)
		number(&m.local[int32(rows)+links[i].col], &c)
	}
	m.cost, m.linkAt = resize(m.cost, int(r*c)), resize(m.linkAt, int(r*c))
	m.rowToCol = resize(m.rowToCol, int(r))
	for k := range m.cost {
		m.cost[k], m.linkAt[k] = 0, -1
	}
	for i := first; i >= 0; i = m.next[i] {
		cell := m.local[links[i].row]*c + m.local[int32(rows)+links[i].col]
		m.cost[cell], m.linkAt[cell] = -links[i].weight, i
	}
	m.solver.Solve(m.cost, int(r), int(c), m.rowToCol)
	for row, col := range m.rowToCol {
		if col < 0 {
			continue
		}
		if i := m.linkAt[row*int(c)+col]; i >= 0 {
			m.chosen = append(m.chosen, i)
		}
	}
}

// number gives a node the next free index unless it has one.
func number(local, free *int32) {
	if *local < 0 {
		*local = *free
		*free++
	}
}

// resize gives s the length n, keeping its memory where that is enough. What it
// holds is unspecified.
func resize[T any](s []T, n int) []T {
	if n <= cap(s) {
		return s[:n]
	}
	return append(s[:cap(s)], make([]T, n-cap(s))...)
}
