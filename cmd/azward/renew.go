package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory/feed"
	"github.com/azward/azward/report"
	"github.com/azward/azward/store"
)

// advisoryFolder is what was downloaded, within the data directory.
const advisoryFolder = "advisories"

// updateFlags are those of advisory update.
type updateFlags struct {
	from, sha256, mirror string
	ecosystems, overlays []string
}

func advisoryUpdateCommand(a *app) *cobra.Command {
	var f updateFlags
	c := &cobra.Command{
		Use: "update", Short: "Download what changed and build the index anew", Args: cobra.NoArgs,
		Long: `Download advisories (OSV's exports), KEV, EPSS, CISA's SSVC assessments and dates
of end of life, and build the index of them. Only what changed is downloaded,
and an update that was interrupted goes on where it stopped. The old index stays
until the new one is whole. A proxy is named by HTTPS_PROXY.

With --from nothing is downloaded: the index is built of a bundle (azward
advisory bundle), whose every byte is checked, or of a folder that holds, at any
depth, OSV exports (all.zip), loose OSV records, kev/, epss/, ssvc/ and
endoflife/.`,
		Example: `  azward advisory update
  azward advisory update --ecosystems Debian,npm --mirror https://mirror.contoso.com/advisories
  azward advisory update --from azward-advisories-2026-11-20.zip`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.only("table", "json"); err != nil {
				return err
			}
			return a.updateAdvisories(cmd.Context(), f)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.from, "from", "", "bundle or folder to build of, without a network")
	flags.StringVar(&f.sha256, "sha256", "", "what the bundle of --from must have, as advisory bundle printed it")
	flags.StringVar(&f.mirror, "mirror", "", "address that has everything under the names of a bundle")
	flags.StringSliceVar(&f.ecosystems, "ecosystems", nil, "OSV's names, such as Debian,npm (default all that azward reads)")
	flags.StringSliceVar(&f.overlays, "overlays", nil, strings.Join(feed.Overlays(), ", ")+"; '' for none (default all)")
	return c
}

