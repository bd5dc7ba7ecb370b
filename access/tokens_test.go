package access_test

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/store"
)

func auditNothing() store.AuditEntry { return store.AuditEntry{} }

func TestTokens(t *testing.T) {
	t.Parallel()
	w := open(t)
	root, ctx := w.admin(t)
	ana, anas := w.user(t, "ana", access.Operator)
	token, text, err := w.CreateToken(anas, access.NewToken{Name: "ci", Role: access.Viewer, ExpiresAt: w.clock.Now().Add(time.Hour)})
	check(t, err)
	if !regexp.MustCompile(`^azw_[A-Za-z0-9_-]{43}$`).MatchString(text) {
		t.Errorf("the token is %s", text)
	}
	who, err := w.Bearer(t.Context(), text)
	check(t, err)
	same(t, access.Identity{UserID: ana.ID, Name: "ana", Role: access.Viewer, Token: token.ID}, who)
	check(t, w.Flush(t.Context()))
	listed, err := w.Tokens(anas, false)
	check(t, err)
	token.LastUsed = w.clock.Now()
	same(t, []access.Token{token}, listed)
	none, err := w.Tokens(ctx, false)
	check(t, err)
	same(t, 0, len(none))
	all, err := w.Tokens(ctx, true)
	check(t, err)
	same(t, listed, all)

	// The user's role bounds the token's, also when it falls later.
	_, _, err = w.CreateToken(anas, access.NewToken{Name: "x", Role: access.Admin})
	refused(t, err, azward.KindRole)
	_, operators, err := w.CreateToken(anas, access.NewToken{Name: "x"})
	check(t, err)
	_, err = w.SetRole(ctx, ana.ID, access.Viewer, time.Time{})
	check(t, err)
	who, err = w.Bearer(t.Context(), operators)
	check(t, err)
	same(t, access.Viewer, who.Role)

	// Time, revocation, a disabled user.
	w.clock.Add(time.Hour)
	_, err = w.Bearer(t.Context(), text)
	refused(t, err, azward.KindSignIn)
	_, err = w.Disable(ctx, ana.ID, time.Time{})
	check(t, err)
	_, err = w.Bearer(t.Context(), operators)
	refused(t, err, azward.KindSignIn)
	_, err = w.Enable(ctx, ana.ID, time.Time{})
	check(t, err)
	_, err = w.Bearer(t.Context(), operators)
	check(t, err)

	mine, text, err := w.CreateToken(ctx, access.NewToken{Name: "mine"})
	check(t, err)
	refused(t, w.RevokeToken(anas, mine.ID), azward.KindNotFound) // nor is it said that there is one
	refused(t, w.RevokeToken(ctx, "tok_none"), azward.KindNotFound)
	check(t, w.RevokeToken(ctx, mine.ID))
	check(t, w.RevokeToken(ctx, mine.ID))
	_, err = w.Bearer(t.Context(), text)
	refused(t, err, azward.KindSignIn)
	same(t, []string{"root session token.revoke " + mine.ID, "root session token.create " + mine.ID}, actions(t, w, access.AuditFilter{UserID: root.ID, Action: "token"}))
	for _, forged := range []string{"", "azw_", "azw_x", text[1:], strings.ToUpper(text), text + "x", "azw_" + strings.Repeat("x", 1<<20), "eyJhbGciOiJub25lIn0.e30."} {
		_, err := w.Bearer(t.Context(), forged)
		refused(t, err, azward.KindSignIn)
	}
}

