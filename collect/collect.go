package collect

import (
	"context"
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

// ClusterReader reads the objects of one cluster into a builder: kube.Read.
// Token gives a token that the cluster takes when the kubeconfig holds none.
// What cannot be read it files as gaps; an error is for all else.
type ClusterReader func(ctx context.Context, cluster azward.ResourceID, kubeconfig []byte,
	token func(context.Context) (string, error), readAt time.Time, b *estate.Builder) error

// Options of a collection. The zero value reads every subscription that the
// principal sees, without the objects inside clusters.
type Options struct {
	// Subscriptions to read; nil is all that the principal sees.
	Subscriptions []azward.SubscriptionID
	// WholeTenant is the user's word that these are all subscriptions of the
	// tenant. It weighs less than a role at the root management group.
	WholeTenant bool
	// Clusters reads what is in AKS clusters; nil leaves it out, as a gap.
	Clusters ClusterReader
	// Prefer says where lists come from; see [Prefer].
	Prefer Prefer
	// Progress is told after each step, never from two goroutines at once.
	Progress func(Progress)
	// Now gives the time that is noted as that of the read; nil is time.Now.
	Now func() time.Time
}

// Prefer chooses between truth and requests.
type Prefer string

// Where lists come from.
const (
	PreferTruth         Prefer = ""              // decisive kinds from Resource Manager, the rest from Resource Graph
	PreferResourceGraph Prefer = "resourcegraph" // all that Resource Graph holds from there: fewest requests
	PreferARM           Prefer = "arm"           // everything from Resource Manager
)

// Progress is how far a collection is.
type Progress struct {
	Subscription string // display name; "" for a step over several
	Note         string // what was read last: "Microsoft.Network/loadBalancers", "cluster prod"
	Done, Total  int    // steps; Total grows as more is found
	Resources    int    // filed so far
	Requests     int64  // sent so far
}

// Summary is what a collection amounts to.
type Summary struct {
	Subscriptions int
	// NotEnabled are subscriptions that are disabled, past due and the like.
	NotEnabled []azward.ResourceID
	Clusters   int
	Resources  int
	Requests   int64 // sent to Resource Manager and Resource Graph
	Elapsed    time.Duration
	// Complete is true when no gap was met.
	Complete bool
}

// Collect reads a tenant into the builder, which nobody else may use meanwhile.
// It fails when nothing can be read (no sign-in, no subscription) or when it is
// interrupted; what was read before stands. Anything less is a gap.
func Collect(ctx context.Context, client *azure.Client, b *estate.Builder, o Options) (Summary, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &run{client: client, o: o, sink: sink{b: b}, readAt: o.Now().UTC(), principal: "PRINCIPAL", clientID: "CLIENT-ID", held: map[string]copyOf{}}
	start, before := o.Now(), client.Stats().Requests
	err := r.collect(ctx)
	r.summary.Resources, r.summary.Requests = r.sink.filed(), client.Stats().Requests-before
	r.summary.Elapsed, r.summary.Complete = o.Now().Sub(start), err == nil && r.sink.gaps == 0
	if err != nil && ctx.Err() != nil {
		err = &azward.Error{
			Kind: azward.KindInterrupted, Op: "collect", Cause: "it was interrupted; what was read stands", Remedy: "run again to read the rest",
			Err: errors.Join(ctx.Err(), err),
		}
	}
	return r.summary, err
}

// Parallel work. The client bounds requests under way by itself.
const (
	subscriptionsAtOnce = 16
	parentsAtOnce       = 16
	clustersAtOnce      = 4
)

// run is one collection.
type run struct {
	client    *azure.Client
	o         Options
	sink      sink
	readAt    time.Time
	principal string // object ID, for commands in remedies
	clientID  string // of the application, likewise

	mu       sync.Mutex
	summary  Summary
	clusters []cluster
	rescue   []request
	held     map[string]copyOf
	progress Progress
}

// request is one kind of one subscription.
type request struct {
	s   *subscription
	k   kind
	err error // that Resource Manager answered
}

func (r *run) collect(ctx context.Context) error {
	if token, err := r.client.Principal(ctx); err != nil {
		return err
	} else if token.ObjectID != "" {
		r.principal = token.ObjectID
		if token.AppID != "" {
			r.clientID = token.AppID
		}
	}
	subscriptions, err := r.subscriptions(ctx)
	if err != nil {
		return err
	}
	r.summary.Subscriptions = len(subscriptions)
	if err := each(ctx, subscriptionsAtOnce, subscriptions, func(ctx context.Context, s *subscription) error { return s.loadAccess(ctx) }); err != nil {
		return err
	}
	listed, graphed := r.plan()
	r.expect(len(subscriptions)*len(listed) + len(graphed) + len(collections))
	defer r.fileHeld()
	g, inner := errgroup.WithContext(ctx)
	g.Go(func() error {
		return each(inner, subscriptionsAtOnce, subscriptions, func(ctx context.Context, s *subscription) error {
			return s.lists(ctx, listed)
		})
	})
	g.Go(func() error { return r.graph(inner, subscriptions, listed, graphed) })
	g.Go(func() error { return r.readDirectoryObjects(inner) })
	if err := g.Wait(); err != nil {
		return err
	}
	if err := r.rescueFromGraph(ctx); err != nil {
		return err
	}
	r.summary.Clusters = len(r.clusters)
	r.expect(len(r.clusters))
	return each(ctx, clustersAtOnce, r.clusters, func(ctx context.Context, c cluster) error {
		defer r.step("", "cluster "+c.id.Name())
		return r.readCluster(ctx, c)
	})
}

// plan parts the kinds into those listed by subscription and those asked of
// Resource Graph.
func (r *run) plan() (listed, graphed []kind) {
	for _, service := range services {
		for _, k := range service.kinds {
			switch {
			case k.version == "":
				graphed = append(graphed, k) // Resource Graph alone has it
			case k.table == noTable, r.o.Prefer == PreferARM, r.o.Prefer == PreferTruth && k.decisive:
				listed = append(listed, k)
			default:
				graphed = append(graphed, k)
			}
		}
	}
	return listed, graphed
}

// each calls f for every item, some at once, and stops at the first error.
func each[T any](ctx context.Context, atOnce int, items []T, f func(context.Context, T) error) error {
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, item := range items {
		if inner.Err() != nil {
			break
		}
		g.Go(func() error { return f(inner, item) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

func (r *run) expect(steps int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.progress.Total += steps
}

func (r *run) step(subscription, what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.progress.Done++
	if r.o.Progress == nil {
		return
	}
	r.progress.Subscription, r.progress.Note = subscription, what
	r.progress.Resources, r.progress.Requests = r.sink.filed(), r.client.Stats().Requests
	r.o.Progress(r.progress)
}

// sink guards the builder, which is not safe for concurrent use.
type sink struct {
	mu    sync.Mutex
	b     *estate.Builder
	gaps  int
	count int
}

func (s *sink) arm(body []byte, from estate.Provenance) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.b.AddARM(body, from); err != nil {
		return err
	}
	s.count++
	return nil
}

func (s *sink) msgraph(collection string, body []byte, from estate.Provenance) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.b.AddMSGraph(collection, body, from); err != nil {
		return err
	}
	s.count++
	return nil
}

func (s *sink) listing(l estate.Listing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b.AddListing(l)
}

func (s *sink) gap(g azward.Gap) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gaps++
	s.b.AddGap(g)
}

func (s *sink) add(e *estate.Estate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gaps += len(e.Gaps())
	for range e.All() {
		s.count++
	}
	s.b.Add(e)
}

func (s *sink) filed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// gapKind, causeOf and remedyOf say of an error what a gap says.
func gapKind(err error) azward.GapKind {
	switch azward.KindOf(err) {
	case azward.KindRole:
		return azward.GapDenied
	case azward.KindThrottled:
		return azward.GapThrottled
	case azward.KindUnavailable:
		return azward.GapUnreachable
	case azward.KindBadInput:
		return azward.GapUnparsed
	default:
		return azward.GapFailed
	}
}

func causeOf(err error) string {
	var e *azward.Error
	if errors.As(err, &e) && e.Cause != "" {
		return e.Cause
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	const longest = 300
	return fmt.Sprintf("%.*s", longest, line)
}

func remedyOf(err error) string {
	var e *azward.Error
	if errors.As(err, &e) {
		return e.Remedy
	}
	return ""
}
