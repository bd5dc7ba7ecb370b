package access

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits of sign-ins: an account can be tried a few times in a row and then
// once a minute; an address, behind which a whole office may sit, more often.
const (
	accountEvery, accountBurst = time.Minute, 5
	addressEvery, addressBurst = 3 * time.Second, 30
	// maxLimits bounds the memory of a limiter, in keys of about 200 bytes. The
	// one that was not asked for longest goes first.
	maxLimits = 20_000
)

// Limiter lets each key do something once in a while, with bursts. It is safe
// for concurrent use.
type Limiter struct {
	every time.Duration
	burst int

	mu     sync.Mutex
	keys   map[string]*list.Element
	recent *list.List // the latest first
}

type limit struct {
	key string
	*rate.Limiter
}

// NewLimiter gives each key burst tries, and another one after each every.
func NewLimiter(every time.Duration, burst int) *Limiter {
	return &Limiter{every: every, burst: burst, keys: map[string]*list.Element{}, recent: list.New()}
}

// Take returns 0 and counts one, or how long to wait.
func (l *Limiter) Take(key string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.of(key).ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// Forget gives a key all its tries back.
func (l *Limiter) Forget(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at, has := l.keys[key]; has {
		l.recent.Remove(at)
		delete(l.keys, key)
	}
}

func (l *Limiter) of(key string) *limit {
	if at, has := l.keys[key]; has {
		l.recent.MoveToFront(at)
		if found, is := at.Value.(*limit); is {
			return found
		}
	}
	if len(l.keys) >= maxLimits {
		if oldest, is := l.recent.Remove(l.recent.Back()).(*limit); is {
			delete(l.keys, oldest.key)
		}
	}
	fresh := &limit{key, rate.NewLimiter(rate.Every(l.every), l.burst)}
	l.keys[key] = l.recent.PushFront(fresh)
	return fresh
}

// AddressKey is what an address is limited by: a network of 64 bits for IPv6,
// where each customer has at least one.
func AddressKey(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		const customer = 64
		if network, err := ip.Prefix(customer); err == nil {
			return network.String()
		}
	}
	return ip.String()
}
