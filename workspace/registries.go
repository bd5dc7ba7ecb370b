package workspace

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/registry"
	"github.com/azward/azward/remediation"
	"github.com/azward/azward/store"
)

// Bounds of the views that stay in memory: one of 1,000 images takes some
// 50 MB, and a second to make.
const (
	maxViews = 3
	viewFor  = 30 * time.Second // images may come in without a new listing
)

// Registry is one registry that was read.
type Registry struct {
	Host         string    `json:"host"`
	ListedAt     time.Time `json:"listedAt"`
	Repositories int       `json:"repositories"`
	Tags         int       `json:"tags"`
}

// Registries gives what was ever read, by host.
func (w *Workspace) Registries(ctx context.Context) ([]Registry, error) {
	hosts, err := w.Store.Registries(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]Registry, 0, len(hosts))
	for host, at := range hosts {
		tags, err := w.Store.Tags(ctx, host, "")
		if err != nil {
			return nil, err
		}
		r := Registry{Host: host, ListedAt: at}
		repositories := map[string]bool{}
		for _, t := range tags {
			if t.Until.IsZero() {
				r.Tags++
				repositories[t.Repository] = true
			}
		}
		r.Repositories = len(repositories)
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b Registry) int { return cmp.Compare(a.Host, b.Host) })
	return list, nil
}

// RegistryView is a registry with the advisories of now. It is shared: nobody
// changes it.
type RegistryView struct {
	*registry.View
	ListedAt time.Time

	findings []Finding // in their order
}

// RegistryView shows a registry; KindNotFound where it was never read.
func (w *Workspace) RegistryView(ctx context.Context, host string) (*RegistryView, error) {
	hosts, err := w.Store.Registries(ctx)
	if err != nil {
		return nil, err
	}
	listed, ok := hosts[host]
	if !ok {
		return nil, &azward.Error{Kind: azward.KindNotFound, Op: "show registry", Subject: fmt.Sprintf("%.100q", host), Cause: "it was never read", Remedy: "azward registry scan " + host}
	}
	known, release, err := w.index.open(w.Dir)
	if err != nil {
		return nil, err
	}
	defer release()
	sources, err := w.Sources(ctx)
	if err != nil {
		return nil, err
	}
	key := fmt.Sprint(host, listed.UnixNano(), known.Status().BuiltAt.UnixNano())
	for _, s := range sources {
		key += " " + s.ID
	}
	return w.views.get(key, w.now(), func() (*RegistryView, error) {
		return w.view(context.WithoutCancel(ctx), host, listed, known) // others may wait for it
	})
}

func (w *Workspace) view(ctx context.Context, host string, listed time.Time, known *advisory.Index) (*RegistryView, error) {
	load := registry.Load{Registry: host, Store: w.Store, Advisories: known}
	runs, err := w.deployed(ctx)
	if err != nil {
		return nil, err
	}
	if runs != nil {
		load.Runs = runs.of
	}
	v, err := load.View(ctx)
	if err != nil {
		return nil, err
	}
	return &RegistryView{v, listed, findingsOf(v)}, nil
}

// ImageDetail is one image with all that is known of it.
type ImageDetail struct {
	*registry.Image
	Name    string               `json:"name"`
	Layers  []registry.Layer     `json:"layers"`
	Found   []Finding            `json:"findings"`
	Actions []remediation.Action `json:"actions"` // what to change, what clears most first
	// Left counts findings that none of the actions clears.
	Left int          `json:"left"`
	Gaps []azward.Gap `json:"gaps"` // of the advisories
}

// RegistryImage shows one image: "repository:tag", "repository@digest", a
// digest or its first characters.
func (w *Workspace) RegistryImage(ctx context.Context, host, name string) (ImageDetail, error) {
	v, err := w.RegistryView(ctx, host)
	if err != nil {
		return ImageDetail{}, err
	}
	i := v.Find(name)
	if i == nil {
		return ImageDetail{}, &azward.Error{Kind: azward.KindNotFound, Op: "show image", Subject: fmt.Sprintf("%.200q", name), Cause: "the registry has none of that name", Remedy: "see the list of its images, or read the registry again: azward registry scan " + host}
	}
	known, release, err := w.index.open(w.Dir)
	if err != nil {
		return ImageDetail{}, err
	}
	defer release()
	actions, left, err := v.Advice(i, ordered{known})
	if err != nil {
		return ImageDetail{}, err
	}
	d := ImageDetail{Image: i, Name: i.Name(), Layers: append([]registry.Layer{}, i.Layers()...), Found: []Finding{}, Actions: append([]remediation.Action{}, actions...), Left: left, Gaps: append([]azward.Gap{}, v.Gaps...)}
	for _, f := range v.findings {
		if slices.ContainsFunc(f.images, func(o *registry.Image) bool { return o == i }) {
			d.Found = append(d.Found, f)
		}
	}
	return d, nil
}

