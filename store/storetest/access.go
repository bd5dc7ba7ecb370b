package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

// Access is what an engine keeps about users of the hub.
type Access interface {
	AddUser(context.Context, store.User, store.AuditEntry) error
	SetUpUser(ctx context.Context, link []byte, u store.User, key *store.Passkey, entry store.AuditEntry) error
	RedeemLink(ctx context.Context, link []byte, u store.User, was time.Time, key *store.Passkey, entry store.AuditEntry) error
	UpdateUser(ctx context.Context, u store.User, was time.Time, entry store.AuditEntry) error
	Users(context.Context) ([]store.User, error)
	User(ctx context.Context, id string) (store.User, error)
	LocalUser(ctx context.Context, name string) (store.User, error)
	IssuedUser(ctx context.Context, issuer, subject string) (store.User, error)
	AddLink(context.Context, store.Link, store.AuditEntry) error
	Link(ctx context.Context, hash []byte) (store.Link, error)

	AddToken(context.Context, store.Token, store.AuditEntry) error
	RevokeTokens(ctx context.Context, user, id string, entry store.AuditEntry) error
	Tokens(ctx context.Context, user string) ([]store.Token, error)
	Token(ctx context.Context, id string) (store.Token, error)
	TokenByHash(ctx context.Context, hash []byte) (store.Token, error)
	AddPasskey(context.Context, store.Passkey, store.AuditEntry) error
	UsePasskey(context.Context, store.Passkey) error
	RemovePasskey(ctx context.Context, user string, id []byte, entry store.AuditEntry) error
	Passkeys(ctx context.Context, user string) ([]store.Passkey, error)

	SaveSession(ctx context.Context, key, doc []byte, expires time.Time) error
	Session(ctx context.Context, key []byte, now time.Time) (doc []byte, expires time.Time, found bool, err error)
	RemoveSession(ctx context.Context, key []byte) error
	Touch(ctx context.Context, sessions, tokens map[string]time.Time) error
	SweepAccess(ctx context.Context, now time.Time) error
	BeginReply(ctx context.Context, r store.Reply, most int, now time.Time) (held store.Reply, begun bool, err error)
	FinishReply(context.Context, store.Reply) error

	WriteAudit(context.Context, store.AuditEntry) error
	AuditLog(context.Context, store.AuditFilter) ([]store.AuditEntry, error)

	Close() error
}

// RunAccess checks what an engine keeps about users. Open gives a store over
// dir; the suite closes it.
func RunAccess(t *testing.T, open func(t *testing.T, dir string) Access) {
	t.Helper()
	for _, part := range []struct {
		name string
		test func(*testing.T, Access)
	}{
		{"users", users},
		{"links_work_once", links},
		{"tokens", tokens},
		{"passkeys", passkeys},
		{"sessions", sessions},
		{"replies", replies},
		{"audit_log", auditLog},
	} {
		t.Run(part.name, func(t *testing.T) {
			t.Parallel()
			s := open(t, t.TempDir())
			defer func() { check(t, s.Close()) }()
			part.test(t, s)
		})
	}
}

func entry(action string) store.AuditEntry {
	return store.AuditEntry{At: noon, UserID: "u1", Who: "ana", Via: "session", Action: action, Subject: "s"}
}

func person(id, name, role string) store.User {
	return store.User{ID: id, Name: name, Role: role, CreatedAt: noon, UpdatedAt: noon}
}

