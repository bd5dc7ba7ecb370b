package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/policy"
	"github.com/azward/azward/report"
	"github.com/azward/azward/store"
	"github.com/azward/azward/store/sqlite"
)

// postureTally counts the results of azward's own rules after a scan.
type postureTally struct {
	Rules   int                     `json:"rules"` // that gave a result
	Pass    int                     `json:"pass"`
	Fail    int                     `json:"fail"`
	Unknown int                     `json:"unknown"`
	Failing map[azward.Severity]int `json:"failing"` // by severity
}

// openPosture is one result that is not well, as it is kept.
type openPosture struct {
	Rule     string            `json:"rule"`
	Title    string            `json:"title"`
	Severity azward.Severity   `json:"severity"`
	Resource azward.ResourceID `json:"resource"`
	Result   string            `json:"result"` // fail, unknown
	Reason   string            `json:"reason,omitempty"`
	Exposed  bool              `json:"exposed,omitempty"`
}

func (o openPosture) key() string { return o.Rule + " " + string(o.Resource.Key()) }

// keepPosture evaluates azward's own rules on the estate of a scan, and keeps
// what they say for azward policy trend.
func (a *app) keepPosture(ctx context.Context, kept *sqlite.Store, scan string, e *estate.Estate, at time.Time) error {
	rules, _, err := policy.Rules()
	if err != nil {
		return err
	}
	a.step(step{"posture", 0, len(rules), ""}, "evaluating %d rules", len(rules))
	results, err := a.evaluate(e, policy.Profile{Rules: rules}, at, nil, keepOpen, nil)
	if err != nil {
		return err
	}
	a.step(step{"posture", len(rules), len(rules), ""}, "evaluated %d rules", len(rules))
	total := results.tally.total
	tally := postureTally{Rules: len(results.tally.byRule), Pass: total["pass"], Fail: total["fail"], Unknown: total["unknown"], Failing: map[azward.Severity]int{}}
	open := make([]openPosture, 0, len(results.order))
	for p := range results.all() {
		if p.Result == "fail" {
			tally.Failing[p.Severity]++
		}
		reason := p.Reason
		if reason == "" && len(p.Evidence) > 0 {
			reason = p.Evidence[0].Meaning
		}
		exposed := p.Rank.Exposed == azward.Yes && len(p.Rank.Reasons) > 0
		open = append(open, openPosture{p.Rule, p.Title, p.Severity, p.Resource, p.Result, reason, exposed})
	}
	if err := errors.Join(results.bad, results.close()); err != nil {
		return err
	}
	counts, err := json.Marshal(tally)
	if err != nil {
		return fmt.Errorf("count results of rules: %w", err)
	}
	doc, err := json.Marshal(open)
	if err != nil {
		return fmt.Errorf("keep results of rules: %w", err)
	}
	return kept.SavePosture(ctx, scan, counts, doc)
}

// postureTrend is what azward policy trend shows of one source.
type postureTrend struct {
	Source string        `json:"source"`
	Scans  []postureScan `json:"scans"` // newest first
	New    []openPosture `json:"new"`   // fails since the scan before
	Fixed  []openPosture `json:"fixed"` // failed then, and passes or is gone
	Open   []openPosture `json:"open"`  // failed then, and is unknown now
	Since  time.Time     `json:"since,omitzero"`
}

// postureScan is the tally of one scan.
type postureScan struct {
	Scan  string       `json:"scan"`
	At    time.Time    `json:"at"`
	Tally postureTally `json:"tally"`
}

// maxTrend bounds the scans that a trend goes back.
const maxTrend = 1000

func policyTrendCommand(a *app) *cobra.Command {
	var scans int
	c := &cobra.Command{
		Use: "trend", Short: "How the posture went from scan to scan", Args: cobra.NoArgs,
		Long: `Show what azward's own rules said after each scan, and what fails since the
last one that did not before, what no longer fails, and what is no longer known.
Nothing is evaluated anew.`,
		Example: `  azward policy trend
  azward policy trend --output json`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.policyTrend(cmd.Context(), scans) },
	}
	c.Flags().IntVar(&scans, "scans", 10, "how many scans of each source to go back")
	return c
}

