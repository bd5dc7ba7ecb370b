package config

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/connect"
)

// Apply does what the plan says: connections first, each on its own, then what
// is kept as it stands. A second apply of the same file changes nothing. What
// fails is told by its name, and the others are applied.
func (w Workspace) Apply(ctx context.Context, p *Plan, at time.Time) error {
	before, err := Load(ctx, w.Store)
	if err != nil {
		return err
	}
	var failed error
	for _, d := range p.Differences {
		if d.Kind != "connection" {
			continue
		}
		if err := w.applyConnection(ctx, d, p.requests[d.Name], at); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s connection %s: %w", d.Action, d.Name, err))
			keepFailed(p, before, d)
		}
	}
	if len(p.Differences) == 0 && before.File == p.applied.File {
		return nil
	}
	p.applied.At = at
	doc, err := json.Marshal(p.applied)
	if err != nil {
		return errors.Join(failed, fmt.Errorf("write the applied configuration: %w", err))
	}
	return errors.Join(failed, w.Store.SaveSetting(ctx, Setting, doc, at))
}

func (w Workspace) applyConnection(ctx context.Context, d Difference, request connect.Request, at time.Time) error {
	var err error
	switch d.Action {
	case Add:
		_, err = w.Connections.Add(ctx, request, at)
	case Change:
		_, err = w.Connections.Update(ctx, request, time.Time{}, at)
	case Remove:
		err = w.Connections.Remove(ctx, d.Name)
	}
	return err
}

// keepFailed leaves a connection that could not be changed as the last apply
// had it, so that the next one tries again.
func keepFailed(p *Plan, before Applied, d Difference) {
	delete(p.applied.Connections, d.Name)
	if old, ok := before.Connections[d.Name]; ok {
		p.applied.Connections[d.Name] = old
	}
}

// Drift lists what differs from what was last applied: somebody changed or
// removed a connection by hand since. Secrets are not compared.
func (w Workspace) Drift(ctx context.Context) (Applied, []Difference, error) {
	applied, err := Load(ctx, w.Store)
	if err != nil {
		return applied, nil, err
	}
	var list []Difference
	for _, name := range slices.Sorted(maps.Keys(applied.Connections)) {
		current, err := w.Connections.Show(ctx, name)
		if azward.KindOf(err) == azward.KindNotFound {
			list = append(list, Difference{Action: Remove, Kind: "connection", Name: name})
			continue
		}
		if err != nil {
			return applied, nil, err
		}
		if fields := changed(applied.Connections[name], fieldsOf(current)); len(fields) > 0 {
			list = append(list, Difference{Action: Change, Kind: "connection", Name: name, Fields: fields})
		}
	}
	return applied, list, nil
}
