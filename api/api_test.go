package api_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/api/client"
	"github.com/azward/azward/azuresim"
	"github.com/azward/azward/azuresim/scenario"
	"github.com/azward/azward/exposure"
	"github.com/azward/azward/foreign"
	"github.com/azward/azward/store"
	"github.com/azward/azward/verdict"
)

// all reads a list to its end.
func all[T any](t *testing.T, list iter.Seq2[T, error]) []T {
	t.Helper()
	var items []T
	for item, err := range list {
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, item)
	}
	return items
}

// TestEverythingCanBeRead asks each reading route for what is there; do holds
// the answers against the contract.
func TestEverythingCanBeRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t).fill()
	v := all(t, w.as(access.Viewer).Verdicts(t.Context(), client.VerdictQuery{}))[0]
	user := w.users[access.Viewer].ID
	close(w.proceed)
	job, err := w.as(access.Operator).StartScan(t.Context(), "prod")
	w.ok(err)
	_, err = w.as(access.Operator).AddSchedule(t.Context(), client.ScheduleSettings{Name: "nightly", Kind: "scan", Subject: "prod", Cron: "@daily"})
	w.ok(err)
	_, err = w.as(access.Admin).SaveView(t.Context(), "urgent", client.ViewFilters{Known: true}, false)
	w.ok(err)
	asked := map[string]string{ // by operation, path and query
		"list-connections": "/connections", "get-connection": "/connections/prod", "preview-removal": "/connections/prod/removal",
		"list-scans": "/scans?connection=prod", "get-scan": "/scans/scan-2",
		"list-jobs": "/jobs?kind=scan&state=complete,running,queued", "get-job": "/jobs/" + job.ID, "get-log": "/jobs/" + job.ID + "/log", "follow-job": "/jobs/" + job.ID + "/events",
		"search-resources": "/resources?search=CART&type=microsoft.containerinstance/containergroups", "count-resources": "/resources/types",
		"get-resource": "/resource?id=" + cart, "get-history": "/resource/history?id=" + strings.ToUpper(cart), "get-neighbours": "/resource/neighbours?id=" + cart,
		"list-registries": "/registries", "get-registry": "/registries/" + acr, "list-repositories": "/registries/" + acr + "/repositories",
		"list-tags": "/registries/" + acr + "/tags?repository=shop/cart", "get-timeline": "/registries/" + acr + "/timeline?repository=shop/cart",
		"list-images": "/registries/" + acr + "/images", "get-image": "/registries/" + acr + "/image?name=shop/cart:1.4", "list-findings": "/findings?severity=medium&fixable=true&deployed=true",
		"get-overview": "/overview", "list-verdicts": "/verdicts?severity=low&search=lodash&dismissed=with", "count-verdicts": "/verdicts/counts", "get-verdict": "/verdicts/" + string(v.ID),
		"get-proof": "/verdicts/" + string(v.ID) + "/proof", "explain-verdict": "/verdicts/" + string(v.ID) + "/explanation", "get-verdict-history": "/verdicts/" + string(v.ID) + "/history",
		"get-exposure": "/exposure?id=" + cart, "get-picture": "/exposure/picture?id=" + cart, "check-flow": "/exposure/check?from=internet&to=" + cart + "&port=8080",
		"list-schedules": "/schedules", "list-views": "/verdicts/views", "get-schedule": "/schedules/nightly", "get-retention": "/settings/retention",
		"get-posture": "/posture?connection=prod", "get-framework": "/posture/framework?name=MCSB", "list-rules": "/posture/rules?framework=MCSB&limit=3", "get-rule": "/posture/rules/container-group-private-address",
		"list-posture-results": "/posture/results?result=fail,unknown&exposed=true&suppressed=with", "get-posture-result": "/posture/result?rule=container-group-private-address&resource=" + cart,
		"get-coverage": "/coverage", "list-gaps": "/gaps", "get-advisories": "/advisories",
		"list-audit": "/audit?action=user", "list-tokens": "/tokens?all=true", "get-self": "/me", "list-users": "/users", "get-user": "/users/" + user,
	}
	for _, methods := range contract(t).Paths {
		if op, ok := methods["get"]; ok && asked[op.OperationID] == "" {
			t.Errorf("%s is not asked", op.OperationID)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(asked)) {
		t.Run(id, func(t *testing.T) {
			got := w.in(t).do(access.Admin, http.MethodGet, asked[id], "")
			if got.StatusCode != http.StatusOK {
				t.Fatalf("status %d: %.500s", got.StatusCode, got.raw)
			}
			if strings.Contains(string(got.raw), secret) {
				t.Error("the answer holds a secret")
			}
			var list struct{ Items []json.RawMessage }
			if json.Unmarshal(got.raw, &list) == nil && strings.HasPrefix(string(got.raw), `{"items"`) && len(list.Items) == 0 && id != "get-log" {
				t.Errorf("nothing is listed: %.200s", got.raw)
			}
		})
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	w := newWorld(t).fill()
	c := w.as(access.Operator)
	list := all(t, c.Verdicts(t.Context(), client.VerdictQuery{Results: []azward.Result{azward.Exploitable}, MinSeverity: azward.SeverityHigh, Workload: group, Connection: "prod", Search: "lodash"}))
	if len(list) != 1 || list[0].Vulnerability != "CVE-2024-0001" || list[0].Workload.ID != cart {
		t.Fatalf("exploitable are %+v, want CVE-2024-0001 in cart alone", list)
	}
	v, err := c.Verdict(t.Context(), list[0].ID)
	w.ok(err)
	if diff := cmp.Diff(list[0], store.RowOf(v)); diff != "" {
		t.Errorf("one verdict differs from that of the list (-list +one):\n%s", diff)
	}
	proof, err := c.Proof(t.Context(), v.ID)
	w.ok(err)
	if _, err := verdict.Verify(proof, foreign.Or(advisory.Rematch)); err != nil {
		t.Errorf("the downloaded proof does not replay: %v", err)
	}
	until := time.Now().AddDate(0, 1, 0)
	dismissed, err := c.Dismiss(t.Context(), v.ID, "jump host only", until)
	w.ok(err)
	if dismissed.Dismissed == nil || dismissed.Dismissed.By != "operator" || dismissed.Dismissed.Reason != "jump host only" {
		t.Errorf("dismissed as %+v", dismissed.Dismissed)
	}
	if left := all(t, c.Verdicts(t.Context(), client.VerdictQuery{Vulnerability: "cve-2024-0001", Workload: cart})); len(left) != 0 {
		t.Errorf("a dismissed verdict is listed: %v", left)
	}
	if only := all(t, c.Verdicts(t.Context(), client.VerdictQuery{Dismissed: "only"})); len(only) != 1 || only[0].ID != v.ID {
		t.Errorf("the dismissed are %v", only)
	}
	if known := all(t, c.Verdicts(t.Context(), client.VerdictQuery{Known: true})); len(known) != 0 {
		t.Errorf("%d are known to be exploited, and the index has none", len(known))
	}
	reopened, err := c.Reopen(t.Context(), v.ID)
	w.ok(err)
	if reopened.Dismissed != nil {
		t.Error("it is dismissed still")
	}
	wantKind(t, azward.KindNotFound, func() error { _, err := c.Reopen(t.Context(), v.ID); return err })
	var actions []string
	for _, e := range read[page[access.Entry]](w, w.do(access.Admin, http.MethodGet, "/audit?action=verdict", ""), http.StatusOK).Items {
		actions = append(actions, e.Who+" "+e.Action+" "+e.Subject)
	}
	if diff := cmp.Diff([]string{"operator verdict.reopen " + string(v.ID), "operator verdict.dismiss " + string(v.ID)}, actions); diff != "" {
		t.Errorf("audit log (-want +got):\n%s", diff)
	}
}

func wantKind(t *testing.T, kind azward.Kind, f func() error) {
	t.Helper()
	_ = failure(t, kind, f)
}

// failure is the error of f, which a person can act on.
func failure(t *testing.T, kind azward.Kind, f func() error) *azward.Error {
	t.Helper()
	var e *azward.Error
	if err := f(); !errors.As(err, &e) || e.Kind != kind || e.Cause == "" || e.Remedy == "" {
		t.Fatalf("got %#v, want kind %s with cause and remedy", err, kind)
	}
	return e
}

// TestPages walks lists one thing at a time: nothing twice, nothing left out.
func TestPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t).fill()
	for _, path := range []string{"/verdicts?dismissed=with", "/resources?", "/scans?", "/findings?", "/audit?", "/users?", "/tokens?all=true", "/gaps?", "/registries/" + acr + "/tags?"} {
		t.Run(path, func(t *testing.T) {
			w := w.in(t)
			whole := read[page[json.RawMessage]](w, w.do(access.Admin, http.MethodGet, path+"&limit=500", ""), http.StatusOK).Items
			var one []json.RawMessage
			cursor := ""
			for range len(whole) + 1 {
				p := read[page[json.RawMessage]](w, w.do(access.Admin, http.MethodGet, path+"&limit=1&cursor="+url.QueryEscape(cursor), ""), http.StatusOK)
				one = append(one, p.Items...)
				if cursor = p.Next; cursor == "" {
					break
				}
			}
			if len(whole) == 0 || len(one) != len(whole) || !slices.EqualFunc(one, whole, func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
				t.Errorf("one by one there are %d, at once %d, or they differ", len(one), len(whole))
			}
		})
	}
}

