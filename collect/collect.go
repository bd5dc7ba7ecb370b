// Package collect reads a tenant into an estate: each known type from Resource
// Manager, whatever else there is from Resource Graph, and the objects of its
// clusters. [Collect] is the call. What cannot be read becomes a gap, and only
// a list that was read to its end by a principal who may see all of it becomes
// a complete listing.
package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/azward/azward"
	"github.com/azward/azward/azure"
	"github.com/azward/azward/estate"
)

// Options of a collection.
type Options struct {
	// Subscriptions to read; empty means all that the principal sees.
	Subscriptions []azward.SubscriptionID
	// Now gives the time that is noted as the time of each read; nil is time.Now.
	Now func() time.Time
	// Workers is the number of requests under way at once; 0 means 8.
	Workers int
	// Progress is told after each step, from many goroutines; nil is silent.
	Progress func(Progress)
}

// Progress of a collection, in lists done and to do.
type Progress struct {
	Done, Total int
	Note        string // what was read last
}

// Summary of a collection.
type Summary struct {
	Subscriptions int
	Requests      int64 // sent to Resource Manager
}

// Collect reads the tenant into the builder. It fails when nothing can be read
// at all (no sign-in, no subscription); otherwise what is missing is a gap.
func Collect(ctx context.Context, client *azure.Client, b *estate.Builder, o Options) (Summary, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Workers == 0 {
		o.Workers = 8
	}
	r := &run{client: client, o: o, builder: b, slots: make(chan struct{}, o.Workers)}
	before := client.Requests()
	subscriptions, err := r.subscriptions(ctx)
	if err != nil {
		return Summary{}, err
	}
	r.progress.Total = len(subscriptions) * (len(services) + 1)
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range subscriptions {
		group.Go(func() error { return r.subscription(ctx, s) })
	}
	if err := group.Wait(); err != nil {
		return Summary{}, err
	}
	return Summary{Subscriptions: len(subscriptions), Requests: client.Requests() - before}, nil
}

// run is one collection. The builder is shared and guarded.
type run struct {
	client *azure.Client
	o      Options
	slots  chan struct{} // one for each request under way

	mu       sync.Mutex
	builder  *estate.Builder
	progress Progress
}

// object is one resource that a list gave.
type object struct {
	ctx        context.Context //nolint:containedctx // lives as long as the call of a service's then
	id         azward.ResourceID
	apiVersion string
	body       json.RawMessage
}

func (r *run) now() time.Time { return r.o.Now().UTC().Truncate(time.Second) }

func (r *run) from(apiVersion string) estate.Provenance {
	return estate.Provenance{Source: azward.SourceARM, APIVersion: apiVersion, ReadAt: r.now()}
}

// add files a body; one that cannot be filed is a gap of its own.
func (r *run) add(body json.RawMessage, within azward.ResourceID, from estate.Provenance) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.builder.AddARM(body, from); err != nil {
		r.builder.AddGap(azward.Gap{Scope: within, Kind: azward.GapUnparsed, Reads: "an object", Error: err.Error()})
	}
}

func (r *run) gap(g azward.Gap) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.builder.AddGap(g)
}

func (r *run) listed(scope azward.ResourceID, resourceType string, status estate.ListingStatus, pages int) {
	l := estate.Listing{Scope: scope, Type: resourceType, Status: status, Pages: pages, ReadAt: r.now()}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.builder.AddListing(l)
}

func (r *run) step(note string) {
	r.mu.Lock()
	r.progress.Done++
	r.progress.Note = note
	p := r.progress
	r.mu.Unlock()
	if r.o.Progress != nil {
		r.o.Progress(p)
	}
}

// limited runs f when a slot is free.
func (r *run) limited(ctx context.Context, f func() error) error {
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-r.slots }()
	return f()
}

