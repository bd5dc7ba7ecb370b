package api

import (
	"context"
	"fmt"

	"github.com/azward/azward/workspace"
)

func (a *API) coverageRoutes() {
	handle(a, "get-coverage", a.getCoverage)
	handle(a, "list-gaps", a.listGaps)
	handle(a, "get-advisories", a.getAdvisories)
}

// Coverages are how much was read, by connection.
type Coverages struct {
	Connections []workspace.Coverage `json:"connections" nullable:"false"`
}

func (a *API) getCoverage(ctx context.Context, _ *none) (*body[Coverages], error) {
	list, err := a.Workspace.Coverage(ctx)
	return answer(Coverages{list}, err)
}

func (a *API) listGaps(ctx context.Context, in *struct {
	Paging
	Connection string `query:"connection" maxLength:"4096"`
},
) (*body[Page[workspace.GapRow]], error) {
	rows, err := a.Workspace.Gaps(ctx, in.Connection)
	if err != nil {
		return nil, err
	}
	// The order is by what they settle, and has no key: their place is one while
	// the scans are the same.
	places := make([]place[workspace.GapRow], len(rows))
	for i, r := range rows {
		places[i] = place[workspace.GapRow]{r, fmt.Sprintf("%09d", i)}
	}
	found, err := slice(places, in.Paging, func(p place[workspace.GapRow]) string { return p.at })
	if err != nil {
		return nil, err
	}
	shown := make([]workspace.GapRow, 0, len(found.Body.Items))
	for _, p := range found.Body.Items {
		shown = append(shown, p.thing)
	}
	return page(shown, found.Body.Next), nil
}

// place is a thing with its place in a list.
type place[T any] struct {
	thing T
	at    string
}

func (a *API) getAdvisories(ctx context.Context, _ *none) (*body[workspace.Advisories], error) {
	return answer(a.Workspace.Advisories(ctx))
}