func (a *app) updateAdvisories(ctx context.Context, f updateFlags) (err error) {
	switch {
	case f.sha256 != "" && f.from == "":
		return &azward.Error{Kind: azward.KindUsage, Op: "read --sha256", Cause: "it is of a bundle, and none is named", Remedy: "name it with --from FILE"}
	case f.from != "" && (f.mirror != "" || f.ecosystems != nil || f.overlays != nil):
		return &azward.Error{Kind: azward.KindUsage, Op: "read --from", Cause: "with it nothing is downloaded, and all of it is read", Remedy: "leave --mirror, --ecosystems and --overlays away"}
	}
	dir, err := a.dataDir()
	if err != nil {
		return err
	}
	if dir, err = store.Prepare(dir); err != nil {
		return err
	}
	release, err := store.LockUpdate(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	if f.from != "" {
		return a.updateFrom(ctx, f)
	}
	now := time.Now().UTC()
	shown := rate{progress: &a.progress, began: now}
	r, err := feed.Renew(ctx, feed.Update{
		Dir: filepath.Join(dir, advisoryFolder), Index: filepath.Join(dir, indexFile), At: now,
		Ecosystems: f.ecosystems, Overlays: f.overlays, Mirror: f.mirror, Transferred: shown.transfer, Built: a.showBuild,
	})
	a.progress.clear()
	if r.Files == nil || a.quiet && err == nil {
		return err
	}
	return errors.Join(err, a.write(func(w io.Writer) error {
		if a.output == "json" {
			return report.JSON(w, r)
		}
		t := newTable("part", "result")
		for _, file := range r.Files {
			t.AppendRow(table.Row{file.Name, outcome(file)})
		}
		if _, err := fmt.Fprintf(w, "%s\n\n%.1f MB received\n", t.Render(), float64(r.Received)/1e6); err != nil || r.Records == 0 {
			return err // nothing was built: what came before stands
		}
		return writeStats(w, r.Stats)
	}))
}

func outcome(f feed.FileRenewal) string {
	if f.Records+f.Removed > 0 {
		return fmt.Sprintf("%d records changed, %d removed", f.Records, f.Removed)
	}
	return f.Result
}

// updateFrom builds without a network.
func (a *app) updateFrom(ctx context.Context, f updateFlags) (err error) {
	src, bundle, closer, err := feed.OpenSource(ctx, f.from, f.sha256)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	stats, err := a.buildIndex(ctx, src)
	if err != nil || a.quiet {
		return err
	}
	return a.write(func(w io.Writer) error {
		if a.output == "json" {
			return report.JSON(w, struct {
				feed.Stats
				Bundle *feed.Bundled `json:"bundle,omitempty"`
			}{stats, bundleOf(bundle)})
		}
		if bundle.Files > 0 {
			if _, err := fmt.Fprintf(w, "bundle of %s, %d files, all as its manifest says\nsha256 %s\n\n", bundle.Created.Format(time.DateOnly), bundle.Files, bundle.SHA256); err != nil {
				return err
			}
		}
		return writeStats(w, stats)
	})
}

// bundleOf is nil for a folder without a manifest.
func bundleOf(b feed.Bundled) *feed.Bundled {
	if b.Files == 0 {
		return nil
	}
	return &b
}

// writeStats says what is in the index, and what is not.
func writeStats(w io.Writer, s feed.Stats) error {
	_, err := fmt.Fprintf(w, "%d records (%d about malicious packages), %d known exploited, %d EPSS scores, %d SSVC assessments, %d releases with an end of life\nindex of %.1f MB, built in %s\n",
		s.Records, s.Malicious, s.KEV, s.EPSS, s.SSVC, s.EndOfLife, float64(s.Bytes)/1e6, s.Took.Round(time.Millisecond))
	left := 0
	for _, n := range s.Skipped {
		left += n
	}
	if err == nil && left > 0 {
		_, err = fmt.Fprintf(w, "%d left out, such as:\n  %s\n", left, strings.Join(s.Examples[:min(3, len(s.Examples))], "\n  "))
	}
	return err
}

func advisoryBundleCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "bundle [FILE]", Short: "Pack what was downloaded, for machines without a network", Args: cobra.MaximumNArgs(1),
		Long: `Pack everything that the last update downloaded into one file with a manifest.
FILE may be a folder; without it the file is written here. The sha256 that it
prints goes another way than the file, and is given to update --from --sha256.`,
		Example: `  azward advisory bundle
  azward advisory update --from ` + feed.BundleName(time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)) + ` --sha256 …`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.only("table", "json"); err != nil {
				return err
			}
			return a.bundleAdvisories(cmd.Context(), append(args, ".")[0])
		},
	}
}

func (a *app) bundleAdvisories(ctx context.Context, file string) (err error) {
	now := time.Now().UTC()
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		file = filepath.Join(file, feed.BundleName(now))
	}
	dir, err := a.dataDir()
	if err != nil {
		return err
	}
	if dir, err = store.Prepare(dir); err != nil {
		return err
	}
	release, err := store.LockUpdate(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	b, err := feed.WriteBundle(ctx, filepath.Join(dir, advisoryFolder), file, now)
	if err != nil || a.quiet {
		return err
	}
	return a.write(func(w io.Writer) error {
		if a.output == "json" {
			return report.JSON(w, b)
		}
		_, err := fmt.Fprintf(w, "%s: %d files, %.1f MB\nsha256 %s\n", b.File, b.Files, float64(b.Bytes)/1e6, b.SHA256)
		return err
	})
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
	src.Progress = a.showBuild
	stats, err := feed.Build(ctx, src, filepath.Join(dir, indexFile))
	a.progress.clear()
	return stats, err
}

func (a *app) showBuild(p feed.Progress) {
	a.progress.show("building the index: %d records, %s", p.Records, p.File)
}

// rate shows bytes, rate and time left of downloads.
type rate struct {
	progress *progress
	began    time.Time
}

func (r rate) transfer(t feed.Transfer) {
	speed, left := "", ""
	if seconds := time.Since(r.began).Seconds(); seconds > 1 && t.Received > 0 {
		perSecond := float64(t.Received) / seconds
		speed = fmt.Sprintf(", %.1f MB/s", perSecond/1e6)
		if t.Left > 0 {
			left = ", " + (time.Duration(float64(t.Left)/perSecond) * time.Second).String() + " left"
		}
	}
	r.progress.show("downloading %d of %d, %.1f of %.1f MB%s%s, %s", min(t.Done+1, t.Files), t.Files,
		float64(t.Received)/1e6, float64(t.Received+t.Left)/1e6, speed, left, t.File)
}
