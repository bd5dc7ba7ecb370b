package collect

import "encoding/json"

// The settings of each service below an account are one object by the name
// default. They are read by name: lists of storage are the scarcer quota (100
// in five minutes, and 800 reads).
//
// Sources:
// https://learn.microsoft.com/rest/api/storagerp/storage-accounts/list
// https://learn.microsoft.com/rest/api/storagerp/blob-services/get-service-properties
// https://learn.microsoft.com/rest/api/storagerp/blob-containers/list
// https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling#storage-throttling
// https://learn.microsoft.com/azure/storage/common/storage-account-overview (which kinds have which services)
var storage = service{name: "storage", kinds: []kind{{
	resourceType: account, version: "2023-05-01", whole: true,
	children: []child{
		serviceOf("blobServices", hasBlobs),
		serviceOf("fileServices", hasFiles),
		serviceOf("queueServices", hasQueues),
		serviceOf("tableServices", hasQueues),
		{resourceType: account + "/blobServices/containers", path: "blobServices/default/containers", wanted: mayBePublic, nested: true, spared: true},
	},
}}}

const account = "Microsoft.Storage/storageAccounts"

func serviceOf(name string, wanted func(json.RawMessage) bool) child {
	return child{
		resourceType: account + "/" + name, path: name + "/default", single: true, lone: true, spared: true, wanted: wanted,
		children: []child{diagnostics},
	}
}

func kindOf(body json.RawMessage) (kind, tier string) {
	var v struct {
		Kind string `json:"kind"`
		SKU  struct {
			Tier string `json:"tier"`
		} `json:"sku"`
	}
	if json.Unmarshal(body, &v) != nil {
		return "", ""
	}
	return v.Kind, v.SKU.Tier
}

func hasBlobs(body json.RawMessage) bool {
	kind, _ := kindOf(body)
	return kind != "FileStorage"
}

func hasFiles(body json.RawMessage) bool {
	kind, tier := kindOf(body)
	return kind == "FileStorage" || kind != "BlobStorage" && kind != "BlockBlobStorage" && tier != "Premium"
}

func hasQueues(body json.RawMessage) bool {
	kind, tier := kindOf(body)
	return kind != "FileStorage" && kind != "BlobStorage" && kind != "BlockBlobStorage" && tier != "Premium"
}

// mayBePublic: where the account forbids anonymous access no container has it.
//
// Source: https://learn.microsoft.com/azure/storage/blobs/anonymous-read-access-configure
func mayBePublic(body json.RawMessage) bool {
	var v struct {
		Properties struct {
			Allow *bool `json:"allowBlobPublicAccess"`
		} `json:"properties"`
	}
	kind, _ := kindOf(body)
	return kind != "FileStorage" && (json.Unmarshal(body, &v) != nil || v.Properties.Allow == nil || *v.Properties.Allow)
}
