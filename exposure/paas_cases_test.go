package exposure

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
	"github.com/azward/azward/internal/testdata"
)

const caseGroup = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/"

type platformCase struct {
	ID      string         `json:"id"`
	Env     map[string]any `json:"env"`
	Queries []struct {
		Src, Via, Target, Subnet, Expect, Rule string
	} `json:"queries"`
}

// platformCases reads the cases of one kind, each with an estate whose
// listings are complete.
func platformCases(t *testing.T, kind string, bodies func(platformCase) []map[string]any, ask func(*testing.T, *estate.Estate, string) Exposure) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(testdata.Shared(t, "data-network/azure/"+kind), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var right, unknown, wrong int
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var c platformCase
		if err := json.Unmarshal(raw, &c); err != nil {
			t.Fatal(err)
		}
		e := completeEstate(t, bodies(c)...)
		for _, q := range c.Queries {
			src := netip.MustParseAddr(q.Src)
			if q.Via == "vnet" || !publicAddrs.Contains(src) {
				got := fromNetwork(t, bodies(c), q.Src, q.Subnet)
				switch want := map[string]azward.Answer{"allowed": azward.Yes, "denied": azward.No}[q.Expect]; got.Answer {
				case want:
					right++
				case azward.Unknown:
					unknown++
					t.Logf("%s from %s: unknown: %s", c.ID, q.Src, got.Summary)
				default:
					wrong++
					t.Errorf("%s from %s: got %s, want %s: %s", c.ID, q.Src, got.Answer, want, got.Summary)
				}
				continue
			}
			x := ask(t, e, q.Target)
			got := x.Answer
			if got == azward.Yes && !admits(t, x, src) {
				got = azward.No
			}
			switch {
			case got == azward.Unknown:
				unknown++
				t.Logf("%s from %s: unknown: %s", c.ID, q.Src, x.Summary)
			case (got == azward.Yes) == (q.Expect == "allowed"):
				right++
			default:
				wrong++
				t.Errorf("%s from %s: got %s, want %s: %s", c.ID, q.Src, got, q.Expect, x.Summary)
			}
			if x.Answer != azward.Unknown && len(x.Evidence) == 0 {
				t.Errorf("%s: no evidence", c.ID)
			}
		}
	}
	t.Logf("azure/%s: %d right, %d unknown, %d wrong", kind, right, unknown, wrong)
	if right == 0 {
		t.Error("no case is right")
	}
}

