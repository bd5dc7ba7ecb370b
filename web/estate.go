package web

import (
	"bytes"
	"cmp"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/exposure/draw"
	"github.com/azward/azward/workspace"
)

const (
	neighboursShown = 100
)

func resourceURL(id azward.ResourceID) string {
	return "/estate/resource?" + url.Values{"id": {string(id)}}.Encode()
}

func mapURL(id azward.ResourceID) string {
	return "/estate/map?" + url.Values{"id": {string(id)}}.Encode()
}

// estatePage is what the newest scans read: counts, or what a filter selects.
type estatePage struct {
	Text, Type, Subscription, Connection string
	Filtered                             bool
	Groups                               []typeGroup
	Total                                int
	Subscriptions                        []string
	Connections                          []string
	AllTypes                             []string
	Found                                []resourceRow
	Next, First                          string
	Gaps                                 []azward.Gap
	Maps                                 []mapLink
	MapsMore                             int
}

// typeGroup are the types of one subscription, the most frequent first.
type typeGroup struct {
	Subscription azward.SubscriptionID
	Connection   string
	Count        int
	Types        []typeRow
}

type typeRow struct {
	workspace.TypeCount
	URL string
}

type resourceRow struct {
	workspace.Resource
	URL string
}

type mapLink struct{ Name, Group, Kind, URL string }

func (s *Site) estate(w http.ResponseWriter, r *http.Request) error {
	ctx, q := r.Context(), r.URL.Query()
	v := estatePage{Text: strings.TrimSpace(q.Get("q")), Type: q.Get("type"), Subscription: q.Get("subscription"), Connection: q.Get("connection")}
	v.Filtered = v.Text != "" || v.Type != "" || v.Subscription != "" || v.Connection != ""
	types, gaps, err := s.o.Workspace.Types(ctx)
	if err != nil {
		return err
	}
	v.Gaps = gaps
	v.count(types)
	if v.Filtered {
		err = s.found(r, &v)
	} else {
		err = s.maps(r, &v)
	}
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "estate", page{Title: "Estate", Section: "estate", Data: v})
}

func (v *estatePage) count(types []workspace.TypeCount) {
	add := func(list *[]string, value string) {
		if value != "" && !slices.Contains(*list, value) {
			*list = append(*list, value)
		}
	}
	for _, t := range types {
		v.Total += t.Count
		at := slices.IndexFunc(v.Groups, func(g typeGroup) bool { return g.Subscription == t.Subscription && g.Connection == t.Connection })
		if at < 0 {
			at = len(v.Groups)
			v.Groups = append(v.Groups, typeGroup{Subscription: t.Subscription, Connection: t.Connection})
		}
		group := &v.Groups[at]
		group.Count += t.Count
		group.Types = append(group.Types, typeRow{t, "/estate?" + url.Values{"type": {t.Type}, "subscription": {string(t.Subscription)}, "connection": {t.Connection}}.Encode()})
		add(&v.Subscriptions, string(t.Subscription))
		add(&v.Connections, t.Connection)
		add(&v.AllTypes, t.Type)
	}
	slices.SortStableFunc(v.Groups, func(a, b typeGroup) int { return cmp.Compare(b.Count, a.Count) })
	for _, g := range v.Groups {
		slices.SortStableFunc(g.Types, func(a, b typeRow) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Type, b.Type)) })
	}
	slices.Sort(v.AllTypes)
}

func (v *estatePage) query() url.Values {
	out := url.Values{}
	for key, value := range map[string]string{"q": v.Text, "type": v.Type, "subscription": v.Subscription, "connection": v.Connection} {
		if value != "" {
			out.Set(key, value)
		}
	}
	return out
}

func (s *Site) found(r *http.Request, v *estatePage) error {
	after := r.URL.Query().Get("after")
	list, err := s.o.Workspace.Resources(r.Context(), workspace.ResourceQuery{Text: v.Text, Type: v.Type, Subscription: v.Subscription, Connection: v.Connection, After: after})
	if err != nil {
		return err
	}
	for _, one := range list.Resources {
		v.Found = append(v.Found, resourceRow{one, resourceURL(one.ID)})
	}
	if after != "" {
		v.First = "/estate?" + v.query().Encode()
	}
	if list.Next != "" {
		next := v.query()
		next.Set("after", list.Next)
		v.Next = "/estate?" + next.Encode()
	}
	return nil
}

