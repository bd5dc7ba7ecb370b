package web_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/azward/azward/access"
	"github.com/azward/azward/azuresim"
	"github.com/azward/azward/azuresim/scenario"
)

const simulated = "72f0c1a0-0000-4000-8000-000000000001"

// tenant is a hub beside a simulated tenant; the file has its endpoints.
func tenant(t *testing.T) (hub, *azuresim.Server, string) {
	t.Helper()
	small, err := scenario.Load("minimal")
	must(t, err)
	s, err := azuresim.Start(t.Context(), azuresim.Options{Scenario: small})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	file := filepath.Join(t.TempDir(), "cloud.json")
	must(t, os.WriteFile(file, s.CloudConfig(), 0o600))
	return newHub(t, nil, nil), s, file
}

// connecting is the form for one of the tenant's applications, a1 to a8.
func connecting(name, app, secret, cloud string) url.Values {
	return url.Values{
		"auth": {"clientSecret"}, "name": {name}, "tenant": {simulated}, "client": {"72f0c1a0-0000-4000-8000-0000000000" + app}, "secret": {secret}, "cloudConfig": {cloud},
	}
}

func TestTestSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	h, _, file := tenant(t)
	for name, tc := range map[string]struct{ app, secret, badge, says, remedy string }{
		"works":           {"a1", "simulated-reader-secret", "all that a scan needs works", "signed in", ""},
		"role-missing":    {"a3", "simulated-noreader-secret", "something is missing", "role", "az role assignment create --assignee 72f0c1a0-0000-4000-8000-0000000000a3 --role Reader"},
		"wrong-secret":    {"a1", "not-the-secret", "something is missing", "secret", "az ad app credential reset"},
		"secret-expired":  {"a4", "simulated-expired-secret", "something is missing", "expired", "az ad app credential reset"},
		"consent-missing": {"a7", "simulated-noconsent-secret", "something is missing", "consent", "adminconsent?client_id=72f0c1a0-0000-4000-8000-0000000000a7"},
		"access-blocked":  {"a8", "simulated-blocked-secret", "something is missing", "Conditional Access", ""},
	} {
		to := h.post(t, "/integrations/azure", connecting(name, tc.app, tc.secret, file))
		body := h.get(t, to)
		for _, text := range []string{tc.badge, tc.says, tc.remedy} {
			if !says(strings.NewReplacer("&#43;", "+", "&amp;", "&").Replace(body), text) {
				t.Errorf("%s does not say %q:\n%s", name, text, within(body))
			}
		}
		if strings.Contains(body, tc.secret) {
			t.Errorf("%s shows the secret", name)
		}
		if tc.remedy != "" && !strings.Contains(body, "data-copy") {
			t.Errorf("%s has nothing to copy", name)
		}
	}
}

// TestConsentAtTheTenant goes to the administrator's page and back.
func TestConsentAtTheTenant(t *testing.T) {
	t.Parallel()
	h, s, file := tenant(t)
	h.post(t, "/integrations/azure", connecting("partner", "a7", "simulated-noconsent-secret", file))
	b := &browser{hub: h, user: h.admin.ID, cookies: map[string]string{}}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(s.CACertPEM())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer := func(word string) string {
		link := b.get(t, "/integrations/azure/consent?connection=partner").Header().Get("Location")
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link+"&answer="+word, nil)
		must(t, err)
		got, err := client.Do(r)
		must(t, err)
		must(t, got.Body.Close())
		back, err := url.Parse(got.Header.Get("Location"))
		must(t, err)
		return back.RequestURI()
	}
	if got := b.get(t, answer("cancel")); got.Code != http.StatusUnauthorized || !says(got.Body.String(), "did not consent") {
		t.Errorf("a refusal gives %d:\n%s", got.Code, within(got.Body.String()))
	}
	if body := h.get(t, "/integrations/connections/partner/test"); !says(body, "consent") || !says(body, "something is missing") {
		t.Error("it works before anybody consented")
	}
	got := b.get(t, answer("accept"))
	if to := got.Header().Get("Location"); got.Code != http.StatusSeeOther || to != "/integrations/connections/partner/test" {
		t.Fatalf("consent gives %d %s:\n%s", got.Code, to, within(got.Body.String()))
	}
	body := h.as(t, access.Operator, http.MethodGet, "/integrations/connections/partner/test", nil).Body.String()
	if !says(body, "az role assignment create --assignee 72f0c1a0-0000-4000-8000-0000000000a7 --role Reader") {
		t.Errorf("it does not name the role that is missing:\n%s", within(body))
	}
}
