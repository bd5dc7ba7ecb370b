package collect

import (
	"encoding/json"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// powerState adds a machine's instance view, which lists leave out.
//
// Source: https://learn.microsoft.com/rest/api/compute/virtual-machines/get
func powerState(r *run, o object) error {
	body, err := r.get(o.ctx, string(o.id), o.apiVersion, "$expand", "instanceView")
	if err != nil {
		r.add(o.body, o.id, r.from(o.apiVersion))
		return r.missing(o.id, "instanceView", "Microsoft.Compute/virtualMachines/read", err)
	}
	r.add(body, o.id, r.from(o.apiVersion))
	return nil
}

// scaleSetNetworkVersion is the version of the network API below scale sets.
//
// Source: https://learn.microsoft.com/rest/api/virtualnetwork/network-interfaces/list-virtual-machine-scale-set-network-interfaces
const scaleSetNetworkVersion = "2018-10-01"

// instances adds the network interfaces and addresses of a scale set's
// instances: in uniform mode no other list has them.
func instances(r *run, o object) error {
	r.add(o.body, o.id, r.from(o.apiVersion))
	var set struct {
		Properties struct {
			OrchestrationMode string `json:"orchestrationMode"`
		} `json:"properties"`
	}
	if json.Unmarshal(o.body, &set) == nil && strings.EqualFold(set.Properties.OrchestrationMode, "Flexible") {
		return nil // its interfaces are ordinary ones
	}
	for _, child := range []struct{ path, resourceType string }{
		{"/networkInterfaces", "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/networkInterfaces"},
		{"/publicipaddresses", "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/networkInterfaces/ipConfigurations/publicIPAddresses"},
	} {
		if err := r.children(o, child.path, scaleSetNetworkVersion, child.resourceType); err != nil {
			return err
		}
	}
	return nil
}

// children lists what lies below an object, as a listing of its own.
func (r *run) children(o object, path, apiVersion, resourceType string) error {
	pages, err := r.list(o.ctx, string(o.id)+path, apiVersion, func(body json.RawMessage) error {
		r.add(body, o.id, r.from(apiVersion))
		return nil
	})
	switch {
	case err == nil:
		r.listed(o.id, resourceType, estate.ListingComplete, pages)
		return nil
	case azward.KindOf(err) == azward.KindNotFound:
		r.listed(o.id, resourceType, estate.ListingComplete, 0)
		return nil
	default:
		return r.missing(o.id, resourceType, resourceType+"/read", err)
	}
}

// firewallRules adds the rules of a database server.
func firewallRules(r *run, o object) error {
	r.add(o.body, o.id, r.from(o.apiVersion))
	for _, child := range []string{"firewallRules", "virtualNetworkRules", "databases"} {
		if err := r.children(o, "/"+child, o.apiVersion, "Microsoft.Sql/servers/"+child); err != nil {
			return err
		}
	}
	return nil
}

// containerGroup adds a group's instance view, which lists leave out.
//
// Source: https://learn.microsoft.com/rest/api/container-instances/container-groups/list
func containerGroup(r *run, o object) error {
	body, err := r.get(o.ctx, string(o.id), o.apiVersion)
	if err != nil {
		r.add(o.body, o.id, r.from(o.apiVersion))
		return r.missing(o.id, "instanceView", "Microsoft.ContainerInstance/containerGroups/read", err)
	}
	r.add(body, o.id, r.from(o.apiVersion))
	return nil
}
