package azure_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/azward/azward"
	"github.com/azward/azward/azure"
	"github.com/azward/azward/azuresim"
	"github.com/azward/azward/azuresim/scenario"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	tenant     = azward.TenantID("72f0c1a0-0000-4000-8000-000000000001")
	production = "/subscriptions/72f0c1a0-0000-4000-8000-0000000000c1"
)

type sim struct {
	*azuresim.Server
	scenario *scenario.Scenario
	cloud    azure.Cloud
}

func start(t testing.TB, change func(*scenario.Scenario)) *sim {
	t.Helper()
	s, err := scenario.Load("minimal")
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(s)
	}
	server, err := azuresim.Start(t.Context(), azuresim.Options{Scenario: s})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("close the simulator: %v", err)
		}
	})
	return &sim{server, s, cloudOf(t, server.CloudConfig())}
}

func cloudOf(t testing.TB, config []byte) azure.Cloud {
	t.Helper()
	file := filepath.Join(t.TempDir(), "cloud.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	cloud, err := azure.LoadCloudConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	return cloud
}

func text(s string) func() (string, error) { return func() (string, error) { return s, nil } }

func (s *sim) signIn(app string) azure.SignIn {
	a, _ := s.scenario.App(app)
	in := azure.SignIn{Method: azure.ClientSecret, TenantID: tenant, ClientID: a.ClientID}
	if len(a.Secrets) > 0 {
		in.Secret = text(a.Secrets[0].Value)
	}
	return in
}

func (s *sim) client(t testing.TB, in azure.SignIn, o azure.Options) *azure.Client {
	t.Helper()
	credential, err := s.cloud.Credential(in)
	if err != nil {
		t.Fatal(err)
	}
	client, err := azure.NewClient(s.cloud, credential, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func TestSignInMethods(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	certificate, err := s.ClientCertificate("cert")
	if err != nil {
		t.Fatal(err)
	}
	assertion, err := s.FederatedAssertion("repo:contoso/shop:ref:refs/heads/main", "")
	if err != nil {
		t.Fatal(err)
	}
	tokenFile := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(tokenFile, []byte(assertion), 0o600); err != nil {
		t.Fatal(err)
	}
	withCertificate := s.signIn("cert")
	withCertificate.Method, withCertificate.Secret = azure.Certificate, text(string(certificate))
	withFile := s.signIn("federated")
	withFile.Method, withFile.TokenFile = azure.FederatedToken, tokenFile
	for name, in := range map[string]azure.SignIn{
		"client_secret": s.signIn("reader"), "certificate": withCertificate, "federated_token_file": withFile,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := s.client(t, in, azure.Options{}).Principal(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if p.AppID != in.ClientID || p.TenantID != tenant || p.ObjectID == "" || !p.Expires.After(time.Now()) {
				t.Errorf("principal %+v", p)
			}
		})
	}
}

func TestSignInErrors(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	change := func(app string, f func(*azure.SignIn)) azure.SignIn {
		in := s.signIn(app)
		f(&in)
		return in
	}
	other, err := s.FederatedAssertion("repo:contoso/other:ref:refs/heads/main", "")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		in     azure.SignIn
		code   string
		remedy string
	}{
		{"wrong_secret", change("reader", func(in *azure.SignIn) { in.Secret = text("not-it") }), "AADSTS7000215", "credential reset --id 72f0c1a0-0000-4000-8000-0000000000a1"},
		{"expired_secret", s.signIn("expired"), "AADSTS7000222", "credential reset --id 72f0c1a0-0000-4000-8000-0000000000a4"},
		{"application_not_in_tenant", change("reader", func(in *azure.SignIn) { in.ClientID = "72f0c1a0-0000-4000-8000-0000000000ff" }), "AADSTS700016", "az ad sp create --id 72f0c1a0-0000-4000-8000-0000000000ff"},
		{"unknown_tenant", change("reader", func(in *azure.SignIn) { in.TenantID = "72f0c1a0-0000-4000-8000-00000000beef" }), "AADSTS90002", "check the tenant ID"},
		{"no_consent", s.signIn("noconsent"), "AADSTS65001", "72f0c1a0-0000-4000-8000-000000000001/adminconsent?client_id=72f0c1a0-0000-4000-8000-0000000000a7"},
		{"conditional_access", s.signIn("blocked"), "AADSTS53003", "exclude the application"},
		{"federated_subject", change("federated", func(in *azure.SignIn) { in.Method, in.TokenFile = azure.FederatedToken, file }), "AADSTS700213", "federated-credential list --id 72f0c1a0-0000-4000-8000-0000000000a6"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := s.client(t, tc.in, azure.Options{}).Principal(t.Context())
			var e *azward.Error
			if !errors.As(err, &e) || e.Kind != azward.KindSignIn || !strings.Contains(e.Cause, tc.code) || !strings.Contains(e.Remedy, tc.remedy) {
				t.Errorf("error %v, remedy %q", err, remedyOf(err))
			}
			if secret := "not-it"; strings.Contains(fmt.Sprintf("%v %+v %q", err, e.Err, e.Remedy), secret) {
				t.Error("the error shows the secret")
			}
		})
	}
}

