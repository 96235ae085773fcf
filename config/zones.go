package config

import "github.com/tracker-go/tracker/track/zone"

// ZoneList are the zones of validated settings.
func (c *Config) ZoneList() []zone.Zone {
	zones, err := zone.ParseAll(c.Zones)
	if err != nil {
		return nil // Validate says so
	}
	return zones
}
