package track

import (
	"slices"

	"github.com/tracker-go/tracker/track/internal/pairing"
)

// contest tells the classes in which somebody has a choice from those in which
// nobody has, as the programs of SORT and OC-SORT do: where no two overlaps that
// suffice compete, they are the pairs; where any do, the class goes through the
// assignment with all its overlaps, and pairs under the threshold are dropped
// afterwards.
type contest struct {
	rowUses, colUses []int
	classes          []int // with competition
	clear, contested []pairing.Edge
}

// split parts the edges, weighted by IoU, into pairs that suffice in classes
// without competition and all edges of the other classes; valid until the next
// call.
func (c *contest) split(edges []pairing.Edge, rows, cols []subject, least float64) (clear, contested []pairing.Edge) {
	c.findClasses(edges, rows, cols, least)
	c.clear, c.contested = c.clear[:0], c.contested[:0]
	for _, e := range edges {
		if slices.Contains(c.classes, rows[e.Row].class) {
			c.contested = append(c.contested, e)
		} else if e.Weight >= least {
			c.clear = append(c.clear, e)
		}
	}
	return c.clear, c.contested
}

// findClasses lists the classes in which a row or a column has more than one
// overlap that suffices.
func (c *contest) findClasses(edges []pairing.Edge, rows, cols []subject, least float64) {
	c.rowUses, c.colUses = pairing.Resize(c.rowUses, len(rows)), pairing.Resize(c.colUses, len(cols))
	clear(c.rowUses)
	clear(c.colUses)
	c.classes = c.classes[:0]
	for _, e := range edges {
		if e.Weight < least {
			continue
		}
		c.rowUses[e.Row]++
		c.colUses[e.Col]++
		class := rows[e.Row].class
		if (c.rowUses[e.Row] > 1 || c.colUses[e.Col] > 1) && !slices.Contains(c.classes, class) {
			c.classes = append(c.classes, class)
		}
	}
}
