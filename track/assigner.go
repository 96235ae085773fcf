package track

import "github.com/tracker-go/tracker/track/internal/pairing"

// Assigner solves the rectangular linear assignment problem: it pairs rows with
// columns so that as many pairs as possible are made and, among those, their costs
// sum to the least. The zero value is ready; Solve(cost, rows, cols, rowToCol) reads
// cost row by row, writes to rowToCol each row's column, or −1, and returns the number
// of pairs.
type Assigner = pairing.Assigner
