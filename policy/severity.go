package policy

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/azward/azward"
	"github.com/azward/azward/policy/azurepolicy"
)

//go:embed severities.yaml
var severityText []byte

// severityLine gives the definitions that it fits a severity.
type severityLine struct {
	Name, Title, Category, Effect string
	Severity                      azward.Severity

	title, category pattern
}

// severityTable is read once; ours always reads, which a test holds.
var severityTable = sync.OnceValues(func() ([]severityLine, error) {
	var file struct{ Severities []severityLine }
	if err := yaml.Unmarshal(severityText, &file); err != nil {
		return nil, fmt.Errorf("read severities: %w", err)
	}
	for i, s := range file.Severities {
		if !slices.Contains(severities, s.Severity) {
			return nil, fmt.Errorf("read severities: number %d has the severity %q", i+1, s.Severity)
		}
	}
	for i := range file.Severities {
		s := &file.Severities[i]
		s.title, s.category = newPattern(s.Title), newPattern(s.Category)
	}
	return file.Severities, nil
})

// SeverityOf is how severe it is when a policy does not hold: Microsoft's
// definitions carry none, so that a table of ours says it by name, title,
// category or effect.
func SeverityOf(p *azurepolicy.Policy) azward.Severity {
	table, err := severityTable()
	if err != nil || p.Definition == nil {
		return azward.SeverityUnknown
	}
	d := p.Definition
	title, category := strings.ToLower(d.DisplayName), strings.ToLower(d.Category)
	for i := range table {
		s := &table[i]
		if s.Name != "" && !strings.EqualFold(s.Name, d.Name) ||
			s.Title != "" && !s.title.fits(title) ||
			s.Category != "" && !s.category.fits(category) ||
			s.Effect != "" && !strings.EqualFold(s.Effect, p.Effect) {
			continue
		}
		return s.Severity
	}
	return azward.SeverityUnknown
}

// pattern is text in which * stands for any text, in lower case, parted at *.
type pattern []string

func newPattern(text string) pattern { return strings.Split(strings.ToLower(text), "*") }

// glob compares text with a pattern, without case.
func glob(text, s string) bool { return newPattern(text).fits(strings.ToLower(s)) }

// fits compares with what is in lower case.
func (p pattern) fits(s string) bool {
	if len(p) == 1 {
		return p[0] == s
	}
	if !strings.HasPrefix(s, p[0]) {
		return false
	}
	s = s[len(p[0]):]
	last := len(p) - 1
	for _, part := range p[1:last] {
		at := strings.Index(s, part)
		if at < 0 {
			return false
		}
		s = s[at+len(part):]
	}
	return strings.HasSuffix(s, p[last])
}
