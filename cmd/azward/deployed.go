package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/image"
	"github.com/azward/azward/registry"
	"github.com/azward/azward/store"
)

// deployed is what runs, for joining images with it.
type deployed struct {
	estate   *estate.Estate
	verdicts map[azward.ResourceKey]map[azward.Digest]registry.Run // counts alone
}

func (a *app) estateFlags(flags *pflag.FlagSet, f *registryFlags) {
	flags.StringArrayVar(&f.estate, "estate", nil, "what runs: an estate file or export (default: the estate of the last scan)")
	flags.StringVar(&f.cluster, "cluster", "", "cluster that Kubernetes objects of these files belong to")
}

// deployed reads the estate of the flags, or the last scan's; nil where there
// is none.
func (a *app) deployed(ctx context.Context, f registryFlags) (*deployed, error) {
	if len(f.estate) > 0 {
		e, err := estate.Open(ctx, estate.ReadOptions{Cluster: f.cluster}, f.estate...)
		if err != nil {
			return nil, err
		}
		return &deployed{estate: e}, nil
	}
	kept, err := a.store(ctx)
	if err != nil {
		return nil, err
	}
	last, ok, err := lastScan(ctx, kept)
	if err != nil || !ok {
		return nil, err
	}
	r, err := kept.OpenEstate(ctx, last.ID)
	if azward.KindOf(err) == azward.KindNotFound {
		return nil, nil //nolint:nilnil // the file was removed: then it is not known what runs
	}
	if err != nil {
		return nil, err
	}
	var b estate.Builder
	err = estate.Read(r, last.Estate, estate.ReadOptions{}, &b)
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	d := &deployed{estate: b.Build(), verdicts: map[azward.ResourceKey]map[azward.Digest]registry.Run{}}
	for v, err := range kept.Verdicts(ctx, store.Filter{Source: last.Source}) {
		if err != nil {
			return nil, err
		}
		d.add(v)
	}
	return d, nil
}

func (d *deployed) add(v azward.Verdict) {
	_, digest, ok := strings.Cut(v.Image, "@")
	if !ok {
		return
	}
	key := v.Workload.ID.Key()
	if d.verdicts[key] == nil {
		d.verdicts[key] = map[azward.Digest]registry.Run{}
	}
	r := d.verdicts[key][azward.Digest(digest)]
	switch v.Exploitable {
	case azward.Yes:
		r.Exploitable++
	case azward.Unknown:
		r.Unknown++
	}
	d.verdicts[key][azward.Digest(digest)] = r
}

// runs gives the workloads that run an image; see registry.Load.
func (d *deployed) runs(digests []azward.Digest, references []string) []registry.Run {
	list := []registry.Run{}
	seen := map[azward.ResourceID]bool{}
	take := func(w estate.Workload) {
		if seen[w.ID] || !registry.RunsOne(w, digests, references) {
			return
		}
		seen[w.ID] = true
		run := registry.Run{Workload: w.Workload}
		for _, digest := range digests {
			counted := d.verdicts[w.ID.Key()][digest]
			run.Exploitable += counted.Exploitable
			run.Unknown += counted.Unknown
		}
		list = append(list, run)
	}
	for _, digest := range digests {
		for _, w := range d.estate.WorkloadsOf(string(digest)) {
			take(w)
		}
	}
	for _, reference := range references {
		for _, w := range d.estate.WorkloadsOf(reference) {
			take(w)
		}
	}
	return list
}

// running gives the digests of a registry's images that run, by repository.
func (d *deployed) running(host string) map[string][]azward.Digest {
	if d == nil {
		return nil
	}
	all := map[string][]azward.Digest{}
	for _, w := range d.estate.Workloads() {
		for _, c := range w.Containers {
			ref, err := image.ParseReference(c.Image)
			if err != nil || ref.Registry != host {
				continue
			}
			if digest := c.Digest; digest != "" && !slices.Contains(all[ref.Repository], digest) {
				all[ref.Repository] = append(all[ref.Repository], digest)
			}
		}
	}
	return all
}
