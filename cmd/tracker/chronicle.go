package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
)

// chronicle follows a tracker frame by frame and writes down what concerns one
// track, one frame or both; with neither it only counts.
type chronicle struct {
	id, frame int // what is asked for, 0 for nothing
	maxAge    int // frames that a track survives unseen

	last               place // the frame given last
	before             int   // the frame given last that is not after frame
	frames, detections int
	lives              map[int]*life
	counts             map[cause]int

	story []happening // of track id, without being seen or not as before
	// Of frame:
	at     place
	state  string // of track id
	scene  []happening
	around []neighbour // of track id
	notes  []string
}

// cause is an event without its parties.
type cause struct {
	kind   track.Kind
	reason track.Reason
}

// place is a frame in the recording.
type place struct {
	Frame int     `json:"frame"`
	Time  float64 `json:"time"` // media time, seconds
}

func placeOf(frame int, t time.Duration) place { return place{frame, t.Seconds()} }

func (p place) String() string { return fmt.Sprintf("frame %d (%.2f s)", p.Frame, p.Time) }

// box is written as MOTChallenge has it: left, top, width, height.
type box detect.Box

func (b box) String() string {
	d := detect.Box(b)
	return fmt.Sprintf("(%.0f, %.0f) %.0fx%.0f", d.X1, d.Y1, d.Width(), d.Height())
}

// MarshalJSON rounds to hundredths of a pixel.
func (b box) MarshalJSON() ([]byte, error) {
	d := detect.Box(b)
	list := [4]float64{d.X1, d.Y1, d.Width(), d.Height()}
	for i, v := range list {
		list[i] = math.Round(v*100) / 100
	}
	return json.Marshal(list)
}

// life is what is known of a track.
type life struct {
	id           int
	born, died   place // died in frame 0 while it lives
	seen, before sighting
	detections   int
	reported     int // frames
}

// sighting is a detection of a track.
type sighting struct {
	place
	nth int // frame given to the tracker, from 1
	box box
}

func (l *life) report() *lifeReport {
	r := &lifeReport{ID: l.id, Born: l.born, LastSeen: l.seen.place, Box: l.seen.box, Detections: l.detections, Reported: l.reported}
	if l.died.Frame > 0 {
		r.Died = &l.died
	}
	return r
}

// happening is an event with its place and in words. Detections count from 1.
type happening struct {
	place
	Kind           string  `json:"kind"`
	Reason         string  `json:"reason"`
	Track          int     `json:"track,omitempty"`
	Detection      int     `json:"detection,omitempty"`
	RivalTrack     int     `json:"rival_track,omitempty"`
	RivalDetection int     `json:"rival_detection,omitempty"`
	Value          float64 `json:"value"`
	Limit          float64 `json:"limit"`
	Box            *box    `json:"box,omitempty"` // of the detection, else where the track was seen last
	Words          string  `json:"words"`

	kind track.Kind
}

func (h *happening) String() string { return fmt.Sprintf("%v: %s", h.place, h.Words) }

// neighbour is a detection or a track that is not seen, beside the track that is
// explained.
type neighbour struct {
	Detection int     `json:"detection,omitempty"`
	Track     int     `json:"track,omitempty"`
	Overlap   float64 `json:"overlap"`
	Box       box     `json:"box"`
	Words     string  `json:"words"`
}

// What a track can be in a frame.
const (
	notBorn  = "not yet born"
	observed = "observed"
	coasted  = "coasted"
	lost     = "lost"
	dead     = "dead"
)

func newChronicle(id, frame, maxAge int) *chronicle {
	return &chronicle{id: id, frame: frame, maxAge: maxAge, lives: map[int]*life{}, counts: map[cause]int{}}
}

// watch takes in a frame; in.Events holds what happened in it.
func (c *chronicle) watch(frame int, in track.Input, tracks []track.Track) {
	c.frames++
	c.detections += len(in.Detections)
	if c.last = placeOf(frame, in.Time); frame <= c.frame {
		c.before = frame
	}
	s := scene{chronicle: c, detections: in.Detections, events: *in.Events, tracks: tracks}
	for i := range s.events {
		c.count(&s.events[i], in.Detections)
	}
	for i := range tracks {
		c.lives[tracks[i].ID].reported++
	}
	s.tell()
}

// count keeps the lives up to date.
func (c *chronicle) count(e *track.Event, detections []detect.Detection) {
	c.counts[cause{e.Kind, e.Reason}]++
	l := c.lives[e.Track]
	switch e.Kind {
	case track.Born:
		l = &life{id: e.Track, born: c.last}
		c.lives[e.Track] = l
		fallthrough
	case track.Seen, track.Found:
		l.before, l.seen = l.seen, sighting{c.last, c.frames, box(detections[e.Detection].Box)}
		l.detections++
	case track.Died:
		l.died = c.last
	}
}

