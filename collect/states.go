package collect

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/azward/azward"
)

// withStates lists the kind, then once more with the query that gives the
// running state, and files each body with its instance view, as a GET that
// expands it gives. A list alone does not say whether a machine runs, and a
// request for each machine would cost a thousand times as much.
//
// Source: https://learn.microsoft.com/rest/api/compute/virtual-machines/list-all (statusOnly),
// https://learn.microsoft.com/rest/api/compute/virtual-machines/get ($expand=instanceView)
func (l *lister) withStates(ctx context.Context) error {
	var bodies []json.RawMessage
	err := l.read(ctx, l.k.query, func(body json.RawMessage) { bodies = append(bodies, body) })
	if err != nil || len(bodies) == 0 {
		l.fileAll(bodies)
		return err
	}
	pages := l.pages
	views := map[azward.ResourceKey]json.RawMessage{}
	stateErr := l.read(ctx, l.k.states, func(body json.RawMessage) {
		if id, view := instanceView(body); len(view) > 0 {
			views[id.Key()] = view
		}
	})
	l.pages += pages
	if stateErr != nil {
		l.fileAll(bodies)
		if ctx.Err() != nil || fatal(stateErr) {
			return stateErr
		}
		l.s.lack(l.s.id, l.k.resourceType+"/instanceView", l.k.resourceType+"/instanceView/read", stateErr)
		return nil
	}
	for i, body := range bodies {
		if bodies[i], err = l.stated(ctx, body, views); err != nil {
			return err
		}
	}
	l.fileAll(bodies)
	return nil
}

func (l *lister) fileAll(bodies []json.RawMessage) {
	for _, body := range bodies {
		l.file(body)
	}
}

// stated returns the body with its state; what the second list left out is
// asked for by itself. A machine whose state cannot be had is filed without.
func (l *lister) stated(ctx context.Context, body json.RawMessage, views map[azward.ResourceKey]json.RawMessage) (json.RawMessage, error) {
	id, view := instanceView(body)
	if len(view) > 0 || id == "" {
		return body, nil
	}
	view, ok := views[id.Key()]
	if !ok {
		full, err := l.s.client.Get(ctx, string(id), l.k.version, "$expand", "instanceView")
		switch {
		case err != nil && (ctx.Err() != nil || fatal(err)):
			return body, err
		case err != nil:
			l.s.lack(id, l.k.resourceType+"/instanceView", l.k.resourceType+"/instanceView/read", err)
			return body, nil
		}
		return full, nil
	}
	merged, err := withInstanceView(body, view)
	if err != nil {
		return body, nil //nolint:nilerr // the body is filed as it came, and its state stays unknown
	}
	return merged, nil
}

// instanceView takes the state out of a body; nil when it has none.
func instanceView(body json.RawMessage) (azward.ResourceID, json.RawMessage) {
	var v struct {
		ID         azward.ResourceID `json:"id"`
		Properties struct {
			InstanceView json.RawMessage `json:"instanceView"`
		} `json:"properties"`
	}
	if json.Unmarshal(body, &v) != nil || string(v.Properties.InstanceView) == "null" {
		return v.ID, nil
	}
	return v.ID, v.Properties.InstanceView
}

func withInstanceView(body, view json.RawMessage) (json.RawMessage, error) {
	var fields, properties map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return nil, err
	}
	key := "properties"
	for name := range fields {
		if strings.EqualFold(name, key) {
			key = name
		}
	}
	if err := json.Unmarshal(fields[key], &properties); err != nil || properties == nil {
		return nil, fmt.Errorf("the body has no properties: %w", err)
	}
	properties["instanceView"] = view
	changed, err := json.Marshal(properties)
	if err != nil {
		return nil, err
	}
	fields[key] = changed
	return json.Marshal(fields)
}
