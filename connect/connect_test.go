package connect_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/azward/azward"
	"github.com/azward/azward/connect"
	"github.com/azward/azward/seal"
	"github.com/azward/azward/store"
	"github.com/azward/azward/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	tenant = "11111111-1111-4111-8111-111111111111"
	client = "22222222-2222-4222-8222-222222222222"
	secret = "S3cr3t~value"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func open(t *testing.T) connect.Connections {
	t.Helper()
	dir := t.TempDir()
	s, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return connect.Connections{Store: s, Sealer: seal.Box{Provider: seal.File(filepath.Join(dir, store.KeyFile))}}
}

func request() connect.Request {
	return connect.Request{Name: "prod", TenantID: tenant, ClientID: client, Auth: store.AuthClientSecret, Secret: seal.NewSecret(secret)}
}

func TestAddListShowRemove(t *testing.T) {
	t.Parallel()
	ctx, c := t.Context(), open(t)
	r := request()
	r.TenantID = strings.ToUpper("abcdefab-1111-4111-8111-111111111111")
	added, err := c.Add(ctx, r, noon)
	if err != nil {
		t.Fatal(err)
	}
	want := store.Connection{
		Name: "prod", Kind: store.KindAzure, TenantID: "abcdefab-1111-4111-8111-111111111111", ClientID: client, Cloud: "public",
		Auth: store.AuthClientSecret, Sealed: added.Sealed, CreatedAt: noon, UpdatedAt: noon,
	}
	if diff := cmp.Diff(want, added); diff != "" {
		t.Errorf("added (-want +got):\n%s", diff)
	}
	shown, err := c.Show(ctx, "prod")
	if err != nil {
		t.Fatal(err)
	}
	list, err := c.List(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]store.Connection{shown}, list); diff != "" {
		t.Errorf("list and show differ:\n%s", diff)
	}
	asJSON, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	for _, output := range []string{string(asJSON), fmt.Sprintf("%v %+v %#v", shown, added, list)} {
		if strings.Contains(output, secret) || strings.Contains(output, "ealed\":") {
			t.Errorf("the secret shows: %s", output)
		}
	}
	_, opened, err := c.Credential(ctx, "prod")
	if err != nil || opened.Reveal() != secret {
		t.Errorf("the credential opens to %q, %v", opened.Reveal(), err)
	}
	if err := c.Remove(ctx, "prod"); err != nil {
		t.Fatal(err)
	}
	for _, gone := range []func() error{
		func() error { return c.Remove(ctx, "prod") },
		func() error { _, err := c.Show(ctx, "prod"); return err },
		func() error { _, _, err := c.Credential(ctx, "prod"); return err },
	} {
		if kind := azward.KindOf(gone()); kind != azward.KindNotFound {
			t.Errorf("after removing it the kind is %v", kind)
		}
	}
}

func TestUpdateKeepsTheSecret(t *testing.T) {
	t.Parallel()
	ctx, c := t.Context(), open(t)
	added, err := c.Add(ctx, request(), noon)
	if err != nil {
		t.Fatal(err)
	}
	r := request()
	r.Secret = seal.Secret{}
	r.Subscriptions = []string{"44444444-4444-4444-8444-444444444444", "44444444-4444-4444-8444-444444444444"}
	later := noon.Add(time.Hour)
	updated, err := c.Update(ctx, r, added.UpdatedAt, later)
	if err != nil {
		t.Fatal(err)
	}
	if len(updated.Subscriptions) != 1 || !updated.CreatedAt.Equal(noon) || !updated.UpdatedAt.Equal(later) {
		t.Errorf("updated to %+v", updated)
	}
	if _, opened, err := c.Credential(ctx, "prod"); err != nil || opened.Reveal() != secret {
		t.Errorf("the secret opens to %q, %v", opened.Reveal(), err)
	}
	if _, err := c.Update(ctx, r, added.UpdatedAt, later); azward.KindOf(err) != azward.KindConflict {
		t.Errorf("an update of what was seen before another one: %v", err)
	}
	r.ClientID = "33333333-3333-4333-8333-333333333333"
	if _, err := c.Update(ctx, r, time.Time{}, later); azward.KindOf(err) != azward.KindUsage {
		t.Errorf("another application with the old secret: %v", err)
	}
	r.Name = "nobody"
	if _, err := c.Update(ctx, r, time.Time{}, later); azward.KindOf(err) != azward.KindNotFound {
		t.Errorf("an unknown name: %v", err)
	}
}

