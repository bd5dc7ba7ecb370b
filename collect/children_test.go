package collect_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/azuresim/scenario"
	"github.com/azward/azward/collect"
	"github.com/azward/azward/estate"
)

const webGroup = string(production) + "/resourceGroups/web/providers/"

// family is a resource of every kind that has children, with its children.
var family = []struct{ id, body string }{
	{"Microsoft.Compute/virtualMachineScaleSets/uniform", `"sku":{"capacity":1},"properties":{"orchestrationMode":"Uniform"}`},
	{"Microsoft.Compute/virtualMachineScaleSets/uniform/virtualMachines/0", `"properties":{"instanceView":{"statuses":[{"code":"PowerState/running"}]}}`},
	{"Microsoft.Compute/virtualMachineScaleSets/uniform/virtualMachines/0/networkInterfaces/nic", `"properties":{}`},
	{"Microsoft.Compute/virtualMachineScaleSets/uniform/virtualMachines/0/networkInterfaces/nic/ipConfigurations/c/publicIPAddresses/pip", `"properties":{"ipAddress":"20.1.1.1"}`},
	{"Microsoft.Web/sites/shop", `"kind":"app,linux","location":"westeurope","properties":{"state":"Running","sku":"PremiumV3"}`},
	{"Microsoft.Web/sites/shop/config/web", `"properties":{"ipSecurityRestrictions":[]}`},
	{"Microsoft.Web/sites/shop/slots/staging", `"kind":"app,linux","location":"westeurope","properties":{"state":"Running"}`},
	{"Microsoft.Web/sites/shop/slots/staging/config/web", `"properties":{"ipSecurityRestrictions":[]}`},
	{"Microsoft.Sql/servers/sql", `"location":"westeurope","properties":{}`},
	{"Microsoft.Sql/servers/sql/firewallRules/AllowAllWindowsAzureIps", `"properties":{"startIpAddress":"0.0.0.0","endIpAddress":"0.0.0.0"}`},
	{"Microsoft.Cdn/profiles/afd", `"sku":{"name":"Premium_AzureFrontDoor"},"properties":{}`},
	{"Microsoft.Cdn/profiles/afd/originGroups/g", `"properties":{}`},
	{"Microsoft.Cdn/profiles/afd/originGroups/g/origins/o", `"properties":{"hostName":"shop.azurewebsites.net"}`},
	{"Microsoft.Network/firewallPolicies/p", `"properties":{}`},
	{"Microsoft.Network/firewallPolicies/p/ruleCollectionGroups/r", `"properties":{"priority":100}`},
	{"Microsoft.Network/networkSecurityPerimeters/nsp", `"location":"westeurope","properties":{}`},
	{"Microsoft.Network/networkSecurityPerimeters/nsp/profiles/data", `"properties":{"accessRulesVersion":"1"}`},
	{"Microsoft.Network/networkSecurityPerimeters/nsp/profiles/data/accessRules/office", `"properties":{"direction":"Inbound","addressPrefixes":["203.0.113.0/24"]}`},
	{"Microsoft.Network/networkSecurityPerimeters/nsp/resourceAssociations/sql", `"properties":{"accessMode":"Enforced"}`},
	{"Microsoft.ManagedIdentity/userAssignedIdentities/i", `"properties":{}`},
	{"Microsoft.ManagedIdentity/userAssignedIdentities/i/federatedIdentityCredentials/f", `"properties":{"issuer":"https://x","subject":"s"}`},
	{"Microsoft.App/containerApps/many", `"properties":{"runningStatus":"Running","configuration":{"activeRevisionsMode":"Multiple"}}`},
	{"Microsoft.App/containerApps/many/revisions/r1", `"properties":{"active":true}`},
	{"Microsoft.App/containerApps/one", `"properties":{"runningStatus":"Running","configuration":{"activeRevisionsMode":"Single"}}`},
	{"Microsoft.ContainerInstance/containerGroups/g", `"location":"westeurope","properties":{"instanceView":{"state":"Running"}}`},
}

