package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/azward/azward/azuresim/scenario"
)

const (
	// hostile breaks out of text and of attributes in either quotes, and makes
	// elements and attributes whose names tell where they come from.
	hostile = `"'><zqx onzqx=1><script>zqx()</script>`
	// veiled turns the direction of writing, and hides letters.
	veiled = "\u202ezqx\u2066\u200f\u061c"
	// hostileURL runs where a page links to it.
	hostileURL = "javascript:zqx()"
)

// makeHostile has every resource, object, image and advisory say something
// hostile wherever its owner chooses the words, and keep secrets.
func (w *secured) makeHostile(t *testing.T, tenant *scenario.Scenario) {
	t.Helper()
	w.secrets["client secret of the connection"] = "pl4nted-client-S3cret/+=&?"
	w.secrets["value of a setting"] = "pl4nted setting S3cret/+=&?"
	for i := range tenant.Apps {
		if tenant.Apps[i].Name == demoApp {
			tenant.Apps[i].Secrets[0].Value = w.secrets["client secret of the connection"]
		}
	}
	secret := w.secrets["value of a setting"]
	for i := range tenant.ARM {
		tenant.ARM[i].Body = changed(t, tenant.ARM[i].Body, func(body map[string]any) {
			body["tags"] = map[string]any{"owner" + hostile: hostile + veiled, "wiki": hostileURL}
			if strings.EqualFold(fmt.Sprint(body["type"]), "Microsoft.App/containerApps") {
				at(body, "properties", "configuration")["secrets"] = []any{map[string]any{"name": "s", "value": secret}}
			}
			eachContainer(body, func(container map[string]any, env string) {
				container[env] = []any{map[string]any{"name": "DB_PASSWORD" + hostile, "value": secret}, map[string]any{"name": "MODE", "value": secret}}
			})
		})
	}
	for cluster, objects := range tenant.Kubernetes {
		for i := range objects {
			objects[i] = changed(t, objects[i], func(body map[string]any) {
				notes := at(body, "metadata")
				notes["annotations"] = map[string]any{
					"zqx": hostile + veiled, "kubectl.kubernetes.io/last-applied-configuration": `{"env":[{"name":"A","value":"` + secret + `"}]}`,
				}
				for _, template := range []map[string]any{body, dig(body, "spec", "template")} {
					for _, container := range list(dig(template, "spec")["containers"]) {
						container["env"] = []any{map[string]any{"name": "DB_PASSWORD", "value": secret}}
						container["args"] = []any{hostile + veiled}
					}
				}
			})
		}
		tenant.Kubernetes[cluster] = objects
	}
	quoted := string(mustJSON(t, hostile+veiled))
	for i := range tenant.Images {
		data := bytes.ReplaceAll(tenant.Images[i].Data, []byte(`createdBy: "`), []byte(`createdBy: "\"'><zqx onzqx=1><script>zqx()</script>\u202e `))
		data = bytes.ReplaceAll(data, []byte("config: {"), []byte(`config: {labels: {org.opencontainers.image.source: "`+hostileURL+`", org.opencontainers.image.title: `+quoted+`, org.opencontainers.image.base.name: `+quoted+`}, env: ["DB_PASSWORD=`+secret+`"], `))
		tenant.Images[i].Data = data
	}
	for i := range tenant.Advisories {
		if !strings.HasSuffix(tenant.Advisories[i].Name, ".json") || strings.Contains(tenant.Advisories[i].Name, "/kev/") {
			continue
		}
		tenant.Advisories[i].Data = changed(t, tenant.Advisories[i].Data, func(body map[string]any) {
			body["summary"] = fmt.Sprint(body["summary"]) + hostile + veiled
			body["details"] = hostile + " [link](" + hostileURL + ") ![x](data:image/svg+xml,zqx)"
			body["references"] = []any{map[string]any{"type": "WEB", "url": hostileURL}, map[string]any{"type": "FIX", "url": "https://zqx.example/" + hostile}}
		})
	}
	tenant.Faults = append(tenant.Faults, scenario.Fault{
		Service: "arm", Path: "/subscriptions/*/providers/Microsoft.Cdn/**", Status: 403,
		Body: string(mustJSON(t, map[string]any{"error": map[string]any{"code": "AuthorizationFailed", "message": hostile + veiled}})),
	}, scenario.Fault{Service: "arm", Path: "/subscriptions/*/providers/Microsoft.Sql/**", Status: 400, Body: hostile + veiled})
}

