package policy

import (
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/azward/azward"
	"github.com/azward/azward/report"
)

// Suppression is somebody's decision, kept as code, to leave what a rule finds.
type Suppression struct {
	// Rule is a rule's or definition's ID, or a pattern in which * stands for
	// any text.
	Rule string
	// Resource is such a pattern for the resource's ID; Scope an ID that the
	// resource lies within. One of them is given.
	Resource string
	Scope    azward.ResourceID
	Reason   string
	By       string
	// Expires is when it ends to hold.
	Expires time.Time
	File    string
	Line    int

	used bool
}

// At is where it is written.
func (s *Suppression) At() string { return fmt.Sprintf("%s:%d", s.File, s.Line) }

// ParseSuppressions reads a file of suppressions. What is not understood does
// not hold, and is told.
func ParseSuppressions(name string, text []byte) ([]*Suppression, []Problem) {
	if len(text) > maxFile {
		return nil, []Problem{{File: name, Line: 1, Why: fmt.Sprintf("the file is larger than %d bytes", maxFile)}}
	}
	l := &loader{file: name}
	root, err := l.document(text)
	if err != nil {
		return nil, []Problem{{File: name, Line: max(1, l.line), Why: err.Error()}}
	}
	var list []*yaml.Node
	if root.Kind != yaml.MappingNode {
		l.bad(root, "the file is a mapping with the key suppressions")
	}
	for key, v := range members(root) {
		if key.Value != "suppressions" || v.Kind != yaml.SequenceNode {
			l.bad(key, "the file has the key suppressions alone, which is a list")
			continue
		}
		list = v.Content
	}
	var out []*Suppression
	for _, n := range list {
		before := len(l.problems)
		s := &Suppression{File: name, Line: n.Line}
		l.suppression(n, s)
		if len(l.problems) == before {
			out = append(out, s)
		}
	}
	return out, l.problems
}

func (l *loader) suppression(n *yaml.Node, s *Suppression) {
	if n.Kind != yaml.MappingNode {
		l.bad(n, "a suppression is a mapping")
		return
	}
	for key, v := range members(n) {
		text := l.text(key, v)
		switch key.Value {
		case "rule":
			s.Rule = text
		case "resource":
			s.Resource = text
		case "scope":
			s.Scope = azward.ResourceID(text)
		case "reason":
			s.Reason = text
		case "by":
			s.By = text
		case "expires":
			if day, err := time.Parse(time.DateOnly, text); err == nil {
				s.Expires = day.AddDate(0, 0, 1) // it holds on its last day
			} else if s.Expires, err = time.Parse(time.RFC3339, text); err != nil {
				l.bad(v, "expires %.40q is no day such as 2026-12-31", text)
			}
		default:
			l.bad(key, "the key %.60q is not known; a suppression has rule, resource or scope, reason, by and expires", key.Value)
		}
	}
	for _, must := range []struct{ key, value string }{{"rule", s.Rule}, {"reason", s.Reason}, {"by", s.By}} {
		if must.value == "" {
			l.bad(n, "it has no %s", must.key)
		}
	}
	if s.Expires.IsZero() {
		l.bad(n, "it has no day on which it expires")
	}
	if (s.Resource == "") == (s.Scope == "") {
		l.bad(n, "it has either resource or scope")
	}
}

func (s *Suppression) holds(p *report.Posture, at time.Time) bool {
	if !at.Before(s.Expires) || !glob(s.Rule, p.Rule) {
		return false
	}
	if s.Scope != "" {
		return p.Resource.Within(rootless(s.Scope))
	}
	return glob(s.Resource, string(p.Resource))
}

// Suppress lets what fails, or is unknown, be suppressed where a suppression
// holds at this time.
func Suppress(p *report.Posture, list []*Suppression, at time.Time) {
	if p.Result != "fail" && p.Result != "unknown" {
		return
	}
	for _, s := range list {
		if !s.holds(p, at) {
			continue
		}
		s.used = true
		p.Suppressed = &report.PostureSuppression{Was: p.Result, Reason: s.Reason, By: s.By, Expires: s.Expires, At: s.At()}
		p.Result = "suppressed"
		return
	}
}

// Stale tells the suppressions that no longer hold, and those that nothing
// fits, after [Suppress] has seen all results.
func Stale(list []*Suppression, at time.Time) []string {
	var told []string
	for _, s := range list {
		switch {
		case !at.Before(s.Expires):
			told = append(told, fmt.Sprintf("%s: the suppression of %s expired on %s and does not hold (%s)", s.At(), s.Rule, s.Expires.Add(-time.Second).Format(time.DateOnly), strings.TrimSuffix(s.Reason, ".")))
		case !s.used:
			told = append(told, fmt.Sprintf("%s: the suppression of %s fits no result", s.At(), s.Rule))
		}
	}
	return told
}
