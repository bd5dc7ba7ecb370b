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
		s.Title, s.Category = strings.ToLower(s.Title), strings.ToLower(s.Category)
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
			s.Title != "" && !globLow(s.Title, title) ||
			s.Category != "" && !globLow(s.Category, category) ||
			s.Effect != "" && !strings.EqualFold(s.Effect, p.Effect) {
			continue
		}
		return s.Severity
	}
	return azward.SeverityUnknown
}

// glob compares text with a pattern in which * stands for any text, without
// case.
func glob(pattern, s string) bool {
	return globLow(strings.ToLower(pattern), strings.ToLower(s))
}

// globLow is glob of what is in lower case.
func globLow(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	if !strings.HasPrefix(s, parts[0]) {
		return false
	}
	s = s[len(parts[0]):]
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(s, part)
		if at < 0 {
			return false
		}
		s = s[at+len(part):]
	}
	return strings.HasSuffix(s, parts[len(parts)-1])
}
