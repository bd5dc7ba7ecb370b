package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/retention"
	"github.com/azward/azward/store"
)

func TestRetentionByAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t).fill()
	ctx, c := t.Context(), w.as(access.Admin)
	seen, err := c.Retention(ctx)
	w.ok(err)
	if seen.Retention != retention.Default() || seen.Origin != "default" {
		t.Errorf("at first: %+v", seen)
	}
	to := store.Retention{Scans: store.Limit{Count: 1}, AuditDays: 365}
	plan, err := c.PreviewRetention(ctx, to)
	w.ok(err)
	if plan.Scans.Gone != 0 || plan.Scans.Kept != 2 || plan.AuditEntries.Kept == 0 {
		t.Errorf("preview: %+v", plan)
	}
	if now, err := c.Retention(ctx); err != nil || now != seen {
		t.Errorf("a preview changes it to %+v, %v", now, err)
	}
	_, err = c.SetRetention(ctx, seen, to)
	w.ok(err)
	now, err := c.Retention(ctx)
	w.ok(err)
	if now.Retention != to || now.Origin != "hub" || now.By != "root" {
		t.Errorf("set: %+v", now)
	}
	if _, err := c.SetRetention(ctx, seen, to); azward.KindOf(err) != azward.KindStale {
		t.Errorf("a second change of the first gives %v", err)
	}
	entries := read[page[access.Entry]](w, w.do(access.Admin, http.MethodGet, "/audit?action=retention", ""), http.StatusOK).Items
	if len(entries) != 1 || !strings.Contains(string(entries[0].Before), `"count":500`) || !strings.Contains(string(entries[0].After), `"auditDays":365`) {
		t.Errorf("audit: %+v", entries)
	}
	job, err := c.ApplyRetention(ctx)
	w.ok(err)
	if diff := cmp.Diff([]string{"housekeeping", "retention"}, []string{job.Kind, job.Subject}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBadRetention(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	whole := `{"scans":{"count":1,"days":0},"estates":{"count":0,"days":0},"jobs":{"count":0,"days":0},"jobLogs":{"count":0,"days":0},"historyDays":0,"auditDays":%}`
	for _, tc := range []struct {
		name, query, body string
		status            int
		says              string
	}{
		{"without_if_match", "", strings.ReplaceAll(whole, "%", "0"), 428, "which version"},
		{"audit_of_a_week", "?dryRun=true", strings.ReplaceAll(whole, "%", "7"), 400, "auditDays"},
		{"negative", "?dryRun=true", strings.ReplaceAll(whole, "%", "-1"), 422, "body.auditDays"},
		{"member_missing", "?dryRun=true", `{"scans":{"count":1,"days":0}}`, 422, "estates"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := w.in(t)
			got := w.do(access.Admin, http.MethodPut, "/settings/retention"+tc.query, tc.body)
			w.refused(got, tc.status)
			if !strings.Contains(string(got.raw), tc.says) {
				t.Errorf("%s does not say %s", got.raw, tc.says)
			}
		})
	}
}
