package inventory

import (
	"encoding/json"
	"strings"
)

// embedded says where a parent's body carries its children. The list form
// holds whole child objects; the others need shaping.
//
// Source: the resources' GET answers, for example
// https://learn.microsoft.com/rest/api/virtualnetwork/virtual-networks/get
var embedded = map[string]map[string]string{
	"microsoft.network/virtualnetworks": {
		"subnets": "subnets", "virtualnetworkpeerings": "virtualNetworkPeerings",
	},
	"microsoft.network/networksecuritygroups": {
		"securityrules": "securityRules", "defaultsecurityrules": "defaultSecurityRules",
	},
	"microsoft.network/routetables":       {"routes": "routes"},
	"microsoft.network/networkinterfaces": {"ipconfigurations": "ipConfigurations", "tapconfigurations": "tapConfigurations"},
	"microsoft.network/loadbalancers": {
		"frontendipconfigurations": "frontendIPConfigurations", "backendaddresspools": "backendAddressPools",
		"inboundnatrules": "inboundNatRules", "loadbalancingrules": "loadBalancingRules",
		"outboundrules": "outboundRules", "probes": "probes",
	},
	"microsoft.network/firewallpolicies":         {"rulecollectiongroups": "ruleCollectionGroups"},
	"microsoft.containerservice/managedclusters": {"agentpools": "agentPoolProfiles"},
}

// anyParent holds children that many types embed in the same way.
var anyParent = map[string]string{"privateendpointconnections": "privateEndpointConnections"}

// derive takes children of one type out of the parent's body; nil when it
// embeds none.
func derive(parent *Resource, childType string) []*Resource {
	lower := strings.ToLower(childType)
	parentType := strings.ToLower(parent.Type)
	switch {
	case parentType == "microsoft.web/sites" && lower == "config",
		parentType == "microsoft.web/sites/slots" && lower == "config":
		return deriveSiteConfig(parent)
	case parentType == "microsoft.compute/virtualmachines" && lower == "extensions":
		return deriveList(parent, "extensions", field(parent.Body, "resources"))
	}
	property, ok := embedded[parentType][lower]
	if !ok {
		property, ok = anyParent[lower]
	}
	if !ok {
		return nil
	}
	return deriveList(parent, childType, field(field(parent.Body, "properties"), property))
}

func field(body json.RawMessage, name string) json.RawMessage {
	var fields map[string]json.RawMessage
	if len(body) == 0 || json.Unmarshal(body, &fields) != nil {
		return nil
	}
	return fields[name]
}

func deriveList(parent *Resource, childType string, list json.RawMessage) []*Resource {
	var items []map[string]json.RawMessage
	if len(list) == 0 || json.Unmarshal(list, &items) != nil {
		return nil
	}
	var children []*Resource
	for _, item := range items {
		if child := deriveItem(parent, childType, item); child != nil {
			children = append(children, child)
		}
	}
	return children
}

func deriveItem(parent *Resource, childType string, item map[string]json.RawMessage) *Resource {
	var name, id string
	if json.Unmarshal(item["name"], &name) != nil || name == "" {
		return nil
	}
	body := map[string]any{"name": name, "type": parent.Type + "/" + childType}
	if _, whole := item["properties"]; whole {
		for k, v := range item {
			body[k] = v
		}
	} else { // an agent pool's profile lies open in the cluster
		properties := map[string]json.RawMessage{}
		for k, v := range item {
			if k != "name" && k != "id" {
				properties[k] = v
			}
		}
		body["properties"] = properties
	}
	if json.Unmarshal(item["id"], &id) != nil || id == "" {
		id = parent.ID + "/" + childType + "/" + name
	}
	body["id"] = id
	raw, err := json.Marshal(body)
	if err != nil {
		return nil
	}
	return &Resource{
		ID: id, Key: strings.ToLower(parent.Key + "/" + childType + "/" + name), Type: parent.Type + "/" + childType,
		Name: name, APIVersion: parent.APIVersion, Body: raw, Derived: true,
	}
}

// deriveSiteConfig makes config/web of the site's siteConfig, which a LIST of
// sites leaves mostly empty and a GET fills in.
func deriveSiteConfig(site *Resource) []*Resource {
	config := field(field(site.Body, "properties"), "siteConfig")
	if len(config) == 0 || string(config) == "null" {
		return nil
	}
	id := site.ID + "/config/web"
	raw, err := json.Marshal(map[string]any{
		"id": id, "name": site.Name, "type": site.Type + "/config",
		"location": field(site.Body, "location"), "properties": config,
	})
	if err != nil {
		return nil
	}
	return []*Resource{{
		ID: id, Key: strings.ToLower(site.Key + "/config/web"), Type: site.Type + "/config",
		Name: "web", APIVersion: site.APIVersion, Body: raw, Derived: true,
	}}
}
