package track

// edge is a pair that association may make: a track (row), a detection (column)
// and how much the pair is worth, above 0.
type edge struct {
	row, col int
	weight   float64
}

// matcher finds the set of edges, no two sharing a row or a column, whose
// weights sum to the most. Rows and columns may stay single. The zero value is
// ready; it allocates nothing once it has seen its largest problem.
//
// Objects that keep their distance are settled without an assignment problem,
// exactly; only the knots that are left go to the Assigner, one at a time, so that
// a crowd costs the sum of its knots and not the cube of its size.
type matcher struct {
	chosen, live     []edge
	rowTaken         []bool
	colTaken         []bool
	rowBest, colBest []topTwo

	knots knots

	// The dense problem of one knot.
	assigner       Assigner
	colAt          []int // position of a column in the dense problem, or −1
	rowIDs, colIDs []int // and back
	cost           []float64
	rowToCol       []int
}

// topTwo holds the heaviest edge at a row or column and the weight of the next.
type topTwo struct {
	edge          int
	first, second float64
}

func (t *topTwo) offer(k int, weight float64) {
	switch {
	case weight > t.first:
		t.edge, t.first, t.second = k, weight, t.first
	case weight > t.second:
		t.second = weight
	}
}

// maximize returns the chosen edges, in no order that means anything, valid until
// the next call. Edges come row by row, rows in [0,rows), columns in [0,cols).
func (m *matcher) maximize(edges []edge, rows, cols int) []edge {
	m.chosen = m.chosen[:0]
	m.live = append(m.live[:0], edges...)
	m.rowTaken, m.colTaken = resize(m.rowTaken, rows), resize(m.colTaken, cols)
	m.rowBest, m.colBest = resize(m.rowBest, rows), resize(m.colBest, cols)
	clear(m.rowTaken)
	clear(m.colTaken)
	for m.settle() {
	}
	if len(m.live) > 0 {
		m.colAt = resize(m.colAt, cols)
		fill(m.colAt, -1)
		for rest := m.knots.split(m.live, rows, cols); len(rest) > 0; {
			var knot []edge
			knot, rest = m.knots.cut(rest)
			m.assign(knot)
		}
	}
	return m.chosen
}

// settle chooses every edge that outweighs the best rival at its row and the
// best rival at its column together: any set without it gains by dropping those
// two for it, so it is in every best set. It reports whether a further round
// could choose more.
func (m *matcher) settle() bool {
	clear(m.rowBest)
	clear(m.colBest)
	for k, e := range m.live {
		m.rowBest[e.row].offer(k, e.weight)
		m.colBest[e.col].offer(k, e.weight)
	}
	before := len(m.chosen)
	for k, e := range m.live {
		r, c := &m.rowBest[e.row], &m.colBest[e.col]
		if r.edge == k && c.edge == k && e.weight > r.second+c.second {
			m.choose(e)
		}
	}
	if len(m.chosen) == before {
		return false
	}
	rest := m.live[:0]
	for _, e := range m.live {
		if !m.rowTaken[e.row] && !m.colTaken[e.col] {
			rest = append(rest, e)
		}
	}
	m.live = rest
	return len(rest) > 0
}

func (m *matcher) choose(e edge) {
	m.rowTaken[e.row], m.colTaken[e.col] = true, true
	m.chosen = append(m.chosen, e)
}

// assign solves one knot as a dense problem over the rows and columns it touches.
// A pair that is no edge costs 0: it stands for staying single.
func (m *matcher) assign(knot []edge) {
	m.compact(knot)
	rows, cols := len(m.rowIDs), len(m.colIDs)
	m.rowToCol = resize(m.rowToCol, rows)
	m.assigner.Solve(m.cost, rows, cols, m.rowToCol)
	for i, j := range m.rowToCol {
		if j >= 0 && m.cost[i*cols+j] < 0 {
			m.choose(edge{m.rowIDs[i], m.colIDs[j], -m.cost[i*cols+j]})
		}
	}
	for _, j := range m.colIDs {
		m.colAt[j] = -1
	}
}

// compact numbers the rows and columns of a knot and fills in the cost.
func (m *matcher) compact(knot []edge) {
	m.rowIDs, m.colIDs = m.rowIDs[:0], m.colIDs[:0]
	for _, e := range knot {
		if n := len(m.rowIDs); n == 0 || m.rowIDs[n-1] != e.row {
			m.rowIDs = append(m.rowIDs, e.row)
		}
		if m.colAt[e.col] < 0 {
			m.colAt[e.col] = len(m.colIDs)
			m.colIDs = append(m.colIDs, e.col)
		}
	}
	m.cost = resize(m.cost, len(m.rowIDs)*len(m.colIDs))
	clear(m.cost)
	i := 0
	for _, e := range knot {
		if m.rowIDs[i] != e.row {
			i++
		}
		m.cost[i*len(m.colIDs)+m.colAt[e.col]] = -e.weight
	}
}
