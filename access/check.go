package access

import (
	"context"
	"fmt"

	"github.com/azward/azward"
)

// Check says who asks, or why they may not do op, which least is needed for:
// KindSignIn for an anonymous request, KindRole for a lower role. Every door
// checks with it, from the one table of its routes.
func Check(ctx context.Context, least Role, op string) (Identity, error) {
	who, known := From(ctx)
	if !known {
		return who, &azward.Error{
			Kind: azward.KindSignIn, Op: op, Cause: "nobody is signed in",
			Remedy: "sign in, or send an API token: Authorization: Bearer azw_…",
		}
	}
	if !who.Role.Allows(least) {
		return who, &azward.Error{
			Kind: azward.KindRole, Op: op, Cause: fmt.Sprintf("it needs the role %s, and you have %s", least, who.Role),
			Remedy: "ask an administrator for the role, or use a token that has it",
		}
	}
	return who, nil
}