func withFamily(s *scenario.Scenario) {
	for _, f := range family {
		id := webGroup + f.id
		s.ARM = append(s.ARM, scenario.Record{ID: id, Body: []byte(fmt.Sprintf(`{"id":%q,"name":%q,"type":%q,%s}`,
			id, azward.ResourceID(id).Name(), azward.ResourceID(id).Type(), f.body))})
	}
}

// What lists leave out is read from the parents, from whichever interface the
// parents came.
func TestChildrenAreRead(t *testing.T) {
	t.Parallel()
	for _, prefer := range []collect.Prefer{collect.PreferTruth, collect.PreferResourceGraph, collect.PreferARM} {
		t.Run("prefer_"+string(prefer), func(t *testing.T) {
			t.Parallel()
			s := load(t, "minimal")
			everything(s, "reader")
			withFamily(s)
			client, _ := start(t, s, "reader")
			e, _ := read(t, client, collect.Options{Prefer: prefer})
			for _, f := range family {
				if _, ok := e.Resource(azward.ResourceID(webGroup + f.id)); !ok {
					t.Errorf("%s was not read", f.id)
				}
			}
			for _, childType := range []string{
				"Microsoft.Compute/virtualMachineScaleSets/virtualMachines", "Microsoft.Web/sites/slots", "Microsoft.Sql/servers/firewallRules",
				"Microsoft.Cdn/profiles/originGroups/origins", "Microsoft.Network/firewallPolicies/ruleCollectionGroups",
				"Microsoft.Network/networkSecurityPerimeters/resourceAssociations", "Microsoft.Network/networkSecurityPerimeters/profiles/accessRules",
			} {
				if got := status(e, production, childType); got != estate.ListingComplete {
					t.Errorf("%s is %q", childType, got)
				}
			}
			// The app with a single revision was not asked for its revisions.
			if status(e, production, "Microsoft.App/containerApps/revisions") != "" ||
				status(e, azward.ResourceID(webGroup+"Microsoft.App/containerApps/many"), "Microsoft.App/containerApps/revisions") != estate.ListingComplete {
				t.Error("revisions are listed where nobody asked, or not where somebody did")
			}
			scaleSets := slices.DeleteFunc(slices.Clone(e.Workloads()), func(w estate.Workload) bool { return w.Kind != azward.VirtualMachineScaleSet })
			if len(scaleSets) != 1 || scaleSets[0].Running != azward.Yes {
				t.Errorf("scale sets %+v", scaleSets)
			}
		})
	}
}

func TestChildrenThatAreRefused(t *testing.T) {
	t.Parallel()
	s := load(t, "minimal")
	withFamily(s)
	without(t, s, "reader", production, "Microsoft.Sql/servers/firewallRules/read", "Microsoft.Web/sites/config/read")
	client, _ := start(t, s, "reader")
	e, _ := read(t, client, collect.Options{})
	server := azward.ResourceID(webGroup + "Microsoft.Sql/servers/sql")
	if _, missing := e.Absence(server, "Microsoft.Sql/servers/firewallRules"); len(missing) == 0 {
		t.Error("firewall rules that could not be read are proved absent")
	}
	for reads, needs := range map[string]string{
		"Microsoft.Sql/servers/firewallRules": "Microsoft.Sql/servers/firewallRules/read",
		"Microsoft.Web/sites/config":          "Microsoft.Web/sites/config/read",
	} {
		found := 0
		for _, g := range e.Gaps() {
			if g.Reads == reads && g.Needs == needs && g.Kind == azward.GapDenied && strings.Contains(g.Remedy, "az role assignment create") {
				found++
			}
		}
		if found == 0 {
			t.Errorf("no gap for %s: %+v", reads, e.Gaps())
		}
	}
}
