package acr_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"go.uber.org/goleak"

	"github.com/azward/azward/azuresim/acr"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const host = "contoso.azurecr.io"

type world struct {
	srv    *acr.Server
	client *http.Client
	image  v1.Image
	now    atomic.Int64 // seconds
}

// start serves a registry with shop/web:1.0, shop/web:latest, base and
// private/tool. Entra token "puller" may pull shop/*, "owner" may all.
func start(t *testing.T, r acr.Registry) *world {
	t.Helper()
	w := &world{}
	w.now.Store(1_800_000_000)
	var err error
	w.srv, err = acr.New(acr.Options{
		Registries: map[string]acr.Registry{"Contoso.azurecr.io": r},
		VerifyEntraToken: func(token string) (acr.Principal, error) {
			if token != "puller" && token != "owner" {
				return acr.Principal{}, errors.New("no such token")
			}
			return acr.Principal{ObjectID: token, TenantID: "tenant-1"}, nil
		},
		Authorize: func(p acr.Principal, registry, repository, action string) bool {
			if registry != "Contoso.azurecr.io" {
				t.Errorf("asked for registry %q", registry)
			}
			return p.ObjectID == "owner" || strings.HasPrefix(repository, "shop/") && (action == acr.Pull || action == acr.MetadataRead)
		},
		Now: func() time.Time { return time.Unix(w.now.Load(), 0) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ts := httptest.NewTLSServer(w.srv)
	t.Cleanup(ts.Close)
	w.client = ts.Client()
	transport, ok := w.client.Transport.(*http.Transport)
	if !ok {
		t.Fatal("the test client has no transport")
	}
	transport.TLSClientConfig.ServerName = "example.com" // what httptest's certificate names
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, ts.Listener.Addr().String())
	}
	w.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

	back := httptest.NewServer(w.srv.Backend(host))
	t.Cleanup(back.Close)
	w.image, err = random.Image(1024, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"shop/web:1.0", "shop/web:latest", "base:1", "private/tool:1"} {
		to, err := name.ParseReference(strings.TrimPrefix(back.URL, "http://")+"/"+ref, name.Insecure)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(to, w.image, remote.WithContext(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

type answer struct {
	code   int
	header http.Header
	body   map[string]any
}

func (w *world) do(t *testing.T, method, path, authorization string, form url.Values) answer {
	t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(t.Context(), method, "https://"+host+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	res, err := w.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{code: res.StatusCode, header: res.Header}
	_ = json.Unmarshal(raw, &a.body) // blobs are checked elsewhere
	return a
}

func (w *world) refresh(t *testing.T, entra string) string {
	t.Helper()
	a := w.do(t, http.MethodPost, "/oauth2/exchange", "", url.Values{
		"grant_type": {"access_token"}, "service": {host}, "tenant": {"tenant-1"}, "access_token": {entra},
	})
	token, _ := a.body["refresh_token"].(string)
	if a.code != http.StatusOK || token == "" {
		t.Fatalf("exchange gives %d %v", a.code, a.body)
	}
	return token
}

func (w *world) access(t *testing.T, entra string, scopes ...string) string {
	t.Helper()
	a := w.do(t, http.MethodPost, "/oauth2/token", "", url.Values{
		"grant_type": {"refresh_token"}, "service": {host}, "scope": scopes, "refresh_token": {w.refresh(t, entra)},
	})
	token, _ := a.body["access_token"].(string)
	if a.code != http.StatusOK || token == "" {
		t.Fatalf("token gives %d %v", a.code, a.body)
	}
	return "Bearer " + token
}

func TestChallenges(t *testing.T) {
	t.Parallel()
	w := start(t, acr.Registry{})
	for name, c := range map[string]struct{ method, path, challenge, action string }{
		"root":     {"GET", "/v2/", "", ""},
		"catalog":  {"GET", "/v2/_catalog", "registry:catalog:*", "*"},
		"manifest": {"GET", "/v2/shop/web/manifests/1.0", "repository:shop/web:pull", "pull"},
		"tags":     {"GET", "/v2/shop/web/tags/list", "repository:shop/web:metadata_read", "metadata_read"},
		"listing":  {"GET", "/acr/v1/shop/web/_manifests", "repository:shop/web:metadata_read", "metadata_read"},
		"push":     {"POST", "/v2/shop/web/blobs/uploads/", "repository:shop/web:pull,push", "pull"},
		"delete":   {"DELETE", "/v2/shop/web/manifests/1.0", "repository:shop/web:delete", "delete"},
	} {
		t.Run(name, func(t *testing.T) {
			a := w.do(t, c.method, c.path, "", nil)
			want := `Bearer realm="https://contoso.azurecr.io/oauth2/token",service="Contoso.azurecr.io"`
			if c.challenge != "" {
				want += `,scope="` + c.challenge + `"`
			}
			if got := a.header.Get("Www-Authenticate"); a.code != http.StatusUnauthorized || got != want {
				t.Errorf("%d %s\nwant 401 %s", a.code, got, want)
			}
			first, _ := a.body["errors"].([]any)[0].(map[string]any)
			if first["code"] != "UNAUTHORIZED" || first["message"] != "authentication required, visit https://aka.ms/acr/authorization for more information." {
				t.Errorf("error is %v", first)
			}
			if c.action == "" {
				return
			}
			detail, _ := first["detail"].([]any)[0].(map[string]any)
			if detail["Action"] != c.action {
				t.Errorf("detail is %v, want action %s", detail, c.action)
			}
		})
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	w := start(t, acr.Registry{})
	pull := w.access(t, "puller", "repository:shop/web:pull")
	all := w.access(t, "puller", "repository:shop/web:pull,push,metadata_read repository:base:pull", "registry:catalog:*")
	owner := w.access(t, "owner", "registry:catalog:*", "repository:base:pull")
	for name, c := range map[string]struct {
		method, path, token string
		code                int
	}{
		"pull_granted":               {"GET", "/v2/shop/web/manifests/1.0", pull, 200},
		"head_granted":               {"HEAD", "/v2/shop/web/manifests/1.0", pull, 200},
		"root_with_any_token":        {"GET", "/v2/", pull, 200},
		"other_repository":           {"GET", "/v2/base/manifests/1", pull, 401},
		"tags_not_asked_for":         {"GET", "/v2/shop/web/tags/list", pull, 401},
		"tags_asked_for":             {"GET", "/v2/shop/web/tags/list", all, 200},
		"push_not_granted":           {"POST", "/v2/shop/web/blobs/uploads/", all, 401},
		"catalog_not_granted":        {"GET", "/v2/_catalog", all, 401},
		"second_repo_not_granted":    {"GET", "/v2/base/manifests/1", all, 401},
		"catalog_granted":            {"GET", "/acr/v1/_catalog", owner, 200},
		"refresh_token_is_no_access": {"GET", "/v2/", "Bearer " + w.refresh(t, "owner"), 401},
		"garbage":                    {"GET", "/v2/", "Bearer x.y.z", 401},
		"unknown_manifest":           {"GET", "/v2/shop/web/manifests/9", pull, 404},
	} {
		t.Run(name, func(t *testing.T) {
			if a := w.do(t, c.method, c.path, c.token, nil); a.code != c.code {
				t.Errorf("%d %v, want %d", a.code, a.body, c.code)
			}
		})
	}
	a := w.do(t, http.MethodGet, "/v2/_catalog", all, nil)
	if got := a.header.Get("Www-Authenticate"); !strings.HasSuffix(got, `,error="insufficient_scope"`) {
		t.Errorf("challenge %s does not say that the scope falls short", got)
	}
	w.now.Add(int64((76 * time.Minute).Seconds()))
	if a := w.do(t, http.MethodGet, "/v2/shop/web/manifests/1.0", pull, nil); a.code != http.StatusUnauthorized {
		t.Errorf("an access token works after its time: %d", a.code)
	}
}

func TestExchangeRefuses(t *testing.T) {
	t.Parallel()
	w := start(t, acr.Registry{})
	good := url.Values{"grant_type": {"access_token"}, "service": {host}, "tenant": {"tenant-1"}, "access_token": {"puller"}}
	for name, c := range map[string]struct {
		field, value string
		code         int
	}{
		"bad_token":     {"access_token", "forged", 401},
		"other_tenant":  {"tenant", "tenant-2", 401},
		"other_service": {"service", "fabrikam.azurecr.io", 400},
		"bad_grant":     {"grant_type", "refresh_token", 400},
	} {
		t.Run(name, func(t *testing.T) {
			form := url.Values{}
			for k, v := range good {
				form[k] = v
			}
			form.Set(c.field, c.value)
			if a := w.do(t, http.MethodPost, "/oauth2/exchange", "", form); a.code != c.code {
				t.Errorf("%d %v, want %d", a.code, a.body, c.code)
			}
		})
	}
}

func TestListings(t *testing.T) {
	t.Parallel()
	w := start(t, acr.Registry{})
	token := w.access(t, "owner", "registry:catalog:*", "repository:shop/web:metadata_read")
	var got []any
	path := "/acr/v1/_catalog?n=2"
	for path != "" {
		a := w.do(t, http.MethodGet, path, token, nil)
		got = append(got, a.body["repositories"])
		link := a.header.Get("Link")
		path, _, _ = strings.Cut(strings.TrimPrefix(link, "<"), ">")
		if link != "" && link != `</acr/v1/_catalog?last=private%2Ftool&n=2&orderby=>; rel="next"` {
			t.Errorf("link is %s", link)
		}
	}
	if diff := cmp.Diff([]any{[]any{"base", "private/tool"}, []any{"shop/web"}}, got); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	digest, err := w.image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	a := w.do(t, http.MethodGet, "/acr/v1/shop/web/_manifests", token, nil)
	m, _ := a.body["manifests"].([]any)[0].(map[string]any)
	if m["digest"] != digest.String() || a.body["imageName"] != "shop/web" || cmp.Diff([]any{"1.0", "latest"}, m["tags"]) != "" || m["imageSize"] == float64(0) {
		t.Errorf("manifests are %v", a.body)
	}
	a = w.do(t, http.MethodGet, "/acr/v1/shop/web/_tags?n=1", token, nil)
	tag, _ := a.body["tags"].([]any)[0].(map[string]any)
	if tag["name"] != "1.0" || tag["digest"] != digest.String() || a.header.Get("Link") == "" {
		t.Errorf("tags are %v, link %q", a.body, a.header.Get("Link"))
	}
	if a := w.do(t, http.MethodGet, "/acr/v1/shop/web", token, nil); a.body["manifestCount"] != float64(1) || a.body["tagCount"] != float64(2) {
		t.Errorf("repository is %v", a.body)
	}
	if a := w.do(t, http.MethodGet, "/acr/v1/_catalog?n=0", token, nil); a.code != http.StatusBadRequest {
		t.Errorf("n=0 gives %d", a.code)
	}
}

// TestPull drives the registry client of go-containerregistry through the
// token flow.
func TestPull(t *testing.T) {
	t.Parallel()
	for label, c := range map[string]struct {
		registry acr.Registry
		auth     func(w *world) authn.Authenticator
		ref      string
		denied   bool
	}{
		"refresh_token": {auth: null("puller"), ref: "shop/web:1.0"},
		"no_right":      {auth: null("puller"), ref: "base:1", denied: true},
		"nobody":        {auth: anonymous, ref: "shop/web:1.0", denied: true},
		"anonymous":     {registry: acr.Registry{AnonymousPull: true}, auth: anonymous, ref: "base:1"},
		"admin":         {registry: acr.Registry{AdminUser: "Contoso", AdminPasswords: []string{"a", "b"}}, auth: admin("b"), ref: "private/tool:1"},
		"admin_wrong":   {registry: acr.Registry{AdminUser: "Contoso", AdminPasswords: []string{"a"}}, auth: admin("b"), ref: "base:1", denied: true},
		"redirected":    {registry: acr.Registry{DataHost: "contoso.westeurope.data.azurecr.io"}, auth: null("owner"), ref: "base:1"},
		"firewall_open": {registry: acr.Registry{Firewall: true, AllowedPrefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}}, auth: null("owner"), ref: "base:1"},
		"firewall":      {registry: acr.Registry{Firewall: true, AllowedPrefixes: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}}, auth: anonymous, ref: "base:1", denied: true},
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			w := start(t, c.registry)
			ref, err := name.ParseReference(host + "/" + c.ref)
			if err != nil {
				t.Fatal(err)
			}
			var auth authn.Authenticator
			if !c.registry.Firewall || !c.denied {
				auth = c.auth(w)
			} else {
				auth = authn.Anonymous
			}
			img, err := remote.Image(ref, remote.WithAuth(auth), remote.WithTransport(w.client.Transport), remote.WithContext(t.Context()))
			if c.denied {
				if err == nil {
					t.Fatal("the pull succeeds")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := validate.Image(img); err != nil {
				t.Error(err)
			}
			want, err := w.image.Digest()
			if err != nil {
				t.Fatal(err)
			}
			if got, err := img.Digest(); err != nil || got != want {
				t.Errorf("digest %v %v, want %v", got, err, want)
			}
		})
	}
}

func anonymous(*world) authn.Authenticator { return authn.Anonymous }

func admin(password string) func(*world) authn.Authenticator {
	return func(*world) authn.Authenticator { return &authn.Basic{Username: "Contoso", Password: password} }
}

// null signs in as docker login with the null GUID does.
func null(entra string) func(*world) authn.Authenticator {
	return func(w *world) authn.Authenticator { return lazy{w, entra} }
}

type lazy struct {
	w     *world
	entra string
}

func (l lazy) Authorization() (*authn.AuthConfig, error) {
	res, err := l.w.client.PostForm("https://"+host+"/oauth2/exchange", url.Values{
		"grant_type": {"access_token"}, "service": {host}, "access_token": {l.entra},
	})
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var body map[string]string
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
		return nil, err
	}
	return &authn.AuthConfig{Username: "00000000-0000-0000-0000-000000000000", Password: body["refresh_token"]}, nil
}

func TestThrottle(t *testing.T) {
	t.Parallel()
	w := start(t, acr.Registry{ThrottleEvery: 3})
	var codes []int
	for range 4 {
		a := w.do(t, http.MethodGet, "/v2/", "", nil)
		codes = append(codes, a.code)
		if a.code == http.StatusTooManyRequests && a.header.Get("Retry-After") != "1" {
			t.Error("429 lacks Retry-After")
		}
	}
	if diff := cmp.Diff([]int{401, 401, 429, 401}, codes); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
}

// TestRedirectTakesNoToken holds that the data host refuses a forwarded token
// and a forged link.
func TestRedirectTakesNoToken(t *testing.T) {
	t.Parallel()
	w := start(t, acr.Registry{DataHost: "contoso.westeurope.data.azurecr.io"})
	token := w.access(t, "owner", "repository:base:pull")
	layers, err := w.image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := layers[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	a := w.do(t, http.MethodGet, "/v2/base/blobs/"+digest.String(), token, nil)
	to, err := url.Parse(a.header.Get("Location"))
	if a.code != http.StatusTemporaryRedirect || err != nil || to.Host != "contoso.westeurope.data.azurecr.io" {
		t.Fatalf("%d to %v %v", a.code, to, err)
	}
	for label, c := range map[string]struct {
		path, query, authorization string
		code                       int
	}{
		"signed":     {to.Path, to.RawQuery, "", 200},
		"with_token": {to.Path, to.RawQuery, token, 400},
		"unsigned":   {to.Path, "", "", 403},
		"other_path": {"/v2/private/tool/blobs/" + digest.String(), to.RawQuery, "", 403},
	} {
		t.Run(label, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+to.Host+c.path+"?"+c.query, nil)
			if err != nil {
				t.Fatal(err)
			}
			if c.authorization != "" {
				req.Header.Set("Authorization", c.authorization)
			}
			res, err := w.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, res.Body); err != nil {
				t.Error(err)
			}
			if err := res.Body.Close(); err != nil {
				t.Error(err)
			}
			if res.StatusCode != c.code {
				t.Errorf("%d, want %d", res.StatusCode, c.code)
			}
		})
	}
}
