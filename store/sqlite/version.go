package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// version watches for commits, by a connection of its own.
type version struct {
	mu    sync.Mutex
	conn  *sql.Conn
	epoch int64 // of the connection: what two of them say does not compare
}

// Version changes whenever somebody, in this process or another, has written
// anything: what was read before it was asked for holds for as long as it says
// the same.
//
// Source: https://www.sqlite.org/pragma.html#pragma_data_version
func (s *Store) Version(ctx context.Context) (int64, error) {
	v := &s.version
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	ctx = context.WithoutCancel(ctx) // who leaves would take the connection along
	if v.conn == nil {
		conn, err := s.db.Conn(ctx)
		if err != nil {
			return 0, s.explain("read version", err)
		}
		v.conn = conn
		v.epoch++
	}
	var n int64
	if err := v.conn.QueryRowContext(ctx, `PRAGMA data_version`).Scan(&n); err != nil {
		err = errors.Join(err, v.conn.Close())
		v.conn = nil
		return 0, s.explain("read version", err)
	}
	const bits = 32 // SQLite counts in an unsigned integer of 32 bits
	return v.epoch<<bits | n, nil
}

func (v *version) close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.conn == nil {
		return nil
	}
	err := v.conn.Close()
	v.conn = nil
	return err
}