// TestConnection is one from its beginning to its end, in two browsers.
func TestConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t).fill()
	c := w.as(access.Operator)
	added, err := c.AddConnection(t.Context(), client.Settings{Name: "test", TenantID: tenant, ClientID: "72f0c1a0-0000-4000-8000-0000000000a2", Auth: "clientSecret", Secret: secret})
	w.ok(err)
	if !added.HasSecret || added.ETag == "" || added.Cloud != "public" {
		t.Errorf("added %+v", added)
	}
	mine, err := c.Connection(t.Context(), "test")
	w.ok(err)
	theirs := mine
	settings := client.Settings{TenantID: tenant, ClientID: mine.ClientID, Auth: "clientSecret", Subscriptions: []string{"72f0c1a0-0000-4000-8000-0000000000c1"}}
	mine, err = c.UpdateConnection(t.Context(), mine, settings)
	w.ok(err)
	if !mine.HasSecret || len(mine.Subscriptions) != 1 {
		t.Errorf("updated %+v", mine)
	}
	wantKind(t, azward.KindStale, func() error { _, err := c.UpdateConnection(t.Context(), theirs, settings); return err })
	kept, err := w.store.Connection(t.Context(), "test")
	w.ok(err)
	if bytes.Contains(kept.Sealed, []byte(secret)) {
		t.Error("the secret lies in the database in plain")
	}

	same := w.do(access.Viewer, http.MethodGet, "/connections/test", "", "If-None-Match", mine.ETag)
	if same.StatusCode != http.StatusNotModified || len(same.raw) > 0 || same.Header.Get("ETag") != mine.ETag {
		t.Errorf("If-None-Match gives %d %q", same.StatusCode, same.raw)
	}

	wantKind(t, azward.KindRole, func() error { _, err := c.Disconnect(t.Context(), mine); return err })
	admin := w.as(access.Admin)
	wantKind(t, azward.KindStale, func() error { _, err := admin.Disconnect(t.Context(), theirs); return err })
	job, err := c.StartScan(t.Context(), "prod")
	w.ok(err)
	prod, err := admin.Connection(t.Context(), "prod")
	w.ok(err)
	if e := failure(t, azward.KindConflict, func() error { _, err := admin.Disconnect(t.Context(), prod); return err }); !strings.Contains(e.Cause, job.ID) {
		t.Errorf("the cause %q does not name the job", e.Cause)
	}
	close(w.proceed)
	all(t, c.Follow(t.Context(), job.ID))
	gone, err := admin.Disconnect(t.Context(), prod)
	w.ok(err)
	if gone.Verdicts == 0 || gone.Scans != 2 || len(gone.Stops) == 0 || len(gone.Stays) == 0 {
		t.Errorf("what went is %+v", gone)
	}
	if left := all(t, c.Verdicts(t.Context(), client.VerdictQuery{})); len(left) > 0 {
		t.Errorf("%d verdicts are left", len(left))
	}
	if left := all(t, c.Resources(t.Context(), client.ResourceQuery{})); len(left) > 0 {
		t.Errorf("%d resources are left", len(left))
	}
	if names := all(t, c.Connections(t.Context())); len(names) != 1 || names[0].Name != "test" {
		t.Errorf("left are %+v", names)
	}
	if scans := all(t, c.Scans(t.Context(), "prod")); len(scans) != 2 {
		t.Errorf("%d scans are left as history, want 2", len(scans))
	}
}

