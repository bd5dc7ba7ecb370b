package azure

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/azward/azward"
)

// Principal is who a client is signed in as, as the token for Resource Manager
// says. The token comes from Entra over TLS and is read, not checked: nothing
// is granted on its word.
//
// Source: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
type Principal struct {
	ObjectID string          // of the service principal, managed identity or user
	AppID    string          // client ID of the application
	TenantID azward.TenantID // that issued the token
	Expires  time.Time
}

// Principal signs in and says as whom.
func (c *Client) Principal(ctx context.Context) (Principal, error) {
	token, err := c.Token(ctx, c.Cloud.ARMScope())
	if err != nil {
		return Principal{}, err
	}
	p := Principal{Expires: token.ExpiresOn}
	var claims struct {
		ObjectID string          `json:"oid"`
		AppID    string          `json:"appid"`
		AZP      string          `json:"azp"` // the same in tokens of version 2
		TenantID azward.TenantID `json:"tid"`
	}
	parts := strings.Split(token.Token, ".")
	if len(parts) != 3 {
		return p, nil // opaque tokens are allowed
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(raw, &claims) != nil {
		return p, nil //nolint:nilerr // so are tokens of another form
	}
	p.ObjectID, p.AppID, p.TenantID = claims.ObjectID, claims.AppID, claims.TenantID
	if p.AppID == "" {
		p.AppID = claims.AZP
	}
	return p, nil
}

// Permission is one entry of what the caller may do at a scope: what Actions
// name is allowed, less what NotActions name. Several entries add up.
//
// Source: https://learn.microsoft.com/rest/api/authorization/permissions
type Permission struct {
	Actions        []string `json:"actions"`
	NotActions     []string `json:"notActions"`
	DataActions    []string `json:"dataActions"`
	NotDataActions []string `json:"notDataActions"`
}

const permissionsVersion = "2022-04-01"

// Permissions lists what the caller's roles allow at a scope, those inherited
// from above included. Deny assignments are not part of it.
func (c *Client) Permissions(ctx context.Context, scope azward.ResourceID) ([]Permission, error) {
	var all []Permission
	for page, err := range c.Pages(ctx, string(scope)+"/providers/Microsoft.Authorization/permissions", permissionsVersion) {
		if err != nil {
			return nil, err
		}
		for _, raw := range page {
			var p Permission
			if err := json.Unmarshal(raw, &p); err != nil {
				return nil, unexpected("read permissions", string(scope), "an entry is not as Azure documents it", err)
			}
			all = append(all, p)
		}
	}
	return all, nil
}

// Allows reports whether the entry alone allows a control-plane action.
func (p Permission) Allows(action string) bool {
	return anyMatches(p.Actions, action) && !anyMatches(p.NotActions, action)
}

func anyMatches(patterns []string, action string) bool {
	for _, p := range patterns {
		if matches(p, action) {
			return true
		}
	}
	return false
}

var patterns sync.Map // pattern to *regexp.Regexp; a role has few

// matches compares as Azure does: without case, * for any run of characters.
//
// Source: https://learn.microsoft.com/azure/role-based-access-control/role-definitions#actions-format
func matches(pattern, action string) bool {
	if pattern == "*" {
		return true
	}
	if !strings.Contains(pattern, "*") {
		return strings.EqualFold(pattern, action)
	}
	held, ok := patterns.Load(pattern)
	if !ok {
		quoted := strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, `.*`)
		compiled, err := regexp.Compile(`(?is)^` + quoted + `$`)
		if err != nil {
			return false
		}
		held, _ = patterns.LoadOrStore(pattern, compiled)
	}
	re, ok := held.(*regexp.Regexp)
	return ok && re.MatchString(action)
}
