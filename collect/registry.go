package collect

// Sources:
// https://learn.microsoft.com/rest/api/containerregistry/registries/list
// https://learn.microsoft.com/rest/api/containerregistry/scope-maps/list
// https://learn.microsoft.com/rest/api/containerregistry/tokens/list
var registries = service{name: "container registries", kinds: []kind{
	{
		resourceType: "Microsoft.ContainerRegistry/registries", version: "2023-07-01", whole: true,
		children: append(parts("Microsoft.ContainerRegistry/registries", "tokens", "scopeMaps"), diagnostics),
	},
}}
