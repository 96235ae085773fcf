// Package pipeline takes frames from a source through detection, tracking and
// drawing to the writers, and times every stage.
//
// Four lanes work at the same time, each on a frame of its own, with bounded
// queues between them:
//
//	capture → preprocess, inference (several workers) → postprocess, track → draw, write
//
// A frame travels as a job, which also holds what the stages found. There is a
// fixed number of jobs, made before the first frame and used again and again: that
// bounds the frames in flight, and no lane allocates. The tensors of its inference
// are a detector's, which the job has from before the capture until its detections
// are read. Frames are inferred in any order and tracked in theirs: captured
// jobs go to the tracking lane in order, and each says when its inference is
// done. So the results do not depend on the number of workers.
//
// Several sources are several pipelines, which share one network: the pool of
// detectors, and Turns, which bounds how many inferences run at once. Both serve
// whoever has waited longest, so that no source starves another. A pipeline that
// fails gives its detectors back and leaves the others alone.
//
// A file is lossless: a full queue makes the lane before it wait. A live source
// is asked for a frame only when a worker is free to take it, so that the frame
// is the newest.
package pipeline
