package collect

import (
	"context"
	"encoding/json"
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
	if c.single {
		f.lacks()
		return nil
	}
	listing := estate.Listing{Scope: s.id, Type: c.resourceType, Status: estate.ListingComplete, ReadAt: s.readAt, Pages: f.pages}
	covered := s.access.covers(c.needs())
	whole := all && !c.spared && covered && len(f.failed) == 0 && f.unread == 0
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
		if !covered && len(f.failed) == 0 && len(ids) > 0 && !s.blind() {
			s.sink.gap(azward.Gap{
				Scope: s.id, Kind: azward.GapDenied, Reads: c.resourceType, Needs: c.needs(), Remedy: s.grant("Reader", s.id),
				Error: "the principal may not read all of this type in the subscription, and Azure leaves the rest out of the list",
			})
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
	case f.c.single && azward.KindOf(err) == azward.KindNotFound:
		// There is none, or the parent is gone meanwhile.
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
		f.file(body)
		return 1, nil
	}
	for page, err := range f.s.client.Pages(ctx, path, f.c.version, f.c.query...) {
		if err != nil {
			return pages, err
		}
		pages++
		for _, body := range page {
			f.file(body)
		}
	}
	return pages, nil
}

func (f *family) file(body json.RawMessage) {
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

// lacks files what could not be read: one gap when the same permission was
// missing everywhere, otherwise one for each parent.
func (f *family) lacks() {
	denied := 0
	for _, err := range f.failed {
		if gapKind(err) == azward.GapDenied {
			denied++
		}
	}
	if denied > 1 && denied == len(f.failed) && len(f.done) == 0 {
		for _, err := range f.failed {
			f.s.lack(f.s.id, f.c.resourceType, f.c.needs(), err)
			return
		}
	}
	for id, err := range f.failed {
		f.s.lack(id, f.c.resourceType, f.c.needs(), err)
	}
}
