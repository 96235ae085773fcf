package main

import (
	"fmt"

	"github.com/tracker-go/tracker/cmd/tracker/internal/progress"
	"github.com/tracker-go/tracker/detect"
	"github.com/tracker-go/tracker/track"
)

// words is an event in words, without its place.
func (s *scene) words(e *track.Event) string {
	who := fmt.Sprintf("track %d", e.Track)
	switch e.Kind {
	case track.Ignored:
		return fmt.Sprintf("%s was ignored: %s; %s", s.describe(e.Detection), s.whyIgnored(e), s.closest(e.Detection))
	case track.Born:
		return fmt.Sprintf("%s was born of %s: %s", who, s.describe(e.Detection), s.whyBorn(e))
	case track.Confirmed:
		return fmt.Sprintf("%s was confirmed: %s", who, s.whyConfirmed(e))
	case track.Seen:
		return fmt.Sprintf("%s was seen: %s, %s", who, s.describe(e.Detection), enough(e))
	case track.Found:
		gap := s.lives[e.Track].before
		return fmt.Sprintf("%s was found again, %.2f s after %v: %s, %s", who, s.last.Time-gap.Time, gap.place, s.describe(e.Detection), enough(e))
	case track.Lost:
		return fmt.Sprintf("%s was not seen: %s; last seen in %v at %v", who, s.whyLost(e), s.lives[e.Track].seen.place, s.lives[e.Track].seen.box)
	case track.Missing:
		return fmt.Sprintf("%s was still not seen, since %v: %s", who, s.lives[e.Track].seen.place, s.whyLost(e))
	default:
		l := s.lives[e.Track]
		return fmt.Sprintf("%s died: %s; last seen in %v at %v", who, s.whyDied(e), l.seen.place, l.seen.box)
	}
}

// describe is a detection with its box and score.
func (s *scene) describe(detection int) string {
	d := &s.detections[detection]
	return fmt.Sprintf("detection %d at %v, score %.2f", detection+1, box(d.Box), d.Score)
}

func enough(e *track.Event) string {
	return fmt.Sprintf("%s of at least %.2f", measured(e), e.Limit)
}

// measured is what speaks for a match.
func measured(e *track.Event) string {
	if e.Reason == track.Recognised {
		return fmt.Sprintf("by its looks the same with chance %.2f", e.Value)
	}
	return fmt.Sprintf("similarity %.2f", e.Value)
}

func tooLittle(e *track.Event) string {
	return fmt.Sprintf("had similarity %s", under(e))
}

// under says that the value is under the limit, with as many digits as show it.
func under(e *track.Event) string {
	for digits := 2; digits < 6; digits++ {
		value, limit := fmt.Sprintf("%.*f", digits, e.Value), fmt.Sprintf("%.*f", digits, e.Limit)
		if value != limit {
			return value + ", under " + limit
		}
	}
	return fmt.Sprintf("%g, under %g", e.Value, e.Limit)
}

func (s *scene) whyIgnored(e *track.Event) string {
	switch e.Reason {
	case track.Broken:
		return "its box or score is broken"
	case track.LowScore:
		return fmt.Sprintf("its score is %s, the least that is looked at", under(e))
	case track.Duplicate:
		return fmt.Sprintf("it overlaps detection %d by %.2f, over %.2f, and is the same object", e.Rival+1, e.Value, e.Limit)
	default:
		return fmt.Sprintf("no track took it, and its score is %s, which starting a track asks for", under(e))
	}
}

// closest names the track that overlaps an ignored detection most.
func (s *scene) closest(detection int) string {
	var best *life
	most := 0.0
	for id := 1; id <= len(s.lives); id++ {
		l := s.lives[id]
		if overlap := s.detections[detection].Box.IoU(detect.Box(l.seen.box)); s.alive(id) && overlap > most {
			best, most = l, overlap
		}
	}
	if best == nil {
		return "it overlaps no track"
	}
	if e := s.taken(best.id); e != nil {
		return fmt.Sprintf("it came closest to track %d (overlap %.2f), which has detection %d", best.id, most, e.Detection+1)
	}
	return fmt.Sprintf("it came closest to track %d (overlap %.2f with where it was last seen, in %v)", best.id, most, best.seen.place)
}

