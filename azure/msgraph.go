package azure

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/azward/azward"
)

// MSGraph reads one object or page of Microsoft Graph by its path
// ("/v1.0/organization") and query. A refusal has KindRole and names the
// permission that reading the directory takes.
//
// Source: https://learn.microsoft.com/graph/use-the-api
func (c *Client) MSGraph(ctx context.Context, path string, query ...string) (json.RawMessage, error) {
	link, err := c.msgraphURL(path, query)
	if err != nil {
		return nil, err
	}
	return c.readMSGraph(ctx, link, path)
}

func (c *Client) msgraphURL(path string, query []string) (string, error) {
	if c.Cloud.GraphEndpoint == "" {
		return "", &azward.Error{
			Kind: azward.KindUsage, Op: readMSGraph, Subject: path, Cause: "the cloud names no endpoint of Microsoft Graph",
			Remedy: "add graphEndpoint to the file of --cloud-config",
		}
	}
	values := make([]string, 0, len(query)/2)
	for i := 0; i+1 < len(query); i += 2 {
		values = append(values, query[i]+"="+url.QueryEscape(query[i+1]))
	}
	if len(values) == 0 {
		return c.Cloud.GraphEndpoint + path, nil
	}
	return c.Cloud.GraphEndpoint + path + "?" + strings.Join(values, "&"), nil
}

const readMSGraph = "read from Microsoft Graph"

func (c *Client) readMSGraph(ctx context.Context, link, path string) (json.RawMessage, error) {
	var raw json.RawMessage
	var err error
	for range maxRereads + 1 {
		if raw, err = c.once(ctx, c.graph, http.MethodGet, link, path, nil); !errors.Is(err, errBrokeOff) || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return nil, explainMSGraph(err)
	}
	return raw, nil
}

// MSGraphPages reads a list page by page, following @odata.nextLink on the
// same host alone. An error ends the sequence; the pages before it stand.
//
// Source: https://learn.microsoft.com/graph/paging
func (c *Client) MSGraphPages(ctx context.Context, path string, query ...string) iter.Seq2[[]json.RawMessage, error] {
	return func(yield func([]json.RawMessage, error) bool) {
		next, err := c.msgraphURL(path, query)
		if err != nil {
			yield(nil, err)
			return
		}
		seen := map[string]bool{}
		for range maxPages {
			seen[next] = true
			raw, err := c.readMSGraph(ctx, next, path)
			if err != nil {
				yield(nil, err)
				return
			}
			var page struct {
				Value    []json.RawMessage `json:"value"`
				NextLink string            `json:"@odata.nextLink"`
			}
			if err := json.Unmarshal(raw, &page); err != nil || page.Value == nil {
				yield(nil, unexpected(readMSGraph, path, "the answer is not a list", err))
				return
			}
			if !yield(page.Value, nil) || page.NextLink == "" {
				return
			}
			if next, err = within(c.Cloud.GraphEndpoint, page.NextLink); err != nil || seen[next] {
				yield(nil, unexpected(readMSGraph, path, "the link to the next page leads elsewhere or in a circle", err))
				return
			}
		}
		yield(nil, unexpected(readMSGraph, path, fmt.Sprintf("it has more than %d pages", maxPages), nil))
	}
}

// explainMSGraph gives a refusal Microsoft Graph's remedy: its permissions are
// granted to the application, not assigned as roles of Azure. Whoever knows
// which permission the path takes says so by [GrantMSGraph].
func explainMSGraph(err error) error {
	var e *azward.Error
	if !errors.As(err, &e) {
		return err
	}
	if licence := MSGraphLicence(err); licence != "" {
		e.Kind, e.Cause, e.Remedy = azward.KindFailed, "the tenant has no "+licence+", which Microsoft Graph asks for here", "without the licence, check this by hand"
		return err
	}
	if e.Kind != azward.KindRole {
		return err
	}
	e.Cause = strings.Replace(e.Cause, "the role for this is missing", "the permission for this is missing", 1)
	e.Remedy = GrantMSGraph(MSGraphGrants{}, "Directory.Read.All")
	return err
}

// MSGraphLicence is what a tenant lacks when Microsoft Graph refuses for that
// reason and not for a permission; "" otherwise.
//
// Sources: https://learn.microsoft.com/entra/identity/monitoring-health/howto-analyze-activity-logs-with-microsoft-graph,
// https://learn.microsoft.com/graph/api/resources/privilegedidentitymanagementv3-overview
func MSGraphLicence(err error) string {
	switch Code(err) {
	case "Authentication_RequestFromNonPremiumTenantOrB2CTenant":
		return "licence of Microsoft Entra ID P1"
	case "AadPremiumLicenseRequired":
		return "licence of Microsoft Entra ID P2 or Governance"
	default:
		return ""
	}
}

