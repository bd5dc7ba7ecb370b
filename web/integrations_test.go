package web_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/store"
)

const (
	tenantID = "3f1c9e0a-7b52-4c8d-9d41-6e0f2ab5c713"
	clientID = "0f2b8c1e-4d5a-4c3b-9e21-7a6b5c4d3e2f"
	password = "s3cr3t~value.of-the_application"
)

// service is a form that connects by client secret.
func service(name string) url.Values {
	return url.Values{"auth": {"clientSecret"}, "name": {name}, "tenant": {tenantID}, "client": {clientID}, "secret": {password}, "cloud": {"public"}}
}

// says looks for text without case: sentences start with a capital.
func says(body, text string) bool {
	return strings.Contains(strings.ToLower(body), strings.ToLower(text))
}

// within is the page without its frame.
func within(body string) string {
	_, rest, _ := strings.Cut(body, "<main")
	return rest
}

// audited gives the actions of the log, the newest first.
func (h hub) audited(tb testing.TB) string {
	tb.Helper()
	return h.get(tb, "/settings/audit")
}

func TestConnectAndConfigure(t *testing.T) {
	t.Parallel()
	h := newHub(t, nil, nil)
	if to := h.post(t, "/integrations/azure", service("second")); to != "/integrations/connections/second/test" {
		t.Errorf("after connecting one gets to %s", to)
	}
	kept, err := h.kept.Connection(t.Context(), "second")
	must(t, err)
	if kept.TenantID != tenantID || kept.ClientID != clientID || kept.Sealed == nil || strings.Contains(string(kept.Sealed), password) {
		t.Errorf("kept %+v", kept)
	}
	was := url.Values{"auth": {"clientSecret"}, "tenant": {tenantID}, "client": {clientID}, "cloud": {"usgovernment"}, "was": {kept.UpdatedAt.Format("2006-01-02T15:04:05.999999999Z07:00")}}
	h.post(t, "/integrations/connections/second", was)
	after, err := h.kept.Connection(t.Context(), "second")
	must(t, err)
	if after.Cloud != "usgovernment" || after.Sealed == nil {
		t.Errorf("the change gives %+v", after)
	}
	for _, path := range []string{"/integrations", "/integrations/connections/second", "/settings/audit"} {
		if strings.Contains(h.get(t, path), password) {
			t.Errorf("%s shows the secret", path)
		}
	}
	if log := h.audited(t); !strings.Contains(log, "connection.add") || !strings.Contains(log, "connection.update") {
		t.Error("the log does not have what was done")
	}
}

func TestConnectSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	h := newHub(t, nil, nil)
	for name, tc := range map[string]struct {
		key, value string
		status     int
		says       string
	}{
		"tenant_is_no_guid":     {"tenant", "contoso.onmicrosoft.com", http.StatusBadRequest, "tenant ID"},
		"client_missing":        {"client", "", http.StatusBadRequest, "client ID"},
		"secret_is_its_id":      {"secret", "5d5a4c3b-9e21-4a6b-8c4d-3e2f0f2b8c1e", http.StatusBadRequest, "column Value"},
		"secret_missing":        {"secret", "", http.StatusBadRequest, "needs a secret"},
		"name_with_slash":       {"name", "a/b", http.StatusBadRequest, "letters"},
		"name_taken":            {"name", "prod", http.StatusConflict, "prod"},
		"cloud_unknown":         {"cloud", hostile, http.StatusBadRequest, "usgovernment"},
		"subscription_no_guid":  {"subscriptions", hostile, http.StatusBadRequest, "subscription ID"},
		"method_unknown":        {"auth", hostile, http.StatusBadRequest, "how to sign in"},
		"certificate_is_no_pem": {"auth", "certificate", http.StatusBadRequest, "PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			form := service("third")
			form.Set(tc.key, tc.value)
			got := h.as(t, access.Operator, http.MethodPost, "/integrations/azure", form)
			body := got.Body.String()
			strict(t, name, body)
			if got.Code != tc.status || !says(body, tc.says) || !strings.Contains(body, "What to do:") {
				t.Errorf("gives %d:\n%.3000s", got.Code, within(body))
			}
			if strings.Contains(body, password) {
				t.Error("the secret comes back")
			}
		})
	}
}

// TestFilesOfTheServer: an operator could have the secret of a connection sent
// to a host of theirs by a file with endpoints, or have any file read.
func TestFilesOfTheServer(t *testing.T) {
	t.Parallel()
	h := newHub(t, nil, nil)
	for _, key := range []string{"cloudConfig", "tokenFile"} {
		form := service("files")
		form.Set(key, "/etc/passwd")
		if got := h.as(t, access.Operator, http.MethodPost, "/integrations/azure", form); got.Code != http.StatusForbidden {
			t.Errorf("an operator names %s: %d", key, got.Code)
		}
	}
}

