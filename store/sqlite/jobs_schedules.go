package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/azward/azward/store"
)

const scheduleColumns = `name, kind, subject, cron, jitter, paused, managed_by, by, created_at, next_at, last_at, last_job`

// SaveSchedule writes a schedule, in place of an earlier one of that name.
func (s *Store) SaveSchedule(ctx context.Context, c store.Schedule) error {
	return s.transact(ctx, "save schedule", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO schedules (`+scheduleColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			c.Name, c.Kind, c.Subject, c.Cron, int64(c.Jitter), c.Paused, c.ManagedBy, c.By, zeroText(c.CreatedAt), zeroText(c.NextAt), zeroText(c.LastAt), c.LastJob)
		return err
	})
}

// RemoveSchedule forgets a schedule; KindNotFound where there is none.
func (s *Store) RemoveSchedule(ctx context.Context, name string) error {
	return s.transact(ctx, "remove schedule", func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `DELETE FROM schedules WHERE name = ?`, name)
		if err != nil {
			return err
		}
		return affected(result, notFound("schedule", name, "look at the list of schedules"))
	})
}

// Schedules returns all of them by name.
func (s *Store) Schedules(ctx context.Context) (list []store.Schedule, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT `+scheduleColumns+` FROM schedules ORDER BY name`)
	if err != nil {
		return nil, s.explain("list schedules", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var c store.Schedule
		var created, next, last string
		err := rows.Scan(&c.Name, &c.Kind, &c.Subject, &c.Cron, &c.Jitter, &c.Paused, &c.ManagedBy, &c.By, &created, &next, &last, &c.LastJob)
		if err == nil {
			err = errors.Join(parseZero(created, &c.CreatedAt), parseZero(next, &c.NextAt), parseZero(last, &c.LastAt))
		}
		if err != nil {
			return nil, s.explain("list schedules", err)
		}
		list = append(list, c)
	}
	return list, s.explain("list schedules", rows.Err())
}
