package arm_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward/azuresim/arm"
	"github.com/azward/azward/azuresim/entra"
	"github.com/azward/azward/azuresim/inventory"
	"github.com/azward/azward/azuresim/rbac"
)

const (
	subscription = "/subscriptions/72f0c1a0-0000-4000-8000-0000000000c1"
	group        = subscription + "/resourceGroups/Apps"
	site         = group + "/providers/Microsoft.Web/sites/shop"
	scaleSet     = group + "/providers/Microsoft.Compute/virtualMachineScaleSets/pool"
	nic          = scaleSet + "/virtualMachines/0/networkInterfaces/nic"
	owner        = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
	readerRole   = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
)

func server(tb testing.TB, role string) http.Handler {
	tb.Helper()
	record := func(id, rest string) inventory.Input {
		return inventory.Input{ID: id, Body: json.RawMessage(`{"id":"` + id + `"` + rest + `}`)}
	}
	inv, err := inventory.New("t", []inventory.Input{
		record(site, `,"location":"westeurope","properties":{"siteConfig":{"minTlsVersion":"1.2","appSettings":[{"name":"KEY","value":"v"}]}}`),
		record(site+"/config/connectionstrings", `,"properties":{"DB":{"value":"secret"}}`),
		record(scaleSet, `,"location":"westeurope"`),
		record(scaleSet+"/virtualMachines/0", `,"properties":{"instanceView":{"statuses":[{"code":"PowerState/running"}]}}`),
		record(nic, ``),
		record(nic+"/ipConfigurations/ip/publicIPAddresses/pip", ``),
		record(group+"/providers/Microsoft.Network/networkSecurityGroups/nsg", `,"properties":{"securityRules":[{"name":"a","properties":{}},{"name":"b","properties":{}}]}`),
		record(group+"/providers/Microsoft.ContainerService/managedClusters/k", `,"properties":{"agentPoolProfiles":[{"name":"system","count":1}]}`),
	}, false)
	if err != nil {
		tb.Fatal(err)
	}
	who := &entra.Token{Principal: rbac.Principal{ObjectID: "me"}, ClientID: "app", ResourceApp: entra.AppARM}
	s, err := arm.New(arm.Options{
		Inventory: inv, BaseURL: "https://sim", Now: time.Now,
		Policy:   rbac.New(rbac.Builtin(), []rbac.Assignment{{PrincipalID: "me", RoleGUID: role, Scope: "/"}}, nil, inv.Ancestors),
		Verify:   func(string) (*entra.Token, error) { return who, nil },
		GroupsOf: func(string) []string { return nil },
	})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func ask(tb testing.TB, h http.Handler, method, target string) (int, map[string]any) {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), method, target, nil)
	r.Header.Set("Authorization", "Bearer x")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var body map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		tb.Fatalf("%s %s: %d, not JSON: %.200s", method, target, w.Code, w.Body)
	}
	return w.Code, body
}

func names(body map[string]any) []string {
	out := []string{}
	values, _ := body["value"].([]any)
	for _, v := range values {
		m, _ := v.(map[string]any)
		id, _ := m["id"].(string)
		out = append(out, id[strings.LastIndexByte(id, '/')+1:])
	}
	return out
}

func TestCollectionsOfAParent(t *testing.T) {
	t.Parallel()
	h := server(t, readerRole)
	for _, tc := range []struct {
		name, path string
		want       []string
	}{
		// https://learn.microsoft.com/rest/api/virtualnetwork/network-interfaces/list-virtual-machine-scale-set-network-interfaces
		{"scale_set_interfaces", scaleSet + "/networkInterfaces?api-version=2024-07-01", []string{"nic"}},
		{"scale_set_addresses", scaleSet + "/publicipaddresses?api-version=2024-07-01", []string{"pip"}},
		{"interfaces_of_one_machine", scaleSet + "/virtualMachines/0/networkInterfaces?api-version=2024-07-01", []string{"nic"}},
		{"machines", scaleSet + "/virtualMachines?api-version=2024-07-01", []string{"0"}},
		{"rules_out_of_the_group", group + "/providers/Microsoft.Network/networkSecurityGroups/nsg/securityRules?api-version=2024-05-01", []string{"a", "b"}},
		{"agent_pools_out_of_the_cluster", group + "/providers/Microsoft.ContainerService/managedClusters/k/agentPools?api-version=2024-09-01", []string{"system"}},
		// Secrets are in no list: https://learn.microsoft.com/rest/api/appservice/web-apps/list-configurations
		{"config_without_secrets", site + "/config?api-version=2023-12-01", []string{}},
		{"generic_list", group + "/resources?api-version=2021-04-01&$filter=" + url.QueryEscape("resourceType eq 'Microsoft.Web/sites'"), []string{"shop"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			status, body := ask(t, h, http.MethodGet, tc.path)
			if diff := cmp.Diff(tc.want, names(body)); status != http.StatusOK || diff != "" {
				t.Errorf("%d (-want +got):\n%s\n%v", status, diff, body)
			}
		})
	}
}

