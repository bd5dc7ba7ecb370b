package workspace

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

const (
	maxViewName = 40  // characters
	maxOwnViews = 20  // of one user
	maxShared   = 100 // of everybody: each stands on every page of the list
)

// ViewStore keeps the saved filters of users.
type ViewStore interface {
	// Views gives what the user saved and what others share, by name.
	Views(ctx context.Context, user string) ([]store.View, error)
	SaveView(ctx context.Context, v store.View) error
	RemoveView(ctx context.Context, user, name string) error
}

// View is a saved filter of verdicts.
type View struct {
	Name    string
	Filters Filters
	Own     bool   // of the user who asks
	Shared  bool   // everybody sees it
	Owner   string // name of whoever saved it
}

// NewView is a filter to be saved.
type NewView struct {
	Name    string
	Filters Filters
	Shared  bool
}

// ReadyViews are those that everybody has.
func ReadyViews() []View {
	return []View{
		{Name: "All"},
		{Name: "To act on", Filters: Filters{Results: []azward.Result{azward.Exploitable, azward.Conditional}}},
		{Name: "Known exploited", Filters: Filters{Known: true}},
		{Name: "To find out", Filters: Filters{Results: []azward.Result{azward.Undecided}}},
		{Name: "Dismissed", Filters: Filters{Dismissed: OnlyDismissed}},
	}
}

// SavedViews is the use case of saved filters. Store is required.
type SavedViews struct{ Store ViewStore }

// List gives what a user saved, and what others share. One whose filters this
// azward does not know is left out.
func (s SavedViews) List(ctx context.Context, user string) ([]View, error) {
	kept, err := s.Store.Views(ctx, user)
	if err != nil {
		return nil, err
	}
	list := make([]View, 0, len(kept))
	for _, v := range kept {
		if view, ok := viewOf(v, user); ok {
			list = append(list, view)
		}
	}
	return list, nil
}

func viewOf(v store.View, user string) (View, bool) {
	q, err := url.ParseQuery(v.Query)
	if err != nil {
		return View{}, false
	}
	filters, err := ReadFilters(q)
	return View{Name: v.Name, Filters: filters, Own: v.User == user, Shared: v.Shared, Owner: v.Owner}, err == nil
}

// Save keeps a view of a user, in place of the user's earlier one of that name,
// which was. KindConflict where another user shares one of that name.
func (s SavedViews) Save(ctx context.Context, user string, v NewView) (was *View, now View, err error) {
	const op = "save view"
	v.Name = strings.TrimSpace(v.Name)
	switch {
	case v.Name == "" || len([]rune(v.Name)) > maxViewName:
		return nil, now, badFilter(op, fmt.Sprintf("its name is empty or longer than %d characters", maxViewName), "give it a short name")
	case strings.ContainsFunc(v.Name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return nil, now, badFilter(op, "its name has characters that do not print", "give it another name")
	case slices.ContainsFunc(ReadyViews(), func(o View) bool { return o.Name == v.Name }):
		return nil, now, badFilter(op, "there is a view of this name for everybody", "give it another name")
	}
	kept, err := s.Store.Views(ctx, user)
	if err != nil {
		return nil, now, err
	}
	own, shared := 0, 0
	for _, k := range kept {
		if k.User == user && k.Name == v.Name {
			if before, ok := viewOf(k, user); ok {
				was = &before
			}
			continue
		}
		if k.User == user {
			own++
		}
		if k.Shared {
			shared++
		}
	}
	if own >= maxOwnViews {
		return nil, now, badFilter(op, fmt.Sprintf("you have %d views", maxOwnViews), "remove one first")
	}
	if v.Shared && shared >= maxShared {
		return nil, now, badFilter(op, fmt.Sprintf("%d views are shared already", maxShared), "keep this one to yourself, or let its owner remove another")
	}
	err = s.Store.SaveView(ctx, store.View{User: user, Name: v.Name, Query: v.Filters.Query().Encode(), Shared: v.Shared})
	return was, View{Name: v.Name, Filters: v.Filters, Own: true, Shared: v.Shared}, err
}

// Remove deletes a user's view, and gives it; with any also one that another
// user shares.
func (s SavedViews) Remove(ctx context.Context, user, name string, others bool) (View, error) {
	kept, err := s.Store.Views(ctx, user)
	if err != nil {
		return View{}, err
	}
	at := slices.IndexFunc(kept, func(v store.View) bool { return v.User == user && v.Name == name })
	if at < 0 {
		at = slices.IndexFunc(kept, func(v store.View) bool { return v.Shared && v.Name == name })
	}
	switch {
	case at < 0:
		return View{}, &azward.Error{Kind: azward.KindNotFound, Op: "remove view", Subject: fmt.Sprintf("%.80q", name), Cause: "there is none of that name", Remedy: "look at the list of verdicts: it has your views"}
	case kept[at].User != user && !others:
		return View{}, &azward.Error{Kind: azward.KindRole, Op: "remove view", Subject: fmt.Sprintf("%.80q", name), Cause: "it is somebody else's, who shares it", Remedy: "ask its owner or an administrator to remove it"}
	}
	was, _ := viewOf(kept[at], user)
	return was, s.Store.RemoveView(ctx, kept[at].User, name)
}
