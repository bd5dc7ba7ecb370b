package main

import (
	"fmt"
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/package-url/packageurl-go"
	"github.com/spf13/cobra"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/report"
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
		case now.Sub(p.AsOf) > staleAfter:
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
		Example: "  azward advisory query pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1",
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
					if matched.Findings == nil {
						matched.Findings = []azward.Finding{}
					}
					return report.JSON(w, matched.Findings)
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

// ecosystems maps purl types to OSV's ecosystems, where no release is needed.
//
// Source: https://ossf.github.io/osv-schema/#affectedpackage-field
var ecosystems = map[string]string{
	"maven": "Maven", "npm": "npm", "pypi": "PyPI", "golang": "Go", "nuget": "NuGet",
	"cargo": "crates.io", "gem": "RubyGems", "composer": "Packagist",
}

func packageOf(text string) (azward.Package, error) {
	bad := func(cause string, err error) (azward.Package, error) {
		return azward.Package{}, &azward.Error{
			Kind: azward.KindUsage, Op: "read package URL", Subject: fmt.Sprintf("%.100q", text), Cause: cause, Err: err,
			Remedy: "give a purl with a version, such as pkg:npm/lodash@4.17.4",
		}
	}
	purl, err := packageurl.FromString(text)
	if err != nil {
		return bad("it is no package URL: "+err.Error(), err)
	}
	ecosystem, ok := ecosystems[purl.Type]
	switch {
	case !ok:
		return bad("packages of type "+purl.Type+" need a distribution's release, which a purl does not tell for certain; scan an image instead", nil)
	case purl.Version == "":
		return bad("it has no version", nil)
	}
	name := purl.Name
	if purl.Namespace != "" {
		separator := "/"
		if purl.Type == "maven" {
			separator = ":"
		}
		name = purl.Namespace + separator + purl.Name
	}
	return azward.Package{PURL: text, Name: name, Version: purl.Version, Ecosystem: ecosystem}, nil
}