func (s *scene) whyBorn(e *track.Event) string {
	switch e.Reason {
	case track.Alone:
		return "no track was expected there"
	case track.TooDifferent:
		return fmt.Sprintf("the closest track, %d, %s", e.Rival, tooLittle(e))
	}
	took := "was better off in another pair, which was dropped as too different"
	if rival := s.taken(e.Rival); rival != nil {
		took = fmt.Sprintf("took detection %d (%s)", rival.Detection+1, measured(rival))
	}
	return fmt.Sprintf("the closest track, %d (%s), %s", e.Rival, enough(e), took)
}

func (s *scene) whyConfirmed(e *track.Event) string {
	switch {
	case e.Reason == track.EnoughHits:
		return fmt.Sprintf("it has %s, as many as being reported takes", progress.Count(int(e.Value), "detection"))
	case s.frames == 1:
		return "in the first frame all are"
	case e.Value >= e.Limit:
		return fmt.Sprintf("score %.2f of at least %.2f leaves no doubt", e.Value, e.Limit)
	default:
		return "one detection is enough"
	}
}

func (s *scene) whyLost(e *track.Event) string {
	switch e.Reason {
	case track.Alone:
		return "no detection that it may take overlaps where it was expected"
	case track.TooDifferent:
		return fmt.Sprintf("the best candidate, %s, %s", s.describe(e.Rival), tooLittle(e))
	}
	went := "was better off in another pair, which was dropped as too different"
	if fate := s.fate(e.Rival); fate != nil && fate.Track > 0 && fate.Kind != track.Born {
		went = fmt.Sprintf("went to track %d (%s)", fate.Track, measured(fate))
	}
	return fmt.Sprintf("the best candidate, %s (%s), %s", s.describe(e.Rival), enough(e), went)
}

func (s *scene) whyDied(e *track.Event) string {
	switch {
	case e.Reason == track.Unconfirmed:
		return fmt.Sprintf("it was missed after %s, and being reported takes %.0f", progress.Count(int(e.Value), "detection"), e.Limit)
	case e.Reason == track.Duplicate:
		return fmt.Sprintf("it overlaps track %d, which has the longer history, by %.2f, over %.2f", e.Rival, e.Value, e.Limit)
	case e.Limit > 0:
		return fmt.Sprintf("unseen for %.2f s, over %.2f s", e.Value, e.Limit)
	default:
		return fmt.Sprintf("unseen for %s (%.2f s), over %d", progress.Count(s.frames-s.lives[e.Track].seen.nth, "frame"), e.Value, s.maxAge)
	}
}

// fateWords is what became of a detection.
func fateWords(e *track.Event) string {
	switch e.Kind {
	case track.Ignored:
		return "ignored, " + e.Reason.String()
	case track.Born:
		return fmt.Sprintf("started track %d", e.Track)
	case track.Found:
		return fmt.Sprintf("found track %d again, %s", e.Track, enough(e))
	default:
		return fmt.Sprintf("continued track %d, %s", e.Track, enough(e))
	}
}

// summaryRows is the order and the words of the summary.
var summaryRows = [...]struct {
	kind    track.Kind
	title   string
	reasons []reasonRow
}{
	{track.Born, "tracks born", []reasonRow{
		{track.Alone, "where no track was expected"},
		{track.TooDifferent, "too different from the closest track"},
		{track.Outbid, "the closest track had a better detection"},
	}},
	{track.Confirmed, "tracks confirmed", []reasonRow{
		{track.Sure, "at once: a detection without doubt, or the first frame"},
		{track.EnoughHits, "after enough detections"},
	}},
	{track.Seen, "detections that continued a track", matchRows},
	{track.Lost, "tracks lost from view", lossRows},
	{track.Missing, "frames of tracks still lost", lossRows},
	{track.Found, "tracks found again", matchRows},
	{track.Died, "tracks that died", []reasonRow{
		{track.Unconfirmed, "missed before they were confirmed"},
		{track.Expired, "unseen for too long"},
		{track.Duplicate, "doubles of another track"},
	}},
	{track.Ignored, "detections ignored", []reasonRow{
		{track.LowScore, "score under the least that is looked at"},
		{track.Unsure, "no track took them, and too unsure to start one"},
		{track.Duplicate, "repeat another detection"},
		{track.Broken, "broken box or score"},
	}},
}

type reasonRow struct {
	reason track.Reason
	words  string
}

var matchRows = []reasonRow{
	{track.Matched, "similar enough"},
	{track.Recognised, "farther away, recognised by their looks"},
}

var lossRows = []reasonRow{
	{track.Alone, "no detection that they may take was near"},
	{track.TooDifferent, "the best candidate was too different"},
	{track.Outbid, "the best candidate went to another track"},
}
