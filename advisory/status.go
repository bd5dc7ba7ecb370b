package advisory

import "time"

// Status says what an index holds and of when it is.
type Status struct {
	// Label is "" for an index of the live feeds, else what it is ("demo").
	Label      string            `json:"label,omitempty"`
	BuiltAt    time.Time         `json:"builtAt"`
	Records    int               `json:"records"`
	Ecosystems []EcosystemStatus `json:"ecosystems"`
	// Malicious counts the records about packages that are malware.
	Malicious int           `json:"malicious"`
	KEV       OverlayStatus `json:"kev"`
	EPSS      OverlayStatus `json:"epss"`
	// EPSSModel names the model that gave the EPSS scores; "" when unknown.
	EPSSModel string        `json:"epssModel,omitempty"`
	SSVC      OverlayStatus `json:"ssvc"`
	EndOfLife OverlayStatus `json:"endOfLife"`
	// Sources are the files that the index was built from, by name.
	Sources []Source `json:"sources,omitempty"`
}

// Source is one file that was read.
type Source struct {
	Name string `json:"name"` // within the folder, such as "osv/Debian/all.zip"
	// Downloaded is when its content was last known to be the publisher's;
	// zero when azward did not download it.
	Downloaded time.Time `json:"downloaded,omitzero"`
	// Modified is when the publisher changed it; zero when unknown.
	Modified time.Time `json:"modified,omitzero"`
	Bytes    int64     `json:"bytes"`
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

// OverlayStatus is about KEV, EPSS, SSVC or dates of end of life.
type OverlayStatus struct {
	Entries int       `json:"entries"`
	Date    time.Time `json:"date,omitzero"`
}
