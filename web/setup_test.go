package web_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/connect"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/jobs"
	"github.com/azward/azward/retention"
	"github.com/azward/azward/seal"
	"github.com/azward/azward/store"
	"github.com/azward/azward/store/sqlite"
	"github.com/azward/azward/web"
	"github.com/azward/azward/workspace"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const subscription = "/subscriptions/11111111-1111-1111-1111-111111111111"

// hub is a site with all its parts on a store of its own.
type hub struct {
	*web.Site
	kept  *sqlite.Store
	pool  *jobs.Pool
	admin access.User

	control *access.Control
	ws      *workspace.Workspace
	dir     string
}

// newHub serves verdicts; run does the scans, nil ends them at once.
func newHub(tb testing.TB, verdicts []azward.Verdict, run func(context.Context, store.Job, *jobs.Reporter) error) hub {
	tb.Helper()
	dir := tb.TempDir()
	kept, err := sqlite.Open(tb.Context(), dir)
	must(tb, err)
	tb.Cleanup(func() { must(tb, kept.Close()) })
	connection := store.Connection{Name: "prod", Kind: store.KindAzure, Cloud: "public", Auth: store.AuthAzureCLI, CreatedAt: noon, UpdatedAt: noon}
	must(tb, kept.AddConnection(tb.Context(), connection))
	scan(tb, kept, "scan-1", verdicts)
	control, err := access.New(access.Options{Store: kept, PublicURL: "http://localhost:8484", Now: func() time.Time { return noon.Add(time.Hour) }})
	must(tb, err)
	if run == nil {
		run = func(context.Context, store.Job, *jobs.Reporter) error { return nil }
	}
	pool := jobs.New(jobs.Options{Store: kept, Runners: map[string]jobs.Runner{"scan": {Run: run}, "registry": {Run: run}, "image": {Run: run}, "housekeeping": {Run: run}}})
	must(tb, pool.Start(tb.Context()))
	tb.Cleanup(func() { must(tb, pool.Stop(context.WithoutCancel(tb.Context()))) })
	ws := &workspace.Workspace{Store: kept, Dir: dir, Now: func() time.Time { return noon.Add(time.Hour) }}
	tb.Cleanup(func() { must(tb, ws.Close()) })
	h := hub{kept: kept, pool: pool, control: control, ws: ws, dir: dir}
	h.admin, _, err = control.CreateUser(access.With(tb.Context(), access.Identity{UserID: "usr_first", Name: "first", Role: access.Admin}), "ada", access.Admin)
	must(tb, err)
	return h.again(tb)
}

