// Package access says who uses the hub and what they may: users, their roles,
// sessions, API tokens, and the audit log. [From] gives the identity that a
// request was signed in with.
package access

import "context"

// Role is what a user may do; each one may all that those before it may.
type Role string

// The roles, the least first.
const (
	Viewer   Role = "viewer"   // reads everything but users, tokens of others and the audit log
	Operator Role = "operator" // scans, dismisses, and adds connections
	Admin    Role = "admin"    // everything
)

// Allows says that whoever has role r may what least asks for. An unknown role
// allows nothing.
func (r Role) Allows(least Role) bool { return r.rank() >= least.rank() && least.rank() > 0 }

func (r Role) rank() int {
	switch r {
	case Viewer:
		return 1
	case Operator:
		return 2
	case Admin:
		return 3
	}
	return 0
}

// Identity is who asks.
type Identity struct {
	UserID string // as the store keeps it
	Name   string // as the page greets them
	Role   Role   // the lower one of user and token
	Token  string // ID of the API token; "" for a session in a browser
}

type identityKey struct{}

// With gives a context that carries the identity.
func With(ctx context.Context, who Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, who)
}

// From is the identity of a request; false for an anonymous one.
func From(ctx context.Context) (Identity, bool) {
	who, ok := ctx.Value(identityKey{}).(Identity)
	return who, ok
}
