package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

const (
	// maxSpans bounds what is kept of one verdict and source; the oldest go first.
	maxSpans = 50
	// maxReason bounds a sentence, in bytes.
	maxReason = 500
)

// standing is what a verdict was in the scan before.
type standing struct {
	result   azward.Result
	severity int
}

// historyWriter notes what a scan says otherwise than the one before.
type historyWriter struct {
	source, scan, at string
	open             map[azward.VerdictID]standing // not seen in this scan yet
	close, add, trim *sql.Stmt
}

func newHistory(ctx context.Context, tx *sql.Tx, source, scan, at string) (_ *historyWriter, err error) {
	w := &historyWriter{source: source, scan: scan, at: at, open: map[azward.VerdictID]standing{}}
	rows, err := tx.QueryContext(ctx, `SELECT id, result, severity FROM verdict_history WHERE source = ? AND until IS NULL`, source)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id azward.VerdictID
		var s standing
		if err := rows.Scan(&id, &s.result, &s.severity); err != nil {
			return nil, err
		}
		w.open[id] = s
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for _, prepare := range []struct {
		to    **sql.Stmt
		query string
	}{
		{&w.close, `UPDATE verdict_history SET until = ? WHERE source = ? AND id = ? AND until IS NULL`},
		{&w.add, `INSERT OR REPLACE INTO verdict_history (id, source, since, until, scan_id, result, severity, reason) VALUES (?, ?, ?, NULL, ?, ?, ?, ?)`},
		{&w.trim, `DELETE FROM verdict_history WHERE id = ?1 AND source = ?2 AND since NOT IN
			(SELECT since FROM verdict_history WHERE id = ?1 AND source = ?2 ORDER BY since DESC LIMIT ?3)`},
	} {
		if *prepare.to, err = tx.PrepareContext(ctx, prepare.query); err != nil { //nolint:sqlclosecheck // done closes them
			return nil, errors.Join(err, w.done())
		}
	}
	return w, nil
}

// done closes the statements.
func (w *historyWriter) done() (err error) {
	for _, statement := range []*sql.Stmt{w.close, w.add, w.trim} {
		if statement != nil {
			err = errors.Join(err, statement.Close())
		}
	}
	return err
}

// see takes a verdict of the scan.
func (w *historyWriter) see(ctx context.Context, v azward.Verdict) error {
	now := standing{v.Result, v.Finding.Severity.Rank()}
	before, had := w.open[v.ID]
	delete(w.open, v.ID)
	if had && before == now {
		return nil
	}
	if had {
		if _, err := w.close.ExecContext(ctx, w.at, w.source, v.ID); err != nil {
			return err
		}
	}
	reason := v.Summary
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "")
	}
	if _, err := w.add.ExecContext(ctx, v.ID, w.source, w.at, w.scan, now.result, now.severity, reason); err != nil || !had {
		return err
	}
	_, err := w.trim.ExecContext(ctx, v.ID, w.source, maxSpans)
	return err
}

// rest ends what the scan does not have any more.
func (w *historyWriter) rest(ctx context.Context) error {
	for id := range w.open {
		if _, err := w.close.ExecContext(ctx, w.at, w.source, id); err != nil {
			return err
		}
	}
	return nil
}

// VerdictHistory returns what a verdict was, the newest first: at most 50 spans
// of each source; none where no scan ever had it.
func (s *Store) VerdictHistory(ctx context.Context, id azward.VerdictID) (list []store.VerdictSpan, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT source, since, until, scan_id, result, severity, reason FROM verdict_history WHERE id = ? ORDER BY since DESC, source`, id)
	if err != nil {
		return nil, s.explain("read history of verdict", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var span store.VerdictSpan
		var since string
		var until sql.NullString
		var severity int
		if err := rows.Scan(&span.Source, &since, &until, &span.Scan, &span.Result, &severity, &span.Reason); err != nil {
			return nil, s.explain("read history of verdict", err)
		}
		span.Severity = severityOf(severity)
		if span.Since, err = parseTime(since); err == nil && until.Valid {
			span.Until, err = parseTime(until.String)
		}
		if err != nil {
			return nil, s.explain("read history of verdict", err)
		}
		list = append(list, span)
	}
	return list, s.explain("read history of verdict", rows.Err())
}

// severityOf is the severity of a rank.
func severityOf(rank int) azward.Severity {
	for _, s := range []azward.Severity{azward.SeverityNone, azward.SeverityLow, azward.SeverityMedium, azward.SeverityHigh, azward.SeverityCritical} {
		if s.Rank() == rank {
			return s
		}
	}
	return azward.SeverityUnknown
}

// SweepHistory removes what verdicts were until long ago; what holds now stays,
// and Keep counts for nothing.
func (s *Store) SweepHistory(ctx context.Context, sweep store.Sweep) (store.Swept, error) {
	_, before := bounds(sweep)
	return s.sweepRows(ctx, "sweep history of verdicts", sweep.Dry, `verdict_history`, `verdict_history WHERE until < ?`, before)
}
