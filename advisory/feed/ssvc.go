package feed

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
)

// assessment is what CISA says of one CVE, and what is in the CVE's record
// beside that: scores, and the weakness.
type assessment struct {
	cve     string
	ssvc    advisory.SSVC
	vectors []string
	cwe     string
}

// decide sets one decision point by the name that CISA gives it. A word that
// is none of the point's leaves it undecided.
//
// Source: https://www.cisa.gov/stakeholder-specific-vulnerability-categorization-ssvc
func decide(s *advisory.SSVC, point, word string) {
	word = strings.ToLower(word)
	switch point {
	case "Exploitation":
		if e := advisory.Exploitation(word); slices.Contains([]advisory.Exploitation{advisory.ExploitationNone, advisory.ExploitationPoC, advisory.ExploitationActive}, e) {
			s.Exploitation = e
		}
	case "Automatable":
		switch word {
		case "yes":
			s.Automatable = azward.Yes
		case "no":
			s.Automatable = azward.No
		}
	case "Technical Impact":
		if i := advisory.TechnicalImpact(word); i == advisory.ImpactPartial || i == advisory.ImpactTotal {
			s.TechnicalImpact = i
		}
	}
}

// assess adds one assessment and says whether there was one.
func (b *builder) assess(a assessment) bool {
	b.w.AddWeakness(a.cve, a.vectors, a.cwe)
	if !b.w.AddSSVC(a.cve, a.ssvc) {
		return false
	}
	if a.ssvc.At.After(b.assessed) && !a.ssvc.At.After(b.At) {
		b.assessed = a.ssvc.At
		b.w.DateSSVC(b.assessed)
	}
	return true
}

// readSSVC reads the assessments as a table.
func (b *builder) readSSVC(r io.Reader) (n int, err error) {
	points := []string{"Exploitation", "Automatable", "Technical Impact"}
	err = table{
		columns: []string{"cve", "ssvc_exploitation", "ssvc_automatable", "ssvc_technical_impact", "ssvc_timestamp", "cvss_vector", "cwe"},
		row: func(fields []string) error {
			a := assessment{cve: fields[0], ssvc: advisory.SSVC{At: date(fields[4])}, vectors: fields[5:6], cwe: firstCWE(fields[6])}
			for i, point := range points {
				decide(&a.ssvc, point, fields[i+1])
			}
			if b.assess(a) {
				n++
			}
			return nil
		},
	}.read(r)
	switch {
	case err != nil:
		return n, fmt.Errorf("read SSVC assessments: %w", err)
	case n == 0:
		return 0, errors.New("the file has no SSVC assessment")
	}
	return n, nil
}

// readCVE reads one loose CVE record of CISA's.
func (b *builder) readCVE(text string) (int, error) {
	a, err := assessmentOf(text)
	if err != nil {
		return 0, err
	}
	if !b.assess(a) {
		return 0, nil // a record without CISA's assessment
	}
	return 1, nil
}

// assessmentOf reads a CVE record as cisagov/vulnrichment publishes it: CISA's
// assessment is one of the metrics of an ADP container.
//
// Source: https://github.com/cisagov/vulnrichment, and
// https://github.com/CVEProject/cve-schema (schema/CVE_Record_Format.json)
func assessmentOf(text string) (a assessment, err error) {
	l := &lexer{text: text}
	err = l.members([]string{"cveMetadata", "containers"}, func(name string) error {
		if name == "cveMetadata" {
			return l.members([]string{"cveId"}, func(string) error { return l.str(&a.cve) })
		}
		return l.members([]string{"cna", "adp"}, func(name string) error {
			if name == "cna" {
				return l.container(&a, new(advisory.SSVC))
			}
			return l.array(func() error { return l.container(&a, &a.ssvc) })
		})
	})
	if err == nil {
		err = l.end()
	}
	if err == nil && a.cve == "" {
		err = errors.New("it has no cveMetadata.cveId")
	}
	if err != nil {
		return a, fmt.Errorf("not a CVE record: %w", err)
	}
	return a, nil
}

// container reads what one organisation says of the CVE; s takes its SSVC.
func (l *lexer) container(a *assessment, s *advisory.SSVC) error {
	if l.peek() != '{' {
		return l.skip()
	}
	return l.members([]string{"metrics", "problemTypes"}, func(name string) error {
		switch {
		case l.peek() != '[':
			return l.skip()
		case name == "metrics":
			return l.array(func() error { return l.metrics(a, s) })
		}
		return l.array(func() error { return l.problem(a) })
	})
}

// metricFields are the members of a metric that are read: other has CISA's
// decisions, the rest a CVSS vector each.
var metricFields = []string{"other", "cvssV4_0", "cvssV3_1", "cvssV3_0", "cvssV2_0"}

func (l *lexer) metrics(a *assessment, s *advisory.SSVC) error {
	return l.members(metricFields, func(name string) error {
		if name == "other" {
			return l.metric(s)
		}
		return l.words([]string{"vectorString"}, func(string) error {
			var vector string
			err := l.str(&vector)
			if len(a.vectors) < maxVectors {
				a.vectors = append(a.vectors, vector)
			}
			return err
		})
	})
}

// maxVectors that are kept of one CVE record: assigner and CISA give one of
// each version at most.
const maxVectors = 16

// problem reads {"descriptions": [{"cweId": "CWE-79"}, …]}; the first weakness
// of the record counts.
func (l *lexer) problem(a *assessment) error {
	return l.members([]string{"descriptions"}, func(string) error {
		return l.array(func() error {
			return l.words([]string{"cweId"}, func(string) error {
				var cwe string
				err := l.str(&cwe)
				a.cwe = cmp.Or(a.cwe, cwe)
				return err
			})
		})
	})
}

// firstCWE is the first of a list of weaknesses.
func firstCWE(list string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(list), " ")
	return first
}

// metric reads {"type": "ssvc", "content": …}; the type may come last.
func (l *lexer) metric(s *advisory.SSVC) error {
	var kind string
	var read advisory.SSVC
	err := l.members([]string{"type", "content"}, func(name string) error {
		if name == "type" {
			return l.str(&kind)
		}
		if l.peek() != '{' {
			return l.skip()
		}
		return l.decisions(&read)
	})
	if err == nil && kind == "ssvc" {
		*s = read
	}
	return err
}

// decisions reads {"timestamp": …, "options": [{"Exploitation": "poc"}, …]};
// other types have other content under these names.
func (l *lexer) decisions(s *advisory.SSVC) error {
	return l.members([]string{"timestamp", "options"}, func(name string) error {
		switch {
		case name == "timestamp" && l.peek() == '"':
			var text string
			err := l.str(&text)
			if at, bad := time.Parse(time.RFC3339, text); bad == nil {
				s.At = at
			}
			return err
		case name == "options" && l.peek() == '[':
			return l.array(func() error { return l.decision(s) })
		}
		return l.skip()
	})
}

func (l *lexer) decision(s *advisory.SSVC) error {
	if l.peek() != '{' {
		return l.skip()
	}
	return l.object(func(point string) error {
		if l.peek() != '"' {
			return l.skip()
		}
		var word string
		err := l.str(&word)
		decide(s, point, word)
		return err
	})
}
