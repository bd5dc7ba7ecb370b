package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// plantedSecret is in no other file: nothing may print it.
const plantedSecret = "pl4nted-S3cret-value"

const secretive = `[
{"id":"/subscriptions/6b1f0c5e-8a42-4e0b-9a53-1d2f7c9e4a10/resourceGroups/rg-web/providers/Microsoft.App/containerApps/planted","type":"Microsoft.App/containerApps","name":"planted","location":"westeurope","properties":{
"managedEnvironmentId":"/subscriptions/6b1f0c5e-8a42-4e0b-9a53-1d2f7c9e4a10/resourceGroups/rg-web/providers/Microsoft.App/managedEnvironments/none","runningStatus":"Running",
"configuration":{"ingress":{"external":true,"targetPort":80},"secrets":[{"name":"s","value":"` + plantedSecret + `"}]},
"template":{"containers":[{"name":"app","image":"contosoacr.azurecr.io/shop/storefront:2.3.1","env":[{"name":"DB_PASSWORD","value":"` + plantedSecret + `"},{"name":"LOG","value":"` + plantedSecret + `"}]}]}}},
{"id":"/subscriptions/6b1f0c5e-8a42-4e0b-9a53-1d2f7c9e4a10/resourceGroups/rg-web/providers/Microsoft.ContainerInstance/containerGroups/planted","type":"Microsoft.ContainerInstance/containerGroups","name":"planted","location":"westeurope","properties":{"osType":"Linux",
"imageRegistryCredentials":[{"server":"r.example","username":"u","password":"` + plantedSecret + `"}],"ipAddress":{"type":"Public","ip":"20.1.2.3","ports":[{"port":80,"protocol":"TCP"}]},
"containers":[{"name":"c","properties":{"image":"contosoacr.azurecr.io/shop/storefront:2.3.1","ports":[{"port":80}],"environmentVariables":[{"name":"API_TOKEN","value":"` + plantedSecret + `"}]}}]}},
{"id":"/subscriptions/6b1f0c5e-8a42-4e0b-9a53-1d2f7c9e4a10/resourceGroups/rg-web/providers/Microsoft.Web/sites/planted","type":"Microsoft.Web/sites","name":"planted","kind":"app","location":"westeurope","properties":{"state":"Running","siteConfig":{"linuxFxVersion":"DOCKER|contosoacr.azurecr.io/shop/storefront:2.3.1",
"appSettings":[{"name":"SECRET","value":"` + plantedSecret + `"}],"connectionStrings":[{"name":"db","connectionString":"Server=x;Password=` + plantedSecret + `","type":"SQLAzure"}]}}}
]`

const secretivePod = `apiVersion: apps/v1
kind: Deployment
metadata: {name: planted, namespace: shop}
spec:
  replicas: 1
  selector: {matchLabels: {app: planted}}
  template:
    metadata: {labels: {app: planted}}
    spec:
      containers:
        - name: app
          image: contosoacr.azurecr.io/shop/storefront:2.3.1
          env:
            - {name: DB_PASSWORD, value: ` + plantedSecret + `}
`

// secretivePolicy cites what it compares.
const secretivePolicy = `[{"id":"/providers/Microsoft.Authorization/policyDefinitions/planted","name":"planted","type":"Microsoft.Authorization/policyDefinitions","properties":{"displayName":"Planted","mode":"All",
"policyRule":{"if":{"allOf":[{"field":"type","equals":"Microsoft.App/containerApps"},{"field":"Microsoft.App/containerApps/template.containers[*].env[*].value","notEquals":"x"}]},"then":{"effect":"audit"}}}}]`

// TestNoOutputShowsSecrets plants a secret in environment variables, settings
// and credentials, and looks for it in whatever is printed.
func TestNoOutputShowsSecrets(t *testing.T) {
	t.Parallel()
	data, file := demoData(t)
	folder := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		at := filepath.Join(folder, name)
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return at
	}
	tenant, pod, definitions := write("tenant.json", secretive), write("pod.yaml", secretivePod), write("definitions.json", secretivePolicy)
	estates := []string{"--estate", file, "--estate", tenant, "--estate", pod, "--cluster", "aks-planted"}
	redacted := 0
	try := func(args ...string) string {
		t.Helper()
		code, out, stderr := runIn(t, data, args...)
		if code != 0 {
			t.Errorf("%v: %d %s", args, code, stderr)
		}
		if at := strings.Index(out+stderr, plantedSecret); at >= 0 {
			text := out + stderr
			t.Errorf("%v shows the secret: …%s…", args, text[max(0, at-200):min(len(text), at+60)])
		}
		redacted += strings.Count(out, "[redacted]")
		return out
	}
	for _, format := range []string{"table", "json", "csv", "sarif", "junit", "ocsf", "markdown"} {
		try(append([]string{"policy", "check", "--output", format}, estates...)...)
	}
	if redacted == 0 {
		t.Error("nothing was redacted: the secrets are not looked at")
	}
	if out := try(append([]string{"policy", "check", "--definitions", definitions, "--output", "json"}, estates...)...); !strings.Contains(out, `"rule":"planted"`) {
		t.Error("the policy that compares the values is not evaluated")
	}
	for _, format := range verdictFormats {
		try(append([]string{"scan", "--quiet", "--no-pull", "--output", format}, estates...)...)
	}
	try(append([]string{"exposure", "--output", "json"}, estates...)...)
	out := try("verdicts", "--output", "json")
	if !strings.Contains(out, "planted") {
		t.Fatalf("no verdict is about what was planted:\n%.500s", out)
	}
	id := out[strings.Index(out, `"id"`):]
	id = strings.Split(id, `"`)[3]
	for _, format := range []string{"table", "json", "markdown", "html"} {
		try("explain", id, "--output", format)
	}
}
