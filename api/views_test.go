package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/api/client"
)

// viewsOf lists what a role sees, "name (owner)".
func viewsOf(t *testing.T, w *world, role access.Role) []string {
	t.Helper()
	list := []string{}
	for v, err := range w.as(role).Views(t.Context()) {
		w.ok(err)
		owner := v.Owner
		if v.Own {
			owner = "own"
		}
		list = append(list, v.Name+" ("+owner+")")
	}
	return list
}

func TestViewsByAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	urgent := client.ViewFilters{Results: []azward.Result{azward.Exploitable, azward.Conditional}, Severity: azward.SeverityHigh, Known: true, Search: "log4j", Dismissed: "with"}
	viewer, operator, admin := w.as(access.Viewer), w.as(access.Operator), w.as(access.Admin)
	kept, err := viewer.SaveView(ctx, "mine / urgent", urgent, false)
	w.ok(err)
	if diff := cmp.Diff(client.View{Name: "mine / urgent", Filters: urgent, Own: true}, kept); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := viewer.SaveView(ctx, "ours", urgent, true); azward.KindOf(err) != azward.KindRole {
		t.Errorf("a viewer shares: %v", err)
	}
	_, err = operator.SaveView(ctx, "ours", urgent, true)
	w.ok(err)
	if _, err := admin.SaveView(ctx, "ours", urgent, true); azward.KindOf(err) != azward.KindConflict {
		t.Errorf("a name that is shared already: %v", err)
	}
	_, err = admin.SaveView(ctx, "ours", client.ViewFilters{}, false) // a private one of that name is one's own
	w.ok(err)
	for role, want := range map[access.Role][]string{
		access.Viewer: {"mine / urgent (own)", "ours (operator)"}, access.Operator: {"ours (own)"}, access.Admin: {"ours (operator)", "ours (own)"},
	} {
		if diff := cmp.Diff(want, viewsOf(t, w, role)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", role, diff)
		}
	}
	if err := viewer.RemoveView(ctx, "ours"); azward.KindOf(err) != azward.KindRole {
		t.Errorf("a viewer removes somebody's: %v", err)
	}
	w.ok(admin.RemoveView(ctx, "ours")) // first the own one
	w.ok(admin.RemoveView(ctx, "ours"))
	if err := admin.RemoveView(ctx, "ours"); azward.KindOf(err) != azward.KindNotFound {
		t.Errorf("removed a third time: %v", err)
	}
	entries := read[page[access.Entry]](w, w.do(access.Admin, http.MethodGet, "/audit?action=view", ""), http.StatusOK).Items
	if len(entries) != 2 || entries[0].Action != "view.remove" || entries[1].Action != "view.share" {
		t.Errorf("audit: %+v", entries)
	}
}

func TestBadViews(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 20 {
		_, err := w.as(access.Operator).SaveView(t.Context(), string(rune('a'+i)), client.ViewFilters{}, false)
		w.ok(err)
	}
	for _, tc := range []struct {
		name, path, body string
		status           int
		says             string
	}{
		{"of_everybody", "All", `{"filters":{}}`, 400, "for everybody"},
		{"long_name", strings.Repeat("x", 41), `{"filters":{}}`, 400, "longer than 40"},
		{"one_too_many", "one%20more", `{"filters":{}}`, 400, "20 views"},
		{"no_such_result", "a", `{"filters":{"result":["maybe"]}}`, 422, "result"},
		{"no_resource", "a", `{"filters":{"workload":"nowhere"}}`, 400, "slash"},
		{"unknown_filter", "a", `{"filters":{"colour":"red"}}`, 422, "colour"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := w.in(t)
			got := w.do(access.Operator, http.MethodPut, "/verdicts/views/"+tc.path, tc.body)
			w.refused(got, tc.status)
			if !strings.Contains(string(got.raw), tc.says) {
				t.Errorf("%s does not say %s", got.raw, tc.says)
			}
		})
	}
}
