package azuresim_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward/azuresim"
)

// azureCLI runs Azure's own command line against a simulator. It knows nothing
// of us, so what it accepts is a judgement.
type azureCLI struct {
	path string
	env  []string
}

func newAzureCLI(t *testing.T, s *sim) *azureCLI {
	t.Helper()
	if os.Getenv("AZWARD_E2E_CLIENTS") == "" {
		t.Skip("needs azure-cli and takes its time: make e2e-clients")
	}
	path, err := exec.LookPath("az")
	if err != nil {
		if os.Getenv("AZWARD_REQUIRE_CLIENTS") != "" {
			t.Fatal("azure-cli is required here and not installed")
		}
		t.Skip("needs azure-cli")
	}
	home := t.TempDir()
	proxy, bundle := detour(t, s, home)
	a := &azureCLI{path: path, env: []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "AZURE_CONFIG_DIR=" + filepath.Join(home, "azure"),
		"REQUESTS_CA_BUNDLE=" + bundle, "HTTPS_PROXY=" + proxy, "NO_PROXY=127.0.0.1", "AZURE_CORE_COLLECT_TELEMETRY=no", "AZURE_CORE_NO_COLOR=yes",
		"PYTHONWARNINGS=ignore",
	}}
	cloud, err := json.Marshal(map[string]map[string]string{
		"endpoints": {
			"activeDirectory": s.AuthorityHost(), "activeDirectoryResourceId": s.ARMEndpoint(),
			"resourceManager": s.ARMEndpoint(), "management": s.ARMEndpoint(),
			"activeDirectoryGraphResourceId": s.GraphEndpoint(), "microsoftGraphResourceId": s.GraphEndpoint(),
		},
		"suffixes": {"acrLoginServerEndpoint": azuresim.ACRSuffix},
	})
	if err != nil {
		t.Fatal(err)
	}
	a.must(t, "cloud", "register", "--name", "sim", "--cloud-config", string(cloud))
	a.must(t, "cloud", "set", "--name", "sim")
	return a
}

// detour is an HTTPS proxy that leads login.microsoftonline.com to the
// simulator and refuses all else: MSAL asks that host, whatever the cloud,
// whether an authority is genuine. It returns the proxy's URL and a file with
// the authorities to trust.
//
// Source: https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud
func detour(t *testing.T, s *sim, dir string) (proxy, bundle string) {
	t.Helper()
	const public = "login.microsoftonline.com"
	target, err := url.Parse(s.AuthorityHost())
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(target)
	forward.Transport = s.client.Transport
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{public}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	genuine := httptest.NewUnstartedServer(forward)
	genuine.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	genuine.StartTLS()
	t.Cleanup(genuine.Close)
	connect := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != public+":443" {
			t.Logf("the client wanted to reach %s", r.Host)
			http.Error(w, "nothing else is reached from here", http.StatusForbidden)
			return
		}
		tunnel(w, genuine.Listener.Addr().String())
	}))
	t.Cleanup(connect.Close)
	bundle = filepath.Join(dir, "ca.pem")
	authorities := append(s.CACertPEM(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	if err := os.WriteFile(bundle, authorities, 0o600); err != nil {
		t.Fatal(err)
	}
	return connect.URL, bundle
}

// tunnel joins the connection of a CONNECT request to another one.
func tunnel(w http.ResponseWriter, address string) {
	upstream, err := net.Dial("tcp", address)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer upstream.Close()
	w.WriteHeader(http.StatusOK)
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer client.Close()
	var group sync.WaitGroup
	group.Go(func() {
		_, _ = io.Copy(upstream, buffered) // ends when either side does
		_ = upstream.Close()
	})
	_, _ = io.Copy(client, upstream)
	_ = client.Close()
	group.Wait()
}

// run returns standard output, or standard error when az fails.
func (a *azureCLI) run(t *testing.T, args ...string) (string, bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, a.path, args...)
	cmd.Env = a.env
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stderr.String(), false
	}
	return stdout.String(), true
}

func (a *azureCLI) must(t *testing.T, args ...string) string {
	t.Helper()
	out, ok := a.run(t, args...)
	if !ok {
		t.Fatalf("az %s: %s", strings.Join(args, " "), out)
	}
	return out
}

// list runs a command that prints a JSON list of strings.
func (a *azureCLI) list(t *testing.T, args ...string) []string {
	t.Helper()
	var values []string
	out := a.must(t, append(args, "--output", "json")...)
	if err := json.Unmarshal([]byte(out), &values); err != nil {
		t.Fatalf("az %s prints %s", strings.Join(args, " "), out)
	}
	return values
}

// TestAzureCLI has azure-cli register the simulator as a cloud, sign in with a
// service principal, and list what a Reader sees.
//
// Source: https://learn.microsoft.com/cli/azure/manage-clouds-azure-cli
func TestAzureCLI(t *testing.T) {
	t.Parallel()
	a := newAzureCLI(t, start(t, azuresim.Options{}))
	out, ok := a.run(t, "login", "--service-principal", "--username", "72f0c1a0-0000-4000-8000-0000000000a1", "--password", "nonsense", "--tenant", tenantID)
	if ok || !strings.Contains(out, "AADSTS7000215") {
		t.Errorf("a wrong secret gives: %s", out)
	}
	a.must(t, "login", "--service-principal", "--username", "72f0c1a0-0000-4000-8000-0000000000a1", "--password", "simulated-reader-secret", "--tenant", tenantID)
	a.must(t, "account", "set", "--subscription", strings.TrimPrefix(production, "/subscriptions/"))
	for _, tc := range []struct {
		name string
		args []string
		want []string
	}{
		{"subscriptions", []string{"account", "list", "--query", "sort([].name)"}, []string{"Production", "Sandbox"}},
		{"groups", []string{"group", "list", "--query", "sort([].name)"}, []string{"aks", "web"}},
		// Debian's package breaks at az vm, az network and az role: its libraries
		// are not those that its command line expects.
		{"virtual_machines", []string{"resource", "list", "--resource-type", "Microsoft.Compute/virtualMachines", "--query", "sort([].name)"}, []string{"vm-db", "vm-web"}},
		{"power_state", []string{"rest", "--url", web + "/providers/Microsoft.Compute/virtualMachines/vm-web/instanceView?api-version=2024-07-01", "--query", "statuses[?starts_with(code,'PowerState/')].displayStatus"}, []string{"VM running"}},
		{"clusters", []string{"aks", "list", "--query", "[].name"}, []string{"prod"}},
		{"security_rules", []string{"resource", "show", "--ids", web + "/providers/Microsoft.Network/networkSecurityGroups/nsg-front", "--query", "properties.securityRules[].name"}, []string{"allow-https"}},
		{"role_assignments", []string{"rest", "--url", sandbox + "/providers/Microsoft.Authorization/roleAssignments?api-version=2022-04-01", "--query", "value[].properties.principalId"}, []string{"72f0c1a0-0000-4000-8000-0000000000b1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, a.list(t, tc.args...)); diff != "" {
				t.Errorf("az %s (-want +got):\n%s", strings.Join(tc.args, " "), diff)
			}
		})
	}
	t.Run("reader_may_not_write", func(t *testing.T) {
		out, ok := a.run(t, "group", "create", "--name", "new", "--location", "westeurope")
		if ok || !strings.Contains(out, "AuthorizationFailed") {
			t.Errorf("it gives: %s", out)
		}
	})
}
