package main

import (
	"cmp"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/azward/azward/access"
	"github.com/azward/azward/api"
	"github.com/azward/azward/api/aurora"
	"github.com/azward/azward/hub"
	"github.com/azward/azward/web"
)

// door is whose table a route stands in: each refuses in its own words.
type door string

const (
	apiDoor    door = "api"
	auroraDoor door = "aurora"
	hubDoor    door = "hub"
	webDoor    door = "web"
)

// mounted is one way in.
type mounted struct {
	door         door
	method, path string // with its wildcards
	least        access.Role
}

func (m mounted) String() string { return m.method + " " + m.path }

// at is the path with names that nothing has; who asks is the user that it
// names.
func (m mounted) at(c *caller) string {
	return strings.NewReplacer("{$}", "", "{id}", "v-00000000000000ff", "{name}", "nobody", "{host}", "nowhere.azurecr.io", "{format}", "json", "{user}", cmp.Or(c.id, "nobody")).Replace(m.path)
}

// allRoutes are those of every door's table; the API's as its document tells
// them, whose role the guard of each operation takes from the same table.
func allRoutes(t *testing.T) []mounted {
	t.Helper()
	var all []mounted
	add := func(d door, pattern string, least access.Role) {
		method, path, _ := strings.Cut(pattern, " ")
		all = append(all, mounted{d, method, path, least})
	}
	var document struct {
		Paths map[string]map[string]struct {
			Role access.Role `json:"x-role"`
		}
	}
	handler, err := api.New(api.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out := httptest.NewRecorder()
	handler.ServeHTTP(out, httptest.NewRequestWithContext(t.Context(), http.MethodGet, api.Prefix+"/openapi.json", nil))
	if err := json.Unmarshal(out.Body.Bytes(), &document); err != nil {
		t.Fatalf("%v: %.200s", err, out.Body)
	}
	for path, methods := range document.Paths {
		for method, operation := range methods {
			add(apiDoor, strings.ToUpper(method)+" "+api.Prefix+strings.TrimPrefix(path, api.Prefix), operation.Role)
		}
	}
	for _, r := range web.Routes() {
		add(webDoor, r.Pattern, r.Least)
	}
	for _, r := range new(hub.Server).Routes() {
		add(hubDoor, r.Pattern, r.Least)
	}
	for _, r := range aurora.Routes() {
		add(auroraDoor, r.Method+" "+r.Pattern, r.Least)
	}
	// What signs the caller out comes last.
	slices.SortFunc(all, func(a, b mounted) int {
		return cmp.Or(cmp.Compare(a.signsOut(), b.signsOut()), cmp.Compare(a.String(), b.String()))
	})
	const least = 120
	if len(all) < least {
		t.Fatalf("only %d routes are known", len(all))
	}
	return all
}

func (m mounted) signsOut() int {
	if m.path == "/signout" || m.path == "/settings/sessions/end" {
		return 1
	}
	return 0
}

// refusal says how a door refused: "sign in", "role", or "" where it did not.
func refusal(m mounted, r reply) string {
	switch {
	case r.status == http.StatusSeeOther && m.door == webDoor && strings.HasPrefix(r.location(), "/signin"),
		r.status == http.StatusUnauthorized && strings.Contains(strings.ToLower(r.body), "nobody is signed in"),
		m.door == auroraDoor && r.status == http.StatusUnauthorized && r.body == `{"error":"Unauthorized"}`+"\n":
		return "sign in"
	case r.status == http.StatusForbidden && strings.Contains(strings.ToLower(r.body), "needs the role"):
		return "role"
	}
	return ""
}

// notForTokens are changes of how one signs in: none is made with a token, but
// that administrators may sign out everybody.
func (m mounted) notForTokens(role access.Role) bool {
	return strings.HasPrefix(m.path, "/account/") || m.path == "/settings/passkeys/remove" || m.path == "/settings/sessions/end" && role != access.Admin
}

// everyRouteAsEverybody walks all routes as nobody, and as each user by session
// and by tokens: who may is let through, and everybody else is told to sign in
// or which role is needed, whatever the request holds.
func everyRouteAsEverybody(t *testing.T, w *secured) {
	for _, m := range allRoutes(t) {
		for _, name := range slices.Sorted(maps.Keys(w.callers)) {
			c := w.callers[name]
			kind, body := form, ""
			if m.door == apiDoor || m.door == auroraDoor {
				kind, body = jsonType, "{" // nothing is changed by whoever gets through
			}
			if m.method == http.MethodGet {
				kind, body = "", ""
			}
			got := c.do(t, m.method, m.at(c), kind, body)
			want := ""
			switch {
			case m.least == "":
			case c.role == "":
				want = "sign in"
			case !c.role.Allows(m.least):
				want = "role"
			}
			if refused := refusal(m, got); refused != want {
				t.Errorf("%s as %q: refused by %q, want %q: %d %.200s", m, name, refused, want, got.status, got.body)
			}
			if want == "" && m.least != "" {
				w.letThrough(t, m, name, got)
			}
			if want == "sign in" && m.door == apiDoor && got.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s does not say how to sign in", m)
			}
			if got.status >= http.StatusInternalServerError {
				t.Errorf("%s as %q: %d %.300s", m, name, got.status, got.body)
			}
			if m.signsOut() == 1 && c.token == "" && c.role != "" {
				c.signIn(t)
			}
		}
	}
	for name, c := range w.callers {
		if got := c.get(t, "/api/v1/me"); c.role != "" && got.status != http.StatusOK {
			t.Errorf("after the walk %q is %d %s", name, got.status, got.body)
		}
	}
}

