// Package motion finds how the camera moved between two pictures, so that a
// tracker can tell a person who walks from a camera that turns.
//
//	e := motion.New(motion.Options{Auto: true})
//	for each frame {
//		m, ok, err := e.Estimate(&frame.Mat, boxes) // boxes: of the frame before
//		…
//		if ok { input.Motion = (*track.Affine)(&m) }
//		…
//	}
//
// The motion is a similarity (translation, rotation, zoom): what a turning,
// shaking or zooming camera does to what is far away. It holds for the
// background, where enough of it can be seen and has texture; else the answer is
// no, rather than wrong.
//
// # Method
//
// A picture is reduced to grey of at most 480 pixels a side. The best corner of
// every cell of a grid, outside the boxes of moving objects, is followed into the
// next picture by Lucas-Kanade, from the translation that fits the pictures as a
// whole best; RANSAC and a robust least squares find the motion that most
// corners share. A motion is refused where too few corners agree on it (no
// texture, a cut, a crowd), where its error at the worst corner of the picture
// would be too large, or where no camera moves like that.
//
// Everything but [Estimator.Estimate], which takes OpenCV's pictures, is plain Go
// and needs no build tags: see [Estimator.EstimatePixels].
//
// # Why this method
//
// On real video moved along known paths (TestKnownPaths prints the table), the
// worst corner of a 576×324 picture is off by 0.02 to 0.13 pixels in the median,
// and a 1920×1080 one by 0.03 to 0.15. ORB with brute-force matching and
// OpenCV's estimateAffinePartial2D, on the same small pictures, is off four to
// ten times as far and takes some five times as long. Following from a standstill without
// the search loses pans of 40 pixels a frame where there is little texture.
//
// One core of a 2-core Xeon needs 1.3 ms for a picture of 768×576, 1.8 ms at
// 1920×1080 (0.6 to reduce, 0.7 to follow) and 2.0 ms at 3840×2160; at rest 0.1 ms
// in the mean. A picture in which all attempts fail costs up to three times as
// much. See BenchmarkEstimate.
//
// # What it cannot do
//
// Near and far move differently when the camera itself travels: one similarity
// then describes what most corners lie on. A moving object that fills most of the
// picture is the background, unless it is in a box. Where a pattern repeats, a
// fast pan may be taken for a slow one.
package motion
