package feed

import (
	"fmt"
	"hash/fnv"
	"time"
)

// Stats says what became of everything that was read.
type Stats struct {
	Records    int `json:"records"`    // in the index
	Duplicates int `json:"duplicates"` // the same record in the export of another ecosystem
	Withdrawn  int `json:"withdrawn"`
	Malicious  int `json:"malicious"` // of the records: about packages that are malware
	// Unusable counts entries of kept records that name no package version.
	Unusable int `json:"unusable"`
	// Skipped counts records left out, by reason.
	Skipped map[string]int `json:"skipped"`
	// Examples names the first of them, with the reason.
	Examples []string `json:"examples,omitempty"`
	// Ignored are files that are none of ours.
	Ignored []string `json:"ignored,omitempty"`
	// Removed counts records that their publisher no longer has.
	Removed   int           `json:"removed,omitempty"`
	KEV       int           `json:"kev"`
	EPSS      int           `json:"epss"`
	SSVC      int           `json:"ssvc"`
	EndOfLife int           `json:"endOfLife"`
	Bytes     int64         `json:"bytes"` // of the index
	Took      time.Duration `json:"took"`
}

// maxExamples bounds what Stats names: enough to find the cause.
const maxExamples = 20

// Progress is told after every batch of records.
type Progress struct {
	File    string // being read
	Records int    // read so far, in all files
}

func (s *Stats) skip(reason, name string, err error) {
	if s.Skipped == nil {
		s.Skipped = map[string]int{}
	}
	s.Skipped[reason]++
	if len(s.Examples) < maxExamples {
		s.Examples = append(s.Examples, fmt.Sprintf("%s: %v", name, err))
	}
}

// seen remembers record IDs as 64-bit hashes: half a million take 8 MB rather
// than 50. Two IDs that collide (one in 10⁸ for such a number) cost a record,
// which the count of duplicates would show.
type seen map[uint64]struct{}

func (s seen) add(id string) (first bool) {
	h := fnv.New64a()
	if _, err := h.Write([]byte(id)); err != nil {
		return true
	}
	if _, ok := s[h.Sum64()]; ok {
		return false
	}
	s[h.Sum64()] = struct{}{}
	return true
}
