package verdict

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/azward/azward"
)

// ChangeKind says how a verdict moved from one scan to the next.
type ChangeKind string

// Kinds of change, the most urgent first.
const (
	New       ChangeKind = "new"      // nobody knew of it
	Reopened  ChangeKind = "reopened" // it was not exploitable, or dormant
	Changed   ChangeKind = "changed"  // open before and after, with another result
	Closed    ChangeKind = "closed"   // not exploitable any more, or gone
	Unchanged ChangeKind = "unchanged"
)

// ChangeKinds lists all, the most urgent first.
func ChangeKinds() []ChangeKind { return []ChangeKind{New, Reopened, Changed, Closed, Unchanged} }

// Change is one verdict in two scans.
type Change struct {
	Kind ChangeKind `json:"kind"`
	// Verdict is the later one; of what is gone, the earlier.
	Verdict azward.Verdict `json:"verdict"`
	// Before is the earlier result, "" for a new one; Gone says that the later
	// scan does not have it: the package, the image or the workload went.
	Before azward.Result `json:"before,omitempty"`
	Gone   bool          `json:"gone,omitempty"`
	// Fact that makes the difference; nil where none was read otherwise.
	Fact *FactChange `json:"fact,omitempty"`
}

// FactChange is one property of one resource in two scans.
type FactChange struct {
	Condition azward.ConditionID `json:"condition"`
	Resource  azward.ResourceID  `json:"resource"`
	Property  string             `json:"property"`
	Before    json.RawMessage    `json:"before"` // null: was not cited
	After     json.RawMessage    `json:"after"`  // null: is not cited any more
}

// Changes compares the verdicts of two scans, the most urgent change first.
func Changes(before, after []azward.Verdict) []Change {
	earlier := make(map[azward.VerdictID]azward.Verdict, len(before))
	for _, v := range before {
		earlier[v.ID] = v
	}
	changes := make([]Change, 0, len(after))
	for _, v := range after {
		was, ok := earlier[v.ID]
		delete(earlier, v.ID)
		changes = append(changes, changeOf(was, v, ok))
	}
	for _, v := range before {
		if _, gone := earlier[v.ID]; gone {
			kind := Closed
			if v.Exploitable == azward.No {
				kind = Unchanged
			}
			changes = append(changes, Change{Kind: kind, Verdict: v, Before: v.Result, Gone: true})
		}
	}
	rank := map[ChangeKind]int{}
	for i, k := range ChangeKinds() {
		rank[k] = i
	}
	slices.SortStableFunc(changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(rank[a.Kind], rank[b.Kind]), Compare(a.Verdict, b.Verdict))
	})
	return changes
}

func changeOf(was, is azward.Verdict, known bool) Change {
	c := Change{Kind: Unchanged, Verdict: is, Before: was.Result}
	open := func(v azward.Verdict) bool { return v.Exploitable != azward.No }
	switch {
	case !known:
		c.Kind = New
		return c
	case !open(was) && open(is):
		c.Kind = Reopened
	case open(was) && !open(is):
		c.Kind = Closed
	case was.Result != is.Result:
		c.Kind = Changed
	default:
		return c
	}
	c.Fact = factChanged(was, is)
	return c
}

// factChanged looks for the fact that moved a verdict: in the conditions whose
// answer changed, first a value that differs, then one that is cited by one
// side alone.
func factChanged(was, is azward.Verdict) *FactChange {
	var oneSided *FactChange
	for i, c := range is.Conditions {
		if i >= len(was.Conditions) || was.Conditions[i].ID != c.ID || was.Conditions[i].Answer == c.Answer {
			continue
		}
		earlier := was.Conditions[i].Evidence
		for _, e := range c.Evidence {
			at := slices.IndexFunc(earlier, func(o azward.Evidence) bool { return samePlace(o, e) })
			if at >= 0 && !bytes.Equal(earlier[at].Value, e.Value) {
				return &FactChange{c.ID, e.Resource, e.Property, earlier[at].Value, e.Value}
			}
			if at < 0 && oneSided == nil && e.Source != azward.SourceListing {
				oneSided = &FactChange{c.ID, e.Resource, e.Property, nil, e.Value}
			}
		}
		for _, e := range earlier {
			if oneSided == nil && e.Source != azward.SourceListing && !slices.ContainsFunc(c.Evidence, func(o azward.Evidence) bool { return samePlace(o, e) }) {
				oneSided = &FactChange{c.ID, e.Resource, e.Property, e.Value, nil}
			}
		}
	}
	return oneSided
}

func samePlace(a, b azward.Evidence) bool {
	return a.Resource.Equal(b.Resource) && a.Property == b.Property
}

// Footing names what a verdict rests on: its result and the facts that its
// conditions cite, but not when they were read. A person's decision about a
// verdict holds as long as this stays the same.
func Footing(v azward.Verdict) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s %v\n", v.Result, v.Prerequisites)
	for _, c := range v.Conditions {
		fmt.Fprintf(h, "%s %s\n", c.ID, c.Answer)
		for _, e := range c.Evidence {
			if e.Source != azward.SourceListing {
				fmt.Fprintf(h, "%s %s %s\n", e.Resource.Key(), e.Property, e.Value)
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Dismiss marks a verdict with a dismissal that holds at a time: before its
// last day has gone, and while the verdict rests on what it rested on.
func Dismiss(v azward.Verdict, d azward.Dismissal, now time.Time) azward.Verdict {
	if now.Before(d.Until) && Footing(v) == d.Footing {
		v.Dismissed = &d
	}
	return v
}
