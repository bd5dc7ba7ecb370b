package feed

import (
	"archive/zip"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/internal/bound"
)

// Sources says where advisories are read from.
type Sources struct {
	// Dir or FS holds, at any depth: *.zip with OSV records, loose OSV records
	// as *.json, kev/*.json, epss/*.csv, ssvc/*.csv, *.json or *.zip (CISA's
	// assessments) and endoflife/*.json, each of the latter also as .gz.
	Dir string
	FS  fs.FS
	// At is the build time to write into the index; zero means now.
	At time.Time
	// Known says what is known of files by name, such as when they were
	// downloaded; the index's status then has it.
	Known map[string]advisory.Source
	// Label marks an index that is not of the live feeds, such as "demo".
	Label string
	// Workers decode records; 0 means one per CPU, at most 4.
	Workers int
	// Progress, when set, is called from one goroutine.
	Progress func(Progress)
}

// newSuffix is of files that are not whole yet.
const newSuffix = ".new-*"

// Build compiles the index into the file at path. The file appears whole or
// not at all: it is written beside, synced and renamed, and a reader of the one
// before keeps it. When nothing could be read the old file stays.
func Build(ctx context.Context, src Sources, path string) (Stats, error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+newSuffix)
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
		src.Workers = decoders()
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

func decoders() int { return min(runtime.NumCPU(), 4) }

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
	w        *advisory.Writer
	seen     seen
	removed  map[string]map[string]bool // by folder: records that the export beside no longer has
	assessed time.Time                  // newest of CISA's assessments
	stats    Stats
}

// manifestFile says what a bundle holds.
const manifestFile = "manifest.json"

const (
	// maxFiles bounds the list of names: a folder of loose records, such as a
	// checkout of ossf/malicious-packages, has about 300,000.
	maxFiles = 2 << 20
	// changedFolder beside an export has records that are newer than the
	// export's own, and removedFile names those that it should no longer have.
	changedFolder = "changed"
	removedFile   = "removed.txt"
)

// walk reads every file, the changed records before the exports that they
// replace: the first record of an ID counts.
func (b *builder) walk(ctx context.Context) error {
	first, rest, err := b.names(ctx)
	if err != nil {
		return err
	}
	for _, name := range append(first, rest...) {
		if ctx.Err() == nil {
			err = b.file(ctx, name)
		}
		switch {
		case ctx.Err() != nil:
			return interrupted(ctx)
		case err != nil:
			return badFile(path.Join(b.Dir, name), err)
		}
	}
	return nil
}

func (b *builder) names(ctx context.Context) (first, rest []string, err error) {
	err = fs.WalkDir(b.FS, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return noSource(path.Join(b.Dir, name), "it cannot be read", err)
		case ctx.Err() != nil:
			return interrupted(ctx)
		case d.IsDir():
			return nil
		case len(first)+len(rest) >= maxFiles:
			return noSource(b.Dir, fmt.Sprintf("it holds more than %d files", maxFiles), nil)
		case path.Base(path.Dir(name)) == changedFolder:
			first = append(first, name)
		default:
			rest = append(rest, name)
		}
		return nil
	})
	return first, rest, err
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
func (b *builder) file(ctx context.Context, name string) (err error) {
	f, err := b.FS.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	known := true
	over := overlayOf(name)
	switch base := path.Base(name); {
	case strings.HasSuffix(base, "_schema.json"), base == manifestFile:
		known = false
	case over == ssvcOverlay && path.Ext(name) == ".zip":
		err = b.assessments(ctx, f, info.Size(), name)
	case over != noOverlay:
		known, err = b.overlayFile(over, f, name)
	case base == removedFile && path.Base(path.Dir(name)) == changedFolder:
		return b.removals(f, name)
	case path.Ext(name) == ".zip":
		err = b.zip(ctx, f, info.Size(), name)
	case path.Ext(name) == ".json":
		return b.loose(f, name)
	default:
		known = false
	}
	switch {
	case err != nil:
		return err
	case !known && path.Base(name) != manifestFile:
		b.stats.Ignored = append(b.stats.Ignored, name)
	case known && (over != ssvcOverlay || path.Ext(name) != ".json"): // of those there are too many to list
		source := b.Known[name]
		source.Name, source.Bytes = name, info.Size()
		b.w.AddSource(source)
	}
	return nil
}

func (b *builder) loose(f fs.File, name string) error {
	data, err := bound.ReadAll(f, maxRecord, name)
	if err != nil {
		return err
	}
	p := parse(name, data, nil)
	if dir := path.Dir(name); p.record != nil && path.Base(dir) == changedFolder {
		p.record.Within = advisory.ExportOf(path.Join(dir, "..", exportFile))
	}
	return b.keep(p, "")
}

