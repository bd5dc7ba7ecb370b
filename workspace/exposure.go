package workspace

import (
	"bytes"
	"context"
	"fmt"

	"github.com/azward/azward"
	"github.com/azward/azward/exposure"
	"github.com/azward/azward/exposure/draw"
)

// Exposed is who reaches one workload or service.
type Exposed struct {
	exposure.Exposure
	Ladder []exposure.Rung `json:"ladder"` // the farthest source first
	// SCM is the advanced tools site of a web app; nil for all others.
	SCM *exposure.Exposure `json:"scm,omitempty"`
	// Settings would close the way in, or open it; each was tried.
	Settings   []exposure.Counterfactual `json:"settings"`
	Connection string                    `json:"connection"`
	Scan       string                    `json:"scan"`
}

// Exposure of a workload, or of the endpoint of a service, in the newest estate
// that has it.
func (w *Workspace) Exposure(ctx context.Context, id azward.ResourceID) (Exposed, error) {
	k, r, err := w.find(ctx, id)
	if err != nil {
		return Exposed{}, err
	}
	x := Exposed{Settings: []exposure.Counterfactual{}, Connection: k.Scan.Source, Scan: k.Scan.ID}
	found, runs := k.Estate.Workload(id)
	switch {
	case runs:
		x.Exposure, x.Ladder = exposure.Reach(k.Estate, found), exposure.Ladder(k.Estate, found)
		if found.Kind == azward.AppService || found.Kind == azward.FunctionApp {
			scm := exposure.SCMSite(k.Estate, r)
			x.SCM = &scm
		}
		settings, err := exposure.Counterfactuals(k.Estate, found)
		if err != nil {
			return x, err
		}
		x.Settings = append(x.Settings, settings...)
	case exposure.HasEndpoint(r):
		x.Exposure, x.Ladder = exposure.PublicEndpoint(k.Estate, r), exposure.EndpointLadder(k.Estate, r)
		settings, err := exposure.EndpointCounterfactuals(k.Estate, r)
		if err != nil {
			return x, err
		}
		x.Settings = append(x.Settings, settings...)
	default:
		return x, &azward.Error{
			Kind: azward.KindNotFound, Op: "judge exposure", Subject: string(r.ID), Cause: r.Type + " is no workload and no service with an endpoint that is judged",
			Remedy: "ask for a workload, or check one flow",
		}
	}
	return x, nil
}

// Picture draws the path to a workload or service as an SVG that needs nothing
// else.
func (w *Workspace) Picture(ctx context.Context, id azward.ResourceID) ([]byte, error) {
	k, r, err := w.find(ctx, id)
	if err != nil {
		return nil, err
	}
	var x exposure.Exposure
	if found, ok := k.Estate.Workload(id); ok {
		x = exposure.Reach(k.Estate, found)
	} else {
		x = exposure.PublicEndpoint(k.Estate, r)
	}
	var b bytes.Buffer
	if err := draw.SVG(&b, draw.OfExposure(x)); err != nil {
		return nil, fmt.Errorf("draw %s: %w", id, err)
	}
	return b.Bytes(), nil
}

// Check answers whether one flow may pass, in the newest estate of a
// connection; "" takes the one that has the question's end, or the only one.
func (w *Workspace) Check(ctx context.Context, connection string, q exposure.Question) (exposure.Result, error) {
	kept, gaps, err := w.Latest(ctx, connection)
	if err != nil {
		return exposure.Result{}, err
	}
	const op = "check flow"
	switch {
	case len(kept) == 0 && len(gaps) > 0:
		return exposure.Result{}, &azward.Error{Kind: azward.KindNotFound, Op: op, Cause: gaps[0].Error, Remedy: gaps[0].Remedy}
	case len(kept) == 0:
		return exposure.Result{}, &azward.Error{Kind: azward.KindNotFound, Op: op, Cause: "no scan is kept", Remedy: "scan first: azward scan"}
	case len(kept) == 1:
		return exposure.Check(kept[0].Estate, q)
	}
	for _, end := range []string{q.To, q.From} {
		id, err := azward.ParseResourceID(end)
		if err != nil {
			continue
		}
		for _, k := range kept {
			if _, ok := k.Estate.Resource(id); ok {
				return exposure.Check(k.Estate, q)
			}
		}
	}
	return exposure.Result{}, &azward.Error{
		Kind: azward.KindUsage, Op: op, Cause: "several connections have an estate, and neither end says which is meant", Remedy: "name the connection",
	}
}
