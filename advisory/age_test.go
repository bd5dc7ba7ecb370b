package advisory_test

import (
	"testing"
	"time"

	"github.com/azward/azward/advisory"
)

func TestAgeOfParts(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	fresh, old := now.Add(-advisory.StaleAfter), now.Add(-advisory.StaleAfter-time.Second)
	for name, tc := range map[string]struct {
		part    advisory.Part
		old     bool
		missing bool
	}{
		"fresh":             {advisory.Part{Name: "Debian", Entries: 1, AsOf: fresh}, false, false},
		"old":               {advisory.Part{Name: "Debian", Entries: 1, AsOf: old}, true, false},
		"of_an_unknown_day": {advisory.Part{Name: "npm", Entries: 1}, true, false},
		"strays":            {advisory.Part{Name: "npm", Entries: 1, Partial: true}, false, false},
		"old_kev":           {advisory.Part{Name: "KEV", Overlay: true, Entries: 1, AsOf: old}, true, false},
		"missing_epss":      {advisory.Part{Name: "EPSS", Overlay: true}, false, true},
		"old_ssvc_explains": {advisory.Part{Name: "SSVC", Overlay: true, Entries: 1, AsOf: old}, false, false},
		"missing_ssvc":      {advisory.Part{Name: "SSVC", Overlay: true}, false, false},
		"no_overlay":        {advisory.Part{Name: "KEV", Entries: 1, AsOf: fresh}, false, false},
	} {
		if tc.part.Old(now) != tc.old || (tc.part.Missing() != "") != tc.missing {
			t.Errorf("%s: old %v, missing %q", name, tc.part.Old(now), tc.part.Missing())
		}
	}
}
