package store

import (
	"time"

	"github.com/azward/azward"
)

// ScannedImage is an image as it was read. Packages are kept apart from it:
// images share most of theirs, and a new advisory is matched to each distinct
// package once.
type ScannedImage struct {
	Digest azward.Digest // of the image's own manifest
	// Version of the extractors that read it: another version reads it anew.
	Version string
	// Doc is a JSON document without the packages. Partial says that a part of
	// the image could not be read.
	Doc     []byte
	Partial bool
	// Packages have Layer as one of Layers, or "".
	Packages []azward.Package
	Layers   []azward.Digest // lowest first
	// CreatedBy has the history line of each layer.
	CreatedBy []string
}

// PackageID names a distinct package in one store: the same in all images.
type PackageID int64

// Contents is a stored image with its packages by their IDs. Layers holds for
// each the place of its layer in the image, -1 where that is not known.
type Contents struct {
	Digest   azward.Digest
	Doc      []byte
	Partial  bool
	Packages []PackageID
	Layers   []int
}

// Tag is where a tag pointed, and for how long. Times are those of our
// listings: a move between two of them is seen at the second.
type Tag struct {
	Repository string
	Name       string
	Digest     azward.Digest
	Since      time.Time
	Until      time.Time // zero while it does
	// Pushed is when the registry says the tag was last moved; zero when it
	// does not tell.
	Pushed time.Time
}

// Manifest is something that a repository holds under a digest: an image, an
// index of images, or another artifact.
type Manifest struct {
	Repository string
	Digest     azward.Digest
	// Image is the digest of the image that was chosen for the platform: the
	// same as Digest unless that is an index; "" for what is no image or could
	// not be read.
	Image    azward.Digest
	Platform string
	// Artifact is the type of what is no image; "" for images.
	Artifact string
	// Error says why the image could not be read; "" when it was.
	Error string
	// Attached lists what refers to the image: AttachedSignature, AttachedSBOM,
	// or the type of something else. AskedAttached says that the registry was
	// asked. That something is there does not say that it is true.
	Attached      []string
	AskedAttached bool
	Size          int64 // bytes of the layers as stored; 0 when not known
	Pushed        time.Time
	FirstSeen     time.Time
	LastSeen      time.Time // by a listing, or through a tag
}

// What can be attached to an image.
const (
	AttachedSignature = "signature"
	AttachedSBOM      = "sbom"
)

// Listing is what one look at a registry found.
type Listing struct {
	Registry string
	At       time.Time
	// Repositories that were listed whole: tags of theirs that are not in Tags
	// are gone. Others keep what they had.
	Repositories []string
	// All says that every repository was listed: others are gone.
	All  bool
	Tags []Tag // Since and Until are not read
}

// Moves counts what a listing changed.
type Moves struct {
	New     int `json:"new"`     // tags that were not there before
	Moved   int `json:"moved"`   // tags that point elsewhere
	Removed int `json:"removed"` // tags that are gone
}
