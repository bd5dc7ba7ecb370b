package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure"
	"github.com/azward/azward/foreign"
	"github.com/azward/azward/report"
	"github.com/azward/azward/scan"
	"github.com/azward/azward/store"
	"github.com/azward/azward/store/sqlite"
	"github.com/azward/azward/verdict"
)

func importCommand(a *app) *cobra.Command {
	var connection, format, attacker string
	var gate failOn
	c := &cobra.Command{
		Use: "import FILE…", Short: "Bring the findings of other scanners", Args: cobra.MinimumNArgs(1),
		Long: `Read reports of other scanners, join what they find to what ran at the last scan,
and decide it as azward's own findings are decided: Trivy, Grype and Kubescape
JSON, SARIF 2.1.0, CycloneDX 1.4 to 1.6 with vulnerabilities, and Defender for
Cloud sub-assessments. Which it is, the report tells.

A vulnerability that azward found, too, stays one verdict that names both. What
a scanner alone finds weighs less. Every finding that could not be matched is
counted with the reason, and a report that matches nothing is an error.

The verdicts of the connection's last scan are replaced. The next scan starts
without the reports: give them to it with azward scan --findings FILE.`,
		Example: `  trivy image --format json --output cart.json contoso.azurecr.io/shop/cart:1.9
  azward import cart.json
  az graph query -q "securityresources | where type =~ 'microsoft.security/assessments/subassessments'" --first 1000 -o json > defender.json
  azward import defender.json --connection prod`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.only("table", "json", "sarif"); err != nil {
				return err
			}
			if err := gate.check(); err != nil {
				return err
			}
			start, err := attackerNamed(attacker)
			if err != nil {
				return err
			}
			return a.importReports(cmd.Context(), args, importing{foreign.Format(format), connection, start}, gate)
		},
	}
	flags := c.Flags()
	flags.StringVar(&connection, "connection", "", "join them to this connection's last scan; the last of all when left out")
	flags.StringVar(&format, "format", "", "what the files are, where they do not tell: trivy, grype, sarif, cyclonedx, defender, kubescape")
	flags.StringVar(&attacker, "attacker", "internet", "where an attacker starts, as azward scan --attacker took it")
	gate.flags(flags)
	return c
}

// importing is what reports are joined to, and how.
type importing struct {
	format     foreign.Format
	connection string
	attacker   exposure.Class
}

// reports are the files of other scanners, open while a scan reads them.
type reports struct {
	list  []*foreign.Report
	files []*os.File
}

// openReports opens each file. A file that is no report is an error before
// anything is decided.
func openReports(names []string, format foreign.Format) (r *reports, err error) {
	r = &reports{}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return r, &azward.Error{Kind: azward.KindUsage, Op: "open report", Subject: name, Cause: err.Error(), Remedy: "name a file that a scanner wrote", Err: err}
		}
		r.files = append(r.files, f)
		if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
			return r, &azward.Error{
				Kind: azward.KindUsage, Op: "open report", Subject: name, Cause: "it is no regular file, and a report is read twice",
				Remedy: "write the report to a file first", Err: err,
			}
		}
		opened, err := foreign.Open(f, name, foreign.Options{Format: format})
		if err != nil {
			return r, err
		}
		r.list = append(r.list, opened)
	}
	return r, nil
}

func (r *reports) close() error {
	var all []error
	for _, f := range r.files {
		all = append(all, f.Close())
	}
	r.files = nil
	return errors.Join(all...)
}

// importReports decides the last scan again, with reports.
func (a *app) importReports(ctx context.Context, names []string, o importing, gate failOn) (err error) {
	dir, err := a.dataDir()
	if err != nil {
		return err
	}
	release, err := store.LockScan(dir)
	if err != nil {
		return err
	}
	defer release() //nolint:errcheck // the lock goes with the process at the latest
	opened, err := openReports(names, o.format)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.close()) }()
	kept, err := a.store(ctx)
	if err != nil {
		return err
	}
	last, err := a.lastScan(ctx, o.connection)
	if err != nil {
		return err
	}
	e, at, err := a.estateOf(ctx, kept, last)
	if err != nil {
		return err
	}
	index, err := a.advisories()
	if err != nil {
		return err
	}
	defer index.Close()
	start := time.Now().UTC()
	a.warnStale(index, start)
	weights, err := a.criticality(ctx)
	if err != nil {
		return err
	}
	run := scan.Scan{Advisories: index, Reports: opened.list, Criticality: weights, Attacker: o.attacker, Progress: func(p scan.Progress) { a.progress.show("%s: %d %s", p.Stage, p.Done, p.Note) }}
	found := scanned{}
	if found.Result, err = run.Run(ctx, e, at); err != nil {
		return err
	}
	a.progress.clear()
	if !slices.ContainsFunc(found.Brought, useful) {
		return errors.Join(a.writeImport(ctx, found), nothingMatched(found.Brought))
	}
	if err := a.saveImport(ctx, kept, last.Source, start, &found); err != nil {
		return err
	}
	if err := a.writeImport(ctx, found); err != nil {
		return err
	}
	return errors.Join(nothingMatched(found.Brought), gate.judge(spokenOf(found.Verdicts), 0))
}

