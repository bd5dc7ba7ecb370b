package azurepolicy

import (
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// StateType is the resource type of what Azure itself says of a resource under
// a policy.
//
// Source: https://learn.microsoft.com/azure/governance/policy/samples/resource-graph-samples
const StateType = "Microsoft.PolicyInsights/policyStates"

// Agreement is how our answer stands to Azure's.
type Agreement string

// Agreements.
const (
	Agree    Agreement = "agree"
	Disagree Agreement = "disagree"
	// OursOpen and AzuresOpen: one of the two could not decide.
	OursOpen   Agreement = "oursUnknown"
	AzuresOpen Agreement = "azureUnknown"
	// OnlyOurs and OnlyAzures: the other says nothing of the resource under
	// that policy.
	OnlyOurs   Agreement = "onlyOurs"
	OnlyAzures Agreement = "onlyAzure"
)

// Compared is one answer beside Azure's.
type Compared struct {
	Agreement  Agreement         `json:"agreement"`
	Resource   azward.ResourceID `json:"resource"`
	Assignment azward.ResourceID `json:"assignment"`
	Definition azward.ResourceID `json:"definition"`
	Reference  string            `json:"reference,omitempty"` // policyDefinitionReferenceId within an initiative
	Policy     string            `json:"policy,omitempty"`    // its display name; "" where it was not evaluated
	Ours       string            `json:"ours,omitempty"`      // pass, fail, unknown, exempt
	Reason     string            `json:"reason,omitempty"`    // of ours, where it is not pass
	Azure      string            `json:"azure,omitempty"`     // complianceState
	AzureAt    time.Time         `json:"azureAt,omitzero"`    // when Azure evaluated
	Leaves     []Leaf            `json:"leaves,omitempty"`    // the comparisons of ours that decided
}

type stateKey struct {
	resource               azward.ResourceKey
	assignment, definition azward.ResourceKey
	reference              string
}

type azureState struct {
	Properties struct {
		ResourceID                  azward.ResourceID `json:"resourceId"`
		PolicyAssignmentID          azward.ResourceID `json:"policyAssignmentId"`
		PolicyDefinitionID          azward.ResourceID `json:"policyDefinitionId"`
		PolicyDefinitionReferenceID string            `json:"policyDefinitionReferenceId"`
		ComplianceState             string            `json:"complianceState"`
		Timestamp                   time.Time         `json:"timestamp"`
	} `json:"properties"`
}

// States compares results of assigned policies to what Azure says of the same
// resources, as the estate holds it. Results are of [Checker.Check] on the same
// estate. Azure's own come first, in the order of their IDs, then those that
// Azure says nothing of. What cannot be read becomes a gap, and so does a list
// that was not read whole: then nothing is only ours.
func States(e *estate.Estate, results []Result) ([]Compared, []azward.Gap) {
	ours := make(map[stateKey]*Result, len(results))
	var order []stateKey
	for i := range results {
		key := keyOf(&results[i])
		if _, twice := ours[key]; !twice {
			order = append(order, key)
		}
		ours[key] = &results[i]
	}
	var list []Compared
	var gaps []azward.Gap
	seen := map[stateKey]bool{}
	for _, r := range e.OfType(StateType) {
		v, err := estate.Decode[azureState](r)
		if err != nil {
			gaps = append(gaps, azward.Gap{Scope: r.ID, Kind: azward.GapUnparsed, Reads: StateType, Error: err.Error()})
			continue
		}
		p := v.Properties
		key := stateKey{p.ResourceID.Key(), p.PolicyAssignmentID.Key(), p.PolicyDefinitionID.Key(), strings.ToLower(p.PolicyDefinitionReferenceID)}
		c := Compared{
			Resource: p.ResourceID, Assignment: p.PolicyAssignmentID, Definition: p.PolicyDefinitionID, Reference: p.PolicyDefinitionReferenceID,
			Azure: p.ComplianceState, AzureAt: p.Timestamp, Agreement: OnlyAzures,
		}
		if mine, ok := ours[key]; ok {
			c.tell(mine)
			c.Agreement = agreement(mine.State, p.ComplianceState)
		}
		seen[key] = true
		list = append(list, c)
	}
	_, missing := e.Absence("", StateType)
	if gaps = append(gaps, missing...); len(missing) > 0 {
		return list, gaps
	}
	for _, key := range order {
		if r := ours[key]; !seen[key] && r.Policy.Assignment != nil {
			c := Compared{Agreement: OnlyOurs, Resource: r.Resource.ID, Assignment: r.Policy.From.Assignment, Definition: r.Policy.From.Definition, Reference: r.Policy.From.Reference}
			c.tell(r)
			list = append(list, c)
		}
	}
	return list, gaps
}

func keyOf(r *Result) stateKey {
	from := r.Policy.From
	return stateKey{r.Resource.ID.Key(), from.Assignment.Key(), from.Definition.Key(), strings.ToLower(from.Reference)}
}

func (c *Compared) tell(r *Result) {
	c.Policy, c.Ours, c.Leaves = r.Policy.Definition.DisplayName, r.State.String(), r.Leaves
	if r.State != Pass {
		c.Reason = r.Reason
	}
}

// agreement reads Azure's word. "Conflict" is that two assignments contradict
// each other, "Unknown" the state of manual policies.
//
// Source: https://learn.microsoft.com/azure/governance/policy/concepts/compliance-states
func agreement(ours State, azures string) Agreement {
	var theirs State
	switch strings.ToLower(azures) {
	case "compliant":
		theirs = Pass
	case "noncompliant":
		theirs = Fail
	case "exempt":
		theirs = Exempt
	default:
		return AzuresOpen
	}
	switch ours {
	case Unknown:
		return OursOpen
	case theirs:
		return Agree
	default:
		return Disagree
	}
}
