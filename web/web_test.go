package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/jobs"
	"github.com/azward/azward/store"
	"github.com/azward/azward/web"
	"github.com/azward/azward/workspace"
)

// TestRoutes asks for every route as everybody.
func TestRoutes(t *testing.T) {
	t.Parallel()
	verdicts := sample()
	h := newHub(t, verdicts, nil)
	job, _, err := h.pool.Enqueue(t.Context(), jobs.Request{Kind: "scan", Subject: "prod", By: "ada"})
	must(t, err)
	for _, err := range h.pool.Watch(t.Context(), job.ID) { // until it has ended
		must(t, err)
	}
	for _, route := range web.Routes() {
		method, path, _ := strings.Cut(route.Pattern, " ")
		path = strings.NewReplacer("{$}", "", "{name}", "none.css", "{format}", "json").Replace(path)
		switch {
		case strings.HasPrefix(path, "/verdicts/"):
			path = strings.ReplaceAll(path, "{id}", string(verdicts[0].ID))
		case strings.HasPrefix(path, "/scans/jobs/"):
			path = strings.ReplaceAll(path, "{id}", job.ID)
		default:
			path = strings.ReplaceAll(path, "{id}", "scan-1")
		}
		for _, role := range []access.Role{"", access.Viewer, access.Operator, access.Admin, "owner"} {
			got := h.as(t, role, method, path, nil)
			sentToSignIn := got.Code == http.StatusSeeOther && strings.HasPrefix(got.Header().Get("Location"), "/signin")
			allowed := route.Least == "" || role.Allows(route.Least)
			switch {
			case allowed:
				if sentToSignIn || got.Code == http.StatusUnauthorized || got.Code == http.StatusForbidden || got.Code >= http.StatusInternalServerError {
					t.Errorf("%s as %q gives %d %s", route.Pattern, role, got.Code, got.Header().Get("Location"))
				}
			case role == "" && method == http.MethodGet:
				if !sentToSignIn {
					t.Errorf("%s gives an anonymous one %d", route.Pattern, got.Code)
				}
			case role == "":
				if got.Code != http.StatusUnauthorized {
					t.Errorf("%s gives an anonymous one %d", route.Pattern, got.Code)
				}
			case got.Code != http.StatusForbidden:
				t.Errorf("%s as %q gives %d", route.Pattern, role, got.Code)
			}
		}
	}
}

// TestNothingChangesByReading: a GET is safe, and what changes asks for more
// than to be there.
func TestNothingChangesByReading(t *testing.T) {
	t.Parallel()
	for _, route := range web.Routes() {
		method, _, _ := strings.Cut(route.Pattern, " ")
		if method != http.MethodGet && method != http.MethodPost {
			t.Errorf("%s is neither read nor written", route.Pattern)
		}
		if route.Does == "" {
			t.Errorf("%s does not say what it is for", route.Pattern)
		}
		if method == http.MethodPost && route.Least == "" && route.Pattern != "POST /theme" {
			t.Errorf("%s lets anybody write", route.Pattern)
		}
	}
}

func TestHostileNames(t *testing.T) {
	t.Parallel()
	bad := evil()
	h := newHub(t, append(sample(), bad), nil)
	must(t, h.kept.Dismiss(t.Context(), sample()[0].ID, azward.Dismissal{By: hostile, Reason: hostile, At: noon, Until: noon.Add(48 * time.Hour)}))
	must(t, h.kept.SaveView(t.Context(), store.View{User: h.admin.ID, Name: hostile, Query: hostile}))
	must(t, h.kept.SaveChanges(t.Context(), "scan-1", func(yield func([]byte, error) bool) {
		yield([]byte(`{"kind":"new","verdict":{"id":"v-0000000000000000","vulnerability":"\"><script>alert(1)</script>"}}`), nil)
	}))
	q := url.QueryEscape(hostile)
	for _, path := range []string{
		"/", "/verdicts?dismissed=with", "/verdicts/" + string(bad.ID), "/verdicts?q=" + q, "/verdicts?cve=" + q,
		"/scans", "/scans/scan-1", "/settings", "/settings/users", "/settings/tokens", "/settings/audit?action=" + q, "/settings/retention", "/settings/sign-in",
	} {
		body := h.get(t, path)
		if strings.Contains(body, "<script>alert") || strings.Contains(body, "<img") {
			t.Errorf("%s runs what a name says", path)
		}
	}
	for _, path := range []string{"/" + url.PathEscape(hostile), "/verdicts/" + url.PathEscape(hostile), "/verdicts?result=" + q, "/verdicts?workload=" + q, "/verdicts?after=" + q, "/scans/" + url.PathEscape(hostile)} {
		got := h.as(t, access.Admin, http.MethodGet, path, nil)
		if got.Code < 400 || got.Code >= 500 {
			t.Errorf("GET %s gives %d", path, got.Code)
		}
		strict(t, path, got.Body.String())
	}
}

