package config

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/azward/azward/internal/bound"
)

const (
	maxFileBytes = 1 << 20 // a thousand connections take a third of it
	maxDepth     = 12      // the deepest path that means something has five steps
	maxProblems  = 50      // more are not read by anybody
)

// place is where something stands in the file.
type place struct{ line, column int }

func placeOf(n *yaml.Node) place { return place{n.Line, n.Column} }

// reader walks the document and gathers what is wrong.
type reader struct {
	file     string
	problems []Problem
}

func (r *reader) wrong(n *yaml.Node, path, cause, remedy string) {
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, Problem{File: r.file, Line: max(n.Line, 1), Column: max(n.Column, 1), Path: path, Cause: cause, Remedy: remedy})
	}
}

// document reads one YAML document with a bounded size, without anchors.
func document(in io.Reader, name string) (*yaml.Node, []Problem) {
	data, err := bound.ReadAll(in, maxFileBytes, name)
	if err != nil {
		return nil, []Problem{{File: name, Line: 1, Column: 1, Cause: err.Error(), Remedy: "split the file, or name another one"}}
	}
	var root yaml.Node
	dec := yaml.NewDecoder(strings.NewReader(string(data)))
	if err := dec.Decode(&root); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, []Problem{{File: name, Line: 1, Column: 1, Cause: "the file is empty", Remedy: "azward config init prints one to begin with"}}
		}
		return nil, []Problem{{File: name, Line: lineOf(err), Column: 1, Cause: "it is no YAML: " + strings.TrimPrefix(err.Error(), "yaml: "), Remedy: "mend the line that is named"}}
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, []Problem{{File: name, Line: 1, Column: 1, Cause: "it holds more than one document", Remedy: "put each into a file of its own"}}
	}
	r := reader{file: name}
	r.plain(&root, 0)
	if len(root.Content) == 0 {
		return nil, append(r.problems, Problem{File: name, Line: 1, Column: 1, Cause: "the file is empty"})
	}
	return root.Content[0], r.problems
}

// lineOf finds the line that yaml's message names.
func lineOf(err error) int {
	_, rest, found := strings.Cut(err.Error(), "line ")
	if !found {
		return 1
	}
	digits, _, _ := strings.Cut(rest, ":")
	if line, err := strconv.Atoi(digits); err == nil {
		return line
	}
	return 1
}

// plain refuses what the file has no use for and what bombs are made of:
// anchors, aliases, merge keys, tags, keys twice, and depth.
func (r *reader) plain(n *yaml.Node, depth int) bool {
	switch {
	case depth > maxDepth:
		r.wrong(n, "", "it is nested deeper than anything that has a meaning here", "")
		return false
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		r.wrong(n, "", "anchors and aliases are not read here", "write the value out")
		return false
	case n.Kind == yaml.MappingNode:
		seen := map[string]int{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			k := n.Content[i]
			if first, twice := seen[k.Value]; twice {
				r.wrong(k, k.Value, fmt.Sprintf("it stands here twice, first in line %d", first), "leave one of them out")
			}
			seen[k.Value] = k.Line
		}
	}
	for _, child := range n.Content {
		if !r.plain(child, depth+1) {
			return false
		}
	}
	return true
}

// take reads one value of a mapping.
type take func(n *yaml.Node, path string)

// mapping hands each key's value to what takes it; others are problems.
func (r *reader) mapping(n *yaml.Node, path string, takes map[string]take) {
	r.each(n, path, func(key *yaml.Node, value *yaml.Node, at string) {
		f, known := takes[key.Value]
		if !known {
			r.wrong(key, at, "there is no such field here", "use "+strings.Join(slices.Sorted(maps.Keys(takes)), ", "))
			return
		}
		if !isNull(value) {
			f(value, at)
		}
	})
}

// each calls f with the entries of a mapping.
func (r *reader) each(n *yaml.Node, path string, f func(key, value *yaml.Node, path string)) {
	if isNull(n) { // "NAME:" with nothing below it
		return
	}
	if n.Kind != yaml.MappingNode {
		r.wrong(n, path, "a mapping of names to values is expected here", "write NAME: and the value below it, indented")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		f(n.Content[i], n.Content[i+1], join(path, n.Content[i].Value))
	}
}

// list calls f with the items of a list; a single value is a list of one.
func (r *reader) list(f take) take {
	return func(n *yaml.Node, path string) {
		if n.Kind != yaml.SequenceNode {
			f(n, path)
			return
		}
		for i, item := range n.Content {
			f(item, fmt.Sprintf("%s[%d]", path, i))
		}
	}
}

// text reads a scalar.
func (r *reader) text(into *string) take {
	return func(n *yaml.Node, path string) {
		if n.Kind != yaml.ScalarNode {
			r.wrong(n, path, "a text is expected here", "")
			return
		}
		*into = n.Value
	}
}

// word reads one of the words.
func (r *reader) word(into *string, words ...string) take {
	return func(n *yaml.Node, path string) {
		r.text(into)(n, path)
		if n.Kind == yaml.ScalarNode && !slices.Contains(words, n.Value) {
			r.wrong(n, path, fmt.Sprintf("%.40q is none of the words that are possible", n.Value), "use "+strings.Join(words, ", "))
		}
	}
}

// texts reads a list of scalars.
func (r *reader) texts(into *[]string) take {
	return r.list(func(n *yaml.Node, path string) {
		var s string
		r.text(&s)(n, path)
		*into = append(*into, s)
	})
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
