package workspace

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/store"
)

// Resource is one thing of a kept estate, as lists show it.
type Resource struct {
	ID   azward.ResourceID `json:"id"`
	Name string            `json:"name"`
	// Type is the ARM type; a Kubernetes object has "kubernetes".
	Type string `json:"type"`
	// Kind is the Kubernetes kind, or the ARM kind.
	Kind          string                `json:"kind,omitempty"`
	Location      string                `json:"location,omitempty"`
	Subscription  azward.SubscriptionID `json:"subscription,omitempty"`
	ResourceGroup string                `json:"resourceGroup,omitempty"`
	Cluster       azward.ResourceID     `json:"cluster,omitempty"`
	Namespace     string                `json:"namespace,omitempty"`
	Connection    string                `json:"connection"` // or what names the files
	Scan          string                `json:"scan"`
	ReadAt        time.Time             `json:"readAt,omitzero"`
}

// ResourceQuery selects resources. Zero fields select everything.
type ResourceQuery struct {
	Text         string // part of the ID, without case
	Type         string // ARM type or Kubernetes kind, without case
	Subscription string
	Connection   string
	After        string // Next of the page before
	Size         int    // of the page; 0 is DefaultPage
}

// ResourcePage is a page of resources, by ID without case.
type ResourcePage struct {
	Resources []Resource   `json:"resources"`
	Next      string       `json:"next,omitempty"`
	Gaps      []azward.Gap `json:"gaps"` // sources whose estate is not there
}

// Resources gives one page of what the newest estates hold.
func (w *Workspace) Resources(ctx context.Context, q ResourceQuery) (ResourcePage, error) {
	page := ResourcePage{Resources: []Resource{}, Gaps: []azward.Gap{}}
	kept, gaps, err := w.Latest(ctx, q.Connection)
	if err != nil {
		return page, err
	}
	page.Gaps = append(page.Gaps, gaps...)
	size := pageSize(q.Size)
	var found []*listed
	for _, k := range kept {
		list, err := w.listOf(ctx, k)
		if err != nil {
			return page, err
		}
		found = append(found, list.matching(q, size+1)...)
	}
	slices.SortFunc(found, func(a, b *listed) int { return cmp.Compare(a.place, b.place) })
	if len(found) > size {
		found = found[:size]
		page.Next = found[size-1].place
	}
	for _, f := range found {
		page.Resources = append(page.Resources, f.Resource)
	}
	return page, nil
}

// listing is an estate as lists show it, by place. Nobody changes it. It takes
// some 400 bytes a resource.
type listing struct {
	resources []listed
	types     []TypeCount
}

type listed struct {
	Resource
	place string // key and source: the same resource may be in two estates
	key   string // ID in lower case
	kind  string // type, or kind of Kubernetes
}

// listOf is the list of an estate, made once.
func (w *Workspace) listOf(ctx context.Context, k Kept) (*listing, error) {
	return w.listings.get(ctx, k.Scan.Source, k.Scan.ID, func(context.Context) (*listing, error) {
		l := &listing{resources: make([]listed, 0, k.Estate.Len())}
		counts := map[TypeCount]int{}
		for r := range k.Estate.All() {
			place := placeOf(r, k.Scan)
			one := listed{Resource: k.row(r), place: place, key: place[:len(place)-len(k.Scan.Source)-len(sourceMark)], kind: r.TypeKey()}
			l.resources = append(l.resources, one)
			counts[TypeCount{Type: one.kind, Subscription: one.Subscription, Connection: k.Scan.Source}]++
		}
		slices.SortFunc(l.resources, func(a, b listed) int { return cmp.Compare(a.place, b.place) })
		for of, n := range counts {
			of.Count = n
			l.types = append(l.types, of)
		}
		return l, nil
	})
}

// matching are the first that a query selects after its place.
func (l *listing) matching(q ResourceQuery, most int) []*listed {
	text := strings.ToLower(q.Text)
	from, exact := slices.BinarySearchFunc(l.resources, q.After, func(r listed, at string) int { return cmp.Compare(r.place, at) })
	if exact {
		from++
	}
	var found []*listed
	for i := from; i < len(l.resources) && len(found) < most; i++ {
		r := &l.resources[i]
		if (q.Type == "" || strings.EqualFold(r.kind, q.Type)) &&
			(q.Subscription == "" || strings.EqualFold(string(r.Subscription), q.Subscription)) &&
			(text == "" || strings.Contains(r.key, text)) {
			found = append(found, r)
		}
	}
	return found
}

const sourceMark = "\x01"

