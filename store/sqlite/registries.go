package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

// SaveListing files what a look at a registry found: tags that moved end where
// they were and begin where they are now. It is one transaction.
func (s *Store) SaveListing(ctx context.Context, l store.Listing) (moves store.Moves, err error) {
	err = s.transact(ctx, "save listing", func(tx *sql.Tx) error {
		moves = store.Moves{}
		_, err := tx.ExecContext(ctx, `INSERT INTO registries (host, listed_at) VALUES (?, ?)
			ON CONFLICT (host) DO UPDATE SET listed_at = excluded.listed_at`, l.Registry, timeText(l.At))
		if err != nil {
			return err
		}
		before, err := currentTags(ctx, tx, l.Registry)
		if err != nil {
			return err
		}
		moves, err = applyListing(ctx, tx, l, before)
		return err
	})
	return moves, err
}

// place is a tag of a registry.
type place struct{ repository, name string }

func currentTags(ctx context.Context, tx *sql.Tx, registry string) (_ map[place]azward.Digest, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT repository, name, digest FROM tags WHERE registry = ? AND until IS NULL`, registry)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	tags := map[place]azward.Digest{}
	for rows.Next() {
		var at place
		var digest azward.Digest
		if err := rows.Scan(&at.repository, &at.name, &digest); err != nil {
			return nil, err
		}
		tags[at] = digest
	}
	return tags, rows.Err()
}

func applyListing(ctx context.Context, tx *sql.Tx, l store.Listing, before map[place]azward.Digest) (moves store.Moves, err error) {
	now := timeText(l.At)
	end := func(at place) error {
		_, err := tx.ExecContext(ctx, `UPDATE tags SET until = ? WHERE registry = ? AND repository = ? AND name = ? AND until IS NULL`,
			now, l.Registry, at.repository, at.name)
		return err
	}
	for _, t := range l.Tags {
		at := place{t.Repository, t.Name}
		digest, known := before[at]
		delete(before, at)
		if digest == t.Digest {
			continue
		}
		if known {
			moves.Moved++
			if err := end(at); err != nil {
				return moves, err
			}
		} else {
			moves.New++
		}
		_, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO tags (registry, repository, name, digest, since, until, pushed) VALUES (?, ?, ?, ?, ?, NULL, ?)`,
			l.Registry, t.Repository, t.Name, t.Digest, now, maybeTime(t.Pushed))
		if err != nil {
			return moves, err
		}
	}
	whole := map[string]bool{}
	for _, r := range l.Repositories {
		whole[r] = true
	}
	for at := range before {
		if whole[at.repository] || l.All {
			moves.Removed++
			if err := end(at); err != nil {
				return moves, err
			}
		}
	}
	return moves, nil
}

func maybeTime(t time.Time) sql.NullString {
	return sql.NullString{String: timeText(t), Valid: !t.IsZero()}
}

func timeOf(text sql.NullString) (time.Time, error) {
	if !text.Valid {
		return time.Time{}, nil
	}
	return parseTime(text.String)
}

// Registries gives the registries that were ever listed, with when.
func (s *Store) Registries(ctx context.Context) (_ map[string]time.Time, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT host, listed_at FROM registries`)
	if err != nil {
		return nil, s.explain("list registries", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	all := map[string]time.Time{}
	for rows.Next() {
		var host, at string
		if err := rows.Scan(&host, &at); err != nil {
			return nil, s.explain("list registries", err)
		}
		if all[host], err = parseTime(at); err != nil {
			return nil, s.damaged("registry", err)
		}
	}
	return all, s.explain("list registries", rows.Err())
}

// Tags gives where the tags of a registry point and pointed, by repository,
// name and time. Repository "" means all.
func (s *Store) Tags(ctx context.Context, registry, repository string) (list []store.Tag, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT repository, name, digest, since, until, pushed FROM tags
		WHERE registry = ? AND (? = '' OR repository = ?) ORDER BY repository, name, since`, registry, repository, repository)
	if err != nil {
		return nil, s.explain("list tags", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var t store.Tag
		var since string
		var until, pushed sql.NullString
		if err := rows.Scan(&t.Repository, &t.Name, &t.Digest, &since, &until, &pushed); err != nil {
			return nil, s.explain("list tags", err)
		}
		var errs [3]error
		t.Since, errs[0] = parseTime(since)
		t.Until, errs[1] = timeOf(until)
		t.Pushed, errs[2] = timeOf(pushed)
		if err := errors.Join(errs[:]...); err != nil {
			return nil, s.damaged("tag", err)
		}
		list = append(list, t)
	}
	return list, s.explain("list tags", rows.Err())
}

// SaveManifests keeps what is known of manifests. FirstSeen of one that is
// known already stays as it was.
func (s *Store) SaveManifests(ctx context.Context, registry string, list []store.Manifest) error {
	return s.transact(ctx, "save manifests", func(tx *sql.Tx) error {
		for _, m := range list {
			attached := sql.NullString{String: string(azward.JSONValue(m.Attached)), Valid: m.AskedAttached}
			_, err := tx.ExecContext(ctx, `INSERT INTO manifests
				(registry, repository, digest, image, platform, artifact, error, attached, size, pushed, first_seen, last_seen)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT (registry, repository, digest) DO UPDATE SET image = excluded.image, platform = excluded.platform,
				artifact = excluded.artifact, error = excluded.error, attached = coalesce(excluded.attached, attached), size = excluded.size,
				pushed = coalesce(excluded.pushed, pushed), last_seen = excluded.last_seen`,
				registry, m.Repository, m.Digest, m.Image, m.Platform, m.Artifact, m.Error, attached, m.Size,
				maybeTime(m.Pushed), timeText(m.FirstSeen), timeText(m.LastSeen))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Manifests gives what is known of a registry's manifests, by repository and digest.
func (s *Store) Manifests(ctx context.Context, registry string) (list []store.Manifest, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT repository, digest, image, platform, artifact, error, attached, size, pushed, first_seen, last_seen
		FROM manifests WHERE registry = ? ORDER BY repository, digest`, registry)
	if err != nil {
		return nil, s.explain("list manifests", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		m, err := scanManifest(rows)
		if err != nil {
			return nil, s.explain("list manifests", err)
		}
		list = append(list, m)
	}
	return list, s.explain("list manifests", rows.Err())
}

func scanManifest(r row) (m store.Manifest, err error) {
	var attached, pushed sql.NullString
	var first, last string
	if err := r.Scan(&m.Repository, &m.Digest, &m.Image, &m.Platform, &m.Artifact, &m.Error, &attached, &m.Size, &pushed, &first, &last); err != nil {
		return m, err
	}
	if m.AskedAttached = attached.Valid; attached.Valid {
		if err := json.Unmarshal([]byte(attached.String), &m.Attached); err != nil {
			return m, err
		}
	}
	var errs [3]error
	m.Pushed, errs[0] = timeOf(pushed)
	m.FirstSeen, errs[1] = parseTime(first)
	m.LastSeen, errs[2] = parseTime(last)
	return m, errors.Join(errs[:]...)
}