func TestNewTokens(t *testing.T) {
	t.Parallel()
	w := open(t)
	_, ctx := w.admin(t)
	now := w.clock.Now()
	for name, n := range map[string]access.NewToken{
		"no_name":         {},
		"line_feed":       {Name: "a\nb"},
		"over_before":     {Name: "x", ExpiresAt: now},
		"longer_than_one": {Name: "x", ExpiresAt: now.Add(400 * 24 * time.Hour)},
		"no_such_role":    {Name: "x", Role: "root"},
	} {
		_, _, err := w.CreateToken(ctx, n)
		if err == nil {
			t.Errorf("%s is made", name)
			continue
		}
		refused(t, err, azward.KindUsage)
	}
	_, _, err := w.CreateToken(t.Context(), access.NewToken{Name: "x"})
	refused(t, err, azward.KindSignIn)

	// A token makes none that outlives it, or may more.
	parent, text, err := w.CreateToken(ctx, access.NewToken{Name: "parent", Role: access.Operator, ExpiresAt: now.Add(time.Hour)})
	check(t, err)
	who, err := w.Bearer(t.Context(), text)
	check(t, err)
	byToken := access.With(t.Context(), who)
	_, _, err = w.CreateToken(byToken, access.NewToken{Name: "child", Role: access.Admin})
	refused(t, err, azward.KindRole)
	child, _, err := w.CreateToken(byToken, access.NewToken{Name: "child"})
	check(t, err)
	same(t, []any{access.Operator, parent.ExpiresAt}, []any{child.Role, child.ExpiresAt})
	same(t, []string{"root token " + parent.ID + " token.create " + child.ID}, actions(t, w, access.AuditFilter{Subject: child.ID}))

	for i := range 98 {
		_, _, err := w.CreateToken(ctx, access.NewToken{Name: fmt.Sprint(i)})
		check(t, err)
	}
	_, _, err = w.CreateToken(ctx, access.NewToken{Name: "one too many"})
	refused(t, err, azward.KindConflict)
}

func TestReplies(t *testing.T) {
	t.Parallel()
	w := open(t)
	_, ctx := w.admin(t)
	_, anas := w.user(t, "ana", access.Operator)
	sum := sha256.Sum256([]byte("body"))
	r := access.Request{Key: "k", Route: "POST /api/v1/scans", Hash: sum[:]}
	began := func(who string, r access.Request) {
		t.Helper()
		c := ctx
		if who == "ana" {
			c = anas
		}
		reply, err := w.BeginRequest(c, r)
		check(t, err)
		if reply != nil {
			t.Fatalf("there is an answer already: %v", reply)
		}
	}
	began("root", r)
	_, err := w.BeginRequest(ctx, r)
	refused(t, err, azward.KindConflict)
	began("ana", r) // keys of others are others
	want := &access.Reply{Status: 201, ContentType: "application/json", Header: map[string]string{"Location": "/x/1"}, Body: []byte(`{"id":1}`)}
	check(t, w.FinishRequest(ctx, r, want))
	reply, err := w.BeginRequest(ctx, r)
	check(t, err)
	same(t, want, reply)
	other := r
	other.Route = "POST /api/v1/tokens"
	_, err = w.BeginRequest(ctx, other)
	refused(t, err, azward.KindBadInput)
	other = r
	other.Hash = []byte("another")
	_, err = w.BeginRequest(ctx, other)
	refused(t, err, azward.KindBadInput)

	for name, free := range map[string]*access.Reply{"gave_up": nil, "broken": {Status: 503}, "throttled": {Status: 429}} {
		one := r
		one.Key = name
		began("root", one)
		check(t, w.FinishRequest(ctx, one, free))
		began("root", one)
	}
	for name, kept := range map[string]*access.Reply{
		"secret": {Status: 201, Body: []byte("azw_secret"), Withheld: true}, "large": {Status: 200, Body: make([]byte, 300<<10)},
	} {
		one := r
		one.Key = name
		began("root", one)
		check(t, w.FinishRequest(ctx, one, kept))
		_, err := w.BeginRequest(ctx, one)
		refused(t, err, azward.KindConflict)
	}
	for _, bad := range []string{"", "a\nb", strings.Repeat("x", 256)} {
		_, err := w.BeginRequest(ctx, access.Request{Key: bad})
		refused(t, err, azward.KindUsage)
	}
	_, err = w.BeginRequest(t.Context(), r)
	refused(t, err, azward.KindSignIn)
	refused(t, w.FinishRequest(t.Context(), r, nil), azward.KindSignIn)
	w.clock.Add(24 * time.Hour)
	began("root", r)
}