// fromNetwork asks from a machine in the network of a case: the cases tell its
// address, and the subnet where that matters. The service is the last body.
func fromNetwork(t *testing.T, bodies []map[string]any, src, subnet string) Result {
	t.Helper()
	const network = caseGroup + "Microsoft.Network/virtualNetworks/v"
	if subnet == "" {
		subnet = "subnet-1"
	}
	subnets := []any{}
	for name, prefix := range map[string]string{"subnet-private": "10.0.2.0/24", "subnet-1": "10.0.0.0/24", "inner": "10.0.9.0/24"} {
		endpoints := []any{}
		if name == "subnet-private" {
			endpoints = append(endpoints, map[string]any{"service": "Microsoft.Storage"})
		}
		subnets = append(subnets, map[string]any{"id": network + "/subnets/" + name, "name": name, "properties": map[string]any{"addressPrefix": prefix, "serviceEndpoints": endpoints}})
	}
	nic := object("Microsoft.Network/networkInterfaces", "nic", map[string]any{"ipConfigurations": []any{map[string]any{
		"id": caseGroup + "Microsoft.Network/networkInterfaces/nic/ipConfigurations/ip", "name": "ip",
		"properties": map[string]any{"privateIPAddress": src, "subnet": map[string]any{"id": network + "/subnets/" + subnet}},
	}}})
	bodies = append(bodies, nic, object("Microsoft.Network/virtualNetworks", "v", map[string]any{"addressSpace": map[string]any{"addressPrefixes": []string{"10.0.0.0/16"}}, "subnets": subnets}))
	to := ""
	for _, b := range bodies {
		switch b["type"] {
		case "Microsoft.Web/sites", "Microsoft.App/containerApps", "Microsoft.Storage/storageAccounts":
			to, _ = b["id"].(string)
		}
	}
	r, err := Check(completeEstate(t, bodies...), Question{From: caseGroup + "Microsoft.Network/networkInterfaces/nic", To: to, Protocol: "tcp", Port: 443})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func admits(t *testing.T, x Exposure, src netip.Addr) bool {
	t.Helper()
	for _, f := range x.Flows {
		for _, s := range f.Sources {
			p, _, err := netset.ParsePrefix(s)
			if err != nil {
				t.Fatal(err)
			}
			if p.Contains(src) {
				return true
			}
		}
	}
	return false
}

func completeEstate(t testing.TB, bodies ...map[string]any) *estate.Estate {
	t.Helper()
	var b estate.Builder
	for _, body := range bodies {
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.AddARM(raw, estate.Provenance{Source: azward.SourceARM, APIVersion: "2025-01-01"}); err != nil {
			t.Fatal(err)
		}
	}
	b.AddListing(estate.Listing{Scope: "/", Type: estate.AllTypes, Status: estate.ListingDeclared})
	return b.Build()
}

func object(resourceType, name string, properties map[string]any) map[string]any {
	return map[string]any{"id": caseGroup + resourceType + "/" + name, "type": resourceType, "name": name, "properties": properties}
}

func TestSharedAppService(t *testing.T) {
	platformCases(t, "appservice-access", siteBodies, func(t *testing.T, e *estate.Estate, scmOrMain string) Exposure {
		r, ok := e.Resource(caseGroup + "Microsoft.Web/sites/s")
		if !ok {
			t.Fatal("no site")
		}
		if scmOrMain == "scm" {
			return SCMSite(e, r)
		}
		return Reach(e, estate.Workload{Workload: azward.Workload{ID: r.ID, Kind: azward.AppService}, Resource: r})
	})
}

// siteBodies spreads a case over the records that Azure keeps: what the case
// leaves out was never set, which Azure returns as null.
func siteBodies(c platformCase) []map[string]any {
	site, _ := c.Env["site"].(map[string]any)
	properties := map[string]any{
		"publicNetworkAccess": site["publicNetworkAccess"], "hostingEnvironmentProfile": nil,
		"privateEndpointConnections": site["privateEndpointConnections"],
	}
	config := map[string]any{"ipSecurityRestrictionsDefaultAction": nil, "scmIpSecurityRestrictionsDefaultAction": nil, "scmIpSecurityRestrictionsUseMain": false}
	for k, v := range site {
		if strings.Contains(strings.ToLower(k), "ipsecurity") {
			config[k] = v
		}
	}
	bodies := []map[string]any{}
	if he, ok := site["hostingEnvironment"]; ok {
		environment, _ := he.(map[string]any)
		environment["virtualNetwork"] = map[string]any{"id": caseGroup + "Microsoft.Network/virtualNetworks/v/subnets/inner"}
		properties["hostingEnvironmentProfile"] = map[string]any{"id": caseGroup + "Microsoft.Web/hostingEnvironments/ase"}
		bodies = append(bodies, object("Microsoft.Web/hostingEnvironments", "ase", environment))
	}
	record := object("Microsoft.Web/sites", "s/config/web", config)
	record["type"] = "Microsoft.Web/sites/config"
	return append(bodies, object("Microsoft.Web/sites", "s", properties), record)
}

func TestSharedContainerApps(t *testing.T) {
	platformCases(t, "containerapp-access", func(c platformCase) []map[string]any {
		if network, ok := c.Env["environment"].(map[string]any); ok && network["internal"] == true {
			network["infrastructureSubnetId"] = caseGroup + "Microsoft.Network/virtualNetworks/v/subnets/inner"
		}
		env := object("Microsoft.App/managedEnvironments", "env", map[string]any{"vnetConfiguration": c.Env["environment"]})
		app := object("Microsoft.App/containerApps", "a", map[string]any{
			"managedEnvironmentId": env["id"], "configuration": map[string]any{"ingress": c.Env["ingress"]},
		})
		return []map[string]any{env, app}
	}, func(_ *testing.T, e *estate.Estate, _ string) Exposure {
		r, _ := e.Resource(caseGroup + "Microsoft.App/containerApps/a")
		return Reach(e, estate.Workload{Workload: azward.Workload{ID: r.ID, Kind: azward.ContainerApp}, Resource: r})
	})
}

func TestSharedPaasFirewall(t *testing.T) {
	platformCases(t, "paas-firewall", func(c platformCase) []map[string]any {
		account, _ := c.Env["storageAccount"].(map[string]any)
		acls, _ := account["networkAcls"].(map[string]any)
		rules := []map[string]any{}
		list, _ := acls["ipRules"].([]any)
		for _, s := range list {
			rules = append(rules, map[string]any{"value": s, "action": "Allow"})
		}
		acls["ipRules"] = rules
		subnets := []map[string]any{}
		names, _ := acls["virtualNetworkRules"].([]any)
		for _, s := range names {
			if name, ok := s.(string); ok {
				subnets = append(subnets, map[string]any{"id": caseGroup + "Microsoft.Network/virtualNetworks/v/subnets/" + name, "action": "Allow"})
			}
		}
		if len(subnets) > 0 {
			acls["virtualNetworkRules"] = subnets
		}
		return []map[string]any{object("Microsoft.Storage/storageAccounts", "a", account)}
	}, func(_ *testing.T, e *estate.Estate, _ string) Exposure {
		r, _ := e.Resource(caseGroup + "Microsoft.Storage/storageAccounts/a")
		return PublicEndpoint(e, r)
	})
}

func TestSharedAPIServer(t *testing.T) {
	platformCases(t, "aks-apiserver", func(c platformCase) []map[string]any {
		return []map[string]any{object("Microsoft.ContainerService/managedClusters", "a", c.Env)}
	}, func(_ *testing.T, e *estate.Estate, _ string) Exposure {
		r, _ := e.Resource(caseGroup + "Microsoft.ContainerService/managedClusters/a")
		return PublicEndpoint(e, r)
	})
}

func TestServiceTagAllow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rule map[string]any
		want azward.Answer
		from Class
	}{
		"front_door_tag_alone": {map[string]any{"ipAddress": "AzureFrontDoor.Backend", "tag": "ServiceTag", "action": "Allow", "priority": 100}, azward.Yes, FrontServiceShared},
		"front_door_tag_and_fdid": {map[string]any{
			"ipAddress": "AzureFrontDoor.Backend", "tag": "ServiceTag", "action": "Allow", "priority": 100,
			"headers": map[string]any{"x-azure-fdid": []string{"55ce4ed1-4b06-4bf1-b40e-4638452104da"}},
		}, azward.Unknown, ""},
		"unknown_tag":  {map[string]any{"ipAddress": "Contoso", "tag": "ServiceTag", "action": "Allow", "priority": 100}, azward.Unknown, ""},
		"subnet_alone": {map[string]any{"vnetSubnetResourceId": caseGroup + "Microsoft.Network/virtualNetworks/v/subnets/s", "action": "Allow", "priority": 100}, azward.No, None},
		"host_bits":    {map[string]any{"ipAddress": "198.51.100.7/24", "action": "Allow", "priority": 100}, azward.Unknown, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := completeEstate(t, siteBodies(platformCase{Env: map[string]any{"site": map[string]any{
				"publicNetworkAccess": "Enabled", "ipSecurityRestrictions": []any{c.rule},
			}}})...)
			r, _ := e.Resource(caseGroup + "Microsoft.Web/sites/s")
			x := Reach(e, estate.Workload{Workload: azward.Workload{ID: r.ID, Kind: azward.AppService}, Resource: r})
			if x.Answer != c.want || x.Class != c.from {
				t.Errorf("got %s from %q, want %s from %q: %s", x.Answer, x.Class, c.want, c.from, x.Summary)
			}
			if x.Answer == azward.Unknown && len(x.Gaps) == 0 {
				t.Error("unknown without a gap")
			}
		})
	}
}

// TestSiteListIsNotEnough: a list of sites leaves the restrictions out, which
// must not read as "there are none".
func TestSiteListIsNotEnough(t *testing.T) {
	t.Parallel()
	e := completeEstate(t, object("Microsoft.Web/sites", "s", map[string]any{
		"publicNetworkAccess": "Enabled", "hostingEnvironmentProfile": nil,
		"siteConfig": map[string]any{"ipSecurityRestrictions": nil},
	}))
	r, _ := e.Resource(caseGroup + "Microsoft.Web/sites/s")
	x := Reach(e, estate.Workload{Workload: azward.Workload{ID: r.ID, Kind: azward.AppService}, Resource: r})
	if x.Answer != azward.Unknown || len(x.Gaps) == 0 || !strings.Contains(fmt.Sprint(x.Gaps), "config/read") {
		t.Errorf("got %s with gaps %v", x.Answer, x.Gaps)
	}
}
