package azuresim_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward/azuresim"
)

const graphPath = "/providers/Microsoft.ResourceGraph/resources?api-version=2024-04-01"

func (s *sim) query(token string, body map[string]any) answer {
	s.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.send(http.MethodPost, graphPath, token, string(raw))
}

func (a answer) column(name string) []string {
	var all []string
	rows, _ := a.body["data"].([]any)
	for _, r := range rows {
		row, _ := r.(map[string]any)
		text, _ := row[name].(string)
		all = append(all, text)
	}
	return all
}

// https://learn.microsoft.com/azure/governance/resource-graph/overview#permissions-in-azure-resource-graph
func TestQueriesSeeWhatTheCallerMayRead(t *testing.T) {
	t.Parallel()
	s := start(t, azuresim.Options{})
	for _, tc := range []struct {
		name, app, query string
		want             []string
	}{
		{"machines", "reader", "Resources | where type =~ 'Microsoft.Compute/virtualMachines' | project name | order by name asc", []string{"vm-db", "vm-web"}},
		{"group_reader_sees_its_group", "groupreader", "resources | where type in~ ('microsoft.containerservice/managedclusters','microsoft.compute/virtualmachines') | project name | order by name asc", []string{"vm-db", "vm-web"}},
		{"containers", "reader", "resourcecontainers | where type == 'microsoft.resources/subscriptions' | project name | order by name asc", []string{"Production", "Sandbox"}},
		{"power_state", "reader", "resources | where type == 'microsoft.compute/virtualmachines' | where properties.extended.instanceView.powerState.code == 'PowerState/running' | project name", []string{"vm-web"}},
		{"assignments", "reader", "authorizationresources | where type == 'microsoft.authorization/roleassignments' | where properties.principalId == '72f0c1a0-0000-4000-8000-0000000000b6' | project name = tostring(properties.scope)", []string{production}},
		{"group_in_lower_case", "reader", "resources | where resourceGroup == 'aks' | project name | order by name asc", []string{"contosoacr", "prod"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := s.query(s.token(tc.app), map[string]any{"query": tc.query})
			if diff := cmp.Diff(tc.want, a.column("name")); a.status != 200 || diff != "" {
				t.Errorf("%d (-want +got):\n%s\n%s", a.status, diff, a.raw)
			}
		})
	}
}

// https://learn.microsoft.com/azure/governance/resource-graph/troubleshoot/general
func TestQueryRefusals(t *testing.T) {
	t.Parallel()
	s := start(t, azuresim.Options{})
	for _, tc := range []struct {
		name, app, query, code, detail string
		status                         int
	}{
		{"no_role", "noreader", "resources", "AccessDenied", "AccessDenied", 403},
		{"syntax", "reader", "resources | where", "BadRequest", "InvalidQuery", 400},
		{"unknown_table", "reader", "nosuchtable", "BadRequest", "InvalidQuery", 400},
		{"empty", "reader", " ", "BadRequest", "InvalidQuery", 400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := s.query(s.token(tc.app), map[string]any{"query": tc.query})
			if a.status != tc.status || a.code() != tc.code || !strings.Contains(string(a.raw), `"code":"`+tc.detail+`"`) ||
				!strings.HasPrefix(a.message(), "Please provide below info when asking for support: timestamp = ") {
				t.Errorf("got %d %s", a.status, a.raw)
			}
		})
	}
}

// https://learn.microsoft.com/azure/governance/resource-graph/concepts/work-with-data#paging-results
func TestQueryPagesBySkipToken(t *testing.T) {
	t.Parallel()
	s := start(t, azuresim.Options{})
	token := s.token("reader")
	var names []string
	options := map[string]any{"$top": 4}
	for pages := 0; ; pages++ {
		a := s.query(token, map[string]any{"query": "resources | project id, name | order by id asc", "options": options})
		if a.body["totalRecords"] != float64(10) {
			t.Fatalf("total: %s", a.raw)
		}
		names = append(names, a.column("name")...)
		next, ok := a.body["$skipToken"].(string)
		if !ok {
			if pages != 2 {
				t.Errorf("%d pages", pages+1)
			}
			break
		}
		options["$skipToken"] = next
	}
	if len(slices.Compact(slices.Sorted(slices.Values(names)))) != 10 {
		t.Errorf("got %v", names)
	}
	cut := s.query(token, map[string]any{"query": "resources | project name", "options": map[string]any{"$top": 4}})
	if cut.body["resultTruncated"] != "true" || cut.body["$skipToken"] != nil {
		t.Errorf("without an id column: %s", cut.raw)
	}
	table := s.query(token, map[string]any{"query": "resources | summarize count()", "options": map[string]any{"resultFormat": "table"}})
	data, _ := table.body["data"].(map[string]any)
	if diff := cmp.Diff([]any{[]any{float64(10)}}, data["rows"]); diff != "" {
		t.Errorf("table form: %s\n%s", diff, table.raw)
	}
}

// https://learn.microsoft.com/azure/governance/resource-graph/concepts/guidance-for-throttled-requests
func TestQueryQuota(t *testing.T) {
	t.Parallel()
	sc := load(t)
	sc.Throttling.ResourceGraph.Capacity, sc.Throttling.ResourceGraph.Seconds = 2, 5
	now := time.Now()
	s := start(t, azuresim.Options{Scenario: sc, Now: func() time.Time { return now }})
	token := s.token("reader")
	q := map[string]any{"query": "resources | count"}
	if a := s.query(token, q); a.header.Get("x-ms-user-quota-remaining") != "1" || a.header.Get("x-ms-user-quota-resets-after") != "00:00:05" {
		t.Errorf("headers %v", a.header)
	}
	s.query(token, q)
	if a := s.query(token, q); a.status != http.StatusTooManyRequests || a.code() != "RateLimiting" {
		t.Errorf("third query: %d %s", a.status, a.raw)
	}
	now = now.Add(5 * time.Second)
	if a := s.query(token, q); a.status != 200 {
		t.Errorf("in the next window: %d %s", a.status, a.raw)
	}
}
