package image

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
)

// tarball is a saved image. Its entries are found once and then read in place.
type tarball struct {
	f       *os.File
	ref     Reference
	entries map[string]*io.SectionReader
	links   map[string]string
}

func openTarball(ref Reference) (_ Source, err error) {
	f, err := os.Open(ref.Path)
	if err != nil {
		return nil, cannotOpen(ref, err)
	}
	t := &tarball{f: f, ref: ref, entries: map[string]*io.SectionReader{}, links: map[string]string{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	if err := t.index(); err != nil {
		return nil, cannotOpen(ref, err)
	}
	if t.entry("index.json") != nil && t.entry("oci-layout") != nil && t.layoutComplete() {
		l := &layout{fs: tarFS{t}, path: ref.Path, tag: ref.Tag, close: f.Close}
		return &opened{blobs: l, name: ref.String()}, nil
	}
	saved, err := t.saved()
	if err != nil {
		return nil, err
	}
	return &savedImage{opened: opened{blobs: saved, name: ref.String()}, image: saved}, nil
}

// index notes where each entry's bytes are.
func (t *tarball) index() error {
	var head [2]byte
	if _, err := t.f.ReadAt(head[:], 0); err == nil && head == [2]byte{0x1f, 0x8b} {
		return errors.New("it is compressed; unpack it with gunzip first, so that its layers can be read in place")
	}
	r := tar.NewReader(t.f)
	for n := 0; ; n++ {
		h, err := r.Next()
		if errors.Is(err, io.EOF) && n > 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("it is no complete tar file: %w", err)
		}
		if n >= maxTarballIndex {
			return fmt.Errorf("it has more than %d entries", maxTarballIndex)
		}
		name := path.Clean(h.Name)
		switch h.Typeflag {
		case tar.TypeReg:
			at, err := t.f.Seek(0, io.SeekCurrent)
			if err != nil {
				return err
			}
			t.entries[name] = io.NewSectionReader(t.f, at, h.Size)
		case tar.TypeSymlink: // `docker save` of old links equal layers
			t.links[name] = path.Join(path.Dir(name), h.Linkname) //nolint:gosec // a key of t.entries, never opened
		case tar.TypeLink:
			t.links[name] = path.Clean(h.Linkname)
		}
	}
}

// entry finds a file, through one link.
func (t *tarball) entry(name string) *io.SectionReader {
	name = path.Clean(name)
	if target, ok := t.links[name]; ok {
		name = target
	}
	s := t.entries[name]
	if s == nil {
		return nil
	}
	return io.NewSectionReader(s, 0, s.Size()) // its own position: layers are read in parallel
}

// layoutComplete says whether what index.json names is there: Docker writes
// both formats into one file, some tools only the outline of one.
func (t *tarball) layoutComplete() bool {
	var f manifestFile
	raw, err := t.read("index.json", maxManifest)
	if err != nil || json.Unmarshal(raw, &f) != nil || len(f.Manifests) == 0 {
		return false
	}
	return !slices.ContainsFunc(f.Manifests, func(d descriptor) bool { return t.entry(blobPath(d.Digest)) == nil })
}

func (t *tarball) read(name string, limit int64) ([]byte, error) {
	s := t.entry(name)
	if s == nil {
		return nil, fmt.Errorf("it has no %s", name)
	}
	return bound.ReadAll(s, limit, name)
}

// saved is an image as `docker save` writes it: manifest.json names the
// configuration and the layers by path.
type saved struct {
	*tarball
	config []byte
	layers map[azward.Digest]string
	file   manifestFile
}

// savedImage has no manifest of its own, so its digest is its configuration's:
// what Docker calls the image ID.
type savedImage struct {
	opened
	image *saved
}

// Resolve implements [Source].
func (s *savedImage) Resolve(ctx context.Context, platform Platform) (*Manifest, error) {
	m := &Manifest{Platform: platform, Digest: s.image.file.Config.Digest}
	if err := s.configure(ctx, m, s.image.file); err != nil {
		return nil, err
	}
	m.Platforms = []Platform{m.Platform}
	return m, nil
}

func (t *tarball) saved() (*saved, error) {
	raw, err := t.read("manifest.json", maxManifest)
	if err != nil {
		return nil, cannotOpen(t.ref, fmt.Errorf("it is neither a saved image nor an OCI layout: %w", err))
	}
	var list []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, cannotOpen(t.ref, fmt.Errorf("manifest.json is not JSON: %w", err))
	}
	i := slices.IndexFunc(list, func(m struct {
		Config   string
		RepoTags []string
		Layers   []string
	},
	) bool {
		return slices.ContainsFunc(m.RepoTags, func(tag string) bool { return strings.HasSuffix(tag, ":"+t.ref.Tag) })
	})
	switch {
	case t.ref.Tag == "" && len(list) == 1:
		i = 0
	case t.ref.Tag == "" || i < 0:
		return nil, (&layout{path: t.ref.Path}).choice(fmt.Sprintf("it holds %d images", len(list)), tagsOf(raw))
	}
	if len(list[i].Layers) > maxLayers {
		return nil, cannotOpen(t.ref, fmt.Errorf("it has more than %d layers", maxLayers))
	}
	s := &saved{tarball: t, layers: map[azward.Digest]string{}}
	if s.config, err = t.read(list[i].Config, maxConfig); err != nil {
		return nil, cannotOpen(t.ref, err)
	}
	s.file.Config = descriptor{Digest: digestOf(s.config), Size: int64(len(s.config))}
	return s, s.describe(list[i].Layers)
}

