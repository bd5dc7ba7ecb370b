package advisory

import (
	"strings"

	"github.com/azward/azward"
)

// About finds a record that tells of the vulnerability (by its own ID, an alias
// or what it goes back to) in the package, whatever versions it affects; "" for
// none. With [Index.Match] silent about the vulnerability, the record says that
// this version is not among them.
func (ix *Index) About(pkg azward.Package, vulnerability string) (record string, err error) {
	q, ok := newQuestion(&pkg)
	if !ok {
		return "", nil
	}
	for i := range q.places() {
		at := ix.entries(q.place(i))
		for {
			e, more, err := at.next()
			if err != nil {
				return "", err
			}
			if !more {
				break
			}
			h, err := ix.record(e.record)
			if err != nil {
				return "", err
			}
			if h.tellsOf(vulnerability) {
				return h.id, nil
			}
		}
	}
	return "", nil
}

func (h *head) tellsOf(vulnerability string) bool {
	if strings.EqualFold(h.id, vulnerability) {
		return true
	}
	for _, list := range [][]string{h.aliases, h.upstream} {
		for _, name := range list {
			if strings.EqualFold(name, vulnerability) {
				return true
			}
		}
	}
	return false
}

// Weigh fills in what the index knows of a vulnerability that somebody else
// found: KEV, EPSS, SSVC, and the CVE's own score where the finding has none.
func (ix *Index) Weigh(f *azward.Finding) {
	for _, name := range append([]string{f.ID}, f.Aliases...) {
		if strings.HasPrefix(name, "CVE-") {
			ix.weighName(f, name)
		}
	}
	sortScores(f.Scores)
	if f.Vector == "" && len(f.Scores) > 0 {
		f.Vector, f.CVSS = f.Scores[0].Vector, f.Scores[0].Score
	}
	if f.Severity == azward.SeverityUnknown && f.Vector != "" {
		f.Severity = Rate(f.CVSS)
	}
}
