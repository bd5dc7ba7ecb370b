package scenario

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/tools/txtar"
	"sigs.k8s.io/yaml"
)

// maxScenarioBytes bounds a scenario: people write them, and the largest
// estate that anyone spells out by hand is far below.
const maxScenarioBytes = 64 << 20

//go:embed *.txtar
var embedded embed.FS

// Names lists the embedded scenarios.
func Names() []string {
	entries, err := embedded.ReadDir(".")
	if err != nil {
		return nil // an embedded root always reads
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".txtar"))
	}
	return names
}

// Load parses an embedded scenario by name.
func Load(name string) (*Scenario, error) {
	data, err := embedded.ReadFile(name + ".txtar")
	if err != nil {
		return nil, fmt.Errorf("no scenario named %.60q is built in: there is %s", name, strings.Join(Names(), ", "))
	}
	s, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("scenario %s: %w", name, err)
	}
	return s, nil
}

// Error is a fault in a scenario or estate file, with its place.
type Error struct {
	File string // within the archive; "" for an estate file
	Line int    // 1-based line of the whole input; 0 when only the file is known
	Msg  string
	Err  error
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.Line > 0 {
		fmt.Fprintf(&b, "line %d: ", e.Line)
	}
	if e.File != "" {
		b.WriteString(e.File + ": ")
	}
	b.WriteString(e.Msg)
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Parse reads a scenario in txtar form:
//
//	scenario.yaml              tenant, apps, grants, paging, throttling, faults
//	arm/*.yaml                 ARM objects: one, a list, or several documents
//	msgraph/COLLECTION.yaml    directory objects of one collection; or others, by their @odata.type
//	kubernetes/CLUSTER/*.yaml  manifests of the managed cluster of that name
//	images/*.yaml              kept raw, for the registry
//	advisories/*               kept raw
//
// Errors are *Error with file and line.
func Parse(data []byte) (*Scenario, error) {
	if len(data) > maxScenarioBytes {
		return nil, &Error{Msg: fmt.Sprintf("the scenario is larger than the limit of %d bytes", maxScenarioBytes)}
	}
	archive := txtar.Parse(data)
	s := &Scenario{Kubernetes: map[string][]json.RawMessage{}}
	line := 1 + bytes.Count(archive.Comment, []byte("\n"))
	seen := map[string]bool{}
	for _, f := range archive.Files {
		if seen[f.Name] {
			return nil, &Error{File: f.Name, Line: line, Msg: "this file is in the scenario twice"}
		}
		seen[f.Name] = true
		if err := s.file(f.Name, f.Data, line+1); err != nil {
			return nil, err
		}
		line += 1 + bytes.Count(f.Data, []byte("\n"))
	}
	if !seen["scenario.yaml"] {
		return nil, &Error{Msg: "there is no scenario.yaml in the scenario"}
	}
	return s, s.complete()
}

// file takes one file of the archive; line is where its content begins.
func (s *Scenario) file(name string, data []byte, line int) error {
	folder, rest, nested := strings.Cut(name, "/")
	switch {
	case name == "scenario.yaml":
		return s.settings(name, data, line)
	case folder == "arm" && nested:
		return documents(name, data, line, func(doc json.RawMessage) error { return s.addARM(doc) })
	case folder == "msgraph" && nested:
		collection := strings.TrimSuffix(rest, ".yaml")
		return documents(name, data, line, func(doc json.RawMessage) error { return s.addMSGraph(collection, doc) })
	case folder == "kubernetes" && strings.Contains(rest, "/"):
		cluster := path.Dir(rest)
		return documents(name, data, line, func(doc json.RawMessage) error { return s.addKubernetes(cluster, doc) })
	case folder == "images" && nested:
		s.Images = append(s.Images, File{Name: name, Data: data})
	case folder == "advisories" && nested:
		s.Advisories = append(s.Advisories, File{Name: name, Data: data})
	default:
		return &Error{File: name, Line: line - 1, Msg: "this is not a file of a scenario: there are scenario.yaml, arm/, msgraph/, kubernetes/CLUSTER/, images/ and advisories/"}
	}
	return nil
}

func (s *Scenario) settings(name string, data []byte, line int) error {
	if err := yaml.UnmarshalStrict(data, s); err != nil {
		return yamlError(name, line, err)
	}
	return nil
}

// documents hands every object of a YAML file over: several documents parted
// by ---, each an object or a list of objects.
func documents(name string, data []byte, line int, add func(json.RawMessage) error) error {
	for _, doc := range splitYAML(data) {
		at := line + doc.line
		asJSON, err := yaml.YAMLToJSONStrict(doc.data)
		if err != nil {
			return yamlError(name, at, err)
		}
		for _, object := range objects(asJSON) {
			if err := add(object); err != nil {
				return &Error{File: name, Line: at, Msg: err.Error(), Err: err}
			}
		}
	}
	return nil
}

// objects opens a list; null (an empty document) gives none.
func objects(doc []byte) []json.RawMessage {
	doc = bytes.TrimSpace(doc)
	if string(doc) == "null" {
		return nil
	}
	var list []json.RawMessage
	if doc[0] == '[' && json.Unmarshal(doc, &list) == nil {
		return list
	}
	return []json.RawMessage{doc}
}

type yamlDocument struct {
	data []byte
	line int // lines before it in its file
}

func splitYAML(data []byte) []yamlDocument {
	var docs []yamlDocument
	start, startLine, line := 0, 0, 0
	for at := 0; at < len(data); {
		end := bytes.IndexByte(data[at:], '\n')
		if end < 0 {
			end = len(data) - at - 1
		}
		text := bytes.TrimRight(data[at:at+end+1], " \t\r\n")
		next := at + end + 1
		line++
		if string(text) == "---" {
			docs = append(docs, yamlDocument{data[start:at], startLine})
			start, startLine = next, line
		}
		at = next
	}
	docs = append(docs, yamlDocument{data[start:], startLine})
	return slices.DeleteFunc(docs, func(d yamlDocument) bool { return len(bytes.TrimSpace(d.data)) == 0 })
}

// yamlError moves the line that the YAML parser names to the whole input's.
func yamlError(name string, line int, err error) error {
	msg := strings.TrimPrefix(err.Error(), "error converting YAML to JSON: ")
	msg = strings.TrimPrefix(msg, "error unmarshaling JSON: ")
	var at int
	if n, scanErr := fmt.Sscanf(strings.TrimPrefix(msg, "yaml: "), "line %d:", &at); scanErr == nil && n == 1 {
		_, msg, _ = strings.Cut(msg, fmt.Sprintf("line %d: ", at))
		line += at - 1
	}
	return &Error{File: name, Line: line, Msg: msg, Err: err}
}