func remedyOf(err error) string {
	var e *azward.Error
	if errors.As(err, &e) {
		return e.Remedy
	}
	return ""
}

func TestSignInWhereNobodyAnswers(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s.cloud.AuthorityHost = "https://" + dead
	_, err = s.client(t, s.signIn("reader"), azure.Options{MaxRetries: -1}).Principal(t.Context())
	if azward.KindOf(err) != azward.KindUnavailable || !strings.Contains(err.Error(), "refused") {
		t.Errorf("error %v (%s)", err, azward.KindOf(err))
	}
}

func TestReadErrors(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for _, tc := range []struct {
		name, app, path, version string
		kind                     azward.Kind
		cause, remedy            string
	}{
		{
			"role_missing", "noreader", production + "/resourceGroups/web/providers/Microsoft.Compute/virtualMachines/vm-web", "2024-07-01", azward.KindRole,
			"principal 72f0c1a0-0000-4000-8000-0000000000b3 lacks Microsoft.Compute/virtualMachines/read on /subscriptions/", "az role assignment create --role Reader --assignee 72f0c1a0-0000-4000-8000-0000000000b3 --scope " + production,
		},
		{"no_such_subscription", "reader", "/subscriptions/72f0c1a0-0000-4000-8000-00000000dead/resourcegroups", "2024-03-01", azward.KindNotFound, "SubscriptionNotFound", "az account list"},
		{"subscription_with_braces", "reader", "/subscriptions/{72f0c1a0}/resourcegroups", "2024-03-01", azward.KindUsage, "not a GUID", "az account list"},
		{"no_such_resource", "reader", production + "/resourceGroups/web/providers/Microsoft.Compute/virtualMachines/none", "2024-07-01", azward.KindNotFound, "not there", ""},
		{"unknown_version", "reader", production + "/resourceGroups/web/providers/Microsoft.Compute/virtualMachines/vm-web", "1999-01-01", azward.KindFailed, "NoRegisteredProviderFound", "report it"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := s.client(t, s.signIn(tc.app), azure.Options{}).Get(t.Context(), tc.path, tc.version)
			var e *azward.Error
			if !errors.As(err, &e) || e.Kind != tc.kind || !strings.Contains(e.Cause, tc.cause) || !strings.Contains(e.Remedy, tc.remedy) {
				t.Errorf("kind %s, error %v\nremedy %q", azward.KindOf(err), err, remedyOf(err))
			}
		})
	}
}

