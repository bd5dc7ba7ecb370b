package access_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/store/sqlite"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	address  = "192.0.2.7"
	password = "correct horse battery staple"
)

// clock is set by the test.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

type world struct {
	*access.Control
	store *sqlite.Store
	clock *clock
}

func open(t *testing.T, change ...func(*access.Options)) world {
	t.Helper()
	s, err := sqlite.Open(t.Context(), t.TempDir())
	check(t, err)
	t.Cleanup(func() { check(t, s.Close()) })
	w := world{store: s, clock: &clock{now: time.Now().UTC()}}
	o := access.Options{Store: s, PublicURL: "http://localhost:8484", Now: w.clock.Now}
	for _, c := range change {
		c(&o)
	}
	w.Control, err = access.New(o)
	check(t, err)
	return w
}

// admin is the first administrator, and a context of theirs.
func (w world) admin(t *testing.T) (access.User, context.Context) {
	t.Helper()
	link, err := w.SetupLink(t.Context())
	check(t, err)
	u, err := w.SetUp(t.Context(), code(t, link), "root", password, address)
	check(t, err)
	return u, as(t.Context(), u)
}

// user is another one, with the same password.
func (w world) user(t *testing.T, name string, role access.Role) (access.User, context.Context) {
	t.Helper()
	users, err := w.store.Users(t.Context())
	check(t, err)
	var ctx context.Context
	for _, u := range users {
		if u.Role == "admin" {
			ctx = access.With(t.Context(), access.Identity{UserID: u.ID, Name: u.Name, Role: access.Admin})
			break
		}
	}
	_, link, err := w.CreateUser(ctx, name, role)
	check(t, err)
	u, err := w.SetUp(t.Context(), code(t, link), "", password, address)
	check(t, err)
	return u, as(t.Context(), u)
}

func as(ctx context.Context, u access.User) context.Context {
	return access.With(ctx, access.Identity{UserID: u.ID, Name: u.Name, Role: u.Role})
}

func code(t *testing.T, link string) string {
	t.Helper()
	u, err := url.Parse(link)
	check(t, err)
	return u.Query().Get("code")
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused wants an error of that kind.
func refused(t *testing.T, err error, kind azward.Kind) {
	t.Helper()
	_ = told(t, err, kind)
}

// told is an error of that kind, whole, and without any secret.
func told(t *testing.T, err error, kind azward.Kind) *azward.Error {
	t.Helper()
	var problem *azward.Error
	if !errors.As(err, &problem) {
		t.Fatalf("got %v, want an *azward.Error", err)
	}
	if problem.Kind != kind {
		t.Fatalf("got %v (%v), want %v", problem.Kind, problem, kind)
	}
	if problem.Cause == "" || problem.Remedy == "" {
		t.Errorf("%v: cause or remedy is missing", problem)
	}
	if text := problem.Error() + problem.Remedy; strings.Contains(text, password) || strings.Contains(text, "$argon2id") {
		t.Errorf("%s holds a secret", text)
	}
	return problem
}

func same(t *testing.T, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func actions(t *testing.T, w world, f access.AuditFilter) (list []string) {
	t.Helper()
	entries, err := w.AuditLog(access.With(t.Context(), access.Identity{Role: access.Admin}), f)
	check(t, err)
	for _, e := range entries {
		list = append(list, e.Who+" "+e.Via+" "+e.Action+" "+e.Subject)
	}
	return list
}

func TestCheck(t *testing.T) {
	t.Parallel()
	_, err := access.Check(t.Context(), access.Viewer, "read")
	refused(t, err, azward.KindSignIn)
	for _, role := range []access.Role{access.Viewer, access.Operator, access.Admin, "", "root"} {
		allowed := 0
		for _, least := range []access.Role{access.Viewer, access.Operator, access.Admin, "", "root"} {
			if _, err := access.Check(access.With(t.Context(), access.Identity{Role: role}), least, "x"); err == nil {
				allowed++
			} else {
				refused(t, err, azward.KindRole)
			}
		}
		same(t, map[access.Role]int{access.Viewer: 1, access.Operator: 2, access.Admin: 3}[role], allowed)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for name, public := range map[string]string{
		"empty": "", "no_scheme": "azward.example.com", "script": "javascript:alert(1)", "with_path": "https://example.com/azward",
		"with_user": "https://ana@example.com", "with_query": "https://example.com?x=1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := access.New(access.Options{PublicURL: public})
			refused(t, err, azward.KindUsage)
		})
	}
}

func TestLocalPath(t *testing.T) {
	t.Parallel()
	for _, next := range []string{"/", "/verdicts", "/verdicts?severity=high&after=a%2Fb", "/estate/x?next=//evil", "/a-b/c.d"} {
		same(t, next, access.LocalPath(next))
	}
	for _, next := range []string{
		"", "verdicts", "//evil.example", "///evil.example", "/\\evil.example", "\\/evil.example", "https://evil.example", "https:evil.example",
		"javascript:alert(1)", "/%2Fevil.example", "/%5Cevil.example", "/.//evil.example", "/..//evil.example", "/x/../..//evil", "/\t/evil.example",
		"/\n/evil.example", "/x\r\nSet-Cookie: a=b", " /x", "/%zz", "/signin", "/signin?next=/", "/signin/oidc", "/signout", "/setup?code=x",
		"/" + strings.Repeat("a", 3000), "/\x00", "/x y", "/\xff",
	} {
		if got := access.LocalPath(next); got != "/" {
			t.Errorf("%q may lead away: %q", next, got)
		}
	}
	same(t, "/signin", access.SignInURL("//evil"))
	same(t, "/signin?next=%2Fverdicts%3Fa%3Db", access.SignInURL("/verdicts?a=b"))
}

// FuzzLocalPath: wherever a browser on the hub goes with it, it is the hub.
func FuzzLocalPath(f *testing.F) {
	for _, seed := range []string{"/x", "//evil", "/\\evil", "/%2f/evil", "/.//evil", "https://evil"} {
		f.Add(seed)
	}
	base, err := url.Parse("https://hub.example")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, next string) {
		got := access.LocalPath(next)
		to, err := base.Parse(got)
		if err != nil || to.Host != "hub.example" || to.Scheme != "https" || strings.ContainsAny(got, "\r\n\\\t") || strings.HasPrefix(got, "//") {
			t.Errorf("%q leads to %v (%v)", got, to, err)
		}
	})
}