func TestPagesOfTheHub(t *testing.T) {
	t.Parallel()
	h := newHub(t, nil, nil)
	wrong := &azward.Error{Kind: azward.KindSignIn, Op: "sign in", Cause: hostile, Remedy: hostile}
	for name, draw := range map[string]func(http.ResponseWriter, *http.Request){
		"sign_in": func(w http.ResponseWriter, r *http.Request) {
			h.SignIn(w, r, access.SignInPage{Next: "/", Status: 200, Passkeys: true, OIDC: hostile})
		},
		"sign_in_wrong": func(w http.ResponseWriter, r *http.Request) {
			h.SignIn(w, r, access.SignInPage{Next: "/", Name: hostile, Err: wrong, Status: 401})
		},
		"setup_no_code": func(w http.ResponseWriter, r *http.Request) { h.Setup(w, r, access.SetupPage{Status: 200}) },
		"setup": func(w http.ResponseWriter, r *http.Request) {
			h.Setup(w, r, access.SetupPage{Code: hostile, Name: hostile, MinLength: 12, Status: 200})
		},
		"problem": func(w http.ResponseWriter, r *http.Request) { h.Problem(w, r, wrong) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			draw(w, httptest.NewRequest(http.MethodGet, "/signin", nil))
			strict(t, name, w.Body.String())
			if strings.Contains(w.Body.String(), "<script>alert") {
				t.Error("it runs what a name says")
			}
		})
	}
}

var verdictLink = regexp.MustCompile(`href="/verdicts/(v-[0-9a-f]{16})"`)

func TestFiltersAreInTheAddress(t *testing.T) {
	t.Parallel()
	known := decided("known", "CVE-2026-9999", azward.NotExploitable)
	known.Finding.KEV, known.Finding.PURL = true, "pkg:maven/org.example/Log4J-core@2.14"
	h := newHub(t, append(sample(), known), nil)
	for query, want := range map[string]int{
		"": 6, "result=exploitable": 1, "result=exploitable&result=conditional": 2, "known=1": 1, "q=log4j": 1, "q=APP-2": 1, "q=CVE-2026": 6,
		"severity=critical": 0, "cve=cve-2026-0001": 1, "workload=" + url.QueryEscape(subscription): 6, "source=other": 0, "dismissed=only": 0,
	} {
		links := verdictLink.FindAllStringSubmatch(h.get(t, "/verdicts?"+query), -1)
		if len(links) != want {
			t.Errorf("?%s lists %d, want %d", query, len(links), want)
		}
	}
	for _, bad := range []string{"result=maybe", "severity=huge", "dismissed=perhaps", "workload=nowhere", "after=x", "q=" + strings.Repeat("x", 300)} {
		if got := h.as(t, access.Viewer, http.MethodGet, "/verdicts?"+bad, nil); got.Code != http.StatusBadRequest || !strings.Contains(got.Body.String(), "What to do") {
			t.Errorf("?%s gives %d", bad, got.Code)
		}
	}
}

func TestPagesOfTheList(t *testing.T) {
	t.Parallel()
	var all []azward.Verdict
	for i := range 120 {
		all = append(all, decided(fmt.Sprintf("app-%03d", i), "CVE-2026-0001", azward.Results()[i%5]))
	}
	h := newHub(t, all, nil)
	next := regexp.MustCompile(`href="([^"]+)" rel="next"`)
	seen, pages := map[string]int{}, 0
	for path := "/verdicts"; path != ""; pages++ {
		body := h.get(t, path)
		for _, link := range verdictLink.FindAllStringSubmatch(body, -1) {
			seen[link[1]]++
		}
		path = ""
		if found := next.FindStringSubmatch(body); found != nil {
			path = strings.ReplaceAll(found[1], "&amp;", "&")
		}
	}
	if pages != 3 || len(seen) != len(all) {
		t.Errorf("%d pages list %d of %d verdicts", pages, len(seen), len(all))
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s stands %d times", id, n)
		}
	}
}

