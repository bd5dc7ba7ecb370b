package report

import (
	"bufio"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/azward/azward"
)

// Posture is what one policy or rule says of one resource.
type Posture struct {
	// Engine tells whose it is: "azward" for rules, "azurePolicy" for policies.
	Engine   string          `json:"engine,omitempty"`
	Rule     string          `json:"rule"`
	Title    string          `json:"title"`
	Severity azward.Severity `json:"severity,omitempty"`
	Category string          `json:"category,omitempty"`
	Effect   string          `json:"effect,omitempty"`
	// Resource that is judged; the subscription, or "/" for the tenant, of a
	// rule about what must exist.
	Resource   azward.ResourceID `json:"resource"`
	Type       string            `json:"type"`
	Result     string            `json:"result"` // pass, fail, unknown, exempt, suppressed
	Reason     string            `json:"reason,omitempty"`
	Evidence   []azward.Evidence `json:"evidence"`
	Gaps       []azward.Gap      `json:"gaps,omitempty"`
	Frameworks []string          `json:"frameworks"`
	Assignment azward.ResourceID `json:"assignment,omitempty"`
	// Comparisons are those that decided, the most telling first.
	Comparisons []PostureComparison `json:"comparisons"`
	// File and Line are where the template or plan that would create the
	// resource sets what decided; "" for what exists.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// Rank is what places a result among those of its severity.
	Rank   PostureRank   `json:"rank,omitzero"`
	Remedy PostureRemedy `json:"remedy,omitzero"`
	// Source is where the rule's subject is documented.
	Source string `json:"source,omitempty"`
	// Suppressed is somebody's decision to leave it; its result would be Was.
	Suppressed *PostureSuppression `json:"suppressed,omitempty"`
}

// PostureRank says how urgent a result is among those of its severity.
type PostureRank struct {
	// Exposed is whether the internet reaches the resource, Class how far the
	// farthest source is away that does ("internet-any"); "" where nobody asked.
	Exposed azward.Answer `json:"exposed"`
	Class   string        `json:"class,omitempty"`
	// Blast ranks what follows when the resource is taken over, 0 to 4.
	Blast int `json:"blast,omitempty"`
	// Reasons in the order in which they count.
	Reasons []string `json:"reasons,omitempty"`
}

// PostureRemedy says how to set it right, in three languages.
type PostureRemedy struct {
	CLI       string `json:"cli,omitempty"`
	Bicep     string `json:"bicep,omitempty"`
	Terraform string `json:"terraform,omitempty"`
}

// PostureSuppression is a suppression as code that holds.
type PostureSuppression struct {
	Was     string    `json:"was"`
	Reason  string    `json:"reason"`
	By      string    `json:"by"`
	Expires time.Time `json:"expires"`
	// At is the file and line.
	At string `json:"at"`
}

// PostureComparison is a comparison that decided, or could not be made. One
// with a path has its evidence beside it.
type PostureComparison struct {
	Field    string          `json:"field"`
	Path     string          `json:"path,omitempty"`
	Value    json.RawMessage `json:"value"`
	Operator string          `json:"operator"`
	Expected json.RawMessage `json:"expected"`
	Answer   azward.Answer   `json:"answer"`
	Reason   string          `json:"reason,omitempty"`
}

// exposed is "" where nobody asked.
func (p Posture) exposed() string {
	if len(p.Rank.Reasons) == 0 {
		return ""
	}
	return p.Rank.Exposed.String()
}

func (p Posture) suppression() string {
	if p.Suppressed == nil {
		return ""
	}
	return p.Suppressed.Reason
}

// words says the result in one clause.
func (p Posture) words() string {
	s := p.Title + ": " + p.Result
	if p.Reason != "" {
		s += ": " + p.Reason
	} else if len(p.Comparisons) > 0 {
		c := p.Comparisons[0]
		s += fmt.Sprintf(": %s is %s (%s %s: %s)", c.Field, c.Value, c.Operator, c.Expected, c.Answer)
	}
	return plain(s)
}

// PostureSARIF writes what fails as errors and what is unknown as warnings, in
// a SARIF 2.1.0 log; what is exempt or suppressed is a suppressed error. No
// more than one result is held: the rules, which are known when all results
// are, stand behind them.
func PostureSARIF(w io.Writer, results iter.Seq[Posture], version string) error {
	out := bufio.NewWriter(w)
	tool := sarifTool{Driver: sarifDriver{
		Name: "azward", Version: version, InformationURI: "https://github.com/azward/azward", Rules: []sarifRule{},
	}}
	ruleAt := map[string]int{}
	lead := `{"$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
"version": "2.1.0", "runs": [{"results": [`
	for p := range results {
		if p.Result == "pass" {
			continue
		}
		at, ok := ruleAt[p.Rule]
		if !ok {
			at = len(tool.Driver.Rules)
			ruleAt[p.Rule] = at
			tool.Driver.Rules = append(tool.Driver.Rules, sarifRule{
				ID: clean(p.Rule), ShortDescription: sarifMessage{plain(p.Title)},
				Properties: map[string]any{"tags": []string{"security", "policy"}, "category": clean(p.Category), "severity": clean(string(p.Severity))},
			})
		}
		if _, err := out.WriteString(lead + "\n"); err != nil {
			return err
		}
		if err := JSON(out, p.sarif(at)); err != nil {
			return err
		}
		lead = ","
	}
	if len(tool.Driver.Rules) == 0 {
		if _, err := out.WriteString(lead); err != nil {
			return err
		}
	}
	if _, err := out.WriteString("],\n\"tool\": "); err != nil {
		return err
	}
	if err := JSON(out, tool); err != nil {
		return err
	}
	if _, err := out.WriteString("}]}\n"); err != nil {
		return err
	}
	return out.Flush()
}