// ordered is the advisories as remediation asks them.
type ordered struct{ *advisory.Index }

// Compare implements [remediation.Advisories].
func (ordered) Compare(ecosystem, a, b string) (int, error) { return advisory.Compare(ecosystem, a, b) }

// views are the last used ones. The zero value is empty.
type views struct {
	mu   sync.Mutex
	held []*heldView
}

type heldView struct {
	key  string
	at   time.Time
	once sync.Once
	view *RegistryView
	err  error
}

// get gives the view of a key, making it once for however many ask.
func (c *views) get(key string, now time.Time, load func() (*RegistryView, error)) (*RegistryView, error) {
	c.mu.Lock()
	c.held = slices.DeleteFunc(c.held, func(h *heldView) bool { return now.Sub(h.at) > viewFor })
	at := slices.IndexFunc(c.held, func(h *heldView) bool { return h.key == key })
	if at < 0 {
		c.held = append(c.held, &heldView{key: key, at: now})
		if len(c.held) > maxViews {
			c.held = c.held[1:]
		}
		at = len(c.held) - 1
	}
	h := c.held[at]
	c.mu.Unlock()
	h.once.Do(func() { h.view, h.err = load() })
	if h.err != nil {
		c.mu.Lock()
		c.held = slices.DeleteFunc(c.held, func(o *heldView) bool { return o == h }) // the next one tries again
		c.mu.Unlock()
	}
	return h.view, h.err
}

// deployed is what runs, for joining images with it.
type deployed struct {
	estates []*estate.Estate
	counts  map[azward.ResourceKey]map[azward.Digest]registry.Run // counts alone
}

// deployed reads the newest estates and the verdicts; nil where there is no
// estate: then it is not known what runs.
func (w *Workspace) deployed(ctx context.Context) (*deployed, error) {
	kept, _, err := w.Latest(ctx, "")
	if err != nil || len(kept) == 0 {
		return nil, err
	}
	d := &deployed{counts: map[azward.ResourceKey]map[azward.Digest]registry.Run{}}
	for _, k := range kept {
		d.estates = append(d.estates, k.Estate)
	}
	for v, err := range w.Store.Verdicts(ctx, store.Filter{Exploitable: []azward.Answer{azward.Yes, azward.Unknown}}) {
		if err != nil {
			return nil, err
		}
		d.count(v)
	}
	return d, nil
}

func (d *deployed) count(v azward.Verdict) {
	_, digest, ok := strings.Cut(v.Image, "@")
	if !ok {
		return
	}
	key := v.Workload.ID.Key()
	if d.counts[key] == nil {
		d.counts[key] = map[azward.Digest]registry.Run{}
	}
	run := d.counts[key][azward.Digest(digest)]
	if v.Exploitable == azward.Yes {
		run.Exploitable++
	} else {
		run.Unknown++
	}
	d.counts[key][azward.Digest(digest)] = run
}

// of gives the workloads that run an image; see registry.Load.
func (d *deployed) of(digests []azward.Digest, references []string) []registry.Run {
	list := []registry.Run{}
	seen := map[azward.ResourceKey]bool{}
	names := slices.Clone(references)
	for _, digest := range digests {
		names = append(names, string(digest))
	}
	for _, e := range d.estates {
		for _, name := range names {
			for _, found := range e.WorkloadsOf(name) {
				key := found.ID.Key()
				if seen[key] || !registry.RunsOne(found, digests, references) {
					continue
				}
				seen[key] = true
				run := registry.Run{Workload: found.Workload}
				for _, digest := range digests {
					run.Exploitable += d.counts[key][digest].Exploitable
					run.Unknown += d.counts[key][digest].Unknown
				}
				list = append(list, run)
			}
		}
	}
	return list
}
