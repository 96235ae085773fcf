package track

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/tracker-go/tracker/detect"
)

// Frame is what a tracker reported of one frame, kept for Offline. The slice that
// Update returns is only valid until the next call: clone it.
type Frame struct {
	// Time is the media time of the frame, as it was in Input.
	Time time.Duration
	// Tracks of this frame, each id at most once.
	Tracks []Track
}

// OfflineConfig holds the settings of Offline. Times are media time, so that they
// mean the same at any frame rate.
type OfflineConfig struct {
	// FillGap is the longest time between two detections of a track that is filled
	// with interpolated boxes; 0 fills none. Raising it shows objects through longer
	// occlusions, with boxes that are further off in the middle.
	FillGap time.Duration
	// FillShare, 0..1, is in how many of its frames a track must have been detected
	// for its gaps to be filled, gaps beyond FillGap not counted. Raising it keeps
	// boxes from being made up between false detections, which flicker; lowering it
	// fills the tracks of a detector that often misses.
	FillShare float64
	// MergeGap is the longest time between the last detection of one track and the
	// first of another for the two to be taken for one object; 0 merges none. What
	// the tracker itself bridges it has bridged: this is for what it gave up on.
	MergeGap time.Duration
	// MergeMiss is by how much the two may miss each other: the distance between
	// where one is and where the other, moved on at its velocity, expects it, in
	// sizes of the object, √(width·height), mean of both directions of time; and
	// twice the difference of their heights, as a share. Raising it merges more
	// tracks, and more that are strangers.
	MergeMiss float64
}

// DefaultOfflineConfig holds the settings that do well on everything tried: people
// from 2 to 30 frames a second, with strong and weak detectors.
func DefaultOfflineConfig() OfflineConfig {
	return OfflineConfig{
		FillGap: 2 * time.Second, FillShare: 0.7,
		MergeGap: 3 * time.Second, MergeMiss: 0.8,
	}
}

// Offline improves what a tracker reported of a whole video, knowing the future:
//
//   - Tracks that are one object become one, with the id of the earlier: where each
//     of the two, moved on at its velocity, best meets the other, and no third comes
//     near.
//   - Boxes are smoothed, those after them taken into account: Rauch, Tung and
//     Striebel's pass backwards ("Maximum likelihood estimates of linear dynamic
//     systems", AIAA Journal 1965) over Tempo's filter of the raw boxes. Where that
//     overlaps the raw box by less than half, the tracker's box stays.
//   - Gaps of a track are filled with what the same filter says of them: boxes whose
//     State is Interpolated and Detection −1, with the lesser score of the
//     detections to both sides. SinceUpdate is the time since the one before.
//
// Which frames a track was detected in, its raw boxes and their scores stay as
// they are. Coasted boxes give way to interpolated ones and are kept elsewhere.
// The frames that come out are new, in the same order and with tracks ordered by
// ID; those given are not changed. Interpolated boxes among them are made anew, so
// that what was improved before comes out the same.
//
// It is an error if time goes backwards, an id is not positive or twice in a
// frame, or an observed track has no raw box.
func Offline(frames []Frame, cfg OfflineConfig) ([]Frame, error) {
	if err := checkFrames(frames); err != nil {
		return nil, fmt.Errorf("track: improve offline: %w", err)
	}
	r := revision{cfg: cfg, times: make([]time.Duration, len(frames))}
	for k := range frames {
		r.times[k] = frames[k].Time
	}
	r.collect(frames)
	for cfg.MergeGap > 0 && r.merge() {
	}
	return r.release(), nil
}

func checkFrames(frames []Frame) error {
	seen := map[int]int{} // by id, 1 + the last frame that has it
	for k := range frames {
		f := &frames[k]
		if k > 0 && f.Time < frames[k-1].Time {
			return fmt.Errorf("frame %d is at %v, the one before at %v; sort the frames by time", k, f.Time, frames[k-1].Time)
		}
		for i := range f.Tracks {
			o := &f.Tracks[i]
			switch {
			case o.ID <= 0:
				return fmt.Errorf("frame %d: id %d; want 1 or more", k, o.ID)
			case seen[o.ID] == k+1:
				return fmt.Errorf("frame %d: id %d is there twice", k, o.ID)
			case o.State == Observed && !trackable(&detect.Detection{Box: o.Raw, Score: o.Score}):
				return fmt.Errorf("frame %d: track %d is observed, but its raw box is %v with score %g", k, o.ID, o.Raw, o.Score)
			}
			seen[o.ID] = k + 1
		}
	}
	return nil
}