// TestFilesOfTheServer are for administrators to name: whoever names them says
// what is sent to whom.
func TestFilesOfTheServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	settings := client.Settings{Name: "x", TenantID: tenant, ClientID: tenant, Auth: "federatedToken", CredentialFile: "/etc/passwd"}
	wantKind(t, azward.KindRole, func() error { _, err := w.as(access.Operator).AddConnection(t.Context(), settings); return err })
	added, err := w.as(access.Admin).AddConnection(t.Context(), settings)
	w.ok(err)
	settings.Cloud, settings.CloudConfig = "", "/tmp/cloud.json"
	wantKind(t, azward.KindRole, func() error {
		_, err := w.as(access.Operator).UpdateConnection(t.Context(), added, settings)
		return err
	})
	settings.CloudConfig, settings.Cloud = "", "china"
	if _, err := w.as(access.Operator).UpdateConnection(t.Context(), added, settings); err != nil {
		t.Errorf("an operator may change the rest: %v", err)
	}
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	raw, err := os.ReadFile(filepath.Join("..", "azuresim", "scenario", "minimal.txtar"))
	w.ok(err)
	parsed, err := scenario.Parse(raw)
	w.ok(err)
	azure, err := azuresim.Start(t.Context(), azuresim.Options{Scenario: parsed})
	w.ok(err)
	t.Cleanup(func() { w.ok(azure.Close()) })
	config := filepath.Join(t.TempDir(), "cloud.json")
	w.ok(os.WriteFile(config, azure.CloudConfig(), 0o600))
	c := w.as(access.Admin)
	for _, tc := range []struct {
		name, id, secret string
		works            azward.Answer
		kind, remedy     string
		checks           int // of the doctor, at least
	}{
		{"healthy", "a1", "simulated-reader-secret", azward.Yes, "", "", 8},
		{"no_role", "a3", "simulated-noreader-secret", azward.No, "role", "az role assignment create", 2},
		{"wrong_secret", "a1", "wrong", azward.No, "signIn", "az ad app credential reset", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			name := strings.ReplaceAll(tc.name, "_", "-")
			_, err := c.AddConnection(t.Context(), client.Settings{
				Name: name, TenantID: tenant, ClientID: "72f0c1a0-0000-4000-8000-0000000000" + tc.id, Auth: "clientSecret", Secret: tc.secret, CloudConfig: config,
			})
			w.in(t).ok(err)
			for ask, asked := range map[string]func() (client.Diagnosis, error){
				"test":   func() (client.Diagnosis, error) { return c.TestConnection(t.Context(), name) },
				"doctor": func() (client.Diagnosis, error) { return c.ExamineConnection(t.Context(), name) },
			} {
				d, err := asked()
				w.in(t).ok(err)
				if d.Works != tc.works || d.Kind != tc.kind || !strings.Contains(d.Remedy, tc.remedy) || (d.Cause == "") != (tc.kind == "") {
					t.Errorf("%s: %+v", ask, d)
				}
				if ask == "doctor" && len(d.Checks) < tc.checks {
					t.Errorf("the doctor made %d checks: %+v", len(d.Checks), d.Checks)
				}
			}
		})
	}
}

