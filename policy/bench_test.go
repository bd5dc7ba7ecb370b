package policy_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/policy"
	"github.com/azward/azward/policy/azurepolicy"
)

const benchSubscription = "/subscriptions/11111111-2222-3333-4444-555555555555"

// account is a storage account of some 2 KB, as Resource Manager returns it.
func account(i int) json.RawMessage {
	name := fmt.Sprintf("account%06d", i)
	id := benchSubscription + "/resourceGroups/shop/providers/Microsoft.Storage/storageAccounts/" + name
	endpoints := map[string]string{}
	for _, service := range []string{"blob", "dfs", "file", "queue", "table", "web"} {
		endpoints[service] = "https://" + name + "." + service + ".core.windows.net/"
	}
	return azward.JSONValue(map[string]any{
		"id": id, "name": name, "type": "Microsoft.Storage/storageAccounts", "location": "westeurope", "kind": "StorageV2",
		"sku": map[string]any{"name": "Standard_LRS", "tier": "Standard"}, "tags": map[string]any{"team": "shop", "stage": "production"},
		"properties": map[string]any{
			"provisioningState": "Succeeded", "creationTime": "2024-03-01T08:00:00.1234567Z", "primaryEndpoints": endpoints, "secondaryEndpoints": endpoints,
			"networkAcls": map[string]any{
				"bypass": "AzureServices", "defaultAction": []string{"Allow", "Deny"}[i%2], "virtualNetworkRules": []any{},
				"ipRules": []map[string]any{{"value": "203.0.113.7", "action": "Allow"}, {"value": "198.51.100.0/24", "action": "Allow"}},
			},
			"encryption": map[string]any{"keySource": "Microsoft.Storage", "services": map[string]any{
				"blob": map[string]any{"enabled": true, "keyType": "Account"}, "file": map[string]any{"enabled": true, "keyType": "Account"},
			}},
			"supportsHttpsTrafficOnly": i%3 != 0, "minimumTlsVersion": "TLS1_2", "allowBlobPublicAccess": i%5 == 0, "accessTier": "Hot",
			"primaryLocation": "westeurope", "statusOfPrimary": "available", "privateEndpointConnections": []any{}, "isHnsEnabled": false,
		},
	})
}

func benchEstate(tb testing.TB, n int) *estate.Estate {
	tb.Helper()
	var b estate.Builder
	for i := range n {
		if err := b.AddARM(account(i), estate.Provenance{Source: azward.SourceARM}); err != nil {
			tb.Fatal(err)
		}
	}
	b.AddListing(estate.Listing{Scope: "/", Type: estate.AllTypes, Status: estate.ListingDeclared})
	return b.Build()
}

func parse(tb testing.TB, text string) []*policy.Rule {
	tb.Helper()
	rules, problems := policy.Parse("rules.yaml", []byte(text))
	for _, p := range problems {
		tb.Fatal(p)
	}
	return rules
}

func rule(id, test string) string {
	return "  - {id: " + id + ", title: T, severity: low, types: [Microsoft.Storage/storageAccounts], " + test + "}\n"
}

// BenchmarkRules are all rules of ours on storage accounts.
func BenchmarkRules(b *testing.B) {
	rules, _, err := policy.Rules()
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("resources=%d", n), func(b *testing.B) {
			e := benchEstate(b, n)
			b.ReportAllocs()
			for b.Loop() {
				results := 0
				for r := range policy.NewChecker(e, policy.CaseTime).Check(rules) {
					results++
					if r.State != azurepolicy.Pass {
						results += len(r.Posture().Rule)
					}
				}
				if results == 0 {
					b.Fatal("nothing was evaluated")
				}
			}
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/run")
		})
	}
}
