package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
)

// layout is an image in the OCI image layout, in a directory or a tarball.
//
// Source: https://github.com/opencontainers/image-spec/blob/main/image-layout.md
type layout struct {
	fs    fs.FS
	path  string
	tag   string
	close func() error
}

// Open opens an image that is on this machine (oci:, tar:). An image in a
// registry is opened with [Registry.Open].
func Open(ref Reference) (Source, error) {
	switch ref.Kind {
	case KindLayout:
		return openLayout(ref)
	case KindTarball:
		return openTarball(ref)
	}
	return nil, &azward.Error{
		Kind: azward.KindUsage, Op: "open image", Subject: ref.String(), Cause: "it is not on this machine",
		Remedy: "give oci:DIR or tar:FILE",
	}
}

func openLayout(ref Reference) (Source, error) {
	root, err := os.OpenRoot(ref.Path) // links must not lead out of the directory
	if err != nil {
		return nil, cannotOpen(ref, err)
	}
	l := &layout{fs: root.FS(), path: ref.Path, tag: ref.Tag, close: root.Close}
	if _, err := fs.Stat(l.fs, "index.json"); err != nil {
		return nil, errors.Join(cannotOpen(ref, err), root.Close())
	}
	return &opened{blobs: l, name: ref.String()}, nil
}

func cannotOpen(ref Reference, err error) error {
	e := &azward.Error{
		Kind: azward.KindBadInput, Op: "open image", Subject: ref.String(), Cause: err.Error(),
		Remedy: "give a directory in the OCI image layout, or a file written by `docker save`", Err: err,
	}
	if errors.Is(err, fs.ErrNotExist) {
		e.Kind, e.Cause = azward.KindNotFound, "there is no such image: "+err.Error()
	}
	return e
}

func (l *layout) Close() error { return l.close() }

// referenceName is the annotation that holds a tag in an index.
const referenceName = "org.opencontainers.image.ref.name"

func (l *layout) manifest(_ context.Context, digest azward.Digest) ([]byte, string, error) {
	if digest != "" {
		raw, err := l.read(blobPath(digest), maxManifest)
		if err == nil && digestOf(raw) != digest {
			err = l.bad(fmt.Sprintf("the blob %s has the digest %s", digest, digestOf(raw)))
		}
		return raw, "", err
	}
	raw, err := l.read("index.json", maxManifest)
	if err != nil {
		return nil, "", err
	}
	var f manifestFile
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, "", l.bad("index.json is not JSON: " + err.Error())
	}
	d, err := l.pick(f.Manifests)
	if err != nil {
		return nil, "", err
	}
	if d == nil { // several platforms of one image: the caller chooses
		return raw, f.MediaType, nil
	}
	if !digestForm.MatchString(string(d.Digest)) {
		return nil, "", l.bad(fmt.Sprintf("index.json names %.80q, which is no sha256 digest", d.Digest))
	}
	return l.manifest(context.Background(), d.Digest)
}

// pick finds what the layout's index says the image is: the entry with the
// tag, or the only one. Nil means that entries differ by platform alone.
func (l *layout) pick(list []descriptor) (*descriptor, error) {
	var names []string
	platforms := 0
	for i, d := range list {
		name := d.Annotations[referenceName]
		if l.tag != "" && (name == l.tag || strings.HasSuffix(name, ":"+l.tag)) {
			return &list[i], nil
		}
		if name != "" {
			names = append(names, name)
		}
		if d.Platform != nil {
			platforms++
		}
	}
	switch {
	case len(list) == 0:
		return nil, l.bad("index.json names no image")
	case l.tag != "":
		return nil, l.choice("it has no image named "+l.tag, names)
	case len(list) == 1:
		return &list[0], nil
	case platforms == len(list) && len(names) <= 1:
		return nil, nil //nolint:nilnil // documented: several platforms of one image
	}
	return nil, l.choice(fmt.Sprintf("it holds %d images", len(list)), names)
}

func (l *layout) choice(cause string, names []string) error {
	return &azward.Error{
		Kind: azward.KindUsage, Op: "open image", Subject: l.path, Cause: cause,
		Remedy: "add :TAG with one of: " + strings.Join(names, ", "),
	}
}

func (l *layout) bad(cause string) error {
	return &azward.Error{
		Kind: azward.KindBadInput, Op: "read image", Subject: l.path, Cause: cause, Remedy: "write the image again",
	}
}

func blobPath(digest azward.Digest) string {
	return path.Join("blobs", "sha256", strings.TrimPrefix(string(digest), "sha256:"))
}

func (l *layout) read(name string, limit int64) ([]byte, error) {
	f, err := l.fs.Open(name)
	if err != nil {
		return nil, l.missing(name, err)
	}
	raw, err := bound.ReadAll(f, limit, name)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, l.bad(err.Error())
	}
	return raw, nil
}

func (l *layout) missing(name string, err error) error {
	return &azward.Error{
		Kind: azward.KindBadInput, Op: "read image", Subject: l.path, Cause: fmt.Sprintf("%s is missing: %v", name, err),
		Remedy: "write the image again", Err: err,
	}
}

func (l *layout) blob(_ context.Context, digest azward.Digest, _ int64) (io.ReadCloser, error) {
	f, err := l.fs.Open(blobPath(digest))
	if err != nil {
		return nil, l.missing(blobPath(digest), err)
	}
	return f, nil
}
