package main

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/azward/azward/config"
	"github.com/azward/azward/jobs"
	"github.com/azward/azward/store"
)

// Schedules of azward.yaml come, change and go with it; what people made stays.
func TestSchedulesOfConfig(t *testing.T) {
	t.Parallel()
	kept := openData(t, t.TempDir())
	a := &app{}
	h := &hubServer{kept: kept, log: slog.New(slog.DiscardHandler), pool: jobs.New(jobs.Options{Store: kept, Runners: a.runners()})}
	own := store.Schedule{Name: "mine", Kind: scanJob, Subject: "prod", Cron: "0 1 * * *", By: "ana"}
	if _, err := h.pool.SetSchedule(t.Context(), own); err != nil {
		t.Fatal(err)
	}
	nightly := config.Schedule{Name: "night & day", Cron: "0 3 * * *", Jitter: time.Minute, Scan: []string{"prod", "dev"}, Registries: []string{"contoso.azurecr.io"}}
	of := func(kind, subject, cron string) store.Schedule {
		return store.Schedule{Name: scheduleName("night & day", kind, subject), Kind: kind, Subject: subject, Cron: cron, Jitter: time.Minute, ManagedBy: store.ManagedByFile, By: store.ManagedByFile}
	}
	for _, tc := range []struct {
		name    string
		applied config.Applied
		wrong   bool
		want    []store.Schedule
	}{
		{"nothing", config.Applied{}, false, nil},
		{"three", config.Applied{Schedules: []config.Schedule{nightly}}, false, []store.Schedule{
			of(scanJob, "prod", "0 3 * * *"), of(scanJob, "dev", "0 3 * * *"), of(registryJob, "contoso.azurecr.io", "0 3 * * *"),
		}},
		{"one_goes_others_change", config.Applied{Schedules: []config.Schedule{{Name: "night & day", Cron: "@daily", Timezone: "Europe/Vienna", Jitter: time.Minute, Scan: []string{"prod"}}}}, false, []store.Schedule{
			of(scanJob, "prod", "CRON_TZ=Europe/Vienna @daily"),
		}},
		{"a_wrong_one_beside_a_right_one", config.Applied{Schedules: []config.Schedule{{Name: "often", Cron: "* * * * *", Scan: []string{"prod"}}, nightly}}, true, []store.Schedule{
			of(scanJob, "prod", "0 3 * * *"), of(scanJob, "dev", "0 3 * * *"), of(registryJob, "contoso.azurecr.io", "0 3 * * *"),
		}},
		{"all_go", config.Applied{}, false, nil},
	} {
		if err := h.schedule(t.Context(), tc.applied); (err != nil) != tc.wrong {
			t.Errorf("%s: %v", tc.name, err)
		}
		got, err := h.pool.Schedules(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		times := cmpopts.IgnoreFields(store.Schedule{}, "CreatedAt", "NextAt")
		byName := cmpopts.SortSlices(func(a, b store.Schedule) bool { return a.Name < b.Name })
		if diff := cmp.Diff(append([]store.Schedule{own}, tc.want...), got, times, byName); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}
