package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/azward/azward/access"
)

// TestEveryRouteAsEverybody walks all routes of the document as nobody and as
// each role: whoever lacks the least role is refused before anything is read.
func TestEveryRouteAsEverybody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	routes := 0
	for path, methods := range contract(t).Paths {
		for method, op := range methods {
			least := access.Role(op.Role)
			if !access.Admin.Allows(least) {
				t.Errorf("%s %s has the role %q, which nobody may have", method, path, op.Role)
			}
			routes++
			for _, role := range []access.Role{"", access.Viewer, access.Operator, access.Admin} {
				// Things of these names are not there, and bodies are no JSON: nothing
				// is changed by whoever gets through.
				got := w.do(role, strings.ToUpper(method), fill(path), `{`, "Content-Type", "text/plain")
				refused := got.StatusCode == http.StatusUnauthorized || got.StatusCode == http.StatusForbidden
				switch {
				case role == "":
					if got.StatusCode != http.StatusUnauthorized || got.Header.Get("WWW-Authenticate") == "" {
						t.Errorf("%s %s answers %d to nobody", method, path, got.StatusCode)
					}
				case role.Allows(least) && refused:
					t.Errorf("%s %s refuses the %s with %d", method, path, role, got.StatusCode)
				case !role.Allows(least) && got.StatusCode != http.StatusForbidden:
					t.Errorf("%s %s answers %d to the %s", method, path, got.StatusCode, role)
				}
			}
		}
	}
	const least = 50
	if routes < least {
		t.Errorf("only %d routes were walked", routes)
	}
}

// fill puts names into a template that nothing has.
func fill(template string) string {
	return strings.NewReplacer("{id}", "v-00000000000000ff", "{name}", "nobody", "{host}", "nowhere.azurecr.io").Replace(template)
}

// TestGetNeverWrites reads everything, and nothing is there that was not before.
func TestGetNeverWrites(t *testing.T) {
	t.Parallel()
	w := newWorld(t).fill()
	before := read[page[access.Entry]](w, w.do(access.Admin, http.MethodGet, "/audit", ""), http.StatusOK)
	for path, methods := range contract(t).Paths {
		if _, ok := methods["get"]; ok && !strings.Contains(path, "/events") {
			w.do(access.Admin, http.MethodGet, fill(path), "")
		}
	}
	after := read[page[access.Entry]](w, w.do(access.Admin, http.MethodGet, "/audit", ""), http.StatusOK)
	if len(before.Items) != len(after.Items) {
		t.Errorf("reading left %d entries in the audit log", len(after.Items)-len(before.Items))
	}
}

type page[T any] struct {
	Items []T
	Next  string
}

func TestElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tc := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{http.MethodGet, "/nothing", http.StatusNotFound, ""},
		{http.MethodPatch, "/connections", http.StatusMethodNotAllowed, "GET, POST"},
		{http.MethodPut, "/verdicts", http.StatusMethodNotAllowed, "GET"},
		{http.MethodDelete, "/connections/prod/test", http.StatusMethodNotAllowed, "POST"},
	} {
		t.Run(tc.method+tc.path, func(t *testing.T) {
			w := w.in(t)
			got := w.do(access.Admin, tc.method, tc.path, "")
			w.refused(got, tc.status)
			if allow := got.Header.Get("Allow"); allow != tc.allow {
				t.Errorf("Allow is %q, want %q", allow, tc.allow)
			}
		})
	}
}