func users(t *testing.T, s Access) {
	ctx := t.Context()
	ana, bo := person("u1", "Ana", "admin"), person("u2", "bo", "viewer")
	bo.Issuer, bo.Subject = "https://login.example.com", "0001"
	check(t, s.AddUser(ctx, ana, entry("user.create")))
	check(t, s.AddUser(ctx, bo, entry("user.create")))
	advice(t, s.AddUser(ctx, person("u3", "ANA", "viewer"), entry("user.create")), azward.KindConflict)
	advice(t, s.AddUser(ctx, store.User{ID: "u4", Name: "x", Role: "viewer", Issuer: bo.Issuer, Subject: "0001"}, entry("user.create")), azward.KindConflict)
	same(t, []store.User{ana, bo}, must(s.Users(ctx))(t))
	same(t, ana, must(s.LocalUser(ctx, "aNA"))(t))
	same(t, bo, must(s.IssuedUser(ctx, bo.Issuer, "0001"))(t))
	_, err := s.LocalUser(ctx, "bo")
	advice(t, err, azward.KindNotFound)
	same(t, 2, len(must(s.AuditLog(ctx, store.AuditFilter{}))(t)))

	// A change names what it saw; the one that comes second is told.
	renamed := ana
	renamed.Password, renamed.Epoch, renamed.UpdatedAt = "$argon2id$…", 1, noon.Add(time.Minute)
	check(t, s.UpdateUser(ctx, renamed, ana.UpdatedAt, entry("user.password")))
	advice(t, s.UpdateUser(ctx, renamed, ana.UpdatedAt, entry("user.password")), azward.KindConflict)
	advice(t, s.UpdateUser(ctx, person("u9", "x", "viewer"), noon, entry("user.role")), azward.KindNotFound)
	same(t, renamed, must(s.User(ctx, "u1"))(t))

	// The last administrator stays one, and the log does not say otherwise.
	for _, change := range []func(*store.User){func(u *store.User) { u.Role = "viewer" }, func(u *store.User) { u.Disabled = true }} {
		last := renamed
		change(&last)
		advice(t, s.UpdateUser(ctx, last, renamed.UpdatedAt, entry("user.role")), azward.KindConflict)
	}
	same(t, renamed, must(s.User(ctx, "u1"))(t))
	same(t, 3, len(must(s.AuditLog(ctx, store.AuditFilter{}))(t)))
	promoted := bo
	promoted.Role, promoted.UpdatedAt = "admin", noon.Add(time.Hour)
	check(t, s.UpdateUser(ctx, promoted, bo.UpdatedAt, entry("user.role")))
	disabled := renamed
	disabled.Disabled, disabled.UpdatedAt = true, noon.Add(time.Hour)
	check(t, s.UpdateUser(ctx, disabled, renamed.UpdatedAt, entry("user.disable")))
}

func links(t *testing.T, s Access) {
	ctx := t.Context()
	first, second := store.Link{Hash: []byte("one"), ExpiresAt: noon.Add(time.Hour)}, store.Link{Hash: []byte("two"), ExpiresAt: noon.Add(time.Hour)}
	check(t, s.AddLink(ctx, first, store.AuditEntry{At: noon}))
	check(t, s.AddLink(ctx, second, store.AuditEntry{At: noon}))
	_, err := s.Link(ctx, first.Hash)
	advice(t, err, azward.KindNotFound)
	same(t, second, must(s.Link(ctx, second.Hash))(t))

	ana := person("u1", "ana", "admin")
	advice(t, s.SetUpUser(ctx, []byte("forged"), ana, nil, entry("user.setup")), azward.KindSignIn)
	late := entry("user.setup")
	late.At = second.ExpiresAt
	advice(t, s.SetUpUser(ctx, second.Hash, ana, nil, late), azward.KindSignIn)
	same(t, 0, len(must(s.Users(ctx))(t)))

	// Of many who open it at once, one becomes the administrator.
	var won sync.Map
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			u := person(string(rune('a'+i)), "admin"+string(rune('a'+i)), "admin")
			won.Store(i, s.SetUpUser(ctx, second.Hash, u, &store.Passkey{ID: []byte{byte(i)}, UserID: u.ID, Record: json.RawMessage(`{}`)}, entry("user.setup")))
		})
	}
	group.Wait()
	made := 0
	won.Range(func(_, err any) bool {
		if err == nil {
			made++
		}
		return true
	})
	same(t, 1, made)
	check(t, s.AddLink(ctx, first, store.AuditEntry{At: noon}))
	advice(t, s.SetUpUser(ctx, first.Hash, person("z", "zoe", "admin"), nil, entry("user.setup")), azward.KindConflict)

	bo := person("u2", "bo", "viewer")
	check(t, s.AddUser(ctx, bo, entry("user.create")))
	check(t, s.AddLink(ctx, store.Link{Hash: []byte("bo"), UserID: bo.ID, ExpiresAt: noon.Add(time.Hour)}, entry("user.link")))
	same(t, made, len(must(s.Passkeys(ctx, ""))(t)))
	advice(t, s.RedeemLink(ctx, first.Hash, bo, noon, nil, entry("user.password")), azward.KindSignIn)
	taken := must(s.Passkeys(ctx, ""))(t)[0]
	advice(t, s.RedeemLink(ctx, []byte("bo"), bo, noon, &taken, entry("user.password")), azward.KindConflict)
	check(t, s.RedeemLink(ctx, []byte("bo"), bo, noon, &store.Passkey{ID: []byte("bo"), UserID: bo.ID, Record: json.RawMessage(`{}`)}, entry("user.password")))
	advice(t, s.RedeemLink(ctx, []byte("bo"), bo, noon, nil, entry("user.password")), azward.KindSignIn)
	same(t, made+1, len(must(s.Passkeys(ctx, ""))(t)))
}

