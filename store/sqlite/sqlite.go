// Package sqlite keeps everything in one SQLite file of the data directory,
// with the estates as files beside it. [Open] gives a [Store]; the schema is in
// migrations/*.sql, applied on opening.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
	"github.com/klauspost/compress/zstd"
	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	// busyTimeout is how long a statement waits for another process's write: a
	// transaction with the verdicts of a large tenant takes seconds.
	busyTimeout = 20 * time.Second
	// turnTimeout is how long an opening waits for another one that changes the
	// schema: to fill the rows of a large store takes half a minute.
	turnTimeout = 2 * time.Minute
	// maxDocBytes bounds one decompressed document, so that a damaged or forged
	// row can't take all memory.
	maxDocBytes = 256 << 20
	// maxConnections bounds open files and caches; readers don't block in WAL.
	// One of them asks for the version alone.
	maxConnections = 9
)

// Store is safe for concurrent use. Close it.
type Store struct {
	db      *sql.DB
	dir     string
	encoder *zstd.Encoder
	decoder *zstd.Decoder
	version version
}

// Open opens or creates the store in the data directory, and brings its schema
// up to date. A directory that can't be written, a damaged file, a file that
// stays locked and a schema newer than this azward each give an *azward.Error.
func Open(ctx context.Context, dir string) (*Store, error) {
	abs, err := store.Prepare(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: abs}
	path := filepath.Join(abs, store.DatabaseFile)
	// SQLite would create it with mode 0644; -wal and -shm copy the file's mode.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		err = file.Close()
	}
	if err != nil {
		return nil, s.unwritable(err)
	}
	if s.encoder, err = zstd.NewWriter(nil); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if s.decoder, err = zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxDocBytes)); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if s.db, err = sql.Open("sqlite", dsn(path)); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	s.db.SetMaxOpenConns(maxConnections)
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close closes the database. Iterators must be done.
func (s *Store) Close() error {
	s.decoder.Close()
	return errors.Join(s.version.close(), s.encoder.Close(), s.db.Close())
}

// dsn builds the URI. Each write transaction takes its lock at the start
// (_txlock), so that two of them wait for each other instead of failing half
// way; synchronous FULL keeps what was committed through a power cut;
// secure_delete wipes what a removed connection held.
func dsn(path string) string {
	path = filepath.ToSlash(path)
	if path[0] != '/' {
		path = "/" + path // C:/…
	}
	query := url.Values{
		"_pragma": {
			fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()),
			"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "secure_delete(1)",
		},
		"_txlock": {"immediate"},
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}).String()
}

// migrate brings the schema up to date. Two processes that find the same new
// directory take turns.
func (s *Store) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, s.db, files, goose.WithDisableGlobalRegistry(true), goose.WithAllowOutofOrder(true), goose.WithGoMigrations(
		goose.NewGoMigration(13, &goose.GoFunc{RunTx: s.addRows}, &goose.GoFunc{RunTx: dropRows}),
	))
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	current, known, err := provider.GetVersions(ctx)
	if err != nil {
		return s.explain("open database", err)
	}
	if current > known {
		return s.newer(current, known)
	}
	if pending, err := provider.HasPending(ctx); err != nil || !pending {
		return s.explain("open database", err)
	}
	release, err := s.waitForTurn(ctx)
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return errors.Join(s.explain("set up database", err), release())
}

// waitForTurn locks the migrations.
func (s *Store) waitForTurn(ctx context.Context) (release func() error, err error) {
	ctx, cancel := context.WithTimeout(ctx, turnTimeout)
	defer cancel()
	const pause = 20 * time.Millisecond // a first migration takes about as long
	for {
		release, err = store.LockMigration(s.dir)
		if azward.KindOf(err) != azward.KindConflict {
			return release, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(pause):
		}
	}
}

// transact runs f in one write transaction.
func (s *Store) transact(ctx context.Context, op string, f func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return s.explain(op, err)
	}
	if err := f(tx); err != nil {
		if rollback := tx.Rollback(); rollback != nil && !errors.Is(rollback, sql.ErrTxDone) {
			err = errors.Join(err, rollback)
		}
		// Once it is cancelled, database/sql ends the transaction by itself, and
		// what runs then fails with whatever was closed first.
		if cause := ctx.Err(); cause != nil && !errors.Is(err, cause) {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		return s.explain(op, err)
	}
	return s.explain(op, tx.Commit())
}

// timeForm keeps nine decimals, so that times sort as text.
const timeForm = "2006-01-02T15:04:05.000000000Z"

func timeText(t time.Time) string { return t.UTC().Format(timeForm) }

func parseTime(s string) (time.Time, error) { return time.Parse(timeForm, s) }

// pack compresses a document. A checksum inside tells damage from content.
func (s *Store) pack(doc []byte) []byte { return s.encoder.EncodeAll(doc, nil) }

// unpack gives back what pack took, never nil.
func (s *Store) unpack(packed []byte) ([]byte, error) {
	return s.decoder.DecodeAll(packed, []byte{})
}
