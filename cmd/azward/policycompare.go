package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/azward/azward"
	"github.com/azward/azward/policy/azurepolicy"
	"github.com/azward/azward/report"
)

// policyCompare is what azward policy compare is asked.
type policyCompare struct {
	estate      estateFlags
	definitions []string
	aliases     string
	at          string
	failOn      []string
}

func policyCompareCommand(a *app) *cobra.Command {
	var f policyCompare
	c := &cobra.Command{
		Use: "compare", Short: "Hold our answers against Azure's own policy states", Args: cobra.NoArgs,
		Long: `Evaluate what the tenant assigns, and compare each answer to the one that Azure
Policy itself gave last, as Resource Graph has it. The two disagree where a
resource changed since Azure looked, where azward is wrong, or where Azure is:
the property that decided ours stands beside it.

Exit code 3 when --fail-on disagree is met.`,
		Example: `  azward policy compare
  azward policy compare --estate tenant.ndjson.zst --output json`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.policyCompare(cmd, &f) },
	}
	f.estate.add(c)
	flags := c.Flags()
	flags.StringArrayVar(&f.definitions, "definitions", nil, "file or folder of policy definitions and initiatives (repeatable)")
	flags.StringVar(&f.aliases, "aliases", "", "file of aliases: az provider list --expand resourceTypes/aliases, or lines of alias,path")
	flags.StringVar(&f.at, "at", "", "evaluate as of this time, RFC 3339 (default now)")
	flags.StringSliceVar(&f.failOn, "fail-on", nil, "exit with 3 on: disagree")
	return c
}

func (a *app) policyCompare(cmd *cobra.Command, f *policyCompare) error {
	if err := a.only("table", "json"); err != nil {
		return err
	}
	if i := slices.IndexFunc(f.failOn, func(s string) bool { return s != "disagree" }); i >= 0 {
		return &azward.Error{Kind: azward.KindUsage, Op: "read --fail-on", Subject: fmt.Sprintf("%.40q", f.failOn[i]), Cause: "there is no such word", Remedy: "use disagree"}
	}
	at, err := evaluationTime(f.at)
	if err != nil {
		return err
	}
	e, err := f.estate.open(a, cmd)
	if err != nil {
		return err
	}
	catalog, err := a.policyCatalog(e, f.definitions, f.aliases)
	if err != nil {
		return err
	}
	if err := needDefinitions(catalog); err != nil {
		return err
	}
	policies, _, err := a.assignedPolicies(e, catalog)
	if err != nil {
		return err
	}
	results := slices.Collect(azurepolicy.NewChecker(e, at).Check(policies))
	list, gaps := azurepolicy.States(e, results)
	if err := a.tellGaps(gaps); err != nil {
		return err
	}
	slices.SortStableFunc(list, func(a, b azurepolicy.Compared) int { return cmp.Compare(urgency(a.Agreement), urgency(b.Agreement)) })
	err = a.write(func(w io.Writer) error {
		if a.output == "json" {
			if list == nil {
				list = []azurepolicy.Compared{}
			}
			return report.JSON(w, list)
		}
		return writeCompared(w, list)
	})
	disagree := countIf(list, func(c azurepolicy.Compared) bool { return c.Agreement == azurepolicy.Disagree })
	if err == nil && len(f.failOn) > 0 && disagree > 0 {
		return &azward.Error{Kind: azward.KindFailOn, Op: "--fail-on disagree", Cause: fmt.Sprintf("%d answers differ from Azure's", disagree)}
	}
	return err
}

// urgency puts disagreement first and agreement last.
func urgency(a azurepolicy.Agreement) int {
	return slices.Index([]azurepolicy.Agreement{
		azurepolicy.Disagree, azurepolicy.OursOpen, azurepolicy.AzuresOpen, azurepolicy.OnlyAzures, azurepolicy.OnlyOurs, azurepolicy.Agree,
	}, a)
}

var agreementWords = map[azurepolicy.Agreement]string{
	azurepolicy.Disagree: "disagree", azurepolicy.OursOpen: "we do not know", azurepolicy.AzuresOpen: "Azure does not know",
	azurepolicy.OnlyAzures: "only Azure says something", azurepolicy.OnlyOurs: "only we say something", azurepolicy.Agree: "agree",
}

// writeCompared lists what differs, and counts the rest.
func writeCompared(w io.Writer, list []azurepolicy.Compared) error {
	counts := map[azurepolicy.Agreement]int{}
	t := newTable("", "policy", "resource", "ours", "Azure's", "of", "decided by")
	rows := 0
	for _, c := range list {
		counts[c.Agreement]++
		if c.Agreement == azurepolicy.Agree {
			continue
		}
		rows++
		decided := c.Reason
		if decided == "" && len(c.Leaves) > 0 {
			l := c.Leaves[0]
			decided = fmt.Sprintf("%s is %s", l.Field, l.Value)
		}
		since := ""
		if !c.AzureAt.IsZero() {
			since = c.AzureAt.Format("2006-01-02")
		}
		t.AppendRow(table.Row{agreementWords[c.Agreement], cellOf(cmp.Or(c.Policy, c.Definition.Name())), c.Resource.Name(), c.Ours, c.Azure, since, cellOf(decided)})
	}
	t.SetColumnConfigs([]table.ColumnConfig{{Number: 2, WidthMax: 36}, {Number: 3, WidthMax: 24}, {Number: 7, WidthMax: 36}})
	if rows > 0 {
		if _, err := fmt.Fprintln(w, t.Render()); err != nil {
			return err
		}
	}
	var parts []string
	for _, a := range []azurepolicy.Agreement{azurepolicy.Agree, azurepolicy.Disagree, azurepolicy.OursOpen, azurepolicy.AzuresOpen, azurepolicy.OnlyAzures, azurepolicy.OnlyOurs} {
		if counts[a] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[a], agreementWords[a]))
		}
	}
	if len(parts) == 0 {
		parts = []string{"nothing to compare: the estate holds no policy states, and no assigned policy gives an answer"}
	}
	_, err := fmt.Fprintln(w, strings.Join(parts, ", "))
	return err
}
