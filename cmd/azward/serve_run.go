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
	"github.com/azward/azward/jobs"
	"github.com/azward/azward/store"
	"github.com/azward/azward/store/sqlite"
)

// stopWithin bounds a graceful stop: requests under way end, jobs are put back
// into the queue, traces are sent.
const stopWithin = 9 * time.Second

// hubServer is a hub that is open: its parts, and what takes them down again.
type hubServer struct {
	flags   serveFlags
	log     *slog.Logger
	pool    *jobs.Pool
	health  *health
	metrics *metrics
	traces  *traces
	server  *http.Server
	release func() error // of the data directory's lock
}

// openHub opens the store, takes up what an earlier process left, and wires
// the hub's parts. The caller runs it.
func (a *app) openHub(ctx context.Context, f serveFlags, log *slog.Logger) (_ *hubServer, err error) {
	dir, err := a.dataDir()
	if err != nil {
		return nil, err
	}
	h := &hubServer{flags: f, log: log}
	if h.release, err = store.LockServe(dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.release())
		}
	}()
	kept, err := a.store(ctx)
	if err != nil {
		return nil, err
	}
	if err := sweep(ctx, dir, kept, log); err != nil {
		return nil, err
	}
	if h.traces, err = newTraces(ctx, f.otlp, log); err != nil {
		return nil, err
	}
	h.health, h.metrics = &health{store: kept}, newMetrics(kept, log)
	h.pool = jobs.New(jobs.Options{
		Store: kept, Runners: h.traces.wrapRunners(a.runners()), Workers: f.workers, Log: log, Ended: h.metrics.ended,
	})
	mux := http.NewServeMux()
	mux.Handle("/healthz", h.health.handler())
	mux.Handle("/readyz", h.health.handler())
	mux.Handle("/metrics", h.metrics.handler())
	h.server = &http.Server{Handler: h.traces.wrap(h.metrics.wrap(mux)), ReadHeaderTimeout: 10 * time.Second}
	return h, nil
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
	defer func() { err = errors.Join(err, h.release()) }()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", h.flags.listen)
	if err != nil {
		return cannotListen(h.flags.listen, err)
	}
	if err := h.pool.Start(ctx); err != nil {
		return errors.Join(err, listener.Close())
	}
	h.health.working.Store(true)
	h.log.Info("the hub listens", "url", "http://"+listener.Addr().String())
	served := make(chan error, 1)
	go func() { served <- h.server.Serve(listener) }()
	select {
	case err = <-served:
	case <-ctx.Done():
	}
	return errors.Join(err, h.stop(ctx))
}

// stop ends requests and jobs, and sends what traces are left.
func (h *hubServer) stop(ctx context.Context) error {
	began := time.Now()
	h.health.stopping.Store(true)
	h.log.Info("the hub stops")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	// Pages that follow a job end with the pool, so it goes first.
	err := h.pool.Stop(ctx)
	if shutdown := h.server.Shutdown(ctx); shutdown != nil {
		h.log.Warn("requests were cut off", "error", shutdown)
		err = errors.Join(err, h.server.Close())
	}
	if sent := h.traces.close(ctx); sent != nil {
		h.log.Warn("traces were not sent", "error", sent)
	}
	h.log.Info("the hub has stopped", "took", time.Since(began).Round(time.Millisecond))
	return err
}

func cannotListen(address string, err error) error {
	return usageOf("--listen", address, fmt.Sprintf("it cannot be listened on: %v", err), "choose another address, or end what uses this one")
}
