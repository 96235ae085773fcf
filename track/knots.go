package track

// knots splits edges into groups that share no row and no column, so that each
// can be solved alone. The zero value is ready; it allocates nothing once it has
// seen its largest problem.
type knots struct {
	parent []int // of a row, or of a column beyond the rows, in its tree
	start  []int // where the edges of the tree with this root begin
	sorted []edge
}

// split returns the edges group by group, for cut to take off; valid until the
// next call. Within a group, edges keep their order.
func (k *knots) split(edges []edge, rows, cols int) []edge {
	k.join(edges, rows, cols)
	k.sort(edges)
	return k.sorted
}

// cut takes the first group off what split returned.
func (k *knots) cut(rest []edge) (knot, others []edge) {
	from := len(k.sorted) - len(rest)
	n := k.start[k.root(rest[0].row)] - from // start is the end, after sort
	return rest[:n], rest[n:]
}

// join builds a tree for every group.
func (k *knots) join(edges []edge, rows, cols int) {
	k.parent = resize(k.parent, rows+cols)
	for i := range k.parent {
		k.parent[i] = i
	}
	for _, e := range edges {
		a, b := k.root(e.row), k.root(rows+e.col)
		k.parent[max(a, b)] = min(a, b) // the root is a row
	}
}

func (k *knots) root(i int) int {
	for k.parent[i] != i {
		k.parent[i] = k.parent[k.parent[i]]
		i = k.parent[i]
	}
	return i
}

// sort brings the edges of a group together.
func (k *knots) sort(edges []edge) {
	k.start = resize(k.start, len(k.parent)+1)
	clear(k.start)
	for _, e := range edges {
		k.start[k.root(e.row)+1]++
	}
	for i := 1; i < len(k.start); i++ {
		k.start[i] += k.start[i-1]
	}
	k.sorted = resize(k.sorted, len(edges))
	for _, e := range edges {
		at := &k.start[k.root(e.row)]
		k.sorted[*at] = e
		*at++
	}
}
