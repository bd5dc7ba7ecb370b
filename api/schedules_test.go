package api_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/api/client"
	"github.com/azward/azward/store"
)

func TestSchedulesByAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t).fill()
	ctx, c := t.Context(), w.as(access.Operator)
	added, err := c.AddSchedule(ctx, client.ScheduleSettings{Name: "nightly", Kind: "scan", Subject: "prod", Cron: "30 4 * * *", JitterSeconds: 600})
	w.ok(err)
	if added.By != "operator" || added.ETag == "" || added.NextAt.IsZero() || added.ManagedBy != "" {
		t.Errorf("added: %+v", added)
	}
	seen, err := c.Schedule(ctx, "nightly")
	w.ok(err)
	if diff := cmp.Diff(added, seen); diff != "" {
		t.Errorf("(-added +seen):\n%s", diff)
	}
	changed, err := c.ChangeSchedule(ctx, seen, client.ScheduleSettings{Kind: "registry", Subject: "HTTPS://contoso.azurecr.io/", Cron: "@weekly", Paused: true})
	if err == nil {
		t.Errorf("a login server with a scheme in capitals: %+v", changed)
	}
	changed, err = c.ChangeSchedule(ctx, seen, client.ScheduleSettings{Kind: "registry", Subject: "https://Contoso.azurecr.io/", Cron: "@weekly", Paused: true})
	w.ok(err)
	if changed.Subject != acr || !changed.Paused || !changed.NextAt.IsZero() || changed.JitterSeconds != 0 {
		t.Errorf("changed: %+v", changed)
	}
	if err := c.RemoveSchedule(ctx, seen); azward.KindOf(err) != azward.KindStale {
		t.Errorf("removing what was changed since gives %v", err)
	}
	// It runs although it is paused, and that is no change of it.
	job, err := c.RunSchedule(ctx, "nightly")
	w.ok(err)
	if job.Kind != "registry" || job.Subject != acr || job.By != "operator" {
		t.Errorf("run: %+v", job)
	}
	w.ok(c.RemoveSchedule(ctx, changed))
	for s, err := range c.Schedules(ctx) {
		t.Errorf("left: %+v %v", s, err)
	}
	var actions []string
	for _, e := range read[page[access.Entry]](w, w.do(access.Admin, http.MethodGet, "/audit?action=schedule", ""), http.StatusOK).Items {
		actions = append(actions, e.Action)
	}
	if diff := cmp.Diff([]string{"schedule.remove", "schedule.run", "schedule.set", "schedule.set"}, actions); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
}

// Schedules of azward.yaml and of the hub itself can be looked at, and run.
func TestManagedSchedulesByAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t).fill()
	ctx, c := t.Context(), w.as(access.Admin)
	for by, name := range map[string]string{store.ManagedByFile: "yaml.nightly.aa", store.ManagedByHub: "azward.housekeeping"} {
		_, err := w.pool.SetSchedule(ctx, store.Schedule{Name: name, Kind: "scan", Subject: "prod", Cron: "@daily", ManagedBy: by, By: by})
		w.ok(err)
		seen, err := c.Schedule(ctx, name)
		w.ok(err)
		if seen.ManagedBy != by {
			t.Errorf("%+v should be managed by %s", seen, by)
		}
		_, changed := c.ChangeSchedule(ctx, seen, client.ScheduleSettings{Kind: "scan", Subject: "prod", Cron: "@weekly"})
		for _, err := range []error{changed, c.RemoveSchedule(ctx, seen)} {
			if azward.KindOf(err) != azward.KindConflict || !strings.Contains(err.Error(), by) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if _, err := c.RunSchedule(ctx, "yaml.nightly.aa"); err != nil {
		t.Error(err)
	}
}

func TestBadSchedulesByAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t).fill()
	for _, tc := range []struct {
		name, body string
		role       access.Role
		status     int
		says       string
	}{
		{"hour_25", `{"name":"x","kind":"scan","subject":"prod","cron":"0 25 * * *"}`, access.Operator, 400, `character 3, the hour "25": it takes 0 to 23`},
		{"no_such_connection", `{"name":"x","kind":"scan","subject":"none","cron":"@daily"}`, access.Operator, 404, "no such connection"},
		{"no_such_kind", `{"name":"x","kind":"housekeeping","subject":"retention","cron":"@daily"}`, access.Admin, 422, "body.kind"},
		{"a_file_of_the_server", `{"name":"x","kind":"image","subject":"tar:/etc/passwd","cron":"@daily"}`, access.Admin, 400, "registries alone"},
		{"a_registry_that_nobody_knows", `{"name":"x","kind":"registry","subject":"10.0.0.1:5000","cron":"@daily"}`, access.Operator, 403, "admin"},
		{"name_with_slash", `{"name":"../x","kind":"scan","subject":"prod","cron":"@daily"}`, access.Operator, 400, "letters, digits"},
		{"jitter_of_a_day", `{"name":"x","kind":"scan","subject":"prod","cron":"@daily","jitterSeconds":86400}`, access.Operator, 400, "jitter"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := w.in(t)
			got := w.do(tc.role, http.MethodPost, "/schedules", tc.body)
			w.refused(got, tc.status)
			if !strings.Contains(string(got.raw), strings.ReplaceAll(tc.says, `"`, `\"`)) {
				t.Errorf("%s does not say %s", got.raw, tc.says)
			}
		})
	}
}

func TestStartOfRegistriesAndImages(t *testing.T) {
	t.Parallel()
	w := newWorld(t).fill()
	ctx := context.Background()
	first, err := w.as(access.Operator).ScanRegistry(ctx, acr)
	w.ok(err)
	again, err := w.as(access.Operator).ScanRegistry(ctx, acr)
	w.ok(err)
	if first.Kind != "registry" || first.Subject != acr || first.ID != again.ID {
		t.Errorf("started %+v, then %+v", first, again)
	}
	one, err := w.as(access.Operator).ScanImage(ctx, acr+"/shop/cart")
	w.ok(err)
	if one.Kind != "image" || one.Subject != acr+"/shop/cart:latest" {
		t.Errorf("started %+v", one)
	}
	for name, kind := range map[string]azward.Kind{"oci:/etc": azward.KindUsage, "169.254.169.254/metadata/instance": azward.KindRole, acr + "/..": azward.KindUsage} {
		if _, err := w.as(access.Operator).ScanImage(ctx, name); azward.KindOf(err) != kind {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.as(access.Operator).ScanRegistry(ctx, "fabrikam.azurecr.io"); err != nil {
		t.Errorf("a registry of a connection's cloud: %v", err)
	}
	if _, err := w.as(access.Admin).ScanRegistry(ctx, "registry.example.com"); err != nil {
		t.Errorf("another registry, for an administrator: %v", err)
	}
	entries := read[page[access.Entry]](w, w.do(access.Admin, http.MethodGet, "/audit", ""), http.StatusOK).Items
	n := len(slices.DeleteFunc(entries, func(e access.Entry) bool { return e.Action != "registry.scan" && e.Action != "image.scan" }))
	if n != 4 {
		t.Errorf("%d starts are in the audit log, want 4", n)
	}
}
