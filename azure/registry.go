package azure

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
)

// RegistryUser is the user name under which a registry takes a refresh token.
//
// Source: https://learn.microsoft.com/azure/container-registry/container-registry-authentication
const RegistryUser = "00000000-0000-0000-0000-000000000000"

const maxTokenBytes = 256 << 10

// IsRegistry reports whether a login server is one of this cloud's registries.
func (c Cloud) IsRegistry(loginServer string) bool {
	return c.ACRSuffix != "" && strings.HasSuffix(strings.ToLower(loginServer), c.ACRSuffix)
}

// RegistryToken exchanges an Entra token for a registry's refresh token, which
// its token service turns into tokens for single repositories.
//
// Source: https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md
func (c *Client) RegistryToken(ctx context.Context, loginServer string, tenant azward.TenantID) (string, error) {
	if !c.Cloud.IsRegistry(loginServer) {
		return "", &azward.Error{
			Kind: azward.KindUsage, Op: "sign in to registry", Subject: loginServer,
			Cause: "it is not a registry of this cloud (" + c.Cloud.ACRSuffix + "), and an Entra token must not be sent elsewhere", Remedy: "check the image's name",
		}
	}
	if held, ok := c.registries.get(loginServer); ok {
		return held, nil
	}
	token, err := c.exchange(ctx, loginServer, tenant, c.Cloud.ARMScope())
	if kind := azward.KindOf(err); err != nil && (kind == azward.KindSignIn || kind == azward.KindRole) {
		// A registry may refuse tokens for Resource Manager. Where this way
		// fails too, the first error is the one that counts.
		if second, again := c.exchange(ctx, loginServer, tenant, registryScope); again == nil {
			token, err = second, nil
		}
	}
	if err != nil {
		return "", err
	}
	c.registries.put(loginServer, token)
	return token, nil
}

// registryScope is the registries' own, for those that take no tokens for
// Resource Manager.
//
// Source: https://learn.microsoft.com/azure/container-registry/container-registry-disable-authentication-as-arm
const registryScope = "https://containerregistry.azure.net/.default"

func (c *Client) exchange(ctx context.Context, loginServer string, tenant azward.TenantID, scope string) (string, error) {
	token, err := c.Token(ctx, scope)
	if err != nil {
		return "", err
	}
	form := url.Values{"grant_type": {"access_token"}, "service": {loginServer}, "tenant": {string(tenant)}, "access_token": {token.Token}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+loginServer+"/oauth2/exchange", strings.NewReader(form.Encode()))
	if err != nil {
		return "", fmt.Errorf("sign in to registry %s: %w", loginServer, err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := c.http.Do(request)
	if err != nil {
		return "", explain("sign in to registry", loginServer, err)
	}
	defer response.Body.Close()
	raw, err := bound.ReadAll(response.Body, maxTokenBytes, "the answer")
	if err != nil {
		return "", unexpected("sign in to registry", loginServer, err.Error(), err)
	}
	var answer struct {
		RefreshToken string `json:"refresh_token"`
	}
	switch {
	case response.StatusCode == http.StatusForbidden:
		return "", &azward.Error{
			Kind: azward.KindRole, Op: "sign in to registry", Subject: loginServer,
			Cause: "the registry's firewall does not admit this address, or the principal has no role on it", Remedy: "az role assignment create --role AcrPull --assignee PRINCIPAL --scope REGISTRY-ID; az acr network-rule add if the registry has a firewall",
		}
	case response.StatusCode != http.StatusOK:
		return "", &azward.Error{
			Kind: azward.KindSignIn, Op: "sign in to registry", Subject: loginServer,
			Cause: fmt.Sprintf("the registry answered %d to the token exchange", response.StatusCode), Remedy: "az role assignment create --role AcrPull --assignee PRINCIPAL --scope REGISTRY-ID",
		}
	case json.Unmarshal(raw, &answer) != nil || answer.RefreshToken == "":
		return "", unexpected("sign in to registry", loginServer, "the answer to the token exchange holds no token", nil)
	}
	return answer.RefreshToken, nil
}

// refreshTokens holds tokens as long as they surely work.
type refreshTokens struct {
	mu   sync.Mutex
	held map[string]refreshToken
}

type refreshToken struct {
	token string
	until time.Time
}

// refreshLifetime is well below the three hours that a refresh token lives.
//
// Source: https://learn.microsoft.com/azure/container-registry/container-registry-authentication
const refreshLifetime = time.Hour

func (r *refreshTokens) get(loginServer string) (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t, ok := r.held[strings.ToLower(loginServer)]
	return t.token, ok && time.Now().Before(t.until)
}

func (r *refreshTokens) put(loginServer, token string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held == nil {
		r.held = map[string]refreshToken{}
	}
	r.held[strings.ToLower(loginServer)] = refreshToken{token, time.Now().Add(refreshLifetime)}
}