// TestJob follows a scan to its end, and cancels another.
func TestJob(t *testing.T) {
	t.Parallel()
	w := newWorld(t).fill()
	c := w.as(access.Operator)
	job, err := c.StartScan(t.Context(), "prod")
	w.ok(err)
	again, err := c.StartScan(t.Context(), "prod")
	w.ok(err)
	if again.ID != job.ID {
		t.Errorf("a second scan is under way: %s and %s", job.ID, again.ID)
	}
	var last client.Job
	for step, err := range c.Follow(t.Context(), job.ID) {
		w.ok(err)
		if step.State == store.JobRunning && step.Stage == "images" && step.Done == 1 && last.Stage == "" {
			close(w.proceed)
		}
		last = step
	}
	if last.State != store.JobComplete || last.Result != "scan-2" || last.By != "operator" {
		t.Errorf("it ended as %+v", last)
	}
	if lines, err := c.Log(t.Context(), job.ID, 0); err != nil || !slices.ContainsFunc(lines, func(l store.JobLine) bool { return l.Text == "images" }) {
		t.Errorf("its log is %v, %v", lines, err)
	}
	if list := all(t, c.Jobs(t.Context())); len(list) != 1 || list[0].ID != job.ID {
		t.Errorf("jobs are %+v", list)
	}
	w.proceed = make(chan struct{})
	wantKind(t, azward.KindConflict, func() error { _, err := c.Cancel(t.Context(), job.ID); return err })
	wantKind(t, azward.KindRole, func() error { _, err := w.as(access.Viewer).Cancel(t.Context(), job.ID); return err })
	job, err = c.StartScan(t.Context(), "prod")
	w.ok(err)
	_, err = c.Cancel(t.Context(), job.ID)
	w.ok(err)
	for last, err = range c.Follow(t.Context(), job.ID) {
		w.ok(err)
	}
	if job, err = c.Job(t.Context(), job.ID); err != nil || job.State != store.JobCancelled || last.State != store.JobCancelled {
		t.Errorf("it ended as %s, %s, %v", job.State, last.State, err)
	}
}