func TestTwoBrowsersConfigure(t *testing.T) {
	t.Parallel()
	h := newHub(t, nil, nil)
	form := url.Values{"auth": {"azureCLI"}, "was": {noon.Format("2006-01-02T15:04:05Z")}, "cloud": {"china"}}
	h.post(t, "/integrations/connections/prod", form)
	form.Set("cloud", "usgovernment")
	got := h.as(t, access.Operator, http.MethodPost, "/integrations/connections/prod", form)
	if got.Code != http.StatusPreconditionFailed || !says(got.Body.String(), "somebody changed it") {
		t.Errorf("the second browser gets %d:\n%.2000s", got.Code, within(got.Body.String()))
	}
	if !strings.Contains(got.Body.String(), `value="usgovernment" selected`) {
		t.Error("what the second typed is lost")
	}
	c, err := h.kept.Connection(t.Context(), "prod")
	must(t, err)
	if c.Cloud != "china" {
		t.Errorf("the cloud is %s", c.Cloud)
	}
}

func TestDisconnect(t *testing.T) {
	t.Parallel()
	h := newHub(t, sample(), nil)
	body := h.get(t, "/integrations/connections/prod/disconnect")
	for _, text := range []string{"What stops", "What stays", "verdicts are deleted", "nothing changes in Azure"} {
		if !says(body, text) {
			t.Errorf("it does not say %q", text)
		}
	}
	form := url.Values{"was": {noon.Format("2006-01-02T15:04:05Z")}, "name": {"other"}}
	if got := h.as(t, access.Admin, http.MethodPost, "/integrations/connections/prod/disconnect", form); got.Code != http.StatusBadRequest {
		t.Errorf("another name gives %d", got.Code)
	}
	old := url.Values{"was": {"2020-01-01T00:00:00Z"}, "name": {"prod"}}
	if got := h.as(t, access.Admin, http.MethodPost, "/integrations/connections/prod/disconnect", old); got.Code != http.StatusPreconditionFailed {
		t.Errorf("a stale page gives %d", got.Code)
	}
	form.Set("name", "prod")
	if to := h.post(t, "/integrations/connections/prod/disconnect", form); to != "/integrations" {
		t.Errorf("leads to %s", to)
	}
	if _, err := h.kept.Connection(t.Context(), "prod"); azward.KindOf(err) != azward.KindNotFound {
		t.Errorf("it is still there: %v", err)
	}
	if !strings.Contains(h.audited(t), "connection.remove") {
		t.Error("the log does not have it")
	}
}

// browser goes from page to page with cookies.
type browser struct {
	hub
	user    string
	cookies map[string]string
}

func (b *browser) get(tb testing.TB, target string) *httptest.ResponseRecorder {
	return b.send(tb, http.MethodGet, target, nil)
}

func (b *browser) send(tb testing.TB, method, target string, form url.Values) *httptest.ResponseRecorder {
	tb.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(form.Encode()))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r.WithContext(access.With(tb.Context(), access.Identity{UserID: b.user, Name: "ada", Role: access.Operator})))
	for _, c := range w.Result().Cookies() {
		b.cookies[c.Name] = c.Value
	}
	return w
}

// consentHub has a connection that signs in against a cloud of a file.
func consentHub(t *testing.T) (hub, *browser) {
	t.Helper()
	h := newHub(t, nil, nil)
	file := filepath.Join(t.TempDir(), "cloud.json")
	raw, err := json.Marshal(map[string]string{"authorityHost": "https://127.0.0.1:1", "armEndpoint": "https://127.0.0.1:1", "graphEndpoint": "https://127.0.0.1:1/graph", "acrSuffix": ".azurecr.io"})
	must(t, err)
	must(t, os.WriteFile(file, raw, 0o600))
	must(t, h.kept.AddConnection(t.Context(), store.Connection{
		Name: "client", Kind: store.KindAzure, CloudConfig: file, TenantID: tenantID, ClientID: clientID, Auth: store.AuthClientSecret, CreatedAt: noon, UpdatedAt: noon,
	}))
	return h, &browser{hub: h, user: h.admin.ID, cookies: map[string]string{}}
}

// begin asks for consent and gives the link's query.
func (b *browser) begin(tb testing.TB, target string) url.Values {
	tb.Helper()
	got := b.get(tb, target)
	at, err := url.Parse(got.Header().Get("Location"))
	must(tb, err)
	if got.Code != http.StatusSeeOther || at.Host == "" {
		tb.Fatalf("%s gives %d %s", target, got.Code, at)
	}
	return at.Query()
}

const askForClient = "/integrations/azure/consent?connection=client"

func callback(q url.Values) string { return "/integrations/azure/consent/callback?" + q.Encode() }

