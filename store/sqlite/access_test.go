package sqlite_test

import (
	"testing"

	"github.com/azward/azward/store/storetest"
)

func TestAccess(t *testing.T) {
	t.Parallel()
	storetest.RunAccess(t, func(t *testing.T, dir string) storetest.Access { return open(t, dir) })
}
