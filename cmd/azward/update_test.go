package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/azward/azward"
)

// call runs the program with a data directory of its own.
func call(t *testing.T, data string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, diag bytes.Buffer
	code = run(t.Context(), append([]string{"--data", data}, args...), strings.NewReader(""), &out, &diag, func(string) string { return "" })
	return out.String(), diag.String(), code
}

const tagList = `{"changeNumber": 345, "cloud": "Public", "values": [
  {"name": "AzureFrontDoor.Backend", "id": "AzureFrontDoor.Backend", "properties": {"changeNumber": 12, "region": "", "systemService": "AzureFrontDoor", "addressPrefixes": ["13.73.248.16/29", "2603:1010::/46"]}},
  {"name": "Storage.WestEurope", "id": "Storage.WestEurope", "properties": {"changeNumber": 9, "region": "westeurope", "systemService": "AzureStorage", "addressPrefixes": ["13.95.96.176/28"]}}]}`

const taggedMachine = `[
{"id":"/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.Network/networkSecurityGroups/nsg","type":"Microsoft.Network/networkSecurityGroups","name":"nsg","properties":{"securityRules":[{"name":"front","properties":{"priority":100,"direction":"Inbound","access":"Allow","protocol":"Tcp","sourceAddressPrefix":"AzureFrontDoor.Backend","sourcePortRange":"*","destinationAddressPrefix":"*","destinationPortRange":"443"}}]}},
{"id":"/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/vnet","type":"Microsoft.Network/virtualNetworks","name":"vnet","properties":{"addressSpace":{"addressPrefixes":["10.0.0.0/16"]},"subnets":[{"id":"/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/vnet/subnets/web","name":"web","properties":{"addressPrefix":"10.0.1.0/24"}}]}},
{"id":"/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.Network/networkInterfaces/nic","type":"Microsoft.Network/networkInterfaces","name":"nic","properties":{"networkSecurityGroup":{"id":"/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.Network/networkSecurityGroups/nsg"},"ipConfigurations":[{"id":"/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.Network/networkInterfaces/nic/ipConfigurations/ip","name":"ip","properties":{"privateIPAddress":"10.0.1.4","subnet":{"id":"/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/vnet/subnets/web"}}}]}}
]`

func TestServiceTags(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data, list, tenant := filepath.Join(dir, "data"), filepath.Join(dir, "tags.json"), filepath.Join(dir, "tenant.json")
	for name, content := range map[string]string{list: tagList, tenant: taggedMachine} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	answer := func(from string) azward.Answer {
		t.Helper()
		out, diag, code := call(t, data, "exposure", "check", "--estate", tenant, "--complete", "--filters-only", "inbound",
			"--from", from, "--to", "10.0.1.4", "--port", "443", "--output", "json")
		var r struct {
			Answer azward.Answer `json:"answer"`
		}
		if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 {
			t.Fatalf("code %d, %v: %s%s", code, err, out, diag)
		}
		return r.Answer
	}
	if got := answer("13.73.248.17"); got != azward.Unknown {
		t.Errorf("without a list: %s, want unknown", got)
	}
	if out, diag, code := call(t, data, "update", "service-tags", "--from", list); code != 0 || !strings.Contains(out, "2 service tags of Public, change number 345") {
		t.Fatalf("code %d: %s%s", code, out, diag)
	}
	if got := answer("13.73.248.17"); got != azward.Yes {
		t.Errorf("an address of the tag: %s, want yes", got)
	}
	if got := answer("203.0.113.9"); got != azward.No {
		t.Errorf("another address: %s, want no", got)
	}
}

func TestServiceTags_bad_lists(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"no_json": "<html>", "no_tags": `{"changeNumber":1,"cloud":"Public","values":[]}`, "no_change_number": `{"cloud":"Public","values":[{"name":"A"}]}`,
		"host_bits": strings.Replace(tagList, "13.95.96.176/28", "13.95.96.177/28", 1), "a_page": strings.Replace(tagList, `"cloud"`, `"nextLink":"https://example.com","cloud"`, 1),
		"bad_name": strings.Replace(tagList, `"name": "Storage.WestEurope"`, `"name": "../x"`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := filepath.Join(dir, "tags.json")
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, diag, code := call(t, filepath.Join(dir, "data"), "update", "service-tags", "--from", file)
			if code != azward.KindBadInput.ExitCode() || !strings.Contains(diag, "hint: ") {
				t.Errorf("code %d: %s", code, diag)
			}
			if _, err := os.Stat(filepath.Join(dir, "data", serviceTagsFile)); err == nil {
				t.Error("the list was kept")
			}
		})
	}
}
