package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/api"
	"github.com/azward/azward/api/aurora"
	"github.com/azward/azward/hub"
	"github.com/azward/azward/jobs"
	"github.com/azward/azward/retention"
	"github.com/azward/azward/store"
	"github.com/azward/azward/store/sqlite"
	"github.com/azward/azward/web"
	"github.com/azward/azward/workspace"
)

// stopWithin bounds a graceful stop: requests under way end, jobs are put back
// into the queue, traces are sent.
const stopWithin = 9 * time.Second

// hubServer is a hub that is open: its parts, and what takes them down again.
type hubServer struct {
	shown    *workspace.Workspace // nil until the doors are mounted
	app      *app
	flags    serveFlags
	log      *slog.Logger
	dir      string // absolute
	kept     *sqlite.Store
	pool     *jobs.Pool
	health   *health
	metrics  *metrics
	traces   *traces
	listener net.Listener
	server   *hub.Server
	access   *access.Control
	// retention decides what is kept.
	retention *retention.Keeper
	release   func() error // of the data directory's lock
}

// openHub opens the store, takes up what an earlier process left, and wires
// the hub's parts. The caller runs it.
func (a *app) openHub(ctx context.Context, f serveFlags, log *slog.Logger) (_ *hubServer, err error) {
	h := &hubServer{app: a, flags: f, log: log}
	if h.dir, err = a.dataDir(); err != nil {
		return nil, err
	}
	if h.release, err = store.LockServe(h.dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	for _, open := range []func(context.Context) error{h.openStore, h.openWork, h.openDoors} {
		if err := open(ctx); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// close gives back what is held besides the store, which the run closes.
func (h *hubServer) close() error {
	err := h.release()
	if h.shown != nil {
		err = errors.Join(err, h.shown.Close())
	}
	if h.listener != nil {
		if closed := h.listener.Close(); !errors.Is(closed, net.ErrClosed) {
			err = errors.Join(err, closed)
		}
	}
	return err
}

func (h *hubServer) openStore(ctx context.Context) (err error) {
	if h.kept, err = h.app.store(ctx); err != nil {
		return err
	}
	// A consent that nobody took up has a secret with it, sealed.
	if err := h.kept.SweepConsents(ctx, time.Now().UTC()); err != nil {
		return err
	}
	return sweep(ctx, h.dir, h.kept, h.log)
}

// openWork makes what does jobs and watches the hub.
func (h *hubServer) openWork(ctx context.Context) (err error) {
	if h.traces, err = newTraces(ctx, h.flags.otlp, h.log); err != nil {
		return err
	}
	h.health, h.metrics = &health{store: h.kept}, newMetrics(h.kept, h.log)
	h.retention = h.keeper()
	runners := h.app.runners()
	// One at once, and again: each part of it is done or not.
	runners[retention.Job] = jobs.Runner{Run: h.runHousekeeping, AtOnce: 1, Attempts: scanAttempts}
	h.pool = jobs.New(jobs.Options{
		Store: h.kept, Runners: h.traces.wrapRunners(runners), Workers: h.flags.workers, Log: h.log, Ended: h.jobEnded,
	})
	return nil
}

// openDoors listens, and mounts the doors behind the sign-in.
func (h *hubServer) openDoors(ctx context.Context) (err error) {
	o := hub.Options{
		Listen: h.flags.listen, TLSCert: h.flags.tlsCert, TLSKey: h.flags.tlsKey, Plain: h.flags.plain, Proxies: h.flags.networks(), Rate: h.flags.rate, Log: h.log,
		Health: h.health.handler(), Metrics: h.metrics.handler(), Wrap: func(next http.Handler) http.Handler { return h.traces.wrap(h.metrics.wrap(next)) },
	}
	if h.listener, err = hub.Listen(ctx, o); err != nil {
		return err
	}
	public := h.flags.publicURL
	if public == "" {
		public = hub.URL(h.listener.Addr(), o)
	}
	issuer, err := h.flags.oidc.issuer()
	if err != nil {
		return err
	}
	if h.access, err = access.New(access.Options{Store: h.kept, PublicURL: public, OIDC: issuer, Log: h.log}); err != nil {
		return err
	}
	o.Access = h.access
	if err := h.mount(ctx, &o); err != nil {
		return err
	}
	h.server, err = hub.New(o)
	return err
}

// mount makes the doors.
func (h *hubServer) mount(ctx context.Context, o *hub.Options) error {
	connections, err := h.app.connections(ctx)
	if err != nil {
		return err
	}
	shown := &workspace.Workspace{Store: h.kept, Dir: h.dir, Profiles: hubProfiles{h.app}}
	h.shown = shown
	site, err := web.New(web.Options{Workspace: shown, Connections: connections, Jobs: h.pool, Access: h.access, Views: h.kept, Retention: h.retention, Audit: h.access.Audit, Log: h.log})
	if err != nil {
		return err
	}
	if o.API, err = api.New(api.Options{Workspace: shown, Connections: connections, Jobs: h.pool, Access: h.access, Views: h.kept, Retention: h.retention, Log: h.log}); err != nil {
		return err
	}
	o.Web, o.Pages = site, site
	o.Aurora = aurora.New(aurora.Options{Connections: connections, CloudConfig: h.flags.cloudConfig, Audit: h.access.Audit, Log: h.log})
	return nil
}

// sweep marks scans that a process which was killed left as running, and
// removes the half of what they saved, unless another process scans now: then
// some of it is its own.
func sweep(ctx context.Context, dir string, kept *sqlite.Store, log *slog.Logger) error {
	release, err := store.LockScan(dir)
	if azward.KindOf(err) == azward.KindConflict {
		log.Info("another process scans; what a killed one left is swept at the next start")
		return nil
	}
	if err != nil {
		return err
	}
	scans, err := kept.InterruptScans(ctx, time.Now().UTC())
	if err != nil {
		return errors.Join(err, release())
	}
	files, err := kept.SweepEstates(ctx)
	if scans > 0 || files > 0 {
		log.Warn("an earlier process was killed", "scans", scans, "files", files)
	}
	return errors.Join(err, release())
}

// run serves until ctx ends, and then stops in order.
func (h *hubServer) run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, h.close()) }()
	if err := h.keepHouse(ctx); err != nil && ctx.Err() == nil {
		h.log.Error("housekeeping has no schedule", "error", err)
	}
	if err := h.pool.Start(ctx); err != nil {
		return err
	}
	h.health.working.Store(true)
	h.warmPosture()
	h.log.Info("the hub listens", "address", h.listener.Addr().String(), "url", h.access.PublicURL().String())
	// Told to stop this early, it stops as at any other time.
	if err := h.welcome(ctx); err != nil && ctx.Err() == nil {
		return errors.Join(err, h.stop(ctx))
	}
	serving, cancel := context.WithCancel(ctx)
	following := make(chan struct{})
	go func() {
		defer close(following)
		h.followConfig(serving)
	}()
	defer func() {
		cancel()
		<-following
	}()
	served := make(chan error, 1)
	go func() { served <- h.server.Serve(serving, h.listener) }()
	select {
	case err = <-served: // the listener failed
		return errors.Join(err, h.stop(ctx))
	case <-ctx.Done():
		return errors.Join(h.stop(ctx), <-served)
	}
}

// welcome prints the link that makes the first administrator, where there is
// none yet. It goes to the terminal and not into the log's records, which are
// kept elsewhere.
func (h *hubServer) welcome(ctx context.Context) error {
	link, err := h.access.SetupLink(ctx)
	if err != nil || link == "" {
		return err
	}
	_, err = fmt.Fprintf(h.app.stderr, "\nNobody can sign in yet. Make the first administrator here, once and within the hour:\n  %s\n\n", link)
	return err
}

// stop ends jobs while the server ends its requests, and sends what traces are
// left.
func (h *hubServer) stop(ctx context.Context) error {
	began := time.Now()
	h.health.stopping.Store(true)
	h.log.Info("the hub stops")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	err := h.pool.Stop(ctx)
	if sent := h.traces.close(ctx); sent != nil {
		h.log.Warn("traces were not sent", "error", sent)
	}
	h.log.Info("jobs have stopped", "took", time.Since(began).Round(time.Millisecond))
	return err
}
