package access

import (
	"context"
	"errors"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/azward/azward"
)

// SessionCookie is the name of the cookie that holds a session; where browsers
// come by https it has __Host- before it.
const SessionCookie = "azward"

// Fields of a session.
const (
	sessionUser  = "user"
	sessionEpoch = "epoch"
	maxCookie    = 128 // bytes; ours are 43
)

func newSessions(o Options, c *Control) *scs.SessionManager {
	// Not scs.New: that starts a goroutine for a store in memory, for good.
	m := &scs.SessionManager{Lifetime: o.Lifetime, IdleTimeout: o.Idle, Codec: scs.GobCodec{}, Store: sessionStore{c.store}}
	if m.Lifetime <= 0 {
		m.Lifetime = DefaultLifetime
	}
	if m.IdleTimeout <= 0 {
		m.IdleTimeout = DefaultIdle
	}
	return m
}

// Load reads the session that a cookie names into the context, with the
// identity of its user. Without a good one the context is anonymous.
func (c *Control) Load(ctx context.Context, cookie string) (context.Context, error) {
	if len(cookie) > maxCookie {
		cookie = ""
	}
	ctx, err := c.sessions.Load(ctx, cookie)
	if err != nil {
		return ctx, err
	}
	id := c.sessions.GetString(ctx, sessionUser)
	if id == "" {
		return ctx, nil
	}
	u, err := c.store.User(ctx, id)
	gone := err != nil && azward.KindOf(err) == azward.KindNotFound
	if err != nil && !gone {
		return ctx, err
	}
	if gone || u.Disabled || u.Epoch != c.sessions.GetInt64(ctx, sessionEpoch) {
		return ctx, c.sessions.Destroy(ctx)
	}
	c.touch(ctx, cookie)
	return With(ctx, Identity{UserID: u.ID, Name: u.Name, Role: Role(u.Role)}), nil
}

// touch moves the session's end, within its lifetime.
func (c *Control) touch(ctx context.Context, cookie string) {
	end := time.Now().Add(c.sessions.IdleTimeout)
	if deadline := c.sessions.Deadline(ctx); deadline.Before(end) {
		end = deadline
	}
	key := string(digest(cookie))
	c.mu.Lock()
	defer c.mu.Unlock()
	if last, has := c.touchSessions[key]; !has || end.Sub(last) >= touchStep {
		noteLater(c.touchSessions, key, end)
	}
}

// StartSession signs a user in: the session gets a new name, so that one that
// somebody else set before is worth nothing. Cookie is what the browser keeps,
// until expires at the latest.
func (c *Control) StartSession(ctx context.Context, userID string) (cookie string, expires time.Time, err error) {
	u, err := c.store.User(ctx, userID)
	if err != nil {
		return "", time.Time{}, err
	}
	if u.Disabled {
		return "", time.Time{}, disabledUser(u.Name)
	}
	// A context without session gets one; with one, its old name ends.
	if ctx, err = c.sessions.Load(ctx, ""); err != nil {
		return "", time.Time{}, err
	}
	if err := c.sessions.RenewToken(ctx); err != nil {
		return "", time.Time{}, err
	}
	if err := c.sessions.Clear(ctx); err != nil {
		return "", time.Time{}, err
	}
	expires = time.Now().Add(c.sessions.Lifetime).UTC()
	c.sessions.SetDeadline(ctx, expires)
	c.sessions.Put(ctx, sessionUser, u.ID)
	c.sessions.Put(ctx, sessionEpoch, u.Epoch)
	cookie, _, err = c.sessions.Commit(ctx)
	return cookie, expires, err
}

// EndSession signs out the session that [Control.Load] read.
func (c *Control) EndSession(ctx context.Context) error {
	ctx, err := c.sessions.Load(ctx, "")
	if err != nil {
		return err
	}
	return c.sessions.Destroy(ctx)
}

// sessionStore keeps sessions under a digest of their names: whoever reads the
// database can't sign in with them.
type sessionStore struct{ store Store }

// FindCtx is part of scs.CtxStore.
func (s sessionStore) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	doc, _, found, err := s.store.Session(ctx, digest(token), time.Now())
	return doc, found, err
}

// CommitCtx is part of scs.CtxStore.
func (s sessionStore) CommitCtx(ctx context.Context, token string, doc []byte, expiry time.Time) error {
	return s.store.SaveSession(ctx, digest(token), doc, expiry)
}

// DeleteCtx is part of scs.CtxStore.
func (s sessionStore) DeleteCtx(ctx context.Context, token string) error {
	if token == "" {
		return nil
	}
	return s.store.RemoveSession(ctx, digest(token))
}

var errNoContext = errors.New("sessions are asked for with a context")

// Find is never called: scs prefers FindCtx.
func (sessionStore) Find(string) ([]byte, bool, error) { return nil, false, errNoContext }

// Commit is never called: scs prefers CommitCtx.
func (sessionStore) Commit(string, []byte, time.Time) error { return errNoContext }

// Delete is never called: scs prefers DeleteCtx.
func (sessionStore) Delete(string) error { return errNoContext }
