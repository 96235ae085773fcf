package motion

import (
	"math"
	"slices"
)

// match says that what was at (x, y) of the first picture is at (x+dx, y+dy) of
// the second, in continuous coordinates of the small picture.
type match struct{ x, y, dx, dy float64 }

const (
	// samples is how many pairs of matches are tried. 80 miss a motion that half
	// the matches follow once in 10^10 times, one that a third follow once in 10^4.
	samples = 80
	// consensus in pixels is how near a match must be to a tried motion to speak
	// for it.
	consensus = 1.0
	// refinements is how often the motion is fitted to the matches that agree with
	// it, each time with the spread of the time before.
	refinements = 4
	// minSpread in pixels bounds the spread from below: the noise of the matches
	// themselves.
	minSpread = 0.05
)

// fitter finds the similarity (rotation, zoom, translation) that most matches
// agree on: RANSAC (Fischler and Bolles, 1981) over pairs, then least squares
// with Tukey's biweight. Everything random starts from the same seed each time.
type fitter struct {
	residuals []float64
}

// fit is the outcome.
type fit struct {
	motion  similarity
	inliers int
	// corner is the standard error of the motion at the corner of the picture that
	// is farthest from the matches, in pixels.
	corner float64
}

// similarity maps (x, y) to (a·x − b·y + tx, b·x + a·y + ty).
type similarity struct{ a, b, tx, ty float64 }

// standstill is the identity.
var standstill = similarity{a: 1}

// then is the motion s followed by t.
func (s similarity) then(t similarity) similarity {
	return similarity{
		a: t.a*s.a - t.b*s.b, b: t.b*s.a + t.a*s.b,
		tx: t.a*s.tx - t.b*s.ty + t.tx, ty: t.b*s.tx + t.a*s.ty + t.ty,
	}
}

func (s similarity) affine() Affine { return Affine{s.a, -s.b, s.tx, s.b, s.a, s.ty} }

// distance is how far the motion misses a match, squared.
func (s similarity) distance(m *match) float64 {
	ex := s.a*m.x - s.b*m.y + s.tx - m.x - m.dx
	ey := s.b*m.x + s.a*m.y + s.ty - m.y - m.dy
	return ex*ex + ey*ey
}

// fit needs two matches or more.
func (f *fitter) fit(matches []match, width, height float64) fit {
	motion := ransac(matches)
	spread := consensus / 3
	var sums sums
	for range refinements {
		sums = weigh(matches, motion, 4.685*spread)
		motion = sums.solve()
		spread = max(f.spread(matches, motion), minSpread)
	}
	return fit{motion, sums.inliers, sums.cornerError(spread, width, height)}
}

// ransac returns the motion of the pair of matches that most others agree with;
// nearer ones speak louder, so that of two motions alike the better wins.
func ransac(matches []match) similarity {
	best, bestScore := standstill, -1.0
	random := uint64(0x9e3779b97f4a7c15)
	for range samples {
		random ^= random << 13
		random ^= random >> 7
		random ^= random << 17
		i := int(random >> 33 % uint64(len(matches)))
		j := int(random & 0x7fffffff % uint64(len(matches)))
		motion, ok := through(&matches[i], &matches[j])
		if !ok {
			continue
		}
		score := 0.0
		for k := range matches {
			if d := motion.distance(&matches[k]); d < consensus*consensus {
				score += consensus*consensus - d
			}
		}
		if score > bestScore {
			best, bestScore = motion, score
		}
	}
	return best
}

// minBase in pixels is how far apart two matches must be to say anything about
// rotation and zoom.
const minBase = 30

// through is the motion that takes both matches along exactly.
func through(p, q *match) (similarity, bool) {
	x, y := q.x-p.x, q.y-p.y
	r2 := x*x + y*y
	if r2 < minBase*minBase {
		return similarity{}, false
	}
	u, v := x+q.dx-p.dx, y+q.dy-p.dy
	s := similarity{a: (x*u + y*v) / r2, b: (x*v - y*u) / r2}
	s.tx = p.x + p.dx - (s.a*p.x - s.b*p.y)
	s.ty = p.y + p.dy - (s.b*p.x + s.a*p.y)
	return s, true
}

// sums are what weighted least squares needs of the matches.
type sums struct {
	inliers            int
	w, x, y, u, v      float64 // weight; weighted sums of the places in both pictures
	r2, along, across  float64 // of squares and products of the places
	meanX, meanY, base float64 // set by solve
}

// weigh sums the matches nearer than reach to what the motion says, by Tukey's
// biweight.
func weigh(matches []match, motion similarity, reach float64) sums {
	var s sums
	for i := range matches {
		m := &matches[i]
		d := motion.distance(m) / (reach * reach)
		if d >= 1 {
			continue
		}
		w := (1 - d) * (1 - d)
		u, v := m.x+m.dx, m.y+m.dy
		s.inliers++
		s.w += w
		s.x, s.y, s.u, s.v = s.x+w*m.x, s.y+w*m.y, s.u+w*u, s.v+w*v
		s.r2 += w * (m.x*m.x + m.y*m.y)
		s.along += w * (m.x*u + m.y*v)
		s.across += w * (m.x*v - m.y*u)
	}
	return s
}

// solve is the similarity of least squares (Umeyama, 1991, in closed form for the
// plane); the identity where there are too few matches.
func (s *sums) solve() similarity {
	if s.inliers < 2 {
		return standstill
	}
	s.meanX, s.meanY = s.x/s.w, s.y/s.w
	meanU, meanV := s.u/s.w, s.v/s.w
	s.base = s.r2 - s.w*(s.meanX*s.meanX+s.meanY*s.meanY)
	if s.base <= 0 {
		return standstill
	}
	m := similarity{
		a: (s.along - s.w*(s.meanX*meanU+s.meanY*meanV)) / s.base,
		b: (s.across - s.w*(s.meanX*meanV-s.meanY*meanU)) / s.base,
	}
	m.tx = meanU - m.a*s.meanX + m.b*s.meanY
	m.ty = meanV - m.b*s.meanX - m.a*s.meanY
	return m
}

// spread is the standard deviation of the matches that agree with the motion, by
// coordinate, judged by the median distance of those within reach of a consensus.
func (f *fitter) spread(matches []match, motion similarity) float64 {
	f.residuals = f.residuals[:0]
	for i := range matches {
		if d := motion.distance(&matches[i]); d < 4*consensus*consensus {
			f.residuals = append(f.residuals, d)
		}
	}
	if len(f.residuals) == 0 {
		return consensus
	}
	slices.Sort(f.residuals)
	// The median of a Rayleigh distribution is 1.1774 deviations.
	return math.Sqrt(f.residuals[len(f.residuals)/2]) / 1.1774
}

// cornerError is the standard error of the fitted motion where it is worst.
func (s *sums) cornerError(spread, width, height float64) float64 {
	if s.base <= 0 {
		return math.Inf(1)
	}
	dx := max(s.meanX, width-s.meanX)
	dy := max(s.meanY, height-s.meanY)
	return spread * math.Sqrt(2/s.w+2*(dx*dx+dy*dy)/s.base)
}
