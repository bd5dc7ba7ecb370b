package policy

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed defender.yaml
var defenderText []byte

// assessmentKeys are the rules that decide what a recommendation of Defender
// for Cloud asks, by the assessment's key. It is read once; ours always reads,
// which a test holds.
var assessmentKeys = sync.OnceValues(func() (map[string][]string, error) {
	var file struct {
		Assessments map[string][]string `yaml:"assessments"`
	}
	if err := yaml.Unmarshal(defenderText, &file); err != nil {
		return nil, fmt.Errorf("read keys of assessments: %w", err)
	}
	return file.Assessments, nil
})

// AssessmentKeys gives, for each recommendation of Defender for Cloud that our
// rules decide, too, their IDs.
func AssessmentKeys() (map[string][]string, error) { return assessmentKeys() }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
