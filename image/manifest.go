package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/hardening"
	"github.com/azward/azward/internal/bound"
)

// Source gives one image: what it is made of, and its layers.
type Source interface {
	// Name is the reference to show: "contoso.azurecr.io/team/app:1.2".
	Name() string
	// Resolve chooses the image for a platform and reads its configuration.
	Resolve(ctx context.Context, platform Platform) (*Manifest, error)
	// Layer opens the bytes of a layer as they are stored. The caller closes it.
	Layer(ctx context.Context, layer Layer) (io.ReadCloser, error)
	// Close ends the use of the source.
	Close() error
}

// Manifest says what an image consists of.
type Manifest struct {
	// Digest of the image's own manifest; of its configuration where there is
	// no manifest (`docker save`).
	Digest azward.Digest
	// Index is the digest of the index that named it; "" when there was none.
	Index    azward.Digest
	Platform Platform
	// Platforms that the index offers, in its order; without an index the
	// image's own.
	Platforms []Platform
	// Attestations that the index holds about this image, as BuildKit adds
	// them: provenance and SBOMs. Others are found with [Registry.Referrers].
	Attestations []Referrer
	Layers       []Layer // lowest first
	Config       Config
	Created      string // RFC 3339, "" when the configuration does not say
	Labels       map[string]string
	// Facts of the configuration, and the secrets in it; what else is here has
	// their values left out.
	Facts   *hardening.Facts
	Secrets []hardening.Secret
}

// Layer is one layer of an image.
type Layer struct {
	// Digest of the bytes as stored, compressed or not.
	Digest azward.Digest `json:"digest"`
	// DiffID is the digest of the uncompressed tar, as the configuration says.
	DiffID    azward.Digest `json:"diffId,omitempty"`
	MediaType string        `json:"mediaType,omitempty"`
	Size      int64         `json:"size"` // bytes as stored
	CreatedBy string        `json:"createdBy,omitempty"`
}

// Config is what a container of the image starts as. Values of environment
// variables are left out: they may be secrets.
type Config struct {
	User         string   `json:"user"`
	ExposedPorts []string `json:"exposedPorts,omitempty"` // "8080/tcp"
	EnvKeys      []string `json:"envKeys,omitempty"`
	Entrypoint   []string `json:"entrypoint,omitempty"`
	Cmd          []string `json:"cmd,omitempty"`
	WorkingDir   string   `json:"workingDir,omitempty"`
}

// blobs is what a place that holds images must offer; [opened] does the rest.
type blobs interface {
	// manifest reads the manifest or index with the digest; "" is the one that
	// the reference names.
	manifest(ctx context.Context, digest azward.Digest) (raw []byte, mediaType string, err error)
	blob(ctx context.Context, digest azward.Digest, size int64) (io.ReadCloser, error)
	Close() error
}

// opened is an image in some place.
type opened struct {
	blobs
	name string
}

// Name implements [Source].
func (o *opened) Name() string { return o.name }

// Layer implements [Source].
func (o *opened) Layer(ctx context.Context, l Layer) (io.ReadCloser, error) {
	return o.blob(ctx, l.Digest, l.Size)
}

// descriptor, manifestFile and configFile are the parts of OCI's and Docker's
// documents that we read.
//
// Source: https://github.com/opencontainers/image-spec
type descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       azward.Digest     `json:"digest"`
	Size         int64             `json:"size"`
	ArtifactType string            `json:"artifactType"`
	Annotations  map[string]string `json:"annotations"`
	Platform     *struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
		Variant      string `json:"variant"`
	} `json:"platform"`
}

type manifestFile struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	ArtifactType  string       `json:"artifactType"`
	Config        descriptor   `json:"config"`
	Layers        []descriptor `json:"layers"`
	Manifests     []descriptor `json:"manifests"`
}

type configFile struct {
	Created      string `json:"created"`
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant"`
	Config       struct {
		User         string              `json:"User"`
		ExposedPorts map[string]struct{} `json:"ExposedPorts"`
		Env          []string            `json:"Env"`
		Entrypoint   []string            `json:"Entrypoint"`
		Cmd          []string            `json:"Cmd"`
		WorkingDir   string              `json:"WorkingDir"`
		Labels       map[string]string   `json:"Labels"`
		Healthcheck  *struct {
			Test []string `json:"Test"`
		} `json:"Healthcheck"`
	} `json:"config"`
	RootFS struct {
		DiffIDs []azward.Digest `json:"diff_ids"`
	} `json:"rootfs"`
	History []struct {
		CreatedBy  string `json:"created_by"`
		EmptyLayer bool   `json:"empty_layer"`
	} `json:"history"`
}

