package web

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/workspace"
)

func listURL(q url.Values) string {
	if len(q) == 0 {
		return "/verdicts"
	}
	return "/verdicts?" + q.Encode()
}

// maxText bounds what is searched for, in bytes.
const maxText = 200

type verdictsPage struct {
	Filters    workspace.Filters
	Results    []resultChip
	Severities []azward.Severity
	Sources    []string
	Page       workspace.VerdictPage
	Shown      string // how many there are, in words
	Next       string // URL
	First      string // URL, "" on the first page
	Query      string // of this list, to save
	Filtered   bool
	Any        bool // there is a verdict at all
	Views      []viewLink
	CanKeep    bool // views can be saved
	CanShare   bool
	CanTidy    bool // shared views of others can be removed
	CanDismiss bool
	Back       string
	Until      []choice
}

type resultChip struct {
	Result azward.Result
	Count  int
	On     bool
}

type viewLink struct {
	Name, URL string
	On        bool
	Own       bool // and can be removed
	Shared    bool
	Owner     string // who shares it
}

// choice is one entry of a select.
type choice struct {
	Value, Name string
	On          bool
}

func (s *Site) verdicts(w http.ResponseWriter, r *http.Request) error {
	filters, err := workspace.ReadFilters(r.URL.Query())
	if err != nil {
		return err
	}
	after := r.URL.Query().Get("after")
	ws := s.o.Workspace
	found, err := ws.Verdicts(r.Context(), filters.Ask(after))
	if err != nil {
		return err
	}
	all := filters
	all.Results = nil
	counts, err := ws.CountVerdicts(r.Context(), all.Ask(""))
	if err != nil {
		return err
	}
	sources, err := ws.Sources(r.Context())
	if err != nil {
		return err
	}
	q := filters.Query()
	view := verdictsPage{
		Filters: filters, Page: found, Query: q.Encode(), Filtered: len(q) > 0, Back: r.URL.RequestURI(), CanDismiss: who(r).Role.Allows(leastOf("POST /verdicts/dismiss")),
		Severities: []azward.Severity{azward.SeverityLow, azward.SeverityMedium, azward.SeverityHigh, azward.SeverityCritical}, Until: expiries(),
	}
	total := 0
	for _, result := range azward.Results() {
		on := slices.Contains(filters.Results, result)
		view.Results = append(view.Results, resultChip{result, counts[result], on})
		if on || len(filters.Results) == 0 {
			total += counts[result]
		}
	}
	view.Shown = counted(len(found.Verdicts), "verdict") + " on this page, " + thousands(total) + " in all"
	if filters.Dismissed == workspace.OnlyDismissed {
		view.Shown = counted(len(found.Verdicts), "dismissed verdict") + " on this page"
	}
	view.Any = len(sources) > 0
	for _, source := range sources {
		view.Sources = append(view.Sources, source.Source)
	}
	if after != "" {
		view.First = listURL(q)
	}
	if found.Next != "" {
		next := filters.Query()
		next.Set("after", found.Next)
		view.Next = listURL(next)
	}
	if view.Views, err = s.views(r.Context(), who(r).UserID, view.Query); err != nil {
		return err
	}
	view.CanKeep = s.o.Views != nil
	view.CanShare, view.CanTidy = who(r).Role.Allows(access.Operator), who(r).Role.Allows(access.Admin)
	return s.render(w, r, http.StatusOK, "verdicts", page{Title: "Verdicts", Section: "verdicts", Data: view})
}

// views are those of everybody, then the user's own and those that others share.
func (s *Site) views(ctx context.Context, user, query string) ([]viewLink, error) {
	var list []viewLink
	for _, v := range workspace.ReadyViews() {
		list = append(list, viewLink{Name: v.Name, URL: listURL(v.Filters.Query()), On: v.Filters.Query().Encode() == query})
	}
	if s.o.Views == nil {
		return list, nil
	}
	kept, err := workspace.SavedViews{Store: s.o.Views}.List(ctx, user)
	if err != nil {
		return nil, err
	}
	for _, v := range kept {
		q := v.Filters.Query()
		list = append(list, viewLink{Name: v.Name, URL: listURL(q), On: q.Encode() == query, Own: v.Own, Shared: v.Shared, Owner: v.Owner})
	}
	return list, nil
}

func (s *Site) saveView(w http.ResponseWriter, r *http.Request) error {
	const op = "save view"
	if s.o.Views == nil {
		return badForm(op, "this hub keeps no views", "bookmark the page: its filters are in the address")
	}
	q, err := url.ParseQuery(r.PostForm.Get("query"))
	if err != nil {
		return badForm(op, "its filters are broken", "set the filters again, then save them")
	}
	filters, err := workspace.ReadFilters(q)
	if err != nil {
		return err
	}
	shared := r.PostForm.Get("shared") != ""
	if shared {
		if _, err := access.Check(r.Context(), access.Operator, "share a view"); err != nil {
			return err
		}
	}
	was, kept, err := workspace.SavedViews{Store: s.o.Views}.Save(r.Context(), who(r).UserID, workspace.NewView{Name: r.PostForm.Get("name"), Filters: filters, Shared: shared})
	if err != nil {
		return err
	}
	if kept.Shared || was != nil && was.Shared { // what is everybody's is everybody's business
		if err := s.audit(r.Context(), "view.share", kept.Name, was, kept); err != nil {
			return err
		}
	}
	return done(w, r, listURL(filters.Query()), "The view “"+kept.Name+"” is saved.")
}

func (s *Site) removeView(w http.ResponseWriter, r *http.Request) error {
	name := r.PostForm.Get("name")
	if s.o.Views == nil {
		return notFound("view " + name)
	}
	was, err := workspace.SavedViews{Store: s.o.Views}.Remove(r.Context(), who(r).UserID, name, who(r).Role.Allows(access.Admin))
	if err != nil {
		return err
	}
	if was.Shared {
		if err := s.audit(r.Context(), "view.remove", name, was, nil); err != nil {
			return err
		}
	}
	return done(w, r, cmp.Or(r.PostForm.Get("back"), "/verdicts"), "The view “"+name+"” is gone.")
}
