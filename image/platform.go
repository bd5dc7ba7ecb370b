package image

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/azward/azward"
)

// attestation is how BuildKit marks what is no image for a platform, and
// attestationOf names the image that it is about.
//
// Source: https://docs.docker.com/build/metadata/attestations/attestation-storage/
const (
	attestation   = "vnd.docker.reference.type"
	attestationOf = "vnd.docker.reference.digest"
)

// isImage tells an index's images from what is about them. Some builders write
// the type of the configuration where an artifact's type belongs.
func (d descriptor) isImage() bool {
	unknown := d.Platform != nil && d.Platform.OS == "unknown"
	return d.Annotations[attestation] == "" && !unknown && isImageType(d.ArtifactType)
}

func imagesOf(list []descriptor) []descriptor {
	var images []descriptor
	for _, d := range list {
		if d.isImage() {
			images = append(images, d)
		}
	}
	return images
}

func platformsOf(list []descriptor) []Platform {
	var platforms []Platform
	for _, d := range imagesOf(list) {
		if d.Platform != nil {
			platforms = append(platforms, Platform{d.Platform.OS, d.Platform.Architecture, d.Platform.Variant})
		}
	}
	return platforms
}

// attestationsOf gives what an index says of its images.
func attestationsOf(list []descriptor) []Referrer {
	var about []Referrer
	for _, d := range list {
		subject := azward.Digest(d.Annotations[attestationOf])
		if d.Annotations[attestation] == "" || !digestForm.MatchString(string(d.Digest)) || !digestForm.MatchString(string(subject)) {
			continue
		}
		about = append(about, Referrer{
			Digest: d.Digest, Size: d.Size, Subject: subject, Found: FoundInIndex, ArtifactType: typeInToto, Annotations: d.Annotations,
		})
		if len(about) == maxReferrers {
			break
		}
	}
	return about
}

// choose takes the manifest of the platform; in an index with one image and no
// platforms, that image. The zero platform is the default one, else the only
// one there is.
func (o *opened) choose(list []descriptor, wish Platform) (azward.Digest, error) {
	images := imagesOf(list)
	want := wish
	if want == (Platform{}) {
		want = DefaultPlatform
	}
	var offered []string
	for _, d := range images {
		if d.Platform == nil {
			if len(images) == 1 {
				return o.checked(d)
			}
			continue
		}
		p := Platform{d.Platform.OS, d.Platform.Architecture, d.Platform.Variant}
		offered = append(offered, p.String())
		if p.OS == want.OS && p.Architecture == want.Architecture && (want.Variant == "" || p.Variant == want.Variant) {
			return o.checked(d)
		}
	}
	switch {
	case wish == Platform{} && len(images) == 1:
		return o.checked(images[0])
	case len(images) == 0:
		return "", o.bad("the index names no image", nil)
	}
	cause := "the index names no platforms"
	if len(offered) > 0 {
		cause = "the index offers only " + oneLine(strings.Join(offered, ", "))
	}
	return "", &azward.Error{
		Kind: azward.KindNotFound, Op: "choose image for " + want.String(), Subject: o.name, Cause: cause,
		Remedy: "name one of these with --platform",
	}
}

func (o *opened) checked(d descriptor) (azward.Digest, error) {
	if !digestForm.MatchString(string(d.Digest)) {
		return "", o.bad(fmt.Sprintf("the index names %.80q, which is no sha256 digest", d.Digest), nil)
	}
	return d.Digest, nil
}

// Platforms lists what an index offers; for an image without an index, the
// image's own platform. Attestations are left out.
func (r *Registry) Platforms(ctx context.Context, ref Reference) ([]Platform, error) {
	o := &opened{blobs: &remote{r, ref}, name: ref.String()}
	raw, _, err := o.manifest(ctx, "")
	if err != nil {
		return nil, err
	}
	var f manifestFile
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, o.bad("it is not JSON: "+err.Error(), err)
	}
	if len(f.Manifests) > 0 {
		return platformsOf(f.Manifests), nil
	}
	ref.Digest = digestOf(raw)
	m, err := r.Open(ref).Resolve(ctx, Platform{})
	if err != nil {
		return nil, err
	}
	return m.Platforms, nil
}

// Prefer gives the source with a platform that is chosen from an index when
// the scanner names none: the one that runs.
func Prefer(src Source, platform Platform) Source { return &preferring{src, platform} }

type preferring struct {
	Source
	platform Platform
}

// Resolve implements [Source].
func (p *preferring) Resolve(ctx context.Context, wish Platform) (*Manifest, error) {
	if wish == (Platform{}) {
		wish = p.platform
	}
	return p.Source.Resolve(ctx, wish)
}
