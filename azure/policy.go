package azure

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"golang.org/x/time/rate"

	"github.com/azward/azward"
)

// readOnly is the last line before the wire: it lets through reads, and the
// few read actions that Resource Manager has as POST. Whatever the caller
// says, a write does not leave.
type readOnly struct{}

// readActions are the POSTs that read.
var readActions = regexp.MustCompile(`(?i)^(/providers/Microsoft\.ResourceGraph/resources` +
	`|/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.ContainerService/managedClusters/[^/]+/listClusterUserCredential)$`)

func (readOnly) Do(req *policy.Request) (*http.Response, error) {
	raw := req.Raw()
	if raw.Method == http.MethodGet || raw.Method == http.MethodPost && readActions.MatchString(raw.URL.Path) {
		return req.Next()
	}
	return nil, &azward.Error{
		Kind: azward.KindFailed, Op: raw.Method, Subject: raw.URL.Path,
		Cause: "this client reads and the request is not a read that it knows", Remedy: "report this: azward must not have tried",
	}
}

// Azure's own limits for reads of one principal.
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling,
// https://learn.microsoft.com/azure/governance/resource-graph/concepts/guidance-for-throttled-requests
const (
	armBurst       = 250
	armPerSecond   = 25
	graphBurst     = 15
	graphPerSecond = 3
)

// quota keeps requests within Azure's limits: a token bucket for each
// subscription and one for Resource Graph, led by what the headers say is left.
type quota struct {
	maxWait time.Duration
	mu      sync.Mutex
	buckets map[string]*bucket
}

type bucket struct {
	*rate.Limiter
	mu    sync.Mutex
	until time.Time // no request before
}

func newQuota(maxWait time.Duration) *quota {
	return &quota{maxWait: maxWait, buckets: map[string]*bucket{}}
}

func (q *quota) bucket(path string) *bucket {
	key, burst, perSecond := "", armBurst, armPerSecond
	lower := strings.ToLower(path)
	if strings.HasPrefix(lower, "/providers/microsoft.resourcegraph/") {
		key, burst, perSecond = "resourcegraph", graphBurst, graphPerSecond
	} else {
		key = string(azward.ResourceID(lower).Subscription())
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	b, ok := q.buckets[key]
	if !ok {
		b = &bucket{Limiter: rate.NewLimiter(rate.Limit(perSecond), burst)}
		q.buckets[key] = b
	}
	return b
}

func (q *quota) Do(req *policy.Request) (*http.Response, error) {
	ctx := req.Raw().Context()
	b := q.bucket(req.Raw().URL.Path)
	if err := b.wait(ctx); err != nil {
		return nil, err
	}
	response, err := req.Next()
	if err != nil {
		return nil, err
	}
	b.learn(response, q.maxWait)
	return response, nil
}

func (b *bucket) wait(ctx context.Context) error {
	b.mu.Lock()
	pause := time.Until(b.until)
	b.mu.Unlock()
	if pause > 0 {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
	}
	if err := b.Wait(ctx); err != nil {
		return fmt.Errorf("wait for the request quota: %w", err)
	}
	return nil
}

// learn stops a bucket whose quota is used up until it is filled again.
func (b *bucket) learn(r *http.Response, maxWait time.Duration) {
	if r.Header.Get("x-ms-user-quota-remaining") != "0" {
		return
	}
	var h, m, s int
	if _, err := fmt.Sscanf(r.Header.Get("x-ms-user-quota-resets-after"), "%d:%d:%d", &h, &m, &s); err != nil {
		return
	}
	pause := min(time.Duration(h)*time.Hour+time.Duration(m)*time.Minute+time.Duration(s)*time.Second, maxWait)
	b.mu.Lock()
	b.until = time.Now().Add(pause)
	b.mu.Unlock()
}

// counter counts what is really sent, retries included.
type counter struct{ n *atomic.Int64 }

func (c counter) Do(req *policy.Request) (*http.Response, error) {
	c.n.Add(1)
	return req.Next()
}

// retryAfter reads how long a throttled answer asks to wait, in words.
func retryAfter(r *http.Response) string {
	if r == nil {
		return ""
	}
	if s, err := strconv.Atoi(r.Header.Get("Retry-After")); err == nil {
		return fmt.Sprintf(" (it asks to wait %s)", time.Duration(s)*time.Second)
	}
	return ""
}
