package aurora_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/azward/azward/access"
	"github.com/azward/azward/api/aurora"
	"github.com/azward/azward/azuresim"
	"github.com/azward/azward/azuresim/scenario"
	"github.com/azward/azward/connect"
	"github.com/azward/azward/seal"
	"github.com/azward/azward/store"
	"github.com/azward/azward/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Of azuresim's minimal scenario.
const (
	tenantID   = "72f0c1a0-0000-4000-8000-000000000001"
	reader     = "72f0c1a0-0000-4000-8000-0000000000a1"
	production = "72f0c1a0-0000-4000-8000-0000000000c1"
	sandbox    = "72f0c1a0-0000-4000-8000-0000000000c2"
	elsewhere  = "72f0c1a0-0000-4000-8000-0000000000ff"
)

// world is the routes behind a socket, over a store and the real SDK, with a
// simulated Azure at the other end.
type world struct {
	url         string
	connections connect.Connections
	audit       []string
	log         bytes.Buffer
	sim         *azuresim.Server
}

func newWorld(t *testing.T, change func(*scenario.Scenario)) *world {
	t.Helper()
	tenant, err := scenario.Load("minimal")
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(tenant)
	}
	w := &world{}
	if w.sim, err = azuresim.Start(t.Context(), azuresim.Options{Scenario: tenant}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cloud := filepath.Join(dir, "cloud.json")
	if err := os.WriteFile(cloud, w.sim.CloudConfig(), 0o600); err != nil {
		t.Fatal(err)
	}
	kept, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	w.connections = connect.Connections{Store: kept, Sealer: seal.Box{Provider: seal.File(filepath.Join(dir, store.KeyFile))}}
	routes := aurora.New(aurora.Options{
		Connections: w.connections, CloudConfig: cloud, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
		Audit: func(ctx context.Context, action, subject string, before, after any) error {
			who, _ := access.From(ctx)
			doc, err := json.Marshal([]any{before, after})
			w.audit = append(w.audit, who.Name+" "+action+" "+subject+" "+string(doc))
			return err
		},
	})
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if role := r.Header.Get("Test-Role"); role != "" {
			name := r.Header.Get("Test-Name")
			r = r.WithContext(access.With(r.Context(), access.Identity{UserID: "u-" + name, Name: name, Role: access.Role(role)}))
		}
		routes.ServeHTTP(rw, r)
	}))
	w.url = server.URL
	t.Cleanup(func() {
		server.Close()
		if err := errors.Join(w.sim.Close(), kept.Close()); err != nil {
			t.Error(err)
		}
	})
	return w
}

// ask sends a request as ana, who is an administrator, unless headers say other.
func (w *world) ask(t *testing.T, method, path, body string, headers ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Test-Role", string(access.Admin))
	r.Header.Set("Test-Name", "ana")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw)+w.log.String(), "simulated-") {
		t.Errorf("%s %s shows a secret: %s %s", method, path, raw, w.log.String())
	}
	return response.StatusCode, strings.TrimSpace(string(raw))
}

