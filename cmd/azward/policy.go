package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/policy"
	"github.com/azward/azward/policy/azurepolicy"
	"github.com/azward/azward/report"
)

func policyCommand(a *app) *cobra.Command {
	c := &cobra.Command{Use: "policy", Short: "Which rules and policies a tenant meets, and which property decides"}
	c.AddCommand(policyCheckCommand(a), policyCompareCommand(a), policyDefenderCommand(a), policyListCommand(a), policyTestCommand(a), policyTrendCommand(a), policyUpdateCommand(a))
	return c
}

// policyCheck is what azward policy check is asked.
type policyCheck struct {
	estate       estateFlags
	planned      plannedFlags
	definitions  []string
	aliases      string
	initiative   string
	assigned     bool
	profile      string
	rules        []string
	suppressions []string
	at           string
	failOn       []string
}

func policyCheckCommand(a *app) *cobra.Command {
	var f policyCheck
	c := &cobra.Command{
		Use: "check", Short: "Evaluate rules and Azure Policy definitions on an estate", Args: cobra.NoArgs,
		Long: `Evaluate rules and Azure Policy on the resources of an estate: a profile of
azward's own rules, those of --rules, and Microsoft's definitions with their
default parameters; or one initiative with --initiative; or what the tenant
itself assigns, with its parameters, exclusions, exemptions and overrides, with
--assigned. Nothing is asked of Azure.

Profiles: default (all rules, and the definitions of the Microsoft cloud
security benchmark and CIS Azure Foundations, as far as they were read), rules,
all, or the beginning of a framework's name, such as CIS, MCSB, NIST.

Definitions come from --definitions, or from what azward policy update kept; a
tenant's own are read from the estate. Definitions that --definitions names are
all evaluated, unless --profile says otherwise. A result is pass, fail, unknown,
exempt or suppressed; unknown names what was not read. What is not evaluated is
told, with the reason.

What fails comes first: the severe, then what the internet reaches, then by
what follows from a take-over. --suppressions leaves results aside, with reason
and end.

Exit code 3 when --fail-on is met, 4 when it cannot be decided.`,
		Example: `  azward policy check
  azward policy check --profile CIS --estate tenant.ndjson.zst
  azward policy check --rules rules/ --suppressions suppressions.yaml --fail-on fail
  azward policy check --initiative 1f3afdf9-d0c9-4c3d-847f-89da613e70a8
  azward policy check --profile CIS --output markdown -o cis.md
  azward policy check --assigned --output sarif -o policies.sarif --fail-on fail`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.policyCheck(cmd, &f) },
	}
	f.estate.add(c)
	f.planned.add(c)
	f.addSelection(c)
	flags := c.Flags()
	flags.StringArrayVar(&f.suppressions, "suppressions", nil, "file of suppressions (repeatable)")
	flags.StringVar(&f.at, "at", "", "evaluate as of this time, RFC 3339 (default now)")
	flags.StringSliceVar(&f.failOn, "fail-on", nil, "exit with 3 when a result is fail")
	return c
}

// addSelection adds the flags that say what is evaluated.
func (f *policyCheck) addSelection(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.profile, "profile", "", "default, rules, all, or the beginning of a framework's name (default default)")
	flags.StringArrayVar(&f.rules, "rules", nil, "folder of rules beside azward's own (repeatable)")
	flags.StringArrayVar(&f.definitions, "definitions", nil, "file or folder of policy definitions and initiatives (repeatable)")
	flags.StringVar(&f.aliases, "aliases", "", "file of aliases: az provider list --expand resourceTypes/aliases, or lines of alias,path")
	flags.StringVar(&f.initiative, "initiative", "", "evaluate this initiative: its ID, name or display name")
	flags.BoolVar(&f.assigned, "assigned", false, "evaluate what the tenant assigns")
}

