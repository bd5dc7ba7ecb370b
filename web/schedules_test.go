package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/azward/azward/access"
	"github.com/azward/azward/store"
)

var wasOf = regexp.MustCompile(`name="was" value="([^"]+)"`)

// was is the first version that a page holds.
func was(t *testing.T, page string) string {
	t.Helper()
	m := wasOf.FindStringSubmatch(page)
	if m == nil {
		t.Fatal("the page does not say which version it shows")
	}
	return m[1]
}

func TestSchedulesOfThePage(t *testing.T) {
	t.Parallel()
	h := newHub(t, sample(), nil)
	h.post(t, "/scans/schedules", url.Values{"what": {"scan prod"}, "cron": {"30 4 * * *"}, "jitter": {"5"}})
	page := h.get(t, "/scans")
	for _, want := range []string{"scan-prod", "30 4 * * *", `value="5"`, "Run now"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	first := was(t, page)
	h.post(t, "/scans/schedules", url.Values{"name": {"scan-prod"}, "was": {first}, "cron": {"@weekly"}, "jitter": {"0"}})
	got := h.as(t, access.Operator, http.MethodPost, "/scans/schedules", url.Values{"name": {"scan-prod"}, "was": {first}, "do": {"pause"}})
	if got.Code != http.StatusPreconditionFailed {
		t.Errorf("a change of what was changed since gives %d", got.Code)
	}
	h.post(t, "/scans/schedules", url.Values{"name": {"scan-prod"}, "was": {was(t, h.get(t, "/scans"))}, "do": {"pause"}})
	if page := h.get(t, "/scans"); !strings.Contains(page, "paused") || !strings.Contains(page, "@weekly") {
		t.Error("it should be paused, and weekly")
	}
	h.post(t, "/scans/schedules", url.Values{"name": {"scan-prod"}, "do": {"run"}})
	for name, form := range map[string]url.Values{
		"twice":        {"what": {"scan prod"}, "cron": {"@daily"}},
		"no_jitter":    {"what": {"scan prod"}, "cron": {"@daily"}, "jitter": {"soon"}},
		"no_such":      {"what": {"scan none"}, "cron": {"@daily"}},
		"housekeeping": {"what": {"housekeeping retention"}, "cron": {"@daily"}},
	} {
		if got := h.as(t, access.Operator, http.MethodPost, "/scans/schedules", form); got.Code < 400 || got.Code >= 500 {
			t.Errorf("%s gives %d", name, got.Code)
		}
	}
	got = h.as(t, access.Operator, http.MethodPost, "/scans/schedules", url.Values{"what": {"registry contoso.azurecr.io"}, "cron": {"0 25 * * *"}})
	if !strings.Contains(got.Body.String(), "the hour &#34;25&#34;: it takes 0 to 23") {
		t.Errorf("a wrong hour is not named: %s", got.Body)
	}
	// What azward.yaml says stands there, and cannot be changed.
	_, err := h.pool.SetSchedule(t.Context(), store.Schedule{Name: "yaml.n.1", Kind: "scan", Subject: "prod", Cron: "@daily", ManagedBy: store.ManagedByFile, By: store.ManagedByFile})
	must(t, err)
	h.post(t, "/scans/schedules/remove", url.Values{"name": {"scan-prod"}})
	page = h.get(t, "/scans")
	if !strings.Contains(page, "change it in azward.yaml") || strings.Contains(page, "Pause<") || strings.Contains(page, "Remove<") {
		t.Error("a schedule of azward.yaml should be shown, and not be changed")
	}
	for path, form := range map[string]url.Values{
		"/scans/schedules": {"name": {"yaml.n.1"}, "was": {was(t, page)}, "do": {"pause"}}, "/scans/schedules/remove": {"name": {"yaml.n.1"}},
	} {
		if got := h.as(t, access.Admin, http.MethodPost, path, form); got.Code != http.StatusConflict {
			t.Errorf("%s gives %d", path, got.Code)
		}
	}
}

func TestRetentionOfThePage(t *testing.T) {
	t.Parallel()
	h := newHub(t, sample(), nil)
	page := h.get(t, "/settings/retention")
	first := was(t, page)
	form := url.Values{"was": {first}, "do": {"preview"}, "estates.count": {"7"}, "auditDays": {"90"}}
	got := h.as(t, access.Admin, http.MethodPost, "/settings/retention", form)
	if got.Code != http.StatusOK || !strings.Contains(got.Body.String(), "Would go now") || !strings.Contains(got.Body.String(), `name="estates.count" value="7"`) {
		t.Errorf("the preview gives %d: %s", got.Code, got.Body)
	}
	if page := h.get(t, "/settings/retention"); was(t, page) != first {
		t.Error("a preview changes what holds")
	}
	form.Set("do", "save")
	h.post(t, "/settings/retention", form)
	if page := h.get(t, "/settings/retention"); !strings.Contains(page, `name="estates.count" value="7"`) || !strings.Contains(page, "by ada") {
		t.Error("what was saved does not hold")
	}
	for name, tc := range map[string]struct {
		form   url.Values
		status int
	}{
		"older_page":  {form, http.StatusPreconditionFailed},
		"no_number":   {url.Values{"do": {"save"}, "scans.days": {"many"}}, http.StatusBadRequest},
		"short_audit": {url.Values{"do": {"preview"}, "auditDays": {"7"}}, http.StatusBadRequest},
	} {
		got := h.as(t, access.Admin, http.MethodPost, "/settings/retention", tc.form)
		if got.Code != tc.status || !strings.Contains(got.Body.String(), "What to do:") {
			t.Errorf("%s gives %d", name, got.Code)
		}
	}
	if page := h.as(t, access.Viewer, http.MethodGet, "/settings/retention", nil).Body.String(); strings.Contains(page, "Do it now") || strings.Contains(page, ">Save<") {
		t.Error("a viewer is offered to change it")
	}
	if got := h.as(t, access.Admin, http.MethodPost, "/settings/retention/apply", nil); got.Code != http.StatusSeeOther || !strings.HasPrefix(got.Header().Get("Location"), "/scans/jobs/") {
		t.Errorf("housekeeping gives %d to %s", got.Code, got.Header().Get("Location"))
	}
}

func TestRegistriesAreRead(t *testing.T) {
	t.Parallel()
	h := newHub(t, sample(), nil)
	for _, tc := range []struct {
		role       access.Role
		path, name string
		status     int
	}{
		{access.Operator, "/registries/scan", "contoso.azurecr.io", http.StatusSeeOther},
		{access.Operator, "/registries/scan", "10.1.2.3", http.StatusForbidden},
		{access.Operator, "/registries/scan", "contoso.azurecr.io/x", http.StatusBadRequest},
		{access.Operator, "/registries/images/scan", "contoso.azurecr.io/shop/cart:1.4", http.StatusSeeOther},
		{access.Operator, "/registries/images/scan", "tar:/etc/shadow", http.StatusBadRequest},
		{access.Operator, "/registries/images/scan", "localhost:8484/x", http.StatusForbidden},
		{access.Admin, "/registries/images/scan", "registry.example.com/x", http.StatusSeeOther},
	} {
		got := h.as(t, tc.role, http.MethodPost, tc.path, url.Values{"host": {tc.name}, "image": {tc.name}})
		if got.Code != tc.status {
			t.Errorf("%s %s as %s gives %d", tc.path, tc.name, tc.role, got.Code)
		}
	}
}
