package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/azward/azward"
)

// Bounds of rule files.
const (
	maxFile      = 4 << 20 // bytes; the largest of ours has some 100 KB
	maxFiles     = 2000
	maxRules     = 20_000
	maxYAMLDepth = 64      // levels
	maxYAMLNodes = 500_000 // keys and values of one file
	maxText      = 16 << 10
)

// Load reads every .yaml and .yml file of a folder and compiles its rules.
// What is not understood becomes a [Problem] and is not evaluated; the others
// are. An error means that the folder cannot be read.
func Load(folder fs.FS) ([]*Rule, []Problem, error) {
	var rules []*Rule
	var problems []Problem
	seen := map[string]*Rule{}
	files := 0
	err := fs.WalkDir(folder, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !slices.Contains([]string{".yaml", ".yml"}, path.Ext(name)) {
			return err
		}
		if files++; files > maxFiles {
			return fmt.Errorf("there are more than %d files", maxFiles)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Size() > maxFile {
			problems = append(problems, Problem{File: name, Line: 1, Why: fmt.Sprintf("the file is larger than %d bytes", maxFile)})
			return nil
		}
		text, err := fs.ReadFile(folder, name)
		if err != nil {
			return err
		}
		found, bad := Parse(name, text)
		problems = append(problems, bad...)
		for _, r := range found {
			if other := seen[r.ID]; other != nil {
				problems = append(problems, Problem{name, r.Line, r.ID, fmt.Sprintf("its ID is that of the rule at %s:%d", other.File, other.Line)})
				continue
			}
			seen[r.ID] = r
			rules = append(rules, r)
		}
		if len(rules) > maxRules {
			return fmt.Errorf("there are more than %d rules", maxRules)
		}
		return nil
	})
	if err != nil {
		return nil, nil, &azward.Error{Kind: azward.KindUsage, Op: "read rules", Cause: err.Error(), Remedy: "name a folder of YAML files; docs/rules.md shows one", Err: err}
	}
	return rules, problems, nil
}

// Parse reads the rules of one file.
func Parse(name string, text []byte) ([]*Rule, []Problem) {
	if len(text) > maxFile {
		return nil, []Problem{{File: name, Line: 1, Why: fmt.Sprintf("the file is larger than %d bytes", maxFile)}}
	}
	l := &loader{file: name}
	root, err := l.document(text)
	if err != nil {
		return nil, []Problem{{File: name, Line: max(1, l.line), Why: err.Error()}}
	}
	list := l.ruleList(root)
	var rules []*Rule
	for _, node := range list {
		r := &Rule{File: name, Line: node.Line}
		before := len(l.problems)
		l.rule(node, r)
		for i := before; i < len(l.problems); i++ {
			l.problems[i].Rule = r.ID
		}
		if len(l.problems) == before {
			rules = append(rules, r)
		}
	}
	return rules, l.problems
}

type loader struct {
	file     string
	line     int // of an error of the whole file
	nodes    int
	problems []Problem
}

func (l *loader) bad(n *yaml.Node, format string, args ...any) {
	l.problems = append(l.problems, Problem{File: l.file, Line: n.Line, Why: fmt.Sprintf(format, args...)})
}

