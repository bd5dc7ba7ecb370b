package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/policy/azurepolicy"
	"github.com/azward/azward/report"
)

func policyCommand(a *app) *cobra.Command {
	c := &cobra.Command{Use: "policy", Short: "Which policies a tenant meets, and which property decides"}
	c.AddCommand(policyCheckCommand(a), policyUpdateCommand(a))
	return c
}

// policyCheck is what azward policy check is asked.
type policyCheck struct {
	estate      estateFlags
	definitions []string
	aliases     string
	initiative  string
	assigned    bool
	at          string
	failOn      []string
}

func policyCheckCommand(a *app) *cobra.Command {
	var f policyCheck
	c := &cobra.Command{
		Use: "check", Short: "Evaluate Azure Policy definitions on an estate", Args: cobra.NoArgs,
		Long: `Evaluate Azure Policy on the resources of an estate: definitions with their
default parameters, one initiative with --initiative, or what the tenant itself
assigns, with its parameters, exclusions, exemptions and overrides, with
--assigned. Nothing is asked of Azure.

Definitions come from --definitions, or from what azward policy update kept; a
tenant's own are read from the estate. A result is pass, fail, unknown or
exempt; unknown names what was not read. Definitions that are not evaluated are
told, with the reason.

Exit code 3 when --fail-on is met, 4 when it cannot be decided.`,
		Example: `  azward policy check --estate tenant.ndjson.zst
  azward policy check --estate tenant.ndjson.zst --initiative 1f3afdf9-d0c9-4c3d-847f-89da613e70a8
  azward policy check --assigned --output sarif -o policies.sarif --fail-on fail`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.policyCheck(cmd, &f) },
	}
	f.estate.add(c)
	flags := c.Flags()
	flags.StringArrayVar(&f.definitions, "definitions", nil, "file or folder of policy definitions and initiatives (repeatable)")
	flags.StringVar(&f.aliases, "aliases", "", "file of aliases: az provider list --expand resourceTypes/aliases, or lines of alias,path")
	flags.StringVar(&f.initiative, "initiative", "", "evaluate this initiative: its ID, name or display name")
	flags.BoolVar(&f.assigned, "assigned", false, "evaluate what the tenant assigns")
	flags.StringVar(&f.at, "at", "", "evaluate as of this time, RFC 3339 (default now)")
	flags.StringSliceVar(&f.failOn, "fail-on", nil, "exit with 3 when a result is fail")
	return c
}

