package connect_test

import (
	"context"
	"crypto/sha256"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/connect"
	"github.com/azward/azward/seal"
	"github.com/azward/azward/store"
	"github.com/azward/azward/store/sqlite"
)

// TestConsent is kept sealed, is its user's and browser's, ends, and is used
// once.
func TestConsent(t *testing.T) {
	t.Parallel()
	ctx, dir := t.Context(), t.TempDir()
	open := func() (connect.Connections, *sqlite.Store) {
		s, err := sqlite.Open(ctx, dir)
		if err != nil {
			t.Fatal(err)
		}
		return connect.Connections{Store: s, Sealer: seal.Box{Provider: seal.File(filepath.Join(dir, store.KeyFile))}}, s
	}
	c, s := open()
	mine := sha256.Sum256([]byte("this browser"))
	asked := connect.Consent{User: "usr_1", Browser: mine, Tenant: "11111111-1111-4111-8111-111111111111", Request: connect.Request{
		Name: "customer", ClientID: "22222222-2222-4222-8222-222222222222", Auth: store.AuthClientSecret, Secret: seal.NewSecret("S3cr3t~"), Subscriptions: []string{"a"},
	}}
	state, err := c.AskConsent(ctx, asked, noon)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil { // the process ends
		t.Fatal(err)
	}
	c, s = open()
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	for name, tc := range map[string]struct {
		state, user string
		browser     [sha256.Size]byte
		late        bool
		kind        azward.Kind
	}{
		"another_state":   {state + "x", "usr_1", mine, false, azward.KindStale},
		"another_user":    {state, "usr_2", mine, false, azward.KindRole},
		"another_browser": {state, "usr_1", sha256.Sum256(nil), false, azward.KindRole},
		"too_late":        {state, "usr_1", mine, true, azward.KindStale},
	} {
		when := noon
		if tc.late {
			when = noon.Add(connect.ConsentFor)
		}
		if _, err := c.TakeConsent(ctx, tc.state, tc.user, tc.browser, when); azward.KindOf(err) != tc.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
	found, err := c.FindConsent(ctx, state, "usr_1", mine, noon)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("S3cr3t~", found.Request.Secret.Reveal()); diff != "" || found.Request.Name != "customer" || found.Tenant != asked.Tenant || len(found.Request.Subscriptions) != 1 {
		t.Errorf("found %+v", found)
	}
	var took atomic.Int32
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			switch _, err := c.TakeConsent(context.WithoutCancel(ctx), state, "usr_1", mine, noon); {
			case err == nil:
				took.Add(1)
			case azward.KindOf(err) != azward.KindStale:
				t.Error(err)
			}
		})
	}
	group.Wait()
	if took.Load() != 1 {
		t.Errorf("%d took it up", took.Load())
	}
}
