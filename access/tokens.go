package access

import (
	"context"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

// Token is an API token as it is listed; nobody can read the token itself again.
type Token struct {
	ID        string    `json:"id"`
	UserID    string    `json:"userId"`
	Name      string    `json:"name"`
	Role      Role      `json:"role"`
	CreatedAt time.Time `json:"createdAt"`
	ExpiresAt time.Time `json:"expiresAt"`
	LastUsed  time.Time `json:"lastUsed,omitzero"` // to about a minute
	RevokedAt time.Time `json:"revokedAt,omitzero"`
}

func tokenOf(t store.Token) Token {
	return Token{t.ID, t.UserID, t.Name, Role(t.Role), t.CreatedAt, t.ExpiresAt, t.LastUsed, t.RevokedAt}
}

// NewToken describes a token to make.
type NewToken struct {
	Name string // what it is for
	Role Role   // "" is the maker's own; a higher one gives KindRole
	// ExpiresAt is within a year; zero is 90 days from now.
	ExpiresAt time.Time
}

// Lifetimes and bounds of tokens.
const (
	// TokenPrefix begins every API token, for scanners that look for leaks.
	TokenPrefix      = "azw_"
	tokenLifetime    = 90 * 24 * time.Hour
	maxTokenLifetime = 366 * 24 * time.Hour
	maxTokens        = 100 // good ones of a user
	maxTokenText     = 128 // bytes; ours are shorter
)

// CreateToken makes a token for whoever asks, and returns its text, which is
// shown once. A token makes no token with a higher role or a later end than its
// own.
func (c *Control) CreateToken(ctx context.Context, n NewToken) (Token, string, error) {
	const op = "make token"
	who, err := Check(ctx, Viewer, op)
	if err != nil {
		return Token{}, "", err
	}
	now := c.now()
	if n.Role == "" {
		n.Role = who.Role
	}
	if n.ExpiresAt.IsZero() {
		n.ExpiresAt = now.Add(tokenLifetime)
	}
	if err := c.permitToken(ctx, who, &n, now); err != nil {
		return Token{}, "", err
	}
	text, hash := secret(TokenPrefix)
	t := store.Token{
		ID: newID("tok_"), UserID: who.UserID, Name: strings.TrimSpace(n.Name), Hash: hash, Role: string(n.Role),
		CreatedAt: now, ExpiresAt: n.ExpiresAt,
	}
	entry, err := c.entry(ctx, "token.create", t.ID, nil, tokenOf(t))
	if err != nil {
		return Token{}, "", err
	}
	if err := c.store.AddToken(ctx, t, entry); err != nil {
		return Token{}, "", err
	}
	return tokenOf(t), text, nil
}

func (c *Control) permitToken(ctx context.Context, who Identity, n *NewToken, now time.Time) error {
	const op = "make token"
	if err := validRole(op, n.Role); err != nil {
		return err
	}
	if !who.Role.Allows(n.Role) {
		return &azward.Error{Kind: azward.KindRole, Op: op, Cause: "a token cannot have the role " + string(n.Role) + " when you have " + string(who.Role), Remedy: "choose a role up to your own"}
	}
	usage := func(cause, remedy string) error {
		return &azward.Error{Kind: azward.KindUsage, Op: op, Cause: cause, Remedy: remedy}
	}
	if !printable(strings.TrimSpace(n.Name), maxName) {
		return usage("the name is empty, too long, or has characters that do not print", "say in up to 128 characters what the token is for")
	}
	if !n.ExpiresAt.After(now) {
		return usage("its end is in the past", "choose a later one, within a year")
	}
	if n.ExpiresAt.After(now.Add(maxTokenLifetime)) {
		return usage("its end is more than a year away", "choose an earlier one, and make a new token before it")
	}
	if who.Token != "" {
		parent, err := c.store.Token(ctx, who.Token)
		if err != nil {
			return err
		}
		if n.ExpiresAt.After(parent.ExpiresAt) {
			n.ExpiresAt = parent.ExpiresAt
		}
	}
	list, err := c.store.Tokens(ctx, who.UserID)
	if err != nil {
		return err
	}
	good := 0
	for _, t := range list {
		if t.RevokedAt.IsZero() && t.ExpiresAt.After(now) {
			good++
		}
	}
	if good >= maxTokens {
		return &azward.Error{Kind: azward.KindConflict, Op: op, Cause: "you have 100 tokens already", Remedy: "revoke those that nobody uses"}
	}
	return nil
}

// Tokens returns your own tokens, newest first; all users' for administrators
// who ask for everyone's.
func (c *Control) Tokens(ctx context.Context, everyones bool) ([]Token, error) {
	least := Viewer
	if everyones {
		least = Admin
	}
	who, err := Check(ctx, least, "list tokens")
	if err != nil {
		return nil, err
	}
	user := who.UserID
	if everyones {
		user = ""
	}
	list, err := c.store.Tokens(ctx, user)
	if err != nil {
		return nil, err
	}
	tokens := make([]Token, len(list))
	for i, t := range list {
		tokens[i] = tokenOf(t)
	}
	return tokens, nil
}

// RevokeToken ends a token at once: your own, or any for administrators. What
// is not yours to see gives KindNotFound.
func (c *Control) RevokeToken(ctx context.Context, id string) error {
	who, err := Check(ctx, Viewer, "revoke token")
	if err != nil {
		return err
	}
	t, err := c.store.Token(ctx, id)
	if err != nil {
		return err
	}
	if t.UserID != who.UserID && !who.Role.Allows(Admin) {
		return &azward.Error{Kind: azward.KindNotFound, Op: "find token", Subject: id, Cause: "there is none of that name", Remedy: "see Settings, Tokens, for those there are"}
	}
	before := tokenOf(t)
	t.RevokedAt = c.now()
	entry, err := c.entry(ctx, "token.revoke", id, before, tokenOf(t))
	if err != nil {
		return err
	}
	return c.store.RevokeTokens(ctx, t.UserID, id, entry)
}

// Bearer says whose token this is. One that is unknown, revoked, expired, or of
// a disabled user gives KindSignIn, with the reason only where the token was
// good once.
func (c *Control) Bearer(ctx context.Context, text string) (Identity, error) {
	refuse := func(cause string) (Identity, error) {
		return Identity{}, &azward.Error{Kind: azward.KindSignIn, Op: "read token", Cause: cause, Remedy: "make a new token under Settings, Tokens"}
	}
	if !strings.HasPrefix(text, TokenPrefix) || len(text) > maxTokenText {
		return refuse("it is no token of azward's: those begin with " + TokenPrefix)
	}
	t, err := c.store.TokenByHash(ctx, digest(text))
	if azward.KindOf(err) == azward.KindNotFound && err != nil {
		return refuse("the token is not known here")
	}
	if err != nil {
		return Identity{}, err
	}
	u, err := c.store.User(ctx, t.UserID)
	if err != nil {
		return Identity{}, err
	}
	now := c.now()
	switch {
	case !t.RevokedAt.IsZero():
		return refuse("the token was revoked")
	case !now.Before(t.ExpiresAt):
		return refuse("the token expired on " + t.ExpiresAt.UTC().Format(time.DateOnly))
	case u.Disabled:
		return refuse("the token's user is disabled")
	}
	if now.Sub(t.LastUsed) >= touchStep {
		c.mu.Lock()
		noteLater(c.touchTokens, t.ID, now)
		c.mu.Unlock()
	}
	role := Role(t.Role)
	if !Role(u.Role).Allows(role) {
		role = Role(u.Role)
	}
	return Identity{UserID: u.ID, Name: u.Name, Role: role, Token: t.ID}, nil
}
