// Package workspace is what the hub shows: it reads the store and the estates
// that scans kept, and gives typed answers to the doors (the API and the
// pages), so that both say the same. [Workspace] is the start; nothing in it
// speaks HTTP, and reading never writes.
package workspace

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

// Store is what a workspace reads, and the two decisions about a verdict that
// it writes. *sqlite.Store is one.
type Store interface {
	Verdicts
	Scans
	Registries
	Postures
	Connections(ctx context.Context) ([]store.Connection, error)
	Setting(ctx context.Context, name string) (json.RawMessage, error)
}

// Verdicts keeps what was decided.
type Verdicts interface {
	Verdicts(ctx context.Context, filter store.Filter) iter.Seq2[azward.Verdict, error]
	CountVerdicts(ctx context.Context, filter store.Filter) (store.Counts, error)
	Verdict(ctx context.Context, id azward.VerdictID) (azward.Verdict, error)
	Proof(ctx context.Context, id azward.VerdictID) ([]byte, error)
	Dismissals(ctx context.Context) (map[azward.VerdictID]azward.Dismissal, error)
	Dismiss(ctx context.Context, id azward.VerdictID, d azward.Dismissal) error
	Reopen(ctx context.Context, id azward.VerdictID) error
	Changes(ctx context.Context, source string) iter.Seq2[[]byte, error]
	VerdictHistory(ctx context.Context, id azward.VerdictID) ([]store.VerdictSpan, error)
	Lists
}

// Lists keeps what verdicts are listed by.
type Lists interface {
	// Version is another once anybody has written anything.
	Version(ctx context.Context) (int64, error)
	Entries(ctx context.Context, source string) iter.Seq2[store.Entry, error]
	Rows(ctx context.Context, source string, ids []azward.VerdictID) (map[azward.VerdictID]store.VerdictRow, error)
	GapCounts(ctx context.Context, source string) ([]store.GapsCount, error)
	ChangedBy(ctx context.Context, source string) (string, error)
}

// Scans keeps the runs, and the estates that they were decided from.
type Scans interface {
	Scan(ctx context.Context, id string) (store.Scan, error)
	Scans(ctx context.Context, limit int) ([]store.Scan, error)
	LatestScans(ctx context.Context) ([]store.Scan, error)
	ScansOf(ctx context.Context, source, before string, limit int) ([]store.Scan, error)
	OpenEstate(ctx context.Context, scan string) (io.ReadCloser, error)
}

// Registries keeps what was read of registries.
type Registries interface {
	Registries(ctx context.Context) (map[string]time.Time, error)
	Packages(ctx context.Context) (map[store.PackageID]azward.Package, error)
	Contents(ctx context.Context) iter.Seq2[store.Contents, error]
	Tags(ctx context.Context, registry, repository string) ([]store.Tag, error)
	Manifests(ctx context.Context, registry string) ([]store.Manifest, error)
	Image(ctx context.Context, digest azward.Digest) (store.ScannedImage, bool, error)
}

// Postures keeps what the rules said after each scan.
type Postures interface {
	Postures(ctx context.Context, source string, limit int) ([]store.Posture, error)
	OpenPosture(ctx context.Context, scan string) ([]byte, error)
}

// Workspace answers what the hub shows. Store is required. It is safe for
// concurrent use and must not be copied.
type Workspace struct {
	Store Store
	// Dir is the data directory, where the advisory index lies; "" says that
	// there is none.
	Dir string
	// Now is the clock; nil is the system's.
	Now func() time.Time
	// Profiles says what the posture is evaluated with; nil is azward's own rules
	// alone.
	Profiles Profiles

	posture  postures
	states   states
	shelves  latest[*shelf]
	estates  estates
	listings latest[*listing]
	index    index
	views    views
	gaps     latest[gapTallies]
	funnels  latest[Funnel]
	last     latest[changes]
}

// now is the time of an answer.
func (w *Workspace) now() time.Time {
	if w.Now == nil {
		return time.Now().UTC()
	}
	return w.Now().UTC()
}

// Sources gives for each connection, and for all files that were scanned, the
// newest scan that gave verdicts, by the source's name. Scans of connections
// that were removed are history, and no source.
func (w *Workspace) Sources(ctx context.Context) ([]store.Scan, error) {
	s, err := w.state(ctx)
	if err != nil {
		return nil, err
	}
	return slices.Clone(s.sources), nil
}
