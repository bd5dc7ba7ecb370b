package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

// Consents keeps what administrators were asked for.
type Consents interface {
	SaveConsent(ctx context.Context, c store.Consent, most int, now time.Time) error
	Consent(ctx context.Context, state []byte) (store.Consent, error)
	TakeConsent(ctx context.Context, state []byte) error
	SweepConsents(ctx context.Context, now time.Time) error
}

func consents(t *testing.T, s Store) {
	ctx := t.Context()
	const most = 3
	one := func(i int) store.Consent {
		return store.Consent{State: fmt.Appendf(nil, "state %d", i), User: "usr_1", Browser: []byte("b"), ExpiresAt: noon.Add(time.Duration(i) * time.Minute), Sealed: []byte("sealed")}
	}
	for i := range 5 {
		check(t, s.SaveConsent(ctx, one(i+1), most, noon))
	}
	for _, gone := range []int{1, 2} {
		_, err := s.Consent(ctx, one(gone).State)
		advice(t, err, azward.KindNotFound)
	}
	same(t, one(4), must(s.Consent(ctx, one(4).State))(t))
	check(t, s.TakeConsent(ctx, one(4).State))
	advice(t, s.TakeConsent(ctx, one(4).State), azward.KindNotFound)
	check(t, s.SweepConsents(ctx, one(3).ExpiresAt))
	_, err := s.Consent(ctx, one(3).State)
	advice(t, err, azward.KindNotFound)
	same(t, one(5), must(s.Consent(ctx, one(5).State))(t))
}
