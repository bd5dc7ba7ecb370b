package azure

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
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
	token, err := c.Token(ctx, c.Cloud.GraphEndpoint+"/.default")
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Cloud.GraphEndpoint+path, nil)
	if err != nil {
		return nil, fmt.Errorf("read %s from Microsoft Graph: %w", path, err)
	}
	request.Header.Set("Authorization", "Bearer "+token.Token)
	request.Header.Set("Accept", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		return nil, explain(op, path, err)
	}
	defer response.Body.Close()
	raw, err := bound.ReadAll(response.Body, maxBodyBytes, "the answer")
	if err != nil {
		return nil, unexpected(op, path, "the answer broke off: "+err.Error(), err)
	}
	if response.StatusCode != http.StatusOK {
		response.Body = io.NopCloser(bytes.NewReader(raw))
		return nil, explainMSGraph(explain(op, path, runtime.NewResponseError(response)))
	}
	if !bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) || !json.Valid(raw) {
		return nil, unexpected(op, path, fmt.Sprintf("the answer is no JSON object (%s)", contentType(response)), nil)
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