func (f *policyCheck) check() error {
	if f.assigned && f.initiative != "" {
		return &azward.Error{Kind: azward.KindUsage, Op: "check policies", Cause: "--assigned and --initiative exclude each other", Remedy: "use one of them"}
	}
	if f.profile != "" && (f.assigned || f.initiative != "") {
		return &azward.Error{Kind: azward.KindUsage, Op: "check policies", Cause: "--profile goes neither with --assigned nor with --initiative", Remedy: "use one of them"}
	}
	if i := slices.IndexFunc(f.failOn, func(s string) bool { return s != "fail" }); i >= 0 {
		return &azward.Error{Kind: azward.KindUsage, Op: "read --fail-on", Subject: f.failOn[i], Cause: "there is no such word", Remedy: "use fail"}
	}
	return nil
}

func (a *app) policyCheck(cmd *cobra.Command, f *policyCheck) error {
	if err := a.only("table", "json", "sarif", "csv", "junit", "ocsf", "markdown"); err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	at, err := evaluationTime(f.at)
	if err != nil {
		return err
	}
	suppressions, err := a.configured(cmd.Context(), f)
	if err != nil {
		return err
	}
	e, would, err := f.planned.open(a, cmd, &f.estate, at, f.assigned)
	if err != nil {
		return err
	}
	catalog, err := a.policyCatalog(e, f.definitions, f.aliases)
	if err != nil {
		return err
	}
	profile, lost, err := a.selectProfile(e, catalog, f)
	if err != nil {
		return err
	}
	results, err := a.evaluate(e, profile, at, suppressions, keepingOf(a.output), would)
	if err != nil {
		return err
	}
	return errors.Join(a.tellPosture(f, profile, catalog, results, suppressions, at, lost), results.close())
}

// tellPosture writes the results, and gives an error where --fail-on is met.
func (a *app) tellPosture(f *policyCheck, profile policy.Profile, catalog *azurepolicy.Catalog, results *postures, suppressions []*policy.Suppression, at time.Time, lost int) error {
	if err := a.tellSkipped(profile, catalog); err != nil {
		return err
	}
	for _, line := range policy.Stale(suppressions, at) {
		if _, err := fmt.Fprintln(a.stderr, line); err != nil {
			return err
		}
	}
	if err := a.write(func(w io.Writer) error { return a.writePosture(w, f, profile, results, at) }); err != nil {
		return err
	}
	return judgePosture(f.failOn, results, profile.Skipped, lost)
}

// keeping is which results are kept beside their counts.
type keeping int8

const (
	keepNone keeping = iota
	keepOpen         // all but passes
	keepAll
)

// keepingOf is what a format shows.
func keepingOf(output string) keeping {
	switch output {
	case "table":
		return keepNone
	case "sarif":
		return keepOpen
	}
	return keepAll
}

