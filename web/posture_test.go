package web_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/azward/azward/access"
)

const (
	accountID  = subscription + "/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/open"
	closedID   = subscription + "/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/closed"
	accountsOf = "Microsoft.Storage/storageAccounts"
)

// judgedTown has a storage account that everybody may read, and one that
// nobody may, beside the town.
func judgedTown(tb testing.TB) hub {
	tb.Helper()
	h := newHub(tb, nil, nil)
	settled(tb, h, []any{
		arm(accountID, accountsOf, object{"allowBlobPublicAccess": true, "supportsHttpsTrafficOnly": false, "minimumTlsVersion": "TLS1_0", "publicNetworkAccess": "Enabled", "networkAcls": object{"defaultAction": "Allow"}}),
		arm(closedID, accountsOf, object{"allowBlobPublicAccess": false, "supportsHttpsTrafficOnly": true, "minimumTlsVersion": "TLS1_2", "publicNetworkAccess": "Disabled", "networkAcls": object{"defaultAction": "Deny"}}),
	}, nil)
	return h
}

const anonymousRule = "storage-no-anonymous-blobs"

func TestPosturePages(t *testing.T) {
	t.Parallel()
	h := judgedTown(t)
	h.get(t, "/posture") // waits for the rules; the overview and resources do not
	for path, texts := range map[string][]string{
		"/posture":                                                       {"CIS Azure Foundations 6.0", "not covered", "Misconfigured and exposed", "Beside Defender for Cloud", "Storage"},
		"/posture/rules":                                                 {"Storage accounts allow no anonymous access", "rules on this page"},
		"/posture/rules?q=anonymous+access":                              {"Storage accounts allow no anonymous access"},
		"/posture/rules/" + anonymousRule:                                {"Why it matters", "Azure CLI", "Bicep", "Terraform", "properties.allowBlobPublicAccess", "1 fail", "1 pass"},
		"/posture/results?result=fail&type=" + accountsOf:                {"open", "properties.allowBlobPublicAccess is true", "badge failed"},
		"/posture/framework?name=CIS+Azure+Foundations+6.0":              {"All 127 items", "manual", "nothing to judge", "level 2"},
		"/posture/framework?name=CIS+Azure+Foundations+6.0&state=manual": {"manual"},
		"/posture/finding?" + url.Values{"rule": {anonymousRule}, "resource": {strings.ToUpper(accountID)}}.Encode(): {
			"What decided", "/properties/allowBlobPublicAccess = true", "ID=&#34;" + accountID + "&#34;", "the internet reaches it",
		},
		at("/estate/resource", accountID): {"Posture", "Storage accounts allow no anonymous access"},
		at("/estate/resource", closedID):  {"Posture"},
		"/":                               {"Misconfigured and exposed", "Storage accounts allow no anonymous access"},
	} {
		body := h.get(t, path)
		for _, text := range texts {
			if !says(body, text) {
				t.Errorf("%s does not say %q", path, text)
			}
		}
		if len(body) > 300<<10 {
			t.Errorf("%s weighs %d bytes", path, len(body))
		}
		if strings.Contains(body, "style=") || strings.Contains(body, "onclick") {
			t.Errorf("%s has something inline", path)
		}
	}
	if body := h.get(t, at("/estate/resource", closedID)); says(body, "Storage accounts allow no anonymous access") {
		t.Error("the closed account is told of as open")
	}
}

// TestPostureFiltersInTheAddress: what is chosen stays chosen, and each chip
// counts what it would show.
func TestPostureFiltersInTheAddress(t *testing.T) {
	t.Parallel()
	h := judgedTown(t)
	body := h.get(t, "/posture/results?result=fail&severity=high&framework=MCSB&category=Storage&suppressed=with&exposed=1&type="+accountsOf)
	for _, text := range []string{
		`value="fail" checked`, `<option value="high" selected>`, `<option selected>MCSB</option>`, `<option selected>Storage</option>`,
		`<option value="with" selected>`, `name="exposed" id="exposed" value="1" checked`, `<option value="` + accountsOf + `" selected>`,
	} {
		if !strings.Contains(body, text) {
			t.Errorf("the page forgets %s", text)
		}
	}
	item := h.get(t, "/posture/rules?framework="+url.QueryEscape("MCSB: NS-2"))
	if !strings.Contains(item, `<option value="MCSB: NS-2" selected>`) {
		t.Error("the item of a framework is forgotten")
	}
	for path, status := range map[string]int{
		"/posture/results?result=maybe": http.StatusBadRequest, "/posture/results?severity=dire": http.StatusBadRequest, "/posture/results?suppressed=no": http.StatusBadRequest,
		"/posture/results?after=none": http.StatusBadRequest, "/posture/results?resource=none": http.StatusBadRequest, "/posture/rules/none": http.StatusNotFound,
		"/posture/rules?q=" + strings.Repeat("x", 300): http.StatusBadRequest, "/posture/framework?name=none": http.StatusNotFound, "/posture/framework": http.StatusNotFound,
		"/posture/finding?rule=none&resource=/": http.StatusNotFound, "/posture/finding?rule=" + anonymousRule: http.StatusBadRequest, "/posture/export/exe": http.StatusNotFound,
	} {
		if got := h.as(t, access.Viewer, http.MethodGet, path, nil); got.Code != status {
			t.Errorf("%s gives %d, want %d", path, got.Code, status)
		}
	}
}

