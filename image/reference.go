package image

import (
	"cmp"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/azward/azward"
)

// Kind says where an image is.
type Kind string

// Where an image can be.
const (
	KindRegistry Kind = "registry" // a registry's repository
	KindLayout   Kind = "oci"      // a directory in the OCI image layout
	KindTarball  Kind = "tar"      // a file by `docker save`, or an OCI layout in a tar
	KindFile     Kind = "file"     // a single program or archive, no image
)

// Reference names an image.
type Reference struct {
	Kind       Kind
	Registry   string // host and port: "contoso.azurecr.io", "docker.io"
	Repository string // "team/app"
	Tag        string // for a layout or tarball: the reference name to take; may be ""
	Digest     azward.Digest
	Path       string // of a layout, tarball or file
}

// String gives the reference in the form that [ParseReference] reads.
func (r Reference) String() string {
	if r.Kind != KindRegistry {
		s := string(r.Kind) + ":" + r.Path
		if r.Tag != "" {
			s += ":" + r.Tag
		}
		return s
	}
	s := r.Registry + "/" + r.Repository
	if r.Tag != "" {
		s += ":" + r.Tag
	}
	if r.Digest != "" {
		s += "@" + string(r.Digest)
	}
	return s
}

// Repo is the name without tag and digest: "contoso.azurecr.io/team/app".
func (r Reference) Repo() string {
	if r.Kind == KindRegistry {
		return r.Registry + "/" + r.Repository
	}
	return string(r.Kind) + ":" + r.Path
}

// Grammar of names, tags and digests.
//
// Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
var (
	repositoryForm = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagForm        = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
	digestForm     = regexp.MustCompile(`^sha256:[a-f0-9]{64}$`)
	hostForm       = regexp.MustCompile(`^([a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?$`)
)

// maxName bounds a repository's full name, in bytes, as registries do.
const maxName = 255

// ParseReference reads REGISTRY/REPOSITORY[:TAG][@DIGEST], oci:DIR[:TAG],
// tar:FILE[:TAG] or file:PATH. A name without a registry is Docker Hub's, as
// Docker and Kubernetes read it; neither tag nor digest means "latest".
func ParseReference(s string) (Reference, error) {
	for _, kind := range []Kind{KindLayout, KindTarball, KindFile} {
		if rest, ok := strings.CutPrefix(s, string(kind)+":"); ok {
			return parsePath(kind, s, rest)
		}
	}
	return parseRegistry(s)
}

func badReference(s, cause string) (Reference, error) {
	if len(s) > maxName {
		s = s[:maxName] + "…"
	}
	return Reference{}, &azward.Error{
		Kind: azward.KindUsage, Op: "read image reference", Subject: fmt.Sprintf("%q", s), Cause: cause,
		Remedy: "give REGISTRY/REPOSITORY:TAG, REGISTRY/REPOSITORY@sha256:…, oci:DIR[:TAG], tar:FILE or file:PATH",
	}
}

func parsePath(kind Kind, s, rest string) (Reference, error) {
	r := Reference{Kind: kind, Path: rest}
	if kind != KindFile {
		// A tag has no slash, so a colon in a directory's name stays a part of it.
		if i := strings.LastIndexByte(rest, ':'); i > 0 && tagForm.MatchString(rest[i+1:]) && !isDrive(rest, i) {
			r.Path, r.Tag = rest[:i], rest[i+1:]
		}
	}
	if r.Path == "" || strings.ContainsRune(r.Path, 0) {
		return badReference(s, "it names no path")
	}
	r.Path = filepath.Clean(r.Path)
	return r, nil
}

// isDrive says whether the colon belongs to a Windows drive letter.
func isDrive(path string, colon int) bool { return colon == 1 && len(path) > 2 && path[2] == '\\' }

func parseRegistry(s string) (Reference, error) {
	r := Reference{Kind: KindRegistry}
	switch {
	case s == "":
		return badReference(s, "it is empty")
	case strings.Contains(s, "://"):
		return badReference(s, "a reference has no scheme such as https://")
	}
	rest, digest, hasDigest := strings.Cut(s, "@")
	if hasDigest {
		if !digestForm.MatchString(digest) {
			return badReference(s, "what follows @ is not sha256: and 64 hexadecimal digits")
		}
		r.Digest = azward.Digest(digest)
	}
	if i := strings.LastIndexByte(rest, ':'); i >= 0 && !strings.Contains(rest[i:], "/") {
		rest, r.Tag = rest[:i], rest[i+1:]
		if !tagForm.MatchString(r.Tag) {
			return badReference(s, "what follows the last colon is no tag (letters, digits, . _ -, at most 128)")
		}
	}
	host, repository, ok := strings.Cut(rest, "/")
	if !ok || !strings.ContainsAny(host, ".:") && host != "localhost" {
		host, repository = "docker.io", rest
		if !strings.Contains(rest, "/") {
			repository = "library/" + rest
		}
	}
	switch {
	case !hostForm.MatchString(host):
		return badReference(s, fmt.Sprintf("%q is no registry host", host))
	case len(rest) > maxName:
		return badReference(s, fmt.Sprintf("the name is longer than %d bytes", maxName))
	case !repositoryForm.MatchString(repository):
		return badReference(s, fmt.Sprintf("%q is no repository name (lower-case letters, digits, and . _ - / between them)", repository))
	}
	r.Registry, r.Repository = strings.ToLower(host), repository
	if r.Digest == "" {
		r.Tag = cmp.Or(r.Tag, "latest")
	}
	return r, nil
}

// Platform is an operating system and architecture, as OCI writes it.
type Platform struct{ OS, Architecture, Variant string }

// DefaultPlatform is what Azure's container services run unless told otherwise.
var DefaultPlatform = Platform{OS: "linux", Architecture: "amd64"}

// ParsePlatform reads "linux/amd64" or "linux/arm/v7"; "" is [DefaultPlatform].
func ParsePlatform(s string) (Platform, error) {
	if s == "" {
		return DefaultPlatform, nil
	}
	parts := strings.Split(s, "/")
	if len(parts) < 2 || len(parts) > 3 || parts[0] == "" || parts[1] == "" {
		return Platform{}, &azward.Error{
			Kind: azward.KindUsage, Op: "read platform", Subject: fmt.Sprintf("%.60q", s),
			Cause: "it is not of the form OS/ARCHITECTURE[/VARIANT]", Remedy: "give for instance linux/amd64 or linux/arm64",
		}
	}
	p := Platform{OS: parts[0], Architecture: parts[1]}
	if len(parts) == 3 {
		p.Variant = parts[2]
	}
	return p, nil
}

// String gives the form that [ParsePlatform] reads.
func (p Platform) String() string {
	if p == (Platform{}) { // the configuration does not say
		return ""
	}
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}
