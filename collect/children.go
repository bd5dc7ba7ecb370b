package collect

import (
	"context"
	"encoding/json"
	"strings"
	"sync"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

func wants(children []child, body json.RawMessage) []bool {
	wanted := make([]bool, len(children))
	for i, c := range children {
		wanted[i] = c.wanted == nil || c.wanted(body)
	}
	return wanted
}

// childrenOf reads what the parents have and their list left out. All says
// that these are all parents in the subscription.
func (s *subscription) childrenOf(ctx context.Context, parents []parent, version string, children []child, all bool) error {
	for i, c := range children {
		if c.version == "" {
			c.version = version
		}
		var ids []azward.ResourceID
		for _, p := range parents {
			if p.wanted[i] {
				ids = append(ids, p.id)
			}
		}
		if err := s.readChildren(ctx, c, ids, all); err != nil {
			return err
		}
	}
	return nil
}

// readChildren reads one child type of several parents. When all was read the
// listing is one for the subscription, and for each parent otherwise.
func (s *subscription) readChildren(ctx context.Context, c child, ids []azward.ResourceID, all bool) error {
	f := family{s: s, c: c}
	s.expect(len(ids))
	if err := each(ctx, parentsAtOnce, ids, f.read); err != nil {
		return err
	}
	if c.single && !c.lone {
		f.lacks()
		return s.childrenOf(ctx, f.found, c.version, c.children, false)
	}
	listing := estate.Listing{Scope: s.id, Type: c.resourceType, Status: estate.ListingComplete, ReadAt: s.readAt, Pages: f.pages, Own: c.attached}
	covered := s.access.covers(c.needs())
	whole := all && !c.spared && !c.attached && covered && len(f.failed) == 0 && f.unread == 0
	switch {
	case whole:
		s.sink.listing(listing)
	default:
		for _, id := range f.done {
			listing.Scope, listing.Pages = id, 0
			if !covered {
				listing.Status = estate.ListingPartial
			}
			s.sink.listing(listing)
		}
		f.lacks()
		if !covered && len(f.failed) == 0 && len(ids) > 0 {
			s.cutShort(c.resourceType, c.needs())
		}
	}
	return s.childrenOf(ctx, f.found, c.version, c.children, whole)
}

// family is one child type under several parents.
type family struct {
	s *subscription
	c child

	mu     sync.Mutex
	pages  int
	unread int
	found  []parent
	done   []azward.ResourceID // parents read to the end
	failed map[azward.ResourceID]error
}

func (f *family) read(ctx context.Context, id azward.ResourceID) error {
	defer f.s.step(f.s.name, f.c.resourceType)
	pages, err := f.fetch(ctx, id)
	if err != nil && (ctx.Err() != nil || fatal(err)) {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pages += pages
	switch {
	case err == nil:
		f.done = append(f.done, id)
	case (f.c.single || f.c.nested) && azward.KindOf(err) == azward.KindNotFound:
		f.done = append(f.done, id) // there is none, or the parent is gone meanwhile
	default:
		if f.failed == nil {
			f.failed = map[azward.ResourceID]error{}
		}
		f.failed[id] = err
	}
	return nil
}

func (f *family) fetch(ctx context.Context, id azward.ResourceID) (pages int, err error) {
	path := string(id)
	if f.c.path != "" {
		path += "/" + f.c.path
	}
	if f.c.single {
		body, err := f.s.client.Get(ctx, path, f.c.version, f.c.query...)
		if err != nil {
			return 0, err
		}
		f.file(id, body)
		return 1, nil
	}
	for page, err := range f.s.client.Pages(ctx, path, f.c.version, f.c.query...) {
		if err != nil {
			return pages, err
		}
		pages++
		for _, body := range page {
			f.file(id, body)
		}
	}
	return pages, nil
}

func (f *family) file(above azward.ResourceID, body json.RawMessage) {
	if f.c.trim != nil {
		body = f.c.trim(body)
	}
	if f.c.attached {
		body = underParent(above, f.c.resourceType, body)
	}
	id, ok := f.s.file(f.c.resourceType, body, estate.Provenance{Source: azward.SourceARM, APIVersion: f.c.version, ReadAt: f.s.readAt})
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case !ok:
		f.unread++
	case len(f.c.children) > 0:
		f.found = append(f.found, parent{id, wants(f.c.children, body)})
	}
}

// underParent gives an extension's resource the ID and the type that its path
// has: what diagnostic settings answer names "AzureResourceManager" for a
// provider, lacks the slash in front or has no type.
//
// Source: the answers at https://learn.microsoft.com/rest/api/monitor/diagnostic-settings/list
func underParent(above azward.ResourceID, resourceType string, body json.RawMessage) json.RawMessage {
	var head struct {
		ID   string `json:"id"`
		Type string `json:"type"`
		Name string `json:"name"`
	}
	if json.Unmarshal(body, &head) != nil || head.Name == "" || strings.Contains(head.Name, "/") {
		return body // filing says what is wrong with it
	}
	id := azward.ResourceID(string(above) + "/providers/" + resourceType + "/" + head.Name)
	if id.Equal(azward.ResourceID(head.ID)) && strings.EqualFold(head.Type, resourceType) {
		return body
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return body
	}
	for name, text := range map[string]string{"id": string(id), "type": resourceType} {
		value, err := json.Marshal(text)
		if err != nil {
			return body
		}
		fields[name] = value
	}
	changed, err := json.Marshal(fields)
	if err != nil {
		return body
	}
	return changed
}

// lacks files what could not be read: one gap when the permission is missing in
// the subscription, otherwise one for each parent.
func (f *family) lacks() {
	denied := 0
	for _, err := range f.failed {
		if gapKind(err) == azward.GapDenied {
			denied++
		}
	}
	if denied > 0 && denied == len(f.failed) && len(f.done) == 0 && !f.s.access.covers(f.c.needs()) {
		f.s.cutShort(f.c.resourceType, f.c.needs())
		return
	}
	for id, err := range f.failed {
		f.s.lack(id, f.c.resourceType, f.c.needs(), err)
	}
}
