package image

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
)

// ArtifactError says that what a reference names is no container image: a Helm
// chart, a signature, an SBOM, a WebAssembly module. It is found with
// errors.As in the *azward.Error that reading the image gives.
type ArtifactError struct {
	// Type of the artifact, as its manifest says:
	// "application/vnd.cncf.helm.config.v1+json".
	Type   string
	Digest azward.Digest
}

func (e *ArtifactError) Error() string {
	return "it is not a container image but an artifact of type " + e.Type
}

// Media types that decide.
//
// Sources: https://github.com/opencontainers/image-spec/blob/main/manifest.md#guidelines-for-artifact-usage,
// https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md,
// https://github.com/notaryproject/specifications/blob/main/specs/signature-specification.md
const (
	typeImageConfig  = "application/vnd.oci.image.config.v1+json"
	typeDockerConfig = "application/vnd.docker.container.image.v1+json"
	typeEmpty        = "application/vnd.oci.empty.v1+json"
	typeNotary       = "application/vnd.cncf.notary.signature"
	typeCosign       = "application/vnd.dev.cosign.simplesigning.v1+json"
	typeCosignType   = "application/vnd.dev.cosign.artifact.sig.v1+json"
	typeInToto       = "application/vnd.in-toto+json"
	typeDSSE         = "application/vnd.dsse.envelope.v1+json"
	typeBundle       = "application/vnd.dev.sigstore.bundle"
)

// artifactType is what a manifest holds when that is no image; "" for an image.
// Signatures and attestations come with the configuration of an image, so that
// their layers have to be looked at.
func (f manifestFile) artifactType() string {
	config := f.Config.MediaType
	image := isImageType(config)
	if image && (len(f.Layers) == 0 || slices.ContainsFunc(f.Layers, isFileSystem)) {
		return ""
	}
	kind := f.ArtifactType
	if kind == "" && !image && config != typeEmpty {
		kind = config
	}
	if kind == "" && len(f.Layers) > 0 {
		kind = f.Layers[0].MediaType
	}
	return cmp.Or(oneLine(kind), "unknown")
}

func isImageType(t string) bool { return t == "" || t == typeImageConfig || t == typeDockerConfig }

// isFileSystem says whether a layer is files of an image. Media types of
// layers are many; those of what is none name their content.
func isFileSystem(d descriptor) bool {
	t := d.MediaType
	return t == "" || strings.Contains(t, ".image.layer.") || strings.Contains(t, ".image.rootfs.") || strings.Contains(t, "diff.tar")
}

func (o *opened) artifact(kind string, digest azward.Digest) error {
	err := &ArtifactError{Type: kind, Digest: digest}
	return &azward.Error{
		Kind: azward.KindBadInput, Op: "read image", Subject: o.name,
		Cause: err.Error(), Remedy: "give the reference of an image", Err: err,
	}
}

// checkImage tells images from other artifacts that registries hold.
func (o *opened) checkImage(f manifestFile, mediaType string, digest azward.Digest) error {
	if f.SchemaVersion == 1 || strings.Contains(mediaType, "distribution.manifest.v1") {
		return &azward.Error{
			Kind: azward.KindBadInput, Op: "read image manifest", Subject: o.name,
			Cause:  "it is in Docker's schema 1, which was given up in 2015 and cannot be trusted",
			Remedy: "push the image again with a present tool",
		}
	}
	if kind := f.artifactType(); kind != "" {
		return o.artifact(kind, digest)
	}
	switch {
	case f.Config.Digest == "" && f.Layers == nil && strings.Contains(cmp.Or(f.MediaType, mediaType), "index"),
		f.Config.Digest == "" && strings.Contains(cmp.Or(f.MediaType, mediaType), "manifest.list"):
		return o.bad("the index names no image", nil)
	case f.Config.Digest == "":
		return o.bad("the manifest names no configuration", nil)
	case len(f.Layers) > maxLayers:
		return o.bad(fmt.Sprintf("it has %d layers, more than %d", len(f.Layers), maxLayers), nil)
	}
	for _, d := range append(slices.Clone(f.Layers), f.Config) {
		if !digestForm.MatchString(string(d.Digest)) || d.Size < 0 {
			return o.bad(fmt.Sprintf("the manifest names %.80q with %d bytes, which cannot be", d.Digest, d.Size), nil)
		}
	}
	return nil
}
