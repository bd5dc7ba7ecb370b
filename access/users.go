package access

import (
	"context"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

// User is somebody who may sign in. Its JSON form goes into the audit log.
type User struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Role     Role   `json:"role"`
	Disabled bool   `json:"disabled,omitempty"`
	// Issuer signs the user in; "" for local users.
	Issuer      string    `json:"issuer,omitempty"`
	HasPassword bool      `json:"hasPassword"`
	CreatedAt   time.Time `json:"createdAt"`
	UpdatedAt   time.Time `json:"updatedAt"`
	LastSignIn  time.Time `json:"lastSignIn,omitzero"`
}

func userOf(u store.User) User {
	return User{u.ID, u.Name, Role(u.Role), u.Disabled, u.Issuer, u.Password != "", u.CreatedAt, u.UpdatedAt, u.LastSignIn}
}

const (
	maxName        = 128 // characters
	setupLifetime  = time.Hour
	inviteLifetime = 3 * 24 * time.Hour
	// LinkPrefix begins the code of a one-time link.
	LinkPrefix = "azs_"
)

// Users returns all users by name; for administrators.
func (c *Control) Users(ctx context.Context) ([]User, error) {
	if _, err := Check(ctx, Admin, "list users"); err != nil {
		return nil, err
	}
	list, err := c.store.Users(ctx)
	if err != nil {
		return nil, err
	}
	users := make([]User, len(list))
	for i, u := range list {
		users[i] = userOf(u)
	}
	return users, nil
}

// User returns one user: yourself, or any for administrators. KindNotFound
// where there is none.
func (c *Control) User(ctx context.Context, id string) (User, error) {
	who, err := Check(ctx, Viewer, "read user")
	if err == nil && who.UserID != id {
		_, err = Check(ctx, Admin, "read user")
	}
	if err != nil {
		return User{}, err
	}
	u, err := c.store.User(ctx, id)
	if err != nil {
		return User{}, err
	}
	return userOf(u), nil
}

// CreateUser adds a local user without password, and the one-time link behind
// which they set one; for administrators.
func (c *Control) CreateUser(ctx context.Context, name string, role Role) (User, string, error) {
	const op = "add user"
	if _, err := Check(ctx, Admin, op); err != nil {
		return User{}, "", err
	}
	if err := validRole(op, role); err != nil {
		return User{}, "", err
	}
	u, err := c.newUser(name, role)
	if err != nil {
		return User{}, "", err
	}
	entry, err := c.entry(ctx, "user.create", u.Name, nil, userOf(u))
	if err != nil {
		return User{}, "", err
	}
	if err := c.store.AddUser(ctx, u, entry); err != nil {
		return User{}, "", err
	}
	link, err := c.Invite(ctx, u.ID)
	return userOf(u), link, err
}

func (c *Control) newUser(name string, role Role) (store.User, error) {
	name = strings.TrimSpace(name)
	if !printable(name, maxName) {
		return store.User{}, &azward.Error{
			Kind: azward.KindUsage, Op: "add user", Cause: "the name is empty, too long, or has characters that do not print",
			Remedy: "give a name or e-mail address of up to 128 characters",
		}
	}
	now := c.now()
	return store.User{ID: newID("usr_"), Name: name, Role: string(role), CreatedAt: now, UpdatedAt: now}, nil
}

// printable says that text is a line that looks like what it is.
func printable(text string, longest int) bool {
	return text != "" && utf8.ValidString(text) && utf8.RuneCountInString(text) <= longest &&
		!strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar })
}

func validRole(op string, role Role) error {
	if role.rank() > 0 {
		return nil
	}
	return &azward.Error{Kind: azward.KindUsage, Op: op, Subject: string(role), Cause: "there is no such role", Remedy: "use viewer, operator or admin"}
}

// SetRole gives a user another role; for administrators. Was is the user's
// UpdatedAt as the administrator saw it, the zero time for "whatever it is
// now". The last administrator keeps theirs (KindConflict).
func (c *Control) SetRole(ctx context.Context, id string, role Role, was time.Time) (User, error) {
	if err := validRole("change role", role); err != nil {
		return User{}, err
	}
	return c.change(ctx, id, was, "user.role", func(u *store.User) { u.Role = string(role) })
}

