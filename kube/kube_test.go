package kube_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/azward/azward"
	"github.com/azward/azward/azuresim/kubeapi"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/kube"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const cluster = azward.ResourceID("/subscriptions/72f0c1a0-0000-4000-8000-0000000000c1/resourceGroups/aks/providers/Microsoft.ContainerService/managedClusters/prod")

func authority(s *httptest.Server) string {
	return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
}

func kubeconfig(server, extra, user string) []byte {
	return []byte(fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: prod
clusters:
- name: prod
  cluster:
    server: %s
%s
contexts:
- name: prod
  context: {cluster: prod, user: u}
users:
- name: u
  user: %s
`, server, extra, user))
}

// read serves h as an API server and reads it.
func read(t *testing.T, h http.Handler) *estate.Estate {
	t.Helper()
	server := httptest.NewTLSServer(h)
	t.Cleanup(server.Close)
	return readFrom(t, kubeconfig(server.URL, "    certificate-authority-data: "+authority(server), "{}"))
}

func readFrom(t *testing.T, config []byte) *estate.Estate {
	t.Helper()
	var b estate.Builder
	token := func(context.Context) (string, error) { return "entra-token", nil }
	if err := kube.Read(t.Context(), cluster, config, token, time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC), &b); err != nil {
		t.Fatal(err)
	}
	return b.Build()
}

func objects(n int) []json.RawMessage {
	var all []json.RawMessage
	for i := range n {
		all = append(all, json.RawMessage(fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p%d","namespace":"shop"},"spec":{}}`, i)))
	}
	return append(all,
		json.RawMessage(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}`),
		json.RawMessage(`{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","namespace":"shop"},"data":{"k":"c2VjcmV0"}}`),
		json.RawMessage(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c","namespace":"shop"},"data":{"k":"v"}}`),
		json.RawMessage(`{"apiVersion":"gateway.networking.k8s.io/v1beta1","kind":"Gateway","metadata":{"name":"g","namespace":"shop"},"spec":{}}`),
	)
}

func apiServer(t *testing.T, o kubeapi.Options) http.Handler {
	t.Helper()
	h, err := kubeapi.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func listing(e *estate.Estate, resource string) estate.ListingStatus {
	for _, l := range e.Listings() {
		if l.Type == resource && l.Scope.Equal(cluster) {
			return l.Status
		}
	}
	return ""
}

func gaps(e *estate.Estate, reads string) []azward.Gap {
	var found []azward.Gap
	for _, g := range e.Gaps() {
		if g.Reads == reads {
			found = append(found, g)
		}
	}
	return found
}

func TestPagesAreReadToTheEnd(t *testing.T) {
	t.Parallel()
	var tokens atomic.Int64
	e := read(t, apiServer(t, kubeapi.Options{Objects: objects(25), PageLimit: 4, Authenticate: func(token string) (kubeapi.User, error) {
		if token == "entra-token" {
			tokens.Add(1)
			return kubeapi.User{Name: "azward"}, nil
		}
		return kubeapi.User{}, kubeapi.ErrUnauthenticated
	}}))
	if n := len(e.OfType("Pod")); n != 25 {
		t.Errorf("%d pods", n)
	}
	if tokens.Load() == 0 || listing(e, "pods") != estate.ListingComplete || len(e.Gaps()) != 0 {
		t.Errorf("pods %q, gaps %+v", listing(e, "pods"), e.Gaps())
	}
	for r := range e.All() {
		if r.Kind == "Secret" || r.Kind == "ConfigMap" {
			t.Errorf("%s was read", r.ID)
		}
	}
}

// A kind that the server has in another version is read in that; one that it
// has in none is listed as empty: the server says that it does not exist.
func TestVersionsOfCustomKinds(t *testing.T) {
	t.Parallel()
	e := read(t, apiServer(t, kubeapi.Options{Objects: objects(1)}))
	if len(e.OfType("Gateway.gateway.networking.k8s.io")) != 1 || listing(e, "gateways.gateway.networking.k8s.io") != estate.ListingComplete {
		t.Error("the Gateway in v1beta1 was not read")
	}
	for _, absent := range []string{"ciliumnetworkpolicies.cilium.io", "virtualservices.networking.istio.io", "tcproutes.gateway.networking.k8s.io"} {
		if listing(e, absent) != estate.ListingComplete {
			t.Errorf("%s is %q", absent, listing(e, absent))
		}
	}
}

// Where discovery is refused a missing kind proves nothing.
func TestWithoutDiscoveryNothingIsAbsent(t *testing.T) {
	t.Parallel()
	inner := apiServer(t, kubeapi.Options{Objects: objects(1)})
	e := read(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/apis" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	if listing(e, "pods") != estate.ListingComplete || listing(e, "ciliumnetworkpolicies.cilium.io") != "" || len(gaps(e, "ciliumnetworkpolicies.cilium.io")) != 1 {
		t.Errorf("pods %q, policies %q", listing(e, "pods"), listing(e, "ciliumnetworkpolicies.cilium.io"))
	}
}

func TestRefusedKindsAreGaps(t *testing.T) {
	t.Parallel()
	e := read(t, apiServer(t, kubeapi.Options{Objects: objects(2), Authorize: func(_ kubeapi.User, a kubeapi.Attributes) (bool, string) {
		return a.Resource != "nodes" && a.Resource != "networkpolicies", "no"
	}}))
	nodes, policies := gaps(e, "nodes"), gaps(e, "networkpolicies.networking.k8s.io")
	if len(nodes) != 1 || nodes[0].Needs != "Microsoft.ContainerService/managedClusters/nodes/read" || nodes[0].Kind != azward.GapDenied || strings.Contains(nodes[0].Remedy, "RBAC Reader") {
		t.Errorf("nodes %+v", nodes)
	}
	if len(policies) != 1 || !strings.Contains(policies[0].Remedy, "RBAC Reader") {
		t.Errorf("policies %+v", policies)
	}
	if len(e.OfType("Pod")) != 2 || listing(e, "pods") != estate.ListingComplete || listing(e, "nodes") != "" {
		t.Error("the rest was not read")
	}
}

func TestOneCauseIsOneGap(t *testing.T) {
	t.Parallel()
	unauthenticated := apiServer(t, kubeapi.Options{Authenticate: func(string) (kubeapi.User, error) { return kubeapi.User{}, kubeapi.ErrUnauthenticated }})
	html := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>proxy</html>")) })
	other := httptest.NewTLSServer(html)
	t.Cleanup(other.Close)
	gone := httptest.NewTLSServer(html)
	goneConfig := kubeconfig(gone.URL, "    certificate-authority-data: "+authority(gone), "{}")
	gone.Close()
	for _, tc := range []struct {
		name string
		e    *estate.Estate
		kind azward.GapKind
		says string
	}{
		{"unauthenticated", read(t, unauthenticated), azward.GapDenied, "401"},
		{"html", read(t, html), azward.GapUnparsed, "not an API server"},
		{"nobody_answers", readFrom(t, goneConfig), azward.GapUnreachable, "refused"},
		{"other_authority", readFrom(t, kubeconfig(other.URL, "    certificate-authority-data: "+selfSigned, "{}")), azward.GapUnreachable, "certificate"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			found := tc.e.Gaps()
			if len(found) != 1 || found[0].Reads != estate.AllTypes || found[0].Kind != tc.kind || !strings.Contains(found[0].Error, tc.says) || found[0].Remedy == "" {
				t.Errorf("gaps %+v", found)
			}
			if len(tc.e.Listings()) != 0 {
				t.Errorf("listings %v", tc.e.Listings())
			}
		})
	}
}

// The server forgets a list's position after some minutes and answers 410: the
// list starts anew, and not for ever.
//
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
func TestExpiredContinueToken(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		expired int64 // times
		status  estate.ListingStatus
	}{{"once", 1, estate.ListingComplete}, {"always", 1 << 30, ""}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			inner := apiServer(t, kubeapi.Options{Objects: objects(10), PageLimit: 4})
			var n atomic.Int64
			e := read(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Get("continue") != "" && n.Add(1) <= tc.expired {
					w.WriteHeader(http.StatusGone)
					_, _ = w.Write([]byte(`{"kind":"Status","code":410,"reason":"Expired"}`))
					return
				}
				inner.ServeHTTP(w, r)
			}))
			if got := listing(e, "pods"); got != tc.status {
				t.Errorf("pods %q, want %q", got, tc.status)
			}
			if tc.status == "" && len(gaps(e, "pods")) != 1 {
				t.Errorf("gaps %+v", e.Gaps())
			}
		})
	}
}

