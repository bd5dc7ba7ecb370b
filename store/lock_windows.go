package store

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lockedAt is the one byte that is locked: far behind the process ID, which
// others must be able to read (locks are mandatory here).
const lockedAt = 1 << 30

// tryLock takes an exclusive LockFileEx lock, or gives errHeld.
func tryLock(file *os.File) error {
	err := windows.LockFileEx(windows.Handle(file.Fd()),
		windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0,
		&windows.Overlapped{Offset: lockedAt})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return errHeld
	}
	return err
}
