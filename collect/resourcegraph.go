package collect

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// everythingElse reads the types that no service lists from Resource Graph, so
// that the estate holds what the tenant holds. Resource Graph may lag and
// leaves properties out: the rows weigh less, and no listing follows from them.
func (r *run) everythingElse(ctx context.Context, s subscription) error {
	scope := azward.ResourceID("/subscriptions/" + s.id)
	known := make([]string, 0, len(services))
	for _, service := range services {
		known = append(known, "'"+strings.ToLower(service.resourceType)+"'")
	}
	query := fmt.Sprintf("resources | where type !in~ (%s) | order by id asc", strings.Join(known, ", "))
	from := estate.Provenance{Source: azward.SourceResourceGraph, APIVersion: "2022-10-01", ReadAt: r.now()}
	err := r.limited(ctx, func() error {
		for rows, err := range r.client.Query(ctx, []azward.SubscriptionID{s.id}, query) {
			if err != nil {
				return err
			}
			for _, row := range rows {
				r.add(asReturned(row), scope, from)
			}
		}
		return nil
	})
	if err != nil {
		return r.missing(scope, "other resource types", "Microsoft.ResourceGraph/resources/read", err)
	}
	return nil
}

// asReturned takes the columns off a row that Resource Graph adds to objects
// that lack them.
func asReturned(row json.RawMessage) json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(row, &fields) != nil {
		return row
	}
	for name, value := range fields {
		switch string(value) {
		case "null", `""`, "{}":
			delete(fields, name)
		}
	}
	for _, column := range []string{"tenantId", "resourceGroup", "subscriptionId"} {
		delete(fields, column)
	}
	raw, err := json.Marshal(fields)
	if err != nil {
		return row
	}
	return raw
}
