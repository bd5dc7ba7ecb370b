package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/azward/azward"
	"github.com/azward/azward/azure"
	"github.com/azward/azward/collect"
	"github.com/azward/azward/connect"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure"
	"github.com/azward/azward/foreign"
	"github.com/azward/azward/image"
	"github.com/azward/azward/kube"
	"github.com/azward/azward/registry"
	"github.com/azward/azward/report"
	"github.com/azward/azward/scan"
	"github.com/azward/azward/store"
	"github.com/azward/azward/store/sqlite"
	"github.com/azward/azward/verdict"
	"github.com/azward/azward/workspace"
)

func collectCommand(a *app) *cobra.Command {
	var subscriptions []string
	c := &cobra.Command{
		Use: "collect [NAME] -o FILE", Short: "Read a tenant into an estate file", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if a.out == "" {
				return &azward.Error{Kind: azward.KindUsage, Op: "collect", Cause: "no file is named", Remedy: "name one with -o FILE, such as -o tenant.ndjson.zst"}
			}
			names, err := a.named(cmd.Context(), args)
			if err != nil {
				return err
			}
			var b estate.Builder
			for _, name := range names {
				if err := a.collect(cmd.Context(), name, subscriptions, &b); err != nil {
					return err
				}
			}
			e := b.Build()
			if err := e.WriteFile(a.out); err != nil {
				return err
			}
			a.progress.clear()
			if !a.quiet {
				fmt.Fprintf(a.stderr, "%d resources and objects, %d listings, %d gaps written to %s\n", e.Len(), len(e.Listings()), len(e.Gaps()), a.out)
			}
			return nil
		},
	}
	c.Flags().StringSliceVar(&subscriptions, "subscription", nil, "read these subscriptions alone")
	return c
}

// collect reads a connection's tenant into the builder.
func (a *app) collect(ctx context.Context, name string, subscriptions []string, b *estate.Builder) error {
	client, connection, err := a.client(ctx, name)
	if err != nil {
		return err
	}
	defer client.Close()
	return a.collectWith(ctx, client, connection, subscriptions, b)
}

func (a *app) client(ctx context.Context, name string) (*azure.Client, store.Connection, error) {
	connections, err := a.connections(ctx)
	if err != nil {
		return nil, store.Connection{}, err
	}
	connection, secret, err := connections.Credential(ctx, name)
	if err != nil {
		return nil, store.Connection{}, err
	}
	client, err := connect.Open(connection, secret)
	return client, connection, err
}

func (a *app) collectWith(ctx context.Context, client *azure.Client, connection store.Connection, subscriptions []string, b *estate.Builder) error {
	o := collect.Options{Clusters: kube.Read, Progress: func(p collect.Progress) {
		a.progress.show("reading %s: %d of %d lists, %s", connection.Name, p.Done, p.Total, p.Note)
	}}
	for _, s := range subscriptions {
		id, err := azward.ParseGUID("subscription ID", s)
		if err != nil {
			return err
		}
		o.Subscriptions = append(o.Subscriptions, azward.SubscriptionID(id))
	}
	if len(subscriptions) == 0 {
		o.Subscriptions = connection.Subscriptions
	}
	_, err := collect.Collect(ctx, client, b, o)
	return err
}

type scanFlags struct {
	estate        []string
	cluster       string
	complete      bool
	noPull        bool
	plainHTTP     bool
	subscriptions []string
	attacker      string
	vex           []string
	findings      []string          // files of other scanners' reports
	reports       []*foreign.Report // the same, open
	failOn        failOn
}

// attackers are the places that --attacker takes, the farthest first.
var attackers = map[string]exposure.Class{
	"internet": "", "partner": exposure.PartnerPrivate, "connected": exposure.PrivateConnected, "peered": exposure.VnetPeered,
	"local": exposure.VnetLocal, "cluster": exposure.SameCluster,
}

// attackerNamed reads --attacker.
func attackerNamed(name string) (exposure.Class, error) {
	class, ok := attackers[name]
	if !ok {
		return "", noAttacker(name)
	}
	return class, nil
}

