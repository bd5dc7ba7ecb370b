package image_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/azward/azward"
	"github.com/azward/azward/image"
)

// place is a registry that the suite runs against.
type place struct {
	// client is signed in; stranger has no credentials, nil where all may pull.
	client, stranger *image.Registry
	// pushTo is the host for pushes, with what they need.
	pushTo string
	push   []remote.Option
	azure  bool // has Azure's own listings
	// unlisted are registries that do not tell which repositories there are.
	unlisted bool
}

// registryTest is what every registry has to give, whoever wrote it.
func registryTest(t *testing.T, p place) {
	w := furnish(t, p)
	t.Cleanup(func() {
		for _, r := range []*image.Registry{p.client, p.stranger} {
			if r != nil {
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			}
		}
	})
	t.Run("listings", w.listings)
	t.Run("manifests", w.manifests)
	t.Run("images", w.images)
	t.Run("artifacts", w.artifacts)
	t.Run("referrers", w.referrers)
	t.Run("refusals", w.refusals)
}

// world is a registry with its content.
type world struct {
	place
	one, two, amd, arm, untagged, chart, index v1.Hash
	sbom                                       string
}

func furnish(t *testing.T, p place) *world {
	t.Helper()
	w := &world{place: p, sbom: `{"spdxVersion":"SPDX-2.3","packages":[]}`}
	images := map[string]v1.Image{}
	for _, version := range []string{"1", "2", "3", "4", "5"} {
		images[version] = imageOf(t, version, "linux/amd64")
	}
	images["4"] = imageOf(t, "4", "linux/arm64")
	w.one, w.two = w.write(t, "team/app:1.0", images["1"]), w.write(t, "team/app:1.1", images["2"])
	w.untagged = w.write(t, "team/app@"+hash(t, images["5"]).String(), images["5"])
	w.amd, w.arm = hash(t, images["3"]), hash(t, images["4"])

	statement := artifactOf(t, "", types.OCIConfigJSON, nil, blob{"application/vnd.in-toto+json", `{"predicateType":"https://spdx.dev/Document","predicate":` + w.sbom + `}`, map[string]string{"in-toto.io/predicate-type": "https://spdx.dev/Document"}})
	index := mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: images["3"], Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}},
		mutate.IndexAddendum{Add: images["4"], Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}}},
		mutate.IndexAddendum{Add: statement, Descriptor: v1.Descriptor{
			Platform:    &v1.Platform{OS: "unknown", Architecture: "unknown"},
			Annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": w.amd.String()},
		}},
	)
	if err := remote.WriteIndex(w.name(t, "team/app:multi"), index, w.options(t)...); err != nil {
		t.Fatal(err)
	}
	var err error
	if w.index, err = index.Digest(); err != nil {
		t.Fatal(err)
	}
	w.chart = w.write(t, "charts/web:0.1.0", artifactOf(t, "", "application/vnd.cncf.helm.config.v1+json", nil, blob{"application/vnd.cncf.helm.chart.content.v1.tar+gzip", "chart", nil}))
	subject, err := partial.Descriptor(images["1"])
	if err != nil {
		t.Fatal(err)
	}
	for kind, b := range map[string]blob{
		"application/vnd.cncf.notary.signature": {"application/jose+json", "signature", nil},
		"application/spdx+json":                 {"application/spdx+json", w.sbom, nil},
	} {
		a := artifactOf(t, kind, "application/vnd.oci.empty.v1+json", subject, b)
		w.write(t, "team/app@"+hash(t, a).String(), a)
	}
	w.write(t, "team/app:"+strings.Replace(w.two.String(), ":", "-", 1)+".sig", artifactOf(t, "", types.OCIConfigJSON, nil, blob{"application/vnd.dev.cosign.simplesigning.v1+json", "{}", nil}))
	return w
}

