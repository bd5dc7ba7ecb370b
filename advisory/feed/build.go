package feed

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/internal/bound"
)

// Sources says where advisories are read from.
type Sources struct {
	// Dir or FS holds, at any depth: *.zip with OSV records, loose OSV records
	// as *.json, kev/*.json and epss/*.csv, each of the latter two also .gz.
	Dir string
	FS  fs.FS
	// At is the build time to write into the index; zero means now.
	At time.Time
	// Label marks an index that is not of the live feeds, such as "demo".
	Label string
	// Workers decode records; 0 means one per CPU, at most 4.
	Workers int
	// Progress, when set, is called from one goroutine.
	Progress func(Progress)
}

// Build compiles the index into the file at path. The file appears whole or
// not at all: it is written beside, synced and renamed, and a reader of the one
// before keeps it. When nothing could be read the old file stays.
func Build(ctx context.Context, src Sources, path string) (Stats, error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return Stats{}, cannotWrite(path, err)
	}
	stats, err := Write(ctx, src, tmp)
	if err == nil {
		if err = errors.Join(tmp.Sync(), tmp.Close()); err == nil {
			err = os.Rename(tmp.Name(), path)
		}
		if err == nil {
			err = syncDir(filepath.Dir(path))
		}
		if err == nil {
			return stats, nil
		}
		err = cannotWrite(path, err)
	}
	// The file may be closed or renamed already: what counts is err.
	_ = tmp.Close()
	_ = os.Remove(tmp.Name())
	return stats, err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func cannotWrite(path string, err error) error {
	return &azward.Error{
		Kind: azward.KindFailed, Op: "write advisory index", Subject: path, Cause: err.Error(),
		Remedy: "choose a data directory that can be written with --data DIR, and check that it has room", Err: err,
	}
}

// Write compiles the index into w, in one pass.
func Write(ctx context.Context, src Sources, w io.Writer) (Stats, error) {
	started := time.Now()
	if src.At.IsZero() {
		src.At = started
	}
	if src.FS == nil {
		if _, err := os.Stat(src.Dir); err != nil || src.Dir == "" {
			return Stats{}, noSource(src.Dir, "the folder cannot be read", err)
		}
		src.FS = os.DirFS(src.Dir)
	}
	if src.Workers <= 0 {
		src.Workers = min(runtime.NumCPU(), 4)
	}
	counted := &counter{w: w}
	b := builder{Sources: src, w: advisory.NewWriter(counted, src.At), seen: seen{}}
	b.w.Label(src.Label)
	if err := b.walk(ctx); err != nil {
		return b.stats, err
	}
	if b.stats.Records == 0 {
		return b.stats, noSource(src.Dir, "it holds no advisory", nil)
	}
	if err := b.w.Close(); err != nil {
		return b.stats, fmt.Errorf("write advisory index: %w", err)
	}
	b.stats.Bytes, b.stats.Took = counted.n, time.Since(started)
	return b.stats, nil
}

func noSource(dir, cause string, err error) error {
	return &azward.Error{
		Kind: azward.KindUsage, Op: "build advisory index from", Subject: dir, Cause: cause,
		Remedy: "give a folder with osv.dev's exports (ECOSYSTEM/all.zip), and kev/ and epss/ beside them", Err: err,
	}
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

type builder struct {
	Sources
	w     *advisory.Writer
	seen  seen
	stats Stats
}

func (b *builder) walk(ctx context.Context) error {
	return fs.WalkDir(b.FS, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return noSource(path.Join(b.Dir, name), "it cannot be read", err)
		case ctx.Err() != nil:
			return interrupted(ctx)
		case d.IsDir():
			return nil
		}
		if err := b.file(ctx, name); err != nil {
			if ctx.Err() != nil {
				return interrupted(ctx)
			}
			return badFile(path.Join(b.Dir, name), err)
		}
		return nil
	})
}

func interrupted(ctx context.Context) error {
	return &azward.Error{
		Kind: azward.KindInterrupted, Op: "build advisory index", Cause: "it was interrupted; the index before is unchanged",
		Remedy: "run `azward advisory update` again", Err: context.Cause(ctx),
	}
}