// document parses the file and refuses what makes YAML dangerous: anchors and
// aliases, which can grow a file without bound, keys that stand twice, and
// nesting without end.
func (l *loader) document(text []byte) (*yaml.Node, error) {
	d := yaml.NewDecoder(strings.NewReader(string(text)))
	var root yaml.Node
	if err := d.Decode(&root); err != nil {
		return nil, fmt.Errorf("it is no YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var more yaml.Node
	if err := d.Decode(&more); err == nil {
		l.line = more.Line
		return nil, errors.New("a file holds one document")
	}
	if err := l.check(&root, 0); err != nil {
		return nil, err
	}
	if root.Kind != yaml.DocumentNode || len(root.Content) != 1 {
		return nil, errors.New("it is empty")
	}
	return root.Content[0], nil
}

func (l *loader) check(n *yaml.Node, depth int) error {
	l.line = n.Line
	if l.nodes++; l.nodes > maxYAMLNodes {
		return fmt.Errorf("it holds more than %d keys and values", maxYAMLNodes)
	}
	switch {
	case depth > maxYAMLDepth:
		return fmt.Errorf("it nests deeper than %d levels", maxYAMLDepth)
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return errors.New("anchors and aliases are not allowed")
	case n.Tag == "!!merge":
		return errors.New("merge keys are not allowed")
	}
	if n.Kind == yaml.MappingNode {
		seen := map[string]bool{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode {
				l.line = key.Line
				return errors.New("a key is a plain text")
			}
			if seen[key.Value] {
				l.line = key.Line
				return fmt.Errorf("the key %.60q stands twice", key.Value)
			}
			seen[key.Value] = true
		}
	}
	for _, part := range n.Content {
		if err := l.check(part, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// ruleList finds the rules: the list under the key rules.
func (l *loader) ruleList(root *yaml.Node) []*yaml.Node {
	if root.Kind != yaml.MappingNode {
		l.bad(root, "the file is a mapping with the key rules")
		return nil
	}
	var list []*yaml.Node
	for key, v := range members(root) {
		switch {
		case key.Value != "rules":
			l.bad(key, "the key %.60q is not known; the file has the key rules alone", key.Value)
		case v.Kind != yaml.SequenceNode:
			l.bad(v, "rules is a list")
		default:
			list = v.Content
		}
	}
	return list
}

func members(n *yaml.Node) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], n.Content[i+1]) {
				return
			}
		}
	}
}

// rule reads and compiles one rule.
func (l *loader) rule(n *yaml.Node, r *Rule) {
	if n.Kind != yaml.MappingNode {
		l.bad(n, "a rule is a mapping")
		return
	}
	at := map[string]*yaml.Node{}
	for key, v := range members(n) {
		at[key.Value] = v
		l.field(key, v, r)
	}
	if len(l.problems) == 0 || l.problems[len(l.problems)-1].Line < n.Line {
		l.complete(n, r)
	}
	for _, c := range []struct {
		key    string
		source string
		to     **program
	}{{"applies", r.Applies, &r.applies}, {"passes_when", "", &r.test}, {"fails_when", "", &r.test}, {"unknown_when", r.UnknownWhen, &r.open}} {
		v := at[c.key]
		if v == nil {
			continue
		}
		p, err := compileCondition(v.Value)
		if err != nil {
			l.bad(v, "%s: %s", c.key, err)
			continue
		}
		*c.to = p
	}
}

func (l *loader) field(key, v *yaml.Node, r *Rule) {
	texts := map[string]*string{
		"id": &r.ID, "title": &r.Title, "category": &r.Category, "rationale": &r.Rationale, "scope": &r.Scope,
		"applies": &r.Applies, "unknown_when": &r.UnknownWhen, "source": &r.Source, "passes_when": &r.Test,
	}
	lists := map[string]*[]string{"types": &r.Types, "frameworks": &r.Frameworks, "reads": &r.Reads}
	if to := texts[key.Value]; to != nil {
		*to = l.text(key, v)
		return
	}
	if to := lists[key.Value]; to != nil {
		*to = l.texts(key, v)
		return
	}
	switch key.Value {
	case "severity":
		r.Severity = azward.Severity(l.text(key, v))
	case "fails_when":
		if r.Test != "" {
			l.bad(key, "a rule has passes_when or fails_when")
		}
		r.Test, r.Fails = l.text(key, v), true
	case "remedy":
		l.remedy(v, &r.Remedy)
	case "cases":
		l.cases(v, r)
	default:
		l.bad(key, "the key %.60q is not known", key.Value)
	}
}

func (l *loader) text(key, v *yaml.Node) string {
	if v.Kind != yaml.ScalarNode || v.Tag == "!!null" {
		l.bad(key, "%s is a text", key.Value)
		return ""
	}
	if len(v.Value) > maxText {
		l.bad(key, "%s is longer than %d bytes", key.Value, maxText)
		return ""
	}
	return strings.TrimSpace(v.Value)
}

