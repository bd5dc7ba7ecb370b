package connect

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/azure"
	"github.com/azward/azward/seal"
	"github.com/azward/azward/store"
)

// Open makes the client that reads the connection's tenant. It asks Azure
// nothing yet. The caller closes it.
func Open(connection store.Connection, secret seal.Secret) (*azure.Client, error) {
	cloud, err := CloudOf(connection)
	if err != nil {
		return nil, err
	}
	credential, err := cloud.Credential(azure.SignIn{
		Method: azure.Method(connection.Auth), TenantID: connection.TenantID, ClientID: connection.ClientID,
		Secret: func() (string, error) { return secret.Reveal(), nil }, TokenFile: connection.CredentialFile,
	})
	if err != nil {
		return nil, err
	}
	return azure.NewClient(cloud, credential, azure.Options{})
}

// CloudOf gives the endpoints of the connection's cloud.
func CloudOf(connection store.Connection) (azure.Cloud, error) {
	if connection.CloudConfig != "" {
		return azure.LoadCloudConfig(connection.CloudConfig)
	}
	return azure.Named(connection.Cloud)
}

// PatientOf is the connection as [Diagnose] takes it.
func PatientOf(connection store.Connection) Patient {
	return Patient{TenantID: connection.TenantID, Assignee: connection.ClientID}
}

// Through lets the doctor read by the client.
func Through(client *azure.Client) Azure { return reader{client} }

type reader struct{ client *azure.Client }

// Versions of the lists that the doctor reads.
//
// Source: https://learn.microsoft.com/rest/api/resources/subscriptions/list,
// https://learn.microsoft.com/rest/api/authorization/permissions
const (
	subscriptionsVersion = "2022-12-01"
	permissionsVersion   = "2022-04-01"
)

func (r reader) Subscriptions(ctx context.Context) ([]Subscription, error) {
	return decode(r.client.Pages(ctx, "/subscriptions", subscriptionsVersion), func(raw json.RawMessage) (Subscription, error) {
		var body struct {
			SubscriptionID azward.SubscriptionID `json:"subscriptionId"`
			DisplayName    string                `json:"displayName"`
			State          string                `json:"state"`
		}
		err := json.Unmarshal(raw, &body)
		return Subscription{ID: body.SubscriptionID, Name: body.DisplayName, State: body.State}, err
	})
}

func (r reader) Permissions(ctx context.Context, scope azward.ResourceID) ([]Permission, error) {
	path := string(scope) + "/providers/Microsoft.Authorization/permissions"
	return decode(r.client.Pages(ctx, path, permissionsVersion), func(raw json.RawMessage) (Permission, error) {
		var body Permission // the names are the same, and encoding/json compares without case
		err := json.Unmarshal(raw, &body)
		return body, err
	})
}

func (r reader) Resources(ctx context.Context, subscriptions []azward.SubscriptionID, resourceType string) ([]Resource, error) {
	query := fmt.Sprintf("resources | where type =~ '%s' | project id, mode = tostring(properties.roleAssignmentMode) | order by id asc",
		strings.ReplaceAll(resourceType, "'", "\\'"))
	return decode(r.client.Query(ctx, subscriptions, query), func(raw json.RawMessage) (Resource, error) {
		var body struct{ ID, Mode string }
		if err := json.Unmarshal(raw, &body); err != nil {
			return Resource{}, err
		}
		id, err := azward.ParseResourceID(body.ID)
		return Resource{ID: id, RoleAssignmentMode: body.Mode}, err
	})
}

func (r reader) Directory(ctx context.Context, path string, query ...string) error {
	_, err := r.client.MSGraph(ctx, path, query...)
	return err
}

func (r reader) Grants(ctx context.Context) (azure.MSGraphGrants, error) {
	return r.client.MSGraphGrants(ctx)
}

// decode collects the items of all pages.
func decode[T any](pages iter.Seq2[[]json.RawMessage, error], one func(json.RawMessage) (T, error)) ([]T, error) {
	var items []T
	for page, err := range pages {
		if err != nil {
			return nil, err
		}
		for _, raw := range page {
			item, err := one(raw)
			if err != nil {
				return nil, &azward.Error{
					Kind: azward.KindBadInput, Op: "read Azure's answer", Cause: "an item of the list is not as Azure documents it",
					Remedy: "run again; if it stays, report it", Err: err,
				}
			}
			items = append(items, item)
		}
	}
	return items, nil
}
