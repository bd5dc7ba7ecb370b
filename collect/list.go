package collect

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/azward/azward"
	"github.com/azward/azward/azure"
	"github.com/azward/azward/estate"
)

// loadAccess reads what the principal may do at the subscription. Without
// knowing it no list counts as complete.
//
// Source: https://learn.microsoft.com/rest/api/authorization/permissions,
// https://learn.microsoft.com/azure/role-based-access-control/deny-assignments
func (s *subscription) loadAccess(ctx context.Context) error {
	s.access.permissions, s.access.err = s.client.Permissions(ctx, s.id)
	if s.access.err == nil {
		s.access.denied, s.access.err = s.denied(ctx)
	}
	switch {
	case s.access.err != nil && fatal(s.access.err):
		return s.access.err
	case s.access.err != nil:
		s.access.permissions = nil
		s.sink.gap(azward.Gap{
			Scope: s.id, Kind: gapKind(s.access.err), Reads: estate.AllTypes, Needs: "Microsoft.Authorization/*/read",
			Error:  "what the principal may read is not known, so no list is known to be complete: " + causeOf(s.access.err),
			Remedy: remedyOf(s.access.err),
		})
	case s.blind():
		s.sink.gap(azward.Gap{
			Scope: s.id, Kind: azward.GapDenied, Reads: estate.AllTypes, Needs: "*/read",
			Error:  "the principal has no role at the subscription that reads resources",
			Remedy: s.grant("Reader", s.id),
		})
	}
	return nil
}

func (s *subscription) denied(ctx context.Context) ([]azure.Permission, error) {
	var denied []azure.Permission
	for page, err := range s.client.Pages(ctx, string(s.id)+"/providers/Microsoft.Authorization/denyAssignments", authorizationVersion) {
		if err != nil {
			return nil, err
		}
		for _, body := range page {
			var v struct {
				Properties struct {
					Permissions []azure.Permission `json:"permissions"`
				} `json:"properties"`
			}
			if err := json.Unmarshal(body, &v); err != nil {
				return nil, fmt.Errorf("read deny assignment: %w", err)
			}
			denied = append(denied, v.Properties.Permissions...)
		}
	}
	return denied, nil
}

// blind reports that nothing of what is wanted may be read at the
// subscription: one cause for every list in it.
func (s *subscription) blind() bool {
	if s.access.err != nil {
		return true
	}
	for _, service := range services {
		for _, k := range service.kinds {
			if s.access.covers(k.needs()) {
				return false
			}
		}
	}
	return true
}

// lists reads kinds from Resource Manager, and their children.
func (s *subscription) lists(ctx context.Context, kinds []kind) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, k := range kinds {
		g.Go(func() error {
			defer s.step(s.name, k.resourceType)
			return s.list(ctx, k)
		})
	}
	return g.Wait()
}

// list reads one kind. What was read before an error stays.
func (s *subscription) list(ctx context.Context, k kind) error {
	l, err := s.attempt(ctx, k)
	if unknownVersion(err) {
		version, exists, lookup := s.versionOf(ctx, k)
		switch {
		case !exists:
			s.sink.listing(estate.Listing{Scope: s.id, Type: k.resourceType, Status: estate.ListingComplete, ReadAt: s.readAt, Own: k.own})
			return nil
		case lookup == nil && version != k.version:
			k.version = version
			l, err = s.attempt(ctx, k)
		}
	}
	return s.settle(ctx, l, err, "")
}

func (s *subscription) attempt(ctx context.Context, k kind) (*lister, error) {
	l := &lister{s: s, k: k, from: estate.Provenance{Source: azward.SourceARM, APIVersion: k.version, ReadAt: s.readAt}}
	if k.states != nil {
		return l, l.withStates(ctx)
	}
	return l, l.read(ctx, k.query, l.file)
}

// settle files what the list proves, or what is missing, and reads the
// children of what it gave.
func (s *subscription) settle(ctx context.Context, l *lister, err error, via azward.Source) error {
	if err != nil && (ctx.Err() != nil || fatal(err)) {
		return err
	}
	k := l.k
	listing := estate.Listing{Scope: s.id, Type: k.resourceType, Status: estate.ListingPartial, Pages: l.pages, ReadAt: s.readAt, Via: via, Own: k.own}
	switch {
	case err != nil && notRegistered(err):
		listing.Status = estate.ListingComplete
		s.sink.listing(listing)
		return nil
	case err != nil && via == "" && gapKind(err) != azward.GapDenied && k.table != noTable:
		s.mu.Lock()
		s.rescue = append(s.rescue, request{s, k, err})
		s.mu.Unlock()
		return nil // its children are read when the parents are known
	case err != nil && gapKind(err) == azward.GapDenied && !s.access.covers(k.needs()):
		s.cutShort(k.resourceType, k.needs())
	case err != nil:
		s.lack(s.id, k.resourceType, k.needs(), err)
	case !s.access.covers(k.needs()):
		s.cutShort(k.resourceType, k.needs())
	case l.unread == 0 && k.where == "" && !l.cut:
		listing.Status = estate.ListingComplete
	}
	s.sink.listing(listing)
	return s.childrenOf(ctx, l.parents, k.version, k.children, listing.Status == estate.ListingComplete)
}