// TestIdempotency is a POST that is sent again.
func TestIdempotency(t *testing.T) {
	t.Parallel()
	w := newWorld(t).fill()
	const body = `{"name":"test","auth":"azureCLI"}`
	post := func(role access.Role, key, path, body string) answer {
		return w.do(role, http.MethodPost, path, body, "Idempotency-Key", key)
	}
	first, second := post(access.Operator, "k1", "/connections", body), post(access.Operator, "k1", "/connections", body)
	if first.StatusCode != http.StatusCreated || second.StatusCode != http.StatusCreated || !bytes.Equal(first.raw, second.raw) || second.Header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("sent again: %d %s, then %d %s", first.StatusCode, first.raw, second.StatusCode, second.raw)
	}
	for _, name := range []string{"Location", "ETag", "Content-Type", "Cache-Control"} {
		if was, is := first.Header.Get(name), second.Header.Get(name); was == "" || was != is {
			t.Errorf("%s is %q at first, then %q", name, was, is)
		}
	}
	if p := w.refused(post(access.Operator, "k1", "/connections", `{"name":"other","auth":"azureCLI"}`), http.StatusUnprocessableEntity); !strings.Contains(p.Cause, "another request") {
		t.Errorf("another body: %+v", p)
	}
	w.refused(post(access.Operator, "k1", "/scans", body), http.StatusUnprocessableEntity)
	w.refused(post(access.Admin, "k1", "/connections", body), http.StatusConflict) // another user's key is another
	w.refused(post(access.Operator, "k2", "/connections", `{"name":"//"}`), http.StatusUnprocessableEntity)
	if mended := post(access.Operator, "k2", "/connections", `{"name":"mended","auth":"azureCLI"}`); mended.StatusCode != http.StatusCreated {
		t.Errorf("a refusal took the key: %d %s", mended.StatusCode, mended.raw)
	}
	w.refused(post("", "k3", "/connections", body), http.StatusUnauthorized)
	w.refused(post(access.Viewer, "k4", "/connections", body), http.StatusForbidden)

	made := read[struct{ Secret string }](w, post(access.Viewer, "k5", "/tokens", `{"name":"ci"}`), http.StatusCreated)
	replayed := post(access.Viewer, "k5", "/tokens", `{"name":"ci"}`)
	if made.Secret == "" || replayed.StatusCode != http.StatusCreated || strings.Contains(string(replayed.raw), made.Secret) {
		t.Errorf("a token is shown twice: %s", replayed.raw)
	}
	if tokens := read[page[access.Token]](w, w.do(access.Viewer, http.MethodGet, "/tokens", ""), http.StatusOK); len(tokens.Items) != 2 {
		t.Errorf("%d tokens, want the one of the test and one more", len(tokens.Items))
	}
	database, err := os.ReadFile(filepath.Join(w.dir, store.DatabaseFile+"-wal"))
	w.ok(err)
	if bytes.Contains(database, []byte(made.Secret)) {
		t.Error("the token lies in the database in plain")
	}
}

func TestUsersAndTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.do(access.Admin, http.MethodPost, "/users", `{"name":"ana","role":"viewer"}`)
	ana := read[struct {
		User access.User
		Link string
	}](w, made, http.StatusCreated)
	if !strings.Contains(ana.Link, "/setup?code=") || made.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the link %q, Cache-Control %q", ana.Link, made.Header.Get("Cache-Control"))
	}
	path, tag := "/users/"+ana.User.ID, made.Header.Get("ETag")
	w.refused(w.do(access.Admin, http.MethodPut, path, `{"role":"operator"}`), http.StatusPreconditionRequired)
	changed := w.do(access.Admin, http.MethodPut, path, `{"role":"operator","disabled":true}`, "If-Match", tag)
	if u := read[access.User](w, changed, http.StatusOK); u.Role != access.Operator || !u.Disabled {
		t.Errorf("changed to %+v", u)
	}
	w.refused(w.do(access.Admin, http.MethodPut, path, `{"role":"admin"}`, "If-Match", tag), http.StatusPreconditionFailed)
	enabled := w.do(access.Admin, http.MethodPut, path, `{"role":"operator"}`, "If-Match", changed.Header.Get("ETag"))
	if u := read[access.User](w, enabled, http.StatusOK); u.Disabled {
		t.Errorf("disabled still: %+v", u)
	}
	read[access.User](w, w.do(access.Admin, http.MethodDelete, path, "", "If-Match", enabled.Header.Get("ETag")), http.StatusOK)
	root := w.do(access.Admin, http.MethodGet, "/users/"+w.users[access.Admin].ID, "")
	if p := w.refused(w.do(access.Admin, http.MethodDelete, "/users/"+w.users[access.Admin].ID, "", "If-Match", root.Header.Get("ETag")), http.StatusConflict); p.Kind != "conflict" {
		t.Errorf("the last administrator: %+v", p)
	}
	read[struct{ Link string }](w, w.do(access.Admin, http.MethodPost, "/users/"+w.users[access.Viewer].ID+"/link", ""), http.StatusCreated)
	read[access.User](w, w.do(access.Admin, http.MethodPost, "/users/"+w.users[access.Viewer].ID+"/sign-out", ""), http.StatusOK)

	w.refused(w.do(access.Viewer, http.MethodPost, "/tokens", `{"name":"more","role":"admin"}`), http.StatusForbidden)
	w.refused(w.do(access.Viewer, http.MethodGet, "/tokens?all=true", ""), http.StatusForbidden)
	mine := read[page[access.Token]](w, w.do(access.Operator, http.MethodGet, "/tokens", ""), http.StatusOK).Items[0]
	w.refused(w.do(access.Viewer, http.MethodDelete, "/tokens/"+mine.ID, ""), http.StatusNotFound)
	if got := w.do(access.Operator, http.MethodDelete, "/tokens/"+mine.ID, ""); got.StatusCode != http.StatusNoContent {
		t.Errorf("revoked: %d %s", got.StatusCode, got.raw)
	}
	if who := read[map[string]string](w, w.do(access.Viewer, http.MethodGet, "/me", ""), http.StatusOK); who["name"] != "viewer" || who["role"] != "viewer" {
		t.Errorf("who asks is %v", who)
	}
}

