package kubeapi_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"sigs.k8s.io/yaml"

	"github.com/azward/azward/azuresim/kubeapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start serves testdata/cluster.yaml: token "admin" may all, "viewer" reads
// shop alone, anything else is nobody.
func start(t *testing.T, o kubeapi.Options) *httptest.Server {
	t.Helper()
	data, err := os.ReadFile("testdata/cluster.yaml")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := yaml.YAMLToJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	o.Objects = []json.RawMessage{raw}
	o.Now = func() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }
	o.Authenticate = func(token string) (kubeapi.User, error) {
		if token != "admin" && token != "viewer" {
			return kubeapi.User{}, kubeapi.ErrUnauthenticated
		}
		return kubeapi.User{Name: token, UID: "u-" + token, Groups: []string{"system:authenticated"}}, nil
	}
	o.Authorize = func(u kubeapi.User, a kubeapi.Attributes) (bool, string) {
		if u.Name == "admin" {
			return true, ""
		}
		return a.Namespace == "shop" && a.Resource != "secrets" && slices.Contains([]string{"get", "list"}, a.Verb), "no role allows it"
	}
	h, err := kubeapi.New(o)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewTLSServer(h)
	t.Cleanup(srv.Close)
	return srv
}

func call(t *testing.T, srv *httptest.Server, method, path, token, accept, body string) (int, string, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	res, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	_ = json.Unmarshal(raw, &v) // plain text answers are checked by their status
	return res.StatusCode, res.Header.Get("Content-Type"), v
}

// TestFailures holds the words that clients show to people.
func TestFailures(t *testing.T) {
	t.Parallel()
	srv := start(t, kubeapi.Options{})
	for name, c := range map[string]struct {
		method, path, token, accept string
		code                        int
		reason, message             string
	}{
		"no_token":              {path: "/api/v1/pods", code: 401, reason: "Unauthorized", message: "Unauthorized"},
		"list_cluster_denied":   {path: "/api/v1/pods", token: "viewer", code: 403, reason: "Forbidden", message: `pods is forbidden: User "viewer" cannot list resource "pods" in API group "" at the cluster scope: no role allows it`},
		"get_group_denied":      {path: "/apis/apps/v1/namespaces/data/deployments/db", token: "viewer", code: 403, reason: "Forbidden", message: `deployments.apps "db" is forbidden: User "viewer" cannot get resource "deployments" in API group "apps" in the namespace "data": no role allows it`},
		"subresource_denied":    {path: "/api/v1/namespaces/data/pods/db-0/log", token: "viewer", code: 403, reason: "Forbidden", message: `pods "db-0" is forbidden: User "viewer" cannot get resource "pods/log" in API group "" in the namespace "data": no role allows it`},
		"path_denied":           {path: "/metrics", token: "viewer", code: 403, reason: "Forbidden", message: `forbidden: User "viewer" cannot get path "/metrics": no role allows it`},
		"missing_object":        {path: "/apis/apps/v1/namespaces/shop/deployments/nope", token: "admin", code: 404, reason: "NotFound", message: `deployments.apps "nope" not found`},
		"missing_resource":      {path: "/api/v1/namespaces/shop/gadgets", token: "admin", code: 404, reason: "NotFound", message: "the server could not find the requested resource"},
		"cluster_get_of_pod":    {path: "/api/v1/pods/web-1", token: "admin", code: 404, reason: "NotFound", message: "the server could not find the requested resource"},
		"write":                 {method: "DELETE", path: "/api/v1/namespaces/shop/pods/web-1", token: "admin", code: 405, reason: "MethodNotAllowed", message: "the server does not allow this method on the requested resource"},
		"write_denied_first":    {method: "POST", path: "/api/v1/namespaces/shop/pods", token: "viewer", code: 403, reason: "Forbidden", message: `pods is forbidden: User "viewer" cannot create resource "pods" in API group "" in the namespace "shop": no role allows it`},
		"watch":                 {path: "/api/v1/pods?watch=true", token: "admin", code: 405, reason: "MethodNotAllowed", message: "the server does not allow this method on the requested resource"},
		"protobuf_alone":        {path: "/api/v1/pods", token: "admin", accept: "application/vnd.kubernetes.protobuf", code: 406, reason: "NotAcceptable", message: "only the following media types are accepted: application/json, application/json;as=Table;v=v1;g=meta.k8s.io"},
		"bad_continue":          {path: "/api/v1/pods?limit=1&continue=!!", token: "admin", code: 400, reason: "BadRequest", message: "continue key is not valid: illegal base64 data: illegal base64 data at input byte 0"},
		"expired_continue":      {path: "/api/v1/pods?limit=1&continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJhL2IifQ", token: "admin", code: 410, reason: "Expired", message: "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter."},
		"unknown_field":         {path: "/api/v1/pods?fieldSelector=spec.nope=1", token: "admin", code: 400, reason: "BadRequest", message: `Unable to find "/v1, Resource=pods" that match label selector "", field selector "spec.nope=1": field label not supported: spec.nope`},
		"secret_denied":         {path: "/api/v1/namespaces/shop/secrets", token: "viewer", code: 403, reason: "Forbidden", message: `secrets is forbidden: User "viewer" cannot list resource "secrets" in API group "" in the namespace "shop": no role allows it`},
		"unserved_crd_version":  {path: "/apis/example.com/v1alpha1/widgets", token: "admin", code: 404},
		"unknown_path":          {path: "/nope", token: "admin", code: 404},
		"unknown_group_version": {path: "/apis/nope.io/v1", token: "admin", code: 404},
	} {
		t.Run(name, func(t *testing.T) {
			method := c.method
			if method == "" {
				method = http.MethodGet
			}
			code, _, v := call(t, srv, method, c.path, c.token, c.accept, "{}")
			if code != c.code {
				t.Errorf("status %d, want %d: %v", code, c.code, v)
			}
			if c.reason == "" {
				return
			}
			got := map[string]any{"kind": v["kind"], "status": v["status"], "reason": v["reason"], "message": v["message"], "code": v["code"]}
			want := map[string]any{"kind": "Status", "status": "Failure", "reason": c.reason, "message": c.message, "code": float64(c.code)}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("status object (-want +got):\n%s", diff)
			}
		})
	}
}

