package imagespec

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// entry is a path of a layer's archive.
type entry struct {
	kind byte // tar's type flag
	link string
	mode int64
	data []byte
	pad  int64 // zeros after data
}

// tree gathers a layer's entries by path.
type tree struct {
	entries map[string]entry
	bytes   int64
}

func (t *tree) put(p string, e entry) error {
	clean, err := cleanPath(p)
	if err != nil {
		return err
	}
	if e.pad < 0 {
		return fmt.Errorf("file %s has a negative size", clean)
	}
	if t.bytes += int64(len(e.data)) + e.pad; t.bytes > maxLayerBytes || e.pad > maxLayerBytes {
		return fmt.Errorf("it holds more than %d bytes", maxLayerBytes)
	}
	for dir := path.Dir(clean); dir != "."; dir = path.Dir(dir) {
		if at, there := t.entries[dir]; there && at.kind != tar.TypeDir {
			return fmt.Errorf("%s lies below %s, which is no directory", clean, dir)
		} else if !there {
			t.entries[dir] = entry{kind: tar.TypeDir, mode: 0o755}
		}
	}
	if at, there := t.entries[clean]; there && at.kind == tar.TypeDir && e.kind != tar.TypeDir {
		return fmt.Errorf("%s is a directory and a file", clean)
	}
	t.entries[clean] = e
	if len(t.entries) > maxEntries {
		return fmt.Errorf("it holds more than %d entries", maxEntries)
	}
	return nil
}

func (t *tree) file(p string, data []byte) error {
	return t.put(p, entry{kind: tar.TypeReg, mode: 0o644, data: data})
}

func cleanPath(p string) (string, error) {
	clean := path.Clean(strings.TrimPrefix(p, "/"))
	if p == "" || clean == "." || clean == ".." || strings.HasPrefix(clean, "../") || strings.ContainsRune(p, 0) {
		return "", fmt.Errorf("the path %.80q leaves the image or is empty", p)
	}
	return clean, nil
}

// stored is gzip without compression: what a compressor makes of a text may
// change with the Go release, and digests must not.
const stored = gzip.NoCompression

func (l *Layer) build(s *state, created time.Time) (v1.Layer, error) {
	t := &tree{entries: map[string]entry{}}
	steps := []func(*tree, *state) error{l.osRelease, l.dpkg, l.apk, l.npm, l.python, l.jars, l.golang, l.files, l.whiteouts}
	for _, step := range steps {
		if err := step(t, s); err != nil {
			return nil, err
		}
	}
	plain, err := t.archive(created)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(plain)), nil
	}, tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching, tarball.WithCompressionLevel(stored))
	if err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	return layer, nil
}

// archive writes the entries in order of their paths, so that directories
// come before what they hold.
func (t *tree) archive(created time.Time) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, p := range t.order() {
		e := t.entries[p]
		name := p
		if e.kind == tar.TypeDir {
			name += "/"
		}
		h := &tar.Header{Typeflag: e.kind, Name: name, Linkname: e.link, Mode: e.mode, ModTime: created.UTC().Truncate(time.Second), Size: int64(len(e.data)) + e.pad}
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("write %s: %w", p, err)
		}
		if _, err := w.Write(e.data); err != nil {
			return nil, fmt.Errorf("write %s: %w", p, err)
		}
		if _, err := io.CopyN(w, zeros{}, e.pad); err != nil {
			return nil, fmt.Errorf("write %s: %w", p, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("end the archive: %w", err)
	}
	return b.Bytes(), nil
}

// order puts hard links last: they need their target before them.
func (t *tree) order() []string {
	paths := make([]string, 0, len(t.entries))
	for p := range t.entries {
		paths = append(paths, p)
	}
	slices.SortFunc(paths, func(a, b string) int {
		return cmp.Or(cmp.Compare(late(t.entries[a]), late(t.entries[b])), strings.Compare(a, b))
	})
	return paths
}

func late(e entry) int {
	if e.kind == tar.TypeLink {
		return 1
	}
	return 0
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func (l *Layer) files(t *tree, _ *state) error {
	for _, f := range l.Files {
		e := entry{kind: tar.TypeReg, mode: 0o644, data: []byte(f.Text), pad: f.Zeros}
		forms := 0
		for _, given := range []bool{f.Text != "", f.Base64 != nil, f.Symlink != "", f.Hardlink != "", f.Directory} {
			if given {
				forms++
			}
		}
		if forms > 1 {
			return fmt.Errorf("file %.80q states more than one of text, base64, symlink, hardlink and directory", f.Path)
		}
		switch {
		case f.Base64 != nil:
			e.data = f.Base64
		case f.Symlink != "":
			e.kind, e.link, e.mode = tar.TypeSymlink, f.Symlink, 0o777
		case f.Hardlink != "":
			e.kind, e.link = tar.TypeLink, strings.TrimPrefix(f.Hardlink, "/")
		case f.Directory:
			e.kind, e.mode = tar.TypeDir, 0o755
		}
		if e.kind != tar.TypeReg && e.pad != 0 {
			return fmt.Errorf("file %.80q has zeros and is no regular file", f.Path)
		}
		if f.Mode != "" {
			mode, err := strconv.ParseInt(f.Mode, 8, 32)
			if err != nil || mode < 0 || mode > 0o7777 {
				return fmt.Errorf("file %.80q: the mode %.20q is not octal", f.Path, f.Mode)
			}
			e.mode = mode
		}
		if err := t.put(f.Path, e); err != nil {
			return err
		}
	}
	return nil
}

// whiteouts follow the OCI layer format.
// https://github.com/opencontainers/image-spec/blob/main/layer.md#whiteouts
func (l *Layer) whiteouts(t *tree, _ *state) error {
	for _, p := range l.Whiteouts {
		clean, err := cleanPath(p)
		if err != nil {
			return err
		}
		if _, there := t.entries[clean]; there {
			return fmt.Errorf("%s is written and deleted in one layer", clean)
		}
		if err := t.file(path.Join(path.Dir(clean), ".wh."+path.Base(clean)), nil); err != nil {
			return err
		}
	}
	for _, p := range l.Opaque {
		clean, err := cleanPath(p)
		if err != nil {
			return err
		}
		if err := t.file(clean+"/.wh..wh..opq", nil); err != nil {
			return err
		}
	}
	return nil
}

// state is what the package databases hold so far.
type state struct {
	arch string
	debs []Deb
	apks []APK
}

func (s state) clone() state {
	return state{arch: s.arch, debs: slices.Clone(s.debs), apks: slices.Clone(s.apks)}
}

var errNameless = errors.New("a package needs name and version")
