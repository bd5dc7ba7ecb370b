package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/azward/azward/store"
)

// SweepEstates removes estate files that belong to no scan: what a process that
// was killed while it saved one left. Call it while holding [store.LockScan].
func (s *Store) SweepEstates(ctx context.Context) (removed int, err error) {
	dir := filepath.Join(s.dir, store.EstateFolder)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, s.estateFailed(dir, err)
	}
	kept, err := s.estatesKept(ctx)
	if err != nil {
		return 0, err
	}
	for _, entry := range entries {
		if entry.IsDir() || kept[store.EstateFolder+"/"+entry.Name()] {
			continue
		}
		if err := os.Remove(filepath.Join(dir, entry.Name())); err != nil {
			return removed, s.estateFailed(filepath.Join(dir, entry.Name()), err)
		}
		removed++
	}
	return removed, nil
}

// estatesKept lists the files that scans name, relative to the data directory.
func (s *Store) estatesKept(ctx context.Context) (kept map[string]bool, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT estate FROM scans WHERE estate <> ''`)
	if err != nil {
		return nil, s.explain("list estates", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	kept = map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, s.explain("list estates", err)
		}
		kept[name] = true
	}
	return kept, s.explain("list estates", rows.Err())
}
