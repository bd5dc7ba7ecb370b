package azure

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/azward/azward"
)

// MSGraph reads one object or page of Microsoft Graph by its path
// ("/v1.0/organization"). A refusal has KindRole and names the permission that
// reading the directory takes.
//
// Source: https://learn.microsoft.com/graph/use-the-api
func (c *Client) MSGraph(ctx context.Context, path string) (json.RawMessage, error) {
	const op = "read from Microsoft Graph"
	if c.Cloud.GraphEndpoint == "" {
		return nil, &azward.Error{
			Kind: azward.KindUsage, Op: op, Subject: path, Cause: "the cloud names no endpoint of Microsoft Graph",
			Remedy: "add graphEndpoint to the file of --cloud-config",
		}
	}
	raw, err := c.once(ctx, c.graph, http.MethodGet, c.Cloud.GraphEndpoint+path, path, nil)
	if err != nil {
		return nil, explainMSGraph(err)
	}
	return raw, nil
}

// explainMSGraph gives a refusal Microsoft Graph's remedy: its permissions are
// granted to the application, not assigned as roles of Azure.
func explainMSGraph(err error) error {
	var e *azward.Error
	if !errors.As(err, &e) || e.Kind != azward.KindRole {
		return err
	}
	e.Cause = strings.Replace(e.Cause, "the role for this is missing", "the permission for this is missing", 1)
	// The IDs are Microsoft Graph's own and that of its application permission
	// Directory.Read.All: https://learn.microsoft.com/graph/permissions-reference#directoryreadall
	e.Remedy = "az ad app permission add --id CLIENT-ID --api 00000003-0000-0000-c000-000000000000" +
		" --api-permissions 7ab1d382-f21e-4acd-a863-ba3e13f7da61=Role && az ad app permission admin-consent --id CLIENT-ID"
	return err
}
