package web

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
	"github.com/azward/azward/workspace"
)

// verdictFilters is what the URL of the list says, checked. Its form in the URL
// is the same as the one of saved views.
type verdictFilters struct {
	Text      string
	Results   []azward.Result
	Severity  azward.Severity
	Known     bool
	Source    string
	Workload  string
	CVE       string
	Dismissed workspace.Hidden
}

// maxText bounds what is searched for, in bytes.
const maxText = 200

func readFilters(q url.Values) (verdictFilters, error) {
	f := verdictFilters{
		Text: strings.TrimSpace(q.Get("q")), Severity: azward.Severity(q.Get("severity")), Known: q.Get("known") != "",
		Source: q.Get("source"), Workload: q.Get("workload"), CVE: q.Get("cve"), Dismissed: workspace.Hidden(q.Get("dismissed")),
	}
	const op = "read filters"
	if len(f.Text) > maxText || len(f.CVE) > maxText || len(f.Source) > maxText {
		return f, badForm(op, "what is searched for is longer than 200 bytes", "search for less")
	}
	for _, text := range q["result"] {
		r := azward.Result(text)
		if !slices.Contains(azward.Results(), r) {
			return f, badForm(op, "there is no such result", "use exploitable, conditional, unknown, dormant or not-exploitable")
		}
		if !slices.Contains(f.Results, r) {
			f.Results = append(f.Results, r)
		}
	}
	if f.Severity != "" && f.Severity.Rank() == 0 {
		return f, badForm(op, "there is no such severity", "use low, medium, high or critical")
	}
	if f.Workload != "" {
		if _, err := azward.ParseResourceID(f.Workload); err != nil {
			return f, err
		}
	}
	switch f.Dismissed {
	case workspace.HideDismissed, workspace.WithDismissed, workspace.OnlyDismissed:
	default:
		return f, badForm(op, "dismissed verdicts are hidden, shown with the others, or shown alone", "leave dismissed out, or use with or only")
	}
	return f, nil
}

// query writes the filters as the URL has them, always in the same order.
func (f verdictFilters) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{
		"q": f.Text, "severity": string(f.Severity), "source": f.Source, "workload": f.Workload, "cve": f.CVE, "dismissed": string(f.Dismissed),
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	for _, r := range f.Results {
		q.Add("result", string(r))
	}
	if f.Known {
		q.Set("known", "1")
	}
	return q
}

func listURL(q url.Values) string {
	if len(q) == 0 {
		return "/verdicts"
	}
	return "/verdicts?" + q.Encode()
}

func (f verdictFilters) ask(after string) workspace.VerdictQuery {
	return workspace.VerdictQuery{
		Filter: store.Filter{
			Source: f.Source, Results: f.Results, MinSeverity: f.Severity, Vulnerability: f.CVE, Workload: azward.ResourceID(f.Workload), Text: f.Text, Known: f.Known,
		},
		Dismissed: f.Dismissed, After: after,
	}
}

type verdictsPage struct {
	Filters    verdictFilters
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
}

// choice is one entry of a select.
type choice struct {
	Value, Name string
	On          bool
}

func (s *Site) verdicts(w http.ResponseWriter, r *http.Request) error {
	filters, err := readFilters(r.URL.Query())
	if err != nil {
		return err
	}
	after := r.URL.Query().Get("after")
	ws := s.o.Workspace
	found, err := ws.Verdicts(r.Context(), filters.ask(after))
	if err != nil {
		return err
	}
	all := filters
	all.Results = nil
	counts, err := ws.CountVerdicts(r.Context(), all.ask(""))
	if err != nil {
		return err
	}
	sources, err := ws.Sources(r.Context())
	if err != nil {
		return err
	}
	q := filters.query()
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
		next := filters.query()
		next.Set("after", found.Next)
		view.Next = listURL(next)
	}
	if view.Views, err = s.views(r.Context(), who(r).UserID, view.Query); err != nil {
		return err
	}
	view.CanKeep = s.o.Views != nil
	return s.render(w, r, http.StatusOK, "verdicts", page{Title: "Verdicts", Section: "verdicts", Data: view})
}

// ready are views that everybody has.
func ready() []viewLink {
	return []viewLink{
		{Name: "All", URL: "/verdicts"},
		{Name: "To act on", URL: "/verdicts?result=exploitable&result=conditional"},
		{Name: "Known exploited", URL: "/verdicts?known=1"},
		{Name: "To find out", URL: "/verdicts?result=unknown"},
		{Name: "Dismissed", URL: "/verdicts?dismissed=only"},
	}
}

// views are those of everybody, then the user's own.
func (s *Site) views(ctx context.Context, user, query string) ([]viewLink, error) {
	list := ready()
	for i, v := range list {
		_, q, _ := strings.Cut(v.URL, "?")
		list[i].On = q == query
	}
	if s.o.Views == nil {
		return list, nil
	}
	kept, err := s.o.Views.Views(ctx, user)
	if err != nil {
		return nil, err
	}
	for _, v := range kept {
		q, err := url.ParseQuery(v.Query)
		if err != nil {
			continue // of another version: the name is shown no more
		}
		list = append(list, viewLink{Name: v.Name, URL: listURL(q), On: q.Encode() == query})
	}
	return list, nil
}

// own says that a view is the user's, and can be removed.
func (v viewLink) Own() bool {
	return !slices.ContainsFunc(ready(), func(o viewLink) bool { return o.Name == v.Name })
}

// Views keeps the saved filters of users.
type Views interface {
	Views(ctx context.Context, user string) ([]store.View, error)
	SaveView(ctx context.Context, v store.View) error
	RemoveView(ctx context.Context, user, name string) error
}

const (
	maxViewName = 40 // characters
	maxViews    = 20 // of one user
)

func (s *Site) saveView(w http.ResponseWriter, r *http.Request) error {
	const op = "save view"
	name := strings.TrimSpace(r.PostForm.Get("name"))
	q, err := url.ParseQuery(r.PostForm.Get("query"))
	if err != nil {
		return badForm(op, "its filters are broken", "set the filters again, then save them")
	}
	filters, err := readFilters(q)
	if err != nil {
		return err
	}
	back := listURL(filters.query())
	switch {
	case s.o.Views == nil:
		return badForm(op, "this hub keeps no views", "bookmark the page: its filters are in the address")
	case name == "" || len([]rune(name)) > maxViewName:
		return badForm(op, "its name is empty or longer than 40 characters", "give it a short name")
	case !viewLink{Name: name}.Own():
		return badForm(op, "there is a view of this name for everybody", "give it another name")
	}
	kept, err := s.o.Views.Views(r.Context(), who(r).UserID)
	if err != nil {
		return err
	}
	if len(kept) >= maxViews && !slices.ContainsFunc(kept, func(v store.View) bool { return v.Name == name }) {
		return badForm(op, "you have 20 views", "remove one first")
	}
	if err := s.o.Views.SaveView(r.Context(), store.View{User: who(r).UserID, Name: name, Query: filters.query().Encode()}); err != nil {
		return err
	}
	return done(w, r, back, "The view “"+name+"” is saved.")
}

func (s *Site) removeView(w http.ResponseWriter, r *http.Request) error {
	name := r.PostForm.Get("name")
	if s.o.Views == nil {
		return notFound("view " + name)
	}
	if err := s.o.Views.RemoveView(r.Context(), who(r).UserID, name); err != nil {
		return err
	}
	return done(w, r, cmp.Or(r.PostForm.Get("back"), "/verdicts"), "The view “"+name+"” is gone.")
}
