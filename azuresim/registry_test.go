package azuresim_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/azward/azward/azuresim"
)

// https://azure.github.io/acr/AAD-OAuth.html
func TestRegistryTakesTheTenantsTokens(t *testing.T) {
	t.Parallel()
	s := start(t, azuresim.Options{})
	base := "https://" + s.RegistryAddress()
	for _, tc := range []struct {
		app    string
		status int
	}{{"reader", 200}, {"noreader", 403}} {
		t.Run(tc.app, func(t *testing.T) {
			entra, err := s.secretToken(tc.app, "https://containerregistry.azure.net/.default")
			if err != nil {
				t.Fatal(err)
			}
			exchanged := s.post(base+"/oauth2/exchange", url.Values{
				"grant_type": {"access_token"}, "service": {"contosoacr.azurecr.io"}, "tenant": {tenantID}, "access_token": {entra},
			})
			refresh, _ := exchanged.body["refresh_token"].(string)
			if refresh == "" {
				t.Fatalf("exchange: %d %s", exchanged.status, exchanged.raw)
			}
			got := s.post(base+"/oauth2/token", url.Values{
				"grant_type": {"refresh_token"}, "service": {"contosoacr.azurecr.io"},
				"scope": {"repository:shop/web:pull"}, "refresh_token": {refresh},
			})
			access, _ := got.body["access_token"].(string)
			tags := s.send(http.MethodGet, base+"/v2/shop/web/manifests/1.0", access, "")
			if allowed := tags.status == http.StatusOK; allowed != (tc.status == http.StatusOK) {
				t.Errorf("manifest: %d %s", tags.status, tags.raw)
			}
		})
	}
}