// saveImport keeps the verdicts as those of a scan of the same source.
func (a *app) saveImport(ctx context.Context, kept *sqlite.Store, source string, start time.Time, found *scanned) (err error) {
	if _, err := kept.InterruptScans(ctx, start); err != nil {
		return err
	}
	id := strings.ReplaceAll(start.Format("20060102T150405.000000000"), ".", "-")
	if err := kept.BeginScan(ctx, id, source, start); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = endScan(ctx, kept, id, err)
		}
	}()
	if err := found.compare(ctx, kept, source); err != nil {
		return err
	}
	a.sayLost(found.changes)
	if err := a.save(ctx, kept, id, found.Result); err != nil {
		return err
	}
	return found.keepChanges(ctx, kept, id)
}

// sayLost tells of verdicts that went because the reports they rested on were
// not brought again: nobody found that they are closed.
func (a *app) sayLost(changes []verdict.Change) {
	lost, reports := 0, map[string]bool{}
	for _, c := range changes {
		if !c.Gone || c.Kind != verdict.Closed || len(c.Verdict.Opinions) == 0 {
			continue
		}
		lost++
		for _, o := range c.Verdict.Opinions {
			reports[o.Report] = true
		}
	}
	if lost > 0 {
		a.say("%d verdicts are gone that reports of other scanners gave (%s); bring the reports again with --findings, or azward import, to have them decided\n",
			lost, strings.Join(slices.Sorted(maps.Keys(reports))[:min(len(reports), maxReasonsShown)], ", "))
	}
}

// lastScan is the last one that gave verdicts.
func (a *app) lastScan(ctx context.Context, connection string) (store.Scan, error) {
	kept, err := a.store(ctx)
	if err != nil {
		return store.Scan{}, err
	}
	const recent = 1000
	scans, err := kept.Scans(ctx, recent)
	if err != nil {
		return store.Scan{}, err
	}
	at := slices.IndexFunc(scans, func(s store.Scan) bool { // newest first
		finished := s.State == store.ScanComplete || s.State == store.ScanPartial
		return finished && s.Estate != "" && (connection == "" || s.Source == connection)
	})
	if at < 0 {
		return store.Scan{}, &azward.Error{
			Kind: azward.KindNotFound, Op: "find last scan", Subject: connection, Cause: "no finished scan is kept", Remedy: "azward scan",
		}
	}
	return scans[at], nil
}

// estateOf reads what a scan kept, and the time for which its verdicts hold:
// that of the reading, whatever was brought since.
func (a *app) estateOf(ctx context.Context, kept *sqlite.Store, s store.Scan) (*estate.Estate, time.Time, error) {
	in, err := kept.OpenEstate(ctx, s.ID)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer in.Close()
	var b estate.Builder
	if err := estate.Read(in, s.Estate, estate.ReadOptions{}, &b); err != nil {
		return nil, time.Time{}, err
	}
	at := s.StartedAt.Truncate(time.Second)
	for v, err := range kept.Verdicts(ctx, store.Filter{Source: s.Source, Limit: 1}) {
		if err != nil {
			return nil, time.Time{}, err
		}
		if v.DecidedAt.Before(at) {
			at = v.DecidedAt
		}
	}
	return b.Build(), at, nil
}

// useful says that a report is about something that runs. One without findings
// is, too: it says that there are none.
func useful(b scan.Brought) bool { return b.Matched > 0 || b.Findings == 0 }

