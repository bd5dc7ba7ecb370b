// Package impact tells what follows when a workload is taken over: what its
// pod may do to the node and the cluster, and what its identities may do in
// Azure. It also tells which settings of the workload make that harder. [Of] is
// the call. Nothing here does I/O.
//
// What cannot be told is Unknown with its gap; nothing here claims that there
// is no impact.
package impact

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// Rank says how far an attacker gets from the workload.
type Rank int

// Ranks.
const (
	None    Rank = iota // nothing is known to follow
	Reads               // metadata, or the data of one resource
	Data                // secrets or data of others, one namespace
	Lateral             // a node, other workloads, a resource group
	Control             // a subscription, a cluster, or any role at will
)

// Radius is what follows when a workload is taken over.
type Radius struct {
	Rank Rank
	// Summary says the worst in a clause; "" when nothing is known to follow.
	Summary string
	// Consequences, the worst first: Yes for each that follows, Unknown for
	// what could not be told. Mitigations are Yes where they are set.
	Consequences []azward.Condition
	Mitigations  []azward.Condition
}

// IDs of consequences and mitigations.
const (
	NodeControl    azward.ConditionID = "node"            // the pod's settings reach the node
	ClusterRights  azward.ConditionID = "service-account" // the pod's token
	AzureRights    azward.ConditionID = "identity"        // a managed identity
	NonRoot        azward.ConditionID = "non-root"
	ReadOnlyRoot   azward.ConditionID = "read-only-root"
	NoEscalation   azward.ConditionID = "no-privilege-escalation"
	NoCapabilities azward.ConditionID = "capabilities-dropped"
	SeccompProfile azward.ConditionID = "seccomp"
	NoAccountToken azward.ConditionID = "service-account-not-mounted"

	// maxConsequences bounds the list; that there are more is its last entry.
	maxConsequences = 40
)

// consequence is one with its rank, before they are put in order.
type consequence struct {
	rank Rank
	azward.Condition
}

// radius gathers.
type radius struct {
	e    *estate.Estate
	w    estate.Workload
	list []consequence
	mild []azward.Condition
}

// Of tells what follows when a container of the workload is taken over. A
// workload of an unknown kind has no consequences that are known.
func Of(e *estate.Estate, w estate.Workload) Radius {
	r := &radius{e: e, w: w}
	if w.Resource == nil {
		return Radius{}
	}
	if w.Resource.Cluster != "" {
		r.pod()
	} else {
		r.resourceIdentity()
	}
	return r.settle()
}

func (r *radius) add(rank Rank, id azward.ConditionID, summary string, evidence ...azward.Evidence) {
	r.list = append(r.list, consequence{rank, azward.Condition{ID: id, Answer: azward.Yes, Summary: summary, Evidence: evidence}})
}

// doubt is a consequence that could not be told.
func (r *radius) doubt(id azward.ConditionID, summary string, gaps []azward.Gap, evidence ...azward.Evidence) {
	if evidence == nil {
		evidence = []azward.Evidence{}
	}
	r.list = append(r.list, consequence{None, azward.Condition{ID: id, Summary: summary, Evidence: evidence, Gaps: gaps}})
}

func (r *radius) mitigated(id azward.ConditionID, summary string, evidence azward.Evidence) {
	r.mild = append(r.mild, azward.Condition{ID: id, Answer: azward.Yes, Summary: summary, Evidence: []azward.Evidence{evidence}})
}

func (r *radius) settle() Radius {
	slices.SortStableFunc(r.list, func(a, b consequence) int { return cmp.Compare(b.rank, a.rank) })
	out := Radius{Mitigations: r.mild}
	for i, c := range r.list {
		if i == 0 && c.rank > None {
			out.Rank, out.Summary = c.rank, c.Summary
		}
		if i < maxConsequences {
			out.Consequences = append(out.Consequences, c.Condition)
		}
	}
	if more := len(r.list) - maxConsequences; more > 0 {
		last := r.list[len(r.list)-1].Condition // of the least rank: an unknown one where there is any
		last.Summary = fmt.Sprintf("%d more, the last: %s", more, last.Summary)
		out.Consequences = append(out.Consequences, last)
	}
	return out
}