// Resolve implements [Source]: from an index to the platform's manifest, from
// there to the configuration. The zero Platform means linux/amd64, else the
// only one there is.
func (o *opened) Resolve(ctx context.Context, platform Platform) (*Manifest, error) {
	m := &Manifest{Platform: platform}
	var digest azward.Digest
	var about []Referrer
	for range maxIndexDepth {
		raw, mediaType, err := o.manifest(ctx, digest)
		if err != nil {
			return nil, err
		}
		var f manifestFile
		if err := json.Unmarshal(raw, &f); err != nil {
			return nil, o.bad("it is not JSON: "+err.Error(), err)
		}
		digest = digestOf(raw)
		if len(f.Manifests) == 0 {
			if err := o.checkImage(f, mediaType, digest); err != nil {
				return nil, err
			}
			if m.Digest = digest; m.Index == "" {
				m.Platform = Platform{} // what was wished for says nothing: the configuration does
			}
			m.Attestations = slices.DeleteFunc(about, func(a Referrer) bool { return a.Subject != digest })
			if err := o.configure(ctx, m, f); err != nil {
				return nil, err
			}
			if m.Index == "" {
				m.Platforms = []Platform{m.Platform}
			}
			return m, nil
		}
		if m.Index == "" {
			m.Index = digest
		}
		if f.ArtifactType != "" && len(imagesOf(f.Manifests)) == 0 {
			return nil, o.artifact(oneLine(f.ArtifactType), digest)
		}
		about = append(about, attestationsOf(f.Manifests)...)
		m.Platforms = append(m.Platforms, platformsOf(f.Manifests)...)
		if digest, err = o.choose(f.Manifests, platform); err != nil {
			return nil, err
		}
	}
	return nil, o.bad(fmt.Sprintf("indexes name one another more than %d deep", maxIndexDepth), nil)
}

func digestOf(b []byte) azward.Digest {
	sum := sha256.Sum256(b)
	return azward.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

func (o *opened) bad(cause string, err error) error {
	return &azward.Error{
		Kind: azward.KindBadInput, Op: "read image manifest", Subject: o.name, Cause: cause,
		Remedy: "check the reference; push the image again if it is damaged", Err: err,
	}
}

func (o *opened) configure(ctx context.Context, m *Manifest, f manifestFile) (err error) {
	body, err := o.blob(ctx, f.Config.Digest, f.Config.Size)
	if err != nil {
		return err
	}
	raw, err := bound.ReadAll(body, maxConfig, "the image configuration")
	if closeErr := body.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return o.bad(err.Error(), err)
	}
	if got := digestOf(raw); got != f.Config.Digest {
		return o.bad(fmt.Sprintf("the configuration's digest is %s, not %s", got, f.Config.Digest), nil)
	}
	var c configFile
	if err := json.Unmarshal(raw, &c); err != nil {
		return o.bad("the configuration is not JSON: "+err.Error(), err)
	}
	fill(m, f, c)
	return nil
}

func fill(m *Manifest, f manifestFile, c configFile) {
	if c.OS != "" {
		m.Platform = Platform{c.OS, c.Architecture, c.Variant}
	}
	m.Created, m.Labels = c.Created, c.Config.Labels
	m.Config = Config{
		User: c.Config.User, Entrypoint: c.Config.Entrypoint, Cmd: c.Config.Cmd, WorkingDir: c.Config.WorkingDir,
	}
	for port := range c.Config.ExposedPorts {
		m.Config.ExposedPorts = append(m.Config.ExposedPorts, port)
	}
	slices.Sort(m.Config.ExposedPorts)
	for _, env := range c.Config.Env {
		key, _, _ := strings.Cut(env, "=")
		m.Config.EnvKeys = append(m.Config.EnvKeys, key)
	}
	// History has a line for every step; those that made no layer are marked.
	var lines []string
	for _, h := range c.History {
		if !h.EmptyLayer {
			lines = append(lines, h.CreatedBy)
		}
	}
	for i, d := range f.Layers {
		l := Layer{Digest: d.Digest, MediaType: d.MediaType, Size: d.Size}
		if len(c.RootFS.DiffIDs) == len(f.Layers) && digestForm.MatchString(string(c.RootFS.DiffIDs[i])) {
			l.DiffID = c.RootFS.DiffIDs[i]
		}
		if len(lines) == len(f.Layers) { // otherwise the lines cannot be told apart
			l.CreatedBy = lines[i]
		}
		m.Layers = append(m.Layers, l)
	}
	m.clean(c)
}
