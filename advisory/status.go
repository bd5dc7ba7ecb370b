package advisory

import "time"

// Status says what an index holds and of when it is.
type Status struct {
	// Label is "" for an index of the live feeds, else what it is ("demo").
	Label      string            `json:"label,omitempty"`
	BuiltAt    time.Time         `json:"builtAt"`
	Records    int               `json:"records"`
	Ecosystems []EcosystemStatus `json:"ecosystems"`
	KEV        OverlayStatus     `json:"kev"`
	EPSS       OverlayStatus     `json:"epss"`
}

// EcosystemStatus is about one ecosystem and release, such as "Debian:12".
type EcosystemStatus struct {
	Name    string `json:"name"`
	Records int    `json:"records"`
	// Entries counts (record, package) pairs.
	Entries int `json:"entries"`
	// Newest is the latest modification of a record; zero when none gives one.
	Newest time.Time `json:"newest,omitzero"`
}

// OverlayStatus is about KEV or EPSS.
type OverlayStatus struct {
	Entries int       `json:"entries"`
	Date    time.Time `json:"date,omitzero"`
}
