package vex_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	openvex "github.com/openvex/go-vex/pkg/vex"

	"github.com/azward/azward"
	"github.com/azward/azward/vex"
)

func TestOpenVEX(t *testing.T) {
	t.Parallel()
	const ui, aff, not = openvex.StatusUnderInvestigation, openvex.StatusAffected, openvex.StatusNotAffected
	want := map[string]openvex.Status{
		"exploitable": aff, "conditional": aff, "no-fix": aff, "declined": aff, "dismissed": aff, "by-tag": aff,
		"stopped": ui, "another-digest": ui, "undecided": ui, "stale": ui,
		"kernel": not, "not-affected": not,
	}
	justified := map[string]openvex.Justification{"kernel": openvex.VulnerableCodeNotInExecutePath, "not-affected": openvex.VulnerableCodeNotPresent}
	for _, assert := range []bool{false, true} {
		want["no-path"] = aff // a network block is no property of the product
		if assert {
			want["no-path"], justified["no-path"] = not, openvex.VulnerableCodeCannotBeControlledByAdversary
		}
		o := options
		o.AssertNotAffected = assert
		doc, err := openvex.Parse(written(t, formats()[0], verdicts(), o))
		if err != nil {
			t.Fatal(err)
		}
		byID := map[string]azward.Verdict{}
		for _, v := range verdicts() {
			byID["urn:azward:verdict:"+string(v.ID)] = v
		}
		got, why := map[string]openvex.Status{}, map[string]openvex.Justification{}
		for i := range doc.Statements {
			s := &doc.Statements[i]
			v := byID[s.ID]
			got[v.Workload.Name] = s.Status
			if s.Justification != "" {
				why[v.Workload.Name] = s.Justification
			}
			if s.Products[0].ID != "https://management.azure.com"+string(v.Workload.ID) {
				t.Errorf("the product is %s and not the deployment", s.Products[0].ID)
			}
			if s.Status == not && s.ImpactStatement == "" {
				t.Errorf("%s: not affected without an impact statement", v.Workload.Name)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("asserted %v: statuses (-want +got):\n%s", assert, diff)
		}
		if diff := cmp.Diff(justified, why); diff != "" {
			t.Errorf("asserted %v: justifications (-want +got):\n%s", assert, diff)
		}
	}
}

// TestImageIsAsBadAsItsWorstDeployment: an image is spoken free only when all
// deployments of it are.
func TestImageIsAsBadAsItsWorstDeployment(t *testing.T) {
	t.Parallel()
	shielded := verdict("shielded", [3]azward.Answer{yes, yes, no})
	for name, c := range map[string]struct {
		other []azward.Verdict
		want  openvex.Status
	}{
		"alone":                 {nil, openvex.StatusNotAffected},
		"beside_exploitable":    {[]azward.Verdict{verdict("open", [3]azward.Answer{yes, yes, yes})}, openvex.StatusAffected},
		"beside_undecided":      {[]azward.Verdict{verdict("odd", [3]azward.Answer{yes, yes, unknown})}, openvex.StatusUnderInvestigation},
		"beside_another_digest": {[]azward.Verdict{verdict("new", [3]azward.Answer{yes, yes, yes}, func(v *azward.Verdict) { v.Image = "contoso.azurecr.io/orders/api@sha256:" + digest[8:] + "0" })}, openvex.StatusNotAffected},
		"copied_elsewhere":      {[]azward.Verdict{verdict("copy", [3]azward.Answer{yes, yes, yes}, func(v *azward.Verdict) { v.Image = "other.azurecr.io/backup/of-api@" + digest })}, openvex.StatusAffected},
	} {
		o := options
		o.AssertNotAffected, o.Product = true, vex.Images
		for _, order := range [][]azward.Verdict{append([]azward.Verdict{shielded}, c.other...), append(append([]azward.Verdict{}, c.other...), shielded)} {
			doc, err := openvex.Parse(written(t, formats()[0], order, o))
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range doc.Statements {
				if s.Products[0].Matches(digest[len("sha256:"):], "pkg:golang/golang.org/x/net@v0.15.0") && s.Status != c.want {
					t.Errorf("%s: %s, want %s", name, s.Status, c.want)
				}
			}
		}
	}
}