func (p Posture) sarif(rule int) sarifFound {
	level := "error"
	if p.Result == "unknown" {
		level = "warning"
	}
	at := url.URL{Path: strings.TrimPrefix(clean(string(p.Resource)), "/")}
	line := 1
	if p.File != "" {
		at, line = url.URL{Path: clean(filepath.ToSlash(p.File))}, max(1, p.Line)
	}
	r := sarifFound{sarifResult: sarifResult{
		RuleID: clean(p.Rule), RuleIndex: rule, Level: level, Message: sarifMessage{p.words()},
		Locations: []sarifLocation{{
			PhysicalLocation: sarifPhysical{sarifArtifact{at.String()}, sarifRegion{line}},
			LogicalLocations: []sarifLogical{{clean(p.Resource.Name()), clean(string(p.Resource)), "resource"}},
		}},
		PartialFingerprints: map[string]string{"azwardPolicy/v1": strings.Join([]string{p.Rule, string(p.Resource.Key()), string(p.Assignment.Key())}, " ")},
		Properties:          map[string]any{"result": p.Result, "effect": p.Effect, "frameworks": p.Frameworks, "exposed": p.Rank.Exposed.String()},
	}}
	switch {
	case p.Result == "exempt":
		r.Suppressions = []sarifSuppression{{"external", "accepted", plain(p.Reason)}}
	case p.Suppressed != nil:
		r.Suppressions = []sarifSuppression{{"external", "accepted", plain(p.Suppressed.Reason + " (" + p.Suppressed.By + ")")}}
	}
	return r
}

// PostureJUnit writes one test case for each result: what fails is a failure,
// what is unknown an error, since nothing is proven, and what is exempt or
// suppressed is skipped. The results are gone through twice: how many there are
// stands before them.
func PostureJUnit(w io.Writer, results iter.Seq[Posture]) error {
	counts, all := map[string]int{}, 0
	for p := range results {
		counts[p.Result]++
		all++
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	suites := xml.StartElement{Name: xml.Name{Local: "testsuites"}}
	suite := xml.StartElement{Name: xml.Name{Local: "testsuite"}}
	for _, a := range []struct{ name, value string }{
		{"name", "azward policy check"},
		{"tests", strconv.Itoa(all)},
		{"failures", strconv.Itoa(counts["fail"])},
		{"errors", strconv.Itoa(counts["unknown"])},
		{"skipped", strconv.Itoa(counts["exempt"] + counts["suppressed"])},
	} {
		suite.Attr = append(suite.Attr, xml.Attr{Name: xml.Name{Local: a.name}, Value: a.value})
	}
	err := errors.Join(e.EncodeToken(suites), e.EncodeToken(suite))
	for p := range results {
		if err != nil {
			break
		}
		err = e.EncodeElement(p.junit(), xml.StartElement{Name: xml.Name{Local: "testcase"}})
	}
	if err = errors.Join(err, e.EncodeToken(suite.End()), e.EncodeToken(suites.End()), e.Close()); err != nil {
		return fmt.Errorf("write JUnit report: %w", err)
	}
	_, err = io.WriteString(w, "\n")
	return err
}

func (p Posture) junit() junitCase {
	one := junitCase{Name: plain(p.Title) + " " + clean(string(p.Resource)), Class: clean(p.Rule)}
	if p.File != "" {
		one.File, one.Line = clean(p.File), p.Line
	}
	message := &junitMessage{Message: p.words(), Type: p.Result, Text: clean(string(p.Resource))}
	switch p.Result {
	case "fail":
		one.Failure = message
	case "unknown":
		one.Error = message
	case "exempt", "suppressed":
		one.Skipped = message
	}
	return one
}

// lineText is a line, "" for none.
func lineText(line int) string {
	if line == 0 {
		return ""
	}
	return strconv.Itoa(line)
}

// PostureCSV writes one row for each result. New columns come at the end.
func PostureCSV(w io.Writer, results iter.Seq[Posture]) error {
	t := newCSV(w, []string{"rule", "title", "category", "effect", "result", "resource", "type", "subscription", "property", "value", "reason", "frameworks", "assignment", "severity", "exposed", "blast", "suppressed", "engine", "file", "line"})
	for p := range results {
		property, found := "", ""
		if len(p.Comparisons) > 0 {
			property, found = p.Comparisons[0].Path, string(p.Comparisons[0].Value)
		}
		t.row(
			p.Rule, p.Title, p.Category, p.Effect, p.Result, string(p.Resource), p.Type, string(p.Resource.Subscription()), property, found, p.Reason,
			strings.Join(p.Frameworks, " "), string(p.Assignment), string(p.Severity), p.exposed(), strconv.Itoa(p.Rank.Blast), p.suppression(), p.Engine, p.File, lineText(p.Line),
		)
	}
	return t.end()
}