// Read mode cannot send a write, whatever the caller says: the request never
// reaches the wire.
func TestReadModeSendsNoWrite(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	client := s.client(t, s.signIn("reader"), azure.Options{})
	if _, err := client.Get(t.Context(), production, "2022-12-01"); err != nil {
		t.Fatal(err)
	}
	before := len(s.Requests())
	cluster := production + "/resourceGroups/aks/providers/Microsoft.ContainerService/managedClusters/prod"
	for _, path := range []string{
		production + "/resourceGroups/web/providers/Microsoft.Compute/virtualMachines/vm-web/powerOff",
		cluster + "/listClusterAdminCredential",
		cluster + "/stop",
		cluster + "/runCommand",
		"/providers/Microsoft.ResourceGraph/resources/../../../subscriptions",
		cluster + "/listClusterUserCredential/../stop",
		production + "/resourceGroups/aks/providers/Microsoft.Storage/storageAccounts/a/listKeys",
	} {
		if _, err := client.Post(t.Context(), path, "2024-09-01", nil); err == nil || !strings.Contains(err.Error(), `mode "read"`) {
			t.Errorf("%s: error %v", path, err)
		}
	}
	if n := len(s.Requests()) - before; n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// fixed is a credential whose token nobody checks.
type fixed struct{}

func (fixed) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "t", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// arm serves a handler as Resource Manager and returns a client for it.
func arm(t testing.TB, h http.HandlerFunc, o azure.Options) (*azure.Client, string) {
	t.Helper()
	server := httptest.NewTLSServer(h)
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	config, err := json.Marshal(map[string]string{"authorityHost": server.URL, "armEndpoint": server.URL, "graphEndpoint": server.URL, "acrSuffix": ".azurecr.io", "caFile": ca})
	if err != nil {
		t.Fatal(err)
	}
	client, err := azure.NewClient(cloudOf(t, config), fixed{}, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client, server.URL
}

func answer(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(body)) // the client is gone if this fails
}

func TestPagesAreFollowedWithCare(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		next  func(base string, n int64) string
		items int
		cause string
	}{
		{"two_pages", func(base string, n int64) string {
			if n > 1 {
				return ""
			}
			return base + "/list?page=2"
		}, 2, ""},
		{"other_host", func(string, int64) string { return "https://127.0.0.1:9/list?page=2" }, 1, "leads elsewhere"},
		{"plain_http", func(base string, _ int64) string { return strings.Replace(base, "https", "http", 1) + "/list" }, 1, "leads elsewhere"},
		{"user_in_the_address", func(string, int64) string { return "https://a@127.0.0.1:9/" }, 1, "leads elsewhere"},
		{"the_same_page", func(base string, _ int64) string { return base + "/list?page=2" }, 2, "in a circle"},
		{"not_an_address", func(string, int64) string { return "::" }, 1, "leads elsewhere"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var base string
			var n atomic.Int64
			client, url := arm(t, func(w http.ResponseWriter, _ *http.Request) {
				body, err := json.Marshal(map[string]any{"value": []any{map[string]string{"id": "/x"}}, "nextLink": tc.next(base, n.Add(1))})
				if err != nil {
					t.Error(err)
				}
				answer(w, string(body))
			}, azure.Options{})
			base = url
			items := 0
			var failure error
			for page, err := range client.Pages(t.Context(), "/list", "2024-01-01") {
				failure = err
				items += len(page)
			}
			if items != tc.items || (tc.cause == "") != (failure == nil) || failure != nil && !strings.Contains(failure.Error(), tc.cause) {
				t.Errorf("%d items, error %v", items, failure)
			}
		})
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"html": "<html>", "empty": "", "list": "[]", "cut": `{"value":[`, "number": "1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, _ := arm(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, body) }, azure.Options{})
			if _, err := client.Get(t.Context(), "/x", "2024-01-01"); azward.KindOf(err) != azward.KindBadInput {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestThrottlingThatLastsIsGivenUp(t *testing.T) {
	t.Parallel()
	client, _ := arm(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
		answer(w, `{"error":{"code":"TooManyRequests","message":"m"}}`)
	}, azure.Options{MaxWait: time.Second})
	for range 2 { // the second finds the bucket stopped and sends nothing
		start := time.Now()
		_, err := client.Get(t.Context(), production, "2022-12-01")
		if azward.KindOf(err) != azward.KindThrottled {
			t.Errorf("error %v", err)
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("it waited %s", took)
		}
	}
	if n := client.Stats().Requests; n != 1 {
		t.Errorf("%d requests were sent, want 1", n)
	}
}

func TestQueryPagesAndGroups(t *testing.T) {
	t.Parallel()
	type request struct {
		Subscriptions []string       `json:"subscriptions"`
		Options       map[string]any `json:"options"`
	}
	var requests []string
	client, _ := arm(t, func(w http.ResponseWriter, r *http.Request) {
		var q request
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			t.Error(err)
		}
		requests = append(requests, fmt.Sprintf("%d subscriptions, token %v", len(q.Subscriptions), q.Options["$skipToken"]))
		if q.Options["$skipToken"] == nil {
			answer(w, `{"data":[{"id":"/1"}],"$skipToken":"two","resultTruncated":"false"}`)
			return
		}
		answer(w, `{"data":[{"id":"/2"}],"resultTruncated":"false"}`)
	}, azure.Options{})
	subscriptions := make([]azward.SubscriptionID, 301)
	rows := 0
	for page, err := range client.Query(t.Context(), subscriptions, "resources | order by id asc") {
		if err != nil {
			t.Fatal(err)
		}
		rows += len(page)
	}
	want := []string{"300 subscriptions, token <nil>", "300 subscriptions, token two", "1 subscriptions, token <nil>", "1 subscriptions, token two"}
	if diff := cmp.Diff(want, requests); diff != "" || rows != 4 {
		t.Errorf("%d rows, requests (-want +got):\n%s", rows, diff)
	}
}

func TestQueryCutShortIsAnError(t *testing.T) {
	t.Parallel()
	client, _ := arm(t, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, `{"data":[{"id":"/1"}],"resultTruncated":"true"}`)
	}, azure.Options{})
	var failure error
	for _, err := range client.Query(t.Context(), []azward.SubscriptionID{"s"}, "resources") {
		failure = err
	}
	if failure == nil {
		t.Error("rows are missing and nobody says so")
	}
}

