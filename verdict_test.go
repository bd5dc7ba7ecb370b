package azward_test

import (
	"strings"
	"testing"

	"github.com/azward/azward"
)

func TestVerdictID(t *testing.T) {
	t.Parallel()
	// The ID is stored and quoted in tickets, so its derivation never changes.
	const want = azward.VerdictID("v-ca2de6ed46f9f320")
	id := azward.NewVerdictID(cluster, "img", "CVE-2021-44228", "pkg:maven/x@1")
	if id != want {
		t.Errorf("got %s, want %s", id, want)
	}
	if other := azward.NewVerdictID(azward.ResourceID(strings.ToUpper(string(cluster))), "img", "CVE-2021-44228", "pkg:maven/x@1"); other != id {
		t.Error("another spelling of the workload gives another ID")
	}
	for _, other := range []azward.VerdictID{
		azward.NewVerdictID(group, "img", "CVE-2021-44228", "pkg:maven/x@1"),
		azward.NewVerdictID(cluster, "img2", "CVE-2021-44228", "pkg:maven/x@1"),
		azward.NewVerdictID(cluster, "img", "CVE-2021-45046", "pkg:maven/x@1"),
		azward.NewVerdictID(cluster, "img", "CVE-2021-44228", "pkg:maven/x@2"),
		azward.NewVerdictID(cluster, "imgCVE", "-2021-44228", "pkg:maven/x@1"),
	} {
		if other == id {
			t.Errorf("two questions share %s", id)
		}
	}
	if got, err := azward.ParseVerdictID(string(id)); err != nil || got != id {
		t.Errorf("read as %q, %v", got, err)
	}
	if got, err := azward.ParseVerdictID(strings.ToUpper(string(id))); err != nil || got != id {
		t.Errorf("in upper case it is read as %q, %v", got, err)
	}
	for _, bad := range []string{"", "v-", "64b7eb3ac3402d5f", "v-64b7eb3ac3402d5", "v-64b7eb3ac3402d5f0", "v-64b7eb3ac3402d5g", strings.Repeat("v", 1<<20)} {
		got, err := azward.ParseVerdictID(bad)
		if azward.KindOf(err) != azward.KindUsage || got != "" || len(err.Error()) > 300 {
			t.Errorf("%.40q is read as %q, %v", bad, got, err)
		}
	}
}
