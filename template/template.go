// Package template expands Resource Manager templates: the resources that a
// deployment would create, as an estate that policies and rules are evaluated
// on before anything exists. [Expand] is the call that most readers need.
//
// Values that are known when it is deployed alone (reference(), list*(), a
// parameter without a value) stay unknown wherever they lead. What cannot be
// followed is a gap.
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/syntax
package template

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/policy/azurepolicy"
)

// File is a file with its name as the user gave it.
type File struct {
	Name    string
	Content []byte
}

// Options say where and with what a template is deployed. Without a field,
// what depends on it is unknown.
type Options struct {
	// Parameters are parameter files; a later one wins.
	Parameters []File
	// Files holds the templates that are linked by relative path; Path is
	// where in it the template lies.
	Files fs.FS
	Path  string

	Subscription    azward.SubscriptionID
	ResourceGroup   string
	ManagementGroup string
	// Location of the resource group, or of the deployment.
	Location string
	// At is what utcNow() gives.
	At time.Time
}

// Resource is a resource that the template would create, and where it stands.
type Resource struct {
	ID   azward.ResourceID
	File string
	Line int
	// Maybe: nobody knows its condition before it is deployed.
	Maybe bool

	at *entry
}

// Result is what a deployment would create.
type Result struct {
	Estate    *estate.Estate
	Resources []Resource // in the order of the template
	// Gaps are what could not be followed, by file and line.
	Gaps []azward.Gap

	byKey map[azward.ResourceKey]*entry
}

// Bounds of an expansion.
const (
	maxResources   = 50_000    // Azure takes 800 in one template, and 800 copies
	maxCopies      = 800       // of one loop, as Azure
	maxDeployments = 2_000     // nested ones, in all
	maxNested      = 16        // deployments within deployments
	maxValues      = 2_000_000 // values that are made
)

// Expand computes what a deployment of the template would create.
func Expand(of File, o Options) (*Result, error) {
	bad := func(line int, cause, remedy string) error {
		subject := of.Name
		if line > 0 {
			subject = fmt.Sprintf("%s:%d", of.Name, line)
		}
		return &azward.Error{Kind: azward.KindBadInput, Op: "read template", Subject: subject, Cause: cause, Remedy: remedy}
	}
	if strings.EqualFold(path.Ext(of.Name), ".bicep") || looksBicep(of.Content) {
		return nil, bad(0, "it is Bicep, which azward does not compile", "compile it first: az bicep build --file "+path.Base(of.Name))
	}
	root, twice, err := parseDocument(of.Content)
	if err != nil {
		line, cause := 1, err.Error()
		if d, ok := errors.AsType[*documentError](err); ok {
			line, cause = d.line, d.cause
		}
		return nil, bad(line, cause, "check the file; azward reads templates as JSON with comments")
	}
	level, ok := levelOf(root.member("$schema").literal())
	switch {
	case root.kind != isObject || !ok:
		remedy := "give a file whose $schema is one of https://schema.management.azure.com/schemas/…/…deploymentTemplate.json"
		if strings.Contains(strings.ToLower(root.member("$schema").literal()), "parameters.json") {
			remedy = "give it with --parameters, and the template with --template"
		}
		return nil, bad(1, "it is no Resource Manager template", remedy)
	case root.member("resources") == nil:
		return nil, bad(1, "it has no resources", "give a whole template")
	}
	x := &expander{o: o, parsed: map[*node]parsedText{}, told: map[*node]bool{}, byKey: map[azward.ResourceKey]*entry{}, rootFile: of.Name}
	f := x.frame(of.Name, path.Clean(o.Path), root, x.target(level))
	for _, t := range twice {
		x.gapAt(of.Name, t.line, "", t.cause, azward.GapUnparsed)
	}
	given, err := readParameters(o.Parameters)
	if err != nil {
		return nil, err
	}
	if err := f.bindRoot(given); err != nil {
		return nil, err
	}
	f.all(root.member("resources"), nil)
	if x.stop != nil {
		return nil, x.stop
	}
	return x.result()
}

