package api_test

import (
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/api/client"
)

// TestVerdictHistory is of a container group that got a public address between
// two scans.
func TestVerdictHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t).fill()
	c := w.as(access.Viewer)
	changed := 0
	for v, err := range c.Verdicts(t.Context(), client.VerdictQuery{}) {
		w.ok(err)
		spans, err := c.VerdictHistory(t.Context(), v.ID)
		w.ok(err)
		if len(spans) == 0 || spans[0].Result != v.Result || spans[0].Severity != v.Finding.Severity || !spans[0].Until.IsZero() || spans[0].Reason == "" {
			t.Errorf("%s is %s, its history %+v", v.ID, v.Result, spans)
			continue
		}
		if len(spans) == 2 {
			changed++
			if spans[0].Scan != "scan-2" || spans[1].Scan != "scan-1" || !spans[1].Until.Equal(spans[0].Since) || spans[1].Result == spans[0].Result {
				t.Errorf("%s: %+v", v.ID, spans)
			}
		}
	}
	if changed == 0 {
		t.Error("no verdict has changed")
	}
	for id, kind := range map[azward.VerdictID]azward.Kind{"v-00000000000000ff": azward.KindNotFound, "v-1": azward.KindUsage} {
		if _, err := c.VerdictHistory(t.Context(), id); azward.KindOf(err) != kind {
			t.Errorf("%s: %v", id, err)
		}
	}
}