// removals reads the IDs, one a line, that the export beside no longer has.
func (b *builder) removals(f fs.File, name string) error {
	ids := map[string]bool{}
	lines := bufio.NewScanner(bound.Reader(f, maxDocument, name))
	for lines.Scan() {
		ids[lines.Text()] = true
	}
	if b.removed == nil {
		b.removed = map[string]map[string]bool{}
	}
	b.removed[path.Dir(path.Dir(name))] = ids
	return lines.Err()
}

// zip reads an export. Decoding is spread over workers, batch by batch; the
// index gets the records in the order of the file, so that the same input
// gives the same bytes.
func (b *builder) zip(ctx context.Context, f fs.File, size int64, name string) (err error) {
	archive, err := openZip(f, size)
	if err != nil {
		return err
	}
	within := advisory.ExportOf(name)
	if within != "" {
		b.w.AddExport(within)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for batch := range decode(ctx, archive.File, b.Workers, parse) {
		for _, p := range batch {
			if p.record != nil {
				p.record.Within = within
			}
			if err := b.keep(p, path.Dir(name)); err != nil {
				return err
			}
		}
		b.tell(name)
	}
	return ctx.Err()
}

// assessments reads an archive of CISA's, which has one CVE record an entry.
func (b *builder) assessments(ctx context.Context, f fs.File, size int64, name string) error {
	archive, err := openZip(f, size)
	if err != nil {
		return err
	}
	type result struct {
		assessment
		name string
		err  error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	files := slices.DeleteFunc(archive.File, func(f *zip.File) bool { return !strings.HasPrefix(path.Base(f.Name), "CVE-") })
	read := func(name string, data []byte, err error) result {
		r := result{name: name, err: err}
		if err == nil {
			r.assessment, r.err = assessmentOf(string(data))
		}
		return r
	}
	before := b.stats.SSVC
	for batch := range decode(ctx, files, b.Workers, read) {
		for _, r := range batch {
			if r.err != nil {
				b.stats.skip("CVE record not readable", r.name, r.err)
			} else if b.assess(r.assessment) {
				b.stats.SSVC++
			}
		}
		b.tell(name)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if b.stats.SSVC == before {
		return errors.New("it has no assessment of CISA's")
	}
	return nil
}

// maxDirectory bounds an archive's directory, in bytes: of a million records it
// has 80 MB, and in memory four times that.
const maxDirectory = 128 << 20

// openZip reads the directory of an archive, bounded.
func openZip(f fs.File, size int64) (*zip.Reader, error) {
	at, ok := f.(io.ReaderAt)
	if !ok {
		return nil, errors.New("this kind of file cannot be read at a position")
	}
	directory := &bounded{from: at, left: maxDirectory}
	archive, err := zip.NewReader(directory, size)
	if err != nil {
		return nil, fmt.Errorf("open zip archive: %w", err)
	}
	directory.open = true
	return archive, nil
}

// bounded gives so many bytes until it is open.
type bounded struct {
	from io.ReaderAt
	left int
	open bool
}

func (b *bounded) ReadAt(p []byte, at int64) (int, error) {
	if !b.open {
		if b.left -= len(p); b.left < 0 {
			return 0, &bound.SizeError{What: "the archive's directory", Limit: maxDirectory}
		}
	}
	return b.from.ReadAt(p, at)
}

func (b *builder) tell(name string) {
	if b.Progress != nil {
		b.Progress(Progress{File: name, Records: b.stats.Records})
	}
}

// parsed is one record, or why there is none.
type parsed struct {
	name     string
	id       string // "" where the text is no record
	record   *advisory.Record
	unusable int
	err      error
}

func parse(name string, data []byte, err error) parsed {
	if err != nil {
		return parsed{name: name, err: err}
	}
	o, err := decodeOSV(string(data))
	if err != nil {
		return parsed{name: name, err: fmt.Errorf("not an OSV record: %w", err)}
	}
	p := parsed{name: name, id: o.id}
	p.record, p.unusable, p.err = recordOf(o)
	return p
}

// keep adds a record of an export in the folder, "" for a loose one. Also one
// that is left out has been seen: where the newer record is withdrawn, the
// older does not count.
func (b *builder) keep(p parsed, folder string) error {
	if p.id != "" {
		if b.removed[folder][p.id] {
			b.stats.Removed++
			return nil
		}
		if !b.seen.add(p.id) {
			b.stats.Duplicates++
			return nil
		}
	}
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
	b.stats.Records++
	b.stats.Unusable += p.unusable
	if p.record.Malicious {
		b.stats.Malicious++
	}
	return b.w.Add(p.record)
}