// evaluate gives the results of both engines, ranked. The caller closes them.
func (a *app) evaluate(e *estate.Estate, profile policy.Profile, at time.Time, suppressions []*policy.Suppression, keep keeping, would *planned) (*postures, error) {
	results := newPostures()
	checker := policy.NewChecker(e, at)
	take := func(p report.Posture) {
		if !would.place(&p) {
			return
		}
		policy.Suppress(&p, suppressions, at)
		if p.Result == "fail" || p.Result == "unknown" {
			checker.Rank(&p)
		}
		results.tally.add(p)
		if keep == keepAll || keep == keepOpen && p.Result != "pass" {
			results.keep(&p)
		}
	}
	lifecycle, closeIndex := a.lifecycle(at)
	defer closeIndex()
	checker.Lifecycle = lifecycle
	for r := range checker.Check(profile.Rules) {
		if r.State == azurepolicy.Pass && keep != keepAll && would == nil {
			results.tally.pass(r.Rule.ID, r.Rule.Title, r.Rule.Severity)
			continue
		}
		take(r.Posture())
	}
	policies := azurepolicy.NewChecker(e, at)
	policies.Brief = keep != keepAll && would == nil
	for r := range policies.Check(profile.Policies) {
		take(policy.AzurePosture(r))
	}
	if results.bad != nil {
		return nil, errors.Join(results.bad, results.close())
	}
	results.sort()
	return results, nil
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

// selectProfile compiles what is to be evaluated; lost counts the rules that
// do not load.
func (a *app) selectProfile(e *estate.Estate, catalog *azurepolicy.Catalog, f *policyCheck) (profile policy.Profile, lost int, err error) {
	switch {
	case f.initiative != "":
		if err := needDefinitions(catalog); err != nil {
			return profile, 0, err
		}
		s, ok := catalog.Initiative(f.initiative)
		if !ok {
			return profile, 0, &azward.Error{
				Kind: azward.KindNotFound, Op: "find initiative", Subject: f.initiative, Cause: "no file that was read has it",
				Remedy: "name files with --definitions, or keep them with azward policy update --from",
			}
		}
		profile.Policies, profile.Skipped = catalog.Of(s, nil)
		return profile, 0, nil
	case f.assigned:
		if err := needDefinitions(catalog); err != nil {
			return profile, 0, err
		}
		profile.Policies, profile.Skipped, err = a.assignedPolicies(e, catalog)
		return profile, 0, err
	}
	rules, lost, err := a.loadRules(f.rules)
	if err != nil {
		return profile, 0, err
	}
	name := f.profile
	if name == "" && len(f.definitions) > 0 {
		name = policy.ProfileAll
	}
	profile, err = policy.Select(name, rules, catalog)
	return profile, lost, err
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
func (a *app) tellSkipped(profile policy.Profile, catalog *azurepolicy.Catalog) error {
	a.progress.clear()
	if a.quiet {
		return nil
	}
	var lines []string
	switch {
	case len(catalog.Definitions()) == 0:
		lines = append(lines, "rules alone are evaluated: Microsoft's definitions were not read (azward policy update --from)")
	case catalog.Aliases.Len() == 0 && len(profile.Policies) > 0:
		lines = append(lines, "no list of aliases: properties are found by their names, and what is not found there is unknown (--aliases)")
	}
	skipped := profile.Skipped
	if needs := countIf(skipped, func(s azurepolicy.Skipped) bool { return s.Needs }); needs > 0 {
		lines = append(lines, fmt.Sprintf("%d of %d policies are not evaluated: a parameter has no default; evaluate what assigns them", needs, len(profile.Policies)+len(skipped)))
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

func (a *app) writePosture(w io.Writer, f *policyCheck, profile policy.Profile, results *postures, at time.Time) error {
	if a.output == "table" {
		return writePostureTable(w, results, a.style().Width)
	}
	out := bufio.NewWriter(w)
	var err error
	switch a.output {
	case "json":
		err = results.writeJSON(out)
	case "sarif":
		err = report.PostureSARIF(out, results.all(), version)
	case "csv":
		err = report.PostureCSV(out, results.all())
	case "junit":
		err = report.PostureJUnit(out, results.all())
	case "ocsf":
		err = report.PostureOCSF(out, results.all(), at, version)
	case "markdown":
		err = writePostureMarkdown(out, f.profile, profile, results.all())
	}
	if err = cmp.Or(err, results.bad); err != nil {
		return err
	}
	return out.Flush()
}

// writePostureMarkdown writes what was found of each framework, or of those
// that the profile names.
func writePostureMarkdown(w io.Writer, name string, profile policy.Profile, results iter.Seq[report.Posture]) error {
	if slices.Contains([]string{policy.ProfileDefault, policy.ProfileAll, policy.ProfileRules}, name) {
		name = ""
	}
	found, err := policy.Coverage(profile.Rules, results, name)
	if err != nil {
		return err
	}
	return report.PostureMarkdown(w, found)
}

func judgePosture(failOn []string, results *postures, skipped []azurepolicy.Skipped, lost int) error {
	if len(failOn) == 0 {
		return nil
	}
	failed, open := results.tally.total["fail"], results.tally.total["unknown"]
	lost += countIf(skipped, func(s azurepolicy.Skipped) bool { return !s.Needs })
	switch {
	case failed > 0:
		return &azward.Error{Kind: azward.KindFailOn, Op: "--fail-on fail", Cause: fmt.Sprintf("%d results are fail", failed)}
	case open+lost > 0:
		return &azward.Error{
			Kind: azward.KindUndecided, Op: "--fail-on fail", Cause: fmt.Sprintf("nothing fails, but %d results are unknown and %d policies and rules were not evaluated", open, lost),
			Remedy: "--output json says why; or accept exit code 4",
		}
	}
	return nil
}