// looksBicep recognizes Bicep in a file of another name.
func looksBicep(content []byte) bool {
	s := strings.TrimLeft(string(content[:min(len(content), 4096)]), " \t\r\n\ufeff")
	for _, word := range []string{"param ", "resource ", "targetScope", "module ", "var ", "@description(", "using '"} {
		if strings.HasPrefix(s, word) {
			return true
		}
	}
	return false
}

// level of a deployment.
type level uint8

const (
	inGroup level = iota
	inSubscription
	inManagementGroup
	inTenant
)

// levelOf reads the level out of a template's schema.
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/syntax#template-format
func levelOf(schema string) (level, bool) {
	low := strings.ToLower(strings.TrimSuffix(schema, "#"))
	for _, s := range []struct {
		end string
		is  level
	}{
		{"subscriptiondeploymenttemplate.json", inSubscription},
		{"managementgroupdeploymenttemplate.json", inManagementGroup},
		{"tenantdeploymenttemplate.json", inTenant},
		{"deploymenttemplate.json", inGroup},
	} {
		if strings.HasSuffix(low, s.end) {
			return s.is, true
		}
	}
	return inGroup, false
}

// IsTemplate reports whether a file that begins like this is a template.
func IsTemplate(head []byte) bool {
	s := string(head[:min(len(head), 4096)])
	return strings.Contains(s, "eploymentTemplate.json")
}

// target is what a deployment deploys to.
type target struct {
	level        level
	subscription string
	group        string
	management   string
	location     azurepolicy.Value
}

func (x *expander) target(of level) target {
	t := target{level: of, subscription: string(x.o.Subscription), group: x.o.ResourceGroup, management: x.o.ManagementGroup}
	if t.subscription == "" {
		t.subscription = estate.LaterName
	}
	if t.group == "" {
		t.group = estate.LaterName
	}
	if t.management == "" {
		t.management = estate.LaterName
	}
	t.location = azurepolicy.TextValue(estate.LaterName + "-location")
	if x.o.Location != "" {
		t.location = azurepolicy.TextValue(x.o.Location)
	}
	return t
}

func (t target) subscriptionID() string { return "/subscriptions/" + t.subscription }
func (t target) groupID() string        { return t.subscriptionID() + "/resourceGroups/" + t.group }
func (t target) managementID() string {
	return "/providers/Microsoft.Management/managementGroups/" + t.management
}

// scope is what IDs of resources at the target begin with.
func (t target) scope() string {
	switch t.level {
	case inGroup:
		return t.groupID()
	case inSubscription:
		return t.subscriptionID()
	case inManagementGroup:
		return t.managementID()
	default:
		return ""
	}
}

// Line tells where a property of a resource stands, or the nearest thing above
// it that the template has.
func (r *Result) Line(id azward.ResourceID, pointer string) (file string, line int, ok bool) {
	e := r.byKey[id.Key()]
	for up := id; e == nil && up != ""; { // a part of a resource that stands in its body
		if up = up.Parent(); up != "" {
			e, pointer = r.byKey[up.Key()], ""
		}
	}
	if e == nil {
		return "", 0, false
	}
	file, line = e.line(pointer)
	return file, line, true
}

// sortGaps orders by file and line.
func sortGaps(gaps []azward.Gap) {
	split := func(g azward.Gap) (string, int) {
		at := strings.LastIndexByte(string(g.Scope), ':')
		line, err := strconv.Atoi(string(g.Scope)[at+1:])
		if at < 0 || err != nil {
			return string(g.Scope), 0
		}
		return string(g.Scope)[:at], line
	}
	slices.SortStableFunc(gaps, func(a, b azward.Gap) int {
		file, line := split(a)
		other, otherLine := split(b)
		return cmp.Or(strings.Compare(file, other), line-otherLine)
	})
}