func tokens(t *testing.T, s Access) {
	ctx := t.Context()
	check(t, s.AddUser(ctx, person("u1", "ana", "admin"), entry("user.create")))
	one := store.Token{ID: "t1", UserID: "u1", Name: "ci", Hash: []byte("h1"), Role: "viewer", CreatedAt: noon, ExpiresAt: noon.Add(time.Hour)}
	two := store.Token{ID: "t2", UserID: "u1", Name: "ci", Hash: []byte("h2"), Role: "viewer", CreatedAt: noon.Add(time.Second), ExpiresAt: noon.Add(time.Hour)}
	check(t, s.AddToken(ctx, one, entry("token.create")))
	check(t, s.AddToken(ctx, two, entry("token.create")))
	same(t, []store.Token{two, one}, must(s.Tokens(ctx, "u1"))(t))
	same(t, 0, len(must(s.Tokens(ctx, "u2"))(t)))
	same(t, one, must(s.TokenByHash(ctx, one.Hash))(t))
	_, err := s.TokenByHash(ctx, []byte("other"))
	advice(t, err, azward.KindNotFound)

	advice(t, s.RevokeTokens(ctx, "u2", "t1", entry("token.revoke")), azward.KindNotFound)
	check(t, s.RevokeTokens(ctx, "u1", "t1", entry("token.revoke")))
	one.RevokedAt = noon
	same(t, one, must(s.Token(ctx, "t1"))(t))
	before := len(must(s.AuditLog(ctx, store.AuditFilter{}))(t))
	check(t, s.RevokeTokens(ctx, "u1", "t1", entry("token.revoke"))) // nothing left to do, nothing to tell
	same(t, before, len(must(s.AuditLog(ctx, store.AuditFilter{}))(t)))
	check(t, s.Touch(ctx, nil, map[string]time.Time{"t2": noon.Add(time.Minute), "gone": noon}))
	check(t, s.Touch(ctx, nil, map[string]time.Time{"t2": noon}))
	two.LastUsed = noon.Add(time.Minute)
	same(t, two, must(s.Token(ctx, "t2"))(t))
	check(t, s.RevokeTokens(ctx, "u1", "", entry("token.revoke")))
	same(t, noon, must(s.Token(ctx, "t2"))(t).RevokedAt)
}

func passkeys(t *testing.T, s Access) {
	ctx := t.Context()
	check(t, s.AddUser(ctx, person("u1", "ana", "admin"), entry("user.create")))
	key := store.Passkey{ID: []byte{1}, UserID: "u1", Name: "laptop", Record: json.RawMessage(`{"n":1}`), CreatedAt: noon}
	check(t, s.AddPasskey(ctx, key, entry("passkey.add")))
	advice(t, s.AddPasskey(ctx, key, entry("passkey.add")), azward.KindConflict)
	key.Record, key.LastUsed = json.RawMessage(`{"n":2}`), noon.Add(time.Hour)
	check(t, s.UsePasskey(ctx, key))
	same(t, []store.Passkey{key}, must(s.Passkeys(ctx, "u1"))(t))
	same(t, []store.Passkey{key}, must(s.Passkeys(ctx, ""))(t))
	advice(t, s.RemovePasskey(ctx, "u2", key.ID, entry("passkey.remove")), azward.KindNotFound)
	check(t, s.RemovePasskey(ctx, "u1", key.ID, entry("passkey.remove")))
	advice(t, s.UsePasskey(ctx, key), azward.KindNotFound)
	same(t, 0, len(must(s.Passkeys(ctx, ""))(t)))
}

