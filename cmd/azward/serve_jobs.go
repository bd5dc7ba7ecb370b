package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/config"
	"github.com/azward/azward/image"
	"github.com/azward/azward/jobs"
	"github.com/azward/azward/store"
)

// The kinds of job, and what their subjects are.
const (
	scanJob     = "scan"     // a connection's name
	registryJob = "registry" // a login server
	imageJob    = "image"    // a reference in a registry
)

// scanAttempts is how often a scan is started that its process did not
// survive. What kills a process twice does so a third time.
const scanAttempts = 2

// lockEvery is how often a job looks whether another process's scan is done.
const lockEvery = time.Second

// runners are the kinds of jobs that the hub does.
func (a *app) runners() map[string]jobs.Runner {
	return map[string]jobs.Runner{
		// One at once: they share the lock of the data directory.
		scanJob:     {Run: a.runScanJob, AtOnce: 1, Attempts: scanAttempts},
		registryJob: {Run: a.runRegistryJob, AtOnce: 1, Attempts: scanAttempts},
		imageJob:    {Run: a.runImageJob, AtOnce: 1, Attempts: scanAttempts},
	}
}

// forJob is a run of its own that shares the store. What it would tell the
// terminal goes into the job's log.
func (a *app) forJob(to *jobs.Reporter) *app {
	lines := &lineWriter{to: func(line string) { to.Logf("%s", line) }}
	return &app{
		stdin: strings.NewReader(""), stdout: io.Discard, stderr: lines, getenv: a.getenv,
		data: a.data, output: "table", logLevel: a.logLevel, opened: a.opened, follower: to,
	}
}

// runScanJob scans one connection as `azward scan` does.
func (a *app) runScanJob(ctx context.Context, job store.Job, to *jobs.Reporter) error {
	run := a.forJob(to)
	release, err := run.waitForScan(ctx, to)
	if err != nil {
		return err
	}
	defer release() //nolint:errcheck // the lock goes with the process at the latest
	var f scanFlags
	sources, err := run.sources(ctx, []string{job.Subject}, f)
	if err != nil {
		return err
	}
	for _, source := range sources {
		found, err := run.scanSource(ctx, source, f)
		if err != nil {
			return err
		}
		to.Note(fmt.Sprintf("%d verdicts", len(found.Verdicts)))
		if gaps := len(found.Estate.Gaps()); gaps > 0 {
			to.Partial(fmt.Sprintf("%d verdicts, %d gaps in what was read", len(found.Verdicts), gaps))
		}
	}
	return nil
}

// runRegistryJob scans a registry as `azward registry scan` does, with what
// azward.yaml says of it.
func (a *app) runRegistryJob(ctx context.Context, job store.Job, to *jobs.Reporter) error {
	host, err := loginServer(job.Subject)
	if err != nil {
		return err
	}
	f, err := a.registryOf(ctx, host)
	if err != nil {
		return err
	}
	return a.forJob(to).registryScan(ctx, host, f)
}

// registryOf is what azward.yaml says of a registry.
func (a *app) registryOf(ctx context.Context, host string) (f registryFlags, err error) {
	kept, err := a.store(ctx)
	if err != nil {
		return f, err
	}
	applied, err := config.Load(ctx, kept)
	if err != nil {
		return f, err
	}
	for _, r := range applied.Registries {
		if strings.EqualFold(r.LoginServer, host) {
			f.connection, f.repositories = r.Connection, r.Repositories
		}
	}
	return f, nil
}

// noTag is a pattern that no tag is of: path.Match lets nothing pass a slash.
const noTag = "/"

// runImageJob reads one image anew, as a part of its registry's scan.
func (a *app) runImageJob(ctx context.Context, job store.Job, to *jobs.Reporter) error {
	ref, err := image.ParseReference(job.Subject)
	if err != nil {
		return err
	}
	if ref.Kind != image.KindRegistry {
		return usageOf("image", job.Subject, "it is not in a registry", "name it as contoso.azurecr.io/shop/cart:1.4")
	}
	f, err := a.registryOf(ctx, ref.Registry)
	if err != nil {
		return err
	}
	f.repositories, f.tags, f.again, f.named = []string{ref.Repository}, []string{ref.Tag}, true, map[string][]azward.Digest{}
	if ref.Digest != "" {
		f.tags, f.named[ref.Repository] = []string{noTag}, []azward.Digest{ref.Digest}
	}
	return a.forJob(to).registryScan(ctx, ref.Registry, f)
}

// waitForScan takes the lock that keeps scans apart, as soon as another
// process's scan is done.
func (a *app) waitForScan(ctx context.Context, to *jobs.Reporter) (release func() error, err error) {
	dir, err := a.dataDir()
	if err != nil {
		return nil, err
	}
	for {
		release, err := store.LockScan(dir)
		if azward.KindOf(err) != azward.KindConflict {
			return release, err
		}
		to.Progress("waiting", 0, 0, err.Error())
		select {
		case <-time.After(lockEvery):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// lineWriter hands over whole lines.
type lineWriter struct {
	to func(string)

	mu   sync.Mutex
	rest []byte
}

// maxRest bounds a line that does not end.
const maxRest = 64 << 10

func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rest = append(w.rest, p...)
	for {
		line, rest, found := bytes.Cut(w.rest, []byte("\n"))
		if !found && len(w.rest) <= maxRest {
			return len(p), nil
		}
		if text := strings.TrimSpace(string(line)); text != "" {
			w.to(text)
		}
		w.rest = rest
	}
}