// letThrough looks at an answer to somebody who may.
func (w *secured) letThrough(t *testing.T, m mounted, name string, got reply) {
	t.Helper()
	c := w.callers[name]
	switch {
	case c.token != "" && m.notForTokens(c.role):
		if got.status != http.StatusForbidden && got.status != http.StatusUnauthorized {
			t.Errorf("%s with a token: %d %.200s", m, got.status, got.body)
		}
	case m.path == "/account/passkeys" && got.status == http.StatusUnauthorized && strings.Contains(got.body, "was not begun in this browser"):
	case got.status == http.StatusForbidden, got.status == http.StatusUnauthorized && m.door != auroraDoor:
		t.Errorf("%s refuses %q: %d %.300s", m, name, got.status, got.body)
	}
}

// registrations are the functions that mount handlers: each takes what it
// mounts from its door's table, or from the list beside it.
var registrations = map[string][]string{
	"../../api/api.go New":            {`"/"`},                                   // answers 404
	"../../api/document.go document":  {`"GET "+Prefix+"/"+name`},                // the OpenAPI documents
	"../../api/register.go handle":    {`a.operation(id)`},                       // the table
	"../../api/aurora/aurora.go New":  {`route.Method+" "+route.Pattern`, `"/"`}, // the table; 404
	"../../api/follow.go followRoute": {`op`},                                    // the table
	"../../hub/hub.go mount":          {`pattern`},                               // the doors
	"../../hub/signin.go mountRoutes": {`route.Pattern`},
	"../../web/web.go New":            {`route.Pattern`, `"/"`}, // the table; 404
	"serve_health.go handler":         {`"GET /healthz"`, `"GET /readyz"`},
}

// TestRoutesStandInTables: whatever is mounted is mounted from a table, so that
// a walk over the tables is one over everything.
func TestRoutesStandInTables(t *testing.T) {
	t.Parallel()
	found := map[string][]string{}
	for _, folder := range []string{".", "../../api", "../../api/aurora", "../../hub", "../../web", "../../access", "../../workspace", "../../jobs"} {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				registered(t, file, found)
			}
		}
	}
	for at, patterns := range found {
		if !slices.Equal(patterns, registrations[at]) {
			t.Errorf("%s mounts %v, known are %v: put new routes into their door's table", at, patterns, registrations[at])
		}
	}
	for at := range registrations {
		if found[at] == nil {
			t.Errorf("%s mounts nothing", at)
		}
	}
}

