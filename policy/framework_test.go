package policy_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/azward/azward/policy"
	"github.com/azward/azward/report"
)

var update = flag.Bool("update", false, "write docs/cis.md")

const cis = "CIS Azure Foundations 6.0"

// TestFrameworks: every item is decided by a rule or says why none does, never
// both, and each mapping names an item that exists, by a rule that reads
// something.
func TestFrameworks(t *testing.T) {
	t.Parallel()
	frameworks, err := policy.Frameworks()
	if err != nil {
		t.Fatal(err)
	}
	rules, _, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range frameworks {
		decided := map[string]bool{}
		known := map[string]bool{}
		for _, i := range f.Items {
			if known[i.Item] {
				t.Errorf("%s: %s stands twice", f.Name, i.Item)
			}
			known[i.Item] = true
		}
		for _, r := range rules {
			for _, of := range r.Frameworks {
				name, item, _ := strings.Cut(of, ": ")
				if name != f.Name {
					continue
				}
				decided[item] = true
				if !known[item] {
					t.Errorf("%s names %s, which does not exist", r.ID, of)
				}
				if len(r.Reads) == 0 {
					t.Errorf("%s decides %s and reads nothing", r.ID, of)
				}
			}
		}
		for _, i := range f.Items {
			switch {
			case decided[i.Item] && (i.Why != "" || i.Because != "" || i.Title != ""):
				t.Errorf("%s: %s is decided by a rule, and says that it is not", f.Name, i.Item)
			case !decided[i.Item] && (!slices.Contains([]string{"manual", "unreadable", "unread"}, i.Why) || i.Because == "" || i.Title == ""):
				t.Errorf("%s: %s is decided by no rule, and does not say why: %+v", f.Name, i.Item, i)
			}
			if i.Level < 1 || i.Level > 2 || i.CIS != "automated" && i.CIS != "manual" {
				t.Errorf("%s: %+v", f.Name, i)
			}
		}
	}
	if len(frameworks) != 1 || frameworks[0].Name != cis || len(frameworks[0].Items) != 127 {
		t.Error("CIS 6.0 has 127 items")
	}
}

// TestCoverage: a result counts for each item that it names; a framework that
// is not listed has the items that rules and results name.
func TestCoverage(t *testing.T) {
	t.Parallel()
	rules, _, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	results := []report.Posture{{Rule: "x", Result: "fail", Frameworks: []string{cis + ": 9.3.4", "House: 7", "NS-1"}}}
	all, err := policy.Coverage(rules, slices.Values(results), "")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]int{}
	for _, f := range all {
		names[f.Name] = len(f.Items)
	}
	if names[cis] != 127 || names["House"] != 1 || names["Groups of initiatives"] != 1 || names["MCSB"] == 0 {
		t.Errorf("frameworks %v", names)
	}
	only, err := policy.Coverage(rules, slices.Values(results), "cis")
	if err != nil || len(only) != 1 || !only[0].Whole {
		t.Fatalf("%v %v", only, err)
	}
	states := map[string]string{}
	for _, i := range only[0].Items {
		states[i.Item] = i.State()
	}
	for item, want := range map[string]string{"9.3.4": "fail", "9.3.8": "nothing to judge", "7.7": "manual", "8.3.11": "not covered"} {
		if states[item] != want {
			t.Errorf("%s is %q, want %q", item, states[item], want)
		}
	}
}

// TestCISPage holds docs/cis.md against rules and items.
func TestCISPage(t *testing.T) {
	t.Parallel()
	const file = "../docs/cis.md"
	want := cisPage(t)
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil || string(got) != want {
		t.Errorf("%s is stale: go test ./policy -run TestCISPage -update (%v)", file, err)
	}
}

func cisPage(t *testing.T) string {
	t.Helper()
	rules, _, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	found, err := policy.Coverage(rules, slices.Values([]report.Posture{}), cis)
	if err != nil || len(found) != 1 {
		t.Fatalf("%v %v", found, err)
	}
	var rows strings.Builder
	covered, why := 0, map[string]int{}
	for _, i := range found[0].Items {
		answer := i.Because
		if len(i.Rules) > 0 {
			covered++
			answer = "`" + strings.Join(i.Rules, "`, `") + "`"
		} else {
			why[i.Why]++
		}
		fmt.Fprintf(&rows, "| %s | %d | %s | %s |\n", i.Item, i.Level, i.Title, strings.ReplaceAll(answer, "|", "\\|"))
	}
	return fmt.Sprintf(`# CIS Azure Foundations 6.0

Of the %d items of [CIS Microsoft Azure Foundations Benchmark](https://www.cisecurity.org/benchmark/azure) 6.0.0, %d are decided by rules of azward. Of the others, %d are for people alone to know, %d are shown by no interface to a reader, and %d azward does not read yet. Titles are azward's own; the benchmark's text is CIS's.

`+"`azward policy check --profile CIS --output markdown`"+` writes this table with a tenant's answers. This page is generated: `+"`go test ./policy -run TestCISPage -update`"+`.

| item | level | what is so when all is well | decided by, or why not |
|---|---|---|---|
%s`, len(found[0].Items), covered, why["manual"], why["unreadable"], why["unread"], rows.String())
}
