package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/azward/azward/store"
)

const (
	jobColumns = `id, kind, subject, by, state, stage, done, total, rate, note, result, error, remedy, attempt, cancelling,
		created_at, started_at, finished_at`
	findJob = "look at the list of jobs: it may be old and swept away"
	// maxJobLines bounds the log of one job; the oldest lines go first.
	maxJobLines = 2000
)

// AddJob saves a queued job. Where one of the same kind and subject is under
// way, that one is returned instead, and added is false.
func (s *Store) AddJob(ctx context.Context, j store.Job) (job store.Job, added bool, err error) {
	err = s.transact(ctx, "queue job", func(tx *sql.Tx) error {
		job, err = scanJob(tx.QueryRowContext(ctx, `SELECT `+jobColumns+` FROM jobs
			WHERE kind = ? AND subject = ? AND state IN ('queued', 'running')`, j.Kind, j.Subject))
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		job, added = j, true
		_, err = tx.ExecContext(ctx, `INSERT INTO jobs (`+jobColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, jobValues(j)...)
		return err
	})
	return job, added, err
}

// SaveJob writes a job as it stands now, with new lines of its log.
// KindNotFound where there is none of that ID.
func (s *Store) SaveJob(ctx context.Context, j store.Job, lines []store.JobLine) error {
	return s.transact(ctx, "save job", func(tx *sql.Tx) error {
		values := append(jobValues(j)[1:], j.ID)
		result, err := tx.ExecContext(ctx, `UPDATE jobs SET kind = ?, subject = ?, by = ?, state = ?, stage = ?, done = ?, total = ?, rate = ?,
			note = ?, result = ?, error = ?, remedy = ?, attempt = ?, cancelling = ?, created_at = ?, started_at = ?, finished_at = ? WHERE id = ?`, values...)
		if err != nil {
			return err
		}
		if err := affected(result, notFound("job", j.ID, findJob)); err != nil {
			return err
		}
		return addLines(ctx, tx, j.ID, lines)
	})
}

// addLines numbers lines on from the last one, and drops the oldest.
func addLines(ctx context.Context, tx *sql.Tx, job string, lines []store.JobLine) error {
	if len(lines) == 0 {
		return nil
	}
	var last int
	if err := tx.QueryRowContext(ctx, `SELECT coalesce(max(number), 0) FROM job_lines WHERE job = ?`, job).Scan(&last); err != nil {
		return err
	}
	for _, l := range lines {
		last++
		if _, err := tx.ExecContext(ctx, `INSERT INTO job_lines (job, number, at, text) VALUES (?, ?, ?, ?)`, job, last, timeText(l.At), l.Text); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM job_lines WHERE job = ? AND number <= ?`, job, last-maxJobLines)
	return err
}

// Job returns one job; KindNotFound where there is none.
func (s *Store) Job(ctx context.Context, id string) (store.Job, error) {
	j, err := scanJob(s.db.QueryRowContext(ctx, `SELECT `+jobColumns+` FROM jobs WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return store.Job{}, notFound("job", id, findJob)
	}
	return j, s.explain("find job", err)
}

// Jobs returns those that the filter selects, the newest first.
func (s *Store) Jobs(ctx context.Context, f store.JobFilter) (list []store.Job, err error) {
	where, values := []string{"1"}, []any{}
	add := func(clause string, value ...any) { where, values = append(where, clause), append(values, value...) }
	if f.Kind != "" {
		add(`kind = ?`, f.Kind)
	}
	if f.Subject != "" {
		add(`subject = ?`, f.Subject)
	}
	if f.Before != "" {
		add(`id < ?`, f.Before)
	}
	if len(f.States) > 0 {
		marks := make([]any, len(f.States))
		for i, state := range f.States {
			marks[i] = string(state)
		}
		add(`state IN (`+strings.TrimSuffix(strings.Repeat("?,", len(marks)), ",")+`)`, marks...)
	}
	limit := f.Limit
	if limit <= 0 {
		limit = -1
	}
	rows, err := s.db.QueryContext(ctx, `SELECT `+jobColumns+` FROM jobs WHERE `+strings.Join(where, " AND ")+` ORDER BY id DESC LIMIT ?`, append(values, limit)...) //nolint:gosec // the clauses are those above
	if err != nil {
		return nil, s.explain("list jobs", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		j, err := scanJob(rows)
		if err != nil {
			return nil, s.explain("list jobs", err)
		}
		list = append(list, j)
	}
	return list, s.explain("list jobs", rows.Err())
}

// JobLines returns a job's log after the line of that number, the oldest
// first, at most limit of them.
func (s *Store) JobLines(ctx context.Context, job string, after, limit int) (list []store.JobLine, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT number, at, text FROM job_lines WHERE job = ? AND number > ? ORDER BY number LIMIT ?`, job, after, limit)
	if err != nil {
		return nil, s.explain("read job's log", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var l store.JobLine
		var at string
		if err := rows.Scan(&l.Number, &at, &l.Text); err != nil {
			return nil, s.explain("read job's log", err)
		}
		if l.At, err = parseTime(at); err != nil {
			return nil, s.explain("read job's log", err)
		}
		list = append(list, l)
	}
	return list, s.explain("read job's log", rows.Err())
}

func jobValues(j store.Job) []any {
	return []any{
		j.ID, j.Kind, j.Subject, j.By, j.State, j.Stage, j.Done, j.Total, j.Rate, j.Note, j.Result, j.Error, j.Remedy, j.Attempt, j.Cancelling,
		timeText(j.CreatedAt), zeroText(j.StartedAt), zeroText(j.FinishedAt),
	}
}

func scanJob(r row) (j store.Job, err error) {
	var created, started, finished string
	err = r.Scan(&j.ID, &j.Kind, &j.Subject, &j.By, &j.State, &j.Stage, &j.Done, &j.Total, &j.Rate, &j.Note, &j.Result, &j.Error, &j.Remedy,
		&j.Attempt, &j.Cancelling, &created, &started, &finished)
	if err != nil {
		return j, err
	}
	return j, errors.Join(parseZero(created, &j.CreatedAt), parseZero(started, &j.StartedAt), parseZero(finished, &j.FinishedAt))
}

// zeroText writes the zero time as "".
func zeroText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return timeText(t)
}

// parseZero reads what zeroText wrote.
func parseZero(text string, to *time.Time) (err error) {
	if text != "" {
		*to, err = parseTime(text)
	}
	return err
}
