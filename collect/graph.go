package collect

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/azure"
	"github.com/azward/azward/estate"
)

// graph reads kinds of all subscriptions from Resource Graph, one query for
// each of its tables, and from the table of resources all other types too, but
// those that are listed from Resource Manager. Where it does not answer, Resource Manager is listed.
func (r *run) graph(ctx context.Context, subscriptions []*subscription, listed, kinds []kind) error {
	byTable := map[string][]kind{}
	for _, k := range kinds {
		key := k.table
		if k.where != "" || k.most > 0 {
			key += " " + k.resourceType // a question of its own
		}
		byTable[key] = append(byTable[key], k)
	}
	for _, key := range slices.Sorted(maps.Keys(byTable)) {
		kinds := byTable[key]
		q := newQuery(r, subscriptions, kinds)
		q.again = r.o.Prefer == PreferTruth
		filter := "in~ " + typeList(kinds)
		if key == tableResources {
			filter = "!in~ " + typeList(listed) // and whatever else there is
		}
		err := q.run(ctx, kinds[0].table, filter)
		for range kinds {
			r.step("", "Resource Graph")
		}
		if err != nil {
			if ctx.Err() != nil || fatal(err) {
				return err
			}
			if err := r.withoutGraph(ctx, subscriptions, kinds, err); err != nil {
				return err
			}
			continue
		}
		if err := q.settle(ctx); err != nil {
			return err
		}
	}
	return nil
}

// withoutGraph lists from Resource Manager what Resource Graph did not give,
// and leaves a gap for what Resource Manager does not list.
func (r *run) withoutGraph(ctx context.Context, subscriptions []*subscription, kinds []kind, cause error) error {
	var listed []kind
	for _, k := range kinds {
		if k.version != "" {
			k.table = noTable // no second try
			listed = append(listed, k)
			continue
		}
		for _, s := range subscriptions {
			s.lack(s.id, k.resourceType, k.needs(), cause)
		}
	}
	if slices.ContainsFunc(kinds, func(k kind) bool { return k.version != "" }) {
		r.sink.gap(azward.Gap{
			Scope: "/", Kind: gapKind(cause), Reads: "resources of types that azward does not list one by one", Needs: "Microsoft.ResourceGraph/resources/read",
			Error: causeOf(cause), Remedy: remedyOf(cause),
		})
	}
	r.expect(len(subscriptions) * len(listed))
	return each(ctx, subscriptionsAtOnce, subscriptions, func(ctx context.Context, s *subscription) error {
		return s.lists(ctx, listed)
	})
}

// rescueFromGraph asks Resource Graph for the lists that Resource Manager did
// not give for another reason than a missing role.
func (r *run) rescueFromGraph(ctx context.Context) error {
	rescue := r.rescue
	r.rescue = nil
	r.expect(len(rescue))
	for _, q := range rescue {
		query := newQuery(r, []*subscription{q.s}, []kind{q.k})
		err := query.run(ctx, q.k.table, "in~ "+typeList([]kind{q.k}))
		r.step(q.s.name, q.k.resourceType)
		switch {
		case err == nil:
			err = query.settle(ctx)
			if err != nil {
				return err
			}
		case ctx.Err() != nil || fatal(err):
			return err
		default:
			q.s.lack(q.s.id, q.k.resourceType, q.k.needs(), q.err) // what Resource Manager said
		}
	}
	return nil
}

// query is one table's rows, sorted by what they are.
type query struct {
	r             *run
	subscriptions []*subscription
	kinds         []kind
	byID          map[string]*subscription
	listers       map[[2]string]*lister // by subscription and type, in lower case
	from          estate.Provenance
	unread        int  // rows that name no type or subscription
	rows          int  // taken so far
	cut           bool // there are more than the kind's bound
	again         bool // whole kinds are listed from Resource Manager, too
}

func newQuery(r *run, subscriptions []*subscription, kinds []kind) *query {
	from := estate.Provenance{Source: azward.SourceResourceGraph, APIVersion: azure.ResourceGraphVersion, ReadAt: r.readAt}
	q := &query{r: r, subscriptions: subscriptions, kinds: kinds, byID: map[string]*subscription{}, listers: map[[2]string]*lister{}, from: from}
	for _, s := range subscriptions {
		q.byID[strings.ToLower(string(s.guid))] = s
		for _, k := range kinds {
			q.listers[[2]string{strings.ToLower(string(s.guid)), strings.ToLower(k.resourceType)}] = &lister{s: s, k: k, from: from, pages: 1}
		}
	}
	return q
}

