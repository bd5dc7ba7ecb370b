package sqlite

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

func (s *Store) database() string { return filepath.Join(s.dir, store.DatabaseFile) }

// explain turns SQLite's result codes into advice (https://sqlite.org/rescode.html)
// and wraps the rest. What is an *azward.Error already passes through.
func (s *Store) explain(op string, err error) error {
	var known *azward.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	var failure *sqlite.Error
	if !errors.As(err, &failure) {
		return fmt.Errorf("%s: %w", op, err)
	}
	fail := func(kind azward.Kind, cause, remedy string) error {
		return &azward.Error{Kind: kind, Op: op, Subject: s.database(), Cause: cause, Remedy: remedy, Err: err}
	}
	const primary = 0xff // the low byte of an extended code is its primary code
	switch failure.Code() & primary {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return fail(azward.KindConflict, fmt.Sprintf("another process has kept it locked for %v", busyTimeout),
			"wait until the other azward is done, or end the program that has the file open")
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return fail(azward.KindBadInput, "the file is damaged or not a database",
			"restore it from a backup; or move it away, add your connections again and scan (sqlite3 FILE .recover may save the rest)")
	case lib.SQLITE_READONLY, lib.SQLITE_CANTOPEN, lib.SQLITE_PERM:
		return s.unwritable(err)
	case lib.SQLITE_FULL:
		return fail(azward.KindFailed, "the disk is full", "free some space and run it again; what was saved before is whole")
	case lib.SQLITE_IOERR:
		return fail(azward.KindFailed, "the disk gave an error", "check the disk and its mount; SQLite needs a local file system with locks")
	}
	return fmt.Errorf("%s: %w", op, err)
}

func (s *Store) unwritable(err error) error {
	return &azward.Error{
		Kind: azward.KindFailed, Op: "open database", Subject: s.database(), Cause: "it cannot be written",
		Remedy: "make the file and its folder writable for this user, or name another data directory with --data DIR", Err: err,
	}
}

func (s *Store) newer(current, known int64) error {
	return &azward.Error{
		Kind: azward.KindFailed, Op: "open database", Subject: s.database(),
		Cause:  fmt.Sprintf("a newer azward wrote it (schema %d, this one knows %d)", current, known),
		Remedy: "use that newer azward, or name another data directory with --data DIR",
	}
}

// damaged names a document that doesn't come back as it was saved.
func (s *Store) damaged(what string, err error) error {
	return &azward.Error{
		Kind: azward.KindBadInput, Op: "read " + what, Subject: s.database(), Cause: "what was saved is damaged",
		Remedy: "scan again, which writes it anew; if it comes back, restore the file from a backup", Err: err,
	}
}

func notFound(what, name, remedy string) error {
	return &azward.Error{
		Kind: azward.KindNotFound, Op: "find " + what, Subject: name, Cause: "there is none of that name", Remedy: remedy,
	}
}
