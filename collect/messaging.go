package collect

// A namespace's firewall is one network rule set, which its list shows.
//
// Sources:
// https://learn.microsoft.com/rest/api/eventhub/namespaces/list-network-rule-set
// https://learn.microsoft.com/rest/api/servicebus/namespaces/list-network-rule-sets
// https://learn.microsoft.com/rest/api/eventgrid/controlplane/topics/list-by-subscription
var messaging = service{name: "messaging", kinds: []kind{
	{
		resourceType: "Microsoft.EventHub/namespaces", version: "2024-01-01", whole: true,
		children: append(parts("Microsoft.EventHub/namespaces", "networkRuleSets", "authorizationRules"), diagnostics),
	},
	{
		resourceType: "Microsoft.ServiceBus/namespaces", version: "2024-01-01", whole: true,
		children: append(parts("Microsoft.ServiceBus/namespaces", "networkRuleSets", "authorizationRules"), diagnostics),
	},
	{resourceType: "Microsoft.EventGrid/topics", version: "2022-06-15", whole: true},
	{resourceType: "Microsoft.EventGrid/domains", version: "2022-06-15", whole: true},
	{resourceType: "Microsoft.Devices/IotHubs", version: "2023-06-30", whole: true, children: []child{diagnostics}},
}}
