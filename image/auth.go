package image

import (
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/authn"
)

// Auth supplies the credentials for a registry. It is asked again whenever a
// token has to be fetched, so what it returns may be short-lived.
type Auth interface {
	// Credentials gives what to sign in to the registry with; the zero value
	// means anonymously.
	Credentials(ctx context.Context, registry string) (Credentials, error)
}

// Credentials sign in to a registry. Set one of: Username and Password, an
// identity token (an ACR refresh token), or a bearer token for the registry.
// They print as "[redacted]" and do not marshal.
type Credentials struct {
	Username      string `json:"-"`
	Password      string `json:"-"`
	IdentityToken string `json:"-"`
	RegistryToken string `json:"-"`
}

// Format implements [fmt.Formatter], so that no verb shows a secret.
func (Credentials) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte("[redacted]")) }

// authenticator adapts Auth to the registry library.
type authenticator struct {
	auth     Auth
	registry string
}

// Authorization implements [authn.Authenticator] for callers without a context.
func (a authenticator) Authorization() (*authn.AuthConfig, error) {
	return a.AuthorizationContext(context.Background())
}

// AuthorizationContext implements [authn.ContextAuthenticator].
func (a authenticator) AuthorizationContext(ctx context.Context) (*authn.AuthConfig, error) {
	c, err := a.auth.Credentials(ctx, a.registry)
	if err != nil {
		return nil, err
	}
	return &authn.AuthConfig{
		Username: c.Username, Password: c.Password, IdentityToken: c.IdentityToken, RegistryToken: c.RegistryToken,
	}, nil
}