func TestRequestsUnderWayAreBounded(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	var tooMany atomic.Bool
	client, _ := arm(t, func(w http.ResponseWriter, _ *http.Request) {
		if now.Add(1) > 3 {
			tooMany.Store(true)
		}
		defer now.Add(-1)
		time.Sleep(2 * time.Millisecond) // long enough for the others to arrive
		answer(w, `{}`)
	}, azure.Options{MaxConcurrent: 3})
	done := make(chan error, 30)
	for range cap(done) {
		go func() {
			_, err := client.Get(t.Context(), "/x", "2024-01-01")
			done <- err
		}()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if tooMany.Load() {
		t.Error("more than 3 requests at once")
	}
}

func TestRegistryToken(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	client := s.client(t, s.signIn("reader"), azure.Options{})
	first, err := client.RegistryToken(t.Context(), "contosoacr.azurecr.io", tenant)
	if err != nil {
		t.Fatal(err)
	}
	second, err := client.RegistryToken(t.Context(), "CONTOSOACR.azurecr.io", tenant)
	if err != nil || first == "" || first != second {
		t.Errorf("second token differs: %v", err)
	}
	cloud := cloudOf(t, []byte(`{"authorityHost":"https://a","armEndpoint":"https://b","acrSuffix":"azurecr.io"}`))
	if cloud.IsRegistry("evilazurecr.io") || !cloud.IsRegistry("Contoso.azurecr.io") {
		t.Error("a suffix without its dot takes in other names")
	}
	if _, err := client.RegistryToken(t.Context(), "contosoacr.azurecr.io.example.com", tenant); azward.KindOf(err) != azward.KindUsage {
		t.Errorf("a token would go to a foreign host: %v", err)
	}
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	permissions, err := s.client(t, s.signIn("reader"), azure.Options{}).Permissions(t.Context(), production)
	if err != nil {
		t.Fatal(err)
	}
	allows := func(action string) bool {
		return slices.ContainsFunc(permissions, func(p azure.Permission) bool { return p.Allows(action) })
	}
	if !allows("Microsoft.Network/loadBalancers/read") || allows("Microsoft.Network/loadBalancers/write") {
		t.Errorf("permissions %+v", permissions)
	}
}

func TestPermissionPatterns(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		p       azure.Permission
		action  string
		allowed bool
	}{
		{"everything", azure.Permission{Actions: []string{"*"}}, "A/b/delete", true},
		{"any_read", azure.Permission{Actions: []string{"*/read"}}, "Microsoft.Network/loadBalancers/READ", true},
		{"read_is_not_write", azure.Permission{Actions: []string{"*/read"}}, "Microsoft.Network/loadBalancers/write", false},
		{"provider", azure.Permission{Actions: []string{"microsoft.network/*"}}, "Microsoft.Network/loadBalancers/read", true},
		{"dot_is_a_dot", azure.Permission{Actions: []string{"Microsoft.Network/*"}}, "MicrosoftXNetwork/a/read", false},
		{"in_the_middle", azure.Permission{Actions: []string{"Microsoft.Network/*/read"}}, "Microsoft.Network/a/b/read", true},
		{"not_action", azure.Permission{Actions: []string{"*"}, NotActions: []string{"Microsoft.Network/*"}}, "Microsoft.Network/a/read", false},
		{"nothing", azure.Permission{}, "A/b/read", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := tc.p.Allows(tc.action); got != tc.allowed {
				t.Errorf("allows is %t", got)
			}
		})
	}
}

func TestCloudConfigThatIsNone(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]string{
		"not_json": "authorityHost: x", "unknown_field": `{"authorityHost":"https://a","armEndpoint":"https://b","extra":1}`,
		"plain_http": `{"authorityHost":"http://a","armEndpoint":"https://b"}`, "no_endpoint": `{}`,
		"too_large": `{"caFile":"` + strings.Repeat("x", 1<<20) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "cloud.json")
			if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := azure.LoadCloudConfig(file)
			if azward.KindOf(err) != azward.KindUsage || remedyOf(err) == "" {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestCAFileThatIsNone(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte("not PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.cloud.CAFile = file
	if _, err := s.cloud.Credential(s.signIn("reader")); azward.KindOf(err) != azward.KindUsage {
		t.Errorf("error %v", err)
	}
}

// A server whose certificate is not trusted is said to be that, and is not
// spoken to.
func TestCertificateIsVerified(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.cloud.CAFile = ""
	_, err := s.client(t, s.signIn("reader"), azure.Options{MaxRetries: -1}).Principal(t.Context())
	if azward.KindOf(err) != azward.KindUnavailable || !strings.Contains(err.Error(), "not trusted") {
		t.Errorf("error %v", err)
	}
}