func TestResource(t *testing.T) {
	t.Parallel()
	w := newWorld(t).fill()
	c := w.as(access.Viewer)
	var ids []string
	for _, r := range all(t, c.Resources(t.Context(), client.ResourceQuery{Search: "shop", Subscription: "72F0C1A0-0000-4000-8000-0000000000C1", Connection: "prod"})) {
		ids = append(ids, r.Name+" "+r.Location)
	}
	if diff := cmp.Diff([]string{"cart westeurope", "idle westeurope", "vnet westeurope"}, ids); diff != "" {
		t.Errorf("resources (-want +got):\n%s", diff)
	}
	r, err := c.Resource(t.Context(), cart)
	w.ok(err)
	if !strings.Contains(string(r.Body), `\u003cimg src=x onerror=alert(1)\u003e`) && !strings.Contains(string(r.Body), `<img src=x onerror=alert(1)>`) || r.Scan != "scan-2" {
		t.Errorf("the document is %s", r.Body)
	}
	history := read[struct {
		Moments []struct {
			Scan    string
			There   bool
			Changed []string
		}
	}](w, w.do(access.Viewer, http.MethodGet, "/resource/history?id="+cart, ""), http.StatusOK)
	if m := history.Moments; len(m) != 2 || m[0].Scan != "scan-2" || !slices.Contains(m[0].Changed, "/properties/ipAddress/type") || !m[1].There {
		t.Errorf("history is %+v", m)
	}
	beside := read[struct {
		Neighbours []struct {
			Relation, Name, Property string
			Known                    bool
		}
	}](w, w.do(access.Viewer, http.MethodGet, "/resource/neighbours?id="+vnet, ""), http.StatusOK)
	var got []string
	for _, n := range beside.Neighbours {
		got = append(got, fmt.Sprint(n.Relation, " ", n.Name, " ", n.Known))
	}
	if diff := cmp.Diff([]string{"referredBy cart true", "referredBy idle true"}, got); diff != "" {
		t.Errorf("beside the network (-want +got):\n%s", diff)
	}
	flow, err := c.Check(t.Context(), exposure.Question{From: "internet", To: cart, Protocol: "tcp", Port: 8080})
	w.ok(err)
	if flow.Answer != azward.Yes {
		t.Errorf("the flow is %s: %s", flow.Answer, flow.Summary)
	}
	picture := w.do(access.Viewer, http.MethodGet, "/exposure/picture?id="+cart, "")
	if !bytes.HasPrefix(picture.raw, []byte("<svg")) || !strings.Contains(picture.Header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("the picture is %.80s with policy %q", picture.raw, picture.Header.Get("Content-Security-Policy"))
	}
	gaps := read[page[struct {
		Remedy   string
		Verdicts int
	}]](w, w.do(access.Viewer, http.MethodGet, "/gaps", ""), http.StatusOK)
	if len(gaps.Items) == 0 || gaps.Items[0].Remedy == "" {
		t.Errorf("gaps are %+v", gaps)
	}
}

func TestFindings(t *testing.T) {
	t.Parallel()
	w := newWorld(t).fill()
	type finding struct {
		ID, Package string
		Count, Runs int
	}
	for query, want := range map[string][]string{
		"":                             {"CVE-2024-0001", "CVE-2024-0002", "CVE-2024-0003"},
		"severity=high":                {"CVE-2024-0001"},
		"fixable=true":                 {"CVE-2024-0001", "CVE-2024-0002"},
		"vulnerability=cve-2024-0003":  {"CVE-2024-0003"},
		"search=LEFT-PAD":              {"CVE-2024-0003"},
		"known=true":                   nil,
		"repository=shop/none":         nil,
		"registry=" + acr + "&image=x": nil,
	} {
		var got []string
		for _, f := range read[page[finding]](w, w.do(access.Viewer, http.MethodGet, "/findings?"+query, ""), http.StatusOK).Items {
			got = append(got, f.ID)
			if f.Count != 1 || f.Runs != 2 {
				t.Errorf("%s is in %d images that %d workloads run, want 1 and 2", f.ID, f.Count, f.Runs)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("findings of %q (-want +got):\n%s", query, diff)
		}
	}
}

// TestUnreachableHub is told as an error that a person can act on.
func TestUnreachableHub(t *testing.T) {
	t.Parallel()
	proxy := newWorld(t)
	proxy.hub.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusBadGateway) })
	e := failure(t, azward.KindFailed, func() error { _, err := proxy.as(access.Admin).Job(t.Context(), "1"); return err })
	var status *client.StatusError
	if !errors.As(e, &status) || status.Status != http.StatusBadGateway {
		t.Errorf("the status below is %v", status)
	}
	proxy.hub.Close()
	wantKind(t, azward.KindUnavailable, func() error { _, err := proxy.as(access.Admin).Connection(t.Context(), "x"); return err })
}