func (a *app) policyTrend(ctx context.Context, scans int) error {
	if err := a.only("table", "json"); err != nil {
		return err
	}
	if scans < 1 || scans > maxTrend {
		return &azward.Error{Kind: azward.KindUsage, Op: "read --scans", Subject: fmt.Sprint(scans), Cause: "it is out of range", Remedy: fmt.Sprintf("give a number from 1 to %d", maxTrend)}
	}
	kept, err := a.store(ctx)
	if err != nil {
		return err
	}
	trends, err := trendsOf(ctx, kept, scans)
	if err != nil {
		return err
	}
	return a.write(func(w io.Writer) error {
		if a.output == "json" {
			return report.JSON(w, trends)
		}
		return writeTrends(w, trends)
	})
}

func trendsOf(ctx context.Context, kept *sqlite.Store, scans int) ([]postureTrend, error) {
	all, err := kept.Postures(ctx, "", maxTrend)
	if err != nil {
		return nil, err
	}
	trends := []postureTrend{}
	at := map[string]int{}
	for _, p := range all {
		i, ok := at[p.Source]
		if !ok {
			i = len(trends)
			at[p.Source] = i
			trends = append(trends, postureTrend{Source: p.Source, New: []openPosture{}, Fixed: []openPosture{}, Open: []openPosture{}})
		}
		if len(trends[i].Scans) >= max(scans, 2) {
			continue
		}
		one := postureScan{Scan: p.Scan, At: p.At}
		if err := json.Unmarshal(p.Tally, &one.Tally); err != nil {
			return nil, fmt.Errorf("read what rules said after scan %s: %w", p.Scan, err)
		}
		trends[i].Scans = append(trends[i].Scans, one)
	}
	for i := range trends {
		if err := trends[i].compare(ctx, kept); err != nil {
			return nil, err
		}
		trends[i].Scans = trends[i].Scans[:min(scans, len(trends[i].Scans))]
	}
	return trends, nil
}

// compare holds the last two scans against each other.
func (t *postureTrend) compare(ctx context.Context, kept *sqlite.Store) error {
	if len(t.Scans) < 2 {
		return nil
	}
	var lists [2]map[string]openPosture
	var orders [2][]openPosture
	for i := range lists {
		doc, err := kept.OpenPosture(ctx, t.Scans[i].Scan)
		if err != nil {
			return err
		}
		if doc == nil {
			return nil
		}
		if err := json.Unmarshal(doc, &orders[i]); err != nil {
			return fmt.Errorf("read what rules said after scan %s: %w", t.Scans[i].Scan, err)
		}
		lists[i] = map[string]openPosture{}
		for _, o := range orders[i] {
			lists[i][o.key()] = o
		}
	}
	t.Since = t.Scans[1].At
	for _, o := range orders[0] {
		if o.Result == "fail" && lists[1][o.key()].Result != "fail" {
			t.New = append(t.New, o)
		}
	}
	for _, o := range orders[1] {
		if o.Result != "fail" {
			continue
		}
		switch now, is := lists[0][o.key()]; {
		case !is:
			t.Fixed = append(t.Fixed, o)
		case now.Result == "unknown":
			t.Open = append(t.Open, now)
		}
	}
	return nil
}

var failingOrder = []azward.Severity{azward.SeverityCritical, azward.SeverityHigh, azward.SeverityMedium, azward.SeverityLow}

// failing says how much fails, the severe first.
func (t postureTally) failing() string {
	var parts []string
	for _, s := range failingOrder {
		if t.Failing[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", t.Failing[s], s))
		}
	}
	return cmp.Or(strings.Join(parts, ", "), "none")
}

