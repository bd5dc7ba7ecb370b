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
)

// How a layer removes what lower ones have.
//
// Source: https://github.com/opencontainers/image-spec/blob/main/layer.md#whiteouts
const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
)

// walker goes through one layer's tar.
type walker struct {
	result  LayerResult
	byPath  map[string]int // file to its place in result.Files, for hard links
	count   int            // packages found
	dropped int            // gaps beyond maxGaps
	scratch *scratch
	peek    *bufio.Reader
}

func newWalker() *walker {
	return &walker{byPath: map[string]int{}, scratch: newScratch(), peek: bufio.NewReaderSize(nil, 512)}
}

func walk(ctx context.Context, r io.Reader) (*LayerResult, error) {
	w := newWalker()
	defer w.scratch.free()
	t := tar.NewReader(r)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, w.tarError(err)
		}
		if w.result.Entries++; w.result.Entries > maxEntries {
			return nil, fmt.Errorf("%w: more than %d", ErrTooManyEntries, maxEntries)
		}
		if err := w.entry(h, t); err != nil {
			return nil, err
		}
	}
	if w.dropped > 0 {
		w.result.Gaps = append(w.result.Gaps, azward.Gap{
			Kind: azward.GapUnparsed, Reads: "files in layer", Error: fmt.Sprintf("%d more files could not be read", w.dropped),
		})
	}
	w.result.finish()
	return &w.result, nil
}

func (w *walker) tarError(err error) error {
	if errors.Is(err, tar.ErrHeader) && w.result.Entries == 0 {
		return fmt.Errorf("%w: %w", ErrNotTar, err)
	}
	return fmt.Errorf("after %d entries of the archive: %w", w.result.Entries, err)
}

// entry takes note of one entry. An error means that the archive cannot be
// read on; a file that cannot be understood is a gap.
func (w *walker) entry(h *tar.Header, r io.Reader) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	p, ok := cleanPath(h.Name)
	if !ok {
		w.gap(h.Name, errors.New("its path is longer than 4096 bytes or leads out of the image"))
		return nil
	}
	base := path.Base(p)
	switch {
	case base == opaque:
		w.result.Opaque = append(w.result.Opaque, path.Dir(p))
		return nil
	case strings.HasPrefix(base, whiteout):
		w.result.Whiteouts = append(w.result.Whiteouts, path.Join(path.Dir(p), strings.TrimPrefix(base, whiteout)))
		return nil
	case h.Typeflag == tar.TypeDir || p == ".":
		return nil
	}
	w.result.Paths = append(w.result.Paths, hashPath(p))
	switch h.Typeflag {
	case tar.TypeReg:
		return w.file(p, h.Size, r)
	case tar.TypeLink:
		w.link(p, h.Linkname)
	}
	return nil
}

// cleanPath gives the path from the image's root, without a leading slash. It
// refuses what would lead out of it.
func cleanPath(name string) (string, bool) {
	if len(name) > maxPath {
		return "", false
	}
	p := path.Clean(strings.TrimLeft(name, "/"))
	return p, p != ".." && !strings.HasPrefix(p, "../")
}

// link gives a hard link what its target told.
func (w *walker) link(p, target string) {
	x := byName(p)
	if x == nil {
		return
	}
	if to, ok := cleanPath(target); ok {
		if i, ok := w.byPath[to]; ok && w.result.Files[i].Kind == x.kind {
			f := w.result.Files[i]
			f.Path = p
			w.keep(f)
			return
		}
	}
	w.gap(p, fmt.Errorf("it is a hard link to %.200q, which was not read", target))
}

func (w *walker) file(p string, size int64, r io.Reader) error {
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
			return nil
		}
		x, r = goBinary, w.peek
	}
	if size == 0 && x.skipEmpty {
		return nil
	}
	if size > x.max {
		w.gap(p, fmt.Errorf("it has %d bytes, more than %d", size, x.max))
		return nil
	}
	in, err := w.scratch.load(p, r, size)
	if err != nil {
		return err
	}
	f, err := x.read(in)
	if closeErr := in.release(); err == nil {
		err = closeErr
	}
	if err != nil {
		w.gap(p, err)
	}
	if f == nil { // nothing in it; that the path is taken says Paths
		return nil
	}
	f.Path, f.Kind = p, x.kind
	if w.count += len(f.Packages); w.count > maxPackages {
		return fmt.Errorf("it has more than %d packages", maxPackages)
	}
	w.keep(*f)
	return nil
}

func (w *walker) keep(f File) {
	w.byPath[f.Path] = len(w.result.Files)
	w.result.Files = append(w.result.Files, f)
}

func (w *walker) gap(p string, err error) {
	if len(w.result.Gaps) >= maxGaps {
		w.dropped++
		return
	}
	if len(p) > 300 {
		p = p[:300] + "…"
	}
	w.result.Gaps = append(w.result.Gaps, azward.Gap{Kind: azward.GapUnparsed, Reads: "/" + strings.ToValidUTF8(p, "�"), Error: err.Error()})
}
