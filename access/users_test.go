package access_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/store"
	"github.com/azward/azward/store/sqlite"
)

func TestSetup(t *testing.T) {
	t.Parallel()
	w := open(t)
	ctx := t.Context()
	first, err := w.SetupLink(ctx)
	check(t, err)
	link, err := w.SetupLink(ctx) // a second start: the first link is worth nothing
	check(t, err)
	if !strings.HasPrefix(link, "http://localhost:8484/setup?code=azs_") {
		t.Errorf("the link is %s", link)
	}
	_, err = w.SetUp(ctx, code(t, first), "root", password, address)
	refused(t, err, azward.KindSignIn)
	page, err := w.SetupPage(ctx, code(t, link))
	check(t, err)
	same(t, access.SetupPage{Code: code(t, link), MinLength: access.MinPassword}, page)
	page, err = w.SetupPage(ctx, "")
	check(t, err)
	same(t, access.SetupPage{MinLength: access.MinPassword}, page)

	// What is refused uses nothing up.
	_, err = w.SetUp(ctx, code(t, link), "", password, address)
	refused(t, err, azward.KindUsage)
	_, err = w.SetUp(ctx, code(t, link), "root", "short", address)
	refused(t, err, azward.KindUsage)
	u, err := w.SetUp(ctx, code(t, link), " root ", password, address)
	check(t, err)
	same(t, []any{"root", access.Admin, true}, []any{u.Name, u.Role, u.HasPassword})
	_, err = w.SetUp(ctx, code(t, link), "second", password, address)
	refused(t, err, azward.KindSignIn)
	_, err = w.SetupPage(ctx, code(t, link))
	refused(t, err, azward.KindSignIn)
	link, err = w.SetupLink(ctx)
	check(t, err)
	same(t, "", link)
	same(t, []string{"root link user.setup root"}, actions(t, w, access.AuditFilter{}))
}

func TestSetupLinkExpires(t *testing.T) {
	t.Parallel()
	w := open(t)
	link, err := w.SetupLink(t.Context())
	check(t, err)
	w.clock.Add(time.Hour)
	_, err = w.SetupPage(t.Context(), code(t, link))
	refused(t, err, azward.KindSignIn)
	_, err = w.SetUp(t.Context(), code(t, link), "root", password, address)
	refused(t, err, azward.KindSignIn)
}

func TestGuessedLinksAreLimited(t *testing.T) {
	t.Parallel()
	w := open(t)
	for range 30 {
		_, err := w.SetUp(t.Context(), "azs_guess", "root", password, address)
		refused(t, err, azward.KindSignIn)
	}
	_, err := w.SetUp(t.Context(), "azs_guess", "root", password, address)
	refused(t, err, azward.KindThrottled)
}

func TestUsers(t *testing.T) {
	t.Parallel()
	w := open(t)
	root, ctx := w.admin(t)
	ana, link, err := w.CreateUser(ctx, "ana", access.Viewer)
	check(t, err)
	_, _, err = w.CreateUser(ctx, "ANA", access.Viewer)
	refused(t, err, azward.KindConflict)
	_, _, err = w.CreateUser(ctx, "bo\nroot", access.Viewer)
	refused(t, err, azward.KindUsage)
	_, _, err = w.CreateUser(ctx, "bo", "owner")
	refused(t, err, azward.KindUsage)

	page, err := w.SetupPage(t.Context(), code(t, link))
	check(t, err)
	same(t, access.SetupPage{Code: code(t, link), Name: "ana", FixedName: true, MinLength: access.MinPassword}, page)
	set, err := w.SetUp(t.Context(), code(t, link), "root", password, address) // the name is the link's
	check(t, err)
	same(t, []any{ana.ID, "ana", access.Viewer, true}, []any{set.ID, set.Name, set.Role, set.HasPassword})

	changed, err := w.SetRole(ctx, ana.ID, access.Operator, set.UpdatedAt)
	check(t, err)
	_, err = w.SetRole(ctx, ana.ID, access.Admin, set.UpdatedAt) // a second browser with the old page
	refused(t, err, azward.KindConflict)
	_, err = w.SetRole(ctx, "usr_none", access.Admin, time.Time{})
	refused(t, err, azward.KindNotFound)
	same(t, access.Operator, changed.Role)

	_, err = w.SetRole(ctx, root.ID, access.Viewer, time.Time{})
	refused(t, err, azward.KindConflict)
	_, err = w.Disable(ctx, root.ID, time.Time{})
	refused(t, err, azward.KindConflict)
	_, err = w.Disable(ctx, ana.ID, time.Time{})
	check(t, err)
	_, err = w.SignIn(t.Context(), "ana", password, address)
	refused(t, err, azward.KindSignIn)
	_, err = w.Enable(ctx, ana.ID, time.Time{})
	check(t, err)
	_, err = w.SignIn(t.Context(), "Ana", password, address)
	check(t, err)
	users, err := w.Users(ctx)
	check(t, err)
	same(t, 2, len(users))
	mine, err := w.User(as(t.Context(), ana), ana.ID)
	check(t, err)
	same(t, users[0], mine)

	same(t, []string{
		"ana password user.signIn ana", "root session user.enable ana", "root session user.disable ana", "root session user.role ana",
		"ana link user.password ana", "root session user.link ana", "root session user.create ana",
	}, actions(t, w, access.AuditFilter{Subject: "ana"}))
	entries, err := w.AuditLog(ctx, access.AuditFilter{Action: "user.role"})
	check(t, err)
	var before, after access.User
	check(t, json.Unmarshal(entries[0].Before, &before))
	check(t, json.Unmarshal(entries[0].After, &after))
	same(t, []access.Role{access.Viewer, access.Operator}, []access.Role{before.Role, after.Role})
}

