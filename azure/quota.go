package azure

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azward/azward"
)

// Azure's own limits for the reads of one principal.
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling,
// https://learn.microsoft.com/azure/governance/resource-graph/concepts/guidance-for-throttled-requests
const (
	armBurst       = 250
	armPerSecond   = 25
	graphBurst     = 15
	graphPerSecond = 3 // 15 in 5 seconds
)

// quota keeps requests within Azure's limits: a token bucket for each
// subscription (a client is one principal) and one for Resource Graph, led by
// what the headers say is left.
type quota struct {
	maxWait time.Duration
	waited  func(time.Duration)

	mu      sync.Mutex
	buckets map[string]*bucket
}

func newQuota(maxWait time.Duration, waited func(time.Duration)) *quota {
	return &quota{maxWait: maxWait, waited: waited, buckets: map[string]*bucket{}}
}

const graphPrefix = "/providers/microsoft.resourcegraph/"

func (q *quota) bucket(path string) *bucket {
	lower := strings.ToLower(path)
	key, burst, perSecond := string(azward.ResourceID(lower).Subscription()), armBurst, armPerSecond
	if strings.HasPrefix(lower, graphPrefix) {
		key, burst, perSecond = "resourcegraph", graphBurst, graphPerSecond
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	b, ok := q.buckets[key]
	if !ok {
		b = &bucket{tokens: float64(burst), burst: float64(burst), perSecond: float64(perSecond), last: time.Now()}
		q.buckets[key] = b
	}
	return b
}

func (q *quota) Do(req *policy.Request) (*http.Response, error) {
	raw := req.Raw()
	b := q.bucket(raw.URL.Path)
	wait := b.take(time.Now())
	if wait > q.maxWait {
		b.putBack()
		return nil, final{&azward.Error{
			Kind: azward.KindThrottled, Op: "read", Subject: raw.URL.Path,
			Cause:  fmt.Sprintf("Azure's quota is used up for another %s, longer than the %s that azward waits", wait.Round(time.Second), q.maxWait),
			Remedy: "run again later; other tools with the same principal use the same quota",
		}}
	}
	if err := sleep(raw.Context(), wait); err != nil {
		return nil, err
	}
	q.waited(wait)
	response, err := req.Next()
	if err != nil {
		return nil, err
	}
	b.learn(response.Header, response.StatusCode, time.Now())
	return response, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// bucket is a token bucket that may go into debt: who takes a token that is
// not there yet waits until it is.
type bucket struct {
	mu        sync.Mutex
	tokens    float64
	burst     float64
	perSecond float64
	last      time.Time
	until     time.Time // nothing before: Azure said so
}

// take takes one token and returns how long to wait for it.
func (b *bucket) take(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill(now)
	b.tokens--
	wait := b.until.Sub(now)
	if b.tokens < 0 {
		wait = max(wait, time.Duration(-b.tokens/b.perSecond*float64(time.Second)))
	}
	return max(wait, 0)
}

func (b *bucket) putBack() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens++
}

func (b *bucket) refill(now time.Time) {
	if elapsed := now.Sub(b.last); elapsed > 0 {
		b.tokens = min(b.burst, b.tokens+elapsed.Seconds()*b.perSecond)
		b.last = now
	}
}

// learn corrects the bucket by what Azure says is left: other tools spend of
// the same quota. A throttled answer stops the bucket for as long as it asks,
// so that what else is under way does not add to the count.
func (b *bucket) learn(h http.Header, status int, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill(now)
	for _, name := range []string{"x-ms-ratelimit-remaining-subscription-reads", "x-ms-ratelimit-remaining-tenant-reads", "x-ms-user-quota-remaining"} {
		if left, err := strconv.Atoi(h.Get(name)); err == nil && left >= 0 {
			b.tokens = min(b.tokens, float64(left))
		}
	}
	if h.Get("x-ms-user-quota-remaining") == "0" {
		b.stop(now.Add(quotaReset(h.Get("x-ms-user-quota-resets-after"))))
	}
	if status == http.StatusTooManyRequests {
		if seconds, err := strconv.Atoi(h.Get("Retry-After")); err == nil && seconds > 0 {
			b.stop(now.Add(time.Duration(seconds) * time.Second))
		}
	}
}

func (b *bucket) stop(until time.Time) {
	if until.After(b.until) {
		b.until = until
	}
}

// maxReset bounds what a header may say: Resource Graph's window is 5 seconds.
const maxReset = time.Minute

// quotaReset reads "hh:mm:ss"; 0 when it is something else.
func quotaReset(s string) time.Duration {
	var h, m, sec int
	if _, err := fmt.Sscanf(s, "%d:%d:%d", &h, &m, &sec); err != nil || h < 0 || m < 0 || sec < 0 || h > 1 {
		return 0
	}
	return min(time.Duration(h)*time.Hour+time.Duration(m)*time.Minute+time.Duration(sec)*time.Second, maxReset)
}

// retryAfter says how long a throttled answer asks to wait, in words.
func retryAfter(r *http.Response) string {
	if r == nil {
		return ""
	}
	if s, err := strconv.Atoi(r.Header.Get("Retry-After")); err == nil {
		return fmt.Sprintf(" (it asks to wait %s)", time.Duration(s)*time.Second)
	}
	return ""
}
