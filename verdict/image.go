package verdict

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// imageRecord is what verdicts ask of an image line of the estate.
type imageRecord struct {
	Digest azward.Digest `json:"digest"`
	// IndexDigest names the image index that the manifest was chosen from.
	IndexDigest azward.Digest    `json:"index,omitempty"`
	OS          json.RawMessage  `json:"os,omitempty"`
	References  []imageReference `json:"references,omitempty"`
	Packages    []azward.Package `json:"packages"`
}

// imageReference is a name that the registry resolved to this image.
type imageReference struct {
	Reference  string    `json:"reference"`
	ResolvedAt time.Time `json:"resolvedAt,omitzero"`
}

func (r *imageRecord) names(digest string) bool { return string(r.IndexDigest) == digest }

// reduced is the image record with one package alone: what a proof carries in
// place of thousands. Reducing it again changes nothing.
func reduced(image *estate.Resource, pkg azward.Package) (json.RawMessage, bool) {
	rec, err := estate.Decode[imageRecord](image)
	if err != nil {
		return nil, false
	}
	at := slices.IndexFunc(rec.Packages, func(p azward.Package) bool {
		return p.PURL == pkg.PURL && p.Layer == pkg.Layer && slices.Equal(p.Locations, pkg.Locations)
	})
	if at < 0 {
		return nil, false
	}
	small := *rec
	small.Packages = rec.Packages[at : at+1]
	return azward.JSONValue(small), true
}

// bare is the image record without packages.
func bare(image *estate.Resource) (json.RawMessage, bool) {
	rec, err := estate.Decode[imageRecord](image)
	if err != nil {
		return nil, false
	}
	small := *rec
	small.Packages = []azward.Package{}
	return azward.JSONValue(small), true
}

// packageEvidence cites the package as it stands in the image record.
func (d *Decider) packageEvidence(subject Subject) azward.Evidence {
	e := azward.Evidence{
		Resource: azward.ResourceID(subject.Image), Property: "/packages/0", Value: azward.JSONValue(subject.Package),
		Meaning: "the package as the image holds it", Source: azward.SourceImage,
	}
	if image, ok := d.Estate.Image(subject.Digest); ok {
		e.ReadAt = image.ReadAt
		if raw, ok := reduced(image, subject.Package); ok {
			e.SHA256 = sha256Hex(raw)
		}
	}
	return e
}

// sha256Hex is "" for what is not there: a record of nil is null in a proof.
func sha256Hex(raw []byte) string {
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}
