package collect

import (
	"encoding/json"
	"strings"
)

const computeVersion = "2024-07-01"

// Sources:
// https://learn.microsoft.com/rest/api/compute/virtual-machines/list-all
// https://learn.microsoft.com/rest/api/compute/virtual-machine-scale-sets/list-all
// https://learn.microsoft.com/rest/api/compute/disks/list
// https://learn.microsoft.com/rest/api/compute/disk-encryption-sets/list
// https://learn.microsoft.com/azure/governance/resource-graph/reference/supported-tables-resources (guestconfigurationresources)
// https://learn.microsoft.com/rest/api/virtualnetwork/network-interfaces/list-virtual-machine-scale-set-network-interfaces
var compute = service{name: "compute", kinds: []kind{
	{
		resourceType: "Microsoft.Compute/virtualMachines", version: computeVersion, decisive: true,
		states: []string{"statusOnly", "true"},
	},
	{
		resourceType: "Microsoft.Compute/virtualMachineScaleSets", version: computeVersion, decisive: true,
		children: []child{
			{
				resourceType: "Microsoft.Compute/virtualMachineScaleSets/virtualMachines", path: "virtualMachines",
				query: []string{"$expand", "instanceView"}, wanted: isUniform,
			},
			{
				resourceType: "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/networkInterfaces", path: "networkInterfaces",
				version: scaleSetNetworkVersion, wanted: isUniform,
			},
			{
				resourceType: "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/networkInterfaces/ipConfigurations/publicIPAddresses",
				path:         "publicipaddresses", version: scaleSetNetworkVersion, wanted: isUniform,
			},
		},
	},
	{resourceType: "Microsoft.Compute/disks", version: "2024-03-02", whole: true},
	{resourceType: "Microsoft.Compute/snapshots", version: "2024-03-02", whole: true},
	{resourceType: "Microsoft.Compute/diskEncryptionSets", version: "2024-03-02", whole: true},
	// Extensions have places of their own in Resource Graph; Resource Manager
	// lists them by machine.
	{resourceType: "Microsoft.Compute/virtualMachines/extensions"},
	{resourceType: "Microsoft.GuestConfiguration/guestConfigurationAssignments", table: "guestconfigurationresources"},
}}

// scaleSetNetworkVersion is the version of the network resources of scale
// sets, which Microsoft.Network serves under Microsoft.Compute's paths; later
// versions repeat it.
const scaleSetNetworkVersion = "2018-10-01"

// isUniform: a flexible scale set's machines and interfaces are ordinary ones
// and stand in their own lists.
//
// Source: https://learn.microsoft.com/azure/virtual-machine-scale-sets/virtual-machine-scale-sets-orchestration-modes
func isUniform(scaleSet json.RawMessage) bool {
	return !strings.EqualFold(property(scaleSet, "orchestrationMode"), "Flexible")
}
