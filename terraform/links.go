package terraform

import (
	"cmp"
	"slices"
	"strings"

	"github.com/azward/azward"
)

// withoutRef is a list of references without those to one resource.
func withoutRef(held []any, id azward.ResourceID) []any {
	return slices.DeleteFunc(slices.Clone(held), func(one any) bool {
		m, _ := one.(map[string]any)
		s, _ := m["id"].(string)
		return azward.ResourceID(s).Equal(id)
	})
}

// linkService is a private link service before a load balancer.
//
// Source: https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/private_link_service
func linkService(w *world, v values, id azward.ResourceID) {
	configurations := []any{}
	for _, c := range v.blocks("nat_ip_configuration") {
		configurations = append(configurations, fields{"name": c.text("name"), "properties": addressed(c)})
	}
	f := fields{
		"loadBalancerFrontendIpConfigurations": objects(v.refs("load_balancer_frontend_ip_configuration_ids", typeBalancer+"/frontendIPConfigurations")),
		"ipConfigurations":                     configurations,
		"autoApproval":                         fields{"subscriptions": anys(v.list("auto_approval_subscription_ids"))},
		"visibility":                           fields{"subscriptions": anys(v.list("visibility_subscription_ids"))},
	}
	if _, held := w.body(id); !held {
		f["privateEndpointConnections"] = []any{} // a new one has none
	}
	w.put(id, f)
}

// poolAddress is an address of a load balancer's pool, or for a global one the
// frontend of a regional one.
//
// Source: https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/lb_backend_address_pool_address
func poolAddress() kind {
	change := func(w *world, v values, one fields) {
		pool := v.ref("backend_address_pool_id", typePool)
		held, ok := w.named(pool, "backendAddressPools")
		if !ok {
			w.gap(v.c, "backend_address_pool_id", "neither the estate nor the plan holds pool "+pool.Name())
			return
		}
		p := propertiesOf(held)
		list, _ := p["loadBalancerBackendAddresses"].([]any)
		if at := indexOf(list, v.text("name")); at >= 0 {
			list = slices.Delete(slices.Clone(list), at, at+1)
		}
		if one != nil {
			list = append(slices.Clone(list), one)
		}
		p["loadBalancerBackendAddresses"] = list
	}
	return kind{
		pass: link,
		edit: func(w *world, v values, _ azward.ResourceID) {
			f := fields{"virtualNetwork": object(v.ref("virtual_network_id", typeNetwork))}
			if a := v.text("ip_address"); a != "" {
				f["ipAddress"] = a
			}
			if front := v.ref("backend_address_ip_configuration_id", typeBalancer+"/frontendIPConfigurations"); front != "" {
				f["loadBalancerFrontendIPConfiguration"] = object(front)
			}
			change(w, v, fields{"name": v.text("name"), "properties": f})
		},
		undo: func(w *world, v values) { change(w, v, nil) },
	}
}

// nodePool is a pool of a cluster, which stands in the cluster's body.
//
// Source: https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/kubernetes_cluster_node_pool
func nodePool() kind {
	holder := func(v values) azward.ResourceID { return v.ref("kubernetes_cluster_id", typeCluster) }
	change := func(w *world, v values, one fields) {
		b, ok := w.body(holder(v))
		if !ok {
			w.gap(v.c, "kubernetes_cluster_id", "neither the estate nor the plan holds the cluster")
			return
		}
		p := propertiesOf(b)
		pools, _ := p["agentPoolProfiles"].([]any)
		p["agentPoolProfiles"] = withPool(pools, v.text("name"), one)
	}
	return kind{
		pass: part,
		edit: func(w *world, v values, _ azward.ResourceID) { change(w, v, pool(v)) },
		undo: func(w *world, v values) { change(w, v, nil) },
	}
}

// withPool puts a pool in the place of that of its name; nil takes it away.
func withPool(pools []any, name string, one fields) []any {
	pools = slices.Clone(pools)
	at := indexOf(pools, name)
	switch {
	case at >= 0 && one == nil:
		return slices.Delete(pools, at, at+1)
	case at >= 0:
		if held, ok := pools[at].(map[string]any); ok {
			merge(held, one)
		}
	case one != nil:
		pools = append(pools, one)
	}
	return pools
}

// pool is what decides who reaches the nodes.
func pool(v values) fields {
	f := fields{"name": v.text("name"), "type": cmp.Or(v.text("type"), "VirtualMachineScaleSets"), "enableNodePublicIP": false}
	for _, attribute := range []string{"node_public_ip_enabled", "enable_node_public_ip"} {
		if on, ok := v.any(attribute).(bool); ok {
			f["enableNodePublicIP"] = on
		} else if v.isUnknown(attribute) {
			delete(f, "enableNodePublicIP")
		}
	}
	for attribute, property := range map[string]string{"vnet_subnet_id": "vnetSubnetID", "pod_subnet_id": "podSubnetID"} {
		if id := v.ref(attribute, typeSubnet); id != "" {
			f[property] = string(id)
		}
	}
	return f
}

// environment is an App Service Environment.
//
// Source: https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/app_service_environment_v3
func environment(w *world, v values, id azward.ResourceID) {
	w.put(id, fields{
		"internalLoadBalancingMode": cmp.Or(v.text("internal_load_balancing_mode"), "None"),
		"virtualNetwork":            object(v.ref("subnet_id", typeSubnet)),
	})
}

// policyOf is a policy document of an API Management, an API or an operation.
//
// Sources: https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/api_management_policy,
// https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/api_management_api_policy
func policyOf(holder func(values) azward.ResourceID) kind {
	return kind{
		pass: link,
		id: func(v values) azward.ResourceID {
			at := holder(v)
			if at == "" {
				return ""
			}
			return at.Child("policies", "policy")
		},
		edit: func(w *world, v values, id azward.ResourceID) {
			text := v.text("xml_content")
			if link := v.text("xml_link"); text == "" && link != "" {
				w.gap(v.c, "xml_link", "the policy lies behind a link, which azward does not open")
			}
			if text == later {
				w.gap(v.c, "xml_content", "it is known after apply")
			}
			w.put(id, fields{"format": "xml", "value": cmp.Or(text, later)})
		},
	}
}

// apiOf is the API that a policy or an operation belongs to.
func apiOf(v values) azward.ResourceID {
	service, api := serviceOf(v), v.text("api_name")
	if service == "" || api == "" || api == later {
		return ""
	}
	name, _, _ := strings.Cut(api, ";rev=")
	return service.Child("apis", name)
}

func serviceOf(v values) azward.ResourceID {
	if id := v.ref("api_management_id", typeAPIService); id != "" {
		return id
	}
	group, service := v.text("resource_group_name"), v.text("api_management_name")
	if v.w.subscription == "" || group == "" || service == "" {
		return ""
	}
	return v.w.subscription + azward.ResourceID("/resourceGroups/"+group+"/providers/"+typeAPIService+"/"+service)
}

func operationOf(v values) azward.ResourceID {
	api, name := apiOf(v), v.text("operation_id")
	if api == "" || name == "" || name == later {
		return ""
	}
	return api.Child("operations", name)
}