// TestPosturePagesOfAList goes on through all pages, by their links.
func TestPosturePagesOfAList(t *testing.T) {
	t.Parallel()
	h := judgedTown(t)
	next := regexp.MustCompile(`<a class="button" href="([^"]+)" rel="next">`)
	links := regexp.MustCompile(`href="(/posture/rules/[^"?]+)"`)
	seen := map[string]bool{}
	pages := 0
	for path := "/posture/rules"; path != ""; pages++ {
		body := h.get(t, path)
		for _, link := range links.FindAllStringSubmatch(body, -1) {
			if seen[link[1]] {
				t.Fatalf("%s is on two pages", link[1])
			}
			seen[link[1]] = true
		}
		path = ""
		if found := next.FindStringSubmatch(body); found != nil {
			path = html.UnescapeString(found[1])
		}
	}
	const rules = 250
	if len(seen) < rules || pages < 5 {
		t.Errorf("%d rules on %d pages", len(seen), pages)
	}
}

func TestPostureExports(t *testing.T) {
	t.Parallel()
	h := judgedTown(t)
	const query = "?result=fail&type=" + accountsOf
	read := func(format string) []byte {
		got := h.as(t, access.Viewer, http.MethodGet, "/posture/export/"+format+query, nil)
		if got.Code != http.StatusOK || !strings.HasPrefix(got.Header().Get("Content-Disposition"), "attachment;") || got.Body.Len() == 0 {
			t.Fatalf("%s gives %d %q", format, got.Code, got.Header().Get("Content-Disposition"))
		}
		return got.Body.Bytes()
	}
	rows, err := csv.NewReader(bytes.NewReader(read("csv"))).ReadAll()
	must(t, err)
	var list []struct{ Rule, Resource, Result string }
	must(t, json.Unmarshal(read("json"), &list))
	events := bytes.Count(read("ocsf"), []byte("\n"))
	if len(list) < 3 || len(rows)-1 != len(list) || events != len(list) {
		t.Errorf("CSV has %d, JSON %d, OCSF %d", len(rows)-1, len(list), events)
	}
	for _, one := range list {
		if one.Result != "fail" || one.Resource != accountID && one.Resource != closedID {
			t.Errorf("the export has %+v", one)
		}
	}
	if markdown := string(read("markdown")); !strings.Contains(markdown, "## CIS Azure Foundations 6.0\n\n127 items") {
		t.Errorf("Markdown is\n%.400s", markdown)
	}
	if sarif := read("sarif"); !json.Valid(sarif) {
		t.Error("SARIF is no JSON")
	}
}

// TestPostureOfHostileNames: what somebody named a resource stands on the pages
// as text, and secrets stand on none.
func TestPostureOfHostileNames(t *testing.T) {
	t.Parallel()
	h := town(t)
	paths := []string{
		"/posture", "/posture/rules", "/posture/rules?after=x", "/posture/results?suppressed=with&result=fail&result=unknown&result=pass", "/posture/results?q=" + url.QueryEscape(hostile),
		"/posture/rules/workload-no-privilege-escalation", "/posture/rules/workload-secrets-not-in-plain-environment", "/posture/framework?name=MCSB",
		"/posture/finding?" + url.Values{"rule": {"workload-secrets-not-in-plain-environment"}, "resource": {deploymentID}}.Encode(),
		"/posture/rules/" + url.PathEscape(hostile), "/posture/framework?" + url.Values{"name": {hostile}}.Encode(), "/posture/export/csv", "/posture/export/json",
	}
	for _, path := range paths {
		body := h.as(t, access.Viewer, http.MethodGet, path, nil).Body.String()
		if strings.Contains(body, "<script>alert") || strings.Contains(body, "<img src=x") || strings.Contains(body, "\u202e") && !strings.Contains(path, "export") {
			t.Errorf("%s has markup of somebody else", path)
		}
		if strings.Contains(body, password) {
			t.Errorf("%s shows a secret", path)
		}
	}
}