// Disable ends the user's sessions and keeps them, and their tokens, out; for
// administrators. The last of these can't be disabled (KindConflict).
func (c *Control) Disable(ctx context.Context, id string, was time.Time) (User, error) {
	return c.change(ctx, id, was, "user.disable", func(u *store.User) { u.Disabled = true; u.Epoch++ })
}

// Enable lets a disabled user in again; for administrators.
func (c *Control) Enable(ctx context.Context, id string, was time.Time) (User, error) {
	return c.change(ctx, id, was, "user.enable", func(u *store.User) { u.Disabled = false })
}

// EndSessions signs a user out everywhere: yourself in a browser, or any for
// administrators. A token that leaked signs nobody out, unless it is one of an
// administrator's.
func (c *Control) EndSessions(ctx context.Context, id string) (User, error) {
	who, known := From(ctx)
	if known && who.UserID == id {
		if who.Token != "" && !who.Role.Allows(Admin) {
			return User{}, noToken("sign out user")
		}
		return c.changeAs(ctx, id, time.Time{}, "user.signOut", func(u *store.User) { u.Epoch++ })
	}
	return c.change(ctx, id, time.Time{}, "user.signOut", func(u *store.User) { u.Epoch++ })
}

func (c *Control) change(ctx context.Context, id string, was time.Time, action string, apply func(*store.User)) (User, error) {
	if _, err := Check(ctx, Admin, "change user"); err != nil {
		return User{}, err
	}
	return c.changeAs(ctx, id, was, action, apply)
}

func (c *Control) changeAs(ctx context.Context, id string, was time.Time, action string, apply func(*store.User)) (User, error) {
	u, err := c.store.User(ctx, id)
	if err != nil {
		return User{}, err
	}
	if was.IsZero() {
		was = u.UpdatedAt
	}
	before := userOf(u)
	apply(&u)
	u.UpdatedAt = c.later(u.UpdatedAt)
	entry, err := c.entry(ctx, action, u.Name, before, userOf(u))
	if err != nil {
		return User{}, err
	}
	if err := c.store.UpdateUser(ctx, u, was, entry); err != nil {
		return User{}, err
	}
	return userOf(u), nil
}

// later is now, and after was even where the clock was set back: changes are
// told apart by it.
func (c *Control) later(was time.Time) time.Time {
	if now := c.now(); now.After(was) {
		return now
	}
	return was.Add(1)
}

// Invite makes the one-time link behind which a local user sets a password, in
// place of earlier ones; for administrators. It is good for three days.
func (c *Control) Invite(ctx context.Context, id string) (string, error) {
	const op = "make link"
	if _, err := Check(ctx, Admin, op); err != nil {
		return "", err
	}
	u, err := c.store.User(ctx, id)
	if err != nil {
		return "", err
	}
	if u.Issuer != "" {
		return "", &azward.Error{Kind: azward.KindUsage, Op: op, Subject: u.Name, Cause: "the organisation signs this user in", Remedy: "they sign in with the organisation's button"}
	}
	entry, err := c.entry(ctx, "user.link", u.Name, nil, nil)
	if err != nil {
		return "", err
	}
	return c.link(ctx, u.ID, inviteLifetime, entry)
}

func (c *Control) link(ctx context.Context, user string, lifetime time.Duration, entry store.AuditEntry) (string, error) {
	code, hash := secret(LinkPrefix)
	if err := c.store.AddLink(ctx, store.Link{Hash: hash, UserID: user, ExpiresAt: c.now().Add(lifetime)}, entry); err != nil {
		return "", err
	}
	to := c.PublicURL()
	to.Path, to.RawQuery = "/setup", url.Values{"code": {code}}.Encode()
	return to.String(), nil
}

// NeedsSetup says that there is no administrator who could sign in.
func (c *Control) NeedsSetup(ctx context.Context) (bool, error) {
	users, err := c.store.Users(ctx)
	if err != nil {
		return false, err
	}
	for _, u := range users {
		if Role(u.Role) == Admin && !u.Disabled {
			return false, nil
		}
	}
	return true, nil
}

