package collect

// Sources:
// https://learn.microsoft.com/rest/api/aiservices/accountmanagement/accounts/list
// https://learn.microsoft.com/rest/api/azureml/workspaces/list-by-subscription
var ai = service{name: "AI services", kinds: []kind{
	{resourceType: "Microsoft.CognitiveServices/accounts", version: "2023-05-01", whole: true, children: []child{diagnostics}},
	{
		resourceType: "Microsoft.MachineLearningServices/workspaces", version: "2024-04-01", whole: true,
		children: append(parts("Microsoft.MachineLearningServices/workspaces", "computes"), diagnostics),
	},
}}
