package report

import (
	"encoding/xml"
	"fmt"
	"io"

	"github.com/azward/azward"
)

// Check is one question with the answer that was expected, such as a
// connectivity test.
type Check struct {
	Name     string // "internet to vm-web, tcp 22"
	Line     int    // of the file that holds the question, from 1
	Expect   string // "yes", "no", or "" where nothing was expected
	Answer   azward.Answer
	Summary  string            // one clause: what decided
	Resource azward.ResourceID // that decided; "" where none did alone
}

// met reports whether the answer is the expected one; a check that expects
// nothing is not judged.
func (c Check) met() bool { return c.Expect == "" || c.Answer.String() == c.Expect }

func (c Check) words() string {
	return fmt.Sprintf("%s: expected %s, and it is %s: %s", c.Name, c.Expect, c.Answer, c.Summary)
}

type (
	junitSuites struct {
		XMLName xml.Name   `xml:"testsuites"`
		Suite   junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		File    string        `xml:"file,attr,omitempty"`
		Line    int           `xml:"line,attr,omitempty"`
		Failure *junitMessage `xml:"failure,omitempty"`
		Error   *junitMessage `xml:"error,omitempty"`
		Skipped *junitMessage `xml:"skipped,omitempty"`
		Out     string        `xml:"system-out,omitempty"`
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes checks as a JUnit report, which CI servers show as tests. An
// answer that is the opposite of the expected one is a failure, an unknown one
// an error, since nothing is proven; a check that expects nothing is skipped.
// File is where the questions stand.
//
// Source: https://github.com/testmoapp/junitxml
func JUnit(w io.Writer, file string, checks []Check) error {
	suite := junitSuite{Name: "azward exposure check", Tests: len(checks)}
	for _, c := range checks {
		one := junitCase{Name: c.Name, Class: "exposure", File: file, Line: c.Line}
		message := &junitMessage{Message: c.words(), Text: string(c.Resource)}
		switch {
		case c.Expect == "":
			message.Message = "nothing is expected of it; it is " + c.Answer.String() + ": " + c.Summary
			one.Skipped, suite.Skipped = message, suite.Skipped+1
		case c.met():
			one.Out = c.Summary
		case c.Answer == azward.Unknown:
			one.Error, suite.Errors = message, suite.Errors+1
		default:
			one.Failure, suite.Failures = message, suite.Failures+1
		}
		suite.Cases = append(suite.Cases, one)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(junitSuites{Suite: suite}); err != nil {
		return fmt.Errorf("write JUnit report: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// checkRule is the SARIF rule of checks that are not met.
const checkRule = "exposure/expectation"

// ChecksSARIF writes the checks that are not met as a SARIF 2.1.0 log: an
// error where the answer is the opposite of the expected one, a warning where
// it is unknown. A result lies at the question, in file.
func ChecksSARIF(w io.Writer, file string, checks []Check, version string) error {
	run := sarifRun{
		Tool: sarifTool{Driver: sarifDriver{
			Name: "azward", Version: version, InformationURI: "https://github.com/azward/azward",
			Rules: []sarifRule{{ID: checkRule, ShortDescription: sarifMessage{"A flow is not answered as expected"}, Properties: map[string]any{"tags": []string{"security", "network"}}}},
		}},
		Results: []sarifResult{},
	}
	for _, c := range checks {
		if c.met() {
			continue
		}
		level := "error"
		if c.Answer == azward.Unknown {
			level = "warning"
		}
		one := sarifResult{
			RuleID: checkRule, Level: level, Message: sarifMessage{c.words()},
			Locations:           []sarifLocation{{PhysicalLocation: sarifPhysical{sarifArtifact{file}, sarifRegion{max(c.Line, 1)}}, LogicalLocations: []sarifLogical{}}},
			PartialFingerprints: map[string]string{"azwardCheck/v1": c.Name + " " + c.Expect},
			Properties:          map[string]any{"expect": c.Expect, "answer": c.Answer},
		}
		if c.Resource != "" {
			one.Locations[0].LogicalLocations = append(one.Locations[0].LogicalLocations, sarifLogical{c.Resource.Name(), string(c.Resource), "resource"})
		}
		run.Results = append(run.Results, one)
	}
	return JSON(w, sarifLog[sarifRun]{
		Schema:  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
		Version: "2.1.0", Runs: []sarifRun{run},
	})
}