// again is the hub as another process would open it over the same data.
func (h hub) again(tb testing.TB) hub {
	tb.Helper()
	kept, pool, control, ws, dir := h.kept, h.pool, h.control, h.ws, h.dir
	var err error
	h.Site, err = web.New(web.Options{
		Workspace: ws, Jobs: pool, Access: control, Views: kept, Retention: &retention.Keeper{Store: kept, Audit: control.Audit}, Audit: control.Audit, Now: func() time.Time { return noon.Add(time.Hour) },
		Connections: connect.Connections{Store: kept, Sealer: seal.Box{Provider: seal.File(filepath.Join(dir, "key"))}},
	})
	must(tb, err)
	return h
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func scan(tb testing.TB, kept *sqlite.Store, id string, verdicts []azward.Verdict) {
	tb.Helper()
	must(tb, kept.BeginScan(tb.Context(), id, "prod", noon))
	must(tb, kept.SaveEstate(tb.Context(), id, func(w io.Writer) error {
		var b estate.Builder
		b.AddGap(azward.Gap{Scope: subscription, Kind: azward.GapDenied, Reads: hostile, Error: hostile, Remedy: hostile})
		return b.Build().Write(w)
	}))
	counts := json.RawMessage(`{"images":2,"packages":3,"resources":4,"verdicts":{"exploitable":1}}`)
	must(tb, kept.SaveVerdicts(tb.Context(), id, func(yield func(store.Decided, error) bool) {
		for _, v := range verdicts {
			if !yield(store.Decided{Verdict: v, Proof: store.Document{{Text: []byte(`{}`)}}}, nil) {
				return
			}
		}
	}, store.Outcome{State: store.ScanPartial, FinishedAt: noon.Add(time.Minute), Gaps: 1, Counts: counts}))
}

// hostile is what somebody could name a resource to get into a page.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)> javascript:alert(3) {{.}} '+"` + "\u202e`"

// decided is a verdict about a workload of a cluster.
func decided(name, vulnerability string, result azward.Result) azward.Verdict {
	answers := map[azward.Result]azward.Answer{azward.Exploitable: azward.Yes, azward.Conditional: azward.Yes, azward.Dormant: azward.No, azward.NotExploitable: azward.No}
	id := azward.ResourceID(subscription + "/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters/aks/apis/apps/v1/namespaces/shop/deployments/" + name)
	v := azward.Verdict{
		Exploitable: answers[result], Result: result, Confidence: azward.ConfidenceHigh, Vulnerability: vulnerability, DecidedAt: noon,
		Workload: azward.Workload{ID: id, Kind: azward.Deployment, Name: "shop/" + name}, Image: "registry/" + name,
		Finding: azward.Finding{ID: vulnerability, PURL: "pkg:npm/lodash@4.17.11", Severity: azward.SeverityHigh, FixedIn: []string{"4.17.12"}},
		Summary: map[azward.Result]string{azward.Exploitable: "exploitable: reached from any address", azward.NotExploitable: "not exploitable: blocked"}[result],
		Basis:   azward.Basis{Oldest: noon},
		Conditions: []azward.Condition{
			{ID: azward.Deployed, Answer: azward.Yes, Summary: "it runs"},
			{ID: azward.Affected, Answer: azward.Yes, Summary: "it is affected"},
			{ID: azward.Reachable, Answer: answers[result], Summary: "the way in", Evidence: []azward.Evidence{{
				Resource: subscription + "/resourceGroups/rg/providers/Microsoft.Network/networkSecurityGroups/nsg", Property: "/properties/securityRules/0",
				Value: json.RawMessage(`{"access":"Allow"}`), Meaning: "allows tcp 443", Source: azward.SourceARM, ReadAt: noon,
			}}},
		},
	}
	v.ID = azward.NewVerdictID(v.Workload.ID, v.Image, v.Vulnerability, v.Finding.PURL)
	return v
}

// sample has one verdict of each result.
func sample() []azward.Verdict {
	var list []azward.Verdict
	for i, r := range azward.Results() {
		list = append(list, decided(fmt.Sprintf("app-%d", i), fmt.Sprintf("CVE-2026-%04d", i), r))
	}
	return list
}

// evil is a verdict whose every text is hostile.
func evil() azward.Verdict {
	v := decided("evil", "CVE-2026-6666", azward.Exploitable)
	e := azward.Evidence{Resource: hostile, Property: hostile, Value: azward.JSONValue(map[string]string{hostile: hostile}), Meaning: hostile, Source: azward.Source(hostile), APIVersion: hostile, SHA256: hostile}
	v.Workload.ID += azward.ResourceID(hostile)
	v.Workload.Name, v.Image, v.Summary, v.Basis.Summary, v.Profile = hostile, hostile, hostile, hostile, hostile
	v.Vulnerability, v.Finding.ID, v.Finding.Summary, v.Finding.PURL = hostile, hostile, hostile, "pkg:npm/"+hostile+"@"+hostile
	v.Finding.FixedIn, v.Finding.Aliases, v.Finding.FixState = []string{hostile}, []string{hostile}, azward.FixState(hostile)
	v.Priority.Reasons, v.Priority.SSVC = []string{hostile}, hostile
	gap := azward.Gap{Scope: hostile, Kind: azward.GapKind(hostile), Reads: hostile, Needs: hostile, Error: hostile, Remedy: hostile}
	c := azward.Condition{ID: azward.ConditionID(hostile), Answer: azward.Yes, Summary: hostile, Evidence: []azward.Evidence{e}, Gaps: []azward.Gap{gap}}
	v.Conditions, v.Mitigations, v.Impact, v.Gaps = append(v.Conditions, c), []azward.Condition{c}, []azward.Condition{c}, []azward.Gap{gap}
	v.Opinions = []azward.Opinion{{Scanner: hostile, Report: hostile, By: hostile, Differs: hostile, Evidence: e}}
	v.ID = azward.NewVerdictID(v.Workload.ID, v.Image, v.Vulnerability, v.Finding.PURL)
	return v
}

// as is a request of somebody with a role; "" is anonymous.
func (h hub) as(tb testing.TB, role access.Role, method, target string, form url.Values) *httptest.ResponseRecorder {
	tb.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(form.Encode()))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	ctx := tb.Context()
	if role != "" {
		ctx = access.With(ctx, access.Identity{UserID: h.admin.ID, Name: "ada", Role: role})
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(ctx))
	return w
}

// get wants a page that is whole and strict.
func (h hub) get(tb testing.TB, target string) string {
	tb.Helper()
	w := h.as(tb, access.Admin, http.MethodGet, target, nil)
	if w.Code != http.StatusOK {
		tb.Fatalf("GET %s gives %d:\n%.2000s", target, w.Code, w.Body)
	}
	strict(tb, target, w.Body.String())
	return w.Body.String()
}

// post wants to be sent on, and gives where to.
func (h hub) post(tb testing.TB, target string, form url.Values) string {
	tb.Helper()
	w := h.as(tb, access.Admin, http.MethodPost, target, form)
	if w.Code != http.StatusSeeOther {
		tb.Fatalf("POST %s gives %d:\n%.2000s", target, w.Code, w.Body)
	}
	return w.Header().Get("Location")
}

// strict holds a page against what the content security policy lets run, and
// against what a name could smuggle in.
func strict(tb testing.TB, target, body string) {
	tb.Helper()
	const maxPage = 300 << 10
	if len(body) > maxPage {
		tb.Errorf("%s weighs %d bytes, more than %d", target, len(body), maxPage)
	}
	if strings.Contains(body, "\u202e") {
		tb.Errorf("%s turns the direction of writing", target)
	}
	d := xml.NewDecoder(strings.NewReader(body))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			tb.Fatalf("%s does not parse: %v", target, err)
		}
		if e, ok := token.(xml.StartElement); ok {
			strictElement(tb, target, e)
		}
	}
}

func strictElement(tb testing.TB, target string, e xml.StartElement) {
	tb.Helper()
	name := e.Name.Local
	if slices.Contains([]string{"style", "iframe", "object", "embed", "img", "base"}, name) {
		tb.Errorf("%s has an element %s", target, name)
	}
	source := ""
	for _, a := range e.Attr {
		key := strings.ToLower(a.Name.Local)
		if key == "src" {
			source = a.Value
		}
		if key == "style" || strings.HasPrefix(key, "on") {
			tb.Errorf("%s: %s has the attribute %s", target, name, key)
		}
		if (key == "href" || key == "action" || key == "hx-get") && !strings.HasPrefix(a.Value, "/") && !strings.HasPrefix(a.Value, "#") {
			tb.Errorf("%s: %s leads to %q", target, name, a.Value)
		}
	}
	if name == "script" && !strings.HasPrefix(source, "/assets/") {
		tb.Errorf("%s has a script from %q", target, source)
	}
}
