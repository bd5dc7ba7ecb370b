package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/image"
	"github.com/azward/azward/registry"
	"github.com/azward/azward/report"
	"github.com/azward/azward/sbom"
)

// onSBOM begins an argument that names an SBOM instead of an image.
const onSBOM = "sbom:"

// sbomSource says that packages come from somebody's SBOM: layers were not read.
type sbomSource struct {
	Format string `json:"format"`
	// From is the file, or the reference of what is attached to the image.
	From string `json:"from"`
	// Signed says that the image has a signature; it is not verified.
	Signed   bool `json:"signed"`
	Verified bool `json:"verified"`
}

func (s *sbomSource) String() string {
	text := fmt.Sprintf("packages as %s tells (%s); layers were not read", s.From, s.Format)
	if s.Signed {
		text += ", and the image's signature was not verified"
	}
	return text
}

// documentOf is an image as an SBOM tells of it.
func documentOf(name string, img *image.Image, gaps []azward.Gap) *sbom.Document {
	d := &sbom.Document{
		Name: name, Digest: img.Digest, Index: img.Index, Platform: img.Platform, Created: img.Created,
		OS: sbom.OS{ID: img.OS.ID, Version: img.OS.Version, Name: img.OS.Name}, Packages: img.Packages, Gaps: gaps,
	}
	for _, l := range img.Layers {
		d.Layers = append(d.Layers, sbom.Layer{Digest: l.Digest, DiffID: l.DiffID, Size: l.Size, CreatedBy: l.CreatedBy})
	}
	return d
}

// scannedDocument is a document with the findings of an image.
func scannedDocument(name string, img *image.Image, i *registry.Image, gaps []azward.Gap) *sbom.Document {
	d := documentOf(name, img, gaps)
	d.Scanned = true
	for f := range i.Findings() {
		d.Findings = append(d.Findings, sbom.Finding{Finding: f.Finding, Package: f.Package})
	}
	return d
}

// imageOf is the image that an SBOM tells of. Its reference is the document's
// own name of it, else the document.
func imageOf(d *sbom.Document, from string) *image.Image {
	img := &image.Image{
		Reference: cmp.Or(d.Name, onSBOM+from), Digest: d.Digest, Index: d.Index, Platform: d.Platform, Created: d.Created,
		OS: image.OS{ID: d.OS.ID, Version: d.OS.Version, Name: d.OS.Name}, Layers: []image.Layer{}, Packages: d.Packages, Gaps: []azward.Gap{},
	}
	for _, l := range d.Layers {
		img.Layers = append(img.Layers, image.Layer{Digest: l.Digest, DiffID: l.DiffID, Size: l.Size, CreatedBy: l.CreatedBy})
	}
	for _, g := range d.Gaps {
		g.Scope = img.Scope()
		img.Gaps = append(img.Gaps, g)
	}
	return img
}