// TestBadInput is what a hostile or mistaken caller sends.
func TestBadInput(t *testing.T) {
	t.Parallel()
	w := newWorld(t).fill()
	const until = `"reason":"x","until":"2100-01-01"`
	for _, tc := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		kind, cause              string
	}{
		{"unknown_field_is_named", http.MethodPost, "/scans", `{"connection":"prod","all":true}`, nil, 422, "badInput", "body.all"},
		{"unknown_field_in_case", http.MethodPost, "/scans", `{"Connection":"prod"}`, nil, 422, "badInput", "body"},
		{"field_missing", http.MethodPost, "/scans", `{}`, nil, 422, "badInput", "connection"},
		{"broken_json", http.MethodPost, "/scans", `{"connection":`, nil, 400, "usage", "body"},
		{"two_values", http.MethodPost, "/scans", `{"connection":"prod"}{}`, nil, 400, "usage", "body"},
		{"deeply_nested", http.MethodPost, "/scans", strings.Repeat("[", 60_000), nil, 400, "usage", "body"},
		{"no_body", http.MethodPost, "/scans", "", nil, 400, "usage", "body"},
		{"oversized", http.MethodPost, "/scans", `{"connection":"` + strings.Repeat("x", 200_000) + `"}`, nil, 413, "tooLarge", ""},
		{"oversized_with_key", http.MethodPost, "/scans", `{"connection":"` + strings.Repeat("x", 200_000) + `"}`, []string{"Idempotency-Key", "big"}, 413, "tooLarge", ""},
		{"form", http.MethodPost, "/scans", `connection=prod`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "mediaType", "not JSON"},
		{"unknown_parameter", http.MethodGet, "/verdicts?colour=red", "", nil, 422, "badInput", "query.colour"},
		{"limit_too_large", http.MethodGet, "/verdicts?limit=501", "", nil, 422, "badInput", "query.limit"},
		{"limit_no_number", http.MethodGet, "/verdicts?limit=many", "", nil, 422, "badInput", "query.limit"},
		{"no_such_result", http.MethodGet, "/verdicts?result=maybe", "", nil, 422, "badInput", "query.result"},
		{"foreign_cursor", http.MethodGet, "/verdicts?cursor=abc", "", nil, 400, "usage", "none that this API gave"},
		{"cursor_of_another_list", http.MethodGet, "/verdicts?cursor=MSBwcm9k", "", nil, 400, "usage", "no place in this list"},
		{"cursor_of_no_scan", http.MethodGet, "/scans?cursor=MSBub25l", "", nil, 400, "usage", "no place in this list"},
		{"cursor_of_no_entry", http.MethodGet, "/audit?cursor=MSBwcm9k", "", nil, 400, "usage", "none of this list"},
		{"bad_verdict_id", http.MethodGet, "/verdicts/v-1", "", nil, 400, "usage", "not of the form"},
		{"no_such_verdict", http.MethodGet, "/verdicts/v-00000000000000ff", "", nil, 404, "notFound", ""},
		{"path_for_a_resource", http.MethodGet, "/resource?id=../../etc/passwd", "", nil, 400, "usage", "slash"},
		{"no_such_resource", http.MethodGet, "/resource?id=" + group + "/providers/Microsoft.Network/virtualNetworks/none", "", nil, 404, "notFound", "no kept estate"},
		{"unexposed_resource", http.MethodGet, "/exposure?id=" + vnet, "", nil, 404, "notFound", "no workload"},
		{"no_such_registry", http.MethodGet, "/registries/..%2f..%2fetc/tags", "", nil, 404, "notFound", "never read"},
		{"no_such_image", http.MethodGet, "/registries/" + acr + "/image?name=none:1", "", nil, 404, "notFound", "none of that name"},
		{"no_such_repository", http.MethodGet, "/registries/" + acr + "/timeline?repository=none", "", nil, 404, "notFound", "none of that name"},
		{"no_such_scan", http.MethodGet, "/scans/none", "", nil, 404, "notFound", ""},
		{"no_such_job", http.MethodGet, "/jobs/20260101T000000-0/events", "", nil, 404, "notFound", ""},
		{"job_of_another_form", http.MethodGet, "/jobs/..%2fx", "", nil, 404, "notFound", "no job's ID"},
		{"scan_of_no_connection", http.MethodPost, "/scans", `{"connection":"none"}`, nil, 404, "notFound", ""},
		{"bad_question", http.MethodGet, "/exposure/check?from=nowhere&to=" + cart + "&port=8080", "", nil, 400, "usage", ""},
		{"dismissed_without_reason", http.MethodPost, "/verdicts/v-00000000000000ff/dismiss", `{"reason":"","until":"2027-01-01"}`, nil, 422, "badInput", "body.reason"},
		{"dismissed_for_ever", http.MethodPost, "/verdicts/v-00000000000000ff/dismiss", `{` + until + `}`, nil, 400, "usage", "more than a year"},
		{"dismissed_until_no_day", http.MethodPost, "/verdicts/v-00000000000000ff/dismiss", `{"reason":"x","until":"tomorrow"}`, nil, 422, "badInput", "body.until"},
		{"too_many_dismissed", http.MethodPost, "/verdicts/dismiss", `{"ids":[` + strings.Repeat(`"v-00000000000000ff",`, 500) + `"v-00000000000000ff"],` + until + `}`, nil, 422, "badInput", "body.ids"},
		{"change_without_if_match", http.MethodPut, "/connections/prod", `{"auth":"azureCLI"}`, nil, 428, "unguarded", "which version"},
		{"stale_if_match", http.MethodPut, "/connections/prod", `{"auth":"azureCLI"}`, []string{"If-Match", `"old"`}, 412, "stale", "changed since"},
		{"weak_if_match", http.MethodDelete, "/connections/prod", "", []string{"If-Match", `W/"old"`}, 412, "stale", "changed since"},
		{"name_with_slash", http.MethodPost, "/connections", `{"name":"../prod","auth":"azureCLI"}`, nil, 400, "usage", "letters, digits"},
		{"no_guid", http.MethodPost, "/connections", `{"name":"x","auth":"managedIdentity","tenantId":"{1}"}`, nil, 400, "usage", "GUID"},
		{"name_is_taken", http.MethodPost, "/connections", `{"name":"prod","auth":"azureCLI"}`, nil, 409, "conflict", "of that name"},
		{"secret_of_another_type", http.MethodPost, "/connections", `{"name":"x","auth":"clientSecret","secret":["` + secret + `"]}`, nil, 422, "badInput", "body.secret"},
		{"control_characters_in_key", http.MethodPost, "/scans", `{"connection":"prod"}`, []string{"Idempotency-Key", "a\tb"}, 400, "usage", "do not print"},
		{"no_such_role", http.MethodPost, "/users", `{"name":"x","role":"god"}`, nil, 422, "badInput", "body.role"},
		{"no_such_user", http.MethodGet, "/users/usr_none", "", nil, 404, "notFound", ""},
		{"no_such_token", http.MethodDelete, "/tokens/tok_none", "", nil, 404, "notFound", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := w.in(t)
			got := w.do(access.Admin, tc.method, tc.path, tc.body, tc.header...)
			p := w.refused(got, tc.status)
			if p.Kind != tc.kind || !strings.Contains(p.Cause+fmt.Sprint(p.Errors), tc.cause) {
				t.Errorf("kind %q cause %q %v, want %q and %q", p.Kind, p.Cause, p.Errors, tc.kind, tc.cause)
			}
			if strings.Contains(string(got.raw), secret) {
				t.Errorf("the problem quotes a secret: %s", got.raw)
			}
			if !json.Valid(got.raw) {
				t.Errorf("it is no JSON: %s", got.raw)
			}
		})
	}
}