func TestAddOtherMethods(t *testing.T) {
	t.Parallel()
	certificate := seal.NewSecret(selfSigned(t))
	for _, tc := range []struct {
		name    string
		request connect.Request
	}{
		{"certificate", connect.Request{TenantID: tenant, ClientID: client, Auth: store.AuthCertificate, Secret: certificate}},
		{"federated_token", connect.Request{TenantID: tenant, ClientID: client, Auth: store.AuthFederatedToken, CredentialFile: "/var/run/secrets/token"}},
		{"system_assigned_identity", connect.Request{Auth: store.AuthManagedIdentity}},
		{"user_assigned_identity", connect.Request{Auth: store.AuthManagedIdentity, ClientID: client}},
		{"azure_cli", connect.Request{Auth: store.AuthAzureCLI}},
		{"own_cloud", connect.Request{Auth: store.AuthAzureCLI, CloudConfig: "/etc/cloud.json"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := open(t)
			added, err := c.Add(t.Context(), tc.request, noon)
			if err != nil {
				t.Fatal(err)
			}
			if added.Name != connect.DefaultName {
				t.Errorf("it is named %q", added.Name)
			}
			_, opened, err := c.Credential(t.Context(), added.Name)
			if err != nil || opened.Reveal() != tc.request.Secret.Reveal() {
				t.Errorf("the credential comes back as something else: %v", err)
			}
		})
	}
}

func TestAddTwice(t *testing.T) {
	t.Parallel()
	c := open(t)
	if _, err := c.Add(t.Context(), request(), noon); err != nil {
		t.Fatal(err)
	}
	second := request()
	second.Secret = seal.NewSecret("another~secret")
	_, err := c.Add(t.Context(), second, noon)
	if azward.KindOf(err) != azward.KindConflict {
		t.Errorf("got %v, want KindConflict", err)
	}
	if _, opened, err := c.Credential(t.Context(), "prod"); err != nil || opened.Reveal() != secret {
		t.Errorf("the first one came to harm: %v", err)
	}
}

func TestRequestErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(*connect.Request)
		cause  string
	}{
		{"guid_with_brace", func(r *connect.Request) { r.TenantID = "{" + tenant + "}" }, "not a GUID"},
		{"client_guid_short", func(r *connect.Request) { r.ClientID = client[:35] }, "not a GUID"},
		{"domain_as_tenant", func(r *connect.Request) { r.TenantID = "contoso.onmicrosoft.com" }, "not a GUID"},
		{"no_tenant", func(r *connect.Request) { r.TenantID = "" }, "needs the tenant ID"},
		{"no_client", func(r *connect.Request) { r.ClientID = "" }, "needs the client ID"},
		{"no_secret", func(r *connect.Request) { r.Secret = seal.Secret{} }, "needs a secret"},
		{"secret_id_for_its_value", func(r *connect.Request) { r.Secret = seal.NewSecret("33333333-3333-4333-8333-333333333333") }, "the secret's ID"},
		{"secret_with_line_break", func(r *connect.Request) { r.Secret = seal.NewSecret(secret + "\n") }, "line breaks"},
		{"huge_secret", func(r *connect.Request) { r.Secret = seal.NewSecret(strings.Repeat("x", 5000)) }, "longer than any"},
		{"certificate_without_key", func(r *connect.Request) { r.Auth = store.AuthCertificate }, "no PEM"},
		{"huge_certificate", func(r *connect.Request) {
			r.Auth, r.Secret = store.AuthCertificate, seal.NewSecret(strings.Repeat("x", 1<<20))
		}, "longer than"},
		{"name_with_slash", func(r *connect.Request) { r.Name = "../prod" }, "letters, digits"},
		{"unknown_cloud", func(r *connect.Request) { r.Cloud = "germany" }, "none of public"},
		{"two_clouds", func(r *connect.Request) { r.Cloud, r.CloudConfig = "china", "/etc/cloud.json" }, "both given"},
		{"relative_cloud_config", func(r *connect.Request) { r.CloudConfig = "cloud.json" }, "not absolute"},
		{"unknown_method", func(r *connect.Request) { r.Auth = "password" }, "none of that name"},
		{"token_file_with_secret", func(r *connect.Request) { r.CredentialFile = "/token" }, "takes no token file"},
		{"federated_without_file", func(r *connect.Request) { r.Auth, r.Secret = store.AuthFederatedToken, seal.Secret{} }, "full path"},
		{"cli_with_client", func(r *connect.Request) { r.Auth, r.Secret = store.AuthAzureCLI, seal.Secret{} }, "takes no client ID"},
		{"identity_with_secret", func(r *connect.Request) { r.Auth = store.AuthManagedIdentity }, "takes no secret"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, r := open(t), request()
			tc.change(&r)
			_, err := c.Add(t.Context(), r, noon)
			var e *azward.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *azward.Error", err)
			}
			if e.Kind != azward.KindUsage || !strings.Contains(e.Cause, tc.cause) || e.Remedy == "" {
				t.Errorf("got kind %v, cause %q, remedy %q", e.Kind, e.Cause, e.Remedy)
			}
			if value := r.Secret.Reveal(); value != "" && strings.Contains(e.Error()+e.Remedy, value) {
				t.Errorf("the error quotes the secret: %v", e)
			}
			if err := r.Check(); err == nil || err.Error() != e.Error() {
				t.Errorf("Check says %v", err)
			}
			if list, err := c.List(t.Context()); err != nil || len(list) != 0 {
				t.Errorf("something was saved: %v, %v", list, err)
			}
		})
	}
}

func selfSigned(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: noon.AddDate(1, 0, 0)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))
}
