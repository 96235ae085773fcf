package track

// Apply maps a point of the previous frame to this one, pixels.
func (a Affine) Apply(x, y float64) (float64, float64) {
	return a.A11*x + a.A12*y + a.TX, a.A21*x + a.A22*y + a.TY
}

// After is the motion b and then a, as one.
func (a Affine) After(b Affine) Affine {
	x, y := a.Apply(b.TX, b.TY)
	return Affine{
		A11: a.A11*b.A11 + a.A12*b.A21, A12: a.A11*b.A12 + a.A12*b.A22, TX: x,
		A21: a.A21*b.A11 + a.A22*b.A21, A22: a.A21*b.A12 + a.A22*b.A22, TY: y,
	}
}
