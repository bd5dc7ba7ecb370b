package access_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/store/sqlite"
)

func TestSignIn(t *testing.T) {
	t.Parallel()
	w := open(t)
	root, ctx := w.admin(t)
	_, _, err := w.CreateUser(ctx, "no-password", access.Viewer)
	check(t, err)
	u, err := w.SignIn(t.Context(), " ROOT ", password, address)
	check(t, err)
	same(t, root.ID, u.ID)
	if u.LastSignIn.IsZero() || !u.UpdatedAt.Equal(root.UpdatedAt) {
		t.Error("a sign-in is not kept, or counts as a change")
	}
	// All say the same: who is known here stays unknown.
	var texts []string
	for name, with := range map[string]string{
		"root": "wrong horse battery staple", "nobody": password, "no-password": "", "": password, "root\x00": password,
		"Root": strings.Repeat("x", 1<<20),
	} {
		_, err := w.SignIn(t.Context(), name, with, "198.51.100."+fmt.Sprint(len(texts)))
		problem := told(t, err, azward.KindSignIn)
		texts = append(texts, problem.Error()+problem.Remedy)
	}
	for _, text := range texts {
		same(t, texts[0], text)
	}
}

// TestUnknownUsersTakeAsLong: the work is the same; the bound is wide, for
// machines that are busy.
func TestUnknownUsersTakeAsLong(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.admin(t)
	best := func(name string) time.Duration {
		least := time.Hour
		for i := range 4 {
			began := time.Now()
			_, err := w.SignIn(t.Context(), name, "a wrong password", fmt.Sprintf("203.0.113.%d", i))
			least = min(least, time.Since(began))
			refused(t, err, azward.KindSignIn)
		}
		return least
	}
	known, unknown := best("root"), best("nobody")
	if unknown*5 < known {
		t.Errorf("an unknown user is told after %v, a known one after %v", unknown, known)
	}
}

func TestGuessingIsLimited(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.admin(t)
	for i := range 5 {
		_, err := w.SignIn(t.Context(), "root", "a wrong password", fmt.Sprintf("203.0.113.%d", i))
		refused(t, err, azward.KindSignIn)
	}
	// Many addresses, another case, the right password: the account waits.
	_, err := w.SignIn(t.Context(), "Root", password, "203.0.113.99")
	refused(t, err, azward.KindThrottled)
	var wait *access.WaitError
	if !errors.As(err, &wait) || wait.After <= 0 || wait.After > time.Minute+time.Second || wait.Error() == "" {
		t.Errorf("wait is %v", wait)
	}
	_, err = w.SignIn(t.Context(), "nobody", password, "203.0.113.99")
	refused(t, err, azward.KindSignIn)
	w.clock.Add(time.Minute)
	_, err = w.SignIn(t.Context(), "root", password, "203.0.113.99")
	check(t, err)
	for range 4 { // a good sign-in gives the tries back
		_, err = w.SignIn(t.Context(), "root", "a wrong password", "203.0.113.99")
		refused(t, err, azward.KindSignIn)
	}
	_, err = w.SignIn(t.Context(), "root", password, "203.0.113.99")
	check(t, err)

	// One address and many names.
	for i := range 30 { // of any kind; these need no hashing
		_, err = w.SetUp(t.Context(), "azs_guess", "x", password, fmt.Sprintf("2001:db8:1:2::%x", i))
		refused(t, err, azward.KindSignIn)
	}
	_, err = w.SignIn(t.Context(), "another", password, "2001:db8:1:2:ffff::1")
	refused(t, err, azward.KindThrottled)
	_, err = w.SignIn(t.Context(), "another", password, "2001:db8:1:3::1")
	refused(t, err, azward.KindSignIn)
}

func TestLimiterIsBounded(t *testing.T) {
	t.Parallel()
	l, now := access.NewLimiter(time.Hour, 1), time.Now()
	same(t, time.Duration(0), l.Take("first", now))
	if l.Take("first", now) == 0 {
		t.Error("the limit is none")
	}
	for i := range 20_000 {
		l.Take(fmt.Sprint(i), now)
	}
	// The one that was not asked for longest is forgotten; the last are not.
	same(t, time.Duration(0), l.Take("first", now))
	if l.Take("19999", now) == 0 {
		t.Error("the latest was forgotten")
	}
	l.Forget("19999")
	same(t, time.Duration(0), l.Take("19999", now))
	for in, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8::1": "2001:db8::/64", "fe80::1%eth0": "fe80::/64", "@": "@",
	} {
		same(t, want, access.AddressKey(in))
	}
}

