package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestExposureDiff lays manifests over the demo tenant: a policy that admits
// everyone opens a workload, and is told with exit code 3.
func TestExposureDiff(t *testing.T) {
	t.Parallel()
	_, estate := demoData(t)
	folder := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		file := filepath.Join(folder, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	open := write("open.yaml", `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: recommend-from-cart, namespace: shop}
spec:
  podSelector: {matchLabels: {app: recommend}}
  policyTypes: [Ingress]
  ingress: [{}]
`)
	same := write("same.yaml", `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: nobody, namespace: shop}
spec: {podSelector: {matchLabels: {app: nobody}}}
`)
	unmapped := write("plan.json", `{"format_version":"1.2","terraform_version":"1.9.5","resource_changes":[
{"address":"azurerm_kubernetes_cluster.a","mode":"managed","type":"azurerm_kubernetes_cluster","name":"a","change":{"actions":["create"],"after":{"name":"a"}}}]}`)
	state := write("state.json", `{"format_version":"1.0","terraform_version":"1.9.5","values":{}}`)
	for _, tc := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"same_estate", []string{"--before", estate, "--after", estate}, 0, "no workload is reached otherwise"},
		{"policy_opens", []string{"--before", estate, "--plan", open, "--cluster", "aks-prod"}, 3, "opened  Deployment  shop/recommend"},
		{"policy_for_nobody", []string{"--before", estate, "--plan", same, "--cluster", "aks-prod"}, 0, "no workload is reached otherwise"},
		{"terraform_type_unmapped", []string{"--before", estate, "--plan", unmapped}, 4, "not followed: azurerm_kubernetes_cluster"},
		{"terraform_state", []string{"--before", estate, "--plan", state}, 1, "it is a state, not a plan"},
		{"nothing_to_compare", []string{"--before", estate}, 2, "one of --after and --plan"},
		{"no_such_file", []string{"--before", estate, "--after", filepath.Join(folder, "none.json")}, 2, "none.json"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code, out, errs := runIn(t, t.TempDir(), append([]string{"exposure", "diff"}, tc.args...)...)
			if code != tc.code || !strings.Contains(out+errs, tc.want) {
				t.Errorf("exit code %d, want %d and %q:\n%s%s", code, tc.code, tc.want, out, errs)
			}
		})
	}
}