func (w *world) name(t *testing.T, ref string) name.Reference {
	t.Helper()
	n, err := name.ParseReference(w.pushTo+"/"+ref, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (w *world) options(t *testing.T) []remote.Option {
	return append([]remote.Option{remote.WithContext(t.Context())}, w.push...)
}

func (w *world) write(t *testing.T, ref string, img v1.Image) v1.Hash {
	t.Helper()
	if err := remote.Write(w.name(t, ref), img, w.options(t)...); err != nil {
		t.Fatal(err)
	}
	return hash(t, img)
}

func (w *world) ref(t *testing.T, s string) image.Reference {
	t.Helper()
	ref, err := image.ParseReference(w.client.Host + "/" + s)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func hash(t *testing.T, img v1.Image) v1.Hash {
	t.Helper()
	h, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// imageOf is an image with six of a version in it.
func imageOf(t *testing.T, version, platform string) v1.Image {
	t.Helper()
	img, err := mutate.AppendLayers(mutate.MediaType(empty.Image, types.OCIManifestSchema1), static.NewLayer(gz(t, six(t, version)), types.OCILayer))
	if err != nil {
		t.Fatal(err)
	}
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, _ = strings.Cut(platform, "/")
	file.Architecture = strings.TrimPrefix(platform, file.OS+"/")
	if img, err = mutate.ConfigFile(img, file); err != nil {
		t.Fatal(err)
	}
	return mutate.ConfigMediaType(img, types.OCIConfigJSON)
}

type blob struct {
	mediaType, body string
	annotations     map[string]string
}

// raw is an artifact as its bytes.
type raw struct {
	manifest, config []byte
	layers           map[v1.Hash]v1.Layer
}

func (r raw) RawConfigFile() ([]byte, error)                           { return r.config, nil }
func (r raw) RawManifest() ([]byte, error)                             { return r.manifest, nil }
func (r raw) MediaType() (types.MediaType, error)                      { return types.OCIManifestSchema1, nil }
func (r raw) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) { return r.layers[h], nil }

func artifactOf(t *testing.T, kind string, config types.MediaType, subject *v1.Descriptor, blobs ...blob) v1.Image {
	t.Helper()
	r := raw{config: []byte("{}"), layers: map[v1.Hash]v1.Layer{}}
	m := map[string]any{"schemaVersion": 2, "mediaType": types.OCIManifestSchema1}
	if kind != "" {
		m["artifactType"] = kind
	}
	if subject != nil {
		m["subject"] = subject
	}
	m["config"] = map[string]any{"mediaType": config, "digest": digest(r.config), "size": len(r.config)}
	layers := []any{}
	for _, b := range blobs {
		l := static.NewLayer([]byte(b.body), types.MediaType(b.mediaType))
		h, err := l.Digest()
		if err != nil {
			t.Fatal(err)
		}
		r.layers[h] = l
		layers = append(layers, map[string]any{"mediaType": b.mediaType, "digest": h, "size": len(b.body), "annotations": b.annotations})
	}
	m["layers"] = layers
	r.manifest = marshal(t, m)
	img, err := partial.CompressedToImage(r)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func (w *world) listings(t *testing.T) {
	var repos []string
	var refused error
	for repo, err := range w.client.Repositories(t.Context()) {
		if err != nil {
			refused = err
			break
		}
		repos = append(repos, repo)
	}
	slices.Sort(repos) // some list in any order
	switch {
	case w.unlisted:
		var e *azward.Error
		if !errors.As(refused, &e) || !strings.Contains(e.Remedy, "--repository") {
			t.Errorf("a registry without a listing: %v", refused)
		}
	case refused != nil:
		t.Error(refused)
	default:
		if diff := cmp.Diff([]string{"charts/web", "team/app"}, repos); diff != "" {
			t.Error(diff)
		}
	}
	digests := map[string]string{}
	for tag, err := range w.client.Tags(t.Context(), "team/app") {
		if err != nil {
			t.Fatal(err)
		}
		if w.azure != (tag.Digest != "") {
			t.Errorf("tag %s comes with digest %q", tag.Name, tag.Digest)
		}
		resolved, err := w.client.ResolveDigest(t.Context(), w.ref(t, "team/app:"+tag.Name))
		if err != nil || tag.Digest != "" && tag.Digest != resolved {
			t.Errorf("tag %s: listed as %s, resolved to %s, %v", tag.Name, tag.Digest, resolved, err)
		}
		if !strings.HasPrefix(tag.Name, "sha256-") {
			digests[tag.Name] = string(resolved)
		}
	}
	want := map[string]string{"1.0": w.one.String(), "1.1": w.two.String(), "multi": w.index.String()}
	if diff := cmp.Diff(want, digests); diff != "" {
		t.Error(diff)
	}
}

// Untagged manifests are listed where the registry has such a listing, and
// elsewhere the caller can tell that there is none.
func (w *world) manifests(t *testing.T) {
	found := map[azward.Digest]image.ManifestInfo{}
	for m, err := range w.client.Manifests(t.Context(), "team/app") {
		if err != nil {
			if w.azure || !errors.Is(err, errors.ErrUnsupported) {
				t.Fatal(err)
			}
			return
		}
		found[m.Digest] = m
	}
	if !w.azure {
		t.Fatal("a listing of manifests where there is none")
	}
	one, untagged := found[azward.Digest(w.one.String())], found[azward.Digest(w.untagged.String())]
	if diff := cmp.Diff([]string{"1.0"}, one.Tags); diff != "" || one.Size == 0 || one.OS != "linux" || one.Architecture != "amd64" || one.Created.IsZero() || one.Updated.IsZero() {
		t.Errorf("tagged: %+v", one)
	}
	if untagged.Digest == "" || len(untagged.Tags) != 0 {
		t.Errorf("untagged: %+v", untagged)
	}
}

func (w *world) scan(t *testing.T, s *image.Scanner, ref string) (*image.Image, error) {
	return s.ScanReference(t.Context(), w.ref(t, ref), func(string) (*image.Registry, error) { return w.client, nil })
}

func (w *world) images(t *testing.T) {
	for _, tc := range []struct {
		ref, platform string
		digest        v1.Hash
		six           string
	}{
		{"team/app:1.0", "", w.one, "1"},
		{"team/app@" + w.untagged.String(), "", w.untagged, "5"},
		{"team/app:multi", "", w.amd, "3"},
		{"team/app:multi", "linux/arm64", w.arm, "4"},
	} {
		img, err := w.scan(t, &image.Scanner{Platform: tc.platform}, tc.ref)
		if err != nil || len(img.Gaps) != 0 || string(img.Digest) != tc.digest.String() || len(img.Packages) != 1 || img.Packages[0].Version != tc.six {
			t.Errorf("%s %s: %+v, %v", tc.ref, tc.platform, img, err)
		}
	}
	// What runs is chosen where nobody asks for anything else.
	arm := image.Platform{OS: "linux", Architecture: "arm64"}
	img, err := (&image.Scanner{}).Scan(t.Context(), image.Prefer(w.client.Open(w.ref(t, "team/app:multi")), arm))
	if err != nil || string(img.Digest) != w.arm.String() {
		t.Errorf("what runs: %+v, %v", img, err)
	}
	platforms, err := w.client.Platforms(t.Context(), w.ref(t, "team/app:multi"))
	if diff := cmp.Diff([]image.Platform{image.DefaultPlatform, arm}, platforms); diff != "" || err != nil {
		t.Error(diff, err)
	}
	platforms, err = w.client.Platforms(t.Context(), w.ref(t, "team/app:1.0"))
	if diff := cmp.Diff([]image.Platform{image.DefaultPlatform}, platforms); diff != "" || err != nil {
		t.Error(diff, err)
	}
	_, err = w.scan(t, &image.Scanner{Platform: "windows/amd64"}, "team/app:multi")
	var e *azward.Error
	if !errors.As(err, &e) || e.Kind != azward.KindNotFound || !strings.Contains(e.Cause, "linux/amd64, linux/arm64") {
		t.Errorf("a platform that is not there: %v", err)
	}
}

func (w *world) artifacts(t *testing.T) {
	sig := "team/app:" + strings.Replace(w.two.String(), ":", "-", 1) + ".sig"
	for ref, want := range map[string]string{"charts/web:0.1.0": "application/vnd.cncf.helm.config.v1+json", sig: "application/vnd.dev.cosign.simplesigning.v1+json"} {
		_, err := w.scan(t, &image.Scanner{}, ref)
		var artifact *image.ArtifactError
		if !errors.As(err, &artifact) || artifact.Type != want || artifact.Digest == "" || azward.KindOf(err) != azward.KindBadInput {
			t.Errorf("%s: %v", ref, err)
		}
	}
}

func (w *world) referrers(t *testing.T) {
	kinds := func(d v1.Hash) ([]image.Referrer, []string) {
		list, err := w.client.Referrers(t.Context(), "team/app", azward.Digest(d.String()))
		if err != nil {
			t.Fatal(err)
		}
		var types []string
		for _, r := range list {
			types = append(types, r.ArtifactType)
		}
		slices.Sort(types)
		return list, types
	}
	list, found := kinds(w.one)
	if diff := cmp.Diff([]string{"application/spdx+json", "application/vnd.cncf.notary.signature"}, found); diff != "" || !image.Signed(list) {
		t.Errorf("%s; signed %v", diff, image.Signed(list))
	}
	w.sameSBOM(t, list)
	list, found = kinds(w.two)
	if diff := cmp.Diff([]string{"application/vnd.dev.cosign.simplesigning.v1+json"}, found); diff != "" || !image.Signed(list) {
		t.Errorf("cosign: %s", diff)
	}
	list, found = kinds(w.index)
	if diff := cmp.Diff([]string{"application/vnd.in-toto+json"}, found); diff != "" || image.Signed(list) || string(list[0].Subject) != w.amd.String() || list[0].PredicateType != "https://spdx.dev/Document" {
		t.Errorf("BuildKit: %s %+v", diff, list)
	}
	w.sameSBOM(t, list)
	if list, _ = kinds(w.amd); len(list) != 0 || image.Signed(list) {
		t.Errorf("nothing is about this image alone: %+v", list)
	}
	m, err := w.client.Open(w.ref(t, "team/app:multi")).Resolve(t.Context(), image.Platform{})
	if err != nil || len(m.Attestations) != 1 || string(m.Attestations[0].Subject) != w.amd.String() {
		t.Fatalf("attestations of the index: %+v, %v", m, err)
	}
	doc, err := w.client.ReadReferrer(t.Context(), "team/app", m.Attestations[0])
	if err != nil || string(doc.Body) != w.sbom || doc.PredicateType != "https://spdx.dev/Document" {
		t.Errorf("%+v, %v", doc, err)
	}
}

func (w *world) sameSBOM(t *testing.T, list []image.Referrer) {
	t.Helper()
	at := slices.IndexFunc(list, image.Referrer.IsSBOM)
	if at < 0 {
		t.Fatal("no SBOM")
	}
	doc, err := w.client.ReadReferrer(t.Context(), "team/app", list[at])
	if err != nil || string(doc.Body) != w.sbom {
		t.Errorf("SBOM: %+v, %v", doc, err)
	}
}

func (w *world) refusals(t *testing.T) {
	for _, ref := range []string{"team/app:none", "none:1.0", "team/app@sha256:" + strings.Repeat("0", 64)} {
		_, err := w.scan(t, &image.Scanner{}, ref)
		kind := azward.KindOf(err)
		if kind != azward.KindNotFound {
			t.Errorf("%s: %v", ref, err)
		}
	}
	if w.stranger == nil {
		return
	}
	_, err := w.stranger.ResolveDigest(t.Context(), w.ref(t, "team/app:1.0"))
	var e *azward.Error
	if !errors.As(err, &e) || e.Kind != azward.KindSignIn || !strings.Contains(e.Remedy, "login") {
		t.Errorf("without credentials: %v", err)
	}
}