// list reads all pages of a list and hands every object to each.
func (r *run) list(ctx context.Context, path, apiVersion string, each func(json.RawMessage) error, query ...string) (pages int, err error) {
	err = r.limited(ctx, func() error {
		for page, err := range r.client.Pages(ctx, path, apiVersion, query...) {
			if err != nil {
				return err
			}
			pages++
			for _, body := range page {
				if err := each(body); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return pages, err
}

func (r *run) get(ctx context.Context, path, apiVersion string, query ...string) (body json.RawMessage, err error) {
	err = r.limited(ctx, func() error {
		body, err = r.client.Get(ctx, path, apiVersion, query...)
		return err
	})
	return body, err
}

// gapOf turns an error of a read into a gap; an interruption stays an error.
func gapOf(scope azward.ResourceID, reads, needs string, err error) (azward.Gap, error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || azward.KindOf(err) == azward.KindInterrupted {
		return azward.Gap{}, err
	}
	g := azward.Gap{Scope: scope, Reads: reads, Needs: needs, Kind: azward.GapFailed, Error: err.Error()}
	var own *azward.Error
	if errors.As(err, &own) {
		g.Error, g.Remedy = own.Cause, own.Remedy
		switch own.Kind {
		case azward.KindRole, azward.KindSignIn:
			g.Kind = azward.GapDenied
		case azward.KindThrottled:
			g.Kind = azward.GapThrottled
		case azward.KindUnavailable:
			g.Kind = azward.GapUnreachable
		case azward.KindBadInput:
			g.Kind = azward.GapUnparsed
		}
	}
	return g, nil
}

// missing records what a read of scope did not give; it returns the error that
// ends the run, if any.
func (r *run) missing(scope azward.ResourceID, reads, needs string, err error) error {
	g, err := gapOf(scope, reads, needs, err)
	if err != nil {
		return err
	}
	r.gap(g)
	return nil
}

// subscription reads every type in one subscription, types in parallel.
func (r *run) subscription(ctx context.Context, s subscription) error {
	scope := azward.ResourceID("/subscriptions/" + s.id)
	rights, err := r.permissions(ctx, scope)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, service := range services {
		group.Go(func() error {
			defer r.step(service.resourceType)
			return r.service(ctx, scope, service, rights)
		})
	}
	group.Go(func() error {
		defer r.step("Resource Graph")
		return r.everythingElse(ctx, s)
	})
	return group.Wait()
}

func (r *run) service(ctx context.Context, scope azward.ResourceID, s service, rights *permissions) error {
	path := s.path
	if path == "" {
		path = "/providers/" + s.resourceType
	}
	var found []object
	pages, err := r.list(ctx, string(scope)+path, s.apiVersion, func(body json.RawMessage) error {
		var head struct{ ID azward.ResourceID }
		if err := json.Unmarshal(body, &head); err != nil || head.ID == "" {
			r.gap(azward.Gap{Scope: scope, Kind: azward.GapUnparsed, Reads: s.resourceType, Error: "an object of the list has no id"})
			return nil
		}
		if s.then == nil {
			r.add(body, scope, r.from(s.apiVersion))
			return nil
		}
		found = append(found, object{ctx, head.ID, s.apiVersion, body})
		return nil
	})
	needs := s.resourceType + "/read"
	if err != nil {
		if notRegistered(err) {
			// A provider that is not registered has no resources here.
			r.listed(scope, s.resourceType, estate.ListingComplete, 0)
			return nil
		}
		if e := r.missing(scope, s.resourceType, needs, err); e != nil {
			return e
		}
	}
	group := errgroup.Group{}
	for _, o := range found {
		group.Go(func() error { return s.then(r, o) })
	}
	if e := group.Wait(); e != nil || err != nil {
		return e
	}
	switch rights.allows(needs) {
	case azward.Yes:
		r.listed(scope, s.resourceType, estate.ListingComplete, pages)
	default:
		// Azure leaves out, without a word, what the principal may not see.
		r.listed(scope, s.resourceType, estate.ListingPartial, pages)
		if !rights.nothing {
			r.gap(azward.Gap{
				Scope: scope, Kind: azward.GapDenied, Reads: s.resourceType, Needs: needs,
				Error:  "the principal may not read this type in the whole subscription, so the list may leave some out",
				Remedy: fmt.Sprintf("az role assignment create --role Reader --assignee PRINCIPAL --scope %s", scope),
			})
		}
	}
	return nil
}

// notRegistered reports whether a type is unknown in this subscription or cloud.
func notRegistered(err error) bool {
	text := err.Error()
	for _, code := range []string{"MissingSubscriptionRegistration", "InvalidResourceNamespace", "NoRegisteredProviderFound", "InvalidResourceType"} {
		if strings.Contains(text, code) {
			return true
		}
	}
	return false
}