func TestDismissAndReopen(t *testing.T) {
	t.Parallel()
	h := newHub(t, sample(), nil)
	ids := []string{string(sample()[0].ID), string(sample()[4].ID)}
	to := h.post(t, "/verdicts/dismiss", url.Values{"id": ids, "reason": {"behind a gateway"}, "days": {"30"}, "back": {"/verdicts?result=exploitable"}})
	if to != "/verdicts?result=exploitable" {
		t.Errorf("it leads to %q", to)
	}
	if n := len(verdictLink.FindAllString(h.get(t, "/verdicts"), -1)); n != 3 {
		t.Errorf("%d are still listed, want 3", n)
	}
	if n := len(verdictLink.FindAllString(h.get(t, "/verdicts?dismissed=only"), -1)); n != 2 {
		t.Errorf("%d are dismissed, want 2", n)
	}
	body := h.get(t, "/verdicts/"+ids[0])
	for _, want := range []string{"behind a gateway", "until 2026-03-31", "Reopen", "ada"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page of a dismissed verdict does not say %q", want)
		}
	}
	if to := h.post(t, "/verdicts/reopen", url.Values{"id": {ids[0]}, "back": {"https://evil.example/"}}); to != "/" {
		t.Errorf("it leads to %q", to)
	}
	if strings.Contains(h.get(t, "/verdicts/"+ids[0]), "Reopen") {
		t.Error("it is dismissed still")
	}
	log := h.get(t, "/settings/audit?action=verdict")
	for _, want := range []string{"verdict.dismiss", "verdict.reopen", "behind a gateway"} {
		if !strings.Contains(log, want) {
			t.Errorf("the audit log does not have %q", want)
		}
	}
	for name, form := range map[string]url.Values{
		"no_reason": {"id": ids, "days": {"30"}}, "no_verdict": {"reason": {"x"}, "days": {"30"}}, "no_end": {"id": ids, "reason": {"x"}},
		"over": {"id": ids, "reason": {"x"}, "days": {"-1"}}, "for_ever": {"id": ids, "reason": {"x"}, "days": {"3650"}}, "no_id": {"id": {"x"}, "reason": {"x"}, "days": {"30"}},
	} {
		if got := h.as(t, access.Operator, http.MethodPost, "/verdicts/dismiss", form); got.Code != http.StatusBadRequest {
			t.Errorf("%s gives %d", name, got.Code)
		}
	}
	if got := h.as(t, access.Operator, http.MethodPost, "/verdicts/dismiss", url.Values{"reason": {strings.Repeat("x", 100_000)}}); got.Code != http.StatusUnprocessableEntity {
		t.Errorf("a form of 100 KB gives %d", got.Code)
	}
}

func TestSavedViews(t *testing.T) {
	t.Parallel()
	h := newHub(t, sample(), nil)
	if to := h.post(t, "/verdicts/views", url.Values{"name": {"mine"}, "query": {"severity=high&result=exploitable&evil=1"}}); to != "/verdicts?result=exploitable&severity=high" {
		t.Errorf("it leads to %q", to)
	}
	kept, err := h.kept.Views(t.Context(), h.admin.ID)
	must(t, err)
	if diff := cmp.Diff([]store.View{{User: h.admin.ID, Owner: "ada", Name: "mine", Query: "result=exploitable&severity=high"}}, kept); diff != "" {
		t.Errorf("kept views (-want +got):\n%s", diff)
	}
	if body := h.get(t, "/verdicts?severity=high&result=exploitable"); !strings.Contains(body, `aria-current="true">mine`) {
		t.Error("the view is not marked where one is in it")
	}
	for name, form := range map[string]url.Values{"nameless": {"query": {"known=1"}}, "of_everybody": {"name": {"All"}}, "broken": {"name": {"x"}, "query": {"result=maybe"}}} {
		if got := h.as(t, access.Viewer, http.MethodPost, "/verdicts/views", form); got.Code != http.StatusBadRequest {
			t.Errorf("%s gives %d", name, got.Code)
		}
	}
	h.post(t, "/verdicts/views/remove", url.Values{"name": {"mine"}})
	if got := h.as(t, access.Viewer, http.MethodPost, "/verdicts/views/remove", url.Values{"name": {"mine"}}); got.Code != http.StatusNotFound {
		t.Errorf("removing it twice gives %d", got.Code)
	}
}