func loginBody(change map[string]any) string {
	fields := map[string]any{"userId": "u-ana", "tenantId": tenantID, "clientId": reader, "clientSecret": "simulated-reader-secret"}
	for k, v := range change {
		if v == nil {
			delete(fields, k)
			continue
		}
		fields[k] = v
	}
	raw, err := json.Marshal(fields)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

func in(t *testing.T, w *world, change map[string]any) {
	t.Helper()
	if status, body := w.ask(t, "POST", "/azure/login", loginBody(change)); status != http.StatusOK {
		t.Fatalf("login: %d %s", status, body)
	}
}

const (
	okProduction = `{"message":"Successfully logged in to Azure","subscription_id":"` + production + `","subscription_name":"Production"}`
	okSandbox    = `{"message":"Successfully logged in to Azure","subscription_id":"` + sandbox + `","subscription_name":"Sandbox"}`
	missing      = `{"error":"Missing required credentials"}`
	invalid      = `{"error":"Invalid Azure credentials"}`
	noneEnabled  = `{"error":"No enabled subscription found"}`
)

func TestLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	app := func(letter, name string) map[string]any {
		return map[string]any{"clientId": "72f0c1a0-0000-4000-8000-0000000000" + letter, "clientSecret": "simulated-" + name + "-secret"}
	}
	readOnly := func(v any) map[string]any { return map[string]any{"readOnlyCredentials": v} }
	for _, tc := range []struct {
		name   string
		body   string
		status int
		want   string
	}{
		{"plain", loginBody(nil), 200, okProduction},
		{"other_names", loginBody(map[string]any{
			"tenantId": nil, "clientId": nil, "clientSecret": nil, "tenant": tenantID, "appId": reader, "password": "simulated-reader-secret",
			"subscription_id": sandbox, "subscription_name": "Sandbox",
		}), 200, okSandbox},
		{"first_name_wins", loginBody(map[string]any{"tenant": "x", "appId": "y", "password": "z"}), 200, okProduction},
		{"empty_first_name", loginBody(map[string]any{"tenantId": "", "tenant": tenantID}), 200, okProduction},
		{"own_name_as_user", loginBody(map[string]any{"userId": "ana"}), 200, okProduction},
		{"no_user", loginBody(map[string]any{"userId": nil}), 200, okProduction},
		{"unknown_field", loginBody(map[string]any{"color": "blue"}), 200, okProduction},
		{"subscription", loginBody(map[string]any{"subscriptionId": strings.ToUpper(sandbox)}), 200, okSandbox},
		{"subscription_by_name", loginBody(map[string]any{"subscriptionName": "Sandbox"}), 200, okSandbox},
		{"name_is_Azures", loginBody(map[string]any{"subscriptionId": production, "subscriptionName": "<script>"}), 200, okProduction},
		{"subscription_not_listed", loginBody(map[string]any{"subscriptionId": elsewhere}), 400, noneEnabled},
		{"subscription_name_not_listed", loginBody(map[string]any{"subscriptionName": "Other"}), 400, noneEnabled},
		{"no_tenant", loginBody(map[string]any{"tenantId": nil}), 400, missing},
		{"no_client", loginBody(map[string]any{"clientId": nil}), 400, missing},
		{"no_secret", loginBody(map[string]any{"clientSecret": nil}), 400, missing},
		{"blank_secret", loginBody(map[string]any{"clientSecret": "  "}), 400, missing},
		{"number_as_tenant", loginBody(map[string]any{"tenantId": 7}), 400, missing},
		{"nothing", ``, 400, missing},
		{"no_json", `tenantId=x`, 400, missing},
		{"list", `[]`, 400, missing},
		{"null", `null`, 400, missing},
		{"too_long", loginBody(map[string]any{"color": strings.Repeat("x", 70<<10)}), 400, missing},
		{"tenant_is_no_guid", loginBody(map[string]any{"tenantId": "../../x"}), 401, invalid},
		{"unknown_tenant", loginBody(map[string]any{"tenantId": elsewhere}), 401, invalid},
		{"unknown_application", loginBody(map[string]any{"clientId": elsewhere}), 401, invalid},
		{"wrong_secret", loginBody(map[string]any{"clientSecret": "wrong"}), 401, invalid},
		{"secrets_ID", loginBody(map[string]any{"clientSecret": elsewhere}), 401, invalid},
		{"expired_secret", loginBody(app("a4", "expired")), 401, invalid},
		{"no_consent", loginBody(app("a7", "noconsent")), 401, invalid},
		{"blocked", loginBody(app("a8", "blocked")), 401, invalid},
		{"no_role", loginBody(app("a3", "noreader")), 400, noneEnabled},
		{"of_another_user", loginBody(map[string]any{"userId": "u-bo"}), 403, `{"error":"Unauthorized access to user data"}`},
		{"read_only", loginBody(readOnly(map[string]any{"clientId": reader, "clientSecret": "simulated-reader-secret"})), 200, okProduction},
		{"read_only_other_names", loginBody(map[string]any{"read_only_credentials": map[string]any{
			"tenant": tenantID, "appId": reader, "password": "simulated-reader-secret", "subscription_id": sandbox,
		}}), 200, okSandbox},
		{"read_only_null", loginBody(readOnly(json.RawMessage("null"))), 200, okProduction},
		{"read_only_text", loginBody(readOnly("reader")), 400, `{"error":"readOnlyCredentials must be an object"}`},
		{"read_only_empty_text", loginBody(readOnly("")), 400, `{"error":"readOnlyCredentials must be an object"}`},
		{"read_only_list", loginBody(readOnly([]string{"a"})), 400, `{"error":"readOnlyCredentials must be an object"}`},
		{"read_only_empty", loginBody(readOnly(map[string]any{})), 400, `{"error":"readOnlyCredentials must include clientId and clientSecret"}`},
		{"read_only_without_secret", loginBody(readOnly(map[string]any{"clientId": reader})), 400, `{"error":"readOnlyCredentials must include clientId and clientSecret"}`},
		{"read_only_wrong_secret", loginBody(readOnly(map[string]any{"clientId": reader, "clientSecret": "wrong"})), 401, invalid},
		{"read_only_without_role", loginBody(readOnly(app("a3", "noreader"))), 400, noneEnabled},
		{"read_only_of_other_subscription", loginBody(readOnly(map[string]any{"clientId": reader, "clientSecret": "simulated-reader-secret", "subscriptionId": elsewhere})), 400, noneEnabled},
	} {
		if status, got := w.ask(t, "POST", "/azure/login", tc.body); status != tc.status || got != tc.want {
			t.Errorf("%s: %d %s\nwant %d %s", tc.name, status, got, tc.status, tc.want)
		}
	}
}