func (a *app) policyCheck(cmd *cobra.Command, f *policyCheck) error {
	if err := a.only("table", "json", "sarif", "csv", "junit"); err != nil {
		return err
	}
	if f.assigned && f.initiative != "" {
		return &azward.Error{Kind: azward.KindUsage, Op: "check policies", Cause: "--assigned and --initiative exclude each other", Remedy: "use one of them"}
	}
	if i := slices.IndexFunc(f.failOn, func(s string) bool { return s != "fail" }); i >= 0 {
		return &azward.Error{Kind: azward.KindUsage, Op: "read --fail-on", Subject: f.failOn[i], Cause: "there is no such word", Remedy: "use fail"}
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
	policies, skipped, err := a.selectPolicies(e, catalog, f)
	if err != nil {
		return err
	}
	results := make([]report.Posture, 0, len(policies))
	checker := azurepolicy.NewChecker(e, at)
	for r := range checker.Check(policies) {
		results = append(results, posture(r))
	}
	if err := a.tellSkipped(skipped, len(policies), catalog.Aliases); err != nil {
		return err
	}
	if err := a.write(func(w io.Writer) error { return a.writePosture(w, results) }); err != nil {
		return err
	}
	return judgePosture(f.failOn, results, skipped)
}

func evaluationTime(s string) (time.Time, error) {
	if s == "" {
		return time.Now().UTC(), nil
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return at, &azward.Error{Kind: azward.KindUsage, Op: "read --at", Subject: fmt.Sprintf("%.40q", s), Cause: "it is no time of RFC 3339", Remedy: "write it as 2026-05-01T12:00:00Z", Err: err}
	}
	return at, nil
}

// selectPolicies compiles what is to be evaluated.
func (a *app) selectPolicies(e *estate.Estate, catalog *azurepolicy.Catalog, f *policyCheck) ([]*azurepolicy.Policy, []azurepolicy.Skipped, error) {
	switch {
	case f.initiative != "":
		s, ok := catalog.Initiative(f.initiative)
		if !ok {
			return nil, nil, &azward.Error{
				Kind: azward.KindNotFound, Op: "find initiative", Subject: f.initiative, Cause: "no file that was read has it",
				Remedy: "name files with --definitions, or keep them with azward policy update --from",
			}
		}
		policies, skipped := catalog.Of(s, nil)
		return policies, skipped, nil
	case f.assigned:
		return a.assignedPolicies(e, catalog)
	}
	policies, skipped := catalog.All()
	return policies, skipped, nil
}

func (a *app) assignedPolicies(e *estate.Estate, catalog *azurepolicy.Catalog) ([]*azurepolicy.Policy, []azurepolicy.Skipped, error) {
	assignments, gaps := azurepolicy.Assignments(e)
	if err := a.tellGaps(gaps); err != nil {
		return nil, nil, err
	}
	if len(assignments) == 0 {
		cause := "the estate holds no policy assignment"
		if _, missing := e.Absence("", azurepolicy.AssignmentType); len(missing) > 0 {
			cause = "the estate holds no policy assignment, and not all were read"
		}
		return nil, nil, &azward.Error{
			Kind: azward.KindNotFound, Op: "find assignments", Cause: cause,
			Remedy: "az policy assignment list --disable-scope-strict-match > assignments.json, and give it with another --estate",
		}
	}
	var policies []*azurepolicy.Policy
	var skipped []azurepolicy.Skipped
	for _, one := range assignments {
		p, s := catalog.Assigned(one)
		policies, skipped = append(policies, p...), append(skipped, s...)
	}
	return policies, skipped, nil
}

func (a *app) tellGaps(gaps []azward.Gap) error {
	for _, g := range gaps {
		if _, err := fmt.Fprintf(a.stderr, "not understood: %s: %s\n", g.Scope, g.Error); err != nil {
			return err
		}
	}
	return nil
}

// tellSkipped says what is not evaluated, and why.
func (a *app) tellSkipped(skipped []azurepolicy.Skipped, evaluated int, aliases *azurepolicy.Aliases) error {
	a.progress.clear()
	if a.quiet {
		return nil
	}
	var lines []string
	if aliases.Len() == 0 {
		lines = append(lines, "no list of aliases: properties are found by their names, and what is not found there is unknown (--aliases)")
	}
	if needs := countIf(skipped, func(s azurepolicy.Skipped) bool { return s.Needs }); needs > 0 {
		lines = append(lines, fmt.Sprintf("%d of %d policies are not evaluated: a parameter has no default; evaluate what assigns them", needs, evaluated+len(skipped)))
	}
	reasons := map[string]int{}
	for _, s := range skipped {
		if !s.Needs {
			reasons[s.Reason]++
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		lines = append(lines, fmt.Sprintf("%d not evaluated: %s", reasons[reason], reason))
	}
	for _, l := range lines {
		if _, err := fmt.Fprintln(a.stderr, l); err != nil {
			return err
		}
	}
	return nil
}

func countIf[T any](list []T, keep func(T) bool) int {
	n := 0
	for _, x := range list {
		if keep(x) {
			n++
		}
	}
	return n
}

// posture is a result as it is written.
func posture(r azurepolicy.Result) report.Posture {
	p := report.Posture{
		Resource: r.Resource.ID, Type: r.Resource.Type, Result: r.State.String(), Reason: r.Reason,
		Gaps: r.Gaps, Frameworks: []string{}, Comparisons: []report.PostureComparison{},
	}
	if r.Policy != nil {
		d := r.Policy.Definition
		p.Rule, p.Title, p.Category, p.Effect = cmp.Or(d.Name, d.ID.Name()), d.DisplayName, d.Category, r.Policy.Effect
		p.Frameworks = append(p.Frameworks, r.Policy.Groups...)
		p.Assignment = r.Policy.From.Assignment
	}
	cited := make([]azward.Evidence, 0, len(r.Leaves)+len(r.Proof))
	// What is more telling than the type comes first.
	leaves := slices.Clone(r.Leaves)
	slices.SortStableFunc(leaves, func(a, b azurepolicy.Leaf) int { return rank(a) - rank(b) })
	for _, l := range leaves {
		p.Comparisons = append(p.Comparisons, report.PostureComparison{
			Field: l.Field, Path: l.Path, Value: l.Value, Operator: l.Operator, Expected: l.Expected, Answer: l.Answer, Reason: l.Reason,
		})
		if l.Path != "" {
			cited = append(cited, l.Evidence())
		}
	}
	p.Evidence = append(cited, r.Proof...)
	return p
}

// rank puts what names the resource behind what it is set to.
func rank(l azurepolicy.Leaf) int {
	switch {
	case slices.Contains([]string{"type", "id", "name", "kind"}, strings.ToLower(l.Field)):
		return 2
	case l.Path == "":
		return 1
	default:
		return 0
	}
}

func (a *app) writePosture(w io.Writer, results []report.Posture) error {
	switch a.output {
	case "json":
		return writePostureJSON(w, results)
	case "sarif":
		return report.PostureSARIF(w, results, version)
	case "csv":
		return report.PostureCSV(w, results)
	case "junit":
		return report.PostureJUnit(w, results)
	}
	return writePostureTable(w, results)
}

// writePostureJSON writes one result a line within a list.
func writePostureJSON(w io.Writer, results []report.Posture) error {
	out := bufio.NewWriter(w)
	for i, p := range results {
		lead := ",\n"
		if i == 0 {
			lead = "[\n"
		}
		raw, err := json.Marshal(p)
		if err != nil {
			return fmt.Errorf("write result: %w", err)
		}
		if _, err := out.WriteString(lead + string(raw)); err != nil {
			return err
		}
	}
	end := "\n]\n"
	if len(results) == 0 {
		end = "[]\n"
	}
	if _, err := out.WriteString(end); err != nil {
		return err
	}
	return out.Flush()
}

// tallied counts the results of one policy.
type tallied struct {
	title, category string
	counts          map[string]int
	example         string
}

// maxPoliciesShown bounds the rows of the table; JSON and CSV have all.
const maxPoliciesShown = 60

func writePostureTable(w io.Writer, results []report.Posture) error {
	byRule := map[string]*tallied{}
	total := map[string]int{}
	for _, p := range results {
		t := byRule[p.Rule]
		if t == nil {
			t = &tallied{title: p.Title, category: p.Category, counts: map[string]int{}}
			byRule[p.Rule] = t
		}
		t.counts[p.Result]++
		total[p.Result]++
		if p.Result == "fail" && t.example == "" {
			t.example = p.Resource.Name()
			if len(p.Comparisons) > 0 && p.Comparisons[0].Path != "" {
				t.example += " " + p.Comparisons[0].Path
			}
		}
	}
	rows := make([]*tallied, 0, len(byRule))
	for _, t := range byRule {
		if t.counts["fail"]+t.counts["unknown"] > 0 {
			rows = append(rows, t)
		}
	}
	slices.SortFunc(rows, func(a, b *tallied) int {
		return cmp.Or(b.counts["fail"]-a.counts["fail"], b.counts["unknown"]-a.counts["unknown"], strings.Compare(a.title, b.title))
	})
	t := newTable("fail", "unknown", "pass", "exempt", "policy", "for example")
	for _, row := range rows[:min(len(rows), maxPoliciesShown)] {
		t.AppendRow(table.Row{row.counts["fail"], row.counts["unknown"], row.counts["pass"], row.counts["exempt"], cellOf(row.title), cellOf(row.example)})
	}
	if len(rows) > 0 {
		if _, err := fmt.Fprintln(w, t.Render()); err != nil {
			return err
		}
	}
	if more := len(rows) - maxPoliciesShown; more > 0 {
		if _, err := fmt.Fprintf(w, "and %d more policies: --output csv or json\n", more); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%d results: %d fail, %d unknown, %d pass, %d exempt\n", len(results), total["fail"], total["unknown"], total["pass"], total["exempt"])
	return err
}

// cellOf keeps a cell of a table readable.
func cellOf(s string) string {
	const letters = 70
	if r := []rune(s); len(r) > letters {
		return string(r[:letters-1]) + "…"
	}
	return s
}

func judgePosture(failOn []string, results []report.Posture, skipped []azurepolicy.Skipped) error {
	if len(failOn) == 0 {
		return nil
	}
	failed := countIf(results, func(p report.Posture) bool { return p.Result == "fail" })
	open := countIf(results, func(p report.Posture) bool { return p.Result == "unknown" })
	lost := countIf(skipped, func(s azurepolicy.Skipped) bool { return !s.Needs })
	switch {
	case failed > 0:
		return &azward.Error{Kind: azward.KindFailOn, Op: "--fail-on fail", Cause: fmt.Sprintf("%d results are fail", failed)}
	case open+lost > 0:
		return &azward.Error{
			Kind: azward.KindUndecided, Op: "--fail-on fail", Cause: fmt.Sprintf("nothing fails, but %d results are unknown and %d policies were not evaluated", open, lost),
			Remedy: "--output json says why; or accept exit code 4",
		}
	}
	return nil
}
