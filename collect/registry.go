package collect

// Source: https://learn.microsoft.com/rest/api/containerregistry/registries/list
var registries = service{name: "container registries", kinds: []kind{
	{resourceType: "Microsoft.ContainerRegistry/registries", version: "2023-07-01"},
}}