// A login that fails changes nothing; read-only credentials are the ones that
// are kept, and what went before is in the audit log without its secret.
func TestWhatLoginKeeps(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	in(t, w, nil)
	before, _, err := w.connections.Credential(t.Context(), "aurora-u-ana")
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range []map[string]any{
		{"clientSecret": "wrong"},
		{"subscriptionId": elsewhere},
		{"readOnlyCredentials": map[string]any{"clientId": reader, "clientSecret": "wrong"}},
	} {
		if status, body := w.ask(t, "POST", "/azure/login", loginBody(change)); status == http.StatusOK {
			t.Errorf("%v: %s", change, body)
		}
	}
	after, secret, err := w.connections.Credential(t.Context(), "aurora-u-ana")
	if err != nil || secret.Reveal() != "simulated-reader-secret" {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("a failed login changes the connection:\n%s", diff)
	}
	grouped := map[string]any{"clientId": "72f0c1a0-0000-4000-8000-0000000000a2", "clientSecret": "simulated-groupreader-secret"}
	in(t, w, map[string]any{"readOnlyCredentials": grouped})
	after, secret, err = w.connections.Credential(t.Context(), "aurora-u-ana")
	if err != nil || after.ClientID != grouped["clientId"] || secret.Reveal() != grouped["clientSecret"] {
		t.Errorf("the read-only principal is not the one that is kept: %+v, %v", after, err)
	}
	if len(w.audit) != 2 || !strings.HasPrefix(w.audit[0], "ana connection.add aurora-u-ana [null,") || !strings.HasPrefix(w.audit[1], "ana connection.update aurora-u-ana [{") ||
		strings.Contains(fmt.Sprint(w.audit), "simulated-") {
		t.Errorf("audit: %q", w.audit)
	}
}

func TestAzureTrouble(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(*scenario.Scenario)
		status int
		want   string
	}{
		{"entra_is_down", func(s *scenario.Scenario) {
			s.Faults = append(s.Faults, scenario.Fault{Service: "entra", Path: "/**/oauth2/**", Reset: true})
		}, 401, `{"error":"Failed to get Azure token"}`},
		{"subscriptions_disabled", func(s *scenario.Scenario) {
			s.SubscriptionStates = map[string]string{production: "Disabled", sandbox: "Warned"}
		}, 400, noneEnabled},
		{"first_is_disabled", func(s *scenario.Scenario) { s.SubscriptionStates = map[string]string{production: "Disabled"} }, 200, okSandbox},
		{"list_is_refused", func(s *scenario.Scenario) {
			s.Faults = append(s.Faults, scenario.Fault{Service: "arm", Path: "/subscriptions", Status: 403, Body: `{"error":{"code":"AuthorizationFailed","message":"no"}}`})
		}, 401, invalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tc.change)
			if status, got := w.ask(t, "POST", "/azure/login", loginBody(nil)); status != tc.status || got != tc.want {
				t.Errorf("%d %s", status, got)
			}
			if _, _, err := w.connections.Credential(t.Context(), "aurora-u-ana"); (err == nil) != (tc.status == 200) {
				t.Errorf("kept: %v", err)
			}
		})
	}
}

