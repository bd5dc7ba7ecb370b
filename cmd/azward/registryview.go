package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/pflag"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/hardening"
	"github.com/azward/azward/registry"
	"github.com/azward/azward/remediation"
	"github.com/azward/azward/report"
	"github.com/azward/azward/store/sqlite"
)

// viewFormats are what registries and images are written in.
var viewFormats = []string{"table", "json", "sarif", "cyclonedx", "spdx", "csv"}

// known is the advisories as remediation asks them.
type known struct{ *advisory.Index }

// Compare implements [remediation.Advisories].
func (known) Compare(ecosystem, a, b string) (int, error) { return advisory.Compare(ecosystem, a, b) }

// registrySummary is what a scan did, for the head of its view.
type registrySummary struct {
	*registry.Result
	transfers *transfers
	took      time.Duration
}

// advised is an image with what to change.
type advised struct {
	*registry.Image
	Name    string               `json:"name"`
	Actions []remediation.Action `json:"actions"`
	// Left counts findings that no action clears.
	Left      int       `json:"left"`
	Hardening weakSpots `json:"hardening"`

	hardened   hardening.Report
	suppressed []suppressed // findings of this image alone that VEX denies
}

func advise(v *registry.View, i *registry.Image, index *advisory.Index) (advised, error) {
	actions, left, err := v.Advice(i, known{index})
	if actions == nil {
		actions = []remediation.Action{}
	}
	now := time.Now()
	hardened := harden(i, index, now)
	return advised{i, i.Name(), actions, left, newWeakSpots(hardened, i.Read().Secrets, now), hardened, nil}, err
}

// maxImagesShown keeps a registry's summary on one screen.
const maxImagesShown = 15

func (a *app) writeView(v *registry.View, s *registrySummary, index *advisory.Index) error {
	shown := v.Images
	if a.output == "table" {
		shown = shown[:min(len(shown), maxImagesShown)]
	}
	images := make([]advised, 0, len(shown))
	for _, i := range shown {
		one, err := advise(v, i, index)
		if err != nil {
			return err
		}
		images = append(images, one)
	}
	return a.write(func(w io.Writer) error {
		if a.output == "json" {
			out := map[string]any{
				"registry": v.Registry, "repositories": v.Repositories, "images": images, "packages": v.Packages,
				"untagged": nameAll(v.Untagged()), "idle": v.Idle(), "gaps": v.Gaps, "advisories": usedOf(index, time.Now()),
			}
			if s != nil {
				out["scan"] = s.Result
				out["gaps"] = slices.Concat(s.Gaps, v.Gaps)
			}
			return report.JSON(w, out)
		}
		return a.viewTable(w, v, s, images)
	})
}

func nameAll(list []*registry.Image) []string {
	names := make([]string, 0, len(list))
	for _, i := range list {
		names = append(names, i.Name())
	}
	return names
}

func (a *app) viewTable(w io.Writer, v *registry.View, s *registrySummary, images []advised) error {
	if err := (imageTable{v, images, a.columns()}).write(w); err != nil {
		return err
	}
	if more := len(v.Images) - len(images); more > 0 {
		if _, err := fmt.Fprintf(w, "and %s: --output json has them all\n", counted(more, "more image")); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	if err := viewFacts(w, v); err != nil {
		return err
	}
	gaps := v.Gaps
	if s != nil {
		if err := s.write(w); err != nil {
			return err
		}
		gaps = slices.Concat(s.Gaps, v.Gaps)
	}
	return writeGaps(w, gaps)
}

func runsText(v *registry.View, i *registry.Image) string {
	if !v.Estate {
		return "?"
	}
	exploitable := 0
	for _, r := range i.Runs {
		exploitable += r.Exploitable
	}
	switch {
	case len(i.Runs) == 0:
		return "-"
	case exploitable > 0:
		return fmt.Sprintf("%d (%d exploitable)", len(i.Runs), exploitable)
	}
	return fmt.Sprint(len(i.Runs))
}

// brief is the findings by severity, the worst first.
func brief(c remediation.Counts) string {
	if c.Total() == 0 {
		return "none"
	}
	var parts []string
	for _, part := range []struct {
		n    int
		word string
	}{{c.Critical, "critical"}, {c.High, "high"}, {c.Medium, "medium"}, {c.Low, "low"}, {c.Unknown, "unrated"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.word))
		}
	}
	return strings.Join(parts, ", ")
}

func baseText(i *registry.Image) string {
	switch {
	case i.Base == nil:
		return "not known"
	case i.Base.Moved != "":
		return i.Base.Reference + " (has moved since)"
	}
	return i.Base.Reference
}

