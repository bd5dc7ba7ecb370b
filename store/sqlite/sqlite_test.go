package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/seal"
	"github.com/azward/azward/store"
	"github.com/azward/azward/store/sqlite"
	"github.com/azward/azward/store/storetest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, dir string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, dir string) storetest.Store { return open(t, dir) })
}

// TestNoSecretInPlain reads every file of the data directory while the write
// ahead log is still there, and again after the connection is removed.
func TestNoSecretInPlain(t *testing.T) {
	t.Parallel()
	const secret = "S3cr3t~that-must-not-stand-anywhere"
	ctx, dir := t.Context(), t.TempDir()
	s := open(t, dir)
	defer closeStore(t, s)
	box := seal.Box{Provider: seal.File(filepath.Join(dir, store.KeyFile))}
	sealed, err := box.Seal(ctx, seal.NewSecret(secret), "connection/prod")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	connection := store.Connection{Name: "prod", Kind: store.KindAzure, Auth: store.AuthClientSecret, Sealed: sealed, CreatedAt: at, UpdatedAt: at}
	if err := s.AddConnection(ctx, connection); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, store.DatabaseFile+"-wal")); err != nil {
		t.Fatal("the test should see the write ahead log:", err)
	}
	if !stands(t, dir, sealed) {
		t.Error("the sealed bytes are nowhere: the search below would find nothing either")
	}
	if stands(t, dir, []byte(secret)) {
		t.Error("the secret stands in the data directory in plain")
	}
	if err := s.RemoveConnection(ctx, "prod"); err != nil {
		t.Fatal(err)
	}
	if stands(t, dir, sealed) {
		t.Error("the sealed secret is still there after the connection was removed")
	}
}

