package vex_test

import (
	"encoding/json"
	"fmt"
	"testing"

	openvex "github.com/openvex/go-vex/pkg/vex"

	"github.com/azward/azward"
	"github.com/azward/azward/vex"
)

// everything is a verdict for every combination of answers, states and marks
// that a decision can have, and the same for the worst: none of them says more
// than another.
func everything() []azward.Verdict {
	answers := []azward.Answer{yes, no, unknown}
	var list []azward.Verdict
	for n := range 3 * 3 * 3 * 2 * 2 * 2 * 2 {
		a := [3]azward.Answer{answers[n%3], answers[n/3%3], answers[n/9%3]}
		flag := n / 27
		list = append(list, verdict(fmt.Sprintf("w%d", n), a, func(v *azward.Verdict) {
			if flag&1 != 0 {
				v.Stale = true
			}
			if flag&2 != 0 && v.Exploitable == no && a[0] == no && a[1] != no && a[2] != no {
				v.Result = azward.Dormant
			}
			if flag&4 != 0 {
				v.Dismissed = &azward.Dismissal{Reason: "x", Until: at}
			}
			if flag&8 != 0 {
				v.Finding.Affected = unknown
			}
		}))
	}
	return list
}

// mayHide says whether a reader may be told that the verdict is nothing to look
// at: it is decided, now, by something that no restart undoes.
func mayHide(v azward.Verdict, network bool) bool {
	affected, reachable := v.Conditions[1].Answer, v.Conditions[2].Answer
	return v.Exploitable == no && !v.Stale && v.Result != azward.Dormant && (affected == no || network && reachable == no)
}

// TestNothingIsHiddenThatIsNotDecided: over all combinations, no format says
// not affected of what is exploitable, unknown, dormant, stale or blocked by the
// network alone without being asked; and a dismissal changes nothing.
func TestNothingIsHiddenThatIsNotDecided(t *testing.T) {
	t.Parallel()
	list := everything()
	for _, asserted := range []bool{false, true} {
		o := options
		o.AssertNotAffected = asserted
		hidden := hiddenBy(t, list, o)
		for i, v := range list {
			for format, ids := range hidden {
				// CycloneDX has a word for a network block.
				if want := mayHide(v, asserted || format == "cdx"); ids[i] != want {
					t.Errorf("asserted %v, %s: %s (%v, stale %v): not affected %v, want %v", asserted, format, v.Workload.Name, v.Conditions, v.Stale, ids[i], want)
				}
			}
		}
	}
}

// hiddenBy tells for each format and verdict, by number, whether it is said to
// be not affected.
func hiddenBy(t *testing.T, list []azward.Verdict, o vex.Options) map[string]map[int]bool {
	t.Helper()
	number := map[string]int{}
	for i, v := range list {
		number["urn:azward:verdict:"+string(v.ID)] = i
	}
	hidden := map[string]map[int]bool{"openvex": {}, "csaf": {}, "cdx": {}}
	doc, err := openvex.Parse(written(t, formats()[0], list, o))
	if err != nil {
		t.Fatal(err)
	}
	for i := range doc.Statements {
		s := &doc.Statements[i]
		hidden["openvex"][number[s.ID]] = s.Status == openvex.StatusNotAffected || s.Status == openvex.StatusFixed
	}
	var csaf advisory
	if err := json.Unmarshal(written(t, formats()[1], list, o), &csaf); err != nil {
		t.Fatal(err)
	}
	for _, v := range csaf.Vulnerabilities {
		for _, p := range v.Status["known_not_affected"] {
			var pack, image, deployment int // each workload has one verdict, in order
			if _, err := fmt.Sscanf(p, "package-%d@image-%d@deployment-%d", &pack, &image, &deployment); err != nil {
				t.Fatal(err)
			}
			hidden["csaf"][deployment-1] = true
		}
	}
	var cdx struct {
		Vulnerabilities []struct {
			Ref      string `json:"bom-ref"`
			Analysis struct{ State string }
		}
	}
	if err := json.Unmarshal(written(t, formats()[2], list, o), &cdx); err != nil {
		t.Fatal(err)
	}
	for _, v := range cdx.Vulnerabilities {
		hidden["cdx"][number[v.Ref]] = v.Analysis.State != "exploitable" && v.Analysis.State != "in_triage"
	}
	return hidden
}