// SetupLink makes the one-time link that sets up the first administrator, in
// place of earlier ones: good for an hour, and printed at start. "" where there
// is an administrator.
func (c *Control) SetupLink(ctx context.Context) (string, error) {
	needed, err := c.NeedsSetup(ctx)
	if err != nil || !needed {
		return "", err
	}
	return c.link(ctx, "", setupLifetime, store.AuditEntry{At: c.now()})
}

// SetupPage says what a link's page shows. Opening it uses nothing up.
func (c *Control) SetupPage(ctx context.Context, code string) (SetupPage, error) {
	page := SetupPage{MinLength: MinPassword}
	if code == "" {
		return page, nil
	}
	link, err := c.goodLink(ctx, code)
	if err != nil {
		return page, err
	}
	page.Code = code
	if link.UserID == "" {
		return page, nil
	}
	u, err := c.store.User(ctx, link.UserID)
	page.Name, page.FixedName = u.Name, true
	return page, err
}

func (c *Control) goodLink(ctx context.Context, code string) (store.Link, error) {
	link, err := c.store.Link(ctx, digest(code))
	if azward.KindOf(err) == azward.KindNotFound && err != nil || err == nil && !c.now().Before(link.ExpiresAt) {
		return link, &azward.Error{
			Kind: azward.KindSignIn, Op: "use link", Cause: "the link was used already, or its time is over",
			Remedy: "start the hub again for a new setup link, or ask an administrator for a new one", Err: err,
		}
	}
	return link, err
}

// SetUp uses a link: it makes the first administrator, or sets the password of
// the user whom the link is for, and ends that user's sessions.
func (c *Control) SetUp(ctx context.Context, code, name, password, address string) (User, error) {
	link, u, err := c.invited(ctx, code, name, address)
	if err != nil {
		return User{}, err
	}
	hash, err := c.newHash(ctx, u.Name, password)
	if err != nil {
		return User{}, err
	}
	return c.redeem(ctx, link, u, hash, nil)
}

// invited is whom a link is for: a new administrator of that name, or a user.
func (c *Control) invited(ctx context.Context, code, name, address string) (store.Link, store.User, error) {
	if err := c.takeAddress(address); err != nil {
		return store.Link{}, store.User{}, err
	}
	link, err := c.goodLink(ctx, code)
	if err != nil {
		return link, store.User{}, err
	}
	if link.UserID == "" {
		u, err := c.newUser(name, Admin)
		return link, u, err
	}
	u, err := c.store.User(ctx, link.UserID)
	if err == nil && u.Disabled {
		err = disabledUser(u.Name)
	}
	return link, u, err
}

// redeem gives the user a password or a passkey in the place of what they
// signed in with before: whoever needed a link may have lost that to somebody.
func (c *Control) redeem(ctx context.Context, link store.Link, u store.User, hash string, key *store.Passkey) (User, error) {
	was, before := u.UpdatedAt, userOf(u)
	u.Password = hash
	if link.UserID == "" {
		entry, err := c.by(u, "link", "user.setup", nil, userOf(u))
		if err != nil {
			return User{}, err
		}
		return userOf(u), c.store.SetUpUser(ctx, link.Hash, u, key, entry)
	}
	action := "user.password"
	if key != nil {
		action = "passkey.add"
	}
	u.Epoch++
	u.UpdatedAt = c.later(was)
	entry, err := c.by(u, "link", action, before, userOf(u))
	if err != nil {
		return User{}, err
	}
	return userOf(u), c.store.RedeemLink(ctx, link.Hash, u, was, key, entry)
}

// Recover makes a link for a local user without anybody's leave: for whoever
// can write the data directory, when no administrator can sign in.
func (c *Control) Recover(ctx context.Context, name string) (string, error) {
	u, err := c.store.LocalUser(ctx, name)
	if err != nil {
		return "", err
	}
	if u.Disabled {
		return "", disabledUser(u.Name)
	}
	entry, err := c.entry(ctx, "user.link", u.Name, nil, nil)
	if err != nil {
		return "", err
	}
	return c.link(ctx, u.ID, inviteLifetime, entry)
}