func writeTrends(w io.Writer, trends []postureTrend) error {
	var b strings.Builder
	for i, t := range trends {
		if i > 0 {
			b.WriteString("\n")
		}
		rows := newTable("scan of "+t.Source, "fail", "critical", "high", "medium", "low", "unknown", "pass", "rules")
		for _, s := range t.Scans {
			f := s.Tally.Failing
			rows.AppendRow(table.Row{
				s.At.Local().Format(time.DateTime), s.Tally.Fail, f[azward.SeverityCritical], f[azward.SeverityHigh], f[azward.SeverityMedium], f[azward.SeverityLow],
				s.Tally.Unknown, s.Tally.Pass, s.Tally.Rules,
			})
		}
		b.WriteString(rows.Render() + "\n")
		if t.Since.IsZero() {
			b.WriteString("there is no scan before it to compare with\n")
			continue
		}
		fmt.Fprintf(&b, "since %s: %d new, %d fixed or gone, %d no longer known\n", t.Since.Local().Format(time.DateTime), len(t.New), len(t.Fixed), len(t.Open))
		writeOpen(&b, "new", t.New)
		writeOpen(&b, "fixed", t.Fixed)
		writeOpen(&b, "unknown", t.Open)
	}
	if len(trends) == 0 {
		b.WriteString("no scan has evaluated rules yet: azward scan\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// maxOpenShown bounds what is listed of each kind; JSON has all.
const maxOpenShown = 20

func writeOpen(b *strings.Builder, word string, list []openPosture) {
	for _, o := range list[:min(len(list), maxOpenShown)] {
		fmt.Fprintf(b, "  %-7s  %-8s  %s: %s\n", word, o.Severity, subjectOf(o.Resource), cellOf(o.Title))
	}
	if more := len(list) - maxOpenShown; more > 0 {
		fmt.Fprintf(b, "  and %d more: --output json\n", more)
	}
}

// demoPosture ends the demo with what the rules say of the tenant.
func (a *app) demoPosture(ctx context.Context) error {
	kept, err := a.store(ctx)
	if err != nil {
		return err
	}
	last, err := kept.Postures(ctx, demoTenant, 1)
	if err != nil || len(last) == 0 {
		return err
	}
	var tally postureTally
	if err := json.Unmarshal(last[0].Tally, &tally); err != nil {
		return fmt.Errorf("read what rules said after the scan: %w", err)
	}
	open, err := worstOf(ctx, kept, last[0])
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nThe posture, as azward policy check shows it: %d rules, %d results: %d pass, %d unknown,\n%d fail (%s). The worst of them:\n\n", tally.Rules, tally.Pass+tally.Fail+tally.Unknown, tally.Pass, tally.Unknown, tally.Fail, tally.failing())
	for _, o := range open {
		why := o.Reason
		if o.Exposed {
			why = strings.TrimPrefix(why+"; the internet reaches it", "; ")
		}
		fmt.Fprintf(&b, "  %-8s  %s: %s\n            %s\n", o.Severity, subjectOf(o.Resource), o.Title, wide(why))
	}
	b.WriteString("\nmore: azward policy check --profile CIS, azward policy defender, azward policy trend\n")
	_, err = io.WriteString(a.stdout, b.String())
	return err
}

// subjectOf names what is judged.
func subjectOf(id azward.ResourceID) string {
	if id == "/" {
		return "the tenant"
	}
	return cmp.Or(cellOf(id.Name()), string(id))
}

// wide is a text that has a line to itself.
func wide(s string) string {
	const letters = 110
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '\ufffd'
		}
		return r
	}, s)
	if r := []rune(s); len(r) > letters {
		return string(r[:letters-1]) + "…"
	}
	return s
}

// worstOf gives the first failing result of three different rules.
func worstOf(ctx context.Context, kept *sqlite.Store, of store.Posture) ([]openPosture, error) {
	const most = 3
	doc, err := kept.OpenPosture(ctx, of.Scan)
	if err != nil || doc == nil {
		return nil, err
	}
	var open, worst []openPosture
	if err := json.Unmarshal(doc, &open); err != nil {
		return nil, fmt.Errorf("read what rules said after scan %s: %w", of.Scan, err)
	}
	told := map[string]bool{}
	for _, o := range open {
		if o.Result == "fail" && !told[o.Rule] && len(worst) < most {
			told[o.Rule] = true
			worst = append(worst, o)
		}
	}
	return worst, nil
}