// stands reports whether any file below dir holds the bytes.
func stands(t *testing.T, dir string, content []byte) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		found = found || bytes.Contains(raw, content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestFilesArePrivate(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state", "azward")
	s := open(t, dir)
	defer closeStore(t, s)
	if err := s.SaveLayer(t.Context(), "k", []byte("doc")); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("others can reach %s: mode %04o", path, info.Mode().Perm())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestManyOpenANewDirectoryAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			s, err := sqlite.Open(context.WithoutCancel(t.Context()), dir)
			if err != nil {
				t.Error(err)
				return
			}
			defer closeStore(t, s)
			if _, err := s.Connections(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func TestNamesWithOddCharacters(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a b?c#d%20&é")
	s := open(t, dir)
	defer closeStore(t, s)
	if _, err := os.Stat(filepath.Join(dir, store.DatabaseFile)); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(filepath.Join(dir, store.DatabaseFile)); err == nil && info.Size() == 0 {
		t.Error("SQLite wrote to another file")
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		spoil  func(t *testing.T, dir string)
		kind   azward.Kind
		cause  string
		remedy string
	}{
		{"directory_is_a_file", func(t *testing.T, dir string) {
			write(t, dir, "")
		}, azward.KindFailed, "cannot be written", "--data"},
		{"database_is_a_folder", func(t *testing.T, dir string) {
			mkdir(t, filepath.Join(dir, store.DatabaseFile))
		}, azward.KindFailed, "cannot be written", "--data"},
		{"not_a_database", func(t *testing.T, dir string) {
			mkdir(t, dir)
			write(t, filepath.Join(dir, store.DatabaseFile), strings.Repeat("not a database ", 1000))
		}, azward.KindBadInput, "damaged", "backup"},
		{"damaged_inside", func(t *testing.T, dir string) {
			closeStore(t, open(t, dir))
			path := filepath.Join(dir, store.DatabaseFile)
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for i := 100; i < len(raw); i++ { // the header stays
				raw[i] = 0xa5
			}
			write(t, path, string(raw))
		}, azward.KindBadInput, "damaged", "backup"},
		{"newer_schema", func(t *testing.T, dir string) {
			closeStore(t, open(t, dir))
			execute(t, dir, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`)
		}, azward.KindFailed, "newer azward", "--data"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			tc.spoil(t, dir)
			s, err := sqlite.Open(t.Context(), dir)
			if err == nil {
				closeStore(t, s)
			}
			wantAdvice(t, err, tc.kind, tc.cause, tc.remedy)
		})
	}
}

func TestDamagedDocuments(t *testing.T) {
	t.Parallel()
	ctx, dir := t.Context(), t.TempDir()
	s := open(t, dir)
	defer closeStore(t, s)
	if err := errors.Join(s.SaveLayer(ctx, "k", []byte("a document")), s.SaveImage(ctx, store.ScannedImage{Digest: "sha256:1", Doc: []byte("a document")})); err != nil {
		t.Fatal(err)
	}
	execute(t, dir, `UPDATE layers SET doc_zst = x'28b52ffd00'`)
	execute(t, dir, `UPDATE images SET doc_zst = x'28b52ffd00'`)
	if doc, found, err := s.Layer(ctx, "k"); doc != nil || found || err != nil {
		t.Errorf("a damaged layer of the cache gives %q, %t, %v; want a miss", doc, found, err)
	}
	_, found, err := s.Image(ctx, "sha256:1")
	if found {
		t.Error("a damaged image is given")
	}
	wantAdvice(t, err, azward.KindBadInput, "damaged", "scan again")
}

// TestLockedByAnother: a writer waits no longer than its context, and readers
// don't wait at all.
func TestLockedByAnother(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	defer closeStore(t, s)
	db, err := sql.Open("sqlite", filepath.Join(dir, store.DatabaseFile)+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback() //nolint:errcheck // it ends the lock, nothing was written
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.SaveLayer(ctx, "k", nil); !errors.Is(err, context.DeadlineExceeded) && azward.KindOf(err) != azward.KindConflict {
		t.Errorf("got %v, want the context's end or KindConflict", err)
	}
	// Reading goes on meanwhile.
	if _, err := s.Connections(t.Context()); err != nil {
		t.Error(err)
	}
}

func execute(t *testing.T, dir, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, store.DatabaseFile))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func closeStore(t *testing.T, s *sqlite.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func wantAdvice(t *testing.T, err error, kind azward.Kind, cause, remedy string) {
	t.Helper()
	var e *azward.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *azward.Error", err)
	}
	if e.Kind != kind || !strings.Contains(e.Cause, cause) || !strings.Contains(e.Remedy, remedy) {
		t.Errorf("got kind %v, cause %q, remedy %q", e.Kind, e.Cause, e.Remedy)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkSaveVerdicts(b *testing.B) {
	const size = 10_000
	b.Run(fmt.Sprintf("verdicts=%d", size), func(b *testing.B) {
		s, err := sqlite.Open(b.Context(), b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close()
		at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
		run := 0
		for b.Loop() {
			run++
			scan := fmt.Sprint("s", run)
			if err := s.BeginScan(b.Context(), scan, "prod", at); err != nil {
				b.Fatal(err)
			}
			err := s.SaveVerdicts(b.Context(), scan, func(yield func(store.Decided, error) bool) {
				for i := range size {
					w := azward.ResourceID(fmt.Sprintf("/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/w%d", i/100))
					cve := fmt.Sprint("CVE-2026-", i%100)
					v := azward.Verdict{
						ID: azward.NewVerdictID(w, "img", cve, "pkg"), Vulnerability: cve, Workload: azward.Workload{ID: w},
						Conditions: []azward.Condition{{ID: azward.Deployed, Evidence: []azward.Evidence{{Resource: w}}}},
					}
					if !yield(store.Decided{Verdict: v, Proof: store.Document{{Text: []byte("proof of " + v.ID)}}}, nil) {
						return
					}
				}
			}, store.Outcome{State: store.ScanComplete, FinishedAt: at})
			if err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(size*float64(b.N)/b.Elapsed().Seconds(), "verdicts/s")
	})
}
