package api

import (
	"cmp"
	"context"
	"slices"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/workspace"
)

func (a *API) viewRoutes() {
	handle(a, "list-views", a.listViews)
	handle(a, "save-view", a.saveView)
	handle(a, "remove-view", a.removeView)
}

// ViewFilters select verdicts, as the parameters of their list do.
type ViewFilters struct {
	Result        []azward.Result `json:"result,omitempty" maxItems:"5" doc:"Any of these."`
	Severity      string          `json:"severity,omitempty" enum:"low,medium,high,critical" doc:"This and above."`
	Vulnerability string          `json:"vulnerability,omitempty" maxLength:"200"`
	Workload      string          `json:"workload,omitempty" maxLength:"4096"`
	Connection    string          `json:"connection,omitempty" maxLength:"200"`
	Search        string          `json:"search,omitempty" maxLength:"200"`
	Known         bool            `json:"known,omitempty"`
	Dismissed     string          `json:"dismissed,omitempty" enum:"without,with,only" doc:"without, where it is left out."`
}

// View is a saved filter of verdicts.
type View struct {
	Name    string      `json:"name"`
	Filters ViewFilters `json:"filters"`
	Shared  bool        `json:"shared" doc:"Everybody sees it."`
	Own     bool        `json:"own" doc:"Saved by whoever asks."`
	Owner   string      `json:"owner,omitempty" doc:"Who saved it, where that is somebody else."`
}

func viewOf(v workspace.View) View {
	f := v.Filters
	shown := View{Name: v.Name, Shared: v.Shared, Own: v.Own, Filters: ViewFilters{
		Result: f.Results, Severity: string(f.Severity), Vulnerability: f.CVE, Workload: f.Workload, Connection: f.Source, Search: f.Text, Known: f.Known, Dismissed: string(f.Dismissed),
	}}
	if !v.Own {
		shown.Owner = v.Owner
	}
	return shown
}

// filters are checked as the page's address is.
func (f ViewFilters) filters() (workspace.Filters, error) {
	asked := workspace.Filters{
		Text: f.Search, Results: f.Result, Severity: azward.Severity(f.Severity), Known: f.Known, Source: f.Connection, Workload: f.Workload, CVE: f.Vulnerability,
	}
	if f.Dismissed != "without" {
		asked.Dismissed = workspace.Hidden(f.Dismissed)
	}
	return workspace.ReadFilters(asked.Query())
}

func (a *API) views() (workspace.SavedViews, error) {
	if a.Views == nil {
		return workspace.SavedViews{}, &azward.Error{Kind: azward.KindUnavailable, Op: "keep views", Cause: "this hub keeps none", Remedy: "start it with azward serve"}
	}
	return workspace.SavedViews{Store: a.Views}, nil
}

func (a *API) listViews(ctx context.Context, in *Paging) (*body[Page[View]], error) {
	who, err := access.Check(ctx, access.Viewer, "list views")
	if err != nil {
		return nil, err
	}
	saved, err := a.views()
	if err != nil {
		return nil, err
	}
	list, err := saved.List(ctx, who.UserID)
	if err != nil {
		return nil, err
	}
	shown := make([]View, 0, len(list))
	for _, v := range list {
		shown = append(shown, viewOf(v))
	}
	// A name is the user's own and somebody's shared one at most.
	key := func(v View) string {
		if v.Own {
			return v.Name + "\x00 own"
		}
		return v.Name + "\x00"
	}
	slices.SortFunc(shown, func(a, b View) int { return cmp.Compare(key(a), key(b)) })
	return slice(shown, *in, key)
}

// ViewName names a view in a path.
type ViewName struct {
	Name string `path:"name" maxLength:"160"`
}

// ViewSettings are what a view can be told.
type ViewSettings struct {
	Filters ViewFilters `json:"filters"`
	Shared  bool        `json:"shared,omitempty" doc:"Everybody sees it; for operators."`
}

func (a *API) saveView(ctx context.Context, in *struct {
	ViewName
	Body ViewSettings
},
) (*body[View], error) {
	least := access.Viewer
	if in.Body.Shared {
		least = access.Operator
	}
	who, err := access.Check(ctx, least, "save a view")
	if err != nil {
		return nil, err
	}
	saved, err := a.views()
	if err != nil {
		return nil, err
	}
	filters, err := in.Body.Filters.filters()
	if err != nil {
		return nil, err
	}
	was, now, err := saved.Save(ctx, who.UserID, workspace.NewView{Name: in.Name, Filters: filters, Shared: in.Body.Shared})
	if err != nil {
		return nil, err
	}
	if now.Shared || was != nil && was.Shared {
		var before any
		if was != nil {
			before = viewOf(*was)
		}
		if err := a.Access.Audit(ctx, "view.share", now.Name, before, viewOf(now)); err != nil {
			return nil, err
		}
	}
	return answer(viewOf(now), nil)
}

func (a *API) removeView(ctx context.Context, in *ViewName) (*none, error) {
	who, err := access.Check(ctx, access.Viewer, "remove a view")
	if err != nil {
		return nil, err
	}
	saved, err := a.views()
	if err != nil {
		return nil, err
	}
	was, err := saved.Remove(ctx, who.UserID, in.Name, who.Role.Allows(access.Admin))
	if err != nil {
		return nil, err
	}
	if was.Shared {
		return &none{}, a.Access.Audit(ctx, "view.remove", was.Name, viewOf(was), nil)
	}
	return &none{}, nil
}