// maps links to what a map can be drawn of.
func (s *Site) maps(r *http.Request, v *estatePage) error {
	for _, kind := range []struct{ word, resourceType string }{{"network", workspace.NetworkType}, {"cluster", workspace.ClusterType}} {
		list, err := s.o.Workspace.Resources(r.Context(), workspace.ResourceQuery{Type: kind.resourceType})
		if err != nil {
			return err
		}
		for _, one := range list.Resources {
			v.Maps = append(v.Maps, mapLink{one.Name, one.ResourceGroup, kind.word, mapURL(one.ID)})
		}
		if list.Next != "" {
			v.MapsMore++
		}
	}
	return nil
}

// resourcePage is one resource.
type resourcePage struct {
	workspace.ResourceDetail
	Raw        string
	Exposed    *workspace.Exposed
	NoExposure *problem // why there is none to tell of
	Picture    template.HTML
	Neighbours []neighbourGroup
	More       bool
	History    workspace.History
	MapURL     string
	Verdicts   string // URL of the workload's verdicts
	Posture    postureBrief
}

type neighbourGroup struct {
	Title string
	List  []neighbourRow
	More  int
}

type neighbourRow struct {
	workspace.Neighbour
	URL string
}

func (s *Site) resource(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	id, err := azward.ParseResourceID(r.URL.Query().Get("id"))
	if err != nil {
		return err
	}
	found, err := s.o.Workspace.Resource(ctx, id)
	if err != nil {
		return err
	}
	v := resourcePage{ResourceDetail: found, Raw: raw(found.Body)}
	if workspace.HasMap(found.Type) {
		v.MapURL = mapURL(found.ID)
	}
	if found.Workload != nil {
		v.Verdicts = listURL(workspace.Filters{Workload: string(found.Workload.ID), Dismissed: workspace.WithDismissed}.Query())
	}
	for _, fill := range []func(*http.Request, azward.ResourceID, *resourcePage) error{s.exposed, s.beside, s.past, s.rulesOf} {
		if err := fill(r, id, &v); err != nil {
			return err
		}
	}
	return s.render(w, r, http.StatusOK, "resource", page{Title: found.Name, Section: "estate", Data: v})
}

// exposed tells who reaches it; of what nobody could reach there is none to
// tell of.
func (s *Site) exposed(r *http.Request, id azward.ResourceID, v *resourcePage) error {
	found, err := s.o.Workspace.Exposure(r.Context(), id)
	if azward.KindOf(err) == azward.KindNotFound && err != nil {
		p := problemOf(err)
		v.NoExposure = &p
		return nil
	}
	if err != nil {
		return err
	}
	v.Exposed = &found
	if len(found.Path) == 0 {
		return nil
	}
	var b bytes.Buffer
	if err := draw.Inline(&b, "way", draw.OfExposure(found.Exposure)); err != nil {
		return fmt.Errorf("draw the way to %s: %w", id, err)
	}
	v.Picture = template.HTML(b.String()) //nolint:gosec // draw escapes every name
	return nil
}

func (s *Site) beside(r *http.Request, id azward.ResourceID, v *resourcePage) error {
	found, err := s.o.Workspace.Neighbours(r.Context(), id)
	if err != nil {
		return err
	}
	v.More = found.More
	for _, g := range []struct {
		relation workspace.Relation
		title    string
	}{{workspace.ParentOf, "Part of"}, {workspace.ChildOf, "Holds"}, {workspace.RefersTo, "Names"}, {workspace.ReferredBy, "Is named by"}} {
		group := neighbourGroup{Title: g.title}
		for _, n := range found.Neighbours {
			if n.Relation != g.relation {
				continue
			}
			if len(group.List) == neighboursShown {
				group.More++
				continue
			}
			group.List = append(group.List, neighbourRow{n, resourceURL(n.ID)})
		}
		if len(group.List) > 0 {
			v.Neighbours = append(v.Neighbours, group)
		}
	}
	return nil
}

func (s *Site) past(r *http.Request, id azward.ResourceID, v *resourcePage) (err error) {
	v.History, err = s.o.Workspace.History(r.Context(), id)
	return err
}
