package pairing

// knots splits edges into groups that share no row and no column, so that each
// can be solved alone. The zero value is ready; it allocates nothing once it has
// seen its largest problem.
type knots struct {
	parent []int // of a row, or of a column beyond the rows, in its tree
	start  []int // where the edges of the tree with this root begin
	sorted []int // indices of edges
}

// split returns the edges that are live, all by their indices, group by group, for cut
// to take off; valid until the next call. Within a group, edges keep their order.
func (k *knots) split(edges []Edge, live []int, rows, cols int) []int {
	k.join(edges, live, rows, cols)
	k.sort(edges, live)
	return k.sorted
}

// cut takes the first group off what split returned.
func (k *knots) cut(edges []Edge, rest []int) (knot, others []int) {
	from := len(k.sorted) - len(rest)
	n := k.start[k.root(edges[rest[0]].Row)] - from // start is the end, after sort
	return rest[:n], rest[n:]
}

// join builds a tree for every group.
func (k *knots) join(edges []Edge, live []int, rows, cols int) {
	k.parent = Resize(k.parent, rows+cols)
	for i := range k.parent {
		k.parent[i] = i
	}
	for _, i := range live {
		a, b := k.root(edges[i].Row), k.root(rows+edges[i].Col)
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
func (k *knots) sort(edges []Edge, live []int) {
	k.start = Resize(k.start, len(k.parent)+1)
	clear(k.start)
	for _, i := range live {
		k.start[k.root(edges[i].Row)+1]++
	}
	for i := 1; i < len(k.start); i++ {
		k.start[i] += k.start[i-1]
	}
	k.sorted = Resize(k.sorted, len(live))
	for _, i := range live {
		at := &k.start[k.root(edges[i].Row)]
		k.sorted[*at] = i
		*at++
	}
}
