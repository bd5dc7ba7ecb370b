package api_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/api/client"
)

// TestPosture asks for what the rules say of the two container groups of the
// tenant, as a program does.
func TestPosture(t *testing.T) {
	t.Parallel()
	w := newWorld(t).fill()
	c := w.as(access.Viewer)
	ctx := t.Context()
	whole, err := c.Posture(ctx, "")
	w.ok(err)
	if whole.Counts.Fail == 0 || whole.Counts.Unknown == 0 || whole.Counts.Pass == 0 || whole.Score < 0 || whole.Score > 100 {
		t.Fatalf("the counts are %+v, the score %d", whole.Counts, whole.Score)
	}
	byName := map[string]client.Framework{}
	for _, f := range whole.Frameworks {
		byName[f.Name] = f
		if sum := f.Pass + f.Fail + f.Unknown + f.Aside + f.Nothing + f.Manual + f.NotCovered; sum != f.Items {
			t.Errorf("%s has %d items, and %d with a state", f.Name, f.Items, sum)
		}
	}
	if f := byName["CIS Azure Foundations 6.0"]; f.Items != 127 || f.Manual == 0 {
		t.Errorf("CIS is %+v, among %v", f, slices.Collect(maps.Keys(byName)))
	}

	counts := map[string]int{}
	seen := map[string]bool{}
	last := ""
	for r, err := range c.PostureResults(ctx, client.PostureQuery{Results: []string{"fail", "unknown", "pass"}, Suppressed: "with"}) {
		w.ok(err)
		counts[r.Result]++
		key := r.Rule + " " + string(r.Resource)
		if seen[key] {
			t.Errorf("%s is there twice", key)
		}
		seen[key] = true
		if order := []string{"fail", "unknown", "pass"}; slices.Index(order, r.Result) < slices.Index(order, last) {
			t.Errorf("%s stands after %s", r.Result, last)
		}
		last = r.Result
	}
	want := map[string]int{"fail": whole.Counts.Fail, "unknown": whole.Counts.Unknown, "pass": whole.Counts.Pass}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("the list has other results than the summary counts (-summary +list):\n%s", diff)
	}

	const rule = "container-group-private-address"
	one, err := c.PostureResult(ctx, rule, cart)
	w.ok(err)
	if one.Result != "fail" || len(one.Comparisons) == 0 || one.Comparisons[0].Path != "/properties/ipAddress/type" || len(one.Evidence) == 0 || one.Remedy.CLI == "" {
		t.Errorf("the result is %+v", one)
	}
	about, err := c.PostureRule(ctx, rule)
	w.ok(err)
	if about.Rationale == "" || about.Remedy.Bicep == "" || about.Counts.Fail == 0 {
		t.Errorf("the rule is %+v", about)
	}
}

func TestPostureFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t).fill()
	c := w.as(access.Viewer)
	for name, tc := range map[string]struct {
		query client.PostureQuery
		holds func(client.PostureResult) bool
		none  bool
	}{
		"result":       {client.PostureQuery{Results: []string{"pass"}}, func(r client.PostureResult) bool { return r.Result == "pass" }, false},
		"severity":     {client.PostureQuery{MinSeverity: azward.SeverityMedium}, func(r client.PostureResult) bool { return r.Severity.Rank() >= azward.SeverityMedium.Rank() }, false},
		"resource":     {client.PostureQuery{Resource: azward.ResourceID(strings.ToUpper(cart))}, func(r client.PostureResult) bool { return strings.HasPrefix(string(r.Resource), cart) }, false},
		"type":         {client.PostureQuery{Type: "microsoft.containerinstance/containergroups"}, func(r client.PostureResult) bool { return strings.HasSuffix(r.Type, "containerGroups") }, false},
		"search":       {client.PostureQuery{Search: "CONTAINER GROUPS"}, func(r client.PostureResult) bool { return strings.Contains(r.Title, "ontainer groups") }, false},
		"category":     {client.PostureQuery{Category: "containers"}, func(r client.PostureResult) bool { return strings.HasPrefix(r.Rule, "container") }, false},
		"framework":    {client.PostureQuery{Framework: "MCSB"}, func(client.PostureResult) bool { return true }, false},
		"exposed":      {client.PostureQuery{Exposed: true}, func(r client.PostureResult) bool { return r.Exposed == "yes" && len(r.Because) > 0 }, false},
		"suppressed":   {client.PostureQuery{Suppressed: "only"}, nil, true},
		"no_such_text": {client.PostureQuery{Search: "nothing like it"}, nil, true},
		"sibling":      {client.PostureQuery{Resource: azward.ResourceID(cart[:len(cart)-1])}, nil, true},
	} {
		n := 0
		for r, err := range c.PostureResults(t.Context(), tc.query) {
			w.ok(err)
			if n++; tc.holds != nil && !tc.holds(r) {
				t.Errorf("%s gives %+v", name, r)
			}
		}
		if tc.none != (n == 0) {
			t.Errorf("%s gives %d results", name, n)
		}
		rules := 0
		for _, err := range c.PostureRules(t.Context(), tc.query) {
			w.ok(err)
			rules++
		}
		if tc.none != (rules == 0) {
			t.Errorf("%s gives %d rules", name, rules)
		}
	}
}

// TestPosturePages goes through lists in small pages: the same, in the same
// order, as in a large one.
func TestPosturePages(t *testing.T) {
	t.Parallel()
	w := newWorld(t).fill()
	type row struct{ ID, Rule, Resource string }
	for _, path := range []string{"/posture/rules?", "/posture/results?result=fail,unknown,pass&"} {
		whole := read[page[row]](w, w.do(access.Viewer, http.MethodGet, path+"limit=500", ""), http.StatusOK)
		var pieces []row
		for cursor := ""; ; {
			p := read[page[row]](w, w.do(access.Viewer, http.MethodGet, path+"limit=7&cursor="+url.QueryEscape(cursor), ""), http.StatusOK)
			pieces = append(pieces, p.Items...)
			if cursor = p.Next; cursor == "" {
				break
			}
		}
		if diff := cmp.Diff(whole.Items, pieces); diff != "" || len(pieces) < 8 {
			t.Errorf("%s: %d on pages (-whole +pages):\n%s", path, len(pieces), diff)
		}
	}
}

func TestPostureOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t).fill()
	for path, status := range map[string]int{
		"/posture?connection=none":                                             http.StatusNotFound,
		"/posture/framework?name=none":                                         http.StatusNotFound,
		"/posture/framework":                                                   http.StatusUnprocessableEntity,
		"/posture/rules/none":                                                  http.StatusNotFound,
		"/posture/results?result=maybe":                                        http.StatusUnprocessableEntity,
		"/posture/results?resource=none":                                       http.StatusBadRequest,
		"/posture/results?cursor=MSBwcm9k":                                     http.StatusBadRequest,
		"/posture/rules?cursor=abc":                                            http.StatusBadRequest,
		"/posture/result?rule=none&resource=" + cart:                           http.StatusNotFound,
		"/posture/result?rule=container-group-private-address&resource=%2F":    http.StatusNotFound,
		"/posture/result?rule=container-group-private-address&resource=..%2Fx": http.StatusBadRequest,
		"/posture/rules/" + url.PathEscape("<script>alert(1)</script>"):        http.StatusNotFound,
	} {
		w.refused(w.do(access.Viewer, http.MethodGet, path, ""), status)
	}
	if got := w.do(access.Viewer, http.MethodGet, "/posture/framework?name=cis+azure+foundations+6.0", ""); got.StatusCode != http.StatusOK {
		t.Errorf("a framework's name in another case gives %d", got.StatusCode)
	}
}
