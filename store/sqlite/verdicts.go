package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

const findVerdict = "copy an ID from `azward verdicts`; a later scan may have settled this one"

// SaveVerdicts replaces the verdicts of the scan's source by those of the
// sequence, with their proofs, and ends the scan, all in one transaction: after
// an error from anywhere the earlier verdicts stand whole and the scan is still
// running. The transaction holds the database's write lock, so the sequence
// must not write to this store.
func (s *Store) SaveVerdicts(ctx context.Context, scan string, verdicts iter.Seq2[store.Decided, error], outcome store.Outcome) error {
	return s.transact(ctx, "save verdicts", func(tx *sql.Tx) error {
		var source, started string
		err := tx.QueryRowContext(ctx, `SELECT source, started_at FROM scans WHERE id = ?`, scan).Scan(&source, &started)
		if errors.Is(err, sql.ErrNoRows) {
			return notFound("scan", scan, findScan)
		}
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, forgetPieces, source, source); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM verdicts WHERE source = ?`, source); err != nil {
			return err
		}
		history, err := newHistory(ctx, tx, source, scan, started)
		if err != nil {
			return err
		}
		writer := verdictWriter{store: s, scan: scan, source: source, history: history, pieces: pieceWriter{known: map[pieceHash]bool{}}}
		err = writer.writeAll(ctx, tx, verdicts)
		if err == nil {
			err = history.rest(ctx)
		}
		if err := errors.Join(err, history.done()); err != nil {
			return err
		}
		return finish(ctx, tx, scan, outcome)
	})
}

// forgetPieces drops what the last scan of the source did not have any more.
// Those that it had stay until the next one: somebody may be reading them.
const forgetPieces = `DELETE FROM pieces WHERE source = ? AND scan_id NOT IN (SELECT scan_id FROM verdicts WHERE source = ?)`

type verdictWriter struct {
	store        *Store
	scan, source string
	history      *historyWriter
	pieces       pieceWriter
	verdict      *sql.Stmt
	name         *sql.Stmt
	row          *sql.Stmt
}

func (w *verdictWriter) writeAll(ctx context.Context, tx *sql.Tx, verdicts iter.Seq2[store.Decided, error]) (err error) {
	for _, prepare := range []struct {
		to    **sql.Stmt
		query string
	}{
		{&w.verdict, `INSERT INTO verdicts (source, id, scan_id, place, exploitable, result, severity, vulnerability, workload, doc, proof)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`},
		{&w.name, `INSERT OR IGNORE INTO verdict_names (source, id, name) VALUES (?, ?, ?)`},
		{&w.row, insertRow},
		{&w.pieces.insert, `INSERT INTO pieces (source, hash, scan_id, doc_zst) VALUES (?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET scan_id = excluded.scan_id`},
	} {
		statement, err := tx.PrepareContext(ctx, prepare.query)
		if err != nil {
			return err
		}
		defer statement.Close()
		*prepare.to = statement
	}
	for decided, err := range verdicts {
		if err != nil {
			return err
		}
		if err := w.write(ctx, decided); err != nil {
			return fmt.Errorf("verdict %s: %w", decided.Verdict.ID, err)
		}
	}
	return nil
}

func (w *verdictWriter) write(ctx context.Context, decided store.Decided) error {
	v := decided.Verdict
	if decided.Doc == nil {
		raw, err := json.Marshal(v)
		if err != nil {
			return err
		}
		decided.Doc = store.Document{{Text: raw}}
	}
	doc, err := w.keep(ctx, decided.Doc)
	if err != nil {
		return err
	}
	var proof []byte
	if decided.Proof != nil {
		if proof, err = w.keep(ctx, decided.Proof); err != nil {
			return err
		}
	}
	_, err = w.verdict.ExecContext(ctx, w.source, v.ID, w.scan, v.Order(), v.Exploitable.String(), v.Result,
		v.Finding.Severity.Rank(), v.Vulnerability, string(v.Workload.ID.Key()), doc, proof)
	if err != nil {
		return err
	}
	// The package is a name, too: that of none of the vulnerabilities, and found
	// by a search of text.
	for _, name := range store.NamesOf(v) {
		if _, err := w.name.ExecContext(ctx, w.source, v.ID, name); err != nil {
			return err
		}
	}
	if err := w.history.see(ctx, v); err != nil {
		return err
	}
	values, err := rowValues(w.source, v)
	if err != nil {
		return err
	}
	_, err = w.row.ExecContext(ctx, values...)
	return err
}

// Verdicts yields the current verdicts that the filter selects, in the order of
// [store.Cursor]. An error is yielded last.
func (s *Store) Verdicts(ctx context.Context, filter store.Filter) iter.Seq2[azward.Verdict, error] {
	return func(yield func(azward.Verdict, error) bool) {
		where, args := conditions(filter)
		query := `SELECT source, doc FROM verdicts WHERE ` + where + ` ORDER BY place, id, source` //nolint:gosec // where is made of constants; every value is an argument
		if filter.Limit > 0 {
			// The places first: sorting would carry every document along.
			args = append(args, filter.Limit)
			query = `SELECT v.source, v.doc FROM
				(SELECT rowid AS at, place, id, source FROM verdicts WHERE ` + where + ` ORDER BY place, id, source LIMIT ?) AS p
				JOIN verdicts AS v ON v.rowid = p.at ORDER BY p.place, p.id, p.source`
		}
		// One connection for the list and the pieces of its documents: readers
		// that hold one each and wait for another would wait for each other.
		conn, err := s.db.Conn(ctx)
		if err != nil {
			yield(azward.Verdict{}, s.explain("list verdicts", err))
			return
		}
		defer conn.Close()
		rows, err := conn.QueryContext(ctx, query, args...)
		if err != nil {
			yield(azward.Verdict{}, s.explain("list verdicts", err))
			return
		}
		defer rows.Close()
		pieces := pieceReader{store: s, from: conn}
		for rows.Next() {
			v, err := s.scanVerdict(ctx, rows, &pieces)
			if !yield(v, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(azward.Verdict{}, s.explain("list verdicts", err))
		}
	}
}

// CountVerdicts counts what [Store.Verdicts] would yield without cursor and
// limit.
func (s *Store) CountVerdicts(ctx context.Context, filter store.Filter) (counts store.Counts, err error) {
	filter.After, filter.Limit = store.Cursor{}, 0
	where, args := conditions(filter)
	//nolint:gosec // where is made of constants; every value is an argument
	rows, err := s.db.QueryContext(ctx, `SELECT result, count(*) FROM verdicts WHERE `+where+` GROUP BY result`, args...)
	if err != nil {
		return nil, s.explain("count verdicts", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	counts = store.Counts{}
	for rows.Next() {
		var result azward.Result
		var n int
		if err := rows.Scan(&result, &n); err != nil {
			return nil, s.explain("count verdicts", err)
		}
		counts[result] = n
	}
	return counts, s.explain("count verdicts", rows.Err())
}

// Verdict returns one current verdict, the latest scan's where several sources
// have it; KindNotFound where there is none.
func (s *Store) Verdict(ctx context.Context, id azward.VerdictID) (azward.Verdict, error) {
	v, err := s.scanVerdict(ctx, s.db.QueryRowContext(ctx, `SELECT verdicts.source, doc FROM verdicts JOIN scans ON scans.id = scan_id
		WHERE verdicts.id = ? ORDER BY started_at DESC LIMIT 1`, id), &pieceReader{store: s, from: s.db})
	if errors.Is(err, sql.ErrNoRows) {
		return azward.Verdict{}, notFound("verdict", string(id), findVerdict)
	}
	return v, err
}

// Proof returns the proof saved with a verdict, byte for byte; KindNotFound
// where there is none.
func (s *Store) Proof(ctx context.Context, id azward.VerdictID) ([]byte, error) {
	var source string
	var raw []byte
	err := s.db.QueryRowContext(ctx, `SELECT verdicts.source, proof FROM verdicts JOIN scans ON scans.id = scan_id
		WHERE verdicts.id = ? AND proof IS NOT NULL ORDER BY started_at DESC LIMIT 1`, id).Scan(&source, &raw)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notFound("proof", string(id), findVerdict)
	}
	if err != nil {
		return nil, s.explain("read proof", err)
	}
	return (&pieceReader{store: s, from: s.db}).document(ctx, source, raw, "proof")
}

func (s *Store) scanVerdict(ctx context.Context, r row, pieces *pieceReader) (v azward.Verdict, err error) {
	var source string
	var raw []byte
	if err := r.Scan(&source, &raw); err != nil {
		return v, s.explain("read verdict", err)
	}
	doc, err := pieces.document(ctx, source, raw, "verdict")
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(doc, &v); err != nil {
		return v, s.damaged("verdict", err)
	}
	return v, nil
}

// conditions turns a filter into SQL and its arguments.
func conditions(f store.Filter) (where string, args []any) {
	parts := []string{"1"}
	add := func(part string, values ...any) {
		parts = append(parts, part)
		args = append(args, values...)
	}
	if f.After != (store.Cursor{}) {
		add("(place, id) > (?, ?)", f.After.Order, f.After.ID)
	}
	if f.Source != "" {
		add("source = ?", f.Source)
	}
	if len(f.Exploitable) > 0 {
		var values []any
		for _, answer := range f.Exploitable {
			values = append(values, answer.String())
		}
		add("exploitable IN (?"+strings.Repeat(", ?", len(values)-1)+")", values...)
	}
	if len(f.Results) > 0 {
		var values []any
		for _, result := range f.Results {
			values = append(values, string(result))
		}
		add("result IN (?"+strings.Repeat(", ?", len(values)-1)+")", values...)
	}
	if f.MinSeverity != "" {
		add("severity >= ?", f.MinSeverity.Rank())
	}
	if f.Vulnerability != "" {
		add("(source, id) IN (SELECT source, id FROM verdict_names WHERE name = ?)", strings.ToLower(f.Vulnerability))
	}
	if f.Workload != "" {
		key := string(f.Workload.Key())
		// "0" follows "/": everything below, without LIKE and its wildcards.
		add("(workload = ? OR workload > ? AND workload < ?)", key, key+"/", key+"0")
	}
	if f.Text != "" {
		text := strings.ToLower(f.Text)
		add("(instr(workload, ?) > 0 OR (source, id) IN (SELECT source, id FROM verdict_names WHERE instr(name, ?) > 0))", text, text)
	}
	if f.Known {
		add("substr(place, 4, 1) = '0'") // a digit of [azward.Verdict.Order]
	}
	return strings.Join(parts, " AND "), args
}
