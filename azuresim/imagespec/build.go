package imagespec

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Image is a built image.
type Image struct {
	Name       string
	Registry   string
	Repository string
	Tags       []string
	Digest     string // of the manifest
	Image      v1.Image
}

var defaultCreated = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// Build makes the images, in the order of the specs.
func Build(specs []Spec) ([]Image, error) {
	if len(specs) > maxImages {
		return nil, fmt.Errorf("build images: more than %d", maxImages)
	}
	b := builder{specs: map[string]*Spec{}, done: map[string]*built{}}
	var names []string
	for i := range specs {
		s := specs[i]
		s.Name = specName(s)
		if s.Name == "" {
			return nil, fmt.Errorf("build images: number %d has neither name nor repository", i+1)
		}
		if b.specs[s.Name] != nil {
			return nil, fmt.Errorf("build images: two are named %q", s.Name)
		}
		b.specs[s.Name] = &s
		names = append(names, s.Name)
	}
	out := make([]Image, 0, len(names))
	for _, n := range names {
		img, err := b.build(n, nil)
		if err != nil {
			return nil, fmt.Errorf("build image %q: %w", n, err)
		}
		digest, err := img.image.Digest()
		if err != nil {
			return nil, fmt.Errorf("build image %q: %w", n, err)
		}
		s := b.specs[n]
		out = append(out, Image{Name: n, Registry: s.Registry, Repository: s.Repository, Tags: s.Tags, Digest: digest.String(), Image: img.image})
	}
	return out, nil
}

func specName(s Spec) string {
	if s.Name != "" || len(s.Tags) == 0 {
		return cmp.Or(s.Name, s.Repository)
	}
	return s.Repository + ":" + s.Tags[0]
}

type builder struct {
	specs map[string]*Spec
	done  map[string]*built
}

// built is an image with what later layers need to know of the lower ones.
type built struct {
	image  v1.Image
	layers int
	state  state
}

func (b *builder) build(id string, below []string) (*built, error) {
	if d := b.done[id]; d != nil {
		return d, nil
	}
	if slices.Contains(below, id) {
		return nil, fmt.Errorf("it is built from itself: %s", strings.Join(append(below, id), " from "))
	}
	s := b.specs[id]
	if err := s.check(); err != nil {
		return nil, err
	}
	base := &built{image: mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)}
	if s.From != "" {
		from, err := b.find(s.From)
		if err != nil {
			return nil, err
		}
		if base, err = b.build(from, append(below, id)); err != nil {
			return nil, err
		}
	}
	img, err := s.onto(base)
	if err != nil {
		return nil, err
	}
	b.done[id] = img
	return img, nil
}

// find resolves what from says: a name, a repository with one of its tags, or
// a repository that one image alone has.
func (b *builder) find(from string) (string, error) {
	if b.specs[from] != nil {
		return from, nil
	}
	var found []string
	for id, s := range b.specs {
		tagged := slices.ContainsFunc(s.Tags, func(t string) bool { return s.Repository+":"+t == from })
		if tagged || s.Repository == from {
			found = append(found, id)
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("it is built from %q, which is not described", from)
	case 1:
		return found[0], nil
	}
	slices.Sort(found)
	return "", fmt.Errorf("it is built from %q, which may be any of %s", from, strings.Join(found, ", "))
}

func (s *Spec) check() error {
	if s.Repository != "" {
		if _, err := name.NewRepository("registry.invalid/" + s.Repository); err != nil {
			return fmt.Errorf("repository %.80q: %w", s.Repository, err)
		}
	}
	if len(s.Tags) > 0 && s.Repository == "" {
		return errors.New("it has tags and no repository")
	}
	for _, t := range s.Tags {
		if _, err := name.NewTag("registry.invalid/x:" + t); err != nil {
			return fmt.Errorf("tag %.80q: %w", t, err)
		}
	}
	return nil
}

// onto lays the spec's layers and configuration over a base.
func (s *Spec) onto(base *built) (*built, error) {
	created := s.Created
	if created.IsZero() {
		created = defaultCreated
	}
	platform := cmp.Or(s.Platform, "linux/amd64")
	os, arch, ok := strings.Cut(platform, "/")
	if !ok || os == "" || arch == "" {
		return nil, fmt.Errorf("platform %.40q is not os/architecture", platform)
	}
	out := &built{image: base.image, layers: base.layers, state: base.state.clone()}
	out.state.arch = arch
	var adds []mutate.Addendum
	for i, l := range s.Layers {
		history := v1.History{Created: v1.Time{Time: created.UTC()}, CreatedBy: l.CreatedBy, EmptyLayer: l.Empty}
		if l.Empty {
			adds = append(adds, mutate.Addendum{History: history})
			continue
		}
		if out.layers++; out.layers > maxLayers {
			return nil, fmt.Errorf("it has more than %d layers", maxLayers)
		}
		layer, err := l.build(&out.state, created)
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", i+1, err)
		}
		adds = append(adds, mutate.Addendum{Layer: layer, History: history, MediaType: types.OCILayer})
	}
	var err error
	if out.image, err = mutate.Append(out.image, adds...); err != nil {
		return nil, fmt.Errorf("append layers: %w", err)
	}
	file, err := out.image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Created = os, arch, v1.Time{Time: created.UTC()}
	s.Config.apply(&file.Config)
	if out.image, err = mutate.ConfigFile(out.image, file); err != nil {
		return nil, fmt.Errorf("set the configuration: %w", err)
	}
	if len(s.Annotations) > 0 {
		annotated, ok := mutate.Annotations(out.image, s.Annotations).(v1.Image)
		if !ok {
			return nil, errors.New("the manifest takes no annotations")
		}
		out.image = annotated
	}
	return out, nil
}

// apply sets what is stated and keeps the rest of the base's configuration.
func (c Config) apply(to *v1.Config) {
	if c.Entrypoint != nil {
		to.Entrypoint, to.Cmd = c.Entrypoint, nil // as a Dockerfile's ENTRYPOINT resets CMD
	}
	if c.Cmd != nil {
		to.Cmd = c.Cmd
	}
	to.Env = append(slices.Clone(to.Env), c.Env...)
	to.User = cmp.Or(c.User, to.User)
	to.WorkingDir = cmp.Or(c.WorkingDir, to.WorkingDir)
	for _, p := range c.ExposedPorts {
		if to.ExposedPorts == nil {
			to.ExposedPorts = map[string]struct{}{}
		}
		if !strings.Contains(p, "/") {
			p += "/tcp"
		}
		to.ExposedPorts[p] = struct{}{}
	}
	for k, v := range c.Labels {
		if to.Labels == nil {
			to.Labels = map[string]string{}
		}
		to.Labels[k] = v
	}
}
