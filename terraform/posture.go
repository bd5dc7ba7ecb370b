package terraform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// Planned is what a plan would create or change, as policies and rules look at
// it.
type Planned struct {
	Estate *estate.Estate
	Gaps   []azward.Gap
	// Lines are where in the plan each resource stands.
	Lines map[azward.ResourceKey]int
}

// Line is where in the plan a resource, or what it is part of, stands.
func (p *Planned) Line(id azward.ResourceID) (int, bool) {
	for up := id; up != ""; up = up.Parent() {
		if line, ok := p.Lines[up.Key()]; ok {
			return line, true
		}
	}
	return 0, false
}

// In names the subscription that resources without an ID yet are created in,
// where the plan does not.
func (p *Plan) In(subscription azward.SubscriptionID) {
	if p.subscription == "" {
		p.subscription = azward.ResourceID("/subscriptions/" + subscription)
	}
}

// anySubscription stands for the one that nobody names: resources of a plan
// belong together all the same.
const anySubscription = "/subscriptions/00000000-0000-0000-0000-000000000000"

// Posture lays the plan over an estate, as [Plan.Over] does, with all that
// rules about settings ask for. A property that azward does not map from the
// plan is unread, not unset; one that is known after apply is unknown.
func (p *Plan) Posture(e *estate.Estate) (*Planned, error) {
	subscription := p.subscription
	if all := e.Subscriptions(); subscription == "" && len(all) == 1 {
		subscription = all[0]
	}
	if subscription == "" {
		subscription = anySubscription
	}
	w := &world{
		estate: e, plan: p, subscription: subscription, bodies: map[azward.ResourceKey]map[string]any{}, unmapped: map[string]int{},
		posture: &postureRun{lines: map[azward.ResourceKey]int{}, native: map[azward.ResourceKey]bool{}},
	}
	w.changes()
	w.connect()
	changed, err := w.planned()
	if err != nil {
		return nil, err
	}
	return &Planned{Estate: changed, Gaps: w.gaps(), Lines: w.posture.lines}, nil
}

// postureRun is what laying a plan over an estate for posture keeps beside.
type postureRun struct {
	lines map[azward.ResourceKey]int
	// native are bodies that the plan holds as Resource Manager takes them.
	native map[azward.ResourceKey]bool
	// links are private endpoints; open: one leads nobody knows where.
	links []endpointLink
	open  bool
}

// endpointLink is a private endpoint that leads to a resource.
type endpointLink struct {
	from, to azward.ResourceID
	status   string
}

// endpointLinks notes where a private endpoint leads.
func endpointLinks(w *world, v values, id azward.ResourceID, _ map[string]any) {
	connections := v.blocks("private_service_connection")
	w.posture.open = w.posture.open || len(connections) == 0
	for _, c := range connections {
		status := "Approved"
		if manual, _ := c.any("is_manual_connection").(bool); manual {
			status = "Pending"
		}
		to := c.refs("private_connection_resource_id", "")
		if len(to) != 1 || strings.Contains(string(to[0]), estate.LaterName) {
			w.posture.open = true
			continue
		}
		w.posture.links = append(w.posture.links, endpointLink{from: id, to: to[0], status: status})
	}
}

// connect notes private endpoints at the resources that they lead to, as the
// platform does.
//
// Source: https://learn.microsoft.com/azure/private-link/private-endpoint-overview
func (w *world) connect() {
	const list = "privateEndpointConnections"
	for _, l := range w.posture.links {
		b, ok := w.body(l.to)
		if !ok {
			continue
		}
		if _, is := b["properties"].(map[string]any); !is {
			continue
		}
		held, _ := propertiesOf(b)[list].([]any)
		name := l.from.Name()
		propertiesOf(b)[list] = append(slices.Clone(held), fields{
			"id": string(l.to.Child(list, name)), "name": name,
			"properties": fields{"privateEndpoint": fields{"id": string(l.from)}, "privateLinkServiceConnectionState": fields{"status": l.status}},
		})
	}
	for key := range w.posture.lines {
		if b := w.bodies[key]; w.posture.open && b != nil {
			if p, is := b["properties"].(map[string]any); is && p[list] == nil {
				p[list] = estate.Later
			}
		}
	}
}

