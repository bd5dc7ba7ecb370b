package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/azward/azward/access"
)

// told is what an answer says to whom it refuses: a document of RFC 9457, or a
// page with the same.
func told(t *testing.T, name string, got reply) {
	t.Helper()
	if !strings.HasPrefix(got.header.Get("Content-Type"), "application/problem+json") {
		if !strings.Contains(got.body, "</html>") {
			t.Errorf("%s: neither a problem nor a page: %.200s", name, got.body)
		}
		return
	}
	var p struct {
		Status              int
		Title, Detail, Kind string
		Cause, Remedy       string
		Type                string
	}
	if err := json.Unmarshal([]byte(got.body), &p); err != nil || p.Status != got.status || p.Cause == "" || p.Remedy == "" || p.Kind == "" || p.Title == "" || p.Type == "" {
		t.Errorf("%s: the problem is not whole: %v %s", name, err, got.body)
	}
}

// badInput is what mistaken and hostile callers send: each gets its status, why,
// and what to do.
func badInput(t *testing.T, w *secured) {
	admin := w.callers["admin"]
	const big = 200_000
	const until = `"until":"2100-01-01"`
	for _, tc := range []struct {
		name, method, path, kind, body string
		headers                        []string
		status                         int
		says                           string
	}{
		{"oversized", "POST", "/api/v1/scans", jsonType, `{"connection":"` + strings.Repeat("x", big) + `"}`, nil, 413, "tooLarge"},
		{"oversized_with_a_key", "POST", "/api/v1/scans", jsonType, `{"connection":"` + strings.Repeat("x", big) + `"}`, []string{"Idempotency-Key", "big"}, 413, "tooLarge"},
		{"oversized_form", "POST", "/verdicts/dismiss", form, "reason=" + strings.Repeat("x", big), nil, 422, "larger than 64 KB"},
		{"oversized_sign_in", "POST", "/signin", form, "name=" + strings.Repeat("x", 2<<20), nil, 400, "larger than 1 MiB"},
		{"broken_form", "POST", "/signin", form, "%zz=1&name", nil, 400, "cannot be read"},
		{"broken_json", "POST", "/api/v1/scans", jsonType, `{"connection":`, nil, 400, "body"},
		{"two_values", "POST", "/api/v1/scans", jsonType, `{"connection":"a"}{}`, nil, 400, "body"},
		{"deeply_nested", "POST", "/api/v1/scans", jsonType, strings.Repeat("[", 60_000), nil, 400, "body"},
		{"no_body", "POST", "/api/v1/scans", jsonType, "", nil, 400, "body"},
		{"not_utf8", "POST", "/api/v1/users", jsonType, "{\"name\":\"\xff\xfe\",\"role\":\"viewer\"}", nil, 0, ""},
		{"a_form_for_json", "POST", "/api/v1/scans", form, "connection=a", nil, 415, "not JSON"},
		{"unknown_field_is_named", "POST", "/api/v1/scans", jsonType, `{"connection":"a","everything":true}`, nil, 422, "body.everything"},
		{"unknown_field_within", "POST", "/api/v1/verdicts/dismiss", jsonType, `{"ids":["v-00000000000000ff"],"reason":"x",` + until + `,"zqx":{"a":1}}`, nil, 422, "body.zqx"},
		{"unknown_parameter_is_named", "GET", "/api/v1/verdicts?sorted=yes", "", "", nil, 422, "sorted"},
		{"wrong_type", "POST", "/api/v1/scans", jsonType, `{"connection":7}`, nil, 422, "body.connection"},
		{"no_such_role", "POST", "/api/v1/users", jsonType, `{"name":"a","role":"root"}`, nil, 422, "body.role"},
		{"limit_too_large", "GET", "/api/v1/verdicts?limit=1000000", "", "", nil, 422, "limit"},
		{"invalid_cursor", "GET", "/api/v1/verdicts?cursor=AAAA", "", "", nil, 400, "cursor"},
		{"cursor_of_another_list", "GET", "/api/v1/tokens?cursor=djA", "", "", nil, 400, "cursor"},
		{"no_such_method", "PATCH", "/api/v1/connections", jsonType, "{}", nil, 405, ""},
		{"no_such_path", "GET", "/api/v1/nothing", "", "", nil, 404, ""},
		{"no_such_page", "GET", "/nothing", "", "", nil, 404, "nothing of that name"},
		{"change_without_a_version", "PUT", "/api/v1/users/" + admin.id, jsonType, `{"role":"admin"}`, nil, 428, "If-Match"},
		{"stale_version", "PUT", "/api/v1/users/" + admin.id, jsonType, `{"role":"admin"}`, []string{"If-Match", `"0123456789abcdef01234567"`}, 412, "it was changed since it was read"},
		{"weak_version", "PUT", "/api/v1/users/" + admin.id, jsonType, `{"role":"admin"}`, []string{"If-Match", `W/"0123456789abcdef01234567"`}, 412, "it was changed since it was read"},
		{"long_address", "GET", "/verdicts?q=" + strings.Repeat("a", 9000), "", "", nil, 400, "8 KiB"},
		{"wrong_password", "POST", "/signin", form, url.Values{"name": {"nobody"}, "password": {"a wrong password"}}.Encode(), nil, 401, "ame or password is wrong"},
		{"link_that_was_used", "GET", "/setup?code=" + w.secrets["link of "+admin.name], "", "", nil, 401, "used already"},
		{"callback_out_of_nowhere", "GET", "/signin/oidc/callback?code=a&state=b", "", "", nil, 401, "not begun in this browser"},
		{"no_connection_to_scan", "POST", "/api/v1/scans", jsonType, `{"connection":"nobody"}`, nil, 404, "nobody"},
		{"verdict_that_is_none", "GET", "/api/v1/verdicts/x", "", "", nil, 400, "not of the form"},
	} {
		c := admin
		if strings.HasPrefix(tc.path, "/signin") {
			c = w.browser()
		}
		got := c.do(t, tc.method, tc.path, tc.kind, tc.body, tc.headers...)
		if tc.status == 0 { // whatever it is, it is refused
			tc.status = got.status
		}
		if got.status != tc.status || got.status < http.StatusBadRequest || got.status >= http.StatusInternalServerError || !strings.Contains(got.body, tc.says) {
			t.Errorf("%s: %d, want %d with %q: %.600s", tc.name, got.status, tc.status, tc.says, got.body)
		}
		told(t, tc.name, got)
	}
	w.credentialsThatEnded(t)
}

