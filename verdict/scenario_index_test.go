package verdict_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
)

// TestFalseNo tells how the library is made up, and how often azward says no
// of what is exploitable in truth: never. `make test` prints it.
func TestFalseNo(t *testing.T) {
	t.Parallel()
	const few = 60 // the library's size that users were promised
	all := scenarios(t)
	if len(all) < few {
		t.Errorf("%d scenarios, want %d or more", len(all), few)
	}
	of := map[azward.Result]int{}
	var open, wrong, better int
	for _, s := range all {
		v := s.ask(t, s.estate(t, nil))
		of[v.Result]++
		truth := answerOf(s.expected.truth())
		if truth == azward.Yes {
			open++
			if v.Exploitable == azward.No {
				wrong++
				t.Errorf("%s: azward says no, and it is %s: %s", s.name, s.expected.truth(), v.Summary)
			}
		}
		if v.Result != s.expected.truth() {
			better++
		}
	}
	counts := make([]string, 0, len(of))
	for _, r := range azward.Results() {
		counts = append(counts, fmt.Sprintf("%d %s", of[r], r))
	}
	t.Logf("scenarios: %d (%s)", len(all), strings.Join(counts, ", "))
	t.Logf("false-no rate: %d of %d exploitable ones (%.1f %%); %d say less than, or other than, what is true", wrong, open, 100*float64(wrong)/float64(max(open, 1)), better)
}

const indexFile = "../docs/scenarios.md"

const indexHead = `# Scenarios

Each scenario is one page of text in [verdict/testdata/scenarios](../verdict/testdata/scenarios): a workload with its image, an advisory, the Azure resources and Kubernetes objects around it, one question, and what is true, with the page of Microsoft's or Kubernetes' documentation that says so. ` + "`go test ./verdict`" + ` asks azward every question and takes every fact away once: no verdict becomes more certain by that, or turns into its opposite.

How to read one: the text above the first ` + "`-- section --`" + ` says what it shows. *question* names vulnerability, package and workload; *include* are files to start from, whose parts the scenario may replace; *arm* and *kubernetes* are the resources; *unread* are the listings that were not read (all others were read to their end); *expected* is what is true, and which conditions and facts decide; *evidence* is all that the deciding conditions cite. ` + "`${net}`, `${rg}`, `${vm}`, `${cluster}`" + ` and the like stand for long resource IDs.

To add one, copy the nearest, change it, and run ` + "`go test ./verdict -run Scenario -update`" + `, which writes the evidence and this page, but never what is expected.

Where the truth is in brackets, azward cannot know it from what it reads and says less, or warns of more; the scenario tells why.
`

// group heads the tables of the index, by the first word of a scenario's name.
var groups = []struct{ prefix, title string }{
	{"vm", "Machines and scale sets"},
	{"app_gateway", "Application Gateway"},
	{"front_door", "Front Door"},
	{"classic_front_door", "Front Door (classic)"},
	{"api_management", "API Management"},
	{"aks", "Kubernetes"},
	{"container_app", "Container Apps"},
	{"container_instance", "Container Instances"},
	{"appservice", "App Service"},
	{"functions", "Functions"},
	{"affected", "Is the package affected?"},
	{"malicious", "Malware"},
	{"attacker", "What an attacker needs, and where he starts"},
	{"impact", "What follows, and what makes it smaller"},
	{"aged", "The age of facts"},
	{"", "Other"},
}

func groupOf(name string) string {
	for _, g := range groups {
		if strings.HasPrefix(name, g.prefix) {
			return g.title
		}
	}
	return ""
}

func TestScenarioIndex(t *testing.T) {
	t.Parallel()
	all := scenarios(t)
	var b strings.Builder
	b.WriteString(indexHead)
	fmt.Fprintf(&b, "\n%d scenarios.\n", len(all))
	for _, g := range groups {
		members := slices.DeleteFunc(slices.Clone(all), func(s scenario) bool { return groupOf(s.name) != g.title })
		if len(members) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n| scenario | what it shows | result | decided by |\n|---|---|---|---|\n", g.title)
		for _, s := range members {
			b.WriteString(s.row())
		}
	}
	if *update {
		if err := os.WriteFile(indexFile, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	raw, err := os.ReadFile(indexFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(raw), "\n"), strings.Split(b.String(), "\n")); diff != "" {
		t.Errorf("the index (-page +scenarios); run go test ./verdict -run Scenario -update:\n%s", diff)
	}
}

// row is a scenario's line in the index.
func (s scenario) row() string {
	result := string(s.expected.Result)
	if s.expected.Truth != "" {
		result += " (" + string(s.expected.Truth) + ")"
	}
	decided := make([]string, 0, len(s.expected.Decided))
	for _, c := range s.expected.Decided {
		decided = append(decided, string(c))
	}
	for _, n := range s.expected.Needs {
		result += ", " + string(n)
	}
	return fmt.Sprintf("| [%s](../verdict/testdata/scenarios/%s.txtar) | %s | %s | %s |\n", s.name, s.name, strings.ReplaceAll(s.title, "|", `\|`), result, strings.Join(decided, ", "))
}
