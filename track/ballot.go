package track

// ballot counts what the detections of a track say its class is, each by its
// score. Old votes fade, so that a label that was wrong at first is outvoted. The
// most frequent classes have a seat; a newcomer takes the weakest one.
type ballot struct {
	class  [ballotSeats]int
	weight [ballotSeats]float64
	seats  int
}

const (
	ballotSeats = 4
	ballotFade  = 0.98 // a vote counts e times less after 50 others
	ballotLeast = 1e-3 // what a vote counts at least, whatever its score
)

func (b *ballot) vote(class int, score float64) {
	least := 0
	for i := range b.seats {
		b.weight[i] *= ballotFade
		if b.weight[i] < b.weight[least] {
			least = i
		}
	}
	b.weight[b.seat(class, least)] += min(1, max(ballotLeast, score))
}

// seat is the place of a class, made free at least where there is none.
func (b *ballot) seat(class, least int) int {
	for i := range b.seats {
		if b.class[i] == class {
			return i
		}
	}
	if b.seats < ballotSeats {
		least = b.seats
		b.seats++
	}
	b.class[least], b.weight[least] = class, 0
	return least
}

// winner is the class with most votes, of equals the one that came first.
func (b *ballot) winner() int {
	best := 0
	for i := 1; i < b.seats; i++ {
		if b.weight[i] > b.weight[best] {
			best = i
		}
	}
	return b.class[best]
}

// share is how much of the votes a class has, 0..1.
func (b *ballot) share(class int) float64 {
	sum, of := 0.0, 0.0
	for i := range b.seats {
		sum += b.weight[i]
		if b.class[i] == class {
			of = b.weight[i]
		}
	}
	return of / sum
}
