package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/azward/azward"
)

// Connect gives the client for a registry; the caller of
// [Scanner.ScanReference] decides about credentials and transport in it.
type Connect func(host string) (*Registry, error)

// ScanReference opens what the reference names, scans it and closes it.
// Connect is asked only for images in a registry.
func (s *Scanner) ScanReference(ctx context.Context, ref Reference, connect Connect) (_ *Image, err error) {
	var src Source
	switch ref.Kind {
	case KindFile:
		return ScanFile(ctx, ref.Path)
	case KindRegistry:
		if connect == nil {
			connect = func(host string) (*Registry, error) { return &Registry{Host: host}, nil }
		}
		r, err := connect(ref.Registry)
		if err != nil {
			return nil, err
		}
		src = r.Open(ref)
	default:
		if src, err = Open(ref); err != nil {
			return nil, err
		}
	}
	defer func() {
		if closeErr := src.Close(); err == nil && closeErr != nil {
			err = closeErr
		}
	}()
	return s.Scan(ctx, src)
}

// ScanFile reads the packages of one file on this machine: a Go program, a
// jar, a package database. It is an image of one file without a layer.
func ScanFile(ctx context.Context, path string) (_ *Image, err error) {
	ref := Reference{Kind: KindFile, Path: path}
	f, err := os.Open(path)
	if err != nil {
		return nil, cannotOpen(ref, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, cannotOpen(ref, errors.Join(err, errNotFile))
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return nil, cannotOpen(ref, err)
	}
	if err := ctx.Err(); err != nil {
		return nil, interrupted(ctx, "scan file", path, err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, cannotOpen(ref, err)
	}
	w := newWalker(ctx)
	defer w.scratch.free()
	w.name(filepath.Base(path), false)
	if err := w.file(filepath.Base(path), info.Size(), f); err != nil {
		return nil, cannotOpen(ref, err)
	}
	if len(w.result.Files) == 0 && len(w.result.Gaps) == 0 {
		return nil, cannotOpen(ref, errNothing)
	}
	result, err := w.finish()
	if err != nil {
		return nil, cannotOpen(ref, err)
	}
	img := &Image{
		Reference: ref.String(), Digest: azward.Digest("sha256:" + hex.EncodeToString(sum.Sum(nil))),
		Layers: []Layer{{}}, Packages: []azward.Package{}, Gaps: []azward.Gap{},
	}
	layerGaps(img, Layer{}, result.Gaps)
	merge(img, []*LayerResult{result})
	img.Layers = []Layer{}
	for i := range img.Packages {
		img.Packages[i].Locations[0] = path + strings.TrimPrefix(img.Packages[i].Locations[0], "/"+filepath.Base(path))
	}
	return img, nil
}

var (
	errNotFile = errors.New("it is not a regular file")
	errNothing = errors.New("it is neither a Go program nor a package file that azward reads")
)