// viewFacts tells of tags and digests.
func viewFacts(w io.Writer, v *registry.View) error {
	tags, artifacts, unread := 0, 0, 0
	for _, r := range v.Repositories {
		for _, t := range r.Tags {
			if t.Until.IsZero() {
				tags++
			}
		}
		artifacts += len(r.Artifacts)
		unread += len(r.Unread)
	}
	repositories := fmt.Sprintf("%d repositories", len(v.Repositories))
	if len(v.Repositories) == 1 {
		repositories = "1 repository"
	}
	_, err := fmt.Fprintf(w, "%s: %s, %s, %s, %s, %s\n", v.Registry, repositories, counted(tags, "tag"), counted(len(v.Images), "image"),
		counted(artifacts, "other artifact"), counted(v.Packages, "distinct package"))
	if err == nil && unread > 0 {
		_, err = fmt.Fprintf(w, "%s could not be read\n", counted(unread, "image"))
	}
	var moved []string
	for _, i := range v.Images {
		if i.Base != nil && i.Base.Moved != "" {
			moved = append(moved, i.Name())
		}
	}
	if err == nil && len(moved) > 0 {
		_, err = fmt.Fprintf(w, "%s built on a base whose tag has moved since: %s\n", counted(len(moved), "image"), some(moved))
	}
	if untagged := v.Untagged(); err == nil && len(untagged) > 0 {
		_, err = fmt.Fprintf(w, "%s that run although no tag names them: %s\n", counted(len(untagged), "image"), some(nameAll(untagged)))
	}
	if idle := v.Idle(); err == nil && len(idle) > 0 {
		_, err = fmt.Fprintf(w, "%s that nothing of the estate runs: %s\n", counted(len(idle), "tag"), some(idle))
	}
	if err == nil && !v.Estate {
		_, err = fmt.Fprintf(w, "what runs is not known: azward scan, or --estate FILE\n")
	}
	return err
}

// some names the first of a list.
func some(list []string) string {
	const shown = 5
	if len(list) <= shown {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:shown], ", "), len(list)-shown)
}

// write tells what the run did.
func (s *registrySummary) write(w io.Writer) error {
	sum := s.transfers.sum()
	_, err := fmt.Fprintf(w, "this run: %s read, %d known; %s read (%.1f MB), %d from the cache; tags: %d new, %d moved, %d removed; %.1f s\n",
		counted(s.Images, "image"), s.Known, counted(sum.layers-sum.cached, "layer"), float64(sum.bytes)/1e6, sum.cached, s.Moves.New, s.Moves.Moved, s.Moves.Removed, s.took.Seconds())
	return err
}

func (a *app) writeRegistries(known map[string]time.Time) error {
	return a.write(func(w io.Writer) error {
		type row struct {
			Registry string    `json:"registry"`
			ListedAt time.Time `json:"listedAt"`
		}
		rows := []row{}
		for _, host := range slices.Sorted(maps.Keys(known)) {
			rows = append(rows, row{host, known[host]})
		}
		if a.output == "json" {
			return report.JSON(w, rows)
		}
		t := newTable("registry", "listed")
		for _, r := range rows {
			t.AppendRow(table.Row{r.Registry, r.ListedAt.Format(time.RFC3339)})
		}
		_, err := fmt.Fprintln(w, t.Render())
		return err
	})
}

func (a *app) writeTimeline(v *registry.View, repository string, versions []registry.Version, index *advisory.Index) error {
	return a.write(func(w io.Writer) error {
		if a.output == "json" {
			return report.JSON(w, map[string]any{"registry": v.Registry, "repository": repository, "versions": versions, "gaps": v.Gaps, "advisories": usedOf(index, time.Now())})
		}
		t := timelineTable(v, versions)
		if _, err := fmt.Fprintf(w, "%s/%s, newest first; back: regressed, same: unchanged\n%s\n", v.Registry, repository, t.Render()); err != nil {
			return err
		}
		return writeChanges(w, versions[len(versions)-1].Diff)
	})
}