// TestWhoMayManageUsers: the doors check too; this is the second lock.
func TestWhoMayManageUsers(t *testing.T) {
	t.Parallel()
	w := open(t)
	root, _ := w.admin(t)
	ana, ctx := w.user(t, "ana", access.Operator)
	_, _, err := w.CreateUser(ctx, "x", access.Viewer)
	refused(t, err, azward.KindRole)
	_, err = w.Users(ctx)
	refused(t, err, azward.KindRole)
	_, err = w.User(ctx, root.ID)
	refused(t, err, azward.KindRole)
	_, err = w.SetRole(ctx, ana.ID, access.Admin, time.Time{})
	refused(t, err, azward.KindRole)
	_, err = w.Disable(ctx, root.ID, time.Time{})
	refused(t, err, azward.KindRole)
	_, err = w.EndSessions(ctx, root.ID)
	refused(t, err, azward.KindRole)
	_, err = w.Invite(ctx, root.ID)
	refused(t, err, azward.KindRole)
	_, err = w.AuditLog(ctx, access.AuditFilter{})
	refused(t, err, azward.KindRole)
	_, err = w.Tokens(ctx, true)
	refused(t, err, azward.KindRole)
	_, err = w.EndSessions(ctx, ana.ID)
	check(t, err)
	_, err = w.EndSessions(access.With(t.Context(), access.Identity{UserID: ana.ID, Role: access.Operator, Token: "tok_leaked"}), ana.ID)
	refused(t, err, azward.KindRole)
	_, err = w.Users(t.Context())
	refused(t, err, azward.KindSignIn)
}

// TestAuditOfOthers is what doors and jobs call.
func TestAuditOfOthers(t *testing.T) {
	t.Parallel()
	w := open(t)
	_, ctx := w.admin(t)
	check(t, w.Audit(t.Context(), "scan.start", "prod", nil, map[string]int{"n": 1}))
	check(t, w.Audit(ctx, "connection.remove", "prod", store.Connection{Name: "prod", Sealed: []byte("sealed-secret")}, nil))
	check(t, w.Audit(ctx, "scan.import", "prod", nil, strings.Repeat("x", 70<<10)))
	entries, err := w.AuditLog(ctx, access.AuditFilter{Subject: "prod"})
	check(t, err)
	same(t, `{"omitted":"71682 bytes"}`, string(entries[0].After))
	if before := string(entries[1].Before); !strings.Contains(before, `"name":"prod"`) || strings.Contains(before, "sealed") {
		t.Errorf("before is %s", before)
	}
	same(t, []string{"azward", "system", `{"n":1}`}, []string{entries[2].Who, entries[2].Via, string(entries[2].After)})
	if err := w.Audit(ctx, "x", "y", func() {}, nil); err == nil {
		t.Error("what cannot be written passes for written")
	}
	// Pages meet without a gap or an overlap.
	all, err := w.AuditLog(ctx, access.AuditFilter{})
	check(t, err)
	var paged []access.Entry
	for f := (access.AuditFilter{Limit: 2}); ; {
		page, err := w.AuditLog(ctx, f)
		check(t, err)
		if len(page) == 0 {
			break
		}
		paged = append(paged, page...)
		f.Before = page[len(page)-1].Seq
	}
	same(t, all, paged)
}

// TestNothingSecretIsKept reads the whole database file after everything was
// made that has a secret.
func TestNothingSecretIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := sqlite.Open(t.Context(), dir)
	check(t, err)
	c, err := access.New(access.Options{Store: s, PublicURL: "http://localhost:8484"})
	check(t, err)
	link, err := c.SetupLink(t.Context())
	check(t, err)
	root, err := c.SetUp(t.Context(), code(t, link), "root", password, address)
	check(t, err)
	ctx := as(t.Context(), root)
	_, token, err := c.CreateToken(ctx, access.NewToken{Name: "ci"})
	check(t, err)
	cookie, _, err := c.StartSession(ctx, root.ID)
	check(t, err)
	_, invite, err := c.CreateUser(ctx, "ana", access.Viewer)
	check(t, err)
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	check(t, err)
	for _, secret := range []string{password, token, cookie, code(t, link), code(t, invite)} {
		for _, file := range files {
			if content, err := os.ReadFile(file); err == nil && strings.Contains(string(content), secret) {
				t.Errorf("%s holds %s…", file, secret[:8])
			}
		}
	}
	check(t, s.Close())
}
