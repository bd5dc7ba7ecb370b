package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/policy"
	"github.com/azward/azward/store"
	"github.com/azward/azward/workspace"
)

// hubProfiles is what the hub evaluates the posture with: what `azward policy
// check` takes without flags. It is a [workspace.Profiles].
type hubProfiles struct{ app *app }

// Version changes with azward.yaml, and with the files that a profile is read
// from. Rules of one's own are looked at by the folder that they lie in.
func (h hubProfiles) Version(ctx context.Context) (string, error) {
	applied, err := h.app.applied(ctx)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	if err := json.NewEncoder(sum).Encode(applied); err != nil {
		return "", fmt.Errorf("read posture of azward.yaml: %w", err)
	}
	dir, err := h.app.dataDir()
	if err != nil {
		return "", err
	}
	files := []string{filepath.Join(dir, policyFile), filepath.Join(dir, aliasesFile), filepath.Join(dir, indexFile)}
	for _, file := range append(files, applied.Posture.Rules...) {
		info, err := os.Stat(file)
		if err != nil {
			_, _ = io.WriteString(sum, "none\n") // a hash takes everything
			continue
		}
		_, _ = fmt.Fprintln(sum, info.Size(), info.ModTime().UnixNano())
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// Profile selects rules and policies as the command line does. What that says on
// standard error are its notes.
func (h hubProfiles) Profile(ctx context.Context, e *estate.Estate) (workspace.PostureProfile, error) {
	var said bytes.Buffer
	a := &app{
		stdin: strings.NewReader(""), stdout: io.Discard, stderr: &said, getenv: h.app.getenv,
		data: h.app.data, output: "table", logLevel: h.app.logLevel, opened: h.app.opened,
	}
	var f policyCheck
	suppressions, err := a.configured(ctx, &f)
	if err != nil {
		return workspace.PostureProfile{}, err
	}
	catalog, err := a.policyCatalog(e, nil, "")
	if err != nil {
		return workspace.PostureProfile{}, err
	}
	profile, _, err := a.selectProfile(e, catalog, &f)
	if err != nil {
		return workspace.PostureProfile{}, err
	}
	if err := a.tellSkipped(profile, catalog); err != nil {
		return workspace.PostureProfile{}, err
	}
	return workspace.PostureProfile{
		Profile: profile, Name: cmp.Or(f.profile, policy.ProfileDefault), Suppressions: suppressions, Lifecycle: h.lifecycle(), Notes: notesOf(said.String()),
	}, nil
}

// notesOf are the lines that were said, each once.
func notesOf(text string) []string {
	notes := []string{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(notes, line) {
			notes = append(notes, line)
		}
	}
	return notes
}

// lifecycle remembers what the advisory index says of distributions. The index
// is opened for each that is new: nobody would close it.
func (h hubProfiles) lifecycle() policy.Lifecycle {
	type release struct{ distribution, version string }
	type end struct {
		ended azward.Answer
		last  time.Time
	}
	var mu sync.Mutex
	known := map[release]end{}
	return func(distribution, version string) (azward.Answer, time.Time) {
		mu.Lock()
		defer mu.Unlock()
		r := release{distribution, version}
		if found, ok := known[r]; ok {
			return found.ended, found.last
		}
		a := &app{stderr: io.Discard, getenv: h.app.getenv, data: h.app.data}
		ask, closeIndex := a.lifecycle(time.Now().UTC())
		defer closeIndex()
		if ask == nil {
			return azward.Unknown, time.Time{}
		}
		var found end
		found.ended, found.last = ask(distribution, version)
		known[r] = found
		return found.ended, found.last
	}
}

// jobEnded counts a job, and has the posture of what was scanned evaluated.
func (h *hubServer) jobEnded(job store.Job) {
	h.metrics.ended(job)
	if job.Kind == scanJob {
		h.warmPosture()
	}
}

func (h *hubServer) warmPosture() {
	h.shown.WarmPosture(context.Background(), func(err error) {
		h.log.Warn("the posture was not evaluated; the next who asks tries again", "error", err)
	})
}