func tagsOf(raw []byte) []string {
	var list []struct{ RepoTags []string }
	if json.Unmarshal(raw, &list) != nil {
		return nil
	}
	var tags []string
	for _, m := range list {
		tags = append(tags, m.RepoTags...)
	}
	return tags
}

// describe finds each layer's digest. A layer stored plain has its diffID,
// which the configuration gives; one stored compressed must be summed up.
func (s *saved) describe(layers []string) error {
	var c configFile
	if err := json.Unmarshal(s.config, &c); err != nil {
		return cannotOpen(s.ref, fmt.Errorf("the configuration is not JSON: %w", err))
	}
	for i, name := range layers {
		r := s.entry(name)
		if r == nil {
			return cannotOpen(s.ref, fmt.Errorf("layer %s is missing", name))
		}
		d := descriptor{Size: r.Size()}
		var head [4]byte
		_, err := r.ReadAt(head[:], 0)
		switch {
		case (err == nil || errors.Is(err, io.EOF)) && compression(head[:]) == plain && i < len(c.RootFS.DiffIDs):
			d.Digest = c.RootFS.DiffIDs[i]
		default:
			h := sha256.New()
			if _, err := io.Copy(h, r); err != nil {
				return cannotOpen(s.ref, fmt.Errorf("read layer %s: %w", name, err))
			}
			d.Digest = azward.Digest("sha256:" + hex.EncodeToString(h.Sum(nil)))
		}
		s.file.Layers = append(s.file.Layers, d)
		s.layers[d.Digest] = name
	}
	return nil
}

func (s *saved) manifest(context.Context, azward.Digest) ([]byte, string, error) {
	return nil, "", cannotOpen(s.ref, errors.New("a saved image has no manifest"))
}

func (s *saved) blob(_ context.Context, digest azward.Digest, _ int64) (io.ReadCloser, error) {
	if digest == s.file.Config.Digest {
		return io.NopCloser(bytes.NewReader(s.config)), nil
	}
	if r := s.entry(s.layers[digest]); r != nil {
		return io.NopCloser(r), nil
	}
	return nil, cannotOpen(s.ref, fmt.Errorf("layer %s is missing", digest))
}

func (t *tarball) Close() error { return t.f.Close() }
