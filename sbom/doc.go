// Package sbom writes what an image holds as CycloneDX 1.6 and SPDX 2.3, and
// reads such documents back into packages that can be matched: [CycloneDX],
// [SPDX] and [Read].
//
// Written documents are valid by the standards' schemas and the same for the
// same input: their time and serial number come in. What a standard has no
// field for stands in properties named "azward:…", which docs/sbom.md lists.
//
// What is read is somebody's word about an image. It is bounded, and what of
// it cannot be matched, or says of itself to be incomplete, is a gap.
package sbom

import (
	"time"

	"github.com/azward/azward"
)

// OS is the distribution an image is built on, in the words of os-release.
type OS struct {
	ID      string // "debian", "alpine", "azurelinux"
	Version string // VERSION_ID: "12", "3.18.4"
	Name    string // "Debian GNU/Linux 12 (bookworm)"
}

// Layer is one layer of an image, lowest first.
type Layer struct {
	Digest    azward.Digest // of the bytes as stored
	DiffID    azward.Digest // of the uncompressed tar
	Size      int64         // bytes as stored
	CreatedBy string        // history line
}

// Finding is a vulnerability with the package that has it.
type Finding struct {
	azward.Finding
	Package azward.Package
	// NotAffected is the reason for which a VEX statement denies it; "" where
	// there is none.
	NotAffected string
}

// Document is what an SBOM tells of one image.
type Document struct {
	// Format is what was read: "CycloneDX 1.5", "SPDX 2.3".
	Format string
	// Name of the image: "contoso.azurecr.io/shop/cart:1.4".
	Name string
	// Digest of the image's manifest, "" where the document does not tell; Index
	// of the index that named it.
	Digest, Index azward.Digest
	Platform      string // "linux/amd64"
	Created       string // when the image was built, as its configuration says
	OS            OS
	Layers        []Layer
	Packages      []azward.Package
	// Findings are written where Scanned says that somebody looked for them.
	// They are never read: a document's vulnerabilities are those of its day.
	Findings []Finding
	Scanned  bool
	// Gaps are what of the image was not read, or of the document not understood.
	Gaps []azward.Gap
}

// Options of a document that is written; At and Serial are required, since
// nothing here has a clock or is random.
type Options struct {
	At time.Time
	// Serial is a UUID: "3e671687-395b-41f5-a30f-a58921a69b79".
	Serial string
	// Version of azward.
	Version string
}

func (o Options) at() string { return o.At.UTC().Format(time.RFC3339) }

// Properties that azward writes where the standards have no field. They follow
// the naming of CycloneDX's property taxonomy.
//
// Source: https://github.com/CycloneDX/cyclonedx-property-taxonomy
const (
	propDigest        = "azward:image:digest"
	propIndex         = "azward:image:index"
	propPlatform      = "azward:image:platform"
	propCreated       = "azward:image:created"
	propImageLayer    = "azward:image:layer:" // then the number from 0, and one of the next
	propLayerDigest   = "digest"
	propLayerDiffID   = "diffID"
	propLayerSize     = "size"
	propLayerLine     = "createdBy"
	propOSName        = "azward:os:name"
	propSource        = "azward:package:source"
	propSourceVersion = "azward:package:sourceVersion"
	propOwnedBy       = "azward:package:ownedBy"
	// Where the package URL says otherwise, or there is none.
	propEcosystem     = "azward:package:ecosystem"
	propName          = "azward:package:name"
	propVersion       = "azward:package:version"
	propPackageLayer  = "azward:package:layer:digest"
	propPackageDiffID = "azward:package:layer:diffID"
	propLocation      = "azward:package:location" // where SPDX has no field
	propGap           = "azward:gap"
)

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// imageProperties are those of the image itself.
func (d *Document) imageProperties() []property {
	list := filled(
		property{propDigest, string(d.Digest)}, property{propIndex, string(d.Index)},
		property{propPlatform, d.Platform}, property{propCreated, d.Created},
	)
	for n, l := range d.Layers {
		list = append(list, l.properties(n)...)
	}
	return list
}

// packageProperties are those of a package; diffID is by layer digest.
func (d *Document) packageProperties(p azward.Package, diffID map[azward.Digest]azward.Digest) []property {
	list := []property{
		{propSource, p.Source},
		{propSourceVersion, p.SourceVersion},
		{propOwnedBy, p.OwnedBy},
		{propPackageLayer, string(p.Layer)},
		{propPackageDiffID, string(diffID[p.Layer])},
	}
	if read, err := PackageOf(p.PURL, d.OS); err != nil || read.Ecosystem != p.Ecosystem || read.Version != p.Version || !sameName(p.PURL, read.Name, p.Name) {
		list = append(list, property{propEcosystem, p.Ecosystem}, property{propName, p.Name}, property{propVersion, p.Version})
	}
	return filled(list...)
}

func (d *Document) diffIDs() map[azward.Digest]azward.Digest {
	of := make(map[azward.Digest]azward.Digest, len(d.Layers))
	for _, l := range d.Layers {
		of[l.Digest] = l.DiffID
	}
	return of
}

// filled leaves out what has no value.
func filled(list ...property) []property {
	out := list[:0]
	for _, p := range list {
		if p.Value != "" {
			out = append(out, p)
		}
	}
	return out
}
