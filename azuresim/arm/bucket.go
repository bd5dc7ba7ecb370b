package arm

import (
	"math"
	"sync"
	"time"

	"github.com/azward/azward/azuresim/scenario"
)

// Buckets hold one token bucket per key (principal and subscription).
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling#regional-throttling-and-token-bucket-algorithm
type Buckets struct {
	limit scenario.Bucket
	now   func() time.Time
	mu    sync.Mutex
	keys  map[string]*bucket
}

type bucket struct {
	tokens float64
	at     time.Time
}

// maxBuckets bounds the memory that made-up subscriptions can cost.
const maxBuckets = 100_000

// unlimitedReads is what the header says where no limit is enforced: a full
// bucket less this request.
const unlimitedReads = 249

// NewBuckets makes full buckets; a zero limit never throttles.
func NewBuckets(limit scenario.Bucket, now func() time.Time) *Buckets {
	return &Buckets{limit: limit, now: now, keys: map[string]*bucket{}}
}

// Take takes one token. It gives what is left, or how long to wait for one.
func (b *Buckets) Take(key string) (left int, wait time.Duration) {
	if b.limit.Capacity <= 0 {
		return unlimitedReads, 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	k := b.keys[key]
	if k == nil {
		if len(b.keys) >= maxBuckets {
			clear(b.keys)
		}
		k = &bucket{tokens: float64(b.limit.Capacity), at: now}
		b.keys[key] = k
	}
	k.tokens = math.Min(float64(b.limit.Capacity), k.tokens+now.Sub(k.at).Seconds()*b.limit.RefillPerSecond)
	k.at = now
	if k.tokens >= 1 {
		k.tokens--
		return int(k.tokens), 0
	}
	if b.limit.RefillPerSecond <= 0 {
		return 0, time.Hour
	}
	return 0, time.Duration((1 - k.tokens) / b.limit.RefillPerSecond * float64(time.Second))
}
