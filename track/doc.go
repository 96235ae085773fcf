// Package track turns the detections of successive frames into identities: the
// same number for the same object for as long as it is seen.
//
// # How it works
//
//  1. Predict: a filter per track says where its object should be in this frame.
//  2. Associate: tracks and detections are paired by how well the two agree.
//  3. Correct: a pair moves its filter, a detection left over starts a track, a
//     track left over waits for a while and ends.
//
// # How to use it
//
// Make a tracker by name, then call Update once for every frame, in order, also
// for frames without detections: a tracker learns from seeing nothing that its
// objects are gone.
//
//	t, err := track.New("sort", track.Config{}) // the published settings
//	…
//	for each frame {
//		for _, obj := range t.Update(track.Input{Time: pts, Detections: dets}) {
//			fmt.Println(obj.ID, obj.Box)
//		}
//	}
//
// One Tracker follows one video: ids start at 1 in each and are never used
// again. To change settings, start from [DefaultConfig] and change the field.
//
// # Promises
//
// Trackers are deterministic: equal input gives equal output, whatever the
// machine does besides. They hold no global state, start no goroutines and, once
// they have seen their busiest frame, allocate nothing. Detections that no filter
// can take in (NaN, infinite or empty boxes) are skipped and harm nobody.
package track