func placeOf(r *estate.Resource, s store.Scan) string {
	return string(r.ID.Key()) + sourceMark + s.Source
}

func (k Kept) row(r *estate.Resource) Resource {
	row := Resource{
		ID: r.ID, Name: r.Name, Type: r.Type, Kind: r.Kind, Subscription: r.ID.Subscription(), ResourceGroup: r.ID.ResourceGroup(),
		Cluster: r.Cluster, Namespace: r.Namespace, Connection: k.Scan.Source, Scan: k.Scan.ID, ReadAt: r.ReadAt,
	}
	if raw, ok := r.At("/location"); ok && json.Unmarshal(raw, &row.Location) != nil {
		row.Location = "" // a body of another shape has none that can be shown
	}
	return row
}

// TypeCount is how many resources of a type a subscription has.
type TypeCount struct {
	Type         string                `json:"type"`
	Subscription azward.SubscriptionID `json:"subscription,omitempty"`
	Connection   string                `json:"connection"`
	Count        int                   `json:"count"`
}

// Types counts what the newest estates hold by connection, subscription and
// type; Kubernetes objects by their kind.
func (w *Workspace) Types(ctx context.Context) ([]TypeCount, []azward.Gap, error) {
	kept, gaps, err := w.Latest(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	list := []TypeCount{}
	for _, k := range kept {
		one, err := w.listOf(ctx, k)
		if err != nil {
			return nil, nil, err
		}
		list = append(list, one.types...)
	}
	slices.SortFunc(list, func(a, b TypeCount) int {
		return cmp.Or(cmp.Compare(a.Connection, b.Connection), cmp.Compare(a.Subscription, b.Subscription), cmp.Compare(a.Type, b.Type))
	})
	return list, gaps, nil
}

// ResourceDetail is one resource with its raw document.
type ResourceDetail struct {
	Resource
	Body       json.RawMessage `json:"body"`
	Source     azward.Source   `json:"source"` // interface that gave it
	APIVersion string          `json:"apiVersion,omitempty"`
	SHA256     string          `json:"sha256"` // of Body
	// Workload is whether it runs and of which images; nil for what runs no code.
	Workload *Running     `json:"workload,omitempty"`
	Gaps     []azward.Gap `json:"gaps"` // that concern it
}

// Running is what is known of a workload.
type Running struct {
	azward.Workload
	Running    azward.Answer `json:"running"`
	Containers []Container   `json:"containers"`
	Gaps       []azward.Gap  `json:"gaps"`
}

// Container is one container of a workload.
type Container struct {
	Name   string        `json:"name"`
	Image  string        `json:"image"`
	Digest azward.Digest `json:"digest,omitempty"`
	Init   bool          `json:"init,omitempty"`
}

// Resource gives one resource from the newest estate that has it; KindNotFound
// where none does.
func (w *Workspace) Resource(ctx context.Context, id azward.ResourceID) (ResourceDetail, error) {
	k, r, err := w.find(ctx, id)
	if err != nil {
		return ResourceDetail{}, err
	}
	detail := ResourceDetail{
		Resource: k.row(r), Body: r.Body, Source: r.Source, APIVersion: r.APIVersion, SHA256: r.SHA256(),
		Gaps: append([]azward.Gap{}, k.Estate.GapsAt(r.ID)...),
	}
	if found, ok := k.Estate.Workload(id); ok {
		running := Running{Workload: found.Workload, Running: found.Running, Containers: []Container{}, Gaps: append([]azward.Gap{}, found.Gaps...)}
		for _, c := range found.Containers {
			running.Containers = append(running.Containers, Container{c.Name, c.Image, c.Digest, c.Init})
		}
		detail.Workload = &running
	}
	return detail, nil
}

// find looks for a resource in the newest estates, the newest first.
func (w *Workspace) find(ctx context.Context, id azward.ResourceID) (Kept, *estate.Resource, error) {
	kept, gaps, err := w.Latest(ctx, "")
	if err != nil {
		return Kept{}, nil, err
	}
	slices.SortStableFunc(kept, func(a, b Kept) int { return b.Scan.StartedAt.Compare(a.Scan.StartedAt) })
	for _, k := range kept {
		if r, ok := k.Estate.Resource(id); ok {
			return k, r, nil
		}
	}
	cause, remedy := "no kept estate has it", "copy an ID from the list of resources, or scan again: azward scan"
	if len(gaps) > 0 {
		cause += "; of some connections no estate is kept"
	}
	return Kept{}, nil, &azward.Error{Kind: azward.KindNotFound, Op: "find resource", Subject: string(id), Cause: cause, Remedy: remedy}
}
