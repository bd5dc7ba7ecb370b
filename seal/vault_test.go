package seal_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/seal"
)

// kv answers as Vault's KV engine, version 2, does: tokens may read what
// their policy names.
// https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2
type kv struct {
	secrets map[string]map[string]any // by the API's path
	tokens  map[string]string         // token → prefix that it may read
	sealed  bool
}

func (k *kv) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := func(status int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
	prefix, known := k.tokens[r.Header.Get("X-Vault-Token")]
	secret, there := k.secrets[r.URL.Path]
	switch {
	case k.sealed:
		answer(http.StatusServiceUnavailable, map[string]any{"errors": []string{"Vault is sealed"}})
	case !known || !strings.HasPrefix(r.URL.Path, prefix):
		answer(http.StatusForbidden, map[string]any{"errors": []string{"permission denied"}})
	case !there:
		answer(http.StatusNotFound, map[string]any{"errors": []string{}})
	default:
		answer(http.StatusOK, map[string]any{"data": map[string]any{"data": secret, "metadata": map[string]any{"version": 3}}})
	}
}

func TestVault(t *testing.T) {
	t.Parallel()
	engine := &kv{
		secrets: map[string]map[string]any{"/v1/secret/data/azward/prod": {"client_secret": "S3cr3t~value", "number": 7}},
		tokens:  map[string]string{"reader": "/v1/secret/data/azward/"},
	}
	server := httptest.NewServer(engine)
	t.Cleanup(server.Close)
	sealed := httptest.NewServer(&kv{sealed: true})
	t.Cleanup(sealed.Close)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>S3cr3t~value</html>")) }))
	t.Cleanup(web.Close)
	for _, tc := range []struct {
		name, address, token, path, field string
		want                              azward.Kind
		value                             string
	}{
		{"read", server.URL, "reader", "secret/azward/prod", "client_secret", 0, "S3cr3t~value"},
		{"other_field", server.URL, "reader", "secret/azward/prod", "password", azward.KindNotFound, ""},
		{"no_text", server.URL, "reader", "secret/azward/prod", "number", azward.KindNotFound, ""},
		{"nothing_there", server.URL, "reader", "secret/azward/dev", "client_secret", azward.KindNotFound, ""},
		{"no_policy", server.URL, "reader", "secret/other", "client_secret", azward.KindRole, ""},
		{"wrong_token", server.URL, "stranger", "secret/azward/prod", "client_secret", azward.KindRole, ""},
		{"sealed", sealed.URL, "reader", "secret/azward/prod", "client_secret", azward.KindUnavailable, ""},
		{"no_vault", web.URL, "reader", "secret/azward/prod", "client_secret", azward.KindBadInput, ""},
		{"no_address", "vault.contoso.com", "reader", "secret/azward/prod", "client_secret", azward.KindUsage, ""},
		{"no_mount", server.URL, "reader", "prod", "client_secret", azward.KindUsage, ""},
		{"climbing_path", server.URL, "reader", "secret/../sys/raw", "client_secret", azward.KindUsage, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			v := seal.Vault{Address: tc.address, Token: seal.NewSecret(tc.token), Client: server.Client()}
			got, err := v.Read(t.Context(), tc.path, tc.field)
			if got.Reveal() != tc.value || (err == nil) != (tc.value != "") {
				t.Fatalf("read %q, %v", got.Reveal(), err)
			}
			if err != nil && (azward.KindOf(err) != tc.want || strings.Contains(err.Error(), "S3cr3t") || strings.Contains(err.Error(), tc.token)) {
				t.Errorf("%v has kind %v, want %v", err, azward.KindOf(err), tc.want)
			}
		})
	}
}