func badFile(name string, err error) error {
	var e *azward.Error
	if errors.As(err, &e) {
		return err
	}
	return &azward.Error{
		Kind: azward.KindBadInput, Op: "read advisories", Subject: name, Cause: err.Error(),
		Remedy: "download the file again; the index before is unchanged", Err: err,
	}
}

// file sorts by folder and extension, as the published feeds are laid out.
func (b *builder) file(ctx context.Context, name string) error {
	base := strings.TrimSuffix(path.Base(name), ".gz")
	folder := path.Base(path.Dir(name))
	switch {
	case strings.HasSuffix(base, "_schema.json"):
		b.stats.Ignored = append(b.stats.Ignored, name)
	case folder == "kev" && strings.HasSuffix(base, ".json") || strings.HasPrefix(base, "known_exploited"):
		return b.overlay(name, readKEV, &b.stats.KEV)
	case folder == "epss" && strings.HasSuffix(base, ".csv") || strings.HasPrefix(base, "epss"):
		return b.overlay(name, readEPSS, &b.stats.EPSS)
	case strings.HasSuffix(name, ".zip"):
		return b.zip(ctx, name)
	case strings.HasSuffix(name, ".json"):
		return b.loose(name)
	default:
		b.stats.Ignored = append(b.stats.Ignored, name)
	}
	return nil
}

func (b *builder) overlay(name string, read func(*advisory.Writer, io.Reader) (int, error), count *int) (err error) {
	f, err := b.FS.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r, err := unpacked(name, f)
	if err != nil {
		return err
	}
	n, err := read(b.w, r)
	*count += n
	return err
}

func (b *builder) loose(name string) error {
	f, err := b.FS.Open(name)
	if err != nil {
		return err
	}
	data, err := bound.ReadAll(f, maxRecord, name)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return b.keep(parse(name, data, nil))
}

// zip reads an export. Decoding is spread over workers, batch by batch; the
// index gets the records in the order of the file, so that the same input
// gives the same bytes.
func (b *builder) zip(ctx context.Context, name string) (err error) {
	f, err := b.FS.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	at, ok := f.(io.ReaderAt)
	if !ok {
		return fmt.Errorf("%s: this kind of file cannot be read at a position", name)
	}
	archive, err := zip.NewReader(at, info.Size())
	if err != nil {
		return fmt.Errorf("open zip archive: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for batch := range decode(ctx, archive.File, b.Workers) {
		for _, p := range batch {
			if err := b.keep(p); err != nil {
				return err
			}
		}
		if b.Progress != nil {
			b.Progress(Progress{File: name, Records: b.stats.Records})
		}
	}
	return ctx.Err()
}

// parsed is one record, or why there is none.
type parsed struct {
	name     string
	record   *advisory.Record
	unusable int
	err      error
}

func parse(name string, data []byte, err error) parsed {
	p := parsed{name: name, err: err}
	if err == nil {
		p.record, p.unusable, p.err = Parse(data)
	}
	return p
}

func (b *builder) keep(p parsed) error {
	switch {
	case errors.Is(p.err, errWithdrawn):
		b.stats.Withdrawn++
		return nil
	case errors.Is(p.err, errNoVersions), errors.Is(p.err, errNoID):
		b.stats.skip(p.err.Error(), p.name, p.err)
		return nil
	case errors.Is(p.err, bound.ErrTooLarge):
		b.stats.skip("record too large", p.name, p.err)
		return nil
	case p.err != nil:
		b.stats.skip("record not readable", p.name, p.err)
		return nil //nolint:nilerr // counted and named: one bad record does not cost the others
	}
	if !b.seen.add(p.record.ID) {
		b.stats.Duplicates++
		return nil
	}
	b.stats.Records++
	b.stats.Unusable += p.unusable
	if p.record.Malicious {
		b.stats.Malicious++
	}
	return b.w.Add(p.record)
}