func TestPasswordRules(t *testing.T) {
	t.Parallel()
	w := open(t)
	_, ctx := w.admin(t)
	for name, bad := range map[string]string{
		"short": "elevenchars", "long": strings.Repeat("abcde", 60), "few_characters": "ababababababab", "name": "my name is ROOT yes",
		"guessed_first": "Password1234!", "no_text": "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7\xf6\xf5\xf4",
	} {
		_, err := w.ChangePassword(ctx, password, bad)
		if err == nil {
			t.Errorf("%s is taken", name)
			continue
		}
		refused(t, err, azward.KindUsage)
	}
	_, err := w.ChangePassword(ctx, password, "zwölf Zeichen")
	check(t, err)
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	w := open(t)
	root, ctx := w.admin(t)
	_, err := w.ChangePassword(ctx, "a wrong password", "another good password")
	refused(t, err, azward.KindUsage)
	token, _, err := w.CreateToken(ctx, access.NewToken{Name: "ci"})
	check(t, err)
	_, err = w.ChangePassword(access.With(t.Context(), access.Identity{UserID: root.ID, Role: access.Admin, Token: token.ID}), password, "another good password")
	refused(t, err, azward.KindRole)
	_, err = w.ChangePassword(ctx, password, "another good password")
	check(t, err)
	_, err = w.SignIn(t.Context(), "root", password, address)
	refused(t, err, azward.KindSignIn)
	_, err = w.SignIn(t.Context(), "root", "another good password", address)
	check(t, err)
	for range 6 {
		_, err = w.ChangePassword(ctx, "guess", "another good password")
	}
	refused(t, err, azward.KindThrottled)
}

// TestOlderHashesAreRenewed: one with other settings is good, and written anew.
func TestOlderHashesAreRenewed(t *testing.T) {
	t.Parallel()
	w := open(t)
	root, _ := w.admin(t)
	u, err := w.store.User(t.Context(), root.ID)
	check(t, err)
	set := func(hash string) {
		t.Helper()
		u, err := w.store.User(t.Context(), root.ID)
		check(t, err)
		u.Password = hash
		check(t, w.store.UpdateUser(t.Context(), u, u.UpdatedAt, auditNothing()))
	}
	today := u.Password[:strings.LastIndex(u.Password[:strings.LastIndex(u.Password, "$")], "$")]
	set(weakHash)
	_, err = w.SignIn(t.Context(), "root", password, address)
	check(t, err)
	u, err = w.store.User(t.Context(), root.ID)
	check(t, err)
	if !strings.HasPrefix(u.Password, today) {
		t.Errorf("the hash is still %s", u.Password)
	}
	for _, damaged := range []string{
		"plain", "$argon2id$v=18$m=8,t=1,p=1$c2FsdA$a2V5", "$argon2id$v=19$m=999999999,t=1,p=1$c2FsdA$a2V5", "$argon2id$v=19$m=8,t=1,p=1$!$a2V5",
		"$argon2id$v=19$m=8,t=1,p=1$c2FsdA$a2V5", "$argon2id$v=19$m=8,t=0,p=1$c2FsdA$a2V5", "$argon2id$v=19$x$c2FsdA$a2V5",
	} {
		set(damaged)
		if _, err := w.SignIn(t.Context(), "root", password, address); err == nil || strings.Contains(err.Error(), damaged) {
			t.Errorf("%s: %v", damaged, err)
		}
		w.clock.Add(time.Minute)
	}
}

