//go:build e2e

package e2e_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// TestKubectl reads the cluster with the kubeconfig that the simulator hands
// out, over ARM as any client asks for it.
func TestKubectl(t *testing.T) {
	client(t, "kubectl")
	w := start(t)
	file := filepath.Join(w.dir, "from-arm")
	if err := os.WriteFile(file, w.credentials(t), 0o600); err != nil {
		t.Fatal(err)
	}
	w.kubectlReads(t, file)
}

// credentials posts listClusterUserCredential.
func (w *world) credentials(t *testing.T) []byte {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(w.sim.CACertPEM())
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}}
	url := w.sim.ARMEndpoint() + "/subscriptions/" + production + "/resourceGroups/aks/providers/Microsoft.ContainerService/managedClusters/prod/listClusterUserCredential?api-version=2024-09-01"
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+w.token(t, "https://management.azure.com"))
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var body struct {
		Kubeconfigs []struct {
			Value string `json:"value"`
		} `json:"kubeconfigs"`
	}
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil || len(body.Kubeconfigs) == 0 {
		t.Fatalf("no kubeconfig: %s %v", res.Status, err)
	}
	config, err := base64.StdEncoding.DecodeString(body.Kubeconfigs[0].Value)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// kubectlReads lets kubectl read with a kubeconfig that calls kubelogin, which
// Debian does not have: a script with a token from Entra stands in.
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
func (w *world) kubectlReads(t *testing.T, kubeconfig string) {
	t.Helper()
	kubectl := client(t, "kubectl")
	credential, err := json.Marshal(map[string]any{
		"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential",
		"status": map[string]string{"token": w.token(t, aksServer)},
	})
	if err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\ncat <<'END'\n" + string(credential) + "\nEND\n"
	if err := os.WriteFile(filepath.Join(w.dir, "kubelogin"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	get := func(args ...string) string {
		return w.must(t, kubectl, append([]string{"--kubeconfig", kubeconfig}, args...)...)
	}

	contains(t, "everything", get("get", "pods,deploy,svc,netpol", "-A", "--ignore-not-found"),
		"pod/web-7d9f-x1", "pod/worker", "deployment.apps/web", "service/web", "LoadBalancer", "20.50.10.8", "80:30080/TCP")
	contains(t, "pods in pages", get("get", "pods", "-A", "--chunk-size=1", "-o", "name"), lines("pod/web-7d9f-x1"), "pod/worker")
	contains(t, "one pod", get("get", "pod", "worker", "-n", "shop", "-o", "jsonpath={.spec.containers[0].image}"), registry+"/shop/worker:1.0")
	contains(t, "pods by label", get("get", "pods", "-A", "-l", "app=web", "--field-selector=status.phase=Running", "--no-headers"), "web-7d9f-x1")
	contains(t, "nodes", get("get", "nodes", "-o", "wide"), "aks-system-00000001-vmss000000")
	contains(t, "resources", get("api-resources", "--verbs=list", "--no-headers"), "networkpolicies", "endpointslices", "clusterrolebindings")
	contains(t, "may I", get("auth", "can-i", "list", "pods", "-A"), "yes")
	contains(t, "version", get("version"), "Server Version: v1.30")
	if _, errs, err := w.run(t, "", kubectl, "--kubeconfig", kubeconfig, "delete", "pod", "worker", "-n", "shop", "--wait=false"); err == nil {
		t.Error("kubectl deletes a pod of a read-only server")
	} else {
		contains(t, "the refusal", errs, "Error from server (MethodNotAllowed)")
	}
}
