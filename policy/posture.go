package policy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/common/types"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/policy/azurepolicy"
	"github.com/azward/azward/report"
)

// Engines that results come from.
const (
	EngineRules = "azward"
	EngineAzure = "azurePolicy"
)

// maxValue bounds, in bytes, what a cited value shows of a large object.
const maxValue = 4 << 10

// Posture is the result as it is written and kept.
func (r *Result) Posture() report.Posture {
	p := report.Posture{
		Engine: EngineRules, Rule: r.Rule.ID, Title: r.Rule.Title, Severity: r.Rule.Severity, Category: r.Rule.Category,
		Resource: r.Resource.ID, Type: r.Resource.TypeKey(), Result: r.State.String(), Reason: r.Reason, Gaps: r.Gaps,
		Frameworks: append([]string{}, r.Rule.Frameworks...), Remedy: report.PostureRemedy(r.Rule.Remedy), Source: r.Rule.Source,
		Comparisons: []report.PostureComparison{}, Evidence: []azward.Evidence{},
	}
	reads := r.decisive()
	for i := range reads {
		one := &reads[i]
		value, pointer := one.json(), one.pointer()
		p.Comparisons = append(p.Comparisons, report.PostureComparison{
			Field: one.dotted(), Path: pointer, Value: value, Operator: "read", Expected: json.RawMessage("null"),
			Answer: known(one.why), Reason: one.why,
		})
		if one.derived() {
			continue // what the image's control found is its proof
		}
		from := one.at.doc.resource
		p.Evidence = append(p.Evidence, azward.Evidence{
			Resource: from.ID, Property: pointer, Value: value, Meaning: one.words(), Source: from.Source,
			APIVersion: from.APIVersion, ReadAt: from.ReadAt, SHA256: from.SHA256(),
		})
	}
	if p.Reason == "" {
		p.Reason = reason(reads)
	}
	for _, e := range r.Proof {
		if !slices.ContainsFunc(p.Evidence, func(x azward.Evidence) bool {
			return x.Resource == e.Resource && x.Property == e.Property && x.Meaning == e.Meaning
		}) {
			p.Evidence = append(p.Evidence, e)
		}
	}
	return p
}

func known(why string) azward.Answer {
	if why != "" {
		return azward.Unknown
	}
	return azward.Yes
}

// decisive are the reads that the answer rests on: each once, and none that
// only led to another; what could not be read comes first.
func (r *Result) decisive() []read {
	var out []read
	for i := range r.reads {
		one := r.reads[i]
		if slices.ContainsFunc(out, func(x read) bool { return x.at == one.at && x.name == one.name && x.nth == one.nth }) || one.leads(r.reads) {
			continue
		}
		out = append(out, one)
	}
	slices.SortStableFunc(out, func(a, b read) int { return cmp.Compare(min(1, len(b.why)), min(1, len(a.why))) })
	return out
}

// leads reports a read of an object or list only to look into it.
func (r *read) leads(all []read) bool {
	var own *place
	switch v := r.value.(type) {
	case *object:
		own = &v.place
	case *array:
		own = &v.place
	default:
		return false
	}
	return slices.ContainsFunc(all, func(x read) bool {
		for at := x.at; at != nil; at = at.up {
			if at == own {
				return true
			}
		}
		return false
	})
}

func (r *read) json() json.RawMessage {
	if r.value == nil || r.value == types.NullValue {
		return json.RawMessage("null")
	}
	raw := estate.Shown(r.pointer(), azward.JSONValue(plain(r.value)))
	if len(raw) > maxValue {
		return azward.JSONValue(fmt.Sprintf("(%d bytes)", len(raw)))
	}
	return raw
}

// words says in a clause what was read.
func (r *read) words() string {
	const letters = 80
	switch {
	case r.why != "":
		return r.dotted() + " was not read"
	case r.value == types.NullValue:
		return r.dotted() + " is not set"
	}
	s := string(r.json())
	if runes := []rune(s); len(runes) > letters {
		s = string(runes[:letters-1]) + "…"
	}
	return r.dotted() + " is " + s
}

// reason names the first properties that decided.
func reason(reads []read) string {
	const most = 3
	var parts []string
	for i := range reads {
		if i == most {
			parts = append(parts, fmt.Sprintf("and %d more", len(reads)-most))
			break
		}
		parts = append(parts, reads[i].words())
	}
	return strings.Join(parts, ", ")
}

// AzurePosture is the result of an Azure policy as it is written and kept.
func AzurePosture(r azurepolicy.Result) report.Posture {
	p := report.Posture{
		Engine: EngineAzure, Resource: r.Resource.ID, Type: r.Resource.Type, Result: r.State.String(), Reason: r.Reason,
		Gaps: r.Gaps, Frameworks: []string{}, Comparisons: []report.PostureComparison{}, Severity: azward.SeverityUnknown,
	}
	if r.Policy != nil {
		d := r.Policy.Definition
		p.Rule, p.Title, p.Category, p.Effect = cmp.Or(d.Name, d.ID.Name()), d.DisplayName, d.Category, r.Policy.Effect
		p.Frameworks = append(p.Frameworks, r.Policy.Groups...)
		p.Assignment, p.Severity = r.Policy.From.Assignment, SeverityOf(r.Policy)
	}
	cited := make([]azward.Evidence, 0, len(r.Leaves)+len(r.Proof))
	// What is more telling than the type comes first.
	leaves := slices.Clone(r.Leaves)
	slices.SortStableFunc(leaves, func(a, b azurepolicy.Leaf) int { return telling(a) - telling(b) })
	for _, l := range leaves {
		p.Comparisons = append(p.Comparisons, report.PostureComparison{
			Field: l.Field, Path: l.Path, Value: l.Value, Operator: l.Operator, Expected: l.Expected, Answer: l.Answer, Reason: l.Reason,
		})
		if l.Path != "" {
			cited = append(cited, l.Evidence())
		}
	}
	p.Evidence = append(cited, r.Proof...)
	return p
}

// telling puts what names the resource behind what it is set to.
func telling(l azurepolicy.Leaf) int {
	switch {
	case slices.Contains([]string{"type", "id", "name", "kind"}, strings.ToLower(l.Field)):
		return 2
	case l.Path == "":
		return 1
	default:
		return 0
	}
}