func TestFlashIsToldOnce(t *testing.T) {
	t.Parallel()
	h := newHub(t, sample(), nil)
	posted := h.as(t, access.Admin, http.MethodPost, "/verdicts/views", url.Values{"name": {hostile[:20]}, "query": {"known=1"}})
	r := httptest.NewRequest(http.MethodGet, "/verdicts", nil)
	for _, c := range posted.Result().Cookies() {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(access.With(t.Context(), access.Identity{UserID: h.admin.ID, Role: access.Admin})))
	if !strings.Contains(w.Body.String(), "is saved.") {
		t.Error("the page after the form does not say what happened")
	}
	strict(t, "/verdicts", w.Body.String())
	if cookies := w.Result().Cookies(); len(cookies) != 1 || cookies[0].MaxAge >= 0 {
		t.Errorf("it is not taken away: %v", cookies)
	}
	r = httptest.NewRequest(http.MethodGet, "/verdicts", nil)
	r.AddCookie(&http.Cookie{Name: "azward_flash", Value: "%%%"})
	w = httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(access.With(t.Context(), access.Identity{UserID: h.admin.ID, Role: access.Admin})))
	if w.Code != http.StatusOK {
		t.Errorf("a broken one gives %d", w.Code)
	}
}

func TestTheme(t *testing.T) {
	t.Parallel()
	h := newHub(t, nil, nil)
	got := h.as(t, "", http.MethodPost, "/theme", url.Values{"theme": {"dark"}, "back": {"//evil.example"}})
	if got.Header().Get("Location") != "/" || len(got.Result().Cookies()) != 1 || got.Result().Cookies()[0].Value != "dark" {
		t.Errorf("got %v", got.Header())
	}
	r := httptest.NewRequest(http.MethodGet, "/nowhere", nil)
	r.AddCookie(&http.Cookie{Name: "azward_theme", Value: "dark"})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if !strings.Contains(w.Body.String(), `<html lang="en" data-theme="dark">`) {
		t.Error("the page does not follow it")
	}
}

func TestAssets(t *testing.T) {
	t.Parallel()
	h := newHub(t, nil, nil)
	paths := regexp.MustCompile(`/assets/[^"]+`).FindAllString(h.get(t, "/"), -1)
	if len(paths) != 4 {
		t.Fatalf("a page loads %v", paths)
	}
	const maxSheet = 24 << 10
	for _, path := range paths {
		got := h.as(t, "", http.MethodGet, path, nil)
		if got.Code != http.StatusOK || !strings.Contains(got.Header().Get("Cache-Control"), "immutable") || got.Header().Get("Etag") == "" {
			t.Errorf("%s gives %d %v", path, got.Code, got.Header())
		}
		if strings.HasSuffix(path, ".css") && got.Body.Len() > maxSheet {
			t.Errorf("the sheet has %d bytes, more than %d", got.Body.Len(), maxSheet)
		}
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("If-None-Match", got.Header().Get("Etag"))
		again := httptest.NewRecorder()
		h.ServeHTTP(again, r)
		if again.Code != http.StatusNotModified {
			t.Errorf("%s is sent again: %d", path, again.Code)
		}
	}
	for _, path := range []string{"/assets/azward.css", "/assets/..%2fweb.go", "/assets/"} {
		if got := h.as(t, "", http.MethodGet, path, nil); got.Code != http.StatusNotFound {
			t.Errorf("%s gives %d", path, got.Code)
		}
	}
}

