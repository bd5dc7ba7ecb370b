package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
	"github.com/klauspost/compress/zstd"
)

// maxWindowBytes bounds what decompressing an estate may keep in memory.
const maxWindowBytes = 64 << 20

// SaveEstate keeps the estate that a scan was decided from: write gets a
// writer and fills it. The file appears under its name only when it is whole.
func (s *Store) SaveEstate(ctx context.Context, scan string, write func(io.Writer) error) error {
	name, err := store.EstateFile(scan)
	if err != nil {
		return err
	}
	if err := s.writeEstate(filepath.Join(s.dir, name), write); err != nil {
		return err
	}
	return s.transact(ctx, "save estate", func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `UPDATE scans SET estate = ? WHERE id = ?`, filepath.ToSlash(name), scan)
		if err != nil {
			return err
		}
		return affected(result, notFound("scan", scan, findScan))
	})
}

func (s *Store) writeEstate(path string, write func(io.Writer) error) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return s.estateFailed(path, err)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return s.estateFailed(path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, temp.Close(), os.Remove(temp.Name()))
		}
	}()
	encoder, err := zstd.NewWriter(temp)
	if err != nil {
		return s.estateFailed(path, err)
	}
	if err := write(encoder); err != nil {
		return errors.Join(err, encoder.Close())
	}
	if err := errors.Join(encoder.Close(), temp.Sync()); err != nil {
		return s.estateFailed(path, err)
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return s.estateFailed(path, err)
	}
	return temp.Close()
}

// OpenEstate reads the estate of a scan, decompressed; KindNotFound where none
// was saved. The caller closes it.
func (s *Store) OpenEstate(ctx context.Context, scan string) (io.ReadCloser, error) {
	found, err := s.Scan(ctx, scan)
	if err != nil {
		return nil, err
	}
	if found.Estate == "" {
		return nil, notFound("estate of scan", scan, "scan again to save one")
	}
	name, err := store.EstateFile(scan)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(s.dir, name)
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notFound("estate", path, "scan again to save one")
	}
	if err != nil {
		return nil, s.estateFailed(path, err)
	}
	decoder, err := zstd.NewReader(file, zstd.WithDecoderMaxWindow(maxWindowBytes))
	if err != nil {
		return nil, errors.Join(s.estateFailed(path, err), file.Close())
	}
	return &estateReader{Decoder: decoder, file: file}, nil
}

type estateReader struct {
	*zstd.Decoder
	file *os.File
}

func (r *estateReader) Close() error {
	r.Decoder.Close()
	return r.file.Close()
}

func (s *Store) estateFailed(path string, err error) error {
	return &azward.Error{
		Kind: azward.KindFailed, Op: "keep estate", Subject: path, Cause: "the file cannot be written or read",
		Remedy: "check the disk and who owns the data directory, or name another one with --data DIR", Err: err,
	}
}