// notRegistered: a provider that is not registered in a subscription has no
// resources there, and one with resources cannot be unregistered.
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/management/resource-providers-and-types#azure-portal
func notRegistered(err error) bool {
	switch azure.Code(err) {
	case "MissingSubscriptionRegistration", "SubscriptionNotRegistered", "MissingRegistrationsForTypes":
		return true
	}
	return false
}

// cutShort says that a type is read in parts at best, unless the subscription's
// own gap says so.
func (s *subscription) cutShort(reads, needs string) {
	if s.blind() {
		return
	}
	s.sink.gap(azward.Gap{
		Scope: s.id, Kind: azward.GapDenied, Reads: reads, Needs: needs, Remedy: s.grant("Reader", s.id),
		Error: "the principal may not read all of this type in the subscription, and Azure leaves the rest out of the list",
	})
}

// lack files what could not be read, unless the subscription's own gap says so.
func (s *subscription) lack(scope azward.ResourceID, reads, needs string, err error) {
	gap := azward.Gap{Scope: scope, Kind: gapKind(err), Reads: reads, Needs: needs, Error: causeOf(err), Remedy: remedyOf(err)}
	if gap.Kind == azward.GapDenied {
		if s.blind() {
			return
		}
		gap.Remedy = s.grant("Reader", s.id)
	}
	s.sink.gap(gap)
}

// lister reads one kind of one subscription.
type lister struct {
	s       *subscription
	k       kind
	from    estate.Provenance
	pages   int
	unread  int  // items that could not be filed
	found   int  // items filed
	cut     bool // there are more than are taken
	parents []parent
}

// parent is a resource whose children are to be read.
type parent struct {
	id     azward.ResourceID
	wanted []bool // by child
}

// read walks the pages and hands each item over.
func (l *lister) read(ctx context.Context, query []string, item func(json.RawMessage)) error {
	l.pages = 0
	for page, err := range l.s.client.Pages(ctx, l.k.listPath(l.s.id), l.k.version, query...) {
		if err != nil {
			return err
		}
		l.pages++
		for _, body := range page {
			item(body)
		}
	}
	return nil
}

// file puts one item into the estate.
func (l *lister) file(body json.RawMessage) {
	if l.k.once != nil {
		if key := l.k.once(body); key != "" {
			l.s.hold(key, copyOf{l.s, l.k.resourceType, body, l.from})
			return
		}
	}
	if l.k.own {
		body = underParent(l.s.id, l.k.resourceType, body)
	}
	id, ok := l.s.file(l.k.resourceType, body, l.from)
	if !ok {
		l.unread++
		return
	}
	l.found++
	if len(l.k.children) > 0 {
		l.parents = append(l.parents, parent{id, wants(l.k.children, body)})
	}
	if strings.EqualFold(l.k.resourceType, clusterType) {
		l.s.mu.Lock()
		l.s.clusters = append(l.s.clusters, clusterOf(id, body))
		l.s.mu.Unlock()
	}
}

// copyOf is one of several copies of the same thing.
type copyOf struct {
	s            *subscription
	resourceType string
	body         json.RawMessage
	from         estate.Provenance
}

// hold keeps the copy of the lowest subscription, so that the same tenant gives
// the same estate whichever answered first.
func (r *run) hold(key string, c copyOf) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if held, ok := r.held[key]; !ok || c.s.id.Key() < held.s.id.Key() {
		r.held[key] = c
	}
}

func (r *run) fileHeld() {
	for _, c := range r.held {
		c.s.file(c.resourceType, c.body, c.from)
	}
}

// file puts a body into the estate, or a gap in its place.
func (s *subscription) file(resourceType string, body json.RawMessage, from estate.Provenance) (azward.ResourceID, bool) {
	var head struct {
		ID azward.ResourceID `json:"id"`
	}
	err := json.Unmarshal(body, &head)
	if err == nil {
		err = s.sink.arm(body, from)
	}
	if err != nil {
		s.sink.gap(azward.Gap{Scope: s.id, Kind: azward.GapUnparsed, Reads: resourceType, Error: "an item of the list was not understood: " + causeOf(err)})
		return "", false
	}
	return head.ID, true
}
