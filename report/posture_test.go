package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"slices"
	"strings"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/report"
)

func TestPosture(t *testing.T) {
	t.Parallel()
	const id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/"
	list := []report.Posture{
		{Rule: "https", Title: "Secure <transfer>", Resource: id + "open", Result: "fail", Comparisons: []report.PostureComparison{{Field: "x", Path: "/properties/x", Value: []byte("false"), Operator: "equals", Expected: []byte("true"), Answer: azward.No}}, Frameworks: []string{"NS-1"}},
		{Rule: "https", Title: "Secure <transfer>", Resource: id + "closed", Result: "pass"},
		{Rule: "https", Title: "Secure <transfer>", Resource: id + "silent", Result: "unknown", Reason: "it was not read"},
		{Rule: "tag", Title: "=cmd()", Resource: id + "open", Result: "exempt", Reason: "exempted"},
	}
	var log, suite, sheet bytes.Buffer
	if err := report.PostureSARIF(&log, slices.Values(list), "1.2.3"); err != nil {
		t.Fatal(err)
	}
	validSARIF(t, log.Bytes())
	for want, n := range map[string]int{`"level": "error"`: 2, `"level": "warning"`: 1, `"suppressions"`: 1, `"shortDescription"`: 2} {
		if got := strings.Count(log.String(), want); got != n {
			t.Errorf("%s occurs %d times, want %d", want, got, n)
		}
	}
	if err := report.PostureJUnit(&suite, slices.Values(list)); err != nil {
		t.Fatal(err)
	}
	var counts struct {
		Suite struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
			Errors   int `xml:"errors,attr"`
			Skipped  int `xml:"skipped,attr"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(suite.Bytes(), &counts); err != nil {
		t.Fatal(err)
	}
	if s := counts.Suite; s.Tests != 4 || s.Failures != 1 || s.Errors != 1 || s.Skipped != 1 {
		t.Errorf("got %+v", s)
	}
	if err := report.PostureCSV(&sheet, slices.Values(list)); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&sheet).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 5 || rows[1][8] != "/properties/x" || strings.HasPrefix(rows[4][1], "=") {
		t.Errorf("got %q", rows)
	}
}
