package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/azward/azward"
)

// VerdictsJUnit writes the verdicts as a JUnit report, one test case each: a
// failure for what is exploitable, also on a condition, an error for what is
// unknown or stale, skipped for what is dismissed, and passed for the rest. The
// class is the workload, so that CI servers group by it.
//
// Source: https://github.com/testmoapp/junitxml and
// https://github.com/jenkinsci/xunit-plugin/blob/master/src/main/resources/org/jenkinsci/plugins/xunit/types/model/xsd/junit-10.xsd
func VerdictsJUnit(w io.Writer, verdicts []azward.Verdict) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	suites := xml.StartElement{Name: xml.Name{Local: "testsuites"}}
	suite := suiteOf(verdicts)
	err := e.EncodeToken(suites)
	if err == nil {
		err = e.EncodeToken(suite)
	}
	for i := 0; i < len(verdicts) && err == nil; i++ {
		err = e.EncodeElement(caseOf(verdicts[i]), xml.StartElement{Name: xml.Name{Local: "testcase"}})
	}
	for _, open := range []xml.StartElement{suite, suites} {
		if err == nil {
			err = e.EncodeToken(open.End())
		}
	}
	if err == nil {
		err = e.Close()
	}
	if err != nil {
		return fmt.Errorf("write JUnit report: %w", err)
	}
	_, err = io.WriteString(w, "\n")
	return err
}

// suiteOf counts before the first case is written.
func suiteOf(verdicts []azward.Verdict) xml.StartElement {
	var failures, errors, skipped int
	for _, v := range verdicts {
		switch c := caseOf(v); {
		case c.Failure != nil:
			failures++
		case c.Error != nil:
			errors++
		case c.Skipped != nil:
			skipped++
		}
	}
	attribute := func(name string, n int) xml.Attr {
		return xml.Attr{Name: xml.Name{Local: name}, Value: strconv.Itoa(n)}
	}
	return xml.StartElement{Name: xml.Name{Local: "testsuite"}, Attr: []xml.Attr{
		{Name: xml.Name{Local: "name"}, Value: "azward verdicts"},
		attribute("tests", len(verdicts)), attribute("failures", failures), attribute("errors", errors), attribute("skipped", skipped),
	}}
}

func caseOf(v azward.Verdict) junitCase {
	one := junitCase{
		Name:  clean(v.Vulnerability + " in " + packageOf(v) + " (" + string(v.ID) + ")"),
		Class: clean(string(v.Workload.Kind) + "." + strings.ReplaceAll(Place(v.Workload), ".", "_")),
	}
	message := &junitMessage{Message: clean(v.Summary), Type: string(v.Result), Text: clean(v.Image) + "\n" + clean(string(v.Workload.ID)) + "\nazward explain " + string(v.ID) + "\n"}
	switch {
	case v.Dismissed != nil:
		message.Type = "" // of failures and errors alone
		message.Message = clean(fmt.Sprintf("dismissed until %s: %s; %s", v.Dismissed.Until.UTC().Format(time.DateOnly), v.Dismissed.Reason, v.Summary))
		one.Skipped = message
	case v.Exploitable == azward.Yes:
		one.Failure = message
	case v.Exploitable == azward.Unknown || v.Stale:
		one.Error = message
	default:
		one.Out = clean(v.Summary)
	}
	return one
}