func TestExports(t *testing.T) {
	t.Parallel()
	h := newHub(t, append(sample(), evil()), nil)
	for _, v := range []azward.Verdict{sample()[0], evil()} {
		for format, kind := range map[string]string{"json": "application/json", "markdown": "text/markdown; charset=utf-8", "html": "text/html; charset=utf-8", "proof": "application/json"} {
			got := h.as(t, access.Viewer, http.MethodGet, "/verdicts/"+string(v.ID)+"/export/"+format, nil)
			if got.Code != http.StatusOK || got.Header().Get("Content-Type") != kind || !strings.HasPrefix(got.Header().Get("Content-Disposition"), "attachment; filename=\"v-") {
				t.Errorf("%s gives %d %v", format, got.Code, got.Header())
			}
		}
	}
	if got := h.as(t, access.Viewer, http.MethodGet, "/verdicts/"+string(sample()[0].ID)+"/export/exe", nil); got.Code != http.StatusNotFound {
		t.Errorf("another format gives %d", got.Code)
	}
}

func TestScanIsFollowed(t *testing.T) {
	t.Parallel()
	going := make(chan struct{})
	h := newHub(t, sample(), func(ctx context.Context, _ store.Job, to *jobs.Reporter) error {
		to.Progress("images", 3, 10, hostile)
		select {
		case <-going:
		case <-ctx.Done():
		}
		to.Partial("21 verdicts, 3 gaps")
		return nil
	})
	path := h.post(t, "/scans/start", url.Values{"connection": {"prod"}})
	if again := h.post(t, "/scans/start", url.Values{"connection": {"prod"}}); again != path {
		t.Errorf("a second start leads to %s, the first to %s", again, path)
	}
	if got := h.as(t, access.Operator, http.MethodPost, "/scans/start", url.Values{"connection": {"nobody"}}); got.Code != http.StatusNotFound {
		t.Errorf("an unknown connection gives %d", got.Code)
	}
	body := h.get(t, path)
	if !strings.Contains(body, `http-equiv="refresh"`) || !strings.Contains(body, `data-events="`+path+`/events`) {
		t.Error("the page follows the scan neither with scripts nor without")
	}
	close(going)
	got := h.as(t, access.Viewer, http.MethodGet, path+"/events", nil) // until its end
	if kind := got.Header().Get("Content-Type"); kind != "text/event-stream" {
		t.Errorf("events are %s", kind)
	}
	for _, want := range []string{"event: line\n", "event: progress\n", "event: end\ndata: \"partial\"\n\n"} {
		if !strings.Contains(got.Body.String(), want) {
			t.Errorf("events have no %q:\n%s", want, got.Body)
		}
	}
	body = h.get(t, path)
	if !strings.Contains(body, "Partial.") || strings.Contains(body, "data-events") {
		t.Error("the page of the ended scan does not name it partial, or follows it still")
	}
	if got := h.as(t, access.Operator, http.MethodPost, path+"/cancel", nil); got.Code != http.StatusConflict {
		t.Errorf("cancelling what has ended gives %d", got.Code)
	}
	if got := h.as(t, access.Operator, http.MethodPost, "/scans/schedules", url.Values{"connection": {"prod"}, "cron": {"often"}}); got.Code != http.StatusBadRequest {
		t.Errorf("a broken schedule gives %d", got.Code)
	}
	h.post(t, "/scans/schedules", url.Values{"connection": {"prod"}, "cron": {"@daily"}})
	if !strings.Contains(h.get(t, "/scans"), "@daily") {
		t.Error("the schedule is not listed")
	}
	h.post(t, "/scans/schedules/remove", url.Values{"name": {"scan-prod"}})
}