func TestReading(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *scenario.Scenario) { s.Paging.ARM = 1 })
	for path, want := range map[string]string{
		"/azure/fetch_data": `{"error":"Azure credentials not found. Please re-authenticate."}`, "/azure/clusters": `{"error":"Azure credentials not found"}`,
		"/api/azure-subscriptions": `{"error":"No Azure credentials found. Please authenticate with Azure."}`,
	} {
		if status, got := w.ask(t, "GET", path, ""); status != 401 || got != want {
			t.Errorf("before the login %s: %d %s", path, status, got)
		}
	}
	in(t, w, nil)
	wrote := len(w.audit)
	steps := []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"data", "GET", "/azure/fetch_data", "", 200, `{"status":"success","subscription_id":"` + production + `","subscription_name":"Production"}`},
		{"clusters_of_all", "GET", "/azure/clusters", "", 200, `[{"name":"prod","resourceGroup":"aks","subscriptionId":"` + production + `"}]`},
		{"subscriptions_of_all_pages", "GET", "/api/azure-subscriptions", "", 200, `{"projects":[{"projectId":"` + production + `","name":"Production","enabled":true},{"projectId":"` + sandbox + `","name":"Sandbox","enabled":true}]}`},
		{"choose", "POST", "/api/azure-subscriptions", `{"projects":[{"projectId":"` + production + `","enabled":false},{"projectId":"` + sandbox + `","enabled":true}]}`, 200, `{"status":"success"}`},
		{"chosen", "GET", "/api/azure-subscriptions", "", 200, `{"projects":[{"projectId":"` + production + `","name":"Production","enabled":false},{"projectId":"` + sandbox + `","name":"Sandbox","enabled":true}]}`},
		{"data_of_the_chosen", "GET", "/azure/fetch_data", "", 200, `{"status":"success","subscription_id":"` + sandbox + `","subscription_name":"Sandbox"}`},
		{"clusters_of_the_chosen", "GET", "/azure/clusters", "", 200, `[]`},
		{"choose_not_listed", "POST", "/api/azure-subscriptions", `{"projects":[{"projectId":"` + elsewhere + `"}]}`, 400, noneEnabled},
		{"choose_none", "POST", "/api/azure-subscriptions", `{"projects":[]}`, 400, noneEnabled},
		{"no_choice", "POST", "/api/azure-subscriptions", `{}`, 200, `{"status":"success"}`},
		{"choice_is_no_list", "POST", "/api/azure-subscriptions", `{"projects":"all"}`, 400, `{"error":"projects must be a list"}`},
		{"choice_of_another", "POST", "/api/azure-subscriptions", `{"userId":"u-bo","projects":[]}`, 403, `{"error":"Unauthorized access to user data"}`},
		{"still_chosen", "GET", "/azure/fetch_data", "", 200, `{"status":"success","subscription_id":"` + sandbox + `","subscription_name":"Sandbox"}`},
		{"disconnect", "DELETE", "/api/connected-accounts/azure", "", 200, `{"success":true,"message":"Removed azure credentials"}`},
		{"disconnect_again", "DELETE", "/api/connected-accounts/u-ana/azure", "", 200, `{"success":true,"message":"No tokens found for provider – nothing to delete"}`},
		{"disconnect_another", "DELETE", "/api/connected-accounts/u-bo/azure", "", 403, `{"error":"Unauthorized access to user data"}`},
		{"gone", "GET", "/azure/clusters", "", 401, `{"error":"Azure credentials not found"}`},
		{"other_provider", "DELETE", "/api/connected-accounts/aws", "", 404, `{"error":"Not found"}`},
	}
	for _, s := range steps {
		if status, got := w.ask(t, s.method, s.path, s.body); status != s.status || got != s.want {
			t.Errorf("%s: %d %s\nwant %d %s", s.name, status, got, s.status, s.want)
		}
	}
	if len(w.audit) != wrote+2 {
		t.Errorf("audit: %q", w.audit[wrote:])
	}
	for _, r := range w.sim.Requests() {
		if r.Service != "entra" && r.Method != http.MethodGet {
			t.Errorf("azward sent %s %s", r.Method, r.Path)
		}
	}
}