// readSBOM reads the packages of an image from a file, or from stdin ("-").
func (a *app) readSBOM(file string) (_ *image.Image, err error) {
	in, name := a.stdin, "stdin"
	if file != "-" {
		f, openErr := os.Open(file)
		if openErr != nil {
			return nil, &azward.Error{
				Kind: azward.KindNotFound, Op: "open SBOM", Subject: file, Cause: openErr.Error(),
				Remedy: "name a file that can be read, or - for stdin", Err: openErr,
			}
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		in, name = f, file
	}
	d, err := sbom.Read(in, name)
	if err != nil {
		return nil, err
	}
	a.sbom = &sbomSource{Format: d.Format, From: name}
	return imageOf(d, name), nil
}

// readAttached reads the packages of an image from an SBOM that is attached to
// it, instead of from its layers.
func (a *app) readAttached(ctx context.Context, images *pulling, ref image.Reference, platform string) (_ *image.Image, err error) {
	if ref.Kind != image.KindRegistry {
		return nil, &azward.Error{
			Kind: azward.KindUsage, Op: "read attached SBOM", Subject: ref.String(), Cause: "SBOMs are attached to images in a registry",
			Remedy: "name a file as sbom:FILE, or leave --sbom out",
		}
	}
	r, err := images.registry(ref.Registry)
	if err != nil {
		return nil, err
	}
	var wish image.Platform
	if platform != "" {
		if wish, err = image.ParsePlatform(platform); err != nil {
			return nil, err
		}
	}
	src := r.Open(ref)
	defer func() { err = errors.Join(err, src.Close()) }()
	m, err := src.Resolve(ctx, wish)
	if err != nil {
		return nil, err
	}
	found, err := attachedTo(ctx, r, ref.Repository, m.Digest, m.Index)
	if err != nil {
		return nil, err
	}
	d, from, err := found.read(ctx)
	if err != nil {
		return nil, err
	}
	a.sbom = &sbomSource{Format: d.Format, From: ref.Repo() + "@" + string(from.Digest), Signed: found.signed}
	img := imageOf(d, ref.String())
	img.Reference, img.Digest, img.Index, img.Platform = src.Name(), m.Digest, m.Index, m.Platform.String()
	img.Created, img.Layers, img.Config, img.Labels = m.Created, m.Layers, m.Config, m.Labels
	if from.Subject != m.Digest && len(m.Platforms) > 1 && d.Digest != m.Digest {
		img.Gaps = append(img.Gaps, azward.Gap{
			Kind: azward.GapNotRead, Reads: "the platform of the SBOM", Needs: "an SBOM that is attached to the image of the platform",
			Error: "the SBOM is attached to an index of several platforms and does not tell of which it is", Remedy: "scan the image itself",
		})
	}
	for n := range img.Gaps {
		img.Gaps[n].Scope = img.Scope()
	}
	return img, nil
}

// attached are the SBOMs of an image, and whether it has a signature.
type attached struct {
	registry      *image.Registry
	repository    string
	all           []image.Referrer
	digest, index azward.Digest
	sboms         []image.Referrer // of all those of the image
	signed        bool
}

// attachedTo lists what is attached to an image and to the index that names it.
func attachedTo(ctx context.Context, r *image.Registry, repository string, digest, index azward.Digest) (*attached, error) {
	found := &attached{registry: r, repository: repository}
	for _, subject := range []azward.Digest{digest, index} {
		if subject == "" {
			continue
		}
		list, err := r.Referrers(ctx, repository, subject)
		if err != nil {
			return nil, err
		}
		found.all = append(found.all, list...)
	}
	found.about(digest, index)
	return found, nil
}

// about keeps what is about an image or the index that names it: an index has
// attestations of its other platforms too.
func (f *attached) about(digest, index azward.Digest) {
	f.digest, f.index = digest, index
	for _, a := range f.all {
		if a.Subject != digest && a.Subject != index {
			continue
		}
		f.signed = f.signed || a.IsSignature()
		if a.IsSBOM() {
			f.sboms = append(f.sboms, a)
		}
	}
}

// read gives the first SBOM that azward understands, and checks what it says
// to be about.
func (f *attached) read(ctx context.Context) (*sbom.Document, image.Referrer, error) {
	name := f.registry.Host + "/" + f.repository + "@" + string(f.digest)
	if len(f.sboms) == 0 {
		return nil, image.Referrer{}, &azward.Error{
			Kind: azward.KindNotFound, Op: "read attached SBOM", Subject: name, Cause: "no SBOM is attached to the image",
			Remedy: "scan its layers: leave --sbom attached out",
		}
	}
	var first error
	for _, a := range f.sboms {
		d, err := f.one(ctx, a)
		if err == nil {
			return d, a, nil
		}
		if ctx.Err() != nil {
			return nil, a, err
		}
		if first == nil {
			first = err
		}
	}
	return nil, image.Referrer{}, first
}

func (f *attached) one(ctx context.Context, a image.Referrer) (*sbom.Document, error) {
	doc, err := f.registry.ReadReferrer(ctx, f.repository, a)
	if err != nil {
		return nil, err
	}
	name := f.registry.Host + "/" + f.repository + "@" + string(a.Digest)
	d, err := sbom.Read(bytes.NewReader(doc.Body), name)
	if err != nil {
		return nil, err
	}
	ours := func(digest azward.Digest) bool { return digest == f.digest || f.index != "" && digest == f.index }
	other := azward.Digest("")
	if len(doc.Subjects) > 0 && !slices.ContainsFunc(doc.Subjects, ours) {
		other = doc.Subjects[0]
	}
	if d.Digest != "" && !ours(d.Digest) {
		other = d.Digest
	}
	if other != "" {
		return nil, &azward.Error{
			Kind: azward.KindBadInput, Op: "read attached SBOM", Subject: name, Cause: fmt.Sprintf("it says to be about %s, which is not the image it is attached to", other),
			Remedy: "scan the image's layers: leave --sbom attached out",
		}
	}
	return d, nil
}

// offerTime is what a hint may cost when a scan is done.
const offerTime = 3 * time.Second

// lookForSBOM asks the registry, while the layers are read, what is attached to
// an image. What it returns is called with the image, or nil, when the scan is
// done: it says that a complete SBOM is attached to an image that has a
// signature, so that a pull can be saved. Nothing is said where that cannot be
// told. What is attached is kept for the image's report; SBOMs have no place for
// it, and nothing is asked.
func (a *app) lookForSBOM(ctx context.Context, images *pulling, ref image.Reference) func(*image.Image) {
	if ref.Kind != image.KindRegistry || a.isSBOM() {
		return func(*image.Image) {}
	}
	ctx, cancel := context.WithCancel(ctx)
	found := make(chan *attached, 1)
	go func() {
		defer close(found)
		r, err := images.registry(ref.Registry)
		if err != nil {
			return
		}
		digest := ref.Digest
		if digest == "" {
			if digest, err = r.ResolveDigest(ctx, ref); err != nil {
				return
			}
		}
		list, err := r.Referrers(ctx, ref.Repository, digest)
		if err != nil {
			return
		}
		found <- &attached{registry: r, repository: ref.Repository, all: list}
	}()
	return func(img *image.Image) {
		timer := time.AfterFunc(offerTime, cancel)
		defer timer.Stop()
		if img == nil {
			cancel()
		}
		if f := <-found; f != nil && img != nil && f.rest(ctx, img) == nil {
			a.attached = f.kinds(img)
			if a.output == "table" && !a.quiet {
				a.offer(ctx, f, img)
			}
		}
		cancel()
		<-found // closed: nothing uses the registry any more
	}
}

func (a *app) offer(ctx context.Context, f *attached, img *image.Image) {
	f.about(img.Digest, img.Index)
	if !f.signed || len(f.sboms) == 0 {
		return
	}
	d, _, err := f.read(ctx)
	if err != nil || len(d.Gaps) > 0 {
		return
	}
	a.say("an SBOM is attached to the image (%s), and a signature, which was not verified\nhint: --sbom attached reads it instead of the layers\n", d.Format)
}

// newSerial is a random UUID.
//
// Source: https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-4
func newSerial() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, by its documentation
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// writeSBOM writes the document in the format asked for.
func (a *app) writeSBOM(w io.Writer, d *sbom.Document) error {
	o := sbom.Options{At: time.Now(), Serial: newSerial(), Version: version}
	if a.output == "spdx" {
		return sbom.SPDX(w, d, o)
	}
	return sbom.CycloneDX(w, d, o)
}

// foundIn are an image's findings as reports take them.
func foundIn(name string, i *registry.Image) iter.Seq[report.Found] {
	return func(yield func(report.Found) bool) {
		for f := range i.Findings() {
			if !yield(report.Found{Finding: f.Finding, Package: f.Package, Image: name, Digest: i.Digest, Platform: i.Platform, Base: f.Base}) {
				return
			}
		}
	}
}

// writeDocument writes one image in a format for other tools.
func (a *app) writeDocument(img *image.Image, i advised, gaps []azward.Gap) error {
	a.sayGaps(gaps)
	a.saySBOM()
	weak := hardened{i.Name, i.Image, i.hardened, time.Now()}
	return a.write(func(w io.Writer) error {
		switch a.output {
		case "sarif":
			return report.ImageSARIF(w, foundWith(i), weak.weaknesses(), append(gaps, weak.unknowns()...), version)
		case "csv":
			return report.FoundCSV(w, foundWith(i), weak.weaknesses())
		}
		d := scannedDocument(i.Name, img, i.Image, gaps)
		for _, s := range i.suppressed {
			d.Findings = append(d.Findings, sbom.Finding{Finding: s.Finding, Package: s.found, NotAffected: s.Reason})
		}
		return a.writeSBOM(w, d)
	})
}

// sayGaps tells of gaps where the format cannot show them.
func (a *app) sayGaps(gaps []azward.Gap) {
	if len(gaps) > 0 {
		a.say("%d things could not be read, so that what is listed may not be all: --output table names them\n", len(gaps))
	}
}

// saySBOM tells that packages are somebody's word where the format cannot.
func (a *app) saySBOM() {
	if a.sbom != nil {
		a.say("%s\n", a.sbom)
	}
}

// isDocument says whether the format is one for other tools.
func (a *app) isDocument() bool {
	return slices.Contains([]string{"sarif", "csv", "cyclonedx", "spdx"}, a.output)
}

// isSBOM says whether the format describes one image in a document.
func (a *app) isSBOM() bool { return a.output == "cyclonedx" || a.output == "spdx" }

// fromSBOM cuts the file out of an argument that names an SBOM.
func fromSBOM(arg string) (file string, ok bool) { return strings.CutPrefix(arg, onSBOM) }