// hostileEstate is a file with resources whose very names are hostile.
func hostileEstate(secret string) string {
	encode := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			return err.Error()
		}
		return string(raw)
	}
	id := "/subscriptions/6b1f0c5e-8a42-4e0b-9a53-1d2f7c9e4a10/resourceGroups/rg\"'><zqx onzqx=1>"
	name := `"'><zqx onzqx=1><script>zqx()<\script>`
	network := id + "/providers/Microsoft.Network/virtualNetworks/" + name
	subnet := network + "/subnets/" + name
	return encode([]any{
		map[string]any{
			"id": id + "/providers/Microsoft.ContainerInstance/containerGroups/" + name, "type": "Microsoft.ContainerInstance/containerGroups", "name": name, "location": hostile, "kind": hostile,
			"tags": map[string]any{hostile: veiled}, "properties": map[string]any{
				"osType": "Linux", "provisioningState": "Succeeded", "ipAddress": map[string]any{"type": "Public", "ip": "20.1.2.3", "fqdn": hostile, "ports": []any{map[string]any{"port": 443, "protocol": "TCP"}}},
				"imageRegistryCredentials": []any{map[string]any{"server": "r.example", "username": hostile, "password": secret}},
				"containers": []any{map[string]any{"name": name, "properties": map[string]any{
					"image": "contosoacr.azurecr.io/legacy/portal:1.0.0", "command": []any{hostile}, "ports": []any{map[string]any{"port": 443}},
					"environmentVariables": []any{map[string]any{"name": hostile, "value": secret}},
					"instanceView":         map[string]any{"currentState": map[string]any{"state": "Running"}},
				}}},
				"instanceView": map[string]any{"state": "Running"},
			},
		},
		map[string]any{
			"id": network, "type": "Microsoft.Network/virtualNetworks", "name": name, "location": "westeurope",
			"properties": map[string]any{
				"addressSpace": map[string]any{"addressPrefixes": []any{"10.9.0.0/16"}},
				"subnets":      []any{map[string]any{"id": subnet, "name": name, "properties": map[string]any{"addressPrefix": "10.9.1.0/24"}}},
			},
		},
		map[string]any{
			"id": id + "/providers/Microsoft.Network/networkInterfaces/" + name, "type": "Microsoft.Network/networkInterfaces", "name": name, "location": "westeurope",
			"properties": map[string]any{"ipConfigurations": []any{map[string]any{"name": name, "properties": map[string]any{"privateIPAddress": "10.9.1.4", "subnet": map[string]any{"id": subnet}}}}},
		},
		map[string]any{
			"id": id + "/providers/Microsoft.Compute/virtualMachines/" + name + "/extensions/" + name, "type": "Microsoft.Compute/virtualMachines/extensions", "name": name, "location": "westeurope",
			"properties": map[string]any{"publisher": hostile, "settings": map[string]any{"commandToExecute": secret}, "protectedSettings": map[string]any{"anything": secret}},
		},
		map[string]any{
			"id": id + "/providers/Microsoft.Storage/storageAccounts/" + name, "type": "Microsoft.Storage/storageAccounts", "name": name, "location": "westeurope",
			"properties": map[string]any{
				"sas": "https://x.blob.core.windows.net/c?sv=1&sig=" + secret, "link": "https://user:" + strings.ReplaceAll(secret, "/", "") + "@x.example/", "hook": "https://x.example/api?code=" + secret,
				"keys": []any{map[string]any{"keyName": "key1", "value": secret}}, "primaryKey": secret, "credential": secret,
			},
		},
		map[string]any{
			"id": id + "/providers/Microsoft.Web/sites/" + name, "type": "Microsoft.Web/sites", "name": name, "kind": "app", "location": "westeurope",
			"properties": map[string]any{"state": "Running", "siteConfig": map[string]any{
				"linuxFxVersion": "DOCKER|contosoacr.azurecr.io/shop/storefront:2.3.1", "appSettings": []any{map[string]any{"name": hostile, "value": secret}},
				"connectionStrings": []any{map[string]any{"name": "db", "connectionString": "Server=x;Password=" + secret, "type": "SQLAzure"}},
			}},
		},
		map[string]any{
			"id": id + "/providers/Microsoft.Web/sites/" + name + "/config/appsettings", "type": "Microsoft.Web/sites/config", "name": "appsettings", "location": "westeurope",
			"properties": map[string]any{"MODE": secret},
		},
	})
}

func mustJSON(t *testing.T, v any) json.RawMessage {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// changed is a JSON object after the change.
func changed(t *testing.T, raw json.RawMessage, change func(map[string]any)) json.RawMessage {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var body map[string]any
	if err := d.Decode(&body); err != nil {
		t.Fatal(err)
	}
	change(body)
	return mustJSON(t, body)
}

// at is the object that the names lead to, made where it is not there.
func at(body map[string]any, names ...string) map[string]any {
	for _, name := range names {
		next, ok := body[name].(map[string]any)
		if !ok {
			next = map[string]any{}
			body[name] = next
		}
		body = next
	}
	return body
}

// dig is the object that the names lead to; nil where there is none.
func dig(body map[string]any, names ...string) map[string]any {
	for _, name := range names {
		body, _ = body[name].(map[string]any)
	}
	return body
}

func list(v any) (objects []map[string]any) {
	all, _ := v.([]any)
	for _, one := range all {
		if object, ok := one.(map[string]any); ok {
			objects = append(objects, object)
		}
	}
	return objects
}

// eachContainer tells the containers of a resource, and under what name they
// keep their environment.
func eachContainer(body map[string]any, tell func(container map[string]any, env string)) {
	for _, container := range list(dig(body, "properties", "template")["containers"]) {
		tell(container, "env")
	}
	for _, container := range list(dig(body, "properties")["containers"]) {
		if properties := dig(container, "properties"); properties != nil {
			tell(properties, "environmentVariables")
		}
	}
}