func scanCommand(a *app) *cobra.Command {
	var f scanFlags
	c := &cobra.Command{
		Use:   "scan [NAME…]",
		Short: "Do the whole job: collect, images, advisories, exposure, verdicts",
		Long: `Scan the named connections (all when none is named), or files with --estate:
an estate file, a JSON array of ARM objects, a Resource Graph answer, the output
of az resource list, Kubernetes manifests, or a folder of these.`,
		Example: `  azward scan prod
  azward scan --estate tenant.ndjson.zst
  azward scan --estate export.json --estate manifests/ --cluster aks-prod --complete`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.only(verdictFormats...); err != nil {
				return err
			}
			if err := f.failOn.check(); err != nil {
				return err
			}
			if _, err := attackerNamed(f.attacker); err != nil {
				return err
			}
			return a.scan(cmd.Context(), args, f)
		},
	}
	flags := c.Flags()
	flags.StringArrayVar(&f.estate, "estate", nil, "read this file or folder instead of Azure (repeatable)")
	flags.StringVar(&f.cluster, "cluster", "", "cluster that Kubernetes objects of the files belong to")
	flags.BoolVar(&f.complete, "complete", false, "the files leave nothing out: on your word, at the price of confidence")
	flags.BoolVar(&f.noPull, "no-pull", false, "read no image; use those that the files or the cache hold")
	flags.BoolVar(&f.plainHTTP, "plain-http", false, "speak HTTP to registries on loopback")
	flags.StringSliceVar(&f.subscriptions, "subscription", nil, "read these subscriptions alone")
	flags.StringArrayVar(&f.findings, "findings", nil, "join this report of another scanner, as azward import does (repeatable)")
	flags.StringArrayVar(&f.vex, "vex", nil, "OpenVEX document of a supplier (repeatable): what it denies is not affected, on its word")
	flags.StringVar(&f.attacker, "attacker", "internet", "the nearest place that an attacker may start from: internet, partner, connected, peered, local, cluster")
	f.failOn.flags(flags)
	return c
}

func noAttacker(name string) error {
	return &azward.Error{Kind: azward.KindUsage, Op: "read --attacker", Subject: fmt.Sprintf("%.40q", name), Cause: "there is no such place", Remedy: "use internet, partner, connected, peered, local or cluster"}
}

// scan runs one scan for each source and writes all verdicts.
func (a *app) scan(ctx context.Context, names []string, f scanFlags) (err error) {
	dir, err := a.dataDir()
	if err != nil {
		return err
	}
	release, err := store.LockScan(dir)
	if err != nil {
		return err
	}
	defer release() //nolint:errcheck // the lock goes with the process at the latest
	opened, err := openReports(f.findings, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.close()) }()
	f.reports = opened.list
	sources, err := a.sources(ctx, names, f)
	if err != nil {
		return err
	}
	var results []scanned
	for _, source := range sources {
		result, err := a.scanSource(ctx, source, f)
		if err != nil {
			return err
		}
		results = append(results, result)
	}
	a.progress.clear()
	if err := a.writeScans(ctx, results, f.failOn); err != nil {
		return err
	}
	return nothingMatched(broughtBy(results...))
}

// source is what one scan reads.
type source struct {
	name string
	// read gives the estate, and how to read images of its registries.
	read func(context.Context) (*estate.Estate, *azure.Client, azward.TenantID, error)
}

func (a *app) sources(ctx context.Context, names []string, f scanFlags) ([]source, error) {
	if len(f.estate) > 0 {
		if len(names) > 0 {
			return nil, &azward.Error{Kind: azward.KindUsage, Op: "choose what to scan", Cause: "connections and --estate are both given", Remedy: "leave one of them out"}
		}
		return []source{{"file:" + strings.Join(f.estate, ","), func(ctx context.Context) (*estate.Estate, *azure.Client, azward.TenantID, error) {
			e, err := estate.Open(ctx, estate.ReadOptions{Cluster: f.cluster, Complete: f.complete}, f.estate...)
			return e, nil, "", err
		}}}, nil
	}
	names, err := a.named(ctx, names)
	if err != nil {
		return nil, err
	}
	var all []source
	for _, name := range names {
		all = append(all, source{name, func(ctx context.Context) (*estate.Estate, *azure.Client, azward.TenantID, error) {
			client, connection, err := a.client(ctx, name)
			if err != nil {
				return nil, nil, "", err
			}
			var b estate.Builder
			if err := a.collectWith(ctx, client, connection, f.subscriptions, &b); err != nil {
				client.Close()
				return nil, nil, "", err
			}
			return b.Build(), client, connection.TenantID, nil
		}})
	}
	return all, nil
}

