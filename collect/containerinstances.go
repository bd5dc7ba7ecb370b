package collect

import "encoding/json"

// A list of container groups leaves out the instance view, and with it
// whether a group runs; the group itself has it.
//
// Source: https://learn.microsoft.com/rest/api/container-instances/container-groups/list
var containerInstances = service{name: "container instances", kinds: []kind{{
	resourceType: "Microsoft.ContainerInstance/containerGroups", version: "2023-05-01", decisive: true,
	children: []child{{
		resourceType: "Microsoft.ContainerInstance/containerGroups", path: "", single: true,
		wanted: func(group json.RawMessage) bool { return !hasInstanceView(group) },
	}},
}}}

func hasInstanceView(group json.RawMessage) bool {
	var v struct {
		Properties struct {
			InstanceView *struct{} `json:"instanceView"`
		} `json:"properties"`
	}
	return json.Unmarshal(group, &v) == nil && v.Properties.InstanceView != nil
}
