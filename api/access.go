package api

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/azward/azward/access"
)

func (a *API) accessRoutes() {
	handle(a, "list-audit", a.listAudit)
	handle(a, "list-tokens", a.listTokens)
	handle(a, "create-token", a.createToken)
	handle(a, "revoke-token", a.revokeToken)
	handle(a, "get-self", a.getSelf)
	handle(a, "list-users", a.listUsers)
	handle(a, "create-user", a.createUser)
	handle(a, "get-user", a.getUser)
	handle(a, "update-user", a.updateUser)
	handle(a, "disable-user", a.disableUser)
	handle(a, "invite-user", a.inviteUser)
	handle(a, "sign-out-user", a.signOutUser)
}

func (a *API) listAudit(ctx context.Context, in *struct {
	Paging
	User    string    `query:"user" maxLength:"64" doc:"ID of a user: what they did."`
	Action  string    `query:"action" maxLength:"64" doc:"This one, or the noun that it begins with: connection."`
	Subject string    `query:"subject" maxLength:"4096" doc:"What was done to this."`
	Since   time.Time `query:"since" doc:"At this time and later."`
},
) (*body[Page[access.Entry]], error) {
	text, err := openCursor(in.Cursor)
	if err != nil {
		return nil, err
	}
	f := access.AuditFilter{UserID: in.User, Action: in.Action, Subject: in.Subject, Since: in.Since, Limit: in.Limit + 1}
	if text != "" {
		if f.Before, err = strconv.ParseInt(text, 10, 64); err != nil {
			return nil, usage("read cursor", "it is none of this list", "start from the first page, and go on with its next")
		}
	}
	list, err := a.Access.AuditLog(ctx, f)
	if err != nil {
		return nil, err
	}
	next := ""
	if len(list) > in.Limit {
		list = list[:in.Limit]
		next = formCursor(strconv.FormatInt(list[in.Limit-1].Seq, 10))
	}
	return page(list, next), nil
}

func (a *API) listTokens(ctx context.Context, in *struct {
	Paging
	All bool `query:"all" doc:"Those of all users; for administrators."`
},
) (*body[Page[access.Token]], error) {
	list, err := a.Access.Tokens(ctx, in.All)
	if err != nil {
		return nil, err
	}
	return placed(list, in.Paging, func(t access.Token) string { return t.ID })
}

// placed pages through a short list whose order has no key, by the ID of the
// last one on the page before.
func placed[T any](list []T, p Paging, id func(T) string) (*body[Page[T]], error) {
	after, err := openCursor(p.Cursor)
	if err != nil {
		return nil, err
	}
	from := 0
	if after != "" {
		for i, one := range list {
			if id(one) == after {
				from = i + 1
			}
		}
		if from == 0 {
			return nil, usage("read cursor", "what it stands after is gone", "start from the first page")
		}
	}
	rest := list[from:]
	if len(rest) <= p.Limit {
		return page(rest, ""), nil
	}
	return page(rest[:p.Limit], formCursor(id(rest[p.Limit-1]))), nil
}

// NewToken describes a token to make.
type NewToken struct {
	Name      string      `json:"name" minLength:"1" maxLength:"128" doc:"What it is for."`
	Role      access.Role `json:"role,omitempty" doc:"One's own at most, and where it is left out."`
	ExpiresAt time.Time   `json:"expiresAt,omitzero" doc:"Within a year; 90 days from now where it is left out."`
}

// MadeToken is a token with its secret.
type MadeToken struct {
	Token  access.Token `json:"token"`
	Secret string       `json:"secret,omitempty" doc:"Send it as Authorization: Bearer. It is shown once: an answer that is given again for an idempotency key lacks it."`
}

type madeToken struct {
	CacheControl string `header:"Cache-Control"`
	Body         MadeToken
}

const noStore = "no-store" // answers with secrets

func (a *API) createToken(ctx context.Context, in *struct{ Body NewToken }) (*madeToken, error) {
	t, secret, err := a.Access.CreateToken(ctx, access.NewToken{Name: in.Body.Name, Role: in.Body.Role, ExpiresAt: in.Body.ExpiresAt})
	if err != nil {
		return nil, err
	}
	return &madeToken{noStore, MadeToken{t, secret}}, nil
}

