package report_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/report"
)

// definition is an event class, an object or a profile of OCSF.
type definition struct {
	Extends     string                     `json:"extends"`
	UID         int                        `json:"uid"`
	Attributes  map[string]json.RawMessage `json:"attributes"`
	Constraints map[string][]string        `json:"constraints"`
}

// attribute is one of a definition, or of the dictionary.
type attribute struct {
	Requirement string                     `json:"requirement"`
	Type        string                     `json:"type"`
	Array       bool                       `json:"is_array"`
	Enum        map[string]json.RawMessage `json:"enum"`
	Deprecated  json.RawMessage            `json:"@deprecated"`
}

// ocsf holds documents against OCSF's definitions: every attribute is known to
// its class or object and has the dictionary's type, the required ones are
// there, enumerated numbers are enumerated, constraints hold, and nothing is
// deprecated.
type ocsf struct {
	t          *testing.T
	dictionary map[string]attribute
}

func newOCSF(t *testing.T) ocsf {
	t.Helper()
	var d struct {
		Attributes map[string]attribute `json:"attributes"`
	}
	readDefinition(t, "dictionary", &d)
	return ocsf{t, d.Attributes}
}

func readDefinition(t *testing.T, name string, into any) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata/schema/ocsf", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// known are the attributes of a definition with those that it inherits; what
// comes later says it more exactly.
func (o ocsf) known(folder, name string, into map[string]attribute, limits map[string][]string) {
	o.t.Helper()
	var d definition
	readDefinition(o.t, folder+"/"+name, &d)
	if d.Extends != "" {
		o.known(folder, d.Extends, into, limits)
	}
	for attr, raw := range d.Attributes {
		var a attribute
		if json.Unmarshal(raw, &a) != nil {
			continue // "$include" names files of profiles; those in use are added by name
		}
		all := into[attr]
		if a.Requirement != "" {
			all.Requirement = a.Requirement
		}
		if all.Enum == nil {
			all.Enum = map[string]json.RawMessage{}
		}
		for value, meaning := range a.Enum {
			all.Enum[value] = meaning
		}
		all.Deprecated = a.Deprecated
		into[attr] = all
	}
	for kind, names := range d.Constraints {
		limits[kind] = names
	}
}

func (o ocsf) check(path, folder, name string, doc map[string]any) error {
	known, limits := map[string]attribute{}, map[string][]string{}
	if folder == "events" {
		o.known("profiles", "cloud", known, limits)
	}
	o.known(folder, name, known, limits)
	var errs []error
	for attr, a := range known {
		if _, there := doc[attr]; a.Requirement == "required" && !there {
			errs = append(errs, fmt.Errorf("%s: %s is required", path, attr))
		}
	}
	for attr, value := range doc {
		a, ok := known[attr]
		if !ok || a.Deprecated != nil {
			errs = append(errs, fmt.Errorf("%s: %s is no attribute of %s, or deprecated", path, attr, name))
			continue
		}
		errs = append(errs, o.value(path+"."+attr, attr, a, value))
	}
	for kind, names := range limits {
		there := 0
		for _, n := range names {
			if _, ok := doc[n]; ok {
				there++
			}
		}
		if there == 0 || kind == "just_one" && there != 1 {
			errs = append(errs, fmt.Errorf("%s: %d of %v, by %s", path, there, names, kind))
		}
	}
	return errors.Join(errs...)
}

func (o ocsf) value(path, attr string, a attribute, value any) error {
	word, ok := o.dictionary[attr]
	if !ok {
		return fmt.Errorf("%s is not in the dictionary", path)
	}
	values := []any{value}
	if list, isList := value.([]any); isList != word.Array {
		return fmt.Errorf("%s: array %v, want %v", path, isList, word.Array)
	} else if isList {
		values = list
	}
	for _, v := range values {
		fits := false
		switch x := v.(type) {
		case string:
			fits = slices.Contains([]string{"string_t", "url_t", "resource_uid_t"}, word.Type)
		case bool:
			fits = word.Type == "boolean_t"
		case float64:
			whole := x == math.Trunc(x)
			fits = word.Type == "float_t" || whole && slices.Contains([]string{"integer_t", "long_t", "timestamp_t"}, word.Type)
			enum := map[string]bool{}
			for name := range word.Enum {
				enum[name] = true
			}
			for name := range a.Enum {
				enum[name] = true
			}
			// The class's own numbers are made by OCSF's compiler of its uid.
			if len(enum) > 0 && !enum[fmt.Sprint(x)] && !strings.HasSuffix(attr, "_uid") {
				return fmt.Errorf("%s: %v is not among its values", path, x)
			}
		case map[string]any:
			if word.Type == "object" {
				continue // unmapped: anything
			}
			if err := o.check(path, "objects", word.Type, x); err != nil {
				return err
			}
			fits = true
		}
		if !fits {
			return fmt.Errorf("%s: %v is no %s", path, v, word.Type)
		}
	}
	return nil
}

