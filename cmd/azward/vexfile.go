package main

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/image"
	"github.com/azward/azward/report"
	"github.com/azward/azward/vex"
)

// suppressed is a finding of an image that a VEX document denies.
type suppressed struct {
	imageFinding
	vex.Denial
	found azward.Package
}

// denying is the index less what VEX documents deny of one image.
type denying struct {
	*advisory.Index
	statements vex.Denials
	image      vex.Image
	denied     []suppressed
}

// readVEX reads the documents of --vex.
func readVEX(files []string) (d vex.Denials, err error) {
	for _, file := range files {
		if err := readVEXFile(&d, file); err != nil {
			return d, err
		}
	}
	return d, nil
}

func readVEXFile(d *vex.Denials, file string) (err error) {
	f, err := os.Open(file)
	if err != nil {
		return &azward.Error{
			Kind: azward.KindNotFound, Op: "open VEX document", Subject: file, Cause: err.Error(), Remedy: "name a file that can be read with --vex", Err: err,
		}
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return d.Read(f, file)
}

func newDenying(index *advisory.Index, statements vex.Denials, img *image.Image) *denying {
	d := &denying{Index: index, statements: statements, image: vex.Image{Reference: img.Reference}}
	for _, digest := range []azward.Digest{img.Digest, img.Index} {
		if digest != "" {
			d.image.Digests = append(d.image.Digests, digest)
		}
	}
	return d
}

// Match implements [registry.Advisories].
func (d *denying) Match(pkg azward.Package) ([]azward.Finding, error) {
	found, err := d.Index.Match(pkg)
	if err != nil {
		return nil, err
	}
	kept := make([]azward.Finding, 0, len(found))
	for _, f := range found {
		denial, ok := d.statements.Of(d.image, pkg, f)
		if !ok {
			kept = append(kept, f)
			continue
		}
		d.denied = append(d.denied, suppressed{
			imageFinding{Finding: f, Package: pkg.Name, Version: pkg.Version, Locations: append([]string{}, pkg.Locations...)}, denial, pkg,
		})
	}
	return kept, nil
}

// foundWith are an image's findings as reports take them, with the suppressed.
func foundWith(i advised) iter.Seq[report.Found] {
	return func(yield func(report.Found) bool) {
		for f := range foundIn(i.Name, i.Image) {
			if !yield(f) {
				return
			}
		}
		for _, s := range i.suppressed {
			f := report.Found{Finding: s.Finding, Package: s.found, Image: i.Name, Digest: i.Digest, Platform: i.Platform, NotAffected: s.Reason}
			if !yield(f) {
				return
			}
		}
	}
}

// maxSuppressedShown bounds what the table names; JSON has all.
const maxSuppressedShown = 10

// silenced lists what VEX documents deny.
func (r *imageReport) silenced(w io.Writer) error {
	if len(r.Suppressed) == 0 {
		return nil
	}
	if _, err := fmt.Fprintf(w, "\nsuppressed, as VEX says (%d):\n", len(r.Suppressed)); err != nil {
		return err
	}
	for n, s := range r.Suppressed {
		if n == maxSuppressedShown {
			_, err := fmt.Fprintf(w, "  and %d more: --output json\n", len(r.Suppressed)-n)
			return err
		}
		if _, err := fmt.Fprintf(w, "  %-19s %-8s %s %s: %s\n", s.ID, s.Severity, s.Package, s.Version, s.Reason); err != nil {
			return err
		}
	}
	return nil
}