// https://learn.microsoft.com/rest/api/appservice/web-apps/list-application-settings
func TestSiteSettingsNeedTheListAction(t *testing.T) {
	t.Parallel()
	settings := site + "/config/appsettings/list?api-version=2023-12-01"
	if status, body := ask(t, server(t, readerRole), http.MethodPost, settings); status != http.StatusForbidden {
		t.Errorf("Reader: %d %v", status, body)
	}
	status, body := ask(t, server(t, owner), http.MethodPost, settings)
	if diff := cmp.Diff(map[string]any{"KEY": "v"}, body["properties"]); status != http.StatusOK || diff != "" {
		t.Errorf("Owner: %d %s", status, diff)
	}
	if status, body := ask(t, server(t, owner), http.MethodGet, site+"/config/connectionstrings?api-version=2023-12-01"); status != http.StatusNotFound {
		t.Errorf("a GET gives secrets: %d %v", status, body)
	}
	if status, body := ask(t, server(t, readerRole), http.MethodGet, site+"/config/web?api-version=2023-12-01"); status != http.StatusOK {
		t.Errorf("config/web: %d %v", status, body)
	}
}

func TestFiltersThatAreNotUnderstoodAreRefused(t *testing.T) {
	t.Parallel()
	h := server(t, readerRole)
	for _, filter := range []string{"substringof('a',name)", "name eq", "tagName eq 'a'", "name eq 'a' or name eq 'b'"} {
		status, body := ask(t, h, http.MethodGet, group+"/resources?api-version=2021-04-01&$filter="+url.QueryEscape(filter))
		if status != http.StatusBadRequest {
			t.Errorf("%s: %d %v", filter, status, body)
		}
	}
}

// Any path gets an answer in JSON that blames nobody's code.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{
		"/subscriptions", subscription, site, site + "/config/web", scaleSet + "/virtualMachines/0/instanceView",
		"/providers/Microsoft.Authorization/roleAssignments", "/providers//", "//", "/subscriptions//resourceGroups//providers/a/b/c",
	} {
		f.Add(http.MethodGet, seed, "")
		f.Add(http.MethodPost, seed+"/list", "name eq 'a'")
	}
	h := server(f, owner)
	f.Fuzz(func(t *testing.T, method, path, filter string) {
		if method != http.MethodGet && method != http.MethodPost && method != http.MethodDelete {
			return
		}
		target := url.URL{Path: "/" + path, RawQuery: url.Values{"api-version": {"2024-07-01"}, "$filter": {filter}}.Encode()}
		r := httptest.NewRequestWithContext(t.Context(), method, "/", nil)
		r.URL = &target
		r.Header.Set("Authorization", "Bearer x")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= http.StatusInternalServerError || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %q: %d %s", method, path, w.Code, w.Body)
		}
	})
}

// BenchmarkList reads one page of a large subscription.
func BenchmarkList(b *testing.B) {
	for _, size := range []int{1_000, 10_000} {
		b.Run("resources="+itoa(size), func(b *testing.B) {
			inputs := make([]inventory.Input, 0, size)
			for i := range size {
				id := group + "/providers/Microsoft.Network/networkInterfaces/nic" + itoa(i)
				inputs = append(inputs, inventory.Input{ID: id, Body: json.RawMessage(`{"id":"` + id + `","location":"westeurope","properties":{}}`)})
			}
			inv, err := inventory.New("t", inputs, true)
			if err != nil {
				b.Fatal(err)
			}
			who := &entra.Token{Principal: rbac.Principal{ObjectID: "me"}, ResourceApp: entra.AppARM}
			h, err := arm.New(arm.Options{
				Inventory: inv, Now: time.Now, Verify: func(string) (*entra.Token, error) { return who, nil },
				Policy: rbac.New(rbac.Builtin(), []rbac.Assignment{{PrincipalID: "me", RoleGUID: readerRole, Scope: "/"}}, nil, inv.Ancestors),
			})
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				ask(b, h, http.MethodGet, subscription+"/providers/Microsoft.Network/networkInterfaces?api-version=2024-05-01")
			}
		})
	}
}

func itoa(n int) string {
	raw, err := json.Marshal(n)
	if err != nil {
		return ""
	}
	return string(raw)
}
