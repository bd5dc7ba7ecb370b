package access_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/access/accesstest"
)

const origin = "http://localhost:8484"

func encoded(t *testing.T, options any) []byte {
	t.Helper()
	doc, err := json.Marshal(options)
	check(t, err)
	return doc
}

func TestPasskeys(t *testing.T) {
	t.Parallel()
	w := open(t)
	root, ctx := w.admin(t)
	key := accesstest.NewAuthenticator(t, origin, "localhost")
	options, state, err := w.BeginPasskey(ctx)
	check(t, err)
	answer := key.Create(t, encoded(t, options))
	_, anas := w.user(t, "ana", access.Viewer)
	_, err = w.AddPasskey(anas, state, "stolen", bytes.NewReader(answer))
	refused(t, err, azward.KindSignIn)
	added, err := w.AddPasskey(ctx, state, "laptop", bytes.NewReader(answer))
	check(t, err)
	_, err = w.AddPasskey(ctx, state, "again", bytes.NewReader(answer))
	refused(t, err, azward.KindSignIn)

	signIn := func(change func(state string, answer []byte) (string, []byte)) (access.User, error) {
		t.Helper()
		w.clock.Add(time.Minute) // for the limits
		options, state, err := w.BeginPasskeySignIn()
		check(t, err)
		answer := key.Get(t, encoded(t, options))
		if change != nil {
			state, answer = change(state, answer)
		}
		return w.PasskeySignIn(t.Context(), state, bytes.NewReader(answer), address)
	}
	u, err := signIn(nil)
	check(t, err)
	same(t, root.ID, u.ID)
	list, err := w.Passkeys(ctx)
	check(t, err)
	same(t, 1, len(list))
	same(t, []any{added.ID, "laptop", w.clock.Now()}, []any{list[0].ID, list[0].Name, list[0].LastUsed})

	var lastState string
	var last []byte
	_, err = signIn(func(state string, answer []byte) (string, []byte) {
		lastState, last = state, answer
		return state, answer
	})
	check(t, err)
	_, err = w.PasskeySignIn(t.Context(), lastState, bytes.NewReader(last), address)
	refused(t, err, azward.KindSignIn) // replayed
	for name, change := range map[string]func(string, []byte) (string, []byte){
		"other_challenge": func(state string, _ []byte) (string, []byte) { return state, last },
		"other_browser":   func(_ string, answer []byte) (string, []byte) { return "", answer },
		"cut_short":       func(state string, answer []byte) (string, []byte) { return state, answer[:len(answer)/2] },
		"empty":           func(state string, _ []byte) (string, []byte) { return state, nil },
		"huge": func(state string, _ []byte) (string, []byte) {
			return state, []byte(`{"id":"` + strings.Repeat("A", 1<<20))
		},
		"counter_back": func(state string, answer []byte) (string, []byte) {
			return state, answer
		},
		"other_origin": func(state string, answer []byte) (string, []byte) { return state, answer },
		"other_domain": func(state string, answer []byte) (string, []byte) { return state, answer },
	} {
		key.Origin, key.Domain = origin, "localhost"
		switch name {
		case "counter_back":
			key.Counter = 0
		case "other_origin":
			key.Origin = "http://localhost:1"
		case "other_domain":
			key.Domain = "evil.example"
		}
		if _, err := signIn(change); err == nil {
			t.Errorf("%s signs in", name)
		} else {
			refused(t, err, azward.KindSignIn)
		}
		key.Counter += 100
	}
	key.Origin, key.Domain = origin, "localhost"
	stranger := accesstest.NewAuthenticator(t, origin, "localhost")
	options, state, err = w.BeginPasskeySignIn()
	check(t, err)
	_, err = w.PasskeySignIn(t.Context(), state, bytes.NewReader(stranger.Get(t, encoded(t, options))), address)
	refused(t, err, azward.KindSignIn)

	// A disabled user's key opens nothing.
	second, seconds := w.user(t, "bo", access.Admin)
	_, err = w.Disable(seconds, root.ID, time.Time{})
	check(t, err)
	_, err = signIn(nil)
	refused(t, err, azward.KindSignIn)
	_, err = w.Enable(seconds, root.ID, time.Time{})
	check(t, err)
	_ = second

	refused(t, w.RemovePasskey(anas, added.ID), azward.KindNotFound)
	check(t, w.RemovePasskey(ctx, added.ID))
	_, err = signIn(nil)
	refused(t, err, azward.KindSignIn)
	same(t, []string{"root session passkey.remove root", "root session passkey.add root"}, actions(t, w, access.AuditFilter{Action: "passkey"}))
}

