package store

import (
	"encoding/json"
	"time"
)

// Posture is what the rules said of an estate after a scan.
type Posture struct {
	Scan   string          `json:"scan"`
	Source string          `json:"source"`
	At     time.Time       `json:"at"` // start of the scan
	Tally  json.RawMessage `json:"tally"`
}
