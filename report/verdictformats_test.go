package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/azward/azward"
	"github.com/azward/azward/report"
)

func TestVerdictsCSV(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := report.VerdictsCSV(&b, ocsfVerdicts()); err != nil {
		t.Fatal(err)
	}
	golden(t, "verdicts.csv", b.Bytes())
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != len(ocsfVerdicts())+1 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	column := func(row []string, name string) string { return row[slices.Index(rows[0], name)] }
	if got := column(rows[2], "missing"); got != "Microsoft.Network/loadBalancers/read" {
		t.Errorf("missing: %q", got)
	}
	if got := column(rows[3], "blocked_by"); got != "reachable" {
		t.Errorf("blocked by: %q", got)
	}
	if got := column(rows[4], "dismissed_by") + " " + column(rows[4], "dismissed_until"); got != "erika@contoso.example 2026-12-20" {
		t.Errorf("dismissed: %q", got)
	}
}

// junitElement is what the xsd of Jenkins' xUnit plugin says of an element:
// which attributes it may and must have and which elements within it.
//
// Source: https://github.com/jenkinsci/xunit-plugin/blob/master/src/main/resources/org/jenkinsci/plugins/xunit/types/model/xsd/junit-10.xsd
type junitElement struct{ must, may, within []string }

var junitXSD = map[string]junitElement{
	"testsuites": {nil, []string{"name", "time", "tests", "failures", "errors"}, []string{"testsuite"}},
	"testsuite":  {[]string{"name", "tests", "failures", "errors"}, []string{"skipped", "time", "timestamp", "hostname", "id", "package"}, []string{"testcase", "properties", "system-out", "system-err"}},
	"testcase":   {[]string{"name", "classname"}, []string{"time", "group"}, []string{"skipped", "error", "failure", "system-out", "system-err"}},
	"failure":    {nil, []string{"message", "type"}, nil},
	"error":      {nil, []string{"message", "type"}, nil},
	"skipped":    {nil, []string{"message"}, nil},
	"system-out": {},
}

func TestVerdictsJUnit(t *testing.T) {
	t.Parallel()
	for name, list := range map[string][]azward.Verdict{"verdicts": ocsfVerdicts(), "none": nil} {
		var b bytes.Buffer
		if err := report.VerdictsJUnit(&b, list); err != nil {
			t.Fatal(err)
		}
		if name == "verdicts" {
			golden(t, "verdicts.junit.xml", b.Bytes())
			for _, want := range []string{`tests="8" failures="2" errors="4" skipped="1"`, `type="conditional"`, `dismissed until 2026-12-20: ticket 4711`} {
				if !strings.Contains(b.String(), want) {
					t.Errorf("the report has no %s", want)
				}
			}
		}
		validJUnit(t, &b)
	}
}

func validJUnit(t *testing.T, r io.Reader) {
	t.Helper()
	d, open := xml.NewDecoder(r), []string{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			rule, known := junitXSD[e.Name.Local]
			if len(open) > 0 && !slices.Contains(junitXSD[open[len(open)-1]].within, e.Name.Local) || !known {
				t.Errorf("%s in %v", e.Name.Local, open)
			}
			var have []string
			for _, a := range e.Attr {
				have = append(have, a.Name.Local)
				if !slices.Contains(rule.must, a.Name.Local) && !slices.Contains(rule.may, a.Name.Local) {
					t.Errorf("%s has an attribute %s", e.Name.Local, a.Name.Local)
				}
			}
			for _, must := range rule.must {
				if !slices.Contains(have, must) {
					t.Errorf("%s has no attribute %s", e.Name.Local, must)
				}
			}
			open = append(open, e.Name.Local)
		case xml.EndElement:
			open = open[:len(open)-1]
		}
	}
}

// TestHostileVerdicts: CSV, JUnit and OCSF stay whole whatever others named.
func TestHostileVerdicts(t *testing.T) {
	t.Parallel()
	hostile := "=cmd|' /C calc'!A0\x1b[2J\r\n\u202egnp\"]]>,<script>&\xff"
	v := verdicts()[0]
	v.Workload.Name, v.Image, v.Finding.PURL, v.Summary, v.Vulnerability = hostile, hostile, "pkg:npm/"+hostile+"@1", hostile, hostile
	v.Finding.Aliases, v.Finding.Summary, v.Finding.Vector, v.Finding.FixedIn = []string{hostile}, hostile, "CVSS:3.1/"+hostile, []string{hostile}
	v.Workload.ID, v.Priority.Reach = azward.ResourceID("/subscriptions/"+hostile), hostile
	v.Dismissed = &azward.Dismissal{By: hostile, Reason: hostile}
	list := []azward.Verdict{v, verdicts()[1]}
	var table, suite, events, log bytes.Buffer
	for _, err := range []error{report.VerdictsCSV(&table, list), report.VerdictsJUnit(&suite, list), report.OCSF(&events, list, ""), report.SARIF(&log, list, "")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, out := range map[string]string{"csv": table.String(), "junit": suite.String(), "ocsf": events.String(), "sarif": log.String()} {
		for _, bad := range []string{"\x1b", "\u202e", `\u001b`, `\u202e`} {
			if strings.Contains(out, bad) {
				t.Errorf("%s passes %q on", name, bad)
			}
		}
		if name != "csv" && name != "sarif" && strings.Contains(out, "<script>") { // a cell and a plain message show what they hold
			t.Errorf("%s passes a tag on", name)
		}
	}
	rows, err := csv.NewReader(&table).ReadAll()
	if err != nil || len(rows) != 3 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if strings.HasPrefix(cell, "=") {
				t.Errorf("a formula: %q", cell)
			}
		}
	}
	validJUnit(t, &suite)
	validSARIF(t, log.Bytes())
	if n := strings.Count(events.String(), "\n"); n != 2 {
		t.Errorf("%d lines for 2 verdicts", n)
	}
}

// TestSARIFDismissed: a dismissed verdict is there and suppressed.
func TestSARIFDismissed(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := report.SARIF(&b, ocsfVerdicts(), "1.2.3"); err != nil {
		t.Fatal(err)
	}
	validSARIF(t, b.Bytes())
	if n := strings.Count(b.String(), `"suppressions"`); n != 1 || !strings.Contains(b.String(), "dismissed until 2026-12-20: ticket 4711") {
		t.Errorf("%d suppressed", n)
	}
}

func validSARIF(t *testing.T, log []byte) {
	t.Helper()
	read := func(raw []byte) any {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		return doc
	}
	raw, err := os.ReadFile("testdata/schema/sarif-2.1.0.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("sarif.json", read(raw)); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(read(log)); err != nil {
		t.Error(err)
	}
}
