package policy

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/azward/azward/policy/azurepolicy"
)

//go:embed overlap.yaml
var overlapText string

// Overlap is a rule of ours, and the definitions of Microsoft's that check the
// same.
type Overlap struct {
	Rule        string
	Definitions []string
	// Differs says why the two answer otherwise for some resources; "" where
	// they do not.
	Differs string
}

// overlaps are what the default profile leaves out.
type overlaps struct {
	Rules   []Overlap
	Retired []struct {
		What, Source string
		Definitions  []string
	}
	Assessments []string
}

// overlapTable is read once; ours always reads, which a test holds.
var overlapTable = sync.OnceValues(func() (*overlaps, error) {
	var t overlaps
	d := yaml.NewDecoder(strings.NewReader(overlapText))
	d.KnownFields(true)
	if err := d.Decode(&t); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read overlaps: %w", err)
	}
	return &t, nil
})

// Overlaps are the rules of ours that check what definitions of Microsoft's do.
func Overlaps() ([]Overlap, error) {
	t, err := overlapTable()
	if err != nil {
		return nil, err
	}
	return t.Rules, nil
}

// withoutDoubles leaves out the policies that another result says the same as. A
// rule of ours that stands for one carries the items of its initiatives; a
// definition whose rule is not evaluated stays.
func (p *Profile) withoutDoubles() error {
	t, err := overlapTable()
	if err != nil {
		return err
	}
	instead, gone := map[string]string{}, map[string]bool{}
	for _, o := range t.Rules {
		for _, d := range o.Definitions {
			instead[d] = o.Rule
		}
	}
	for _, r := range t.Retired {
		for _, d := range r.Definitions {
			gone[d] = true
		}
	}
	for _, d := range t.Assessments {
		gone[d] = true
	}
	at := map[string]int{}
	for i, r := range p.Rules {
		at[r.ID] = i
	}
	p.Rules = slices.Clone(p.Rules)
	p.Policies = slices.DeleteFunc(p.Policies, func(x *azurepolicy.Policy) bool {
		name := strings.ToLower(x.Definition.Name)
		i, ours := at[instead[name]]
		if ours {
			r := *p.Rules[i]
			r.Frameworks = union(r.Frameworks, x.Groups)
			p.Rules[i] = &r
		}
		return ours || gone[name]
	})
	return nil
}

func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, x := range b {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}
