package access

import (
	"context"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

// SignIn checks a name and password that came from an address. Wrong ones, and
// users that do not exist, are disabled or have no password, all give the same
// KindSignIn after the same work; too many tries give KindThrottled with a
// [WaitError], without any.
func (c *Control) SignIn(ctx context.Context, name, password, address string) (User, error) {
	name = strings.TrimSpace(name)
	if err := c.takeAddress(address); err != nil {
		return User{}, err
	}
	account := strings.ToLower(name)
	if wait := c.byAccount.Take(account, c.now()); wait > 0 {
		return User{}, throttled("this account was tried too often", wait)
	}
	u, err := c.store.LocalUser(ctx, name)
	if err != nil && azward.KindOf(err) != azward.KindNotFound {
		return User{}, err
	}
	usable := err == nil && !u.Disabled && u.Password != ""
	hash := u.Password
	if !usable {
		hash = c.dummy
	}
	same, stale, err := c.compare(ctx, hash, password)
	if err != nil {
		return User{}, err
	}
	if !usable || !same {
		return User{}, &azward.Error{
			Kind: azward.KindSignIn, Op: "sign in", Cause: "name or password is wrong",
			Remedy: "check both; an administrator can make a link for a new password",
		}
	}
	c.byAccount.Forget(account)
	if stale {
		if u.Password, err = c.hash(ctx, password); err != nil {
			return User{}, err
		}
	}
	return c.signedIn(ctx, u, "password")
}

// signedIn keeps that a user signed in.
func (c *Control) signedIn(ctx context.Context, u store.User, via string) (User, error) {
	if u.Disabled {
		return User{}, disabledUser(u.Name)
	}
	u.LastSignIn = c.now()
	entry, err := c.by(u, via, "user.signIn", nil, nil)
	if err != nil {
		return User{}, err
	}
	return userOf(u), c.store.UpdateUser(ctx, u, u.UpdatedAt, entry)
}

func disabledUser(name string) error {
	return &azward.Error{Kind: azward.KindSignIn, Op: "sign in", Subject: name, Cause: "the user is disabled", Remedy: "ask an administrator to enable it"}
}

func (c *Control) takeAddress(address string) error {
	if wait := c.byAddress.Take(AddressKey(address), c.now()); wait > 0 {
		return throttled("there were too many tries from this address", wait)
	}
	return nil
}

func throttled(cause string, wait time.Duration) error {
	wait = wait.Truncate(time.Second) + time.Second
	return &azward.Error{Kind: azward.KindThrottled, Op: "sign in", Cause: cause, Remedy: "try again in " + wait.String(), Err: &WaitError{wait}}
}

// compare checks a password when a place to hash in is free.
func (c *Control) compare(ctx context.Context, hash, password string) (same, stale bool, err error) {
	if len(password) > maxPassword*4 { // bytes of a character
		password = ""
	}
	release, err := c.place(ctx)
	if err != nil {
		return false, false, err
	}
	defer release()
	return checkPassword(hash, password)
}

func (c *Control) hash(ctx context.Context, password string) (string, error) {
	release, err := c.place(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	return hashPassword(password)
}

func (c *Control) newHash(ctx context.Context, name, password string) (string, error) {
	if err := acceptable(name, password); err != nil {
		return "", err
	}
	return c.hash(ctx, password)
}

func (c *Control) place(ctx context.Context) (release func(), err error) {
	select {
	case c.hashing <- struct{}{}:
		return func() { <-c.hashing }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// ChangePassword sets a new password for whoever is signed in, who knows the
// current one where there is one, and ends all their sessions, this one too:
// start a new one. A token cannot do it (KindRole).
func (c *Control) ChangePassword(ctx context.Context, current, password string) (User, error) {
	u, err := c.inPerson(ctx, "set password")
	if err != nil {
		return User{}, err
	}
	if u.Issuer != "" {
		return User{}, &azward.Error{Kind: azward.KindUsage, Op: "set password", Subject: u.Name, Cause: "your organisation signs you in", Remedy: "change your password there"}
	}
	if u.Password != "" {
		account := strings.ToLower(u.Name)
		if wait := c.byAccount.Take(account, c.now()); wait > 0 {
			return User{}, throttled("this account was tried too often", wait)
		}
		same, _, err := c.compare(ctx, u.Password, current)
		if err != nil {
			return User{}, err
		}
		if !same {
			return User{}, &azward.Error{Kind: azward.KindUsage, Op: "set password", Cause: "the current password is wrong", Remedy: "type it again; an administrator can make a link for a new one"}
		}
		c.byAccount.Forget(account)
	}
	was, before := u.UpdatedAt, userOf(u)
	if u.Password, err = c.newHash(ctx, u.Name, password); err != nil {
		return User{}, err
	}
	u.Epoch++
	u.UpdatedAt = c.later(was)
	entry, err := c.entry(ctx, "user.password", u.Name, before, userOf(u))
	if err != nil {
		return User{}, err
	}
	return userOf(u), c.store.UpdateUser(ctx, u, was, entry)
}

// inPerson is the user who is signed in in a browser: what changes how they
// sign in is not for tokens.
func (c *Control) inPerson(ctx context.Context, op string) (store.User, error) {
	who, err := Check(ctx, Viewer, op)
	if err != nil {
		return store.User{}, err
	}
	if who.Token != "" {
		return store.User{}, noToken(op)
	}
	return c.store.User(ctx, who.UserID)
}

func noToken(op string) error {
	return &azward.Error{Kind: azward.KindRole, Op: op, Cause: "an API token cannot change how its user signs in", Remedy: "sign in with a browser"}
}