// timelineTable has a line a version, newest first.
func timelineTable(v *registry.View, versions []registry.Version) table.Writer {
	const tagColumns, baseColumns, digestDigits = 16, 18, 12
	head := table.Row{"when", "tags", "digest", "crit", "high", "med", "low"}
	first := len(head) - 3 // of the columns that are numbers
	unrated := slices.ContainsFunc(versions, func(x registry.Version) bool { return x.Image.Counts.Unknown > 0 })
	if unrated {
		head = append(head, "?")
	}
	head = append(head, "fixed", "new", "back", "same", "base", "runs")
	t := newTable(head...)
	var configs []table.ColumnConfig
	for n := first; n < len(head)-1; n++ {
		configs = append(configs, table.ColumnConfig{Number: n, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	t.SetColumnConfigs(configs)
	for _, x := range slices.Backward(versions) {
		c, d := x.Image.Counts, x.Diff
		digest := strings.TrimPrefix(string(x.Image.Digest), "sha256:")
		row := table.Row{
			x.At.Format(time.DateOnly), fit(strings.Join(x.Tags, ", "), tagColumns), digest[:min(len(digest), digestDigits)],
			number(c.Critical), number(c.High), number(c.Medium), number(c.Low),
		}
		if unrated {
			row = append(row, number(c.Unknown))
		}
		t.AppendRow(append(row, number(len(d.Fixed)), number(len(d.New)), number(len(d.Regressed)), number(d.Unchanged),
			fit(baseText(x.Image), baseColumns), runsText(v, x.Image)))
	}
	return t
}

// writeChanges names what a version changed, the worst first.
func writeChanges(w io.Writer, d registry.Diff) error {
	for _, part := range []struct {
		title string
		list  []registry.Change
	}{{"regressed", d.Regressed}, {"new", d.New}, {"fixed", d.Fixed}} {
		if len(part.list) == 0 {
			continue
		}
		if _, err := fmt.Fprintf(w, "\n%s:\n", part.title); err != nil {
			return err
		}
		const shown = 10
		for n, c := range part.list {
			if n == shown {
				if _, err := fmt.Fprintf(w, "  and %d more: --output json\n", len(part.list)-shown); err != nil {
					return err
				}
				break
			}
			if _, err := fmt.Fprintf(w, "  %-19s %-8s %s %s\n", c.Vulnerability, c.Severity, c.Package, c.Version); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeRegistryImage shows one image of a registry.
func (a *app) writeRegistryImage(ctx context.Context, v *registry.View, i *registry.Image, kept *sqlite.Store, index *advisory.Index) error {
	stored, found, err := kept.Image(ctx, i.Digest)
	if err != nil {
		return err
	}
	if !found {
		return &azward.Error{Kind: azward.KindNotFound, Op: "show image", Subject: i.Name(), Cause: "it is not in the store", Remedy: "azward registry scan " + v.Registry}
	}
	img, err := registry.Restored(stored)
	if err != nil {
		return err
	}
	one, gaps, err := registry.Single(img, index)
	if err != nil {
		return err
	}
	one.In(i)
	actions, err := advise(v, one, index)
	if err != nil {
		return err
	}
	actions.Name = v.Registry + "/" + i.Name()
	return a.writeImage(v.Estate, img, actions, gaps, index)
}

func (g *findingGate) flags(flags *pflag.FlagSet) {
	flags.StringSliceVar(&g.on, "fail-on", nil, "exit 3 when an image has a finding of this severity or above (low, medium, high, critical), or one that is kev; with fixable only those with a fix count; or a secret, or a misconfiguration")
}

// judge gives the error of the gate.
func (g *findingGate) judge(index *advisory.Index, images []*registry.Image, gaps int) error {
	vulnerabilities := findingGate{slices.DeleteFunc(slices.Clone(g.on), func(on string) bool { return on == onSecret || on == onMisconfiguration })}
	err, weak := vulnerabilities.judgeFindings(images, gaps), g.judgeWeak(images, index, time.Now())
	if err == nil && slices.Contains(g.on, "kev") {
		err = wantKEV(index)
	}
	if err == nil || azward.KindOf(err) == azward.KindUndecided && azward.KindOf(weak) == azward.KindFailOn {
		return weak
	}
	return err
}

func (g *findingGate) judgeFindings(images []*registry.Image, gaps int) error {
	if len(g.on) == 0 {
		return nil
	}
	met, names := 0, []string{}
	for _, i := range images {
		before := met
		for f := range i.Findings() {
			if g.meets(f.Finding) {
				met++
			}
		}
		if met > before {
			names = append(names, i.Name())
		}
	}
	on := strings.Join(g.on, ",")
	switch {
	case met > 0:
		return &azward.Error{Kind: azward.KindFailOn, Op: "--fail-on " + on, Cause: fmt.Sprintf("%d findings meet it, in %s", met, some(names))}
	case gaps > 0:
		return &azward.Error{
			Kind: azward.KindUndecided, Op: "--fail-on " + on, Cause: fmt.Sprintf("nothing meets it, but %d things could not be read", gaps),
			Remedy: "close the gaps that are listed, or accept exit code 4",
		}
	}
	return nil
}

// wantKEV makes a gate on known exploitation undecided where the index has no
// catalogue to tell it from.
func wantKEV(index *advisory.Index) error {
	if index.Status().KEV.Entries > 0 {
		return nil
	}
	return &azward.Error{
		Kind: azward.KindUndecided, Op: "count known exploited vulnerabilities", Cause: "the advisory index holds no catalogue of them",
		Remedy: "azward advisory update",
	}
}

func (g *findingGate) meets(f azward.Finding) bool {
	if slices.Contains(g.on, "fixable") && len(f.FixedIn) == 0 {
		return false
	}
	for _, on := range g.on {
		switch {
		case on == "kev" && f.KEV, on == "fixable" && len(g.on) == 1:
			return true
		case azward.Severity(on).Rank() > 0 && f.Severity.Rank() >= azward.Severity(on).Rank():
			return true
		}
	}
	return false
}