// revision is the work of one call of Offline.
type revision struct {
	cfg   OfflineConfig
	times []time.Duration // by frame
	paths []path          // by their first frame
	loose []sighting      // coasted before they were ever observed
}

// path is a track from its first detection to its last.
type path struct {
	seen    []sighting // observed
	coasted []sighting
}

type sighting struct {
	frame int
	Track
}

func (p *path) first() *sighting { return &p.seen[0] }
func (p *path) last() *sighting  { return &p.seen[len(p.seen)-1] }

// collect sorts what was reported by track.
func (r *revision) collect(frames []Frame) {
	at := map[int]int{}
	for k := range frames {
		for _, o := range frames[k].Tracks {
			i, known := at[o.ID]
			switch {
			case o.State == Observed && !known:
				at[o.ID] = len(r.paths)
				r.paths = append(r.paths, path{seen: []sighting{{k, o}}})
			case o.State == Observed:
				r.paths[i].seen = append(r.paths[i].seen, sighting{k, o})
			case o.State == Coasted && known:
				r.paths[i].coasted = append(r.paths[i].coasted, sighting{k, o})
			case o.State == Coasted:
				r.loose = append(r.loose, sighting{k, o})
			}
		}
	}
}

// release writes the paths back into frames.
func (r *revision) release() []Frame {
	out := make([]Frame, len(r.times))
	for k := range out {
		out[k].Time = r.times[k]
	}
	put := func(list []sighting) {
		for _, s := range list {
			out[s.frame].Tracks = append(out[s.frame].Tracks, s.Track)
		}
	}
	put(r.loose)
	for i := range r.paths {
		put(r.complete(&r.paths[i]))
	}
	for k := range out {
		slices.SortFunc(out[k].Tracks, func(a, b Track) int { return cmp.Compare(a.ID, b.ID) })
	}
	return out
}

// complete is the path, smoothed, its gaps filled, with the coasted boxes that are
// left.
func (r *revision) complete(p *path) []sighting {
	all := r.fill(p)
	smooth(all, r.times)
	if len(p.coasted) == 0 {
		return all
	}
	taken := make(map[int]bool, len(all))
	for i := range all {
		taken[all[i].frame] = true
	}
	for _, s := range p.coasted {
		if !taken[s.frame] {
			all = append(all, s)
		}
	}
	return all
}

// fill is what was seen of a path, with a sighting that has no box for each frame
// of the gaps that are to be filled.
func (r *revision) fill(p *path) []sighting {
	missed := 0
	for i := 1; i < len(p.seen); i++ {
		missed += r.gap(p, i)
	}
	if float64(len(p.seen)) < r.cfg.FillShare*float64(len(p.seen)+missed) {
		missed = 0
	}
	all := make([]sighting, 1, len(p.seen)+missed)
	all[0] = p.seen[0]
	for i := 1; i < len(p.seen); i++ {
		if missed > 0 && r.gap(p, i) > 0 {
			a, b := &p.seen[i-1], &p.seen[i]
			for k := a.frame + 1; k < b.frame; k++ {
				all = append(all, r.between(a, b, k))
			}
		}
		all = append(all, p.seen[i])
	}
	return all
}

// gap is how many frames are missing before sighting i of a path, 0 where they are
// not to be filled.
func (r *revision) gap(p *path, i int) int {
	a, b := &p.seen[i-1], &p.seen[i]
	if r.cfg.FillGap <= 0 || r.times[b.frame]-r.times[a.frame] > r.cfg.FillGap+timeSlack {
		return 0
	}
	return b.frame - a.frame - 1
}

// between is a track in frame k, where it was not seen since a and until b.
func (r *revision) between(a, b *sighting, k int) sighting {
	s := sighting{k, a.Track}
	s.State, s.Detection, s.Raw, s.Box = Interpolated, -1, detect.Box{}, detect.Box{}
	s.Score = min(a.Score, b.Score)
	s.SinceUpdate = r.times[k] - r.times[a.frame]
	s.Age = a.Age + s.SinceUpdate
	return s
}
