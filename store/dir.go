package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/azward/azward"
)

// Names within the data directory.
const (
	KeyFile       = "key.json"        // the key that seals secrets (package seal)
	DatabaseFile  = "azward.db"       // SQLite, with its -wal and -shm beside it
	EstateFolder  = "estates"         // SCAN.ndjson.zst
	scanLock      = "scan.lock"       // held while a scan runs
	migrationLock = "migration.lock"  // held while the schema changes
	updateLock    = "advisories.lock" // held while the advisories are renewed
	serveLock     = "serve.lock"      // held while a hub serves it
	probePattern  = ".probe-*"        // written and removed by Prepare
	dirMode       = 0o700             // what is in it tells an attacker where to go
	fileMode      = 0o600             // the same
	maxScanID     = 100               // bytes; it becomes a file name
	scanIDForm    = `^[\w-]+$`        // no dots and no separators
)

var scanID = regexp.MustCompile(scanIDForm)

// Prepare makes dir where it is missing, with mode 0700, and makes sure that it
// can be written. It returns the absolute path.
func Prepare(dir string) (string, error) {
	if dir == "" {
		return "", unwritable("", errors.New("no data directory is named"))
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", unwritable(dir, err)
	}
	if err := os.MkdirAll(abs, dirMode); err != nil {
		return "", unwritable(abs, err)
	}
	probe, err := os.CreateTemp(abs, probePattern)
	if err != nil {
		return "", unwritable(abs, err)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return "", unwritable(abs, err)
	}
	return abs, nil
}

// EstateFile returns the path of a scan's estate relative to the data
// directory, or an error where the scan's ID is no file name.
func EstateFile(scan string) (string, error) {
	if len(scan) > maxScanID || !scanID.MatchString(scan) {
		return "", &azward.Error{
			Kind: azward.KindUsage, Op: "name estate file", Subject: fmt.Sprintf("%.40q", scan),
			Cause:  fmt.Sprintf("a scan's ID has letters, digits, - and _ alone, at most %d", maxScanID),
			Remedy: "scan again: azward scan",
		}
	}
	return filepath.Join(EstateFolder, scan+".ndjson.zst"), nil
}

func unwritable(dir string, err error) error {
	cause := "it cannot be written"
	var path *os.PathError
	if errors.As(err, &path) {
		cause += ": " + path.Err.Error()
	}
	return &azward.Error{
		Kind: azward.KindFailed, Op: "open data directory", Subject: dir, Cause: cause,
		Remedy: "make it writable for this user, or name another one with --data DIR", Err: err,
	}
}
