package exposure_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure"
)

// machines is an estate of n machines in subnets of 200, each with a security
// group of 20 rules on its subnet; every tenth has a public address.
func machines(tb testing.TB, n int) *estate.Estate { return fronted(tb, n, 0, 0) }

// fronted is the same with application gateways in the first networks, each with
// a rule for each of ten machines there, and with Front Doors, each with origins
// at ten public addresses and one that has another name.
func fronted(tb testing.TB, n, gateways, doors int) *estate.Estate {
	tb.Helper()
	const scope = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/"
	var b estate.Builder
	add := func(id string, fields map[string]any) {
		fields["id"] = scope + id
		body, err := json.Marshal(fields)
		if err != nil {
			tb.Fatal(err)
		}
		if err := b.AddARM(body, estate.Provenance{Source: azward.SourceARM}); err != nil {
			tb.Fatal(err)
		}
	}
	ref := func(id string) map[string]any { return map[string]any{"id": scope + id} }
	for v := range (n + 199) / 200 {
		vnet, group := fmt.Sprintf("Microsoft.Network/virtualNetworks/vnet%d", v), fmt.Sprintf("Microsoft.Network/networkSecurityGroups/nsg%d", v)
		var rules []map[string]any
		for i := range 20 {
			rules = append(rules, map[string]any{"name": fmt.Sprint("rule", i), "properties": map[string]any{
				"priority": 100 + i, "direction": "Inbound", "access": []string{"Allow", "Deny"}[i%2], "protocol": "Tcp",
				"sourceAddressPrefixes": []string{fmt.Sprintf("20.%d.0.0/16", i), fmt.Sprintf("51.%d.4.0/24", i)}, "sourcePortRange": "*",
				"destinationAddressPrefix": "*", "destinationPortRanges": []string{fmt.Sprint(1000 + i), "443"},
			}})
		}
		add(group, map[string]any{"properties": map[string]any{"securityRules": rules}})
		add(vnet, map[string]any{"properties": map[string]any{
			"addressSpace": map[string]any{"addressPrefixes": []string{fmt.Sprintf("10.%d.0.0/16", v%256)}},
			"subnets":      []any{map[string]any{"id": scope + vnet + "/subnets/s", "name": "s", "properties": map[string]any{"addressPrefix": fmt.Sprintf("10.%d.0.0/20", v%256), "networkSecurityGroup": ref(group)}}},
		}})
		if v < gateways {
			agw, front := fmt.Sprintf("Microsoft.Network/applicationGateways/agw%d", v), fmt.Sprintf("Microsoft.Network/publicIPAddresses/agw%d", v)
			add(front, map[string]any{"sku": map[string]any{"name": "Standard"}, "properties": map[string]any{"ipAddress": fmt.Sprintf("20.99.0.%d", v)}})
			part := func(kind string, i int) map[string]any { return ref(fmt.Sprint(agw, "/", kind, "/p", i)) }
			named := func(kind string, i int, properties map[string]any) map[string]any {
				return map[string]any{"id": part(kind, i)["id"], "name": fmt.Sprint("p", i), "properties": properties}
			}
			var pools, ports, settings, listeners, rules []any
			for i := range 10 {
				pools = append(pools, named("backendAddressPools", i, map[string]any{"backendAddresses": []any{map[string]any{"ipAddress": fmt.Sprintf("10.%d.1.%d", v%256, i+4)}}}))
				ports = append(ports, named("frontendPorts", i, map[string]any{"port": 443 + i}))
				settings = append(settings, named("backendHttpSettingsCollection", i, map[string]any{"port": 1000 + i, "protocol": "Http"}))
				listeners = append(listeners, named("httpListeners", i, map[string]any{"frontendIPConfiguration": part("frontendIPConfigurations", 0), "frontendPort": part("frontendPorts", i), "protocol": "Https"}))
				rules = append(rules, named("requestRoutingRules", i, map[string]any{"ruleType": "Basic", "httpListener": part("httpListeners", i), "backendAddressPool": part("backendAddressPools", i), "backendHttpSettings": part("backendHttpSettingsCollection", i)}))
			}
			add(agw, map[string]any{"properties": map[string]any{
				"gatewayIPConfigurations":  []any{map[string]any{"name": "ip", "properties": map[string]any{"subnet": ref(vnet + "/subnets/s")}}},
				"frontendIPConfigurations": []any{named("frontendIPConfigurations", 0, map[string]any{"publicIPAddress": ref(front)})},
				"frontendPorts":            ports, "httpListeners": listeners, "backendAddressPools": pools, "backendHttpSettingsCollection": settings,
				"requestRoutingRules": rules, "urlPathMaps": []any{}, "redirectConfigurations": []any{},
			}})
		}
		if v < doors {
			profile := fmt.Sprintf("Microsoft.Cdn/profiles/afd%d", v)
			add(profile, map[string]any{"sku": map[string]any{"name": "Premium_AzureFrontDoor"}, "properties": map[string]any{"frontDoorId": fmt.Sprint("5b1c0000-0000-0000-0000-00000000000", v)}})
			add(profile+"/afdEndpoints/ep", map[string]any{"properties": map[string]any{"hostName": fmt.Sprintf("ep%d.z01.azurefd.net", v), "enabledState": "Enabled"}})
			add(profile+"/originGroups/g", map[string]any{"properties": map[string]any{}})
			add(profile+"/afdEndpoints/ep/routes/all", map[string]any{"properties": map[string]any{
				"enabledState": "Enabled", "originGroup": ref(profile + "/originGroups/g"), "patternsToMatch": []string{"/*"}, "supportedProtocols": []string{"Https"},
				"forwardingProtocol": "HttpsOnly", "linkToDefaultDomain": "Enabled", "ruleSets": []any{}, "customDomains": []any{},
			}})
			for i := range 11 {
				host := fmt.Sprintf("20.%d.%d.%d", 100+v/256, v%256, i*10)
				if i == 10 {
					host = "shop.contoso.com"
				}
				add(fmt.Sprint(profile, "/originGroups/g/origins/o", i), map[string]any{"properties": map[string]any{"hostName": host, "httpPort": 80, "httpsPort": 443, "enabledState": "Enabled"}})
			}
		}
		for i := range min(200, n-v*200) {
			name := fmt.Sprintf("vm%d", v*200+i)
			nic := "Microsoft.Network/networkInterfaces/" + name
			ip := map[string]any{"privateIPAddress": fmt.Sprintf("10.%d.1.%d", v%256, i+4), "subnet": ref(vnet + "/subnets/s")}
			if i%10 == 0 {
				pip := "Microsoft.Network/publicIPAddresses/" + name
				add(pip, map[string]any{"sku": map[string]any{"name": "Standard"}, "properties": map[string]any{"ipAddress": fmt.Sprintf("20.%d.%d.%d", 100+v/256, v%256, i)}})
				ip["publicIPAddress"] = ref(pip)
			}
			add(nic, map[string]any{"properties": map[string]any{"ipConfigurations": []any{map[string]any{"id": scope + nic + "/ipConfigurations/ip", "name": "ip", "properties": ip}}}})
			add("Microsoft.Compute/virtualMachines/"+name, map[string]any{"properties": map[string]any{
				"networkProfile": map[string]any{"networkInterfaces": []any{ref(nic)}},
				"instanceView":   map[string]any{"statuses": []any{map[string]any{"code": "PowerState/running"}}},
			}})
		}
	}
	b.AddListing(estate.Listing{Scope: "/", Type: estate.AllTypes, Status: estate.ListingComplete})
	return b.Build()
}

