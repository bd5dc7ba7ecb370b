package workspace_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/workspace"
)

const mapGroup = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/"

func TestMapOfANetwork(t *testing.T) {
	t.Parallel()
	w, kept := open(t)
	connected(t, kept, "prod")
	network := mapGroup + "Microsoft.Network/virtualNetworks/vnet"
	card := mapGroup + "Microsoft.Network/networkInterfaces/nic"
	machine := mapGroup + "Microsoft.Compute/virtualMachines/vm"
	scanned(
		t, kept, "s1", "prod", day,
		`{"id":"`+network+`","name":"vnet","type":"Microsoft.Network/virtualNetworks","properties":{"subnets":[{"id":"`+network+`/subnets/web","name":"web","properties":{"addressPrefix":"10.0.1.0/24"}},{"id":"`+network+`/subnets/empty","name":"empty","properties":{"addressPrefixes":["10.0.2.0/24","fd00::/64"]}}],"virtualNetworkPeerings":[{"name":"p","properties":{"peeringState":"Connected","remoteVirtualNetwork":{"id":"`+network+`-hub"}}}]}}`,
		`{"id":"`+card+`","name":"nic","type":"Microsoft.Network/networkInterfaces","properties":{"virtualMachine":{"id":"`+machine+`"},"ipConfigurations":[{"name":"c","properties":{"subnet":{"id":"`+network+`/subnets/web"}}}]}}`,
		`{"id":"`+machine+`","name":"vm","type":"Microsoft.Compute/virtualMachines","properties":{"networkProfile":{"networkInterfaces":[{"id":"`+card+`"}]}}}`,
		`{"id":"`+mapGroup+`Microsoft.Network/routeTables/rt","name":"rt","type":"Microsoft.Network/routeTables","properties":{"subnets":[{"id":"`+network+`/subnets/web"}]}}`,
	)
	got, err := w.Map(t.Context(), azward.ResourceID(network))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Groups) != 2 || len(got.Groups[0].Nodes) != 1 {
		t.Fatalf("the machine is not alone in its subnet: %+v", got.Groups)
	}
	node := got.Groups[0].Nodes[0]
	if !node.Judged || node.Name != "vm" || node.Kind != "virtualMachines" || node.Exposed == azward.Yes || node.Summary == "" {
		t.Errorf("the machine is %+v", node)
	}
	notes := []string{got.Groups[0].Note, got.Groups[1].Note}
	if diff := cmp.Diff([]string{"10.0.1.0/24", "10.0.2.0/24, fd00::/64"}, notes); diff != "" {
		t.Errorf("address ranges (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]workspace.MapPeer{{ID: azward.ResourceID(network + "-hub"), Name: "vnet-hub", State: "Connected"}}, got.Peers); diff != "" {
		t.Errorf("peers (-want +got):\n%s", diff)
	}
	if _, err := w.Map(t.Context(), azward.ResourceID(machine)); azward.KindOf(err) != azward.KindNotFound {
		t.Errorf("a machine has a map: %v", err)
	}
}