// scanSource is one scan from reading to saved verdicts. Whatever ends it, the
// verdicts of the scan before stand until the new ones are there whole.
func (a *app) scanSource(ctx context.Context, s source, f scanFlags) (found scanned, err error) {
	kept, err := a.store(ctx)
	if err != nil {
		return found, err
	}
	denials, err := readVEX(f.vex)
	if err != nil {
		return found, err
	}
	index, err := a.advisories()
	if err != nil {
		return found, err
	}
	defer index.Close()
	start := time.Now().UTC()
	a.warnStale(index, start)
	if _, err := kept.InterruptScans(ctx, start); err != nil { // of a process that died: we hold the lock
		return found, err
	}
	id := start.Format("20060102T150405.000000000")
	id = strings.ReplaceAll(id, ".", "-")
	if err := kept.BeginScan(ctx, id, s.name, start); err != nil {
		return found, err
	}
	a.begun(id)
	defer func() {
		if err != nil {
			err = endScan(ctx, kept, id, err)
		}
	}()
	e, client, tenant, err := s.read(ctx)
	if err != nil {
		return found, err
	}
	if client != nil {
		defer client.Close()
	}
	if e, err = a.withServiceTags(e); err != nil {
		return found, err
	}
	images := &pulling{
		scanner: &image.Scanner{Cache: registry.Layers{Store: kept}, Progress: func(p image.Progress) {
			a.detail("reading images: %s, %.1f of %.1f MB", p.Image, float64(p.Done)/1e6, float64(p.Total)/1e6)
		}},
		client: client, tenant: tenant, plainHTTP: f.plainHTTP,
	}
	defer images.close()
	weights, err := a.criticality(ctx)
	if err != nil {
		return found, err
	}
	run := scan.Scan{Advisories: index, Denials: denials, Criticality: weights, Attacker: attackers[f.attacker], Reports: f.reports, Progress: func(p scan.Progress) {
		a.step(step{p.Stage, p.Done, p.Total, p.Note}, "%s: %d of %d %s", p.Stage, p.Done, p.Total, p.Note)
	}}
	if !f.noPull {
		run.Images = images
	}
	if found.Result, err = run.Run(ctx, e, start.Truncate(time.Second)); err != nil {
		return found, err
	}
	if err := found.compare(ctx, kept, s.name); err != nil {
		return found, err
	}
	a.sayLost(found.changes)
	if err := a.save(ctx, kept, id, found.Result); err != nil {
		return found, err
	}
	if err := found.keepChanges(ctx, kept, id); err != nil {
		return found, err
	}
	return found, a.keepPosture(ctx, kept, id, found.Estate, start)
}

// endScan notes how a scan ended that gave no verdicts.
func endScan(ctx context.Context, kept *sqlite.Store, id string, cause error) error {
	state := store.ScanFailed
	if ctx.Err() != nil {
		state = store.ScanInterrupted
	}
	if err := kept.FinishScan(context.WithoutCancel(ctx), id, store.Outcome{State: state, FinishedAt: time.Now().UTC()}); err != nil {
		return fmt.Errorf("%w (and the scan could not be marked as %s: %w)", cause, state, err)
	}
	return cause
}

// save keeps the estate, then all verdicts with their proofs at once.
func (a *app) save(ctx context.Context, kept *sqlite.Store, id string, r *scan.Result) error {
	if err := kept.SaveEstate(ctx, id, r.Estate.Write); err != nil {
		return err
	}
	counts := report.CountOf(r.Verdicts)
	summary, err := json.Marshal(map[string]any{
		"verdicts": counts, "images": r.Images, "packages": r.Packages, "resources": r.Estate.Len(), "funnel": workspace.FunnelOf(r.Verdicts),
	})
	if err != nil {
		return fmt.Errorf("count verdicts: %w", err)
	}
	outcome := store.Outcome{State: store.ScanState(r.State()), FinishedAt: time.Now().UTC(), Gaps: len(r.Estate.Gaps()), Counts: summary}
	return kept.SaveVerdicts(ctx, id, func(yield func(store.Decided, error) bool) {
		done := 0
		for doc, err := range r.Documents() {
			done++
			a.step(step{"save", done, len(r.Verdicts), ""}, "saving verdicts: %d of %d", done, len(r.Verdicts))
			if !yield(store.Decided{Verdict: doc.Verdict, Doc: pieces(doc.Own), Proof: pieces(doc.Proof)}, err) || err != nil {
				return
			}
		}
	}, outcome)
}

// pieces hands a document over to the store.
func pieces(list []verdict.Piece) store.Document {
	doc := make(store.Document, 0, len(list))
	for _, p := range list {
		doc = append(doc, store.Piece(p))
	}
	return doc
}