func (a *API) revokeToken(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"64"`
},
) (*none, error) {
	return &none{}, a.Access.RevokeToken(ctx, in.ID)
}

// Self is who asks.
type Self struct {
	ID    string      `json:"id"`
	Name  string      `json:"name"`
	Role  access.Role `json:"role" doc:"The lower one of user and token."`
	Token string      `json:"token,omitempty" doc:"ID of the token; absent for a session in a browser."`
}

func (a *API) getSelf(ctx context.Context, _ *none) (*body[Self], error) {
	who, err := access.Check(ctx, access.Viewer, "show who asks")
	return answer(Self{who.UserID, who.Name, who.Role, who.Token}, err)
}

func (a *API) listUsers(ctx context.Context, in *Paging) (*body[Page[access.User]], error) {
	list, err := a.Access.Users(ctx)
	if err != nil {
		return nil, err
	}
	return placed(list, *in, func(u access.User) string { return u.ID })
}

// NewUser is a local user to be added.
type NewUser struct {
	Name string      `json:"name" minLength:"1" maxLength:"128" doc:"Name or e-mail address."`
	Role access.Role `json:"role"`
}

// MadeUser is a user with the link at which they set a password.
type MadeUser struct {
	User access.User `json:"user"`
	Link string      `json:"link,omitempty" doc:"Works once, for three days. It is shown once: an answer that is given again for an idempotency key lacks it."`
}

type madeUser struct {
	Location     string `header:"Location"`
	ETag         string `header:"ETag"`
	CacheControl string `header:"Cache-Control"`
	Body         MadeUser
}

func (a *API) createUser(ctx context.Context, in *struct{ Body NewUser }) (*madeUser, error) {
	u, link, err := a.Access.CreateUser(ctx, in.Body.Name, in.Body.Role)
	if err != nil {
		return nil, err
	}
	return &madeUser{Prefix + "/users/" + url.PathEscape(u.ID), tagOf(u.ID, u.UpdatedAt), noStore, MadeUser{u, link}}, nil
}

// UserID names a user in a path.
type UserID struct {
	ID string `path:"id" maxLength:"64"`
}

func (a *API) getUser(ctx context.Context, in *struct {
	UserID
	IfNoneMatch
},
) (*tagged[access.User], error) {
	u, err := a.Access.User(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	tag := tagOf(u.ID, u.UpdatedAt)
	if err := in.fresh(tag); err != nil {
		return nil, err
	}
	return &tagged[access.User]{tag, u}, nil
}

// UserChange is what may be changed of a user.
type UserChange struct {
	Role     access.Role `json:"role"`
	Disabled bool        `json:"disabled,omitempty" doc:"A disabled user cannot sign in, and their tokens answer nothing."`
}

func (a *API) updateUser(ctx context.Context, in *struct {
	UserID
	IfMatch
	Body UserChange
},
) (*tagged[access.User], error) {
	const op = "update user"
	u, err := a.Access.User(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := in.check(op, u.Name, tagOf(u.ID, u.UpdatedAt)); err != nil {
		return nil, err
	}
	if u.Role != in.Body.Role {
		if u, err = a.Access.SetRole(ctx, u.ID, in.Body.Role, u.UpdatedAt); err != nil {
			return nil, err
		}
	}
	switch {
	case in.Body.Disabled && !u.Disabled:
		u, err = a.Access.Disable(ctx, u.ID, u.UpdatedAt)
	case !in.Body.Disabled && u.Disabled:
		u, err = a.Access.Enable(ctx, u.ID, u.UpdatedAt)
	}
	if err != nil {
		return nil, err
	}
	return &tagged[access.User]{tagOf(u.ID, u.UpdatedAt), u}, nil
}

func (a *API) disableUser(ctx context.Context, in *struct {
	UserID
	IfMatch
},
) (*tagged[access.User], error) {
	u, err := a.Access.User(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := in.check("disable user", u.Name, tagOf(u.ID, u.UpdatedAt)); err != nil {
		return nil, err
	}
	if u, err = a.Access.Disable(ctx, u.ID, u.UpdatedAt); err != nil {
		return nil, err
	}
	return &tagged[access.User]{tagOf(u.ID, u.UpdatedAt), u}, nil
}

func (a *API) inviteUser(ctx context.Context, in *UserID) (*madeUser, error) {
	u, err := a.Access.User(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	link, err := a.Access.Invite(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	return &madeUser{Prefix + "/users/" + url.PathEscape(u.ID), tagOf(u.ID, u.UpdatedAt), noStore, MadeUser{u, link}}, nil
}

func (a *API) signOutUser(ctx context.Context, in *UserID) (*body[access.User], error) {
	return answer(a.Access.EndSessions(ctx, in.ID))
}
