// Package archtest keeps the house in shape: it reads the import graph that
// `go list` gives and says which arrows turn round, and why that is wrong.
// [Check] is the whole of it; the tests call it on the real graph and on
// made-up ones.
package archtest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Package is one node of the import graph.
type Package struct {
	Path     string   // import path
	Standard bool     // part of the Go distribution
	Imports  []string // by non-test files
	// TestImports are the imports of its test files, in-package and external.
	TestImports []string
}

// Violation is one import that the rules forbid.
type Violation struct {
	From, To string // import paths
	Why      string // the rule, as advice to who reads the failing test
}

// String gives one line for a test log.
func (v Violation) String() string {
	return fmt.Sprintf("%s imports %s: %s", v.From, v.To, v.Why)
}

// Check returns what in the graph breaks the rules, in a stable order. The
// graph holds the packages of the module and, for [Rules.TestOnly], all that
// the binary depends on.
func Check(rules Rules, graph []Package) []Violation {
	c := checker{rules: rules, byPath: map[string]Package{}}
	for _, p := range graph {
		c.byPath[p.Path] = p
	}
	for _, p := range graph {
		if c.ours(p.Path) {
			c.check(p)
		}
	}
	c.checkBinary()
	slices.SortFunc(c.found, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Why, b.Why))
	})
	return slices.Compact(c.found)
}

type checker struct {
	rules  Rules
	byPath map[string]Package
	found  []Violation
}

func (c *checker) forbid(from, to, format string, args ...any) {
	c.found = append(c.found, Violation{From: from, To: to, Why: fmt.Sprintf(format, args...)})
}

// ours reports whether path belongs to the module.
func (c *checker) ours(path string) bool { return within(path, c.rules.Module) }

// folder returns the top folder of a package of ours, "" for the root package
// and the first two folders where the floor plan goes that deep
// ("advisory/feed") and below cmd and internal.
func (c *checker) folder(path string) string {
	rel := strings.TrimPrefix(strings.TrimPrefix(path, c.rules.Module), "/")
	first, rest, _ := strings.Cut(rel, "/")
	second, _, _ := strings.Cut(rest, "/")
	two := first + "/" + second
	if _, known := c.rules.row(two); known || first == "cmd" || first == "internal" {
		return two
	}
	return first
}

func (c *checker) check(p Package) {
	from := c.folder(p.Path)
	row, known := c.rules.row(from)
	if !known {
		c.forbid(p.Path, "", "the folder %s has no row on the floor plan; give it one in internal/archtest/rules.go, with the arrows it may have", from)
		return
	}
	for _, to := range p.Imports {
		if c.ours(to) {
			c.checkOurs(p.Path, to, row)
			continue
		}
		c.checkForeign(p.Path, to, row)
	}
	c.checkTests(p, row)
}

// checkOurs judges an arrow between two packages of the module.
func (c *checker) checkOurs(from, to string, row Row) {
	fromFolder, toFolder := c.folder(from), c.folder(to)
	if why, only := c.rules.TestSupport[strings.TrimPrefix(to, c.rules.Module+"/")]; only && !c.testSupport(from) {
		c.forbid(from, to, "%s; only tests import it", why)
		return
	}
	toRow, known := c.rules.row(toFolder)
	switch {
	case !known || fromFolder == toFolder:
		// An unknown folder is reported where it stands itself.
	case row.Alone:
		c.forbid(from, to, "%s imports nothing of ours: %s", fromFolder, row.Is)
	case toRow.Alone && row.Level == LevelCommand:
	case toRow.Alone:
		c.forbid(from, to, "only cmd and tests reach %s: %s", toFolder, toRow.Is)
	case toRow.Leaf && row.Level != LevelRoot:
		// A leaf may be used from everywhere but the root.
	case row.Leaf && toRow.Level != LevelRoot:
		c.forbid(from, to, "a leaf below internal knows the root package at most")
	case toRow.Level < row.Level:
	case toRow.Level == row.Level && c.rules.neighbours(fromFolder, toFolder):
	case toRow.Level == row.Level:
		c.forbid(from, to, "both are %s, and neighbours in a row don't know each other; let a use case or cmd join them", row.Level)
	default:
		c.forbid(from, to, "arrows point down, from %s (%s) to %s (%s) is up; declare a small interface at the caller instead", fromFolder, row.Level, toFolder, toRow.Level)
	}
}

// checkForeign judges an import from outside the module.
func (c *checker) checkForeign(from, to string, row Row) {
	folder := c.folder(from)
	standard := c.standard(to)
	if row.Level == LevelRoot && !row.Leaf && !standard {
		c.forbid(from, to, "the root package imports the standard library alone")
	}
	if row.Level == LevelEstate || row.Level == LevelEngine {
		for _, impure := range c.rules.Impure {
			if to == impure.Path && !slices.Contains(impure.Except, folder) {
				c.forbid(from, to, "engines are pure: %s", impure.Why)
			}
		}
	}
	if to == "testing" && !c.testSupport(from) {
		c.forbid(from, to, "only test files and the named test support packages import testing")
	}
	for _, confined := range c.rules.Confined {
		rel := strings.TrimPrefix(from, c.rules.Module+"/")
		if within(to, confined.Path) && !slices.ContainsFunc(confined.To, func(f string) bool { return within(rel, f) }) {
			c.forbid(from, to, "it stays in %s: %s", strings.Join(confined.To, ", "), confined.Why)
		}
	}
}

// checkTests judges what test files import, for the two packages where that
// matters: the root (whose tests need no more than it does) and the simulator
// (whose tests must not learn Azure from us).
func (c *checker) checkTests(p Package, row Row) {
	for _, to := range p.TestImports {
		if !c.ours(to) || c.folder(to) == c.folder(p.Path) {
			continue
		}
		_, support := c.rules.TestSupport[strings.TrimPrefix(to, c.rules.Module+"/")]
		if row.Alone && !support {
			c.forbid(p.Path, to, "the tests of %s import nothing of ours either: %s", c.folder(p.Path), row.Is)
		}
	}
}

// checkBinary follows the imports from the commands and reports the test-only
// packages that it reaches, with the package that brings each in.
func (c *checker) checkBinary() {
	seen := map[string]bool{}
	var queue []string
	for path := range c.byPath {
		if within(path, c.rules.Module+"/cmd") {
			queue = append(queue, path)
		}
	}
	slices.Sort(queue)
	for len(queue) > 0 {
		path := queue[0]
		queue = queue[1:]
		if seen[path] {
			continue
		}
		seen[path] = true
		for _, to := range c.byPath[path].Imports {
			for _, only := range c.rules.TestOnly {
				if within(to, only.Path) {
					c.forbid(path, to, "it reaches the binary, and it is for tests only: %s", only.Why)
				}
			}
			queue = append(queue, to)
		}
	}
}

// standard reports whether path is part of the Go distribution. What the
// graph doesn't hold is judged by the form of its first element, as go does.
func (c *checker) standard(path string) bool {
	if p, ok := c.byPath[path]; ok {
		return p.Standard
	}
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

func (c *checker) testSupport(path string) bool {
	_, ok := c.rules.TestSupport[strings.TrimPrefix(path, c.rules.Module+"/")]
	return ok
}

// within reports whether path is prefix itself or a package below it.
func within(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}