// ocsfVerdicts are the usual ones, and what is odd.
func ocsfVerdicts() []azward.Verdict {
	all := verdicts()
	dismissed := all[0]
	dismissed.Dismissed = &azward.Dismissal{By: "erika@contoso.example", Reason: "ticket 4711", At: dismissed.DecidedAt, Until: dismissed.DecidedAt.AddDate(0, 1, 0)}
	dismissed.Finding.Vector, dismissed.Finding.EPSSPercentile = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 1
	advisory := all[1]
	advisory.Vulnerability, advisory.Finding.PURL, advisory.Finding.Severity, advisory.Finding.FixedIn = "GHSA-jfh8-c2jp-5v3q", "", "", nil
	conditional := all[0]
	conditional.Result, conditional.Prerequisites = azward.Conditional, []azward.Prerequisite{azward.TenantSignIn}
	conditional.Finding.Vector = "AV:N/AC:L/Au:N/C:C/I:C/A:C"
	stale := all[2]
	stale.Stale, stale.Confidence, stale.Finding.Severity = true, azward.ConfidenceMedium, azward.SeverityLow
	return append(all, dismissed, advisory, conditional, stale, azward.Verdict{})
}

func TestOCSF(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := report.OCSF(&b, ocsfVerdicts(), "1.2.3"); err != nil {
		t.Fatal(err)
	}
	golden(t, "verdicts.ocsf.ndjson", b.Bytes())
	first, _, _ := bytes.Cut(b.Bytes(), []byte("\n"))
	schema, lines := newOCSF(t), 0
	for in := bufio.NewScanner(&b); in.Scan(); lines++ {
		var event map[string]any
		if err := json.Unmarshal(in.Bytes(), &event); err != nil {
			t.Fatal(err)
		}
		if err := schema.check("event", "events", "vulnerability_finding", event); err != nil {
			t.Errorf("line %d: %v", lines+1, err)
		}
		var class definition
		readDefinition(t, "events/vulnerability_finding", &class)
		// The schema's compiler numbers classes by category, and types by class and activity.
		uid := float64(2000 + class.UID)
		if activity, ok := event["activity_id"].(float64); !ok || event["class_uid"] != uid || event["type_uid"] != uid*100+activity {
			t.Errorf("line %d: class %v, type %v", lines+1, event["class_uid"], event["type_uid"])
		}
	}
	for name, spoil := range map[string]func(map[string]any){
		"missing": func(e map[string]any) { delete(e, "metadata") },
		"unknown": func(e map[string]any) { e["verdict_uid"] = "v-1" },
		"enum":    func(e map[string]any) { e["severity_id"] = 42.0 },
		"type":    func(e map[string]any) { e["message"] = true },
		"just_one": func(e map[string]any) {
			e["vulnerabilities"] = []any{map[string]any{"title": "neither CVE nor advisory"}}
		},
		"no_object": func(e map[string]any) { e["finding_info"] = map[string]any{} },
	} {
		var event map[string]any
		if err := json.Unmarshal(first, &event); err != nil {
			t.Fatal(err)
		}
		if spoil(event); schema.check("event", "events", "vulnerability_finding", event) == nil {
			t.Errorf("%s: the check lets it pass", name)
		}
	}
	if lines != len(ocsfVerdicts()) {
		t.Errorf("%d lines for %d verdicts", lines, len(ocsfVerdicts()))
	}
}
