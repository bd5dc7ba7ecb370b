package collect_test

import (
	"fmt"
	"testing"

	"github.com/azward/azward/azuresim/scenario"
	"github.com/azward/azward/collect"
	"github.com/azward/azward/estate"
)

// tenantOf makes a tenant of some size: a thousand resources in each
// subscription, most of them machines and what belongs to them.
func tenantOf(b *testing.B, subscriptions int) *scenario.Scenario {
	b.Helper()
	s := load(b, "minimal")
	s.ARM, s.Kubernetes, s.Images, s.Clusters = nil, nil, nil, nil
	s.Grants = []scenario.Grant{{App: "reader", Role: "Reader", Scope: "/"}}
	for i := range subscriptions {
		sub := fmt.Sprintf("/subscriptions/72f0c1a0-0000-4000-8000-%012d", i)
		group := sub + "/resourceGroups/rg"
		add := func(n int, resourceType, format string) {
			for j := range n {
				id := fmt.Sprintf("%s/providers/%s/r%d", group, resourceType, j)
				body := fmt.Sprintf(`{"id":%q,"name":"r%d","type":%q,"location":"westeurope","tags":{"env":"prod"},"properties":{"provisioningState":"Succeeded",%s}}`, id, j, resourceType, fmt.Sprintf(format, j))
				s.ARM = append(s.ARM, scenario.Record{ID: id, Body: []byte(body)})
			}
		}
		add(300, "Microsoft.Compute/virtualMachines", `"vmId":"%d","hardwareProfile":{"vmSize":"Standard_D2s_v5"},"instanceView":{"statuses":[{"code":"PowerState/running"}]}`)
		add(300, "Microsoft.Network/networkInterfaces", `"ipConfigurations":[{"name":"primary","properties":{"privateIPAddress":"10.0.0.%d","subnet":{"id":"x"}}}]`)
		add(100, "Microsoft.Network/networkSecurityGroups", `"securityRules":[{"name":"r","properties":{"priority":%d,"direction":"Inbound","access":"Allow","protocol":"Tcp","sourceAddressPrefix":"Internet","sourcePortRange":"*","destinationAddressPrefix":"*","destinationPortRange":"443"}}]`)
		add(100, "Microsoft.Network/publicIPAddresses", `"ipAddress":"20.0.0.%d"`)
		add(40, "Microsoft.Network/virtualNetworks", `"addressSpace":{"addressPrefixes":["10.%d.0.0/16"]},"subnets":[]`)
		add(60, "Microsoft.Network/loadBalancers", `"frontendIPConfigurations":[],"n":%d`)
		add(80, "Microsoft.Storage/storageAccounts", `"publicNetworkAccess":"Enabled","n":%d`)
		add(10, "Microsoft.Web/sites", `"state":"Running","sku":"PremiumV3","siteConfig":{"linuxFxVersion":"NODE|20"},"n":%d`)
		add(10, "Microsoft.KeyVault/vaults", `"enableSoftDelete":true,"n":%d`)
	}
	return s
}

// What a tenant costs in requests and time, by interface. The simulator
// answers from memory on the same machine: the time is that of the client, the
// requests are those that Azure would see, at a thousand items a page.
func BenchmarkCollect(b *testing.B) {
	for _, size := range []int{1, 10} {
		for _, prefer := range []collect.Prefer{collect.PreferTruth, collect.PreferResourceGraph, collect.PreferARM} {
			name := string(prefer)
			if prefer == collect.PreferTruth {
				name = "truth"
			}
			b.Run(fmt.Sprintf("resources=%d000/subscriptions=%d/prefer=%s", size, size, name), func(b *testing.B) {
				client, _ := start(b, tenantOf(b, size), "reader")
				var requests, resources, runs int64
				for b.Loop() {
					var builder estate.Builder
					summary, err := collect.Collect(b.Context(), client, &builder, collect.Options{Prefer: prefer})
					if err != nil {
						b.Fatal(err)
					}
					builder.Build()
					requests, resources, runs = requests+summary.Requests, int64(summary.Resources), runs+1
				}
				b.ReportMetric(float64(requests)/float64(runs), "requests/run")
				b.ReportMetric(float64(resources)*float64(runs)/b.Elapsed().Seconds(), "resources/s")
			})
		}
	}
}
