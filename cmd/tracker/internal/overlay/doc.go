// Package overlay draws what the tracker knows onto a frame: a box, a label and
// a short trail for every identity, and a panel with the timing of every stage.
//
// All drawing is plain Go on the bytes of the picture; OpenCV only renders the
// characters, once per picture size, into a face of ready-made glyphs. A Draw
// therefore makes no Mat, allocates nothing in steady state, and touches only
// the pixels it changes.
//
// The package uses GoCV and builds only with its tags:
//
//	-tags gocv_specific_modules,gocv_videoio,gocv_highgui
package overlay
