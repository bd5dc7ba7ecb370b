package report_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/report"
)

// TestPostureOCSF holds each event against OCSF's definitions of the class
// Compliance Finding.
func TestPostureOCSF(t *testing.T) {
	t.Parallel()
	const id = "/subscriptions/0d9a7e34-52c1-4b8f-8f6d-7be2c1a05f21/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/"
	list := []report.Posture{
		{Rule: "https", Title: "HTTPS alone", Severity: azward.SeverityHigh, Resource: id + "open", Type: "Microsoft.Storage/storageAccounts", Result: "fail", Frameworks: []string{"MCSB: DP-3", "MCSB: DP-4", "CIS Azure Foundations 6.0: 9.3.4"}, Remedy: report.PostureRemedy{CLI: "az storage account update"}, Comparisons: []report.PostureComparison{{Field: "x", Path: "/properties/x", Value: []byte("false"), Operator: "read", Expected: []byte("null"), Answer: azward.Yes}}},
		{Rule: "https", Title: "HTTPS alone", Resource: id + "closed", Result: "pass"},
		{Rule: "https", Title: "HTTPS alone", Resource: id + "silent", Result: "unknown", Reason: "it was not read"},
		{Rule: "tag", Title: "\x1b[31mTag", Resource: "/", Result: "exempt", Reason: "exempted", Assignment: "/subscriptions/s/providers/x"},
		{Rule: "tag", Resource: id + "left", Result: "suppressed", Suppressed: &report.PostureSuppression{Was: "unknown", Reason: "later", By: "Kim", Expires: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}},
		{},
	}
	var b bytes.Buffer
	if err := report.PostureOCSF(&b, slices.Values(list), time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), "1.2.3"); err != nil {
		t.Fatal(err)
	}
	schema := newOCSF(t)
	var statuses []string
	uids := map[any]bool{}
	for in := bufio.NewScanner(&b); in.Scan(); {
		var event map[string]any
		if err := json.Unmarshal(in.Bytes(), &event); err != nil {
			t.Fatal(err)
		}
		if err := schema.check("event", "events", "compliance_finding", event); err != nil {
			t.Error(err)
		}
		if event["class_uid"] != 2003.0 || event["type_uid"] != 200301.0 {
			t.Errorf("class %v, type %v", event["class_uid"], event["type_uid"])
		}
		compliance, _ := event["compliance"].(map[string]any)
		info, _ := event["finding_info"].(map[string]any)
		uids[info["uid"]] = true
		statuses = append(statuses, fmt.Sprint(compliance["status"], " ", event["status"]))
		if strings.Contains(in.Text(), "\\u001b") {
			t.Error("a control character gets through")
		}
		if standards, _ := compliance["standards"].([]any); len(standards) == 0 || len(statuses) == 1 && len(standards) != 2 {
			t.Errorf("standards %v", standards)
		}
	}
	if diff := cmp.Diff([]string{"Fail New", "Pass New", "Warning New", "Fail Suppressed", "Warning Suppressed", "Warning New"}, statuses); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	if len(uids) != len(list) {
		t.Errorf("%d findings have their own ID, want %d", len(uids), len(list))
	}
}

// TestPostureMarkdown: the state of an item is that of its worst result, and
// one without anything to judge does not pass.
func TestPostureMarkdown(t *testing.T) {
	t.Parallel()
	results := []report.Posture{
		{Title: "One", Resource: "/a", Result: "pass"},
		{Title: "One", Resource: "/b|c", Result: "fail", Reason: "x is <null>"},
		{Title: "Two", Resource: "/a", Result: "unknown"},
		{Title: "Two", Resource: "/a", Result: "pass"},
		{Title: "Three", Resource: "/a", Result: "pass"},
		{Title: "Four", Resource: "/a", Result: "suppressed"},
	}
	items := []*report.ItemCoverage{{Item: "1"}, {Item: "2"}, {Item: "3"}, {Item: "4"}, {Item: "5", Rules: []string{"r"}}, {Item: "6", Why: "manual", Because: "people know"}, {Item: "7", Why: "unread"}}
	for i, at := range []int{0, 0, 1, 1, 2, 3} {
		items[at].Add(&results[i])
	}
	var states []string
	for _, i := range items {
		states = append(states, i.State())
	}
	if diff := cmp.Diff([]string{"fail", "unknown", "pass", "aside", "nothing to judge", "manual", "not covered"}, states); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	var b strings.Builder
	if err := report.PostureMarkdown(&b, []report.FrameworkCoverage{{Name: "House_rules", Whole: true, Items: items}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`## House\_rules`, "7 items: 1 fail, 1 unknown, 1 pass, 1 aside, 1 nothing to judge, 1 manual, 1 not covered.",
		`| 1 | fail | 1 | 0 | 1 | 0 | One | b\|c: x is &lt;null> |`, "| 6 | manual | 0 | 0 | 0 | 0 |  | people know |",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("lacks %q:\n%s", want, b.String())
		}
	}
}