func TestSettings(t *testing.T) {
	t.Parallel()
	h := newHub(t, nil, nil)
	made := h.as(t, access.Admin, http.MethodPost, "/settings/tokens", url.Values{"name": {"nightly"}, "role": {"viewer"}, "days": {"30"}})
	secret := regexp.MustCompile(`azw_[\w-]+`).FindString(made.Body.String())
	if made.Code != http.StatusOK || secret == "" || len(made.Result().Cookies()) != 0 {
		t.Fatalf("making a token gives %d", made.Code)
	}
	body := h.get(t, "/settings/tokens")
	if strings.Contains(body, secret) || !strings.Contains(body, "nightly") {
		t.Error("the token is shown twice, or not listed")
	}
	id := regexp.MustCompile(`name="id" value="([^"]+)"`).FindStringSubmatch(body)
	if id == nil {
		t.Fatal("it cannot be revoked")
	}
	h.post(t, "/settings/tokens/revoke", url.Values{"id": {id[1]}})
	invited := h.as(t, access.Admin, http.MethodPost, "/settings/users", url.Values{"name": {"grace"}, "role": {"operator"}})
	if !strings.Contains(invited.Body.String(), "/setup?code=azs_") {
		t.Errorf("inviting gives %d", invited.Code)
	}
	body = h.get(t, "/settings/users")
	form := regexp.MustCompile(`action="/settings/users/([^"]+)"><input type="hidden" name="was" value="([^"]+)"><input type="hidden" name="do" value="role"><select name="role" aria-label="Role of grace"`).FindStringSubmatch(body)
	if form == nil {
		t.Fatalf("grace is not listed:\n%s", body)
	}
	change := "/settings/users/" + form[1]
	h.post(t, change, url.Values{"do": {"role"}, "role": {"viewer"}, "was": {strings.ReplaceAll(form[2], "&#43;", "+")}})
	if got := h.as(t, access.Admin, http.MethodPost, change, url.Values{"do": {"role"}, "role": {"admin"}, "was": {form[2]}}); got.Code != http.StatusConflict && got.Code != http.StatusPreconditionFailed {
		t.Errorf("a form of before gives %d", got.Code)
	}
	if got := h.as(t, access.Admin, http.MethodPost, change, url.Values{"do": {"fly"}, "was": {form[2]}}); got.Code != http.StatusBadRequest {
		t.Errorf("an unknown action gives %d", got.Code)
	}
	if got := h.as(t, access.Admin, http.MethodGet, "/settings/advisories", nil); got.Code != http.StatusOK || !strings.Contains(got.Body.String(), "azward advisory update") {
		t.Errorf("without an index it gives %d", got.Code)
	}
}

func TestNothingThere(t *testing.T) {
	t.Parallel()
	h := newHub(t, sample(), nil)
	for path, want := range map[string]int{"/nope": 404, "/verdicts/v-0000000000000000": 404, "/verdicts/x": 400, "/scans/none": 404, "/scans/jobs/none": 404, "/settings/audit?before=x": 400} {
		got := h.as(t, access.Admin, http.MethodGet, path, nil)
		if got.Code != want || !strings.Contains(got.Body.String(), "What to do") {
			t.Errorf("%s gives %d, want %d with a remedy", path, got.Code, want)
		}
	}
}

// TestUnkept: a hub without accounts, work and views says so.
func TestUnkept(t *testing.T) {
	t.Parallel()
	full := newHub(t, sample(), nil)
	site, err := web.New(web.Options{Workspace: &workspace.Workspace{Store: full.kept}})
	must(t, err)
	bare := hub{Site: site, admin: full.admin}
	bare.get(t, "/scans")
	bare.get(t, "/verdicts")
	for path, form := range map[string]url.Values{"/scans/start": {"connection": {"prod"}}, "/settings/tokens": {}, "/verdicts/views": {"name": {"x"}}} {
		got := bare.as(t, access.Admin, http.MethodPost, path, form)
		if got.Code < 400 || !strings.Contains(got.Body.String(), "What to do") {
			t.Errorf("POST %s gives %d", path, got.Code)
		}
	}
}

// BenchmarkPages of 1,000 verdicts; each has to stay far below 100 ms.
func BenchmarkPagesOf1000Verdicts(b *testing.B) {
	var all []azward.Verdict
	for i := range 1000 {
		all = append(all, decided(fmt.Sprintf("app-%03d", i), fmt.Sprintf("CVE-2026-%04d", i%50), azward.Results()[i%5]))
	}
	h := newHub(b, all, nil)
	for _, path := range []string{"/", "/verdicts", "/verdicts?q=app-9", "/verdicts/" + string(all[0].ID), "/scans"} {
		b.Run(path, func(b *testing.B) {
			h.get(b, path)
			for b.Loop() {
				h.get(b, path)
			}
		})
	}
}
