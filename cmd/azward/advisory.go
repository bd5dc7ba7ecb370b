package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/report"
	"github.com/azward/azward/sbom"
)

func advisoryCommand(a *app) *cobra.Command {
	c := &cobra.Command{Use: "advisory", Short: "The local index of advisories"}
	c.AddCommand(advisoryUpdateCommand(a), advisoryBundleCommand(a), advisoryStatusCommand(a), advisoryQueryCommand(a))
	return c
}

func advisoryStatusCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "What the index holds, and how old it is", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := a.only("table", "json"); err != nil {
				return err
			}
			index, err := a.advisories()
			if err != nil {
				return err
			}
			defer index.Close()
			status, now := index.Status(), time.Now()
			return a.write(func(w io.Writer) error {
				if a.output == "json" {
					return report.JSON(w, advisoryStatus{status, status.Parts(), ageLines(status.Parts(), now)})
				}
				return writeStatus(w, status, now)
			})
		},
	}
}

// advisoryStatus is what advisory status says to programs.
type advisoryStatus struct {
	advisory.Status
	Parts []advisory.Part `json:"parts"`
	// Warnings are the sentences that go with every answer; none means that
	// everything is there and younger than a week.
	Warnings []string `json:"warnings,omitempty"`
}

// writeStatus shows the ages by part, then what each release has.
func writeStatus(w io.Writer, s advisory.Status, now time.Time) error {
	parts := newTable("part", "entries", "as of", "age", "")
	for _, p := range s.Parts() {
		if p.Entries == 0 {
			parts.AppendRow(table.Row{p.Name, 0, "", "", "not in the index"})
			continue
		}
		note := ""
		switch {
		case p.Partial:
			note = "strays of other exports: does not count as covered"
		case p.AsOf.IsZero():
			note = "may be older than a week"
		case now.Sub(p.AsOf) > advisory.StaleAfter:
			note = "older than a week"
		}
		day := ""
		if !p.AsOf.IsZero() {
			day = p.AsOf.UTC().Format(time.DateOnly)
		}
		parts.AppendRow(table.Row{p.Name, p.Entries, day, age(p.AsOf, now), note})
	}
	releases := newTable("ecosystem", "records", "newest record")
	for _, e := range s.Ecosystems {
		releases.AppendRow(table.Row{e.Name, e.Records, e.Newest.Format(time.DateOnly)})
	}
	model := ""
	if s.EPSSModel != "" {
		model = ", EPSS model " + s.EPSSModel
	}
	label := ""
	if s.Label != "" {
		label = " (" + s.Label + ")"
	}
	_, err := fmt.Fprintf(w, "%s\n\n%s\n\n%d records%s, %d about malicious packages, built %s%s\n",
		parts.Render(), releases.Render(), s.Records, label, s.Malicious, s.BuiltAt.Format("2006-01-02 15:04 MST"), model)
	for _, line := range ageLines(s.Parts(), now) {
		if err == nil && s.Label == "" {
			_, err = fmt.Fprintln(w, line)
		}
	}
	return err
}

func advisoryQueryCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "query PURL", Short: "What affects one package version", Args: cobra.ExactArgs(1),
		Example: `  azward advisory query pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1
  azward advisory query 'pkg:deb/debian/openssl@1.1.1k-1?distro=debian-11'`,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := a.only("table", "json"); err != nil {
				return err
			}
			pkg, err := packageOf(args[0])
			if err != nil {
				return err
			}
			index, err := a.advisories()
			if err != nil {
				return err
			}
			defer index.Close()
			a.warnStale(index, time.Now())
			matched, err := index.MatchAll(azward.ResourceID(args[0]), []azward.Package{pkg})
			if err != nil {
				return err
			}
			return a.write(func(w io.Writer) error {
				if a.output == "json" {
					return report.JSON(w, map[string]any{
						"findings": append([]azward.Finding{}, matched.Findings...), "gaps": append([]azward.Gap{}, matched.Gaps...), "advisories": usedOf(index, time.Now()),
					})
				}
				for _, f := range matched.Findings {
					if _, err := fmt.Fprintf(w, "%s  %s  %s\n    %s\n    fixed in %v, record %s\n", f.ID, f.Severity, f.Summary, f.Range, f.FixedIn, f.Record); err != nil {
						return err
					}
				}
				if len(matched.Findings) == 0 && len(matched.Gaps) == 0 {
					if _, err := fmt.Fprintln(w, "no advisory of the index affects it"); err != nil {
						return err
					}
				}
				return writeGaps(w, matched.Gaps)
			})
		},
	}
}

// packageOf reads a package URL with a version. OS packages need the release:
// it is in the qualifier distro.
func packageOf(text string) (azward.Package, error) {
	bad := func(cause, remedy string, err error) (azward.Package, error) {
		return azward.Package{}, &azward.Error{Kind: azward.KindUsage, Op: "read package URL", Subject: fmt.Sprintf("%.100q", text), Cause: cause, Remedy: remedy, Err: err}
	}
	const example = "give a purl with a version, such as pkg:npm/lodash@4.17.4"
	pkg, err := sbom.PackageOf(text, sbom.OS{})
	switch {
	case err != nil:
		cause := err.Error()
		if e, ok := errors.AsType[*azward.Error](err); ok {
			cause = e.Cause
		}
		return bad("it is no package URL: "+cause, example, err)
	case pkg.Version == "":
		return bad("it has no version", example, nil)
	case pkg.Ecosystem == "":
		return bad("it does not tell of which release of a distribution it is", "add it: pkg:deb/debian/openssl@3.0.11-1?distro=debian-12", nil)
	}
	return pkg, nil
}
