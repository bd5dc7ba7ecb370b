package resourcegraph

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/azward/azward/azuresim/arm"
	"github.com/azward/azward/azuresim/scenario"
)

// The service's own quota, which the headers tell of where none is enforced.
const (
	usualCapacity = 15
	usualSeconds  = 5
)

// quota counts requests per caller in windows of a few seconds.
//
// Source: https://learn.microsoft.com/azure/governance/resource-graph/concepts/guidance-for-throttled-requests
type quota struct {
	limit scenario.Window
	now   func() time.Time
	mu    sync.Mutex
	used  map[string]*window
}

type window struct {
	start time.Time
	calls int
}

func newQuota(limit scenario.Window, now func() time.Time) *quota {
	if limit.Seconds <= 0 {
		limit.Seconds = usualSeconds
	}
	return &quota{limit: limit, now: now, used: map[string]*window{}}
}

func (q *quota) take(w http.ResponseWriter, key string) *arm.Error {
	if q.limit.Capacity <= 0 {
		setQuota(w, usualCapacity-1, usualSeconds*time.Second)
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	now, span := q.now(), time.Duration(q.limit.Seconds)*time.Second
	u := q.used[key]
	if u == nil || now.Sub(u.start) >= span {
		u = &window{start: now}
		q.used[key] = u
	}
	resets := span - now.Sub(u.start)
	if u.calls >= q.limit.Capacity {
		setQuota(w, 0, resets)
		w.Header().Set("Retry-After", strconv.Itoa(seconds(resets)))
		return &arm.Error{Status: http.StatusTooManyRequests, Code: "RateLimiting", Details: []arm.Detail{{
			"code": "RateLimiting", "message": "Client application has been throttled and should not attempt to repeat the request until an amount of time has elapsed. Please see https://aka.ms/resourcegraph-throttling for help.",
		}}}
	}
	u.calls++
	setQuota(w, q.limit.Capacity-u.calls, resets)
	return nil
}

func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

func setQuota(w http.ResponseWriter, left int, resets time.Duration) {
	s := seconds(resets)
	w.Header().Set("x-ms-user-quota-remaining", strconv.Itoa(left))
	w.Header().Set("x-ms-user-quota-resets-after", fmt.Sprintf("%02d:%02d:%02d", s/3600, s/60%60, s%60))
}

// sealToken binds a page's start to its query.
func (s *Server) sealToken(q *request, at int) string {
	return base64.StdEncoding.EncodeToString([]byte(strconv.Itoa(at) + ":" + s.fingerprint(q)))
}

func (s *Server) openToken(q *request) (int, bool) {
	raw, err := base64.StdEncoding.DecodeString(q.Options.SkipToken)
	if err != nil {
		return 0, false
	}
	at, mark, _ := strings.Cut(string(raw), ":")
	n, err := strconv.Atoi(at)
	return n, err == nil && n >= 0 && mark == s.fingerprint(q)
}

func (s *Server) fingerprint(q *request) string {
	sum := sha256.Sum256([]byte(s.o.Tenant.ID + "\x00" + q.Query))
	return hex.EncodeToString(sum[:8])
}
