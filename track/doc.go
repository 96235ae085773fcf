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
//	t, err := track.New(track.Default, track.Config{}) // its own settings
//	…
//	for each frame {
//		for _, obj := range t.Update(track.Input{Time: pts, Detections: dets}) {
//			fmt.Println(obj.ID, obj.Box)
//		}
//	}
//
// One Tracker follows one video: ids start at 1 in each and are never used
// again. To change settings, start from [DefaultConfig] and change the field; to
// change what only one tracker has, make it by its own constructor.
//
// # Which one
//
//   - [Tempo] ("tempo") is the default and the most accurate. It lives in media
//     time, finds the motion of the camera in the detections, and takes all of
//     them, also the weak ones: give it detections from a sixth of the threshold
//     you would use, and that threshold as [Config] Score. Where detections have
//     embeddings it also looks at those; package detect/looks makes them from colours.
//   - [SORT] ("sort") is the simplest and fastest, for steady cameras and strong
//     detectors.
//   - [ByteTrack] ("bytetrack") and [OCSORT] ("ocsort") are as published, to
//     compare with.
//
// # What a track says
//
// A [Track] tells where it is (Box, an estimate), what was detected (Raw), whether
// it was seen in this frame (State), what it is, by vote of its detections (Class,
// ClassConfidence), and on request how sure the box is (Covariance). With
// Input.Events, a tracker also says why: every detection that came to nothing and
// every birth, confirmation, sighting, loss, return and death is an [Event] with
// what was measured and the limit it was compared with.
//
// # Promises
//
// Trackers are deterministic: equal input gives equal output, whatever the
// machine does besides. They hold no global state, start no goroutines and, once
// they have seen their busiest frame, allocate nothing. Detections that no filter
// can take in (empty boxes, boxes and scores that are not finite) are skipped and
// harm nobody.
package track
