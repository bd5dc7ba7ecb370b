package image

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/hardening/secret"
)

// How a layer removes what lower ones have.
//
// Source: https://github.com/opencontainers/image-spec/blob/main/layer.md#whiteouts
const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
	// aufs marks what its driver kept for itself; runtimes pass over it.
	aufs = ".wh..wh."
)

// walker goes through one layer's tar.
type walker struct {
	ctx     context.Context //nolint:containedctx // lives as long as one walk
	result  LayerResult
	more    *aliases       // nil: read every file by its own name
	again   aliases        // files to be read once more, for the hard links to them
	names   []named        // every path, in the order of the archive
	byPath  map[string]int // file to its place in result.Files, the last one of the name
	places  []int          // of result.Files in names
	links   symlinks
	hard    []hardLink // to files that were not read before them
	count   int        // packages found
	weight  int        // bytes that the result takes, about
	dropped int        // gaps beyond maxGaps
	seen    observer
	scratch *scratch
	peek    *bufio.Reader
}

func newWalker(ctx context.Context) *walker {
	return &walker{ctx: ctx, byPath: map[string]int{}, scratch: newScratch(), peek: bufio.NewReaderSize(nil, 512)}
}

// walk reads a layer's tar; with more, only the files that it names.
func walk(ctx context.Context, r io.Reader, more *aliases) (*LayerResult, error) {
	w := newWalker(ctx)
	w.more = more
	defer w.scratch.free()
	heads := newHeads(r)
	t := tar.NewReader(heads)
	entries := 0
	for {
		if err := ctx.Err(); err != nil {
			return nil, transportError{err}
		}
		heads.on = true
		h, err := t.Next()
		heads.on = false
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, tarError(err, entries)
		}
		if entries++; entries > maxEntries {
			return nil, fmt.Errorf("%w: more than %d", ErrTooManyEntries, maxEntries)
		}
		if err := w.entry(h, t); err != nil {
			return nil, tarError(err, entries)
		}
	}
	w.result.Entries = entries
	result, err := w.finish()
	if err == nil && !w.again.empty() {
		result.again = &w.again
	}
	return result, err
}

func tarError(err error, entries int) error {
	if entries == 0 && (errors.Is(err, tar.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF)) {
		return fmt.Errorf("%w: %w", ErrNotTar, err)
	}
	if errors.Is(err, tar.ErrFieldTooLong) {
		err = fmt.Errorf("%w: %w", ErrHeadTooLong, err)
	}
	return fmt.Errorf("after %d entries of the archive: %w", entries, err)
}

// entry takes note of one entry. An error means that the archive cannot be
// read on; a file that cannot be understood is a gap.
func (w *walker) entry(h *tar.Header, r io.Reader) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	p, err := cleanPath(h.Name)
	if err == nil {
		p, err = w.links.place(p)
	}
	if err != nil {
		if w.more == nil {
			w.gap(h.Name, err)
		}
		return nil
	}
	if base := path.Base(p); strings.HasPrefix(base, whiteout) {
		return w.whiteout(p, base)
	}
	if h.Typeflag == tar.TypeDir || p == "." {
		w.links.remove(p)
		w.name(p, true)
		w.seen.entry(p, h, len(w.names)-1)
		return nil
	}
	w.name(p, false)
	w.seen.entry(p, h, len(w.names)-1)
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
		w.links.remove(p)
		if isSparse(h) && h.Size > maxSparse {
			return w.sparse(p, h.Size)
		}
		return w.file(p, h.Size, r)
	case tar.TypeSymlink:
		if !w.links.add(p, h.Linkname) {
			w.gap(p, ErrTooManyLinks)
		}
	case tar.TypeLink:
		w.links.remove(p)
		return w.link(p, h.Linkname)
	}
	return nil
}

// name notes that the layer has the path.
func (w *walker) name(p string, dir bool) {
	delete(w.byPath, p)
	w.names = append(w.names, newNamed(hashPath(p), len(w.names), dir))
}

func (w *walker) whiteout(p, base string) error {
	if w.more != nil {
		return nil
	}
	dir := path.Dir(p)
	gone := strings.TrimPrefix(base, whiteout)
	switch {
	case base == opaque:
		w.result.Opaque = append(w.result.Opaque, dir)
	case strings.HasPrefix(base, aufs):
		return nil
	case gone == "" || gone == "." || gone == "..":
		w.gap(p, errors.New("it removes no file of its directory"))
		return nil
	default:
		w.result.Whiteouts = append(w.result.Whiteouts, path.Join(dir, gone))
	}
	return w.weigh(len(p) + entryWeight)
}

// weigh bounds what the result of a layer takes.
func (w *walker) weigh(n int) error {
	if w.weight += n; w.weight > maxKept {
		return ErrTooMuch
	}
	return nil
}

// Why an entry or a link is not followed.
var (
	ErrPathTooLong = fmt.Errorf("its path is longer than %d bytes", maxPath)
	ErrLeadsOut    = errors.New("its path leads out of the image")
	ErrLinkLoop    = fmt.Errorf("more than %d symbolic links lead to it", maxLinkHops)
	// ErrTooManyLinks and ErrTooMuch bound the memory that a layer's result takes.
	ErrTooManyLinks = fmt.Errorf("the layer's symbolic links have names of more than %d bytes", maxSymlinkBytes)
	ErrTooMuch      = fmt.Errorf("what it tells of packages takes more than %d bytes", maxKept)
	ErrFileTooLarge = errors.New("it has too many bytes")
	ErrSparse       = fmt.Errorf("it has holes and more than %d bytes", maxSparse)
)