// credentialsThatEnded are tokens and sessions that were good once.
func (w *secured) credentialsThatEnded(t *testing.T) {
	t.Helper()
	admin, viewer := w.callers["admin"], w.as(t, "viewer")
	s := openData(t, w.data)
	hundredDays := func() time.Time { return time.Now().AddDate(0, 0, -100) }
	past, err := access.New(access.Options{Store: s, PublicURL: w.origin, Now: hundredDays, Lifetime: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx := access.With(context.WithoutCancel(t.Context()), access.Identity{UserID: viewer.id, Name: viewer.name, Role: access.Viewer})
	_, expired, err := past.CreateToken(ctx, access.NewToken{Name: "of last year"})
	if err != nil {
		t.Fatal(err)
	}
	ended, _, err := past.StartSession(ctx, viewer.id)
	if err != nil {
		t.Fatal(err)
	}
	var revoked struct {
		Secret string
		Token  access.Token
	}
	admin.json(t, http.MethodPost, "/api/v1/tokens", map[string]any{"name": "to revoke"}, &revoked)
	admin.json(t, http.MethodDelete, "/api/v1/tokens/"+revoked.Token.ID, nil, nil)
	var made struct{ Link string }
	admin.json(t, http.MethodPost, "/api/v1/users", map[string]any{"name": "soon disabled", "role": "operator"}, &made)
	gone := w.enter(t, made.Link, "soon disabled", access.Operator)
	var held struct{ Secret string }
	gone.json(t, http.MethodPost, "/api/v1/tokens", map[string]any{"name": "held"}, &held)
	admin.json(t, http.MethodDelete, "/api/v1/users/"+gone.id, nil, nil, "If-Match", admin.get(t, "/api/v1/users/"+gone.id).header.Get("ETag"))
	out := w.as(t, "viewer")
	admin.json(t, http.MethodPost, "/api/v1/users/"+viewer.id+"/sign-out", nil, nil)
	w.callers["viewer"].signIn(t)
	for name, tc := range map[string]struct {
		c    *caller
		says string
	}{
		"expired_token":          {&caller{w: w, token: expired}, "the token expired on "},
		"revoked_token":          {&caller{w: w, token: revoked.Secret}, "the token was revoked"},
		"token_of_a_disabled":    {&caller{w: w, token: held.Secret}, "user is disabled"},
		"token_that_never_was":   {&caller{w: w, token: "azw_" + strings.Repeat("x", 43)}, "not known here"},
		"no_token_of_ours":       {&caller{w: w, token: strings.Repeat("x", 10_000)}, "no token of azward"},
		"expired_session":        {&caller{w: w, cookies: map[string]string{"azward": ended}}, "nobody is signed in"},
		"session_signed_out":     {out, "nobody is signed in"},
		"session_of_a_disabled":  {gone, "nobody is signed in"},
		"session_that_never_was": {&caller{w: w, cookies: map[string]string{"azward": strings.Repeat("x", 43)}}, "nobody is signed in"},
		"oversized_session":      {&caller{w: w, cookies: map[string]string{"azward": strings.Repeat("x", 10_000)}}, "nobody is signed in"},
	} {
		got := tc.c.get(t, "/api/v1/verdicts")
		if got.status != http.StatusUnauthorized || !strings.Contains(strings.ToLower(got.body), tc.says) || got.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		told(t, name, got)
		if page := tc.c.get(t, "/verdicts?severity=high"); tc.c.token == "" && (page.status != http.StatusSeeOther || page.location() != "/signin?next=%2Fverdicts%3Fseverity%3Dhigh") {
			t.Errorf("%s: the page is %d %q", name, page.status, page.location())
		}
	}
}

// twoBrowsers edit one connection: the second is told, sees what it is now, and
// nothing of theirs is saved.
func twoBrowsers(t *testing.T, w *secured) {
	admin := w.callers["admin"]
	admin.json(t, http.MethodPost, "/api/v1/connections", map[string]any{"name": "shared", "auth": "managedIdentity", "clientId": "00000000-0000-4000-8000-00000000000a"}, nil)
	const path = "/integrations/connections/shared"
	first, second := w.as(t, "admin"), w.as(t, "operator")
	fields := func(c *caller, client string) url.Values {
		t.Helper()
		for _, page := range crawl(t, c, true, path) {
			for _, f := range page.forms() {
				if page.path == path && f.action == path {
					f.values.Set("client", client)
					f.values.Set("auth", "managedIdentity")
					return f.values
				}
			}
		}
		t.Fatal("there is no form")
		return nil
	}
	const one, two = "00000000-0000-4000-8000-00000000000b", "00000000-0000-4000-8000-00000000000c"
	mine, theirs := fields(first, one), fields(second, two)
	if got := first.post(t, path, mine); got.status != http.StatusSeeOther {
		t.Fatalf("the first: %d %s", got.status, got.body)
	}
	got := second.post(t, path, theirs)
	if got.status != http.StatusPreconditionFailed || !strings.Contains(got.body, one) || !strings.Contains(got.body, two) || !strings.Contains(got.body, "omebody changed it since you opened the form") {
		t.Errorf("the second: %d %.3000s", got.status, got.body)
	}
	// The same by the API.
	read := admin.get(t, "/api/v1/connections/shared")
	if !strings.Contains(read.body, one) {
		t.Errorf("kept is %s", read.body)
	}
	body := map[string]any{"auth": "managedIdentity", "clientId": two}
	admin.json(t, http.MethodPut, "/api/v1/connections/shared", body, nil, "If-Match", read.header.Get("ETag"))
	for name, tc := range map[string]struct {
		tag    string
		status int
	}{"stale": {read.header.Get("ETag"), 412}, "without": {"", 428}} {
		for _, method := range []string{http.MethodPut, http.MethodDelete} {
			got := admin.do(t, method, "/api/v1/connections/shared", jsonType, string(mustJSON(t, body)), "If-Match", tc.tag)
			if got.status != tc.status {
				t.Errorf("%s %s: %d %s", method, name, got.status, got.body)
			}
			told(t, name, got)
		}
	}
	if got := admin.get(t, "/api/v1/connections/shared", "If-None-Match", admin.get(t, "/api/v1/connections/shared").header.Get("ETag")); got.status != http.StatusNotModified || got.body != "" {
		t.Errorf("what did not change: %d %s", got.status, got.body)
	}
}

// consentIsChecked: an administrator's consent counts for whoever asked for it,
// in the browser that asked, once.
func consentIsChecked(t *testing.T, w *secured) {
	const tenant, another = "3f1c9e0a-7b52-4c8d-9d41-6e0f2ab5c713", "9d2e4b71-0c3f-4f6a-8e15-b7a2d90c4e58"
	const callback = "/integrations/azure/consent/callback?"
	begin := func(t *testing.T, c *caller) url.Values {
		t.Helper()
		got := c.get(t, "/integrations/azure/consent?connection="+demoTenant)
		to, err := url.Parse(got.location())
		if err != nil || got.status != http.StatusSeeOther || to.Query().Get("redirect_uri") != w.origin+"/integrations/azure/consent/callback" {
			t.Fatalf("consent begins with %d %q", got.status, got.location())
		}
		return url.Values{"state": to.Query()["state"], "admin_consent": {"True"}, "tenant": {tenant}}
	}
	admin := w.as(t, "admin")
	for name, tc := range map[string]struct {
		by     *caller // nil is who asked
		change func(url.Values)
		status int
		says   string
	}{
		"denied":             {nil, func(q url.Values) { q.Set("error", "access_denied"); q.Set("error_description", hostile) }, 401, "did not consent"},
		"refused_by_entra":   {nil, func(q url.Values) { q.Set("error", hostile) }, 401, "refused"},
		"no_state":           {nil, func(q url.Values) { q.Del("state") }, 400, "no state"},
		"made_up_state":      {nil, func(q url.Values) { q.Set("state", "AAAAAAAAAAAAAAAAAAAAAAAAAA") }, 412, "not awaited here"},
		"another_user":       {w.as(t, "operator"), func(url.Values) {}, 403, "another session"},
		"another_browser":    {w.as(t, "admin"), func(url.Values) {}, 403, "another session"},
		"a_viewer":           {w.as(t, "viewer"), func(url.Values) {}, 403, "needs the role"},
		"nobody":             {w.browser(), func(url.Values) {}, 303, ""},
		"another_tenant":     {nil, func(q url.Values) { q.Set("tenant", another) }, 422, "nother tenant consented"},
		"no_tenant":          {nil, func(q url.Values) { q.Del("tenant") }, 422, "does not name the tenant"},
		"hostile_tenant":     {nil, func(q url.Values) { q.Set("tenant", hostile) }, 422, "does not name the tenant"},
		"neither_yes_nor_no": {nil, func(q url.Values) { q.Del("admin_consent") }, 422, "neither"},
	} {
		t.Run(name, func(t *testing.T) {
			q := begin(t, admin)
			state := q.Get("state")
			tc.change(q)
			by := tc.by
			if by == nil {
				by = admin
			}
			got := by.get(t, callback+q.Encode(), "Sec-Fetch-Site", "cross-site")
			if got.status != tc.status || !strings.Contains(got.body, tc.says) {
				t.Errorf("%d, want %d with %q: %.3000s", got.status, tc.status, tc.says, got.body)
			}
			// What somebody else tried does not use it up.
			again := admin.get(t, callback+url.Values{"state": {state}, "admin_consent": {"True"}, "tenant": {tenant}}.Encode(), "Sec-Fetch-Site", "cross-site")
			want := http.StatusPreconditionFailed
			if tc.by != nil || name == "no_state" || name == "made_up_state" {
				want = http.StatusSeeOther
			}
			if again.status != want {
				t.Errorf("afterwards: %d, want %d: %s", again.status, want, fmt.Sprintf("%.300s", again.body))
			}
		})
	}
}