func sessions(t *testing.T, s Access) {
	ctx, end := t.Context(), noon.Add(time.Hour)
	check(t, s.SaveSession(ctx, []byte("k"), []byte("one"), noon.Add(time.Minute)))
	check(t, s.SaveSession(ctx, []byte("k"), []byte("two"), end))
	doc, expires, found, err := s.Session(ctx, []byte("k"), noon)
	check(t, err)
	same(t, []any{"two", end, true}, []any{string(doc), expires, found})
	_, _, found, err = s.Session(ctx, []byte("k"), end)
	check(t, err)
	same(t, false, found)
	check(t, s.Touch(ctx, map[string]time.Time{"k": end.Add(time.Hour), "gone": end}, nil))
	_, _, found, err = s.Session(ctx, []byte("k"), end)
	check(t, err)
	same(t, true, found)
	_, _, found, err = s.Session(ctx, []byte("gone"), noon)
	check(t, err)
	same(t, false, found)
	check(t, s.SaveSession(ctx, []byte("old"), []byte("x"), noon))
	check(t, s.SweepAccess(ctx, noon))
	check(t, s.RemoveSession(ctx, []byte("k")))
	check(t, s.RemoveSession(ctx, []byte("k")))
	for _, key := range []string{"k", "old"} {
		_, _, found, err = s.Session(ctx, []byte(key), noon.Add(-time.Hour))
		check(t, err)
		same(t, false, found)
	}
}

func replies(t *testing.T, s Access) {
	ctx := t.Context()
	first := store.Reply{UserID: "u1", Key: "k", Route: "POST /scans", Request: []byte("r"), ExpiresAt: noon.Add(time.Minute)}
	begin := func(r store.Reply, now time.Time) (store.Reply, bool) {
		t.Helper()
		held, begun, err := s.BeginReply(ctx, r, 2, now)
		check(t, err)
		return held, begun
	}
	_, begun := begin(first, noon)
	same(t, true, begun)
	held, begun := begin(first, noon)
	same(t, []any{0, false}, []any{held.Status, begun})
	done := first
	done.Status, done.ContentType, done.Body, done.ExpiresAt = 201, "application/json", []byte(`{}`), noon.Add(time.Hour)
	check(t, s.FinishReply(ctx, done))
	held, _ = begin(first, noon)
	same(t, done, held)
	later := done
	later.Status = 500
	check(t, s.FinishReply(ctx, later)) // the first answer stands
	held, _ = begin(first, noon)
	same(t, 201, held.Status)

	other := first
	other.Key = "k2"
	_, begun = begin(other, noon)
	same(t, true, begun)
	third := first
	third.Key = "k3"
	_, _, err := s.BeginReply(ctx, third, 2, noon)
	advice(t, err, azward.KindThrottled)
	check(t, s.FinishReply(ctx, other)) // given back
	_, begun = begin(third, noon)
	same(t, true, begun)
	_, begun = begin(first, noon.Add(time.Hour)) // both are over
	same(t, true, begun)
	other.UserID = "u2"
	_, begun = begin(other, noon)
	same(t, true, begun)
}

func auditLog(t *testing.T, s Access) {
	ctx := t.Context()
	for i, action := range []string{"user.create", "user.role", "users", "scan.start"} {
		e := entry(action)
		e.At = noon.Add(time.Duration(i) * time.Minute)
		if action == "user.role" {
			e.Before, e.After = json.RawMessage(`{"role":"viewer"}`), json.RawMessage(`{"role":"admin"}`)
		}
		if action == "scan.start" {
			e.UserID, e.Subject = "u2", "prod"
		}
		check(t, s.WriteAudit(ctx, e))
	}
	listed := func(f store.AuditFilter) (actions []string) {
		for _, e := range must(s.AuditLog(ctx, f))(t) {
			actions = append(actions, e.Action)
		}
		return actions
	}
	same(t, []string{"scan.start", "users", "user.role", "user.create"}, listed(store.AuditFilter{}))
	same(t, []string{"user.role", "user.create"}, listed(store.AuditFilter{Action: "user"}))
	same(t, []string{"scan.start"}, listed(store.AuditFilter{UserID: "u2"}))
	same(t, []string{"scan.start"}, listed(store.AuditFilter{Subject: "prod"}))
	same(t, []string{"scan.start", "users"}, listed(store.AuditFilter{Since: noon.Add(2 * time.Minute)}))
	page := must(s.AuditLog(ctx, store.AuditFilter{Limit: 2}))(t)
	rest := must(s.AuditLog(ctx, store.AuditFilter{Before: page[1].Seq}))(t)
	want := entry("user.role")
	want.Seq, want.At = rest[0].Seq, noon.Add(time.Minute)
	want.Before, want.After = json.RawMessage(`{"role":"viewer"}`), json.RawMessage(`{"role":"admin"}`)
	same(t, want, rest[0])
	same(t, 2, len(rest))
	if errors.Is(s.WriteAudit(ctx, store.AuditEntry{}), nil) {
		same(t, 4, len(must(s.AuditLog(ctx, store.AuditFilter{}))(t)))
	}
}
