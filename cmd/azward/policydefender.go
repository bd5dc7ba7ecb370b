package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/foreign"
	"github.com/azward/azward/policy"
	"github.com/azward/azward/policy/azurepolicy"
	"github.com/azward/azward/report"
	"github.com/azward/azward/store"
)

// defenderView is what azward policy defender shows.
type defenderView struct {
	*policy.Defender
	Vulnerabilities []defenderCVE `json:"vulnerabilities"`
}

// defenderCVE is a vulnerability that Defender for Cloud, azward or both found
// in what runs.
type defenderCVE struct {
	Agreement     azurepolicy.Agreement `json:"agreement"`
	Vulnerability string                `json:"vulnerability"`
	Severity      azward.Severity       `json:"severity"` // Defender's; ours where it says nothing
	Package       string                `json:"package,omitempty"`
	Target        string                `json:"target"`             // as Defender names it
	Workload      azward.ResourceID     `json:"workload,omitempty"` // "" where nothing that runs is it
	By            foreign.By            `json:"by,omitempty"`       // what joined the two
	Ours          azward.Result         `json:"ours,omitempty"`
	Verdict       azward.VerdictID      `json:"verdict,omitempty"`
	Reason        string                `json:"reason,omitempty"`
}

func policyDefenderCommand(a *app) *cobra.Command {
	var estateOf estateFlags
	var at string
	c := &cobra.Command{
		Use: "defender", Short: "What Defender for Cloud says, beside our own answers", Args: cobra.NoArgs,
		Long: `Show what a scan read of Microsoft Defender for Cloud: its recommendations,
secure score, alerts and regulatory compliance. A recommendation that one of
azward's rules decides as well stands beside that rule's answer, disagreement
first. The vulnerabilities that Defender found in images and machines stand
beside the verdicts of the last scan.

What was not read is told: nothing is concluded from it.`,
		Example: `  azward policy defender
  azward policy defender --output json`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.policyDefender(cmd, &estateOf, at) },
	}
	estateOf.add(c)
	c.Flags().StringVar(&at, "at", "", "evaluate as of this time, RFC 3339 (default now)")
	return c
}

func (a *app) policyDefender(cmd *cobra.Command, of *estateFlags, at string) error {
	if err := a.only("table", "json"); err != nil {
		return err
	}
	now, err := evaluationTime(at)
	if err != nil {
		return err
	}
	e, err := of.open(a, cmd)
	if err != nil {
		return err
	}
	rules, _, err := policy.Rules()
	if err != nil {
		return err
	}
	results, err := a.evaluate(e, policy.Profile{Rules: rules}, now, nil, keepAll, nil)
	if err != nil {
		return err
	}
	said, err := policy.DefenderOf(e, results.all())
	if err = errors.Join(cmp.Or(err, results.bad), results.close()); err != nil {
		return err
	}
	view := defenderView{Defender: said, Vulnerabilities: []defenderCVE{}}
	var verdicts []azward.Verdict
	if len(of.files) == 0 {
		if verdicts, err = a.lastVerdicts(cmd.Context()); err != nil {
			return err
		}
	}
	found, gaps, err := defenderCVEs(e, verdicts, len(of.files) == 0)
	if err != nil {
		return err
	}
	view.Vulnerabilities, view.Gaps = append(view.Vulnerabilities, found...), append(view.Gaps, gaps...)
	return a.write(func(w io.Writer) error {
		if a.output == "json" {
			return report.JSON(w, view)
		}
		return writeDefender(w, view)
	})
}

