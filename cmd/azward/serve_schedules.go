package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"regexp"
	"time"

	"github.com/azward/azward/config"
	"github.com/azward/azward/store"
)

// configEvery is how often the hub looks whether azward.yaml was applied anew.
const configEvery = 30 * time.Second

// followConfig keeps the schedules as azward.yaml was last applied, until ctx
// ends.
func (h *hubServer) followConfig(ctx context.Context) {
	ticker := time.NewTicker(configEvery)
	defer ticker.Stop()
	var seen time.Time
	for {
		applied, err := config.Load(ctx, h.kept)
		if err == nil && !applied.At.Equal(seen) {
			err = h.schedule(ctx, applied)
			seen = applied.At
		}
		if err != nil && ctx.Err() == nil {
			h.log.Error("schedules of azward.yaml", "error", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// schedule makes the schedules that are azward.yaml's agree with it; those that
// people made in the hub stay. One that is wrong does not keep out the others.
func (h *hubServer) schedule(ctx context.Context, applied config.Applied) error {
	there, err := h.pool.Schedules(ctx)
	if err != nil {
		return err
	}
	old := map[string]store.Schedule{}
	for _, s := range there {
		if s.ManagedBy == store.ManagedByFile {
			old[s.Name] = s
		}
	}
	var all error
	for _, s := range schedulesOf(applied) {
		was, known := old[s.Name]
		delete(old, s.Name)
		if known && was.Cron == s.Cron && was.Jitter == s.Jitter && !was.Paused {
			continue // its next run stays
		}
		_, err := h.pool.SetSchedule(ctx, s)
		all = errors.Join(all, err)
	}
	for _, s := range old {
		all = errors.Join(all, h.pool.RemoveSchedule(ctx, s))
	}
	return all
}

// schedulesOf makes a schedule of the pool for each thing that one of
// azward.yaml scans.
func schedulesOf(applied config.Applied) (list []store.Schedule) {
	for _, s := range applied.Schedules {
		cron := s.Cron
		if s.Timezone != "" {
			cron = "CRON_TZ=" + s.Timezone + " " + cron
		}
		add := func(kind string, subjects []string) {
			for _, subject := range subjects {
				list = append(list, store.Schedule{
					Name: scheduleName(s.Name, kind, subject), Kind: kind, Subject: subject, Cron: cron, Jitter: s.Jitter, ManagedBy: store.ManagedByFile, By: store.ManagedByFile,
				})
			}
		}
		add(scanJob, s.Scan)
		add(registryJob, s.Registries)
	}
	return list
}

var notInName = regexp.MustCompile(`[^A-Za-z0-9_-]+`)

// scheduleName tells what it is, and is another one for each subject.
func scheduleName(name, kind, subject string) string {
	const longest = 30
	name = notInName.ReplaceAllString(name, "-")
	sum := sha256.Sum256([]byte(name + "\x00" + kind + "\x00" + subject))
	return "yaml." + name[:min(len(name), longest)] + "." + hex.EncodeToString(sum[:6])
}