func (l *loader) texts(key, v *yaml.Node) []string {
	if v.Kind != yaml.SequenceNode {
		l.bad(key, "%s is a list of texts", key.Value)
		return nil
	}
	out := make([]string, 0, len(v.Content))
	for _, one := range v.Content {
		out = append(out, l.text(key, one))
	}
	return out
}

func (l *loader) remedy(n *yaml.Node, to *Remedy) {
	if n.Kind != yaml.MappingNode {
		l.bad(n, "remedy has the keys cli, bicep and terraform")
		return
	}
	for key, v := range members(n) {
		switch key.Value {
		case "cli":
			to.CLI = l.text(key, v)
		case "bicep":
			to.Bicep = l.text(key, v)
		case "terraform":
			to.Terraform = l.text(key, v)
		default:
			l.bad(key, "the key %.60q is not known; remedy has cli, bicep and terraform", key.Value)
		}
	}
}

func (l *loader) cases(n *yaml.Node, r *Rule) {
	if n.Kind != yaml.SequenceNode {
		l.bad(n, "cases is a list")
		return
	}
	for _, one := range n.Content {
		c := Case{Line: one.Line}
		if one.Kind != yaml.MappingNode {
			l.bad(one, "a case is a mapping")
			continue
		}
		for key, v := range members(one) {
			l.caseField(key, v, &c)
		}
		if !slices.Contains([]string{"pass", "fail", "unknown", "skip"}, c.Want) {
			l.bad(one, "a case wants pass, fail, unknown or skip")
		}
		r.Cases = append(r.Cases, c)
	}
}

func (l *loader) caseField(key, v *yaml.Node, c *Case) {
	var err error
	switch key.Value {
	case "name":
		c.Name = l.text(key, v)
	case "want":
		c.Want = l.text(key, v)
	case "not_read":
		c.NotRead = l.texts(key, v)
	case "now":
		c.Now, err = time.Parse(time.RFC3339, l.text(key, v))
	case "resource":
		if err = v.Decode(&c.Resource); err == nil {
			err = plainJSON(c.Resource)
		}
		if err == nil && c.Resource == nil {
			c.Resource = map[string]any{}
		}
	case "related":
		if err = v.Decode(&c.Related); err == nil {
			err = plainJSON(c.Related)
		}
	default:
		l.bad(key, "the key %.60q is not known; a case has name, want, resource, related, not_read and now", key.Value)
	}
	if err != nil {
		l.bad(v, "%s: %s", key.Value, err)
	}
}

var (
	idForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	// severities from worst to least.
	severities = []azward.Severity{azward.SeverityCritical, azward.SeverityHigh, azward.SeverityMedium, azward.SeverityLow}
)

// complete checks what a rule must have.
func (l *loader) complete(n *yaml.Node, r *Rule) {
	if !idForm.MatchString(r.ID) || len(r.ID) > 100 {
		l.bad(n, "its id %.60q is not made of words in lower case with - between them", r.ID)
	}
	for what, missing := range map[string]bool{"title": r.Title == "", "passes_when or fails_when": r.Test == ""} {
		if missing {
			l.bad(n, "it has no %s", what)
		}
	}
	if !slices.Contains(severities, r.Severity) {
		l.bad(n, "its severity %.20q is none of critical, high, medium and low", string(r.Severity))
	}
	switch {
	case (len(r.Types) == 0) == (r.Scope == ""):
		l.bad(n, "it has either types or scope")
	case r.Scope != "" && r.Scope != scopeTenant && r.Scope != scopeSubscription:
		l.bad(n, "its scope %.20q is neither subscription nor tenant", r.Scope)
	}
	if u, err := url.Parse(r.Source); r.Source != "" && (err != nil || u.Scheme != "https") {
		l.bad(n, "its source is no https URL")
	}
	for _, item := range r.Frameworks {
		if !strings.Contains(item, itemSeparator) {
			l.bad(n, "the framework %.60q is not written as NAME: ITEM", item)
		}
	}
}
