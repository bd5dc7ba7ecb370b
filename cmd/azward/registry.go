package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/connect"
	"github.com/azward/azward/image"
	"github.com/azward/azward/registry"
	"github.com/azward/azward/store"
	"github.com/azward/azward/store/sqlite"
)

func registryCommand(a *app) *cobra.Command {
	c := &cobra.Command{Use: "registry", Short: "Scan container registries and follow them over time"}
	c.AddCommand(registryScanCommand(a), registryShowCommand(a), registryListCommand(a))
	return c
}

type registryFlags struct {
	connection         string
	platform           string
	plainHTTP, again   bool
	repositories, tags []string
	named              map[string][]azward.Digest // not nil: these and tags alone, whatever runs
	estate             []string
	cluster            string
	outputDir          string // for SBOMs, one a file
	gate               findingGate
}

func registryScanCommand(a *app) *cobra.Command {
	var f registryFlags
	c := &cobra.Command{
		Use: "scan [LOGIN-SERVER]", Short: "Read every image of a registry, each layer once", Args: cobra.MaximumNArgs(1),
		Long: `List the repositories and tags of a registry, read every distinct image and
layer that is not known yet, and show what is vulnerable, what the base image
brought, what to change, and where each digest runs. The next run costs one
request a tag at most; azward registry show answers without any. Without a
name, the registries of azward.yaml are scanned; their connections and
repositories there hold where no flag says otherwise.

What runs is taken from the last azward scan, or from --estate.`,
		Example: `  azward registry scan contoso.azurecr.io
  azward registry scan contoso.azurecr.io --repository 'shop/*' --tag '1.*'
  azward registry scan 127.0.0.1:5000 --plain-http --output json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.only(viewFormats...); err != nil {
				return err
			}
			if err := errors.Join(f.gate.check(), a.checkDir(f.outputDir)); err != nil {
				return err
			}
			hosts, each, err := a.registriesOf(cmd.Context(), args, f)
			if err != nil {
				return err
			}
			return a.registryScans(cmd.Context(), hosts, each)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.connection, "connection", "", "sign in with this connection (default: the only one, for registries of its cloud)")
	flags.StringArrayVar(&f.repositories, "repository", nil, "repositories to read and show, with * and ? as in file names (repeatable; default all)")
	flags.StringArrayVar(&f.tags, "tag", nil, "tags to read and show, with * and ? (repeatable; default all)")
	flags.StringVar(&f.platform, "platform", "", "platform to take from an index (default linux/amd64)")
	flags.BoolVar(&f.plainHTTP, "plain-http", false, "speak HTTP to a registry on loopback")
	flags.BoolVar(&f.again, "again", false, "read images that are known already, too")
	a.estateFlags(flags, &f)
	f.documentFlags(flags)
	f.gate.flags(flags)
	return c
}

// loginServer checks the name of a registry.
func loginServer(text string) (string, error) {
	host := strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(text, "https://"), "/"))
	ref, err := image.ParseReference(host + "/repository")
	if err != nil || ref.Registry != host {
		return "", &azward.Error{
			Kind: azward.KindUsage, Op: "read login server", Subject: fmt.Sprintf("%.100q", text),
			Cause: "it is no host name of a registry", Remedy: "give it as az acr show --query loginServer prints it: contoso.azurecr.io", Err: err,
		}
	}
	return host, nil
}

func (a *app) registryScan(ctx context.Context, host string, f registryFlags) error {
	index, err := a.advisories()
	if err != nil {
		return err
	}
	defer index.Close()
	start := time.Now().UTC()
	a.warnStale(index, start)
	kept, err := a.store(ctx)
	if err != nil {
		return err
	}
	deployed, err := a.deployed(ctx, f)
	if err != nil {
		return err
	}
	images := &pulling{plainHTTP: f.plainHTTP}
	defer images.close()
	if err := a.signIn(ctx, images, host, f.connection); err != nil {
		return err
	}
	client, err := images.registry(host)
	if err != nil {
		return err
	}
	transfers := &transfers{progress: &a.progress, follower: a.follower}
	images.scanner = &image.Scanner{Cache: registry.Layers{Store: kept}, Platform: f.platform, Progress: transfers.layer}
	running := deployed.running(host)
	if f.named != nil {
		running = nil
	}
	result, err := registry.Scan{
		Client: client, Host: host, Images: images.scanner, Store: kept, At: start, Repositories: f.repositories, Tags: f.tags,
		Running: running, Named: f.named, Again: f.again, Progress: transfers.registry,
	}.Run(ctx)
	a.progress.clear()
	if err != nil {
		return err
	}
	view, err := a.view(ctx, kept, index, host, deployed, f)
	if err != nil {
		return err
	}
	if gaps := len(result.Gaps); gaps > 0 && a.follower != nil {
		a.follower.Partial(fmt.Sprintf("%d gaps in what was read", gaps))
		a.sayFirst(result.Gaps)
	}
	s := registrySummary{Result: result, transfers: transfers, took: time.Since(start)}
	if a.isDocument() {
		err = a.writeRegistryDocuments(ctx, view, slices.Concat(result.Gaps, view.Gaps), kept, index, f.outputDir)
	} else {
		err = a.writeView(view, &s, index)
	}
	if err != nil {
		return err
	}
	return f.gate.judge(index, view.Images, len(result.Gaps)+len(view.Gaps))
}

// sayFirst tells of gaps where their table is not to be seen: in a job's log.
func (a *app) sayFirst(gaps []azward.Gap) {
	const told = 50
	for _, g := range gaps[:min(len(gaps), told)] {
		fmt.Fprintf(a.stderr, "%s: %s: %s\n", g.Scope, g.Reads, g.Error)
	}
}

// signIn lets the images be read with a connection: the named one, or the only
// one when the registry is its cloud's.
func (a *app) signIn(ctx context.Context, images *pulling, host, connection string) error {
	if host == "" { // an image on this machine
		return nil
	}
	if connection == "" {
		connections, err := a.connections(ctx)
		if err != nil {
			return err
		}
		list, err := connections.List(ctx)
		if err != nil {
			return err
		}
		if len(list) != 1 {
			return nil
		}
		cloud, err := connect.CloudOf(list[0])
		if err != nil {
			return err
		}
		if !cloud.IsRegistry(host) {
			return nil
		}
		connection = list[0].Name
	}
	client, kept, err := a.client(ctx, connection)
	if err != nil {
		return err
	}
	images.client, images.tenant = client, kept.TenantID
	return nil
}

// view shows a registry from the store alone.
func (a *app) view(ctx context.Context, kept *sqlite.Store, index *advisory.Index, host string, deployed *deployed, f registryFlags) (*registry.View, error) {
	load := registry.Load{Registry: host, Store: kept, Advisories: index, Repositories: f.repositories, Tags: f.tags}
	if deployed != nil {
		load.Runs = deployed.runs
	}
	return load.View(ctx)
}

func registryShowCommand(a *app) *cobra.Command {
	var f registryFlags
	c := &cobra.Command{
		Use: "show LOGIN-SERVER[/REPOSITORY[:TAG]]", Short: "Show a registry, a repository over time, or an image, from the store", Args: cobra.ExactArgs(1),
		Long: `Show what the last scan of a registry found, with the advisories of now and
without a request: the registry's images in the order in which they deserve
attention; one repository's versions with what each fixed and brought; or one
image with its layers, findings and what to change.`,
		Example: `  azward registry show contoso.azurecr.io
  azward registry show contoso.azurecr.io/shop/cart
  azward registry show contoso.azurecr.io/shop/cart:1.4`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.only(viewFormats...); err != nil {
				return err
			}
			return a.registryShow(cmd.Context(), args[0], f)
		},
	}
	a.estateFlags(c.Flags(), &f)
	f.documentFlags(c.Flags())
	return c
}

func (f *registryFlags) documentFlags(flags *pflag.FlagSet) {
	flags.StringVar(&f.outputDir, "output-dir", "", "cyclonedx and spdx: write one file an image into this folder")
}

func (a *app) registryShow(ctx context.Context, name string, f registryFlags) error {
	host, rest, _ := strings.Cut(name, "/")
	host, err := loginServer(host)
	if err != nil {
		return err
	}
	if rest == "" {
		if err := a.checkDir(f.outputDir); err != nil {
			return err
		}
	}
	kept, err := a.store(ctx)
	if err != nil {
		return err
	}
	known, err := kept.Registries(ctx)
	if err != nil {
		return err
	}
	if _, ok := known[host]; !ok {
		return &azward.Error{Kind: azward.KindNotFound, Op: "show registry", Subject: host, Cause: "it was never scanned", Remedy: "azward registry scan " + host}
	}
	index, err := a.advisories()
	if err != nil {
		return err
	}
	defer index.Close()
	a.warnStale(index, time.Now())
	deployed, err := a.deployed(ctx, f)
	if err != nil {
		return err
	}
	view, err := a.view(ctx, kept, index, host, deployed, f)
	if err != nil {
		return err
	}
	if rest == "" && a.isDocument() {
		return a.writeRegistryDocuments(ctx, view, view.Gaps, kept, index, f.outputDir)
	}
	if rest == "" {
		return a.writeView(view, nil, index)
	}
	if i := view.Find(rest); i != nil {
		return a.writeRegistryImage(ctx, view, i, kept, index)
	}
	if versions := view.Timeline(rest); versions != nil {
		if err := a.only("table", "json"); err != nil {
			return err
		}
		return a.writeTimeline(view, rest, versions, index)
	}
	return &azward.Error{
		Kind: azward.KindNotFound, Op: "show", Subject: name, Cause: "the registry has no such repository, tag or digest, as of " + known[host].Format(time.RFC3339),
		Remedy: "see azward registry show " + host + ", or scan again",
	}
}

func registryListCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the registries that were scanned", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.only("table", "json"); err != nil {
				return err
			}
			kept, err := a.store(cmd.Context())
			if err != nil {
				return err
			}
			known, err := kept.Registries(cmd.Context())
			if err != nil {
				return err
			}
			return a.writeRegistries(known)
		},
	}
}

// findingGate fails a run on findings of images.
type findingGate struct{ on []string }

// gateWords are what --fail-on of an image takes.
var gateWords = []string{"low", "medium", "high", "critical", "kev", "fixable", onSecret, onMisconfiguration}

func (g *findingGate) check() error {
	for _, on := range g.on {
		if !slices.Contains(gateWords, on) {
			return &azward.Error{
				Kind: azward.KindUsage, Op: "read --fail-on", Subject: fmt.Sprintf("%.40q", on), Cause: "there is no such condition",
				Remedy: "use one of " + strings.Join(gateWords, ", "),
			}
		}
	}
	return nil
}

// lastScan is the newest scan whose estate was kept.
func lastScan(ctx context.Context, kept *sqlite.Store) (store.Scan, bool, error) {
	const looked = 50 // scans without an estate are those that failed
	scans, err := kept.Scans(ctx, looked)
	if err != nil {
		return store.Scan{}, false, err
	}
	for _, s := range scans {
		if s.Estate != "" && (s.State == store.ScanComplete || s.State == store.ScanPartial) {
			return s, true, nil
		}
	}
	return store.Scan{}, false, nil
}