// columns are those of Resource Manager's objects; the others repeat the ID.
const columns = "id, name, type, kind, location, tags, sku, plan, identity, zones, managedBy, extendedLocation, properties"

func typeList(kinds []kind) string {
	types := make([]string, len(kinds))
	for i, k := range kinds {
		types[i] = "'" + strings.ToLower(k.resourceType) + "'"
	}
	slices.Sort(types)
	return "(" + strings.Join(types, ", ") + ")"
}

func (q *query) run(ctx context.Context, table, filter string) error {
	if table == tableResources {
		table = "resources"
	}
	if where := q.kinds[0].where; where != "" {
		filter += " and " + where
	}
	text := fmt.Sprintf("%s | where type %s | project %s | order by id asc", table, filter, columns)
	ids := make([]azward.SubscriptionID, len(q.subscriptions))
	for i, s := range q.subscriptions {
		ids[i] = s.guid
	}
	for rows, err := range q.r.client.Query(ctx, ids, text) {
		if err != nil {
			return fmt.Errorf("query Resource Graph: %w", err)
		}
		for _, row := range rows {
			if most := q.kinds[0].most; most > 0 && q.rows >= most {
				q.cutAt(most)
				return nil
			}
			q.rows++
			q.file(row)
		}
	}
	return nil
}

// cutAt says that a kind has more than is taken of it.
func (q *query) cutAt(most int) {
	q.cut = true
	k := q.kinds[0]
	q.r.sink.gap(azward.Gap{
		Scope: "/", Kind: azward.GapNotRead, Reads: k.resourceType, Needs: k.needs(),
		Error:  fmt.Sprintf("there are more than %d, and the rest was not read", most),
		Remedy: "read fewer subscriptions at a time",
	})
}

func (q *query) file(row json.RawMessage) {
	body, id, resourceType, err := asObject(row)
	s := q.byID[strings.ToLower(string(id.Subscription()))]
	if err != nil || s == nil {
		q.unread++
		q.r.sink.gap(azward.Gap{Scope: "/", Kind: azward.GapUnparsed, Reads: estate.AllTypes, Error: "a row of Resource Graph was not understood"})
		return
	}
	if l, known := q.listers[[2]string{strings.ToLower(string(s.guid)), strings.ToLower(resourceType)}]; known {
		l.file(body)
		return
	}
	s.file(resourceType, body, q.from)
}

// asObject gives a row the shape of Resource Manager's object: columns that
// the resource does not have are null or empty in a row, and absent there.
func asObject(row json.RawMessage) (body json.RawMessage, id azward.ResourceID, resourceType string, err error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(row, &fields); err != nil {
		return nil, "", "", fmt.Errorf("read row: %w", err)
	}
	for name, value := range fields {
		if v := string(value); v == "null" || v == `""` {
			delete(fields, name)
		}
	}
	for name, target := range map[string]any{"id": &id, "type": &resourceType} {
		if err := json.Unmarshal(fields[name], target); err != nil {
			return nil, "", "", fmt.Errorf("read the row's %s: %w", name, err)
		}
	}
	body, err = json.Marshal(fields)
	return body, id, resourceType, err
}

// settle files what the query proves of each kind and subscription.
func (q *query) settle(ctx context.Context) error {
	return each(ctx, subscriptionsAtOnce, q.subscriptions, func(ctx context.Context, s *subscription) error {
		for _, k := range q.kinds {
			l := q.listers[[2]string{strings.ToLower(string(s.guid)), strings.ToLower(k.resourceType)}]
			l.unread += q.unread
			l.cut = q.cut
			via := azward.SourceResourceGraph
			if q.again && k.whole && l.found > 0 {
				switch whole, err := s.attempt(ctx, k); {
				case err == nil:
					l, via = whole, ""
				case ctx.Err() != nil || fatal(err):
					return err
				}
			}
			if err := s.settle(ctx, l, nil, via); err != nil {
				return err
			}
		}
		return nil
	})
}
