//go:build unix && !solaris && !aix && !illumos

package store

import (
	"errors"
	"os"
	"syscall"
)

// tryLock takes an exclusive flock(2), or gives errHeld.
func tryLock(file *os.File) error {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errHeld
	}
	return err
}