// alive holds to the end of the frame in which a track dies.
func (c *chronicle) alive(id int) bool {
	l := c.lives[id]
	return l != nil && (l.died.Frame == 0 || l.died == c.last)
}

// scene is the frame given last, as it is while the chronicle watches.
type scene struct {
	*chronicle
	detections []detect.Detection
	events     []track.Event
	tracks     []track.Track
}

// tell writes down what is asked for.
func (s *scene) tell() {
	here := s.last.Frame == s.frame
	for i := range s.events {
		e := &s.events[i]
		own := e.Track == s.id
		if s.id > 0 && own && e.Kind != track.Seen && e.Kind != track.Missing {
			s.story = append(s.story, s.happening(e))
		}
		if here && (s.id == 0 || own) {
			s.scene = append(s.scene, s.happening(e))
		}
	}
	if !here {
		return
	}
	if s.at = s.last; s.id > 0 {
		s.situate()
	}
}

// happening puts an event on paper.
func (s *scene) happening(e *track.Event) happening {
	h := happening{
		place: s.last, Kind: e.Kind.String(), Reason: e.Reason.String(), Track: e.Track, Detection: e.Detection + 1,
		Value: e.Value, Limit: e.Limit, Words: s.words(e), kind: e.Kind,
	}
	switch {
	case e.Rival < 0:
	case e.Kind == track.Born || e.Kind == track.Died:
		h.RivalTrack = e.Rival
	default:
		h.RivalDetection = e.Rival + 1
	}
	if e.Detection >= 0 {
		h.Box = (*box)(&s.detections[e.Detection].Box)
	} else if l := s.lives[e.Track]; l != nil {
		h.Box = &l.seen.box
	}
	if h.Box != nil {
		b := *h.Box // what it points to is used again
		h.Box = &b
	}
	return h
}

// situate says how track id stands in this frame, and who is around it.
func (s *scene) situate() {
	l := s.lives[s.id]
	switch {
	case l == nil:
		s.state = notBorn
		return
	case !s.alive(s.id):
		s.state = dead
		return
	case l.seen.place == s.last:
		s.state = observed
	default:
		s.state = lost
	}
	at := slices.IndexFunc(s.tracks, func(t track.Track) bool { return t.ID == s.id })
	switch {
	case at >= 0 && s.tracks[at].State == track.Coasted:
		s.state = coasted
		s.notes = append(s.notes, fmt.Sprintf("  coasted: reported where it is expected, at %v", box(s.tracks[at].Box)))
	case at < 0 && s.state == observed:
		s.notes = append(s.notes, "  the tracker does not report it in this frame: too few detections so far, or since it was missed")
	case s.state == lost:
		s.notes = append(s.notes, fmt.Sprintf("  last seen in %v at %v, the box that overlaps below refer to", l.seen.place, l.seen.box))
	}
	s.around = s.neighbours(l)
}

// mostNeighbours bounds what is said of the surroundings.
const mostNeighbours = 5

// neighbours are the other detections, and the tracks that are not seen, that
// overlap a track most.
func (s *scene) neighbours(l *life) []neighbour {
	var list []neighbour
	for i := range s.detections {
		d := &s.detections[i]
		overlap := d.Box.IoU(detect.Box(l.seen.box))
		if e := s.fate(i); overlap > 0 && e != nil && e.Track != l.id {
			list = append(list, neighbour{Detection: i + 1, Overlap: overlap, Box: box(d.Box),
				Words: fmt.Sprintf("%s, overlap %.2f: %s", s.describe(i), overlap, fateWords(e))})
		}
	}
	for id := 1; id <= len(s.lives); id++ {
		o := s.lives[id]
		if id == l.id || !s.alive(id) || o.seen.place == s.last {
			continue
		}
		if overlap := detect.Box(o.seen.box).IoU(detect.Box(l.seen.box)); overlap > 0 {
			list = append(list, neighbour{Track: id, Overlap: overlap, Box: o.seen.box,
				Words: fmt.Sprintf("track %d, overlap %.2f: not seen either, since %v", id, overlap, o.seen.place)})
		}
	}
	slices.SortStableFunc(list, func(a, b neighbour) int { return cmp.Compare(b.Overlap, a.Overlap) })
	return list[:min(len(list), mostNeighbours)]
}

// fate is what became of a detection.
func (s *scene) fate(detection int) *track.Event {
	for i := range s.events {
		if e := &s.events[i]; e.Detection == detection && e.Kind != track.Confirmed {
			return e
		}
	}
	return nil
}

// taken is the event by which a track of this frame has its detection, or nil.
func (s *scene) taken(id int) *track.Event {
	for i := range s.events {
		if e := &s.events[i]; e.Track == id && e.Detection >= 0 {
			return e
		}
	}
	return nil
}
