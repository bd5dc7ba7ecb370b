package aurora

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/azward/azward"
	"github.com/azward/azward/azure"
	"github.com/azward/azward/connect"
	"github.com/azward/azward/seal"
	"github.com/azward/azward/store"
)

// Dial opens a connection with the Azure SDK, for reading alone.
func Dial(connection store.Connection, secret seal.Secret) (Azure, error) {
	client, err := connect.Open(connection, secret)
	if err != nil {
		return nil, err
	}
	return dialled{client}, nil
}

type dialled struct{ client *azure.Client }

func (d dialled) Close() { d.client.Close() }

func (d dialled) Token(ctx context.Context) error {
	_, err := d.client.Token(ctx, d.client.Cloud.ARMScope())
	return err
}

func (d dialled) Subscriptions(ctx context.Context) ([]connect.Subscription, error) {
	return connect.Through(d.client).Subscriptions(ctx)
}

// clustersVersion is the API version of managed clusters.
//
// Source: https://learn.microsoft.com/rest/api/aks/managed-clusters/list
const clustersVersion = "2024-09-01"

func (d dialled) Clusters(ctx context.Context, subscription azward.SubscriptionID) ([]azward.ResourceID, error) {
	path := "/subscriptions/" + string(subscription) + "/providers/Microsoft.ContainerService/managedClusters"
	var all []azward.ResourceID
	for page, err := range d.client.Pages(ctx, path, clustersVersion) {
		if err != nil {
			return nil, err
		}
		for _, raw := range page {
			var item struct {
				ID string `json:"id"`
			}
			if err := json.Unmarshal(raw, &item); err != nil {
				return nil, fmt.Errorf("read cluster of %s: %w", subscription, err)
			}
			id, err := azward.ParseResourceID(item.ID)
			if err != nil {
				return nil, err
			}
			all = append(all, id)
		}
	}
	return all, nil
}