func (a *app) writeScans(ctx context.Context, results []scanned, f failOn) error {
	var verdicts []azward.Verdict
	var gaps []azward.Gap
	for _, r := range results {
		verdicts = append(verdicts, r.Verdicts...)
		gaps = append(gaps, r.Estate.Gaps()...)
	}
	verdicts, err := a.marked(ctx, verdicts, time.Now())
	if err != nil {
		return err
	}
	a.decided = verdicts
	err = a.write(func(w io.Writer) error {
		switch a.output {
		case "table":
			return a.summary(w, results, verdicts, gaps)
		case "json":
			if verdicts == nil {
				verdicts = []azward.Verdict{}
			}
			if gaps == nil {
				gaps = []azward.Gap{}
			}
			changes := []verdict.Change{}
			for _, r := range results {
				if !r.since.IsZero() {
					changes = append(changes, r.changes...)
				}
			}
			all := map[string]any{"verdicts": verdicts, "gaps": gaps, "changes": changes}
			if brought := broughtBy(results...); len(brought) > 0 {
				all["reports"] = brought
			}
			return report.JSON(w, all)
		default:
			return a.writeVerdicts(w, verdicts)
		}
	})
	if err != nil {
		return err
	}
	if err := f.judge(verdicts, len(gaps)); err != nil || !f.kev || len(f.on) == 0 {
		return err
	}
	index, err := a.advisories()
	if err != nil {
		return err
	}
	return errors.Join(wantKEV(index), index.Close())
}

// summary is what a person reads after a scan.
func (a *app) summary(w io.Writer, results []scanned, verdicts []azward.Verdict, gaps []azward.Gap) error {
	if err := a.writeTable(w, verdicts, false); err != nil {
		return err
	}
	var images, packages, resources, blind int
	for _, r := range results {
		images, packages, resources, blind = images+r.Images, packages+r.Packages, resources+r.Estate.Len(), blind+r.Blind
	}
	_, err := fmt.Fprintf(w, "\n%s; %d resources and objects, %d images, %d packages\n",
		report.CountWords(report.CountOf(verdicts)), resources, images, packages)
	if err != nil {
		return err
	}
	if blind > 0 {
		if _, err := fmt.Fprintf(w, "%d workloads have packages that azward does not see (machines, code-only apps, unread images)\n", blind); err != nil {
			return err
		}
	}
	if err := writeBrought(w, broughtBy(results...)); err != nil {
		return err
	}
	for _, r := range results {
		if err := writeVerdictChanges(w, r); err != nil {
			return err
		}
	}
	return writeGaps(w, gaps)
}

// writeTable writes the verdicts that are open, and counts the others.
func (a *app) writeTable(w io.Writer, verdicts []azward.Verdict, dismissed bool) error {
	shown := verdicts
	if !dismissed {
		shown = open(verdicts)
	}
	if err := report.Table(w, shown, a.style()); err != nil {
		return err
	}
	if hidden := len(verdicts) - len(shown); hidden > 0 {
		_, err := fmt.Fprintf(w, "%d dismissed: azward verdicts --dismissed\n", hidden)
		return err
	}
	return nil
}

// maxGapsShown keeps a summary on one screen.
const maxGapsShown = 8

// gapGroup is gaps with one cause: the same scope and the same remedy.
type gapGroup struct {
	gap   azward.Gap
	reads []string
}

// writeGaps tells each cause once, with what it kept from being read.
func writeGaps(w io.Writer, gaps []azward.Gap) error {
	if len(gaps) == 0 {
		return nil
	}
	var groups []*gapGroup
	for _, g := range gaps {
		at := slices.IndexFunc(groups, func(o *gapGroup) bool {
			return o.gap.Scope == g.Scope && o.gap.Kind == g.Kind && o.gap.Remedy == g.Remedy
		})
		if at < 0 {
			groups, at = append(groups, &gapGroup{gap: g}), len(groups)
		}
		groups[at].reads = append(groups[at].reads, g.Reads)
	}
	noun := "gaps"
	if len(gaps) == 1 {
		noun = "gap"
	}
	if _, err := fmt.Fprintf(w, "\n%d %s in what was read; answers that needed it are unknown\n", len(gaps), noun); err != nil {
		return err
	}
	for i, g := range groups {
		if i == maxGapsShown {
			_, err := fmt.Fprintf(w, "  and %d more causes: --output json has them all\n", len(groups)-i)
			return err
		}
		if err := g.write(w); err != nil {
			return err
		}
	}
	return nil
}

func (g *gapGroup) write(w io.Writer) error {
	const shown = 4
	reads := strings.Join(g.reads[:min(len(g.reads), shown)], ", ")
	if more := len(g.reads) - shown; more > 0 {
		reads += fmt.Sprintf(" and %d more", more)
	}
	cause := g.gap.Error
	if len(g.reads) > 1 && g.gap.Kind == azward.GapDenied {
		cause = "the right to read them is missing"
	}
	if _, err := fmt.Fprintf(w, "  %s\n      %s: %s\n", g.gap.Scope, reads, cause); err != nil {
		return err
	}
	if g.gap.Remedy == "" {
		return nil
	}
	_, err := fmt.Fprintf(w, "      hint: %s\n", g.gap.Remedy)
	return err
}
