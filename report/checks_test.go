package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/report"
)

func checks() []report.Check {
	const group = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network/networkSecurityGroups/web"
	return []report.Check{
		{Name: "internet to vm-web, tcp 443", Line: 1, Expect: "yes", Answer: azward.Yes, Summary: "reached from any address"},
		{Name: "internet to vm-web, tcp 22", Line: 2, Expect: "no", Answer: azward.Yes, Summary: `allowed by rule "ssh" <&>` + "\x01", Resource: group},
		{Name: "internet to vm-db, tcp 1433", Line: 4, Expect: "no", Answer: azward.Unknown, Summary: "the security group was not read", Resource: group},
		{Name: "internet to vm-db, tcp 80", Line: 5, Answer: azward.No, Summary: "no way in"},
	}
}

func TestJUnit(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := report.JUnit(&out, "flows.ndjson", checks()); err != nil {
		t.Fatal(err)
	}
	var read struct {
		Suite struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
			Errors   int `xml:"errors,attr"`
			Skipped  int `xml:"skipped,attr"`
			Cases    []struct {
				Line    int `xml:"line,attr"`
				Failure *struct {
					Message string `xml:"message,attr"`
				} `xml:"failure"`
				Error   *struct{} `xml:"error"`
				Skipped *struct{} `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(out.Bytes(), &read); err != nil {
		t.Fatalf("%v in\n%s", err, out.String())
	}
	s := read.Suite
	if s.Tests != 4 || s.Failures != 1 || s.Errors != 1 || s.Skipped != 1 || len(s.Cases) != 4 {
		t.Fatalf("counts: %+v", s)
	}
	if f := s.Cases[1].Failure; f == nil || !strings.Contains(f.Message, `expected no, and it is yes: allowed by rule "ssh" <&>`) || s.Cases[1].Line != 2 {
		t.Errorf("failure: %+v", f)
	}
	if s.Cases[0].Failure != nil || s.Cases[2].Error == nil || s.Cases[3].Skipped == nil {
		t.Errorf("cases: %+v", s.Cases)
	}
}

func TestChecksSARIF(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := report.ChecksSARIF(&out, "flows.ndjson", checks(), "v1"); err != nil {
		t.Fatal(err)
	}
	var read struct {
		Runs []struct {
			Results []struct {
				Level     string
				Locations []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine int }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(out.Bytes(), &read); err != nil {
		t.Fatal(err)
	}
	results := read.Runs[0].Results
	if len(results) != 2 || results[0].Level != "error" || results[1].Level != "warning" {
		t.Fatalf("results: %+v", results)
	}
	if at := results[1].Locations[0].PhysicalLocation; at.ArtifactLocation.URI != "flows.ndjson" || at.Region.StartLine != 4 {
		t.Errorf("location: %+v", at)
	}
}