func BenchmarkReach(b *testing.B) {
	for _, n := range []int{1000, 10000, 100000} {
		b.Run(fmt.Sprintf("vms=%d", n), func(b *testing.B) {
			e := machines(b, n)
			exposure.All(e) // indexes are built once an estate
			before := heap()
			held := exposure.All(e)
			size := float64(heap()-before) / float64(n)
			runtime.KeepAlive(held)
			for b.Loop() {
				if all := exposure.All(e); len(all) != n {
					b.Fatalf("%d answers", len(all))
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "workloads/s")
			b.ReportMetric(size, "B/vm")
		})
	}
}

// BenchmarkReachFronts asks for machines of an estate with front services: what
// those are is read once, not again for each interface.
func BenchmarkReachFronts(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		for _, fronts := range [][2]int{{0, 0}, {20, 5}} {
			b.Run(fmt.Sprintf("vms=%d/gateways=%d/frontdoors=%d", n, fronts[0], fronts[1]), func(b *testing.B) {
				e := fronted(b, n, fronts[0], fronts[1])
				exposure.All(e)
				for b.Loop() {
					if all := exposure.All(e); len(all) != n {
						b.Fatalf("%d answers", len(all))
					}
				}
				b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "workloads/s")
			})
		}
	}
}

// heap is what is held now, in bytes.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkCheck asks 30,000 flows of one estate: from the internet, and from
// machine to machine within a network.
func BenchmarkCheck(b *testing.B) {
	const vms, questions = 1000, 30000
	b.Run(fmt.Sprintf("vms=%d/questions=%d", vms, questions), func(b *testing.B) {
		e := machines(b, vms)
		const scope = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network/networkInterfaces/vm"
		for b.Loop() {
			for i := range questions {
				q := exposure.Question{From: fmt.Sprintf("20.%d.0.%d", i%30, i%250), To: scope + fmt.Sprint(i%vms), Protocol: "tcp", Port: 1000 + i%25, FiltersOnly: "inbound"}
				if i%2 == 0 {
					q.From, q.FiltersOnly = scope+fmt.Sprint((i+1)%200+i%vms/200*200), ""
				}
				if _, err := exposure.Check(e, q); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(float64(questions)*float64(b.N)/b.Elapsed().Seconds(), "questions/s")
	})
}
