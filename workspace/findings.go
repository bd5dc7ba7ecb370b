package workspace

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/registry"
)

// maxFindingImages bounds the images that a finding names.
const maxFindingImages = 20

// Finding is a vulnerability in one version of a package, with the images of a
// registry that have it.
type Finding struct {
	azward.Finding
	Package  string `json:"package"`
	Version  string `json:"version"`
	Registry string `json:"registry"`
	// Images that have it by name, at most 20 of Count; Base says that in each
	// of them the base image brought it.
	Images []string `json:"images"`
	Count  int      `json:"count"`
	Base   bool     `json:"base,omitempty"`
	// Runs counts the workloads that run one of the images; nil where it is not
	// known what runs.
	Runs *int `json:"runs,omitempty"`

	images []*registry.Image
	place  string
}

// FindingQuery selects findings. Zero fields select everything.
type FindingQuery struct {
	Registry      string
	Repository    string
	Image         string // as [Workspace.RegistryImage] takes it; with Registry
	MinSeverity   azward.Severity
	Vulnerability string // its ID or an alias, without case
	Text          string // part of an ID, or of the package's URL, without case
	Fixable       bool   // only those with a fixed version
	Known         bool   // only those that are known to be exploited
	Deployed      bool   // only those of images that run
	After         string // Next of the page before
	Size          int    // of the page; 0 is DefaultPage
}

// FindingPage is a page of findings, the most severe first.
type FindingPage struct {
	Findings []Finding    `json:"findings"`
	Next     string       `json:"next,omitempty"`
	Gaps     []azward.Gap `json:"gaps"` // what the advisories do not cover
}

// Findings gives one page of what the images of the registries have.
func (w *Workspace) Findings(ctx context.Context, q FindingQuery) (FindingPage, error) {
	page := FindingPage{Findings: []Finding{}, Gaps: []azward.Gap{}}
	views, err := w.viewsOf(ctx, q.Registry)
	if err != nil {
		return page, err
	}
	size := pageSize(q.Size)
	var found []Finding
	for _, v := range views {
		page.Gaps = append(page.Gaps, v.Gaps...)
		var only *registry.Image
		if q.Image != "" {
			if only = v.Find(q.Image); only == nil {
				continue
			}
		}
		found = append(found, v.selected(q, only, size+1)...)
	}
	slices.SortFunc(found, func(a, b Finding) int { return cmp.Compare(a.place, b.place) })
	if len(found) > size {
		found = found[:size]
		page.Next = found[size-1].place
	}
	page.Findings = append(page.Findings, found...)
	return page, nil
}

func (w *Workspace) viewsOf(ctx context.Context, host string) ([]*RegistryView, error) {
	hosts := []string{host}
	if host == "" {
		hosts = hosts[:0]
		all, err := w.Store.Registries(ctx)
		if err != nil {
			return nil, err
		}
		for host := range all {
			hosts = append(hosts, host)
		}
		slices.Sort(hosts)
	}
	views := make([]*RegistryView, 0, len(hosts))
	for _, host := range hosts {
		v, err := w.RegistryView(ctx, host)
		if err != nil {
			return nil, err
		}
		views = append(views, v)
	}
	return views, nil
}

// selected are the first findings that a query selects after its place.
func (v *RegistryView) selected(q FindingQuery, only *registry.Image, most int) []Finding {
	var found []Finding
	from, _ := slices.BinarySearchFunc(v.findings, q.After, func(f Finding, after string) int {
		if f.place <= after {
			return -1
		}
		return 1
	})
	text := strings.ToLower(q.Text)
	for _, f := range v.findings[from:] {
		if !f.selected(q, text, only) {
			continue
		}
		if found = append(found, f); len(found) == most {
			break
		}
	}
	return found
}

func (f *Finding) selected(q FindingQuery, text string, only *registry.Image) bool {
	named := func(match func(string) bool) bool { return match(f.ID) || slices.ContainsFunc(f.Aliases, match) }
	switch {
	case f.Severity.Rank() < q.MinSeverity.Rank(),
		q.Fixable && len(f.FixedIn) == 0,
		q.Known && !f.KEV && !f.Malicious,
		q.Deployed && f.Runs != nil && *f.Runs == 0, // what is not known to run may
		only != nil && !slices.Contains(f.images, only),
		q.Repository != "" && !slices.ContainsFunc(f.images, func(i *registry.Image) bool { return slices.Contains(i.Repositories, q.Repository) }),
		q.Vulnerability != "" && !named(func(n string) bool { return strings.EqualFold(n, q.Vulnerability) }):
		return false
	}
	return text == "" || named(func(n string) bool { return strings.Contains(strings.ToLower(n), text) }) || strings.Contains(strings.ToLower(f.PURL), text)
}

// findingsOf joins the findings of all images of a view, in their order.
func findingsOf(v *registry.View) []Finding {
	type key struct{ id, purl string }
	at := map[key]int{}
	var list []Finding
	for _, i := range v.Images {
		for found := range i.Findings() {
			k := key{found.ID, found.Package.PURL}
			n, ok := at[k]
			if !ok {
				n = len(list)
				at[k] = n
				f := Finding{Finding: found.Finding, Package: found.Package.Name, Version: found.Package.Version, Registry: v.Registry, Base: true}
				f.PURL, f.Layer = found.Package.PURL, "" // a layer is one image's
				list = append(list, f)
			}
			f := &list[n]
			f.Base = f.Base && found.Base
			if len(f.images) == 0 || f.images[len(f.images)-1] != i {
				f.images = append(f.images, i)
			}
		}
	}
	for n := range list {
		list[n].close(v.Estate)
	}
	slices.SortFunc(list, func(a, b Finding) int { return cmp.Compare(a.place, b.place) })
	return list
}

// close sums the images up.
func (f *Finding) close(runsKnown bool) {
	f.Count, f.Images = len(f.images), []string{}
	runs := 0
	for n, i := range f.images {
		if n < maxFindingImages {
			f.Images = append(f.Images, i.Name())
		}
		runs += len(i.Runs)
	}
	if runsKnown {
		f.Runs = &runs
	}
	known := 1
	if f.KEV || f.Malicious {
		known = 0
	}
	const scale, most = 100_000, 99_999
	f.place = fmt.Sprintf("%d%d%05d %s %s %s", known, 9-f.Severity.Rank(), most-min(max(int(f.EPSS*scale), 0), most), f.ID, f.PURL, f.Registry)
}