// nothingMatched is the error of the reports that matched nothing; nil for none.
func nothingMatched(all []scan.Brought) error {
	var names, reasons []string
	for _, b := range all {
		if useful(b) {
			continue
		}
		names = append(names, b.Report)
		for _, u := range b.Unmatched {
			if !slices.Contains(reasons, u.Why) {
				reasons = append(reasons, u.Why)
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	const shown = 3
	cause := "none of its findings is about something that runs: " + strings.Join(reasons[:min(len(reasons), shown)], "; ")
	if len(names) > 1 {
		cause = fmt.Sprintf("none of the findings of these %d reports is about something that runs: %s", len(names), strings.Join(reasons[:min(len(reasons), shown)], "; "))
	}
	return &azward.Error{
		Kind: azward.KindFailed, Op: "join report", Subject: strings.Join(names[:min(len(names), shown)], ", "), Cause: cause,
		Remedy: "scan the image by the digest that runs (azward verdicts shows it), or scan the connection again if the deployment is newer than the last scan",
	}
}

// broughtBy adds up what became of the reports in several scans: what one of
// them could join was not missed by the others.
func broughtBy(results ...scanned) []scan.Brought {
	var all []scan.Brought
	for _, r := range results {
		for i, b := range r.Brought {
			if i == len(all) {
				all = append(all, b)
				continue
			}
			sum := &all[i]
			if b.Matched > sum.Matched {
				sum.Unmatched = b.Unmatched
			}
			sum.Matched, sum.Denied = max(sum.Matched, b.Matched), max(sum.Denied, b.Denied)
			sum.Joined, sum.Alone, sum.Differ = sum.Joined+b.Joined, sum.Alone+b.Alone, sum.Differ+b.Differ
		}
	}
	return all
}

// spokenOf are the verdicts that a report speaks of.
func spokenOf(all []azward.Verdict) []azward.Verdict {
	return slices.DeleteFunc(slices.Clone(all), func(v azward.Verdict) bool { return len(v.Opinions) == 0 })
}

func (a *app) writeImport(ctx context.Context, found scanned) error {
	spoken, err := a.marked(ctx, spokenOf(found.Verdicts), time.Now())
	if err != nil {
		return err
	}
	return a.write(func(w io.Writer) error {
		switch a.output {
		case "json":
			return report.JSON(w, map[string]any{"reports": found.Brought, "verdicts": spoken})
		case "sarif":
			return a.writeVerdicts(w, spoken)
		}
		if len(spoken) > 0 {
			shown := open(spoken)
			if err := report.Table(w, shown[:min(len(shown), maxVerdictsShown)], a.style()); err != nil {
				return err
			}
			if more := len(shown) - maxVerdictsShown; more > 0 {
				if _, err := fmt.Fprintf(w, "and %d more, less urgent: azward verdicts\n", more); err != nil {
					return err
				}
			}
			if _, err := fmt.Fprintf(w, "\n%s, of what the reports name\n", report.CountWords(report.CountOf(spoken))); err != nil {
				return err
			}
		}
		if err := writeBrought(w, found.Brought); err != nil {
			return err
		}
		if err := writeDisputes(w, spoken); err != nil {
			return err
		}
		return writeVerdictChanges(w, found)
	})
}

// What a summary shows of lists that may be long.
const (
	maxVerdictsShown = 50
	maxReasonsShown  = 8
	maxDisputesShown = 8
)

// writeBrought tells what became of each report.
func writeBrought(w io.Writer, all []scan.Brought) error {
	if len(all) == 0 {
		return nil
	}
	t := newTable("report", "scanner", "findings", "matched", "verdicts of both", "by it alone", "disagree", "not matched")
	for _, b := range all {
		unmatched := 0
		for _, u := range b.Unmatched {
			unmatched += u.Count
		}
		t.AppendRow(table.Row{b.Report, b.Scanner, b.Findings, b.Matched, b.Joined, b.Alone, b.Differ, unmatched})
	}
	if _, err := fmt.Fprintf(w, "\n%s\n", t.Render()); err != nil {
		return err
	}
	for _, b := range all {
		for i, u := range b.Unmatched {
			if i == maxReasonsShown {
				if _, err := fmt.Fprintf(w, "  %s: and %d more reasons: --output json has them all\n", b.Report, len(b.Unmatched)-i); err != nil {
					return err
				}
				break
			}
			if _, err := fmt.Fprintf(w, "  %s: %d not matched: %s: %s\n", b.Report, u.Count, u.Target, u.Why); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeDisputes tells where scanners and azward's records do not agree.
func writeDisputes(w io.Writer, verdicts []azward.Verdict) error {
	shown := 0
	for _, v := range verdicts {
		for _, o := range v.Opinions {
			if o.Differs == "" {
				continue
			}
			if shown++; shown > maxDisputesShown {
				continue
			}
			if _, err := fmt.Fprintf(w, "  %s %s: %s (%s): %s\n", v.ID, v.Vulnerability, o.Scanner, o.Report, o.Differs); err != nil {
				return err
			}
		}
	}
	if shown > maxDisputesShown {
		_, err := fmt.Fprintf(w, "  and %d more disagreements: --output json has them all\n", shown-maxDisputesShown)
		return err
	}
	return nil
}