// cleanPath gives the path from the image's root, without a leading slash. It
// refuses what would lead out of it, as Docker does.
func cleanPath(name string) (string, error) {
	if len(name) > maxPath {
		return "", ErrPathTooLong
	}
	p := path.Clean(strings.TrimLeft(name, "/"))
	if p == ".." || strings.HasPrefix(p, "../") {
		return "", ErrLeadsOut
	}
	return p, nil
}

// isSparse says whether the file has holes: bytes that the layer does not hold.
//
// Source: https://www.gnu.org/software/tar/manual/html_node/Sparse-Formats.html
func isSparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// sparse passes over a file with holes, which would be zeros without end to
// read. It is a gap where its name tells of packages.
func (w *walker) sparse(p string, size int64) error {
	if byName(p) != nil {
		w.gap(p, fmt.Errorf("%w: %d", ErrSparse, size))
	}
	return nil
}

func (w *walker) file(p string, size int64, r io.Reader) error {
	if w.more != nil {
		return w.aliased(p, size, r)
	}
	x := byName(p)
	if x == nil {
		if size < 4 {
			return nil
		}
		w.peek.Reset(r)
		head, err := w.peek.Peek(4)
		if err != nil {
			return err
		}
		if !isBinary(head) {
			return w.text(p, size)
		}
		x, r = program, w.peek
	}
	if !w.fits(p, x, size) {
		return nil
	}
	in, err := w.load(p, r, size)
	if in == nil {
		return err
	}
	defer w.release(in)
	if in.bytes != nil && size <= secret.MaxFile && secret.Wanted(p) {
		w.seen.search(in)
	}
	return w.extract(p, x, in)
}

// text looks for secrets in a file whose name tells of no package; its
// beginning was peeked at.
func (w *walker) text(p string, size int64) error {
	if !secret.Wanted(p) {
		return nil
	}
	if size > secret.MaxFile {
		w.seen.facts.Skipped++
		return nil
	}
	in, err := w.load(p, w.peek, size)
	if in == nil {
		return err
	}
	defer w.release(in)
	w.seen.search(in)
	return nil
}

// load reads a file; nil without an error means that there was no place for it.
func (w *walker) load(p string, r io.Reader, size int64) (*input, error) {
	in, err := w.scratch.load(w.ctx, p, r, size)
	if errors.Is(err, errAside) {
		w.gap(p, err)
		return nil, nil //nolint:nilnil // documented
	}
	return in, err
}

func (w *walker) release(in *input) {
	if err := in.release(); err != nil {
		w.gap(in.path, err)
	}
}

// aliased reads a file for the other names that it has.
func (w *walker) aliased(p string, size int64, r io.Reader) error {
	names := w.more.of(p)
	if len(names) == 0 {
		return nil
	}
	var in *input
	for _, other := range names {
		x := byName(other.as)
		if x == nil || !w.fits(other.path, x, size) {
			continue
		}
		if in == nil {
			var err error
			if in, err = w.load(p, r, size); in == nil {
				return err
			}
			defer w.release(in)
		}
		in.path = other.as
		if err := w.extract(other.path, x, in); err != nil {
			return err
		}
	}
	return nil
}

// fits says whether an extractor takes a file of this size.
func (w *walker) fits(p string, x *extractor, size int64) bool {
	if size > x.max {
		w.gap(p, fmt.Errorf("%w: it has %d, more than %d", ErrFileTooLarge, size, x.max))
	}
	return size <= x.max && (size > 0 || !x.skipEmpty)
}

// extract reads a file with an extractor.
func (w *walker) extract(p string, x *extractor, in *input) error {
	f, err := x.read(in)
	if err != nil {
		w.gap(p, err)
	}
	if f == nil { // nothing in it; that the path is taken says Paths
		return nil
	}
	f.Path, f.Kind = p, x.kind
	return w.keep(*f, len(w.names)-1)
}

// keep takes what a file told; place is that of its entry.
func (w *walker) keep(f File, place int) error {
	if w.count += len(f.Packages); w.count > maxPackages {
		return fmt.Errorf("%w: more than %d packages", ErrTooMuch, maxPackages)
	}
	w.byPath[f.Path] = len(w.result.Files)
	w.result.Files = append(w.result.Files, f)
	w.places = append(w.places, place)
	return w.weigh(f.weight())
}

func (w *walker) gap(p string, err error) {
	if len(w.result.Gaps) >= maxGaps {
		w.dropped++
		return
	}
	w.result.Gaps = append(w.result.Gaps, azward.Gap{Kind: azward.GapUnparsed, Reads: "/" + short(p, maxGapPath), Error: short(err.Error(), maxGapText)})
}

// short cuts text that an image brought.
func short(s string, n int) string {
	if len(s) > n {
		s = s[:n] + "…"
	}
	return strings.ToValidUTF8(s, "�")
}
