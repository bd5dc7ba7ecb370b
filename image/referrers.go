package image

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/azward/azward"
)

// Bounds on what is about one image. Sizes are bytes.
const (
	maxReferrers = 1_000
	// maxReferrerManifests are read to learn what an attestation says.
	maxReferrerManifests = 50
	maxDocument          = 200 << 20 // an SBOM; those of large images take 20 MB
)

// Referrer is a document about an image: a signature, an SBOM, a statement of
// where it was built. That it is there says nothing about whether it is true:
// no signature is verified here.
type Referrer struct {
	// Digest and size of the referrer's own manifest.
	Digest azward.Digest `json:"digest"`
	Size   int64         `json:"size"`
	// Subject is the image, or index, that it is about.
	Subject azward.Digest `json:"subject"`
	// Found says by which convention.
	Found FoundBy `json:"found"`
	// ArtifactType as the referrer has it: "application/vnd.cncf.notary.signature",
	// "application/spdx+json"; for cosign and BuildKit the type of the content.
	ArtifactType string `json:"artifactType,omitempty"`
	// PredicateType of an in-toto statement, where the registry tells:
	// "https://spdx.dev/Document".
	PredicateType string `json:"predicateType,omitempty"`
	// Document is the content itself; "" where it takes a look into the
	// manifest, as [Registry.ReadReferrer] does.
	Document    azward.Digest     `json:"document,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// FoundBy is a convention for attaching documents to images.
type FoundBy string

// Conventions.
const (
	FoundByReferrers FoundBy = "referrers" // the registry's own listing, OCI 1.1
	FoundByTag       FoundBy = "tag"       // the listing under the tag sha256-HEX, where a registry has none
	FoundByCosign    FoundBy = "cosign"    // the tags sha256-HEX.sig, .att, .sbom
	FoundInIndex     FoundBy = "index"     // beside the image in its index, as BuildKit does
)

// IsSignature says whether it is a signature of the image: Notary's, or
// cosign's in either of its forms.
func (r Referrer) IsSignature() bool {
	t := r.ArtifactType
	return t == typeNotary || t == typeCosign || t == typeCosignType ||
		strings.HasPrefix(t, typeBundle) && (r.PredicateType == "" || strings.Contains(r.PredicateType, "cosign/sign"))
}

// IsSBOM says whether it is, or carries, a list of packages.
func (r Referrer) IsSBOM() bool {
	for _, t := range []string{r.ArtifactType, r.PredicateType} {
		t = strings.ToLower(t)
		if strings.Contains(t, "spdx") || strings.Contains(t, "cyclonedx") || strings.Contains(t, "sbom") {
			return true
		}
	}
	return false
}

// Signed says whether one of the referrers is a signature. It is a fact about
// the registry, not a proof: nothing is verified.
func Signed(list []Referrer) bool { return slices.ContainsFunc(list, Referrer.IsSignature) }

// Referrers lists what a repository holds about a manifest, by every
// convention in use. Ask for the index as well as for the platform's image:
// signatures are mostly of the index. The order is that of the conventions.
//
// Sources: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers,
// https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md
func (r *Registry) Referrers(ctx context.Context, repository string, subject azward.Digest) ([]Referrer, error) {
	if err := checkRepository(repository); err != nil {
		return nil, err
	}
	if !digestForm.MatchString(string(subject)) {
		_, err := badReference(repository+"@"+string(subject), "what follows @ is not sha256: and 64 hexadecimal digits")
		return nil, err
	}
	ref := Reference{Kind: KindRegistry, Registry: r.Host, Repository: repository, Digest: subject}
	s := &search{remote: remote{r, ref}, subject: subject}
	for _, step := range []func(context.Context) error{s.listing, s.cosign, s.index} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return s.found, nil
}

// search gathers the referrers of one manifest.
type search struct {
	remote
	subject azward.Digest
	found   []Referrer
	read    int
}

func (s *search) add(a Referrer) error {
	if slices.ContainsFunc(s.found, func(b Referrer) bool { return a.Digest == b.Digest && a.Document == b.Document }) {
		return nil
	}
	if len(s.found) >= maxReferrers {
		return s.bad(fmt.Sprintf("it has more than %d referrers", maxReferrers))
	}
	s.found = append(s.found, a)
	return nil
}

func (s *search) bad(cause string) error {
	return (&opened{name: s.ref.String()}).bad(cause, nil)
}

// listing asks the registry, and where it has no such listing the tag in which
// clients then keep one.
func (s *search) listing(ctx context.Context) error {
	by := FoundByReferrers
	q := query{
		op: "list referrers", subject: s.ref.String(), scope: s.scope(s.ref.Repository), accept: typeIndex,
		path: "/v2/" + s.ref.Repository + "/referrers/" + string(s.subject),
	}
	doc, err := s.document(ctx, q, maxManifest, "the list of referrers")
	if unsupported(err) {
		by = FoundByTag
		q = s.manifestQuery(Reference{Kind: KindRegistry, Registry: s.Host, Repository: s.ref.Repository, Tag: tagOf(s.subject)}, "")
		q.op = "list referrers"
		doc, err = s.document(ctx, q, maxManifest, "the list of referrers")
		if azward.KindOf(err) == azward.KindNotFound {
			return nil
		}
	}
	seen := map[string]bool{}
	for err == nil {
		if err = s.listed(ctx, doc.raw, by); err != nil {
			return err
		}
		next, badLink := nextPage(doc)
		switch {
		case badLink != nil:
			return s.bad(badLink.Error())
		case next == "":
			return nil
		case seen[next] || len(seen) == maxReferrers:
			return s.bad("the pages of its referrers do not end")
		}
		seen[next], q.path = true, next
		doc, err = s.document(ctx, q, maxManifest, "the list of referrers")
	}
	return err
}

const typeIndex = "application/vnd.oci.image.index.v1+json"

// tagOf is a digest as a tag: "sha256-" and the digits.
func tagOf(d azward.Digest) string { return strings.Replace(string(d), ":", "-", 1) }

// unsupported says that a registry has no referrers listing: 404 by the
// specification, other refusals in practice. A refusal by firewall or role
// stays one.
func unsupported(err error) bool {
	var answer *transport.Error
	if errors.As(err, &answer) {
		switch answer.StatusCode {
		case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented, http.StatusBadRequest, http.StatusNotAcceptable:
			return true
		}
		return false
	}
	return azward.KindOf(err) == azward.KindBadInput // a web page
}

func (s *search) listed(ctx context.Context, raw []byte, by FoundBy) error {
	var f manifestFile
	if err := json.Unmarshal(raw, &f); err != nil {
		return s.bad("the list of its referrers is not JSON: " + err.Error())
	}
	for _, d := range f.Manifests {
		if !digestForm.MatchString(string(d.Digest)) || d.Size < 0 {
			return s.bad(fmt.Sprintf("the list of its referrers names %.80q with %d bytes, which cannot be", d.Digest, d.Size))
		}
		a := Referrer{
			Digest: d.Digest, Size: d.Size, Subject: s.subject, Found: by, Annotations: d.Annotations,
			ArtifactType: oneLine(d.ArtifactType), PredicateType: predicateOf(d.Annotations),
		}
		if isImageType(a.ArtifactType) || a.ArtifactType == typeEmpty {
			if err := s.typed(ctx, &a); err != nil {
				return err
			}
		}
		if err := s.add(a); err != nil {
			return err
		}
	}
	return nil
}

// typed reads a referrer's manifest for its type: some registries list the type
// of its configuration instead, and cosign's come as images.
func (s *search) typed(ctx context.Context, a *Referrer) error {
	if s.read++; s.read > maxReferrerManifests {
		return s.bad(fmt.Sprintf("more than %d of its referrers are listed without their types", maxReferrerManifests))
	}
	raw, _, err := s.manifest(ctx, a.Digest)
	if err != nil {
		return err
	}
	var f manifestFile
	if err := json.Unmarshal(raw, &f); err != nil {
		return s.bad("a referrer's manifest is not JSON: " + err.Error())
	}
	a.ArtifactType = f.artifactType()
	if len(f.Layers) > 0 {
		a.PredicateType = cmp.Or(a.PredicateType, predicateOf(f.Layers[0].Annotations))
	}
	return nil
}

// predicateOf reads the annotations in which BuildKit, cosign and sigstore
// bundles tell the type of a statement.
func predicateOf(annotations map[string]string) string {
	return cmp.Or(annotations["in-toto.io/predicate-type"], annotations["predicateType"], annotations["dev.sigstore.bundle.predicateType"])
}

func (s *search) cosign(ctx context.Context) error {
	for _, suffix := range []string{".sig", ".att", ".sbom"} {
		at := remote{s.Registry, Reference{Kind: KindRegistry, Registry: s.Host, Repository: s.ref.Repository, Tag: tagOf(s.subject) + suffix}}
		raw, _, err := at.manifest(ctx, "")
		if azward.KindOf(err) == azward.KindNotFound {
			continue
		}
		if err != nil {
			return err
		}
		if err := s.documents(raw, FoundByCosign, nil); err != nil {
			return err
		}
	}
	return nil
}

// documents adds every layer of a referrer's manifest.
func (s *search) documents(raw []byte, by FoundBy, annotations map[string]string) error {
	var f manifestFile
	if err := json.Unmarshal(raw, &f); err != nil {
		return s.bad("a referrer's manifest is not JSON: " + err.Error())
	}
	for _, l := range f.Layers {
		if !digestForm.MatchString(string(l.Digest)) || l.Size < 0 {
			return s.bad(fmt.Sprintf("a referrer names %.80q with %d bytes, which cannot be", l.Digest, l.Size))
		}
		a := Referrer{
			Digest: digestOf(raw), Size: int64(len(raw)), Subject: s.subject, Found: by, Document: l.Digest,
			ArtifactType: l.MediaType, PredicateType: predicateOf(l.Annotations), Annotations: annotations,
		}
		if err := s.add(a); err != nil {
			return err
		}
	}
	return nil
}

// index looks at what stands beside the images in an index.
func (s *search) index(ctx context.Context) error {
	raw, _, err := s.manifest(ctx, s.subject)
	if err != nil {
		return err
	}
	var f manifestFile
	if err := json.Unmarshal(raw, &f); err != nil {
		return s.bad("it is not JSON: " + err.Error())
	}
	for _, a := range attestationsOf(f.Manifests) {
		if s.read++; s.read > maxReferrerManifests {
			return s.bad(fmt.Sprintf("its index holds more than %d attestations", maxReferrerManifests))
		}
		raw, _, err := s.manifest(ctx, a.Digest)
		if err != nil {
			return err
		}
		before := len(s.found)
		if err := s.documents(raw, FoundInIndex, a.Annotations); err != nil {
			return err
		}
		for i := before; i < len(s.found); i++ {
			s.found[i].Subject = a.Subject
		}
	}
	return nil
}

// Blob opens a blob of a repository: at most limit bytes, whose digest is
// checked when they end. The caller closes it.
func (r *Registry) Blob(ctx context.Context, repository string, digest azward.Digest, limit int64) (io.ReadCloser, error) {
	if err := checkRepository(repository); err != nil {
		return nil, err
	}
	if !digestForm.MatchString(string(digest)) {
		_, err := badReference(repository+"@"+string(digest), "what follows @ is not sha256: and 64 hexadecimal digits")
		return nil, err
	}
	m := &remote{r, Reference{Kind: KindRegistry, Registry: r.Host, Repository: repository}}
	body, err := m.blob(ctx, digest, 0)
	if err != nil {
		return nil, err
	}
	return newProven(body, digest, limit), nil
}

// Document is the content of a referrer.
type Document struct {
	// MediaType of the content: "application/spdx+json". An in-toto statement
	// is opened: Body is its predicate, and PredicateType says what that is.
	MediaType     string
	PredicateType string
	// Subjects are the SHA-256 digests that an in-toto statement says to be
	// about; none for other documents.
	Subjects []azward.Digest
	Body     []byte
}

// ReadReferrer reads the document of a referrer, at most 200 MB. Statements
// and the envelopes around them are opened; their signatures are not verified.
func (r *Registry) ReadReferrer(ctx context.Context, repository string, a Referrer) (*Document, error) {
	q := query{op: "read referrer", subject: r.Host + "/" + repository + "@" + string(a.Digest)}
	doc := &Document{MediaType: a.ArtifactType, PredicateType: a.PredicateType}
	content := a.Document
	if content == "" {
		l, err := r.content(ctx, repository, a)
		if err != nil {
			return nil, err
		}
		content, doc.MediaType = l.Digest, cmp.Or(l.MediaType, doc.MediaType)
		doc.PredicateType = cmp.Or(predicateOf(l.Annotations), doc.PredicateType)
	}
	body, err := r.Blob(ctx, repository, content, maxDocument)
	if err != nil {
		return nil, err
	}
	doc.Body, err = io.ReadAll(body)
	if err := errors.Join(err, body.Close()); err != nil {
		return nil, r.problem(ctx, q, err)
	}
	if err := doc.open(); err != nil {
		return nil, (&opened{name: q.subject}).bad(err.Error(), err)
	}
	return doc, nil
}

// content finds the one layer that is the document.
func (r *Registry) content(ctx context.Context, repository string, a Referrer) (descriptor, error) {
	if err := checkRepository(repository); err != nil {
		return descriptor{}, err
	}
	if !digestForm.MatchString(string(a.Digest)) {
		_, err := badReference(repository+"@"+string(a.Digest), "what follows @ is not sha256: and 64 hexadecimal digits")
		return descriptor{}, err
	}
	ref := Reference{Kind: KindRegistry, Registry: r.Host, Repository: repository, Digest: a.Digest}
	o := &opened{blobs: &remote{r, ref}, name: ref.String()}
	raw, _, err := o.manifest(ctx, "")
	if err != nil {
		return descriptor{}, err
	}
	var f manifestFile
	if err := json.Unmarshal(raw, &f); err != nil {
		return descriptor{}, o.bad("it is not JSON: "+err.Error(), err)
	}
	if len(f.Layers) == 0 {
		return descriptor{}, o.bad("the referrer has no content", nil)
	}
	at := max(0, slices.IndexFunc(f.Layers, func(d descriptor) bool {
		return Referrer{ArtifactType: d.MediaType, PredicateType: predicateOf(d.Annotations)}.IsSBOM()
	}))
	return f.Layers[at], nil
}

// statement is what in-toto, DSSE and sigstore bundles have in common for us.
//
// Sources: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md,
// https://github.com/secure-systems-lab/dsse/blob/master/envelope.md
type statement struct {
	Payload       []byte          `json:"payload"`
	Envelope      json.RawMessage `json:"dsseEnvelope"`
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate"`
	Subject       []struct {
		Digest map[string]string `json:"digest"`
	} `json:"subject"`
}

// open takes the predicate out of a statement, and the statement out of an
// envelope. Other documents stay as they are.
func (d *Document) open() error {
	wrapped := d.MediaType == typeInToto || d.MediaType == typeDSSE || strings.HasPrefix(d.MediaType, typeBundle)
	for depth := 0; wrapped; depth++ {
		var s statement
		if err := json.Unmarshal(d.Body, &s); err != nil {
			return fmt.Errorf("its statement cannot be read: %w", err)
		}
		switch {
		case s.PredicateType != "" && len(s.Predicate) > 0:
			d.PredicateType, d.Body, d.MediaType = s.PredicateType, bytes.Clone(s.Predicate), "application/json"
			for _, subject := range s.Subject {
				if hex := subject.Digest["sha256"]; digestForm.MatchString("sha256:" + hex) {
					d.Subjects = append(d.Subjects, azward.Digest("sha256:"+hex))
				}
			}
			return nil
		case len(s.Payload) > 0 && depth < maxIndexDepth:
			d.Body = s.Payload
		case len(s.Envelope) > 0 && depth < maxIndexDepth:
			d.Body = s.Envelope
		default:
			return errors.New("its statement says nothing")
		}
	}
	return nil
}
