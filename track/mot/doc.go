// Package mot reads and writes the text files of the MOTChallenge benchmarks and
// scores tracking results against ground truth.
//
// # Files
//
// Ground truth, detections and results are all rows of comma-separated numbers,
// one box a row, frames counted from 1, boxes in pixels as left, top, width and
// height:
//
//	frame,id,left,top,width,height,confidence,class,visibility   truth (gt.txt)
//	frame,-1,left,top,width,height,confidence,-1,-1,-1           detections (det.txt)
//	frame,id,left,top,width,height,confidence,-1,-1,-1           results
//
// [ReadFile] reads any of the three, a [Writer] writes results, and
// [ReadSeqInfo] reads the seqinfo.ini that says how long and how fast a
// sequence is.
//
// # Scores
//
// [Evaluate] compares one sequence's results with its truth and [Combine] adds
// sequences up. Three families of metrics ask three different questions:
//
//   - HOTA (Luiten et al., "HOTA: A Higher Order Metric for Evaluating
//     Multi-Object Tracking", IJCV 2021) is the geometric mean of DetA, how much
//     of what is there was found, and AssA, how well the boxes found were strung
//     into identities; LocA is how tight they are. Each is the mean over 19
//     overlap thresholds.
//   - CLEAR (Bernardin and Stiefelhagen, "Evaluating Multiple Object Tracking
//     Performance: The CLEAR MOT Metrics", 2008) counts misses, false alarms and
//     identity switches at an overlap of one half. MOTA says little about
//     identity: one switch costs as much as one missed box.
//   - Identity (Ristani et al., "Performance Measures and a Data Set for
//     Multi-Target, Multi-Camera Tracking", 2016) pairs every true track with
//     one result track and counts the boxes which that pairing explains: IDF1.
//
// What counts as truth is the benchmark's business ([Benchmark]): MOT17 forgives
// boxes on people in cars and on mannequins, MOT15 does not know of them. The
// figures are those of TrackEval, the benchmarks' own scorer: its removal of
// distractors, its thresholds and tolerances, its sums over sequences.
package mot
