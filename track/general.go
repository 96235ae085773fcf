package track

import "cmp"

// The settings of each tracker from the general ones and back.

func (c SORTConfig) general() Config {
	return Config{MaxAge: c.MaxAge, MaxGap: c.MaxGap, MinHits: c.MinHits, IoU: c.IoU}
}

func sortConfig(c Config) SORTConfig {
	return SORTConfig{MaxAge: c.MaxAge, MaxGap: c.MaxGap, MinHits: c.MinHits, IoU: c.IoU}
}

func (c OCSORTConfig) general() Config {
	return Config{MaxAge: c.MaxAge, MaxGap: c.MaxGap, MinHits: c.MinHits, IoU: c.IoU, Score: c.Score}
}

func ocsortConfig(c Config) OCSORTConfig {
	o := DefaultOCSORTConfig()
	o.MaxAge, o.MaxGap, o.MinHits, o.IoU, o.Score = c.MaxAge, c.MaxGap, c.MinHits, c.IoU, c.Score
	return o
}

func (c ByteTrackConfig) general() Config {
	return Config{MaxAge: c.MaxAge, MaxGap: c.MaxGap, IoU: 1 - c.MaxCost, Score: c.HighScore}
}

// byteTrackConfig starts tracks a tenth above Score, as the authors do, or half way
// to 1 where that is less.
func byteTrackConfig(c Config) ByteTrackConfig {
	b := DefaultByteTrackConfig()
	b.MaxAge, b.MaxGap, b.MaxCost = c.MaxAge, c.MaxGap, 1-c.IoU
	b.HighScore, b.NewScore = c.Score, min(c.Score+0.1, (c.Score+1)/2)
	b.LowScore = min(b.LowScore, c.Score)
	return b
}

func (c TempoConfig) general() Config {
	return Config{MaxAge: c.MaxAge, MaxGap: c.MaxGap, MinHits: c.MinHits, IoU: c.Similarity, Score: c.Score}
}

func tempoConfig(c Config) TempoConfig {
	t := DefaultTempoConfig()
	t.MaxAge, t.MaxGap, t.MinHits, t.Similarity, t.Score = c.MaxAge, c.MaxGap, c.MinHits, c.IoU, c.Score
	return t
}

// tempoLowScore is LowScore on the detector's scale; where that is yet to be
// found, for the weakest detector that anything is believed of.
func tempoLowScore(c Config) float64 {
	t := tempoConfig(c)
	return t.LowScore / sureConfidence * cmp.Or(t.Score, sureLeast)
}
