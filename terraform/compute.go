package terraform

import "github.com/azward/azward"

func machine(w *world, v values, id azward.ResourceID) {
	w.put(id, fields{"networkProfile": fields{"networkInterfaces": objects(v.refs("network_interface_ids", typeNIC))}})
}

func scaleSet(w *world, v values, id azward.ResourceID) {
	interfaces := []any{}
	for _, n := range v.blocks("network_interface") {
		configurations := []any{}
		for _, c := range n.blocks("ip_configuration") {
			f := fields{
				"subnet":                          object(c.ref("subnet_id", typeSubnet)),
				"loadBalancerBackendAddressPools": objects(c.refs("load_balancer_backend_address_pool_ids", typePool)),
				"applicationSecurityGroups":       objects(c.refs("application_security_group_ids", typeASG)),
			}
			for _, a := range c.blocks("public_ip_address") {
				f["publicIPAddressConfiguration"] = fields{"name": a.text("name"), "sku": fields{"name": "Standard"}}
			}
			configurations = append(configurations, fields{"name": c.text("name"), "properties": f})
		}
		f := fields{"ipConfigurations": configurations}
		if group := n.ref("network_security_group_id", typeGroup); group != "" {
			f["networkSecurityGroup"] = object(group)
		}
		interfaces = append(interfaces, fields{"name": n.text("name"), "properties": f})
	}
	b := w.put(id, fields{})
	p := propertiesOf(b)
	profile, _ := p["virtualMachineProfile"].(fields)
	if profile == nil {
		profile = fields{}
		p["virtualMachineProfile"] = profile
	}
	profile["networkProfile"] = fields{"networkInterfaceConfigurations": interfaces}
}
