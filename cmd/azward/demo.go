package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory/feed"
	"github.com/azward/azward/azuresim"
	"github.com/azward/azward/azuresim/scenario"
	"github.com/azward/azward/connect"
	"github.com/azward/azward/hub"
	"github.com/azward/azward/report"
	"github.com/azward/azward/seal"
	"github.com/azward/azward/store"
)

func demoCommand(a *app) *cobra.Command {
	var once bool
	c := &cobra.Command{
		Use: "demo", Short: "Do the whole job on a simulated tenant", Args: cobra.NoArgs,
		Long: `Start a simulated Azure tenant with its registry and clusters on loopback,
connect to it as to real Azure, and do the whole job; then serve the hub over it
until Ctrl-C. The advisories are a small set made for the demo. Nothing leaves
this machine; without --data the results are thrown away.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.only(verdictFormats...); err != nil {
				return err
			}
			return a.demo(cmd.Context(), once)
		},
	}
	c.Flags().BoolVar(&once, "once", false, "print the answers and exit, without the hub")
	return c
}

// demoTenant is the scenario, demoApp the application that signs in, and
// demoRegistry the registry whose images run.
const (
	demoTenant   = "contoso"
	demoApp      = "azward"
	demoRegistry = "contosoacr.azurecr.io"
	demoCloud    = "demo-cloud.json" // the simulated cloud's endpoints, within the data directory
)

func (a *app) demo(ctx context.Context, once bool) (err error) {
	began := time.Now()
	tenant, err := scenario.Load(demoTenant)
	if err != nil {
		return err
	}
	if a.data == "" {
		if a.data, err = os.MkdirTemp("", "azward-demo-"); err != nil {
			return fmt.Errorf("make a folder for the demo: %w", err)
		}
		dir := a.data
		defer func() { err = errors.Join(err, a.close(), os.RemoveAll(dir)) }()
	}
	simulator, err := azuresim.Start(ctx, azuresim.Options{Scenario: tenant})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, simulator.Close()) }()
	if err := a.demoConnect(ctx, tenant, simulator.CloudConfig()); err != nil {
		return err
	}
	if err := a.demoAdvisories(ctx, tenant); err != nil {
		return err
	}
	a.say("simulated tenant %s: %d Azure resources, %d clusters, on loopback\n", tenant.Tenant.Name, len(tenant.ARM), len(tenant.Kubernetes))
	if err := a.scan(ctx, []string{demoTenant}, scanFlags{}); err != nil {
		return err
	}
	if a.output == "table" && a.out == "" {
		if err := a.demoProof(); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(a.stdout, "\nThe registry, as azward registry scan %s shows it:\n\n", demoRegistry); err != nil {
			return err
		}
		if err := a.registryScan(ctx, demoRegistry, registryFlags{connection: demoTenant}); err != nil {
			return err
		}
		if err := a.demoPosture(ctx); err != nil {
			return err
		}
	}
	a.say("\ndone in %.1f s; %d requests to the simulated Azure\n", time.Since(began).Seconds(), len(simulator.Requests()))
	if once {
		return nil
	}
	return a.demoHub(ctx)
}

// demoHub serves the hub over what the demo has found, until Ctrl-C. The
// simulated tenant stays up, so that scans and connections can be tried.
func (a *app) demoHub(ctx context.Context) error {
	cloud, err := filepath.Abs(filepath.Join(a.data, demoCloud))
	if err != nil {
		return fmt.Errorf("find the demo's cloud: %w", err)
	}
	f := serveFlags{listen: hub.DefaultListen, workers: 2, cloudConfig: cloud}
	log := newLog(a.stderr, "text", a.logLevel)
	h, err := a.openHub(ctx, f, log)
	if azward.KindOf(err) == azward.KindConflict { // another hub is there: take any port
		f.listen = "127.0.0.1:0"
		h, err = a.openHub(ctx, f, log)
	}
	if err != nil {
		return err
	}
	a.say("the hub shows this at %s until Ctrl-C, with the simulated tenant beside it;\nfrom another terminal: azward --data %s verdicts\n", h.access.PublicURL(), a.data)
	return h.run(ctx)
}

func (a *app) say(format string, args ...any) {
	if !a.quiet {
		a.progress.clear()
		fmt.Fprintf(a.stderr, format, args...)
	}
}

// demoConnect adds the connection as `azward connect azure` does.
func (a *app) demoConnect(ctx context.Context, tenant *scenario.Scenario, cloud []byte) error {
	dir, err := store.Prepare(a.data)
	if err != nil {
		return err
	}
	file := filepath.Join(dir, demoCloud)
	if err := os.WriteFile(file, cloud, 0o600); err != nil {
		return fmt.Errorf("write the demo's cloud: %w", err)
	}
	connections, err := a.connections(ctx)
	if err != nil {
		return err
	}
	if err := connections.Remove(ctx, demoTenant); err != nil && azward.KindOf(err) != azward.KindNotFound {
		return err
	}
	app, ok := tenant.App(demoApp)
	if !ok || len(app.Secrets) == 0 {
		return fmt.Errorf("the scenario %s has no application %s with a secret", demoTenant, demoApp)
	}
	_, err = connections.Add(ctx, connect.Request{
		Name: demoTenant, TenantID: tenant.Tenant.ID, ClientID: app.ClientID, Auth: store.AuthClientSecret,
		Secret: seal.NewSecret(app.Secrets[0].Value), CloudConfig: file,
	}, time.Now().UTC())
	return err
}

// demoAdvisories builds the index from the scenario's advisories.
func (a *app) demoAdvisories(ctx context.Context, tenant *scenario.Scenario) (err error) {
	dir, err := os.MkdirTemp(a.data, "demo-advisories-")
	if err != nil {
		return fmt.Errorf("make a folder for the demo's advisories: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for _, f := range tenant.Advisories {
		name := filepath.Join(dir, filepath.FromSlash(strings.TrimPrefix(f.Name, "advisories/")))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, f.Data, 0o600)); err != nil {
			return fmt.Errorf("write the demo's advisories: %w", err)
		}
	}
	_, err = a.buildIndex(ctx, feed.Sources{Dir: dir, Label: "demo set"})
	return err
}

// demoProof shows one proof in full: the first of the list.
func (a *app) demoProof() error {
	if len(a.decided) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(a.stdout, "\nThe proof of the first one, as azward explain prints it:"); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(a.stdout); err != nil {
		return err
	}
	return report.Explain(a.stdout, a.decided[0], a.style())
}
