package image

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/azward/azward"
)

// ExtractorsVersion is part of every cache key: it changes whenever the same
// layer would give another result.
const ExtractorsVersion = "5"

// LayerResult is what one layer holds, independent of the image it is in. It
// marshals to JSON for a cache.
type LayerResult struct {
	Digest azward.Digest `json:"digest"`
	// Bytes unpacked, and entries of the tar.
	Bytes   int64  `json:"bytes"`
	Entries int    `json:"entries"`
	Files   []File `json:"files,omitempty"`
	// Whiteouts are paths that the layer removes, Opaque directories whose
	// content from lower layers it hides.
	Whiteouts []string `json:"whiteouts,omitempty"`
	Opaque    []string `json:"opaque,omitempty"`
	// Paths are hashes of all paths that are no directories: what the layer
	// puts in the place of lower layers' files.
	Paths pathSet      `json:"paths,omitempty"`
	Links []Link       `json:"links,omitempty"`
	Gaps  []azward.Gap `json:"gaps,omitempty"`
	// Facts besides packages; nil in the result of a second look at some files.
	Facts *LayerFacts `json:"facts,omitempty"`

	again *aliases // files of this layer to be read for other names of theirs
}

// with gives the result with more files.
func (r *LayerResult) with(more *LayerResult) *LayerResult {
	out := *r
	out.again = nil
	out.Files = lastOfEach(append(slices.Clone(r.Files), more.Files...))
	return &out
}

// Link is a link that may lead to packages, to be followed when all layers
// are known: a symbolic one on the way to a package database, or a hard one to
// a file that the layer does not have.
type Link struct {
	Path   string `json:"path"`
	Target string `json:"target"` // as written; of a hard link from the image's root
	Hard   bool   `json:"hard,omitempty"`
}

// File is a file that tells of packages.
type File struct {
	Path string `json:"path"`
	Kind string `json:"kind"` // extractor that read it
	// Database marks a list of OS packages that is rewritten whole.
	Database bool `json:"database,omitempty"`
	// Lock marks what a project asks for: it counts where it was not installed.
	Lock     bool     `json:"lock,omitempty"`
	Packages []Found  `json:"packages,omitempty"`
	OS       *OS      `json:"os,omitempty"`
	Owner    string   `json:"owner,omitempty"` // OS package whose file list this is
	Owned    []string `json:"owned,omitempty"`
}

// Found is a package as its own metadata names it.
type Found struct {
	Type          string `json:"type"` // purl type: deb, apk, rpm, npm, pypi, golang, maven …
	Name          string `json:"name"`
	Version       string `json:"version"`
	Arch          string `json:"arch,omitempty"`
	Source        string `json:"source,omitempty"`
	SourceVersion string `json:"sourceVersion,omitempty"`
	// Inside is where in the file it is: "BOOT-INF/lib/log4j-core-2.14.1.jar".
	Inside string `json:"inside,omitempty"`
	// Owned are the paths of its files that could be language packages.
	Owned []string `json:"owned,omitempty"`
}

func (f Found) key() string { return f.Type + "\x00" + f.Name + "\x00" + f.Version + "\x00" + f.Arch }

// entryWeight is what an entry of a list takes besides its strings, about.
const entryWeight = 64

// weight is about how many bytes of memory the file's packages take.
func (f File) weight() int {
	n := entryWeight + len(f.Path)
	for _, p := range f.Owned {
		n += entryWeight/4 + len(p)
	}
	for _, p := range f.Packages {
		n += 2*entryWeight + len(p.Name) + len(p.Version) + len(p.Source) + len(p.SourceVersion) + len(p.Inside)
		for _, o := range p.Owned {
			n += entryWeight/4 + len(o)
		}
	}
	return n
}

// pathSet is a sorted set of path hashes. As JSON it is a string: the
// differences as varints, in base64, about nine characters a path.
type pathSet []uint64

func (s pathSet) has(h uint64) bool {
	_, ok := slices.BinarySearch(s, h)
	return ok
}

// MarshalText implements [encoding.TextMarshaler].
func (s pathSet) MarshalText() ([]byte, error) {
	raw := make([]byte, 0, 7*len(s))
	before := uint64(0)
	for _, h := range s {
		raw = binary.AppendUvarint(raw, h-before)
		before = h
	}
	return base64.RawStdEncoding.AppendEncode(nil, raw), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *pathSet) UnmarshalText(text []byte) error {
	raw, err := base64.RawStdEncoding.AppendDecode(nil, text)
	if err != nil {
		return err
	}
	*s = (*s)[:0]
	before := uint64(0)
	for len(raw) > 0 {
		delta, n := binary.Uvarint(raw)
		if n <= 0 || before+delta < before {
			return errors.New("a set of paths is damaged")
		}
		raw, before = raw[n:], before+delta
		*s = append(*s, before)
	}
	return nil
}

// FNV-1a with 64 bits: it can be continued from a directory to what is in it.
const (
	hashStart = uint64(14695981039346656037)
	hashPrime = 1099511628211
)

func hashMore(h uint64, s string) uint64 {
	for i := range len(s) {
		h ^= uint64(s[i])
		h *= hashPrime
	}
	return h
}

func hashPath(p string) uint64 { return hashMore(hashStart, p) }