// lastVerdicts are those of the newest scan.
func (a *app) lastVerdicts(ctx context.Context) ([]azward.Verdict, error) {
	last, err := a.lastScan(ctx, "")
	if err != nil {
		return nil, err
	}
	kept, err := a.store(ctx)
	if err != nil {
		return nil, err
	}
	var list []azward.Verdict
	for v, err := range kept.Verdicts(ctx, store.Filter{Source: last.Source}) {
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// defenderCVEs joins Defender's findings to verdicts. Decided tells whether
// there are verdicts of this estate at all.
func defenderCVEs(e *estate.Estate, verdicts []azward.Verdict, decided bool) ([]defenderCVE, []azward.Gap, error) {
	subs := e.OfType(policy.SubAssessmentType)
	if len(subs) == 0 {
		return nil, nil, nil
	}
	var doc bytes.Buffer
	for i, r := range subs {
		doc.WriteString(map[bool]string{true: "[", false: ","}[i == 0])
		doc.Write(r.Body)
	}
	doc.WriteByte(']')
	read, err := foreign.Open(bytes.NewReader(doc.Bytes()), "the estate", foreign.Options{Format: foreign.Defender})
	if err != nil {
		return nil, nil, err
	}
	j := cveJoin{places: foreign.NewPlaces(verdictPlaces(e, verdicts)), verdicts: map[cveAt]azward.Verdict{}, scanned: map[azward.ResourceKey]bool{}, met: map[cveAt]bool{}, decided: decided}
	for _, v := range verdicts {
		for _, name := range append([]string{v.Vulnerability}, v.Finding.Aliases...) {
			at := cveAt{v.Workload.ID.Key(), strings.ToUpper(name)}
			if other, twice := j.verdicts[at]; !twice || v.Result.Rank() < other.Result.Rank() {
				j.verdicts[at] = v
			}
		}
	}
	for f, err := range read.Findings() {
		if err != nil {
			return nil, nil, err
		}
		j.take(f)
	}
	j.alone(verdicts)
	slices.SortStableFunc(j.list, func(x, y defenderCVE) int {
		return cmp.Or(urgency(x.Agreement)-urgency(y.Agreement), y.Severity.Rank()-x.Severity.Rank(), strings.Compare(x.Vulnerability, y.Vulnerability), strings.Compare(string(x.Workload), string(y.Workload)))
	})
	return j.list, j.gaps, nil
}

type cveAt struct {
	workload azward.ResourceKey
	name     string
}

type cveJoin struct {
	places   *foreign.Places
	verdicts map[cveAt]azward.Verdict
	scanned  map[azward.ResourceKey]bool // workloads that Defender found something in
	met      map[cveAt]bool
	decided  bool
	list     []defenderCVE
	gaps     []azward.Gap
}

func (j *cveJoin) take(f foreign.Finding) {
	if f.Unusable != "" {
		return // a check of configuration: what it says is in the recommendation
	}
	name := strings.ToUpper(f.Claim.ID)
	one := defenderCVE{Agreement: azurepolicy.OnlyAzures, Vulnerability: name, Severity: f.Claim.Severity, Package: f.Package.Name, Target: f.Target.String()}
	found, by, why := j.places.Of(f.Target)
	if len(found) == 0 {
		one.Reason = why
		j.list = append(j.list, one)
		return
	}
	for _, p := range found {
		at := cveAt{p.Workload.Key(), name}
		j.scanned[at.workload] = true
		if j.met[at] {
			continue
		}
		j.met[at] = true
		here := one
		here.Workload, here.By = p.Workload, by
		v, ok := j.verdicts[at]
		switch {
		case ok:
			here.Agreement, here.Ours, here.Verdict, here.Reason = azurepolicy.Agree, v.Result, v.ID, v.Summary
		case !j.decided:
			here.Agreement, here.Reason = azurepolicy.OursOpen, "verdicts are of a scan, and not of files"
		default:
			here.Reason = "no advisory that azward read says so of a package that it found there"
		}
		j.list = append(j.list, here)
	}
}

// alone adds what verdicts say of workloads that Defender found something in,
// and that it did not name.
func (j *cveJoin) alone(verdicts []azward.Verdict) {
	told := map[cveAt]bool{}
	for _, v := range verdicts {
		at := cveAt{v.Workload.ID.Key(), strings.ToUpper(v.Vulnerability)}
		if !j.scanned[at.workload] || told[at] || j.met[at] ||
			slices.ContainsFunc(v.Finding.Aliases, func(s string) bool { return j.met[cveAt{at.workload, strings.ToUpper(s)}] }) {
			continue
		}
		told[at] = true
		j.list = append(j.list, defenderCVE{
			Agreement: azurepolicy.OnlyOurs, Vulnerability: v.Vulnerability, Severity: v.Finding.Severity, Target: v.Image, Workload: v.Workload.ID,
			Ours: v.Result, Verdict: v.ID, Reason: v.Summary,
		})
	}
}

// verdictPlaces are the containers and machines of the estate, with the digests
// that verdicts name.
func verdictPlaces(e *estate.Estate, verdicts []azward.Verdict) []foreign.Place {
	digests := map[azward.ResourceKey]map[string][]azward.Digest{}
	for _, v := range verdicts {
		name, digest, ok := strings.Cut(v.Image, "@")
		if !ok {
			continue
		}
		of := digests[v.Workload.ID.Key()]
		if of == nil {
			of = map[string][]azward.Digest{}
			digests[v.Workload.ID.Key()] = of
		}
		if !slices.Contains(of[name], azward.Digest(digest)) {
			of[name] = append(of[name], azward.Digest(digest))
		}
	}
	var places []foreign.Place
	for _, w := range e.Workloads() {
		if len(w.Containers) == 0 {
			places = append(places, foreign.Place{Workload: w.ID})
		}
		for _, c := range w.Containers {
			name, _, _ := strings.Cut(c.Image, "@")
			if at := strings.LastIndexByte(name, ':'); at > strings.LastIndexByte(name, '/') {
				name = name[:at]
			}
			places = append(places, foreign.Place{
				Workload: w.ID, Container: c.Name, Image: c.Image, Digest: c.Digest, Digests: digests[w.ID.Key()][name], References: []string{c.Image},
			})
		}
	}
	return places
}

// maxDefenderRows bounds each table; JSON has all.
const maxDefenderRows = 40

func writeDefender(w io.Writer, v defenderView) error {
	var b strings.Builder
	v.writeRecommendations(&b)
	v.writeVulnerabilities(&b)
	for _, s := range v.Scores {
		fmt.Fprintf(&b, "secure score of %s: %s of %s\n", cellOf(s.Subscription.Name()), points(s.Current), points(s.Max))
		for _, c := range s.Controls[:min(3, len(s.Controls))] {
			if c.Max > c.Current {
				fmt.Fprintf(&b, "  %s to gain: %s (%d resources)\n", points(c.Max-c.Current), cellOf(c.Title), c.Unhealthy)
			}
		}
	}
	for _, s := range v.Standards {
		fmt.Fprintf(&b, "%s: %d controls pass, %d fail, %d skipped, %d unsupported\n", cellOf(s.Name), s.Passed, s.Failed, s.Skipped, s.Unsupported)
		for _, c := range s.Controls[:min(3, len(s.Controls))] {
			fmt.Fprintf(&b, "  fails: %s %s\n", cellOf(c.Name), cellOf(c.Title))
		}
	}
	for _, al := range v.Alerts[:min(len(v.Alerts), maxDefenderRows)] {
		fmt.Fprintf(&b, "alert, %s, %s: %s (%s, %s)\n", al.Severity, cellOf(strings.ToLower(al.Status)), cellOf(al.Title), cellOf(al.Entity), al.At.UTC().Format(time.DateTime))
	}
	if len(v.Recommendations)+len(v.Scores)+len(v.Standards)+len(v.Alerts) == 0 {
		b.WriteString("the estate holds nothing of Defender for Cloud\n")
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	return writeGaps(w, v.Gaps)
}

func points(f float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", f), ".0") }

func (v defenderView) writeRecommendations(b *strings.Builder) {
	t := newTable("severity", "recommendation", "resource", "Defender", "ours", "", "because")
	counts := map[azurepolicy.Agreement]int{}
	shown, more, healthy := 0, 0, 0
	for _, r := range v.Recommendations {
		counts[r.Agreement]++
		switch {
		case r.Agreement == azurepolicy.OnlyOurs:
			continue // azward policy check lists them
		case r.Agreement != azurepolicy.Disagree && r.Defender != "Unhealthy" && r.Ours != "fail":
			healthy++
			continue
		}
		if shown == maxDefenderRows {
			more++
			continue
		}
		shown++
		t.AppendRow(table.Row{r.Severity, cellOf(r.Title), cellOf(r.Resource.Name()), cellOf(r.Defender), r.Ours, agreementWords[r.Agreement], cellOf(cmp.Or(r.Reason, r.Cause))})
	}
	if shown > 0 {
		share(t, 0, 52, 2, 7)
		b.WriteString(t.Render() + "\n")
	}
	if more > 0 {
		fmt.Fprintf(b, "and %d more: --output json\n", more)
	}
	if len(v.Recommendations) > 0 {
		ours := counts[azurepolicy.OnlyOurs]
		delete(counts, azurepolicy.OnlyOurs)
		fmt.Fprintf(b, "%d recommendations: %s; %d of them ask nothing\n", len(v.Recommendations)-ours, agreementCounts(counts), healthy)
		if ours > 0 {
			fmt.Fprintf(b, "%d results of ours fail where Defender has a recommendation and says nothing: azward policy check\n", ours)
		}
	}
}

func (v defenderView) writeVulnerabilities(b *strings.Builder) {
	if len(v.Vulnerabilities) == 0 {
		return
	}
	t := newTable("", "vulnerability", "severity", "in", "runs as", "our verdict")
	counts := map[azurepolicy.Agreement]int{}
	for i, c := range v.Vulnerabilities {
		counts[c.Agreement]++
		if i >= maxDefenderRows {
			continue
		}
		runs := c.Workload.Name()
		if c.Workload == "" {
			runs = c.Reason
		}
		t.AppendRow(table.Row{agreementWords[c.Agreement], c.Vulnerability, c.Severity, cellOf(c.Target), cellOf(runs), string(c.Ours)})
	}
	fmt.Fprintf(b, "%s\n", t.Render())
	if more := len(v.Vulnerabilities) - maxDefenderRows; more > 0 {
		fmt.Fprintf(b, "and %d more: --output json\n", more)
	}
	fmt.Fprintf(b, "%d vulnerabilities: %s\n", len(v.Vulnerabilities), agreementCounts(counts))
}

func agreementCounts(counts map[azurepolicy.Agreement]int) string {
	var parts []string
	for _, a := range []azurepolicy.Agreement{azurepolicy.Agree, azurepolicy.Disagree, azurepolicy.OursOpen, azurepolicy.AzuresOpen, azurepolicy.OnlyAzures, azurepolicy.OnlyOurs} {
		if counts[a] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[a], agreementWords[a]))
		}
	}
	return strings.Join(parts, ", ")
}
