package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/package-url/packageurl-go"
	"github.com/spf13/cobra"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory/feed"
	"github.com/azward/azward/report"
	"github.com/azward/azward/store"
)

func advisoryCommand(a *app) *cobra.Command {
	c := &cobra.Command{Use: "advisory", Short: "The local index of advisories"}
	c.AddCommand(advisoryUpdateCommand(a), advisoryStatusCommand(a), advisoryQueryCommand(a))
	return c
}

func advisoryUpdateCommand(a *app) *cobra.Command {
	var from string
	c := &cobra.Command{
		Use: "update --from DIR", Short: "Build the index from downloaded exports", Args: cobra.NoArgs,
		Long: `Build the advisory index from a folder that holds, at any depth, OSV exports
(all.zip), loose OSV records, kev/*.json and epss/*.csv. docs/advisories.md says
where to download them. The old index stays until the new one is whole.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if from == "" {
				return &azward.Error{
					Kind: azward.KindUsage, Op: "update advisories", Cause: "no folder is named; azward does not download by itself yet",
					Remedy: "download the exports as docs/advisories.md says, then azward advisory update --from DIR",
				}
			}
			stats, err := a.buildIndex(cmd.Context(), feed.Sources{Dir: from})
			if err != nil {
				return err
			}
			if a.quiet {
				return nil
			}
			return a.write(func(w io.Writer) error { return report.JSON(w, stats) })
		},
	}
	c.Flags().StringVar(&from, "from", "", "folder with the exports")
	return c
}

// buildIndex compiles the sources into the data directory's index.
func (a *app) buildIndex(ctx context.Context, src feed.Sources) (feed.Stats, error) {
	dir, err := a.dataDir()
	if err != nil {
		return feed.Stats{}, err
	}
	if dir, err = store.Prepare(dir); err != nil {
		return feed.Stats{}, err
	}
	src.Progress = func(p feed.Progress) { a.progress.show("reading advisories: %+v", p) }
	stats, err := feed.Build(ctx, src, filepath.Join(dir, indexFile))
	a.progress.clear()
	return stats, err
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
			status := index.Status()
			return a.write(func(w io.Writer) error {
				if a.output == "json" {
					return report.JSON(w, status)
				}
				t := newTable("ecosystem", "records", "newest")
				for _, e := range status.Ecosystems {
					t.AppendRow(table.Row{e.Name, e.Records, e.Newest.Format(time.DateOnly)})
				}
				_, err := fmt.Fprintf(w, "%s\n\n%d records, built %s %s; %d known exploited, %d EPSS scores\n",
					t.Render(), status.Records, status.BuiltAt.Format(time.DateOnly), status.Label, status.KEV.Entries, status.EPSS.Entries)
				return err
			})
		},
	}
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
