// Package pairing makes pairs of two sides, each member in at most one: of tracks and
// detections, or of truth and results.
package pairing

import (
	"math"
	"slices"
)

// maxCost bounds the costs that Assigner counts as finite, so that sums along a
// path cannot overflow.
const maxCost = 1e300

// Assigner solves the rectangular linear assignment problem: it pairs rows with
// columns, each at most once, so that as many pairs as possible are made and,
// among those, their costs sum to the least. It keeps its buffers between
// calls: after the largest problem was seen once, Solve allocates nothing. The
// zero value is ready; one Assigner serves one goroutine.
//
// The method is the shortest augmenting path of Jonker and Volgenant, "A
// shortest augmenting path algorithm for dense and sparse linear assignment
// problems", Computing 38 (1987), after a row reduction, in the rectangular
// form where only columns in use carry a price. Worst case O(r²·c) for r ≤ c.
type Assigner struct {
	rows, cols int       // of the problem as solved, rows ≤ cols
	cost       []float64 // rows×cols, row-major, +Inf where a pair is forbidden
	u, v       []float64 // prices of rows and columns: u[i]+v[j] ≤ cost, equal where paired
	colOf      []int     // column of a row, −1 while it has none
	rowOf      []int     // row of a column, −1 while it has none

	// One search for an augmenting path.
	dist    []float64 // length of the shortest path to a column
	from    []int     // row before a column on that path
	scanned []bool    // columns whose distance is final
	order   []int     // those columns, nearest first
}

// Solve writes to rowToCol[i] the column paired with row i, or −1, and returns
// the number of pairs. cost holds rows·cols values in row-major order and is not
// changed. A cost that is NaN, infinite or beyond ±1e300 forbids the pair. Equal
// input gives equal output, also among ties. Solve panics where cost or
// rowToCol is shorter than rows and cols ask for.
func (a *Assigner) Solve(cost []float64, rows, cols int, rowToCol []int) int {
	cost, rowToCol = cost[:rows*cols], rowToCol[:rows]
	a.load(cost, rows, cols)
	a.reduceRows()
	for i, j := range a.colOf {
		if j < 0 {
			a.augment(i)
		}
	}
	return a.store(rowToCol, rows > cols)
}

// load copies the problem, lying on its side where rows > cols, and resets the
// state of the solution.
func (a *Assigner) load(cost []float64, rows, cols int) {
	a.cost = Resize(a.cost, rows*cols)
	if rows <= cols {
		a.rows, a.cols = rows, cols
		for k, c := range cost {
			a.cost[k] = finiteOrInf(c)
		}
	} else {
		a.rows, a.cols = cols, rows
		for i := range rows {
			for j := range cols {
				a.cost[j*rows+i] = finiteOrInf(cost[i*cols+j])
			}
		}
	}
	a.u, a.colOf = Resize(a.u, a.rows), Resize(a.colOf, a.rows)
	a.v, a.rowOf = Resize(a.v, a.cols), Resize(a.rowOf, a.cols)
	a.dist, a.from = Resize(a.dist, a.cols), Resize(a.from, a.cols)
	a.scanned = Resize(a.scanned, a.cols)
	clear(a.v)
	fill(a.colOf, -1)
	fill(a.rowOf, -1)
}

// reduceRows prices every row at its cheapest column and pairs the two where the
// column is still free: most rows of a tracking problem end here.
func (a *Assigner) reduceRows() {
	for i := range a.rows {
		best := -1
		a.u[i] = math.Inf(1)
		for j, c := range a.row(i) {
			if c < a.u[i] || c == a.u[i] && best >= 0 && a.rowOf[best] >= 0 && a.rowOf[j] < 0 {
				best, a.u[i] = j, c
			}
		}
		if best >= 0 && a.rowOf[best] < 0 {
			a.colOf[i], a.rowOf[best] = best, i
		}
	}
}

// augment gives row start a column along the shortest alternating path. Where no
// free column can be reached, one row must go without: the one whose absence
// costs least, perhaps start itself.
func (a *Assigner) augment(start int) {
	if math.IsInf(a.u[start], 1) { // every pair is forbidden
		return
	}
	end, length := a.search(start)
	if end < 0 {
		if end, length = a.cheapestToDrop(start); end < 0 {
			return
		}
		a.colOf[a.rowOf[end]] = -1
	}
	a.reprice(start, length)
	for i := -1; i != start; {
		i = a.from[end]
		a.rowOf[end] = i
		end, a.colOf[i] = a.colOf[i], end
	}
}

// search runs Dijkstra's algorithm over the columns with reduced costs. It
// returns the nearest free column and its distance, or −1.
func (a *Assigner) search(start int) (end int, length float64) {
	clear(a.scanned)
	fill(a.dist, math.Inf(1))
	a.order = a.order[:0]
	for i := start; ; {
		a.relax(i, length)
		end = a.nearest()
		if end < 0 {
			return -1, 0
		}
		length = a.dist[end]
		if i = a.rowOf[end]; i < 0 {
			return end, length
		}
		a.scanned[end] = true
		a.order = append(a.order, end)
	}
}

// relax shortens the paths to columns that lead through row i, itself at
// distance length.
func (a *Assigner) relax(i int, length float64) {
	base := length - a.u[i]
	for j, c := range a.row(i) {
		if d := base + c - a.v[j]; d < a.dist[j] && !a.scanned[j] {
			a.dist[j], a.from[j] = max(d, length), i
		}
	}
}

// nearest is the closest column not scanned yet, a free one among equals; −1
// where none can be reached.
func (a *Assigner) nearest() int {
	best, least := -1, math.Inf(1)
	for j, d := range a.dist {
		if a.scanned[j] || d > least {
			continue
		}
		if d < least || best >= 0 && a.rowOf[best] >= 0 && a.rowOf[j] < 0 {
			best, least = j, d
		}
	}
	return best
}

// cheapestToDrop picks, after a search that reached no free column, the column
// whose row should give way to start, and the length to reprice with; −1 where
// start itself should go without. The change of cost when row r is dropped is
// dist + u[start] − u[r].
func (a *Assigner) cheapestToDrop(start int) (end int, length float64) {
	end = -1
	least := -a.u[start]
	for _, j := range a.order {
		if d := a.dist[j] - a.u[a.rowOf[j]]; d < least {
			end, least = j, d
		}
		length = a.dist[j]
	}
	return end, length
}

// reprice keeps the reduced costs of the scanned part non-negative, and zero
// along the path.
func (a *Assigner) reprice(start int, length float64) {
	a.u[start] += length
	for _, j := range a.order {
		slack := length - a.dist[j]
		a.v[j] -= slack
		if i := a.rowOf[j]; i >= 0 {
			a.u[i] += slack
		}
	}
}

// store writes the solution in the caller's orientation.
func (a *Assigner) store(rowToCol []int, transposed bool) (pairs int) {
	solution := a.colOf
	if transposed {
		solution = a.rowOf
	}
	for i, j := range solution {
		rowToCol[i] = j
		if j >= 0 {
			pairs++
		}
	}
	return pairs
}

func (a *Assigner) row(i int) []float64 { return a.cost[i*a.cols : (i+1)*a.cols] }

func finiteOrInf(c float64) float64 {
	if math.Abs(c) <= maxCost {
		return c
	}
	return math.Inf(1) // also NaN
}

// Resize gives s the length n, keeping its memory where that is enough. What it
// holds is unspecified.
func Resize[T any](s []T, n int) []T { return slices.Grow(s[:0], n)[:n] }

func fill[T any](s []T, x T) {
	for i := range s {
		s[i] = x
	}
}