// registered notes what the functions of a file mount.
func registered(t *testing.T, file string, found map[string][]string) {
	t.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range parsed.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			selected, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			arg := 0
			switch x, _ := selected.X.(*ast.Ident); {
			case x != nil && x.Name == "huma": // huma.Register(api, operation, …), huma.Get(api, path, …)
				if !slices.Contains([]string{"Register", "Get", "Post", "Put", "Patch", "Delete", "Head", "AutoRegister"}, selected.Sel.Name) {
					return true
				}
				arg = 1
			case selected.Sel.Name != "Handle" && selected.Sel.Name != "HandleFunc":
				return true
			}
			at := filepath.ToSlash(file) + " " + f.Name.Name
			if arg < len(call.Args) {
				from, to := set.Position(call.Args[arg].Pos()).Offset, set.Position(call.Args[arg].End()).Offset
				found[at] = append(found[at], string(source[from:to]))
			}
			return true
		})
	}
}

var roleRow = regexp.MustCompile(`(?m)^\| ([^|]+) \| (yes|no) \| (yes|no) \| (yes|no) \|$`)

// documented says which row of the table in docs/access.md a route belongs to;
// "" where everybody may.
func documented(m mounted) string {
	has := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(m.path, part) })
	}
	read := m.method == http.MethodGet
	switch {
	case m.least == "":
		return ""
	case has("/audit", "/settings/sign-in"):
		return "read the audit log and the sign-in settings"
	case has("/account/", "/sessions/end", "/passkeys/remove"):
		return "change one's own password, passkeys and sessions (in a browser, never with a token)"
	case has("/users"):
		return "add, invite, change, disable and sign out users"
	case !read && has("/settings/retention"):
		return "change what is kept and do the housekeeping; remove shared views of others; send the hub to registries that it never read"
	case has("/tokens", "/verdicts/views", "/me") || m.path == "/settings":
		return "save views of one's own, see shared ones; make, list and revoke one's own tokens"
	case has("/disconnect", "/connected-accounts") || m.method == http.MethodDelete && has("/connections/"):
		return "name files of the server in a connection; disconnect"
	case has("/dismiss", "/reopen"):
		return "dismiss and reopen verdicts"
	case !read && has("/scan", "/jobs", "/schedules"):
		return "start, schedule and cancel scans, of Azure's registries and those that the hub knows, too; share views"
	case has("/integrations/azure", "/azure/login") || !read && has("/azure-subscriptions", "/connections") || has("/integrations/connections/{name}/test"):
		return "add, change, test and examine connections"
	case read && has("/connections", "/integrations", "/scans", "/jobs", "/metrics", "/azure/", "/azure-subscriptions"):
		return "read connections (never their secrets), scans, jobs with their logs, `/metrics`"
	case read:
		return "read verdicts, proofs, resources, exposure, registries, findings, coverage, advisories"
	}
	return "none"
}

// TestRolesAreDocumented compares the tables of the doors with the one that
// people read.
func TestRolesAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/access.md")
	if err != nil {
		t.Fatal(err)
	}
	rows, used := map[string]access.Role{}, map[string]int{}
	for _, row := range roleRow.FindAllStringSubmatch(string(page), -1) {
		switch strings.Join(row[2:], " ") {
		case "yes yes yes":
			rows[row[1]] = access.Viewer
		case "no yes yes":
			rows[row[1]] = access.Operator
		case "no no yes":
			rows[row[1]] = access.Admin
		default:
			t.Errorf("%s: a lower role may what a higher one may not", row[0])
		}
	}
	for _, m := range allRoutes(t) {
		row := documented(m)
		used[row]++
		if least := rows[row]; least != m.least {
			t.Errorf("%s needs %q, and docs/access.md says %q: %q", m, m.least, row, least)
		}
	}
	for row := range rows {
		// Checked where they are acted on, by the caller's role and not by route.
		if used[row] == 0 && row != "list and revoke everyone's tokens" {
			t.Errorf("docs/access.md tells of what no route does: %s", row)
		}
	}
}
