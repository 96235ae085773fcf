// Package pipeline takes frames from a source through detection, tracking and
// drawing to the writers, and times every stage:
//
//	capture → preprocess → inference → postprocess → track → draw → write
//
// A frame has one owner at a time: the pipeline closes it when the writers are
// done with its pixels.
package pipeline
