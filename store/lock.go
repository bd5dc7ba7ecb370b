package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/azward/azward"
)

// errHeld is what tryLock gives when another process, or another open file of
// this one, holds the lock.
var errHeld = errors.New("the lock is held")

// LockScan keeps a second scan off the data directory. The lock belongs to the
// open file, so the system releases it when the process ends, however it ends.
// The error of a lock that is held has KindConflict and names the holder's
// process ID. Release is called once.
func LockScan(dir string) (release func() error, err error) {
	return lock(dir, scanLock, "azward is scanning with it already", "that scan")
}

// LockMigration keeps a second process from changing the schema meanwhile, as
// [LockScan] does for scans.
func LockMigration(dir string) (release func() error, err error) {
	return lock(dir, migrationLock, "another azward is changing its schema", "that")
}

// LockUpdate keeps a second process from renewing the advisories meanwhile, as
// [LockScan] does for scans.
func LockUpdate(dir string) (release func() error, err error) {
	return lock(dir, updateLock, "another azward is updating the advisories", "that update")
}

// LockServe keeps a second hub off the data directory, as [LockScan] does for
// scans.
func LockServe(dir string) (release func() error, err error) {
	return lock(dir, serveLock, "another azward serves it", "it")
}

func lock(dir, name, doing, what string) (release func() error, err error) {
	abs, err := Prepare(dir)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(abs, name), os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, unwritable(abs, err)
	}
	if err := tryLock(file); err != nil {
		holder := holderOf(file)
		err = errors.Join(err, file.Close())
		if errors.Is(err, errHeld) {
			return nil, held(abs, holder, doing, what, err)
		}
		return nil, unwritable(abs, err)
	}
	pid := strconv.Itoa(os.Getpid()) + "\n"
	_, err = file.WriteAt([]byte(pid), 0)
	if err = errors.Join(err, file.Truncate(int64(len(pid)))); err != nil {
		return nil, unwritable(abs, errors.Join(err, file.Close()))
	}
	// The file stays: removing it would let a third process lock a new file of
	// the same name while a second one waits on the old.
	return func() error { return errors.Join(file.Truncate(0), file.Close()) }, nil
}

// holderOf reads the process ID that the holder wrote, "" where it has not yet.
func holderOf(file *os.File) string {
	var raw [20]byte
	n, _ := file.ReadAt(raw[:], 0) // the end of the file is expected
	pid := strings.TrimSpace(string(raw[:n]))
	if _, err := strconv.Atoi(pid); err != nil {
		return ""
	}
	return pid
}

func held(dir, holder, doing, what string, err error) error {
	who := "another process"
	if holder != "" {
		who = "process " + holder
	}
	return &azward.Error{
		Kind: azward.KindConflict, Op: "lock data directory", Subject: dir,
		Cause:  fmt.Sprintf("%s (%s)", doing, who),
		Remedy: "wait until " + what + " is done, or give this one another directory with --data DIR", Err: err,
	}
}