func names(v map[string]any) []string {
	out := []string{}
	items, _ := v["items"].([]any)
	for _, it := range items {
		m, _ := it.(map[string]any)
		meta, _ := m["metadata"].(map[string]any)
		out = append(out, fmt.Sprint(meta["name"]))
	}
	return out
}

func TestLists(t *testing.T) {
	t.Parallel()
	srv := start(t, kubeapi.Options{})
	for name, c := range map[string]struct {
		path string
		want []string
	}{
		"all_namespaces":      {"/api/v1/pods", []string{"db-0", "web-1", "web-2"}},
		"one_namespace":       {"/api/v1/namespaces/shop/pods", []string{"web-1", "web-2"}},
		"absent_namespace":    {"/api/v1/namespaces/none/pods", []string{}},
		"by_label":            {"/api/v1/pods?labelSelector=app%3Dweb%2Ctier", []string{"web-1"}},
		"by_label_set":        {"/api/v1/pods?labelSelector=app+in+(db,web),tier!=front", []string{"db-0", "web-2"}},
		"by_phase":            {"/api/v1/pods?fieldSelector=status.phase%3DRunning", []string{"db-0", "web-1"}},
		"by_node_and_name":    {"/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-1,metadata.name!%3Ddb-0", []string{"web-1"}},
		"by_bool_field":       {"/api/v1/pods?fieldSelector=spec.hostNetwork%3Dtrue", []string{"db-0"}},
		"empty_builtin":       {"/apis/batch/v1/cronjobs", []string{}},
		"custom_undefined":    {"/apis/gateway.networking.k8s.io/v1/gateways", []string{"edge"}},
		"custom_defined":      {"/apis/example.com/v1/widgets", []string{"one"}},
		"cluster_scoped":      {"/api/v1/nodes", []string{"node-1"}},
		"namespaces_by_field": {"/api/v1/namespaces?fieldSelector=metadata.name=shop", []string{"shop"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, v := call(t, srv, http.MethodGet, c.path, "admin", "", "")
			if code != http.StatusOK {
				t.Fatalf("status %d: %v", code, v)
			}
			if diff := cmp.Diff(c.want, names(v)); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
		})
	}
	_, _, pods := call(t, srv, http.MethodGet, "/api/v1/pods", "admin", "", "")
	if pods["kind"] != "PodList" || pods["apiVersion"] != "v1" {
		t.Errorf("list is %v %v", pods["apiVersion"], pods["kind"])
	}
	if item, _ := pods["items"].([]any)[0].(map[string]any); item["kind"] != nil || item["apiVersion"] != nil {
		t.Error("items of a built-in list carry their kind; a real server leaves it out")
	}
	_, _, widgets := call(t, srv, http.MethodGet, "/apis/example.com/v1/widgets", "admin", "", "")
	if item, _ := widgets["items"].([]any)[0].(map[string]any); item["kind"] != "Widget" || item["apiVersion"] != "example.com/v1" {
		t.Errorf("items of a custom list carry their kind in the version asked for, got %v %v", item["apiVersion"], item["kind"])
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	srv := start(t, kubeapi.Options{PageLimit: 2})
	var got []string
	path := "/api/v1/pods?limit=500"
	for range 5 {
		_, _, v := call(t, srv, http.MethodGet, path, "admin", "", "")
		got = append(got, strings.Join(names(v), "+"))
		meta, _ := v["metadata"].(map[string]any)
		if meta["resourceVersion"] != "77" {
			t.Errorf("resourceVersion %v, want the newest object's 77", meta["resourceVersion"])
		}
		token, _ := meta["continue"].(string)
		if token == "" {
			break
		}
		if meta["remainingItemCount"] != float64(1) {
			t.Errorf("remainingItemCount %v, want 1", meta["remainingItemCount"])
		}
		path = "/api/v1/pods?limit=500&continue=" + token
	}
	if diff := cmp.Diff([]string{"db-0+web-1", "web-2"}, got); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
}

func TestReviews(t *testing.T) {
	t.Parallel()
	srv := start(t, kubeapi.Options{})
	for name, c := range map[string]struct {
		attributes string
		want       bool
	}{
		"allowed": {`{"resourceAttributes":{"namespace":"shop","verb":"list","resource":"pods"}}`, true},
		"denied":  {`{"resourceAttributes":{"namespace":"data","verb":"list","resource":"pods"}}`, false},
		"path":    {`{"nonResourceAttributes":{"path":"/version","verb":"get"}}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, v := call(t, srv, http.MethodPost, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "viewer", "", `{"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1","spec":`+c.attributes+`}`)
			answer, _ := v["status"].(map[string]any)
			if code != http.StatusCreated || answer["allowed"] != c.want {
				t.Errorf("%d %v, want 201 and allowed %v", code, v, c.want)
			}
		})
	}
	if code, _, _ := call(t, srv, http.MethodPost, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "viewer", "", strings.Repeat("{", 100_000)); code != http.StatusBadRequest {
		t.Errorf("a broken review gives %d", code)
	}
}

func TestBrokenObjects(t *testing.T) {
	t.Parallel()
	for name, raw := range map[string]string{
		"not_json":    `{`,
		"no_kind":     `{"apiVersion":"v1","metadata":{"name":"x"}}`,
		"no_name":     `{"apiVersion":"v1","kind":"Pod"}`,
		"deep_lists":  strings.Repeat(`{"kind":"List","items":[`, 9) + strings.Repeat(`]}`, 9),
		"wrong_shape": `[1]`,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := kubeapi.New(kubeapi.Options{Objects: []json.RawMessage{json.RawMessage(raw)}}); err == nil {
				t.Error("New takes it")
			}
		})
	}
}

// TestKubectl drives the real client.
func TestKubectl(t *testing.T) {
	t.Parallel()
	kubectl, err := exec.LookPath("kubectl")
	if err != nil {
		if os.Getenv("AZWARD_REQUIRE_CLIENTS") != "" {
			t.Fatal("kubectl is required here and not installed")
		}
		t.Skip("needs kubectl")
	}
	srv := start(t, kubeapi.Options{PageLimit: 2})
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(token string, args ...string) string {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		args = append([]string{"--server=" + srv.URL, "--certificate-authority=" + ca, "--token=" + token, "--cache-dir=" + dir, "--tls-server-name=example.com"}, args...)
		cmd := exec.CommandContext(ctx, kubectl, args...)
		cmd.Env = []string{"HOME=" + dir, "KUBECONFIG=" + filepath.Join(dir, "none"), "PATH=" + os.Getenv("PATH")}
		out, err := cmd.CombinedOutput()
		text := string(out)
		if err != nil {
			text = "! " + text
		}
		return text
	}
	old := !strings.Contains(run("admin", "auth", "--help"), "whoami") // Debian 12 has 1.20
	for name, c := range map[string]struct {
		token string
		args  []string
		want  []string
	}{
		"pods":        {"admin", []string{"get", "pods", "-A", "--chunk-size=1"}, []string{"NAMESPACE   NAME    READY   STATUS    RESTARTS   AGE", "data        db-0    0/1     Running   0          <unknown>", "shop        web-1   1/1     Running   2"}},
		"many_kinds":  {"admin", []string{"get", "po,deploy,svc,netpol", "-A"}, []string{"deployment.apps/web   1/2", "service/web   LoadBalancer   10.0.0.7     20.1.2.3      80:30080/TCP", "networkpolicy.networking.k8s.io/deny   app=web"}},
		"json":        {"admin", []string{"get", "pod", "web-1", "-n", "shop", "-o", "jsonpath={.kind}/{.status.phase}"}, []string{"Pod/Running"}},
		"namespace":   {"admin", []string{"get", "ns"}, []string{"shop   Active   24h", "AGE"}},
		"custom":      {"admin", []string{"get", "wd,gateways", "-A"}, []string{"widget.example.com/one", "gateway.gateway.networking.k8s.io/edge"}},
		"selector":    {"admin", []string{"get", "pods", "-A", "-l", "app=db", "--field-selector", "status.phase=Running", "-o", "name"}, []string{"pod/db-0"}},
		"empty":       {"admin", []string{"get", "cronjobs", "-A"}, []string{"No resources found"}},
		"denied":      {"viewer", []string{"get", "pods", "-A"}, []string{`Error from server (Forbidden): pods is forbidden: User "viewer" cannot list resource "pods"`}},
		"bad_token":   {"nobody", []string{"get", "pods"}, []string{"! "}},
		"can_i":       {"viewer", []string{"auth", "can-i", "list", "pods", "-n", "shop"}, []string{"yes"}},
		"can_i_list":  {"viewer", []string{"auth", "can-i", "--list", "-n", "shop"}, []string{"deployments.apps", "[get list]"}},
		"whoami":      {"viewer", []string{"auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"}, []string{"viewer"}},
		"version":     {"admin", []string{"version"}, []string{"Server Version: v1.30.0"}},
		"resources":   {"admin", []string{"api-resources"}, []string{"networkpolicies"}},
		"missing":     {"admin", []string{"get", "deploy", "nope", "-n", "shop"}, []string{`deployments.apps "nope" not found`}},
		"delete":      {"admin", []string{"delete", "pod", "web-1", "-n", "shop"}, []string{"MethodNotAllowed"}},
		"describe_no": {"admin", []string{"get", "gadgets"}, []string{`the server doesn't have a resource type "gadgets"`}},
	} {
		t.Run(name, func(t *testing.T) {
			if old && (name == "whoami" || name == "version") {
				t.Skip("needs kubectl 1.28 or later: auth whoami, and the short form of version")
			}
			got := run(c.token, c.args...)
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("kubectl %v lacks %q:\n%s", c.args, want, got)
				}
			}
		})
	}
}