func TestConsentRoundTrip(t *testing.T) {
	t.Parallel()
	_, b := consentHub(t)
	got := b.get(t, askForClient)
	at, err := url.Parse(got.Header().Get("Location"))
	must(t, err)
	q := at.Query()
	state := q.Get("state")
	q.Del("state")
	want := url.Values{"client_id": {clientID}, "scope": {"https://127.0.0.1:1/graph/.default"}, "redirect_uri": {"http://localhost:8484/integrations/azure/consent/callback"}}
	if diff := cmp.Diff(want, q); diff != "" || at.Host != "127.0.0.1:1" || at.Path != "/"+tenantID+"/v2.0/adminconsent" || len(state) < 20 {
		t.Errorf("asks at %s:\n%s", at, diff)
	}
	answer := url.Values{"state": {state}, "admin_consent": {"True"}, "tenant": {strings.ToUpper(tenantID)}}
	if got := b.get(t, callback(answer)); got.Code != http.StatusSeeOther || got.Header().Get("Location") != "/integrations/connections/client/test" {
		t.Errorf("the answer gives %d %s", got.Code, got.Header().Get("Location"))
	}
	if !strings.Contains(b.audited(t), "connection.consent") {
		t.Error("the log does not have it")
	}
	if got := b.get(t, callback(answer)); got.Code != http.StatusPreconditionFailed || !says(got.Body.String(), "taken up already") {
		t.Errorf("the second time gives %d", got.Code)
	}
}

func TestConsentIsNotTaken(t *testing.T) {
	t.Parallel()
	good := url.Values{"admin_consent": {"True"}, "tenant": {tenantID}}
	for name, tc := range map[string]struct {
		change func(b *browser, q url.Values)
		status int
		says   string
	}{
		"denied": {func(_ *browser, q url.Values) {
			q.Set("error", "consent_required")
			q.Set("error_description", "AADSTS65004: "+hostile)
		}, http.StatusUnauthorized, "the administrator did not consent"},
		"refused":          {func(_ *browser, q url.Values) { q.Set("error", hostile) }, http.StatusUnauthorized, "Entra refused"},
		"no_state":         {func(_ *browser, q url.Values) { q.Del("state") }, http.StatusBadRequest, "no state"},
		"foreign_state":    {func(_ *browser, q url.Values) { q.Set("state", hostile) }, http.StatusPreconditionFailed, "never asked for"},
		"another_browser":  {func(b *browser, _ url.Values) { clear(b.cookies) }, http.StatusForbidden, "another session"},
		"forged_cookie":    {func(b *browser, _ url.Values) { b.cookies["azward_consent"] = hostile }, http.StatusForbidden, "another session"},
		"another_user":     {func(b *browser, _ url.Values) { b.user = "usr_other" }, http.StatusForbidden, "another session"},
		"another_tenant":   {func(_ *browser, q url.Values) { q.Set("tenant", clientID) }, http.StatusUnprocessableEntity, "another tenant consented"},
		"tenant_no_guid":   {func(_ *browser, q url.Values) { q.Set("tenant", "https://evil.example") }, http.StatusUnprocessableEntity, "does not name the tenant"},
		"tenant_missing":   {func(_ *browser, q url.Values) { q.Del("tenant") }, http.StatusUnprocessableEntity, "does not name the tenant"},
		"says_nothing":     {func(_ *browser, q url.Values) { q.Del("admin_consent") }, http.StatusUnprocessableEntity, "neither"},
		"consent_is_false": {func(_ *browser, q url.Values) { q.Set("admin_consent", "False") }, http.StatusUnprocessableEntity, "neither"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, b := consentHub(t)
			q := url.Values{"state": {b.begin(t, askForClient).Get("state")}}
			for key, value := range good {
				q[key] = value
			}
			tc.change(b, q)
			got := b.get(t, callback(q))
			strict(t, name, got.Body.String())
			if got.Code != tc.status || !says(got.Body.String(), tc.says) || !strings.Contains(got.Body.String(), "What to do:") {
				t.Errorf("gives %d:\n%.3000s", got.Code, within(got.Body.String()))
			}
		})
	}
}

// TestConsentOfANewTenant makes the connection once its tenant is known.
func TestConsentOfANewTenant(t *testing.T) {
	t.Parallel()
	h, b := consentHub(t)
	form := service("customer")
	form.Set("auth", "consent")
	form.Del("tenant")
	got := b.send(t, http.MethodPost, "/integrations/azure", form)
	_, rest, found := strings.Cut(got.Body.String(), `href="/integrations/azure/consent?`)
	query, _, _ := strings.Cut(rest, `"`)
	if got.Code != http.StatusOK || !found || strings.Contains(got.Body.String(), password) {
		t.Fatalf("gives %d:\n%s", got.Code, got.Body)
	}
	strict(t, "consent", got.Body.String())
	if _, err := h.kept.Connection(t.Context(), "customer"); azward.KindOf(err) != azward.KindNotFound {
		t.Errorf("it is there before anybody consented: %v", err)
	}
	asked := b.begin(t, "/integrations/azure/consent?"+query)
	// The hub is started anew meanwhile, over the same data.
	b.hub = h.again(t)
	if got := b.get(t, callback(url.Values{"state": {asked.Get("state")}, "admin_consent": {"True"}, "tenant": {tenantID}})); got.Code != http.StatusSeeOther {
		t.Fatalf("the answer gives %d:\n%s", got.Code, got.Body)
	}
	kept, err := h.kept.Connection(t.Context(), "customer")
	must(t, err)
	if kept.TenantID != tenantID || kept.Auth != store.AuthClientSecret || kept.Sealed == nil {
		t.Errorf("kept %+v", kept)
	}
}
