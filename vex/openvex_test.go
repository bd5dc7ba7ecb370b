package vex_test

import (
	"bytes"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	openvex "github.com/openvex/go-vex/pkg/vex"

	"github.com/azward/azward"
	"github.com/azward/azward/vex"
)

var update = flag.Bool("update", false, "write the golden file")

const workload = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.App/containerApps/orders"

func verdict(id azward.VerdictID, answers [3]azward.Answer, fixed ...string) azward.Verdict {
	v := azward.Verdict{
		ID: id, Exploitable: azward.All(answers[:]...), Vulnerability: "CVE-2023-39325", Summary: "the sentence of " + string(id),
		Workload: azward.Workload{ID: workload, Kind: azward.ContainerApp, Name: "orders"},
		Image:    "contoso.azurecr.io/orders/api@sha256:aa", DecidedAt: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC),
		Finding: azward.Finding{ID: "CVE-2023-39325", Aliases: []string{"GO-2023-2102"}, PURL: "pkg:golang/golang.org/x/net@v0.15.0", FixedIn: fixed},
	}
	for i, c := range []azward.ConditionID{azward.Deployed, azward.Affected, azward.Reachable} {
		v.Conditions = append(v.Conditions, azward.Condition{ID: c, Answer: answers[i]})
	}
	return v
}

func TestOpenVEX(t *testing.T) {
	t.Parallel()
	const yes, no, unknown = azward.Yes, azward.No, azward.Unknown
	verdicts := []azward.Verdict{
		verdict("v-exploitable", [3]azward.Answer{yes, yes, yes}, "0.17.0"),
		verdict("v-no-fix", [3]azward.Answer{yes, yes, yes}),
		verdict("v-no-path", [3]azward.Answer{yes, yes, no}),
		verdict("v-not-affected", [3]azward.Answer{yes, no, yes}),
		verdict("v-stopped", [3]azward.Answer{no, yes, yes}),
		verdict("v-unknown", [3]azward.Answer{yes, yes, unknown}),
	}
	for _, tc := range []struct {
		name   string
		assert bool
		noPath openvex.Status
	}{
		{"a_network_block_is_no_property_of_the_product", false, openvex.StatusAffected},
		{"asserted", true, openvex.StatusNotAffected},
	} {
		raw, err := vex.OpenVEX(verdicts, vex.Options{Issued: verdicts[0].DecidedAt, AssertNotAffected: tc.assert})
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		doc, err := openvex.Parse(raw)
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		var got []openvex.Status
		for i := range doc.Statements {
			s := &doc.Statements[i]
			got = append(got, s.Status)
			if err := s.Validate(); err != nil {
				t.Errorf("%s: statement %s: %v", tc.name, s.ID, err)
			}
			if s.Products[0].ID != "https://management.azure.com"+workload {
				t.Errorf("%s: the product is %s and not the deployment", tc.name, s.Products[0].ID)
			}
		}
		want := []openvex.Status{openvex.StatusAffected, openvex.StatusAffected, tc.noPath, openvex.StatusNotAffected, openvex.StatusUnderInvestigation, openvex.StatusUnderInvestigation}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: statuses (-want +got):\n%s", tc.name, diff)
		}
	}
}

func TestOpenVEXGolden(t *testing.T) {
	t.Parallel()
	v := verdict("v-exploitable", [3]azward.Answer{azward.Yes, azward.Yes, azward.Yes}, "0.17.0")
	got, err := vex.OpenVEX([]azward.Verdict{v}, vex.Options{Issued: v.DecidedAt})
	if err != nil {
		t.Fatal(err)
	}
	again, err := vex.OpenVEX([]azward.Verdict{v}, vex.Options{Issued: v.DecidedAt})
	if err != nil || !bytes.Equal(got, again) {
		t.Errorf("written twice, the document differs: %v", err)
	}
	const file = "testdata/exploitable.openvex.json"
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("document (-want +got):\n%s", diff)
	}
}