// Credentials that worked once and then do not.
func TestLapsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *scenario.Scenario) {
		s.Faults = append(s.Faults, scenario.Fault{Service: "arm", Path: "/subscriptions/*/providers/Microsoft.ContainerService/managedClusters", Status: 403, Body: `{"error":{"code":"AuthorizationFailed","message":"no"}}`})
	})
	in(t, w, nil)
	if status, got := w.ask(t, "GET", "/azure/clusters", ""); status != 500 || got != `{"error":"Failed to fetch AKS clusters"}` {
		t.Errorf("clusters that may not be read: %d %s", status, got)
	}
	connection, _, err := w.connections.Credential(t.Context(), "aurora-u-ana")
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.connections.Update(t.Context(), connect.Request{
		Name: connection.Name, TenantID: tenantID, ClientID: reader, CloudConfig: connection.CloudConfig,
		Auth: store.AuthClientSecret, Secret: seal.NewSecret("rotated-away"),
	}, time.Time{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/azure/fetch_data":        `401 {"error":"Azure credentials not found. Please re-authenticate."}`,
		"/azure/clusters":          `500 {"error":"Failed to fetch AKS clusters"}`,
		"/api/azure-subscriptions": `401 {"error":"No Azure credentials found. Please authenticate with Azure."}`,
	} {
		if status, got := w.ask(t, "GET", path, ""); fmt.Sprint(status, " ", got) != want {
			t.Errorf("%s: %d %s, want %s", path, status, got, want)
		}
	}
}

// Two users have a connection each; neither gets at the other's.
func TestUsersApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	in(t, w, map[string]any{"subscriptionId": sandbox})
	if status, got := w.ask(t, "GET", "/azure/fetch_data", "", "Test-Name", "bo"); status != 401 {
		t.Errorf("bo sees %d %s", status, got)
	}
	if status, got := w.ask(t, "GET", "/azure/fetch_data", "", "Test-Name", "bo", "X-User-ID", "u-ana"); status != 403 {
		t.Errorf("bo as ana sees %d %s", status, got)
	}
	if status, got := w.ask(t, "GET", "/azure/fetch_data?user_id=u-ana", "", "Test-Name", "bo"); status != 403 {
		t.Errorf("bo as ana sees %d %s", status, got)
	}
	if status, got := w.ask(t, "DELETE", "/api/connected-accounts/azure", "", "Test-Name", "bo"); status != 200 || !strings.Contains(got, "nothing to delete") {
		t.Errorf("bo deletes: %d %s", status, got)
	}
	if status, got := w.ask(t, "GET", "/azure/fetch_data", "", "X-User-ID", "u-ana"); status != 200 || !strings.Contains(got, sandbox) {
		t.Errorf("ana sees %d %s", status, got)
	}
}

func TestEveryRouteAndRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, route := range aurora.Routes() {
		path := strings.ReplaceAll(route.Pattern, "{user}", "u-ana")
		for _, role := range []access.Role{"", access.Viewer, access.Operator, access.Admin, "king"} {
			status, body := w.ask(t, route.Method, path, "{}", "Test-Role", string(role))
			refused := status == 403 || body == `{"error":"Unauthorized"}`
			if may := route.Least == "" || role.Allows(route.Least); may == refused {
				t.Errorf("%s %s as %q: %d %s", route.Method, path, role, status, body)
			}
			if role == "" && route.Least != "" && status != 401 {
				t.Errorf("%s %s as nobody: %d %s", route.Method, path, status, body)
			}
		}
	}
	for _, r := range [][2]string{{"GET", "/azure/login"}, {"PUT", "/azure/clusters"}, {"GET", "/azure/../etc/passwd"}, {"GET", "/azure/callback"}} {
		if status, body := w.ask(t, r[0], r[1], ""); status == 200 || !strings.HasPrefix(body, `{"error":`) && status != 405 {
			t.Errorf("%s %s: %d %s", r[0], r[1], status, body)
		}
	}
}
