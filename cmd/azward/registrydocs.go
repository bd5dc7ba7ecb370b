package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/registry"
	"github.com/azward/azward/report"
	"github.com/azward/azward/sbom"
	"github.com/azward/azward/store/sqlite"
)

// checkDir says where SBOMs of a whole registry go: one file an image, since a
// document is about one.
func (a *app) checkDir(dir string) error {
	e := &azward.Error{Kind: azward.KindUsage, Op: "read --output-dir"}
	switch {
	case a.isSBOM() && dir == "":
		e.Cause, e.Remedy = "an SBOM is about one image, and a registry has many", "name a folder for one file an image with --output-dir, or show one image: azward registry show REGISTRY/REPOSITORY:TAG"
	case a.isSBOM() && a.out != "":
		e.Cause, e.Remedy = "--out names one file, and there is one SBOM an image", "leave --out out"
	case !a.isSBOM() && dir != "":
		e.Cause, e.Remedy = "it is for --output cyclonedx and spdx", "use --out FILE for other formats"
	default:
		return nil
	}
	return e
}

// writeRegistryDocuments writes all images of a registry for other tools.
func (a *app) writeRegistryDocuments(ctx context.Context, v *registry.View, gaps []azward.Gap, kept *sqlite.Store, index *advisory.Index, dir string) error {
	a.sayGaps(gaps)
	all, now := everyFound(v), time.Now()
	weak := everyWeakness(v, index, now)
	switch a.output {
	case "sarif":
		for _, i := range v.Images {
			gaps = append(gaps, hardenedAs(v.Registry+"/"+i.Name(), i, index, now).unknowns()...)
		}
		return a.write(func(w io.Writer) error { return report.ImageSARIF(w, all, weak, gaps, version) })
	case "csv":
		return a.write(func(w io.Writer) error { return report.FoundCSV(w, all, weak) })
	}
	return a.writeSBOMs(ctx, v, kept, index, dir)
}

// everyFound are the findings of all images of a registry.
func everyFound(v *registry.View) iter.Seq[report.Found] {
	return func(yield func(report.Found) bool) {
		for _, i := range v.Images {
			for f := range foundIn(v.Registry+"/"+i.Name(), i) {
				if !yield(f) {
					return
				}
			}
		}
	}
}

// everyWeakness are what weakens the images of a registry.
func everyWeakness(v *registry.View, index *advisory.Index, at time.Time) iter.Seq[report.Weakness] {
	return func(yield func(report.Weakness) bool) {
		for _, i := range v.Images {
			for x := range hardenedAs(v.Registry+"/"+i.Name(), i, index, at).weaknesses() {
				if !yield(x) {
					return
				}
			}
		}
	}
}

// writeSBOMs writes one document an image, REPOSITORY/sha256-DIGEST.cdx.json or
// .spdx.json below dir. Nothing outside dir is touched, whatever a registry
// calls its repositories.
func (a *app) writeSBOMs(ctx context.Context, v *registry.View, kept *sqlite.Store, index *advisory.Index, dir string) (err error) {
	failed := func(err error) error {
		return &azward.Error{Kind: azward.KindFailed, Op: "write SBOMs", Subject: dir, Cause: err.Error(), Remedy: "name a folder that can be written with --output-dir", Err: err}
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return failed(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return failed(err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	written := 0
	for _, i := range v.Images {
		d, err := a.storedDocument(ctx, v, i, kept, index)
		if err != nil {
			return err
		}
		if d == nil {
			continue // the view has a gap that says so
		}
		if err := a.writeIn(root, sbomFile(i, a.output), d); err != nil {
			return failed(err)
		}
		written++
	}
	a.say("%d SBOMs in %s\n", written, dir)
	return nil
}

// storedDocument is an image of the store as a document; nil when it is not there.
func (a *app) storedDocument(ctx context.Context, v *registry.View, i *registry.Image, kept *sqlite.Store, index *advisory.Index) (*sbom.Document, error) {
	stored, found, err := kept.Image(ctx, i.Digest)
	if err != nil || !found {
		return nil, err
	}
	img, err := registry.Restored(stored)
	if err != nil {
		return nil, err
	}
	one, gaps, err := registry.Single(img, index)
	if err != nil {
		return nil, err
	}
	return scannedDocument(v.Registry+"/"+i.Name(), img, one, gaps), nil
}

// sbomFile is where an image's document goes, by its digest: tags differ in
// case alone, which some disks do not.
func sbomFile(i *registry.Image, format string) string {
	repository := "unnamed"
	if len(i.Repositories) > 0 {
		repository = i.Repositories[0]
	}
	extension := ".cdx.json"
	if format == "spdx" {
		extension = ".spdx.json"
	}
	return path.Join(repository, strings.ReplaceAll(string(i.Digest), ":", "-")+extension)
}

// writeIn writes a document that appears whole or not at all.
func (a *app) writeIn(root *os.Root, file string, d *sbom.Document) error {
	const ownerOnly = 0o600
	if err := root.MkdirAll(path.Dir(file), 0o750); err != nil {
		return err
	}
	part := file + ".part"
	f, err := root.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, ownerOnly)
	if err != nil {
		return err
	}
	err = a.writeSBOM(f, d)
	if err = errors.Join(err, f.Close()); err == nil {
		err = root.Rename(part, file)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", file, err), root.Remove(part))
	}
	return nil
}
