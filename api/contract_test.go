package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/azward/azward/api"
)

// openAPI is the document as far as answers are checked with it.
type openAPI struct {
	Paths map[string]map[string]operation

	schemas *jsonschema.Compiler
	mu      sync.Mutex
}

type operation struct {
	OperationID string `json:"operationId"`
	Role        string `json:"x-role"`
	Responses   map[string]struct {
		Content map[string]any
	}
}

var document = sync.OnceValues(func() (*openAPI, error) {
	handler, err := api.New(api.Options{})
	if err != nil {
		return nil, err
	}
	served := httptest.NewRecorder()
	handler.ServeHTTP(served, httptest.NewRequest(http.MethodGet, api.Prefix+"/openapi.json", nil))
	raw := served.Body.Bytes()
	var d openAPI
	if err := json.Unmarshal(raw, &d); err != nil {
		return nil, err
	}
	whole, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	d.schemas = jsonschema.NewCompiler()
	d.schemas.DefaultDraft(jsonschema.Draft2020)
	d.schemas.AssertFormat()
	return &d, d.schemas.AddResource("mem:///openapi.json", whole)
})

func contract(t testing.TB) *openAPI {
	t.Helper()
	d, err := document()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// find gives the operation of a path, with the template that it matches. A
// template without parameters goes first, as the mux has it.
func (d *openAPI) find(method, path string) (template string, op operation, ok bool) {
	fewest := len(path)
	for t, methods := range d.Paths {
		o, has := methods[strings.ToLower(method)]
		parameters := strings.Count(t, "{")
		if has && fits(t, path) && parameters < fewest {
			template, op, ok, fewest = t, o, true, parameters
		}
	}
	return template, op, ok
}

func fits(template, path string) bool {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return false
	}
	for i, part := range want {
		if !strings.HasPrefix(part, "{") && part != got[i] {
			return false
		}
	}
	return true
}

// check holds an answer against the document: its status, type and shape.
func (d *openAPI) check(t testing.TB, method, path string, response *http.Response, body []byte) {
	t.Helper()
	template, op, ok := d.find(method, path)
	if !ok {
		if response.StatusCode != http.StatusNotFound && response.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s %s is not in the document, and answers %d", method, path, response.StatusCode)
		}
		return
	}
	status := fmt.Sprint(response.StatusCode)
	described, ok := op.Responses[status]
	if !ok && response.StatusCode >= http.StatusBadRequest {
		described, ok = op.Responses["default"]
		status = "default"
	}
	if !ok {
		t.Errorf("%s %s: the document has no answer %s", method, template, status)
		return
	}
	if len(described.Content) == 0 {
		if len(body) > 0 {
			t.Errorf("%s %s: the document says that %s has no body: %.200s", method, template, status, body)
		}
		return
	}
	kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if _, has := described.Content[kind]; err != nil || !has {
		t.Errorf("%s %s answers %s with %q, which the document does not have", method, template, status, response.Header.Get("Content-Type"))
		return
	}
	if !strings.HasSuffix(kind, "json") {
		return
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D")
	pointer := "mem:///openapi.json#/paths/" + escape.Replace(template) + "/" + strings.ToLower(method) + "/responses/" + status + "/content/" + escape.Replace(kind) + "/schema"
	d.mu.Lock()
	schema, err := d.schemas.Compile(pointer)
	d.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Fatalf("%s %s: %v: %.200s", method, template, err, body)
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%s %s answers otherwise than the document says: %v\n%.1000s", method, template, err, body)
	}
}

// TestSecuritySchemes: what the document says of signing in is what the hub
// takes: a token, or the cookie of a session.
func TestSecuritySchemes(t *testing.T) {
	t.Parallel()
	handler, err := api.New(api.Options{})
	if err != nil {
		t.Fatal(err)
	}
	served := httptest.NewRecorder()
	handler.ServeHTTP(served, httptest.NewRequest(http.MethodGet, api.Prefix+"/openapi.json", nil))
	var d struct {
		Paths      map[string]map[string]struct{ Security []map[string][]string }
		Components struct {
			SecuritySchemes map[string]struct{ Type, Scheme, In, Name string }
		}
	}
	if err := json.Unmarshal(served.Body.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	schemes := d.Components.SecuritySchemes
	if s := schemes["token"]; s.Type != "http" || s.Scheme != "bearer" {
		t.Errorf("token: %+v", s)
	}
	for name, cookie := range map[string]string{"session": "__Host-azward", "plainSession": "azward"} {
		if s := schemes[name]; s.Type != "apiKey" || s.In != "cookie" || s.Name != cookie {
			t.Errorf("%s: %+v", name, s)
		}
	}
	for path, methods := range d.Paths {
		for method, op := range methods {
			if len(op.Security) != len(schemes) {
				t.Errorf("%s %s: %v", method, path, op.Security)
			}
		}
	}
}