// kind is how a type is mapped: for posture with its settings, too.
func (w *world) kind(t string) (kind, bool) {
	k, ok := kinds[t]
	if w.posture == nil {
		return k, ok
	}
	s, more := settingsOf[t]
	if !more && !ok {
		return k, false
	}
	base := k
	if !ok {
		k = kind{pass: s.pass, id: s.id}
	}
	k.edit = func(w *world, v values, id azward.ResourceID) {
		if base.edit != nil {
			base.edit(w, v, id)
		}
		if k.id == nil {
			return
		}
		w.posture.lines[id.Key()] = v.c.line
		if b, ok := w.body(id); ok || base.edit == nil {
			if !ok {
				b = w.put(id, fields{})
			}
			common(b, v)
			for _, r := range s.rows {
				r.set(b, v)
			}
			if s.more != nil {
				s.more(w, v, id, b)
			}
			if v.c.Type == "azapi_resource" {
				w.native(v, id, b)
			}
		}
	}
	return k, true
}

// native is a body that azapi holds whole: what it does not set is not set.
func (w *world) native(v values, id azward.ResourceID, b map[string]any) {
	body, ok := v.any("body").(map[string]any)
	if s, isText := v.any("body").(string); isText {
		ok = json.Unmarshal([]byte(s), &body) == nil
	}
	if !ok {
		b["properties"] = estate.Later
		return
	}
	if tree, is := v.unknown.(map[string]any); is {
		body, _ = withLater(body, tree["body"]).(map[string]any)
	}
	for key, value := range body {
		b[key] = value
	}
	_, existed := w.estate.Resource(id)
	w.posture.native[id.Key()] = !existed
}

// withLater puts [estate.Later] where a tree says that a value is not known.
func withLater(known, unknown any) any {
	switch u := unknown.(type) {
	case bool:
		if u {
			return estate.Later
		}
	case map[string]any:
		m, _ := known.(map[string]any)
		out := maps.Clone(m)
		if out == nil {
			out = map[string]any{}
		}
		for key, x := range u {
			if holdsTrue(x) {
				out[key] = withLater(m[key], x)
			}
		}
		return out
	case []any:
		l, _ := known.([]any)
		out := slices.Clone(l)
		for i, x := range u {
			switch {
			case !holdsTrue(x):
			case i < len(out):
				out[i] = withLater(out[i], x)
			default:
				out = append(out, withLater(nil, x))
			}
		}
		return out
	}
	return known
}

// common are settings that most resources have.
func common(b map[string]any, v values) {
	for _, r := range []row{{from: "location", to: "location"}, {from: "tags", to: "tags"}, {from: "zones", to: "zones"}} {
		r.set(b, v)
	}
	for _, i := range v.blocks("identity") {
		identity := fields{"type": strings.ReplaceAll(i.text("type"), ", ", ",")}
		if ids := i.list("identity_ids"); len(ids) > 0 {
			users := fields{}
			for _, id := range ids {
				users[id] = fields{}
			}
			identity["userAssignedIdentities"] = users
		}
		b["identity"] = identity
	}
}

// planned makes the estate of what the plan touches.
func (w *world) planned() (*estate.Estate, error) {
	var b estate.Builder
	var removed []azward.ResourceID
	for _, key := range slices.Sorted(maps.Keys(w.bodies)) {
		body := w.bodies[key]
		if body == nil {
			removed = append(removed, azward.ResourceID(key))
			continue
		}
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("write planned resource: %w", err)
		}
		if held, ok := w.estate.Resource(azward.ResourceID(key)); ok && bytes.Equal(held.Body, raw) {
			continue // looked at, and not changed
		}
		from := estate.Provenance{Source: azward.SourcePlan}
		if w.posture.native[key] {
			from.Source = azward.SourceTemplate
		}
		if err := b.AddARM(raw, from); err != nil {
			return nil, err
		}
		id, _ := body["id"].(string)
		if _, existed := w.estate.Resource(azward.ResourceID(key)); !existed && len(w.unmapped) == 0 {
			b.AddListing(estate.Listing{Scope: azward.ResourceID(id), Type: estate.AllTypes, Status: estate.ListingComplete, Via: azward.SourceTemplate})
		}
	}
	without, err := estate.Replace(w.estate, nil, removed)
	if err != nil {
		return nil, err
	}
	return estate.Supersede(without, b.Build()), nil
}
