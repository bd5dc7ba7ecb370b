package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/azward/azward/access"
	"github.com/azward/azward/internal/bound"
	"github.com/azward/azward/seal"
)

// oidcFlags describe the issuer that signs users in.
type oidcFlags struct {
	issuerURL, clientID, secretFile, label string
	claim, least                           string
	roles                                  map[string]string // value of the claim to role
}

func (f *oidcFlags) flags(flags *pflag.FlagSet) {
	flags.StringVar(&f.issuerURL, "oidc-issuer", "", "let this OpenID Connect issuer sign users in, such as https://login.microsoftonline.com/TENANT/v2.0")
	flags.StringVar(&f.clientID, "oidc-client-id", "", "client ID that the issuer knows the hub by")
	flags.StringVar(&f.secretFile, "oidc-client-secret-file", "", "file with the client secret; left out for a public client")
	flags.StringVar(&f.label, "oidc-label", "", "what the sign-in button calls the issuer")
	flags.StringVar(&f.claim, "oidc-role-claim", "", "claim with a user's roles or groups (default roles)")
	flags.StringToStringVar(&f.roles, "oidc-role", nil, "which role a value of the claim gives: VALUE=viewer, operator or admin (repeatable)")
	flags.StringVar(&f.least, "oidc-default-role", "", "role of users with none of these values; left out, they may not come in")
}

var roleNames = []string{string(access.Viewer), string(access.Operator), string(access.Admin)}

func (f *oidcFlags) check() error {
	if f.issuerURL == "" {
		if f.clientID != "" || f.secretFile != "" || f.label != "" || f.claim != "" || f.least != "" || len(f.roles) > 0 {
			return usageOf("--oidc-issuer", "", "other --oidc flags are given without it", "name the issuer")
		}
		return nil
	}
	if f.clientID == "" {
		return usageOf("--oidc-client-id", "", "--oidc-issuer needs it", "register the hub with the issuer; its callback is the public URL with /signin/oidc/callback")
	}
	if len(f.roles) == 0 && f.least == "" {
		return usageOf("--oidc-role", "", "nobody whom the issuer signs in would have a role", "give --oidc-role VALUE=viewer, or --oidc-default-role viewer")
	}
	named := slices.Collect(maps.Values(f.roles))
	if f.least != "" {
		named = append(named, f.least)
	}
	for _, name := range named {
		if !slices.Contains(roleNames, name) {
			return usageOf("--oidc-role", fmt.Sprintf("%.40q", name), "there is no such role", "use "+strings.Join(roleNames, ", "))
		}
	}
	return nil
}

// maxSecretFile bounds a client secret, in bytes.
const maxSecretFile = 4 << 10

// issuer reads the secret; nil where no issuer is named.
func (f *oidcFlags) issuer() (*access.OIDC, error) {
	if f.issuerURL == "" {
		return nil, nil //nolint:nilnil // no issuer is a choice
	}
	o := &access.OIDC{
		Label: f.label, Issuer: f.issuerURL, ClientID: f.clientID, RoleClaim: f.claim, Roles: map[string]access.Role{}, Default: access.Role(f.least),
	}
	for value, role := range f.roles {
		o.Roles[value] = access.Role(role)
	}
	if f.secretFile == "" {
		return o, nil
	}
	file, err := os.Open(f.secretFile)
	if err != nil {
		return nil, usageOf("--oidc-client-secret-file", f.secretFile, "it cannot be read: "+err.Error(), "check the path and that this user may read it")
	}
	defer file.Close()
	raw, err := bound.ReadAll(file, maxSecretFile, "the client secret")
	if err != nil {
		return nil, usageOf("--oidc-client-secret-file", f.secretFile, err.Error(), "put the secret alone into the file")
	}
	secret := strings.TrimSpace(string(raw))
	if secret == "" {
		return nil, usageOf("--oidc-client-secret-file", f.secretFile, "it is empty", "put the secret alone into the file")
	}
	o.Secret = seal.NewSecret(secret)
	return o, nil
}