// TestSessions runs in fake time: sessions follow the clock of the process.
func TestSessions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, err := sqlite.Open(t.Context(), t.TempDir())
		check(t, err)
		defer func() { check(t, s.Close()) }()
		c, err := access.New(access.Options{Store: s, PublicURL: "https://hub.example", Idle: time.Hour, Lifetime: 3 * time.Hour})
		check(t, err)
		link, err := c.SetupLink(t.Context())
		check(t, err)
		root, err := c.SetUp(t.Context(), code(t, link), "root", password, address)
		check(t, err)
		start := func() string {
			t.Helper()
			cookie, expires, err := c.StartSession(t.Context(), root.ID)
			check(t, err)
			if until := time.Until(expires); until != 3*time.Hour {
				t.Errorf("the cookie lasts %v", until)
			}
			return cookie
		}
		signedIn := func(cookie string) bool {
			t.Helper()
			ctx, err := c.Load(t.Context(), cookie)
			check(t, err)
			check(t, c.Flush(t.Context()))
			who, known := access.From(ctx)
			if known {
				same(t, access.Identity{UserID: root.ID, Name: "root", Role: access.Admin}, who)
			}
			return known
		}
		idle := start()
		time.Sleep(59 * time.Minute)
		same(t, true, signedIn(idle))
		time.Sleep(59 * time.Minute)
		same(t, true, signedIn(idle)) // its use moved its end
		time.Sleep(time.Hour)
		same(t, false, signedIn(idle))

		busy := start()
		for range 5 {
			time.Sleep(30 * time.Minute)
			same(t, true, signedIn(busy))
		}
		time.Sleep(31 * time.Minute)
		same(t, false, signedIn(busy)) // its lifetime is over

		one, two := start(), start()
		ctx, err := c.Load(t.Context(), one)
		check(t, err)
		check(t, c.EndSession(ctx))
		same(t, []bool{false, true}, []bool{signedIn(one), signedIn(two)})
		one = start()
		_, err = c.ChangePassword(as(t.Context(), root), password, "another good password")
		check(t, err)
		same(t, []bool{false, false}, []bool{signedIn(one), signedIn(two)})

		for _, forged := range []string{"", "x", strings.Repeat("a", 43), strings.Repeat("a", 1<<16), "../../etc/passwd"} {
			same(t, false, signedIn(forged))
		}
	})
}

// TestSessionIsRenamed: a name that somebody set before is worth nothing after
// the sign-in, nor is the one before a second sign-in.
func TestSessionIsRenamed(t *testing.T) {
	t.Parallel()
	w := open(t)
	root, _ := w.admin(t)
	fixed := "attackers-choice-of-a-session-name-000000000"
	ctx, err := w.Load(t.Context(), fixed)
	check(t, err)
	first, _, err := w.StartSession(ctx, root.ID)
	check(t, err)
	ctx, err = w.Load(t.Context(), first)
	check(t, err)
	second, _, err := w.StartSession(ctx, root.ID)
	check(t, err)
	if first == fixed || first == second {
		t.Error("the session kept its name")
	}
	for cookie, want := range map[string]bool{fixed: false, first: false, second: true} {
		ctx, err := w.Load(t.Context(), cookie)
		check(t, err)
		_, known := access.From(ctx)
		same(t, want, known)
	}
}

// TestSignedOutSessionStaysSo: a request that began before does not bring it back.
func TestSignedOutSessionStaysSo(t *testing.T) {
	t.Parallel()
	w := open(t)
	root, _ := w.admin(t)
	cookie, _, err := w.StartSession(t.Context(), root.ID)
	check(t, err)
	ctx, err := w.Load(t.Context(), cookie)
	check(t, err)
	_, err = w.Load(t.Context(), cookie) // its use is noted, not written
	check(t, err)
	check(t, w.EndSession(ctx))
	check(t, w.Flush(t.Context()))
	ctx, err = w.Load(t.Context(), cookie)
	check(t, err)
	if _, known := access.From(ctx); known {
		t.Error("the session is back")
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, err := sqlite.Open(t.Context(), t.TempDir())
		check(t, err)
		defer func() { check(t, s.Close()) }()
		c, err := access.New(access.Options{Store: s, PublicURL: "https://hub.example"})
		check(t, err)
		link, err := c.SetupLink(t.Context())
		check(t, err)
		root, err := c.SetUp(t.Context(), code(t, link), "root", password, address)
		check(t, err)
		token, text, err := c.CreateToken(as(t.Context(), root), access.NewToken{Name: "ci"})
		check(t, err)
		_, err = c.Bearer(t.Context(), text)
		check(t, err)
		_, _, err = c.StartSession(t.Context(), root.ID)
		check(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); c.Run(ctx) }()
		time.Sleep(time.Minute)
		kept, err := s.Token(t.Context(), token.ID)
		check(t, err)
		if kept.LastUsed.IsZero() {
			t.Error("the use is not kept")
		}
		time.Sleep(24 * time.Hour)
		_, err = c.Bearer(t.Context(), text)
		check(t, err)
		cancel()
		<-done
		again, err := s.Token(t.Context(), token.ID)
		check(t, err)
		if !again.LastUsed.After(kept.LastUsed) {
			t.Error("stopping lost the last use")
		}
	})
}

// weakHash is password with settings of another day.
const weakHash = "$argon2id$v=19$m=64,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$aq42HBL+IPAitHspChw/8mx5JRX2jFDkTmlsBskwH/0"