func TestHostilePages(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, page string }{
		{"not_json", "<html>"},
		{"no_items", `{"kind":"PodList"}`},
		{"items_not_a_list", `{"items":{}}`},
		{"item_not_an_object", `{"items":[1]}`},
		{"cut_short", `{"items":[{"metadata":{"name":"p","namespace":"n"}},`},
		{"endless", `{"metadata":{"continue":"again"},"items":[]}`},
		{"item_without_name", `{"items":[{"metadata":{}}]}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			inner := apiServer(t, kubeapi.Options{Objects: objects(1)})
			e := read(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/api/v1/pods" {
					_, _ = w.Write([]byte(tc.page))
					return
				}
				inner.ServeHTTP(w, r)
			}))
			if len(gaps(e, "pods")) != 1 {
				t.Errorf("gaps %+v", e.Gaps())
			}
			if _, missing := e.Absence(cluster, "pods"); len(missing) == 0 {
				t.Error("pods are proved absent")
			}
			if listing(e, "services") != estate.ListingComplete {
				t.Error("the other kinds were not read")
			}
		})
	}
}

func TestBusyServerIsAskedAgain(t *testing.T) {
	t.Parallel()
	inner := apiServer(t, kubeapi.Options{Objects: objects(1)})
	var n atomic.Int64
	e := read(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/pods" && n.Add(1) == 1 {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	if listing(e, "pods") != estate.ListingComplete {
		t.Errorf("gaps %+v", e.Gaps())
	}
}

func TestKubeconfig(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	ca := "    certificate-authority-data: " + authority(server)
	for _, tc := range []struct {
		name   string
		config []byte
		cause  string // "" is a good one
	}{
		{"entra_user", kubeconfig(server.URL, ca, `{exec: {command: /bin/false, args: [x]}}`), ""},
		{"token_user", kubeconfig(server.URL, ca, `{token: t}`), ""},
		{"system_authorities", kubeconfig("https://prod.example", "", "{}"), ""},
		{"bad_authority", kubeconfig(server.URL, "    certificate-authority-data: bm90IGEgY2VydGlmaWNhdGU=", "{}"), "certificate-authority-data holds no certificate"},
		{"authority_not_base64", kubeconfig(server.URL, "    certificate-authority-data: '***'", "{}"), "certificate-authority-data holds no certificate"},
		{"authority_in_a_file", kubeconfig(server.URL, "    certificate-authority: /etc/passwd", "{}"), "names a file"},
		{"verification_off", kubeconfig(server.URL, "    insecure-skip-tls-verify: true", "{}"), "not to verify"},
		{"plain_http", kubeconfig("http://prod.example", "", "{}"), "not an https URL"},
		{"password_in_url", kubeconfig("https://a:b@prod.example", "", "{}"), "not an https URL"},
		{"bad_certificate", kubeconfig(server.URL, ca, `{client-certificate-data: eA==, client-key-data: eA==}`), "client certificate"},
		{"not_yaml", []byte("\x00"), "not a kubeconfig"},
		{"html", []byte("<html><body>Sign in</body></html>"), "not a kubeconfig"},
		{"empty", nil, "names no cluster"},
		{"too_large", make([]byte, 2<<20), "larger than"},
		{"context_of_another_cluster", []byte("current-context: a\nclusters: [{name: b, cluster: {server: https://x}}]\ncontexts: [{name: a, context: {cluster: c}}]\n"), "does not have"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := kube.ParseConfig(tc.config)
			if tc.cause == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var e *azward.Error
			if !errors.As(err, &e) || e.Kind != azward.KindBadInput || !strings.Contains(e.Cause, tc.cause) || e.Remedy == "" {
				t.Errorf("error %v", err)
			}
		})
	}
}

// FuzzKubeconfig: what is accepted names one https server without a user, and
// its certificate is verified.
func FuzzKubeconfig(f *testing.F) {
	f.Add(kubeconfig("https://prod.example", "", "{}"))
	f.Add(kubeconfig("https://prod.example", "    insecure-skip-tls-verify: true", "{token: t}"))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("clusters: [{cluster: {server: 'https://x'}}]"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		config, err := kube.ParseConfig(raw)
		if err != nil {
			if azward.KindOf(err) != azward.KindBadInput || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q", err)
			}
			return
		}
		if !strings.HasPrefix(config.Server, "https://") || strings.Contains(config.Server, "@") {
			t.Errorf("server %q", config.Server)
		}
	})
}

// selfSigned is the certificate of an authority that signed nothing here.
const selfSigned = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJrRENDQVRXZ0F3SUJBZ0lVZnR2dzF6R3ZtWWNZei9ya0RsZFdBNWorS1hVd0NnWUlLb1pJemowRUF3SXcKSERFYU1CZ0dBMVVFQXd3UllXNXZkR2hsY2lCaGRYUm9iM0pwZEhrd0lCY05Nall4TVRJeE1ETXpOakF4V2hnUApNakV5TmpFd01qZ3dNek0yTURGYU1Cd3hHakFZQmdOVkJBTU1FV0Z1YjNSb1pYSWdZWFYwYUc5eWFYUjVNRmt3CkV3WUhLb1pJemowQ0FRWUlLb1pJemowREFRY0RRZ0FFMml2dVczT1BqcjV6MFFxNStKc1o4RWVPbDhOcUhlcEwKU2Z3d2RVcW9uMjhzdnh6ZGpOOUtKWlFVVk16M2Voamh6cTFiRndIQm9HdXZyUzk2dzdxRVZhTlRNRkV3SFFZRApWUjBPQkJZRUZMZXM4dG9LanY5KzlkSS9JRnJPOTVneFN3MkNNQjhHQTFVZEl3UVlNQmFBRkxlczh0b0tqdjkrCjlkSS9JRnJPOTVneFN3MkNNQThHQTFVZEV3RUIvd1FGTUFNQkFmOHdDZ1lJS29aSXpqMEVBd0lEU1FBd1JnSWgKQUtlZjdUeWV0a0k3K082cUo5OUhvSElwUytoS1BkTHJGa0NaaWlXYVZ0d3hBaUVBMFEreEtObDJUdWd0RUVnMApoQjFMTHFnUUZsZVZFcDVqaUtyc0FEeFdCaW89Ci0tLS0tRU5EIENFUlRJRklDQVRFLS0tLS0K"
