package azure

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// Source of the figures:
// https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
func TestBucketGivesWhatAzureGrants(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newQuota(time.Minute, func(time.Duration) {}).bucket("/subscriptions/s/providers/x")
		for i := range armBurst {
			if wait := b.take(time.Now()); wait > 0 {
				t.Fatalf("request %d of the burst waits %s", i, wait)
			}
		}
		if wait := b.take(time.Now()); wait < 39*time.Millisecond || wait > 41*time.Millisecond {
			t.Errorf("the first after the burst waits %s, want 40ms", wait)
		}
		time.Sleep(time.Second)
		for i := range armPerSecond - 2 {
			if wait := b.take(time.Now()); wait > 0 {
				t.Errorf("request %d after a second waits %s", i, wait)
			}
		}
	})
}

func TestBucketLearnsFromHeaders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQuota(time.Minute, func(time.Duration) {})
		b := q.bucket("/subscriptions/s/providers/x")
		b.learn(http.Header{"X-Ms-Ratelimit-Remaining-Subscription-Reads": {"0"}}, http.StatusOK, time.Now())
		if wait := b.take(time.Now()); wait != 40*time.Millisecond {
			t.Errorf("with nothing left it waits %s", wait)
		}
		b.learn(http.Header{"Retry-After": {"7"}}, http.StatusTooManyRequests, time.Now())
		if wait := b.take(time.Now()); wait != 7*time.Second {
			t.Errorf("told to wait 7 s it waits %s", wait)
		}
		if wait := q.bucket("/subscriptions/other/x").take(time.Now()); wait != 0 {
			t.Errorf("another subscription waits %s", wait)
		}
		graph := q.bucket("/providers/Microsoft.ResourceGraph/resources")
		graph.learn(http.Header{"X-Ms-User-Quota-Remaining": {"0"}, "X-Ms-User-Quota-Resets-After": {"00:00:03"}}, http.StatusOK, time.Now())
		if wait := graph.take(time.Now()); wait != 3*time.Second {
			t.Errorf("Resource Graph waits %s", wait)
		}
	})
}

func TestQuotaResetReadsWhatAzureWrites(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"00:00:05": 5 * time.Second, "00:01:00": time.Minute, "01:00:00": maxReset, "": 0, "soon": 0, "-1:00:00": 0, "99:00:00": 0,
	} {
		if got := quotaReset(text); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}
