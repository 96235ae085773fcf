//go:build gocv_specific_modules

package capture

import "time"

// session is one connection of a live source: a goroutine that reads a capture
// until it fails or nobody wants its frames any more, and then frees it. A read
// that hangs can be left behind: the goroutine ends when it returns, if it does.
type session struct {
	*pump
	video  *video
	opened time.Time // when opening it began

	// Of the goroutine that takes the frames.
	again   bool          // not the source's first
	resized bool          // it follows one that ended because the pictures changed size
	begun   bool          // a frame has come
	hung    bool          // no frame came for too long
	settled bool          // at is right
	at      time.Duration // media time added to the frames' own

	// The last frame of the session before: its media time, and when it came, zero for none.
	before     time.Duration
	beforeCame time.Time
}

func startSession(r *reader, v *video, opened time.Time) *session {
	return &session{pump: startPump(r), video: v, opened: opened}
}

// gap is the media time from the last frame of the session before, which came at
// last, to this one's first, which came at first. Where a stream has timestamps,
// FFmpeg holds its first frames back until it has understood the stream, but
// counts from when it was opened: that is when the first frame was made, rather
// than when it came.
func (s *session) gap(last, first time.Time) time.Duration {
	gap := first.Sub(last)
	if !s.video.byArrival {
		gap = min(gap, s.opened.Sub(last)+s.video.start)
	}
	return max(gap, s.video.period)
}

// maxLate is how late frames may be that come as they are made: on their way, and in buffers.
// More is the time that the server took before it began to send.
const maxLate = time.Second

// settle corrects the gap by a frame that came after another of the session, at previous.
// Those that FFmpeg held back come at once; by the first that does not, the true time since the
// session before is known.
func (s *session) settle(f *Frame, previous time.Time) {
	if s.settled || s.beforeCame.IsZero() || f.Captured.Sub(previous) < s.video.period/2 {
		return
	}
	s.settled = true
	if late := f.Captured.Sub(s.beforeCame) - (f.Time - s.before); late > maxLate {
		s.at += late
		f.Time += late
	}
}