// TestPasskeySetUp: the first administrator and an invited user without any
// password; what they had before signs nobody in any more.
func TestPasskeySetUp(t *testing.T) {
	t.Parallel()
	w := open(t)
	set := func(link, name string) (access.User, *accesstest.Authenticator, string, []byte) {
		t.Helper()
		key := accesstest.NewAuthenticator(t, origin, "localhost")
		options, state, err := w.BeginPasskeySetUp(t.Context(), code(t, link), name, address)
		check(t, err)
		answer := key.Create(t, encoded(t, options))
		_, err = w.PasskeySetUp(t.Context(), "", bytes.NewReader(answer), address)
		refused(t, err, azward.KindSignIn)
		u, err := w.PasskeySetUp(t.Context(), state, bytes.NewReader(answer), address)
		check(t, err)
		return u, key, state, answer
	}
	signIn := func(key *accesstest.Authenticator) (access.User, error) {
		t.Helper()
		options, state, err := w.BeginPasskeySignIn()
		check(t, err)
		return w.PasskeySignIn(t.Context(), state, bytes.NewReader(key.Get(t, encoded(t, options))), address)
	}
	link, err := w.SetupLink(t.Context())
	check(t, err)
	_, _, err = w.BeginPasskeySetUp(t.Context(), "azs_guess", "root", address)
	refused(t, err, azward.KindSignIn)
	_, _, err = w.BeginPasskeySetUp(t.Context(), code(t, link), "", address)
	refused(t, err, azward.KindUsage)
	root, key, state, answer := set(link, "root")
	same(t, []any{"root", access.Admin, false}, []any{root.Name, root.Role, root.HasPassword})
	_, err = w.PasskeySetUp(t.Context(), state, bytes.NewReader(answer), address)
	refused(t, err, azward.KindSignIn)
	u, err := signIn(key)
	check(t, err)
	same(t, root.ID, u.ID)
	refused(t, w.RemovePasskey(as(t.Context(), root), keyID(t, w, root)), azward.KindConflict) // the only way in
	_, err = w.SignIn(t.Context(), "root", "", address)
	refused(t, err, azward.KindSignIn)

	ana, _ := w.user(t, "ana", access.Viewer)
	w.clock.Add(time.Hour)
	link, err = w.Recover(t.Context(), "ANA")
	check(t, err)
	again, key, _, _ := set(link, "somebody else")
	same(t, []any{ana.ID, "ana", false}, []any{again.ID, again.Name, again.HasPassword})
	_, err = w.SignIn(t.Context(), "ana", password, address)
	refused(t, err, azward.KindSignIn)
	_, err = signIn(key)
	check(t, err)
	_, err = w.Recover(t.Context(), "nobody")
	refused(t, err, azward.KindNotFound)
	_, err = w.Disable(as(t.Context(), root), ana.ID, time.Time{})
	check(t, err)
	_, err = w.Recover(t.Context(), "ana")
	refused(t, err, azward.KindSignIn)
}

func keyID(t *testing.T, w world, u access.User) string {
	t.Helper()
	keys, err := w.Passkeys(as(t.Context(), u))
	check(t, err)
	return keys[0].ID
}

func TestPasskeysNeedADomain(t *testing.T) {
	t.Parallel()
	for public, want := range map[string]bool{
		"http://localhost:8484": true, "http://hub.localhost": true, "https://hub.example": true, "https://10.0.0.1": false,
		"http://127.0.0.1:8484": false, "https://[2001:db8::1]": false, "http://hub.example": false,
	} {
		c, err := access.New(access.Options{PublicURL: public})
		check(t, err)
		same(t, want, c.TakesPasskeys())
		if _, _, err := c.BeginPasskeySignIn(); !want {
			refused(t, err, azward.KindUsage)
		}
	}
}

func TestTokensAddNoPasskeys(t *testing.T) {
	t.Parallel()
	w := open(t)
	root, ctx := w.admin(t)
	byToken := access.With(t.Context(), access.Identity{UserID: root.ID, Role: access.Admin, Token: "tok_x"})
	_, _, err := w.BeginPasskey(byToken)
	refused(t, err, azward.KindRole)
	_, err = w.AddPasskey(byToken, "", "", strings.NewReader(""))
	refused(t, err, azward.KindRole)
	refused(t, w.RemovePasskey(byToken, ""), azward.KindRole)
	_, _, err = w.BeginPasskey(t.Context())
	refused(t, err, azward.KindSignIn)
	_, err = w.AddPasskey(ctx, "", "a\nb", strings.NewReader(""))
	refused(t, err, azward.KindSignIn)
}
