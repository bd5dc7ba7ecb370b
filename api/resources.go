package api

import (
	"context"

	"github.com/azward/azward"
	"github.com/azward/azward/workspace"
)

func (a *API) resourceRoutes() {
	handle(a, "search-resources", a.searchResources)
	handle(a, "count-resources", a.countResources)
	handle(a, "get-resource", a.getResource)
	handle(a, "get-history", a.getHistory)
	handle(a, "get-neighbours", a.getNeighbours)
}

// ResourcePage is a page of resources with what is not known.
type ResourcePage struct {
	Page[workspace.Resource]
	Gaps []azward.Gap `json:"gaps" nullable:"false" doc:"Connections whose estate is not there: what they hold is not in the list."`
}

func (a *API) searchResources(ctx context.Context, in *struct {
	Paging
	Search       string `query:"search" maxLength:"200" doc:"Part of the ID, without case."`
	Type         string `query:"type" maxLength:"200" doc:"ARM type, or Kubernetes kind with its group, without case."`
	Subscription string `query:"subscription" maxLength:"64"`
	Connection   string `query:"connection" maxLength:"4096"`
},
) (*body[ResourcePage], error) {
	after, err := openCursor(in.Cursor)
	if err != nil {
		return nil, err
	}
	found, err := a.Workspace.Resources(ctx, workspace.ResourceQuery{
		Text: in.Search, Type: in.Type, Subscription: in.Subscription, Connection: in.Connection, After: after, Size: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	return &body[ResourcePage]{ResourcePage{page(found.Resources, formCursor(found.Next)).Body, found.Gaps}}, nil
}

// TypeCounts are how many resources there are.
type TypeCounts struct {
	Types []workspace.TypeCount `json:"types" nullable:"false"`
	Gaps  []azward.Gap          `json:"gaps" nullable:"false" doc:"Connections whose estate is not there: what they hold is not counted."`
}

func (a *API) countResources(ctx context.Context, _ *none) (*body[TypeCounts], error) {
	types, gaps, err := a.Workspace.Types(ctx)
	return answer(TypeCounts{types, append([]azward.Gap{}, gaps...)}, err)
}

// OneResource names a resource. An ID has slashes, so it is no part of the path.
type OneResource struct {
	ID string `query:"id" required:"true" maxLength:"4096" doc:"ID of the resource, in any case." example:"/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/shop/providers/Microsoft.Network/virtualNetworks/vnet"`
}

func (a *API) getResource(ctx context.Context, in *struct {
	OneResource
	IfNoneMatch
},
) (*tagged[workspace.ResourceDetail], error) {
	id, err := azward.ParseResourceID(in.ID)
	if err != nil {
		return nil, err
	}
	found, err := a.Workspace.Resource(ctx, id)
	if err != nil {
		return nil, err
	}
	tag := tagOf(found.Scan+found.SHA256, found.ReadAt)
	if err := in.fresh(tag); err != nil {
		return nil, err
	}
	return &tagged[workspace.ResourceDetail]{tag, found}, nil
}

func (a *API) getHistory(ctx context.Context, in *OneResource) (*body[workspace.History], error) {
	id, err := azward.ParseResourceID(in.ID)
	if err != nil {
		return nil, err
	}
	return answer(a.Workspace.History(ctx, id))
}

func (a *API) getNeighbours(ctx context.Context, in *OneResource) (*body[workspace.Neighbours], error) {
	id, err := azward.ParseResourceID(in.ID)
	if err != nil {
		return nil, err
	}
	return answer(a.Workspace.Neighbours(ctx, id))
}
