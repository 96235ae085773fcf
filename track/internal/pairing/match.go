package pairing

// Edge is a pair that may be made, such as a track (row) and a detection (column), and
// how much the pair is worth, above 0.
type Edge struct {
	Row, Col int
	Weight   float64
}

// Matcher finds the set of edges, no two sharing a row or a column, whose
// weights sum to the most. Rows and columns may stay single. The zero value is
// ready; it allocates nothing once it has seen its largest problem.
//
// Objects that keep their distance are settled without an assignment problem,
// exactly; only the knots that are left go to the Assigner, one at a time, so that
// a crowd costs the sum of its knots and not the cube of its size.
type Matcher struct {
	edges            []Edge
	chosen, live     []int // indices of edges
	rowTaken         []bool
	colTaken         []bool
	rowBest, colBest []topTwo

	knots knots

	// The dense problem of one knot.
	assigner     Assigner
	rowAt, colAt []int // position of a row or column in the dense problem, or −1
	cost         []float64
	rowToCol     []int
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

// Maximize returns the indices of the chosen edges, in no order that means anything,
// valid until the next call. Rows are in [0,rows), columns in [0,cols), and no pair is
// there twice.
func (m *Matcher) Maximize(edges []Edge, rows, cols int) []int {
	m.edges, m.chosen, m.live = edges, m.chosen[:0], Resize(m.live, len(edges))
	for k := range m.live {
		m.live[k] = k
	}
	m.rowTaken, m.colTaken = Resize(m.rowTaken, rows), Resize(m.colTaken, cols)
	m.rowBest, m.colBest = Resize(m.rowBest, rows), Resize(m.colBest, cols)
	clear(m.rowTaken)
	clear(m.colTaken)
	for m.settle() {
	}
	if len(m.live) > 0 {
		m.untie(rows, cols)
	}
	return m.chosen
}

// settle chooses every edge that outweighs the best rival at its row and the
// best rival at its column together: any set without it gains by dropping those
// two for it, so it is in every best set. It reports whether a further round
// could choose more.
func (m *Matcher) settle() bool {
	edges, rows, cols := m.edges, m.rowBest, m.colBest
	clear(rows)
	clear(cols)
	for _, k := range m.live {
		e := edges[k]
		rows[e.Row].offer(k, e.Weight)
		cols[e.Col].offer(k, e.Weight)
	}
	before := len(m.chosen)
	for _, k := range m.live {
		e := edges[k]
		r, c := &rows[e.Row], &cols[e.Col]
		if r.edge == k && c.edge == k && e.Weight > r.second+c.second {
			m.choose(k)
		}
	}
	if len(m.chosen) == before {
		return false
	}
	rest := m.live[:0]
	for _, k := range m.live {
		if e := &edges[k]; !m.rowTaken[e.Row] && !m.colTaken[e.Col] {
			rest = append(rest, k)
		}
	}
	m.live = rest
	return len(rest) > 0
}

func (m *Matcher) choose(k int) {
	e := &m.edges[k]
	m.rowTaken[e.Row], m.colTaken[e.Col] = true, true
	m.chosen = append(m.chosen, k)
}

// untie solves what is left, knot by knot.
func (m *Matcher) untie(rows, cols int) {
	m.rowAt, m.colAt = Resize(m.rowAt, rows), Resize(m.colAt, cols)
	fill(m.rowAt, -1)
	fill(m.colAt, -1)
	for rest := m.knots.split(m.edges, m.live, rows, cols); len(rest) > 0; {
		var knot []int
		knot, rest = m.knots.cut(m.edges, rest)
		m.assign(knot)
	}
}

// assign solves one knot as a dense problem over the rows and columns it touches.
// A pair that is no edge costs 0: it stands for staying single.
func (m *Matcher) assign(knot []int) {
	rows, cols := m.number(knot)
	m.cost, m.rowToCol = Resize(m.cost, rows*cols), Resize(m.rowToCol, rows)
	clear(m.cost)
	for _, k := range knot {
		e := &m.edges[k]
		m.cost[m.rowAt[e.Row]*cols+m.colAt[e.Col]] = -e.Weight
	}
	m.assigner.Solve(m.cost, rows, cols, m.rowToCol)
	for _, k := range knot {
		if e := &m.edges[k]; m.rowToCol[m.rowAt[e.Row]] == m.colAt[e.Col] {
			m.choose(k)
		}
	}
}

// number gives the rows and columns of a knot their positions in the dense problem, and
// returns how many there are. No other knot has any of them.
func (m *Matcher) number(knot []int) (rows, cols int) {
	for _, k := range knot {
		e := &m.edges[k]
		if at := &m.rowAt[e.Row]; *at < 0 {
			*at = rows
			rows++
		}
		if at := &m.colAt[e.Col]; *at < 0 {
			*at = cols
			cols++
		}
	}
	return rows, cols
}