// MSGraphGrants is what a token lets its holder do at Microsoft Graph.
// Application permissions are app roles of the token, delegated ones its
// scopes: the second act for the user who signed in, and only as far as that
// user's own directory roles reach.
//
// Source: https://learn.microsoft.com/graph/permissions-overview
type MSGraphGrants struct {
	Application []string // "Directory.Read.All"
	Delegated   []string
	// User is true when somebody signed in rather than an application.
	User bool
	// Identity is true for a managed identity, which has no registration of its
	// own to add permissions to.
	Identity bool
	ObjectID string // of the principal
	// Opaque is true when the token does not say what it grants.
	Opaque bool
}

// Has reports whether any of the permissions is among those of the token's
// kind.
func (g MSGraphGrants) Has(permissions ...string) bool {
	held := g.Application
	if g.User {
		held = g.Delegated
	}
	return slices.ContainsFunc(held, func(p string) bool {
		return slices.ContainsFunc(permissions, func(wanted string) bool { return strings.EqualFold(p, wanted) })
	})
}

// None reports that the token grants nothing.
func (g MSGraphGrants) None() bool { return !g.Opaque && len(g.Application)+len(g.Delegated) == 0 }

// MSGraphGrants signs in to Microsoft Graph and reads what the token grants.
// Nothing is granted on its word: it is for advice.
//
// Source: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
func (c *Client) MSGraphGrants(ctx context.Context) (MSGraphGrants, error) {
	if _, err := c.msgraphURL("", nil); err != nil {
		return MSGraphGrants{}, err
	}
	token, err := c.Token(ctx, c.Cloud.GraphEndpoint+"/.default")
	if err != nil {
		return MSGraphGrants{}, err
	}
	var claims struct {
		ObjectID string   `json:"oid"`
		Roles    []string `json:"roles"`
		Scopes   string   `json:"scp"`
		Kind     string   `json:"idtyp"`
		Resource string   `json:"xms_mirid"` // of a managed identity
	}
	parts := strings.Split(token.Token, ".")
	if len(parts) != 3 {
		return MSGraphGrants{Opaque: true}, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(raw, &claims) != nil {
		return MSGraphGrants{Opaque: true}, nil //nolint:nilerr // tokens of another form are allowed
	}
	return MSGraphGrants{
		Application: claims.Roles, Delegated: strings.Fields(claims.Scopes), User: claims.Kind == "user" || claims.Scopes != "",
		Identity: claims.Resource != "",
		ObjectID: claims.ObjectID,
	}, nil
}

// msgraphApp is Microsoft Graph's application ID in every cloud.
//
// Source: https://learn.microsoft.com/troubleshoot/entra/entra-id/governance/verify-first-party-apps-sign-in
const msgraphApp = "00000003-0000-0000-c000-000000000000"

// GrantMSGraph is the command that gives a permission to whoever the grants
// are of; the zero grants are an application's. The permission's ID is looked
// up, since clouds have different ones. CLIENT-ID stands for the application.
//
// Sources:
// https://learn.microsoft.com/cli/azure/ad/app/permission
// https://learn.microsoft.com/graph/api/serviceprincipal-post-approleassignments
func GrantMSGraph(g MSGraphGrants, permission string) string {
	show := "$(az ad sp show --id " + msgraphApp + " --query "
	switch {
	case g.Identity:
		principal := g.ObjectID
		if principal == "" {
			principal = "OBJECT-ID"
		}
		return `az rest --method POST --url https://graph.microsoft.com/v1.0/servicePrincipals/` + principal + `/appRoleAssignments --body "{'principalId':'` + principal +
			`','resourceId':'` + show + `id -o tsv)','appRoleId':'` + show + `"appRoles[?value=='` + permission + `'].id" -o tsv)'}"`
	case g.User:
		return "sign in as an application that has " + permission + " (docs/permissions.md); " +
			"or let an administrator consent to the delegated permission: az ad app permission grant --id CLIENT-ID --api " + msgraphApp + " --scope " + permission +
			", and give the user the directory role Global Reader"
	default:
		return "az ad app permission add --id CLIENT-ID --api " + msgraphApp +
			" --api-permissions " + show + `"appRoles[?value=='` + permission + `'].id" -o tsv)=Role && az ad app permission admin-consent --id CLIENT-ID`
	}
}
