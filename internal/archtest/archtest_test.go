package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const root = "../.."

// everywhere lists the packages for the systems that have files of their own.
func everywhere(t *testing.T) []listed {
	t.Helper()
	var all []listed
	for _, goos := range []string{"linux", "darwin", "windows"} {
		packages, err := list(t.Context(), root, goos, "./...")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, packages...)
	}
	return all
}

// TestArrows holds the repository's own import graph against its floor plan.
func TestArrows(t *testing.T) {
	t.Parallel()
	packages := everywhere(t)
	ours := 0
	for _, p := range packages {
		if within(p.ImportPath, Azward().Module) {
			ours++
		}
	}
	if ours < 3 {
		t.Fatalf("go list found %d packages of ours; the check would be empty", ours)
	}
	for _, v := range Check(Azward(), graph(packages)) {
		t.Error(v)
	}
}

// TestCheck proves on made-up graphs that the check can fail.
func TestCheck(t *testing.T) {
	t.Parallel()
	const m = "github.com/azward/azward"
	for _, tc := range []struct {
		name  string
		graph []Package
		want  []string // the beginning of each violation's line
	}{
		{"arrows_down_are_fine", []Package{
			{Path: m, Imports: []string{"fmt", "net/http"}},
			{Path: m + "/estate", Imports: []string{m, m + "/internal/bound"}},
			{Path: m + "/exposure", Imports: []string{m + "/estate", "go4.org/netipx"}},
			{Path: m + "/verdict", Imports: []string{m + "/exposure"}},
			{Path: m + "/collect", Imports: []string{m + "/azure", m + "/estate"}},
			{Path: m + "/scan", Imports: []string{m + "/store", m + "/verdict"}},
			{Path: m + "/cmd/azward", Imports: []string{m + "/scan", m + "/azuresim", "github.com/spf13/cobra"}},
		}, nil},
		{"arrow_up", []Package{
			{Path: m + "/estate", Imports: []string{m + "/exposure"}},
		}, []string{m + "/estate imports " + m + "/exposure: arrows point down"}},
		{"root_imports_ours", []Package{
			{Path: m, Imports: []string{m + "/internal/bound"}},
		}, []string{m + " imports " + m + "/internal/bound: both are the root"}},
		{"root_imports_third_party", []Package{
			{Path: m, Imports: []string{"golang.org/x/text/cases"}},
		}, []string{m + " imports golang.org/x/text/cases: the root package imports the standard library alone"}},
		{"neighbour_engines", []Package{
			{Path: m + "/exposure", Imports: []string{m + "/verdict"}},
		}, []string{m + "/exposure imports " + m + "/verdict: both are an engine"}},
		{"neighbour_use_cases", []Package{
			{Path: m + "/scan", Imports: []string{m + "/connect"}},
		}, []string{m + "/scan imports " + m + "/connect: both are a use case"}},
		{"store_below_use_case_only", []Package{
			{Path: m + "/store/sqlite", Imports: []string{m + "/scan", "modernc.org/sqlite"}},
		}, []string{m + "/store/sqlite imports " + m + "/scan: arrows point down"}},
		{"feed_is_an_adapter_and_its_index_an_engine", []Package{
			{Path: m + "/advisory/feed", Imports: []string{"net/http", m + "/advisory"}},
			{Path: m + "/advisory", Imports: []string{m + "/advisory/feed"}},
		}, []string{m + "/advisory imports " + m + "/advisory/feed: arrows point down"}},
		{"impure_engine", []Package{
			{Path: m + "/verdict", Imports: []string{"log/slog", "math/rand/v2", "net/http", "net/netip"}},
		}, []string{
			m + "/verdict imports log/slog: engines are pure",
			m + "/verdict imports math/rand/v2: engines are pure",
			m + "/verdict imports net/http: engines are pure",
		}},
		{"simulator_learns_from_us", []Package{
			{Path: m + "/azuresim", Imports: []string{m + "/azuresim/kql", m}},
			{Path: m + "/azuresim/kql", TestImports: []string{m + "/estate", m + "/internal/testdata"}},
		}, []string{
			m + "/azuresim imports " + m + ": azuresim imports nothing of ours",
			m + "/azuresim/kql imports " + m + "/estate: the tests of azuresim",
		}},
		{"product_knows_the_simulator", []Package{
			{Path: m + "/azure", Imports: []string{m + "/azuresim"}, TestImports: []string{m + "/azuresim"}},
		}, []string{m + "/azure imports " + m + "/azuresim: only cmd and tests reach azuresim"}},
		{"driver_outside_its_store", []Package{
			{Path: m + "/scan", Imports: []string{"modernc.org/sqlite/lib"}},
			{Path: m + "/store", Imports: []string{"modernc.org/sqlite"}},
		}, []string{
			m + "/scan imports modernc.org/sqlite/lib: it stays in store/sqlite",
			m + "/store imports modernc.org/sqlite: it stays in store/sqlite",
		}},
		{"test_module_reaches_the_binary_through_another", []Package{
			{Path: m + "/cmd/azward", Imports: []string{"example.com/lib"}},
			{Path: "example.com/lib", Imports: []string{"go.uber.org/goleak/internal/stack"}},
		}, []string{"example.com/lib imports go.uber.org/goleak/internal/stack: it reaches the binary"}},
		{"suite_in_the_product", []Package{
			{Path: m + "/scan", Imports: []string{m + "/store/storetest"}},
			{Path: m + "/store/storetest", Imports: []string{m + "/store", "testing"}},
		}, []string{m + "/scan imports " + m + "/store/storetest: it is the contract suite"}},
		{"testing_in_the_product", []Package{
			{Path: m + "/image", Imports: []string{"testing"}},
		}, []string{m + "/image imports testing: only test files"}},
		{"folder_without_a_row", []Package{
			{Path: m + "/util"},
			{Path: m + "/internal/helpers"},
		}, []string{
			m + "/internal/helpers imports : the folder internal/helpers has no row",
			m + "/util imports : the folder util has no row",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := Check(Azward(), tc.graph)
			var lines []string
			for i, v := range got {
				line := v.String()
				if i < len(tc.want) && strings.HasPrefix(line, tc.want[i]) {
					line = tc.want[i]
				}
				lines = append(lines, line)
			}
			if diff := cmp.Diff(tc.want, lines); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEnginesReadNoClock looks at the source, since package time is needed for
// its types.
func TestEnginesReadNoClock(t *testing.T) {
	t.Parallel()
	packages := everywhere(t)
	c := checker{rules: Azward()}
	for _, p := range packages {
		if !c.ours(p.ImportPath) {
			continue
		}
		row, _ := c.rules.row(c.folder(p.ImportPath))
		if row.Leaf || row.Level > LevelEngine {
			continue
		}
		for _, file := range p.GoFiles {
			for _, call := range clockCalls(t, filepath.Join(p.Dir, file), nil) {
				t.Errorf("%s: engines are pure, time comes in as a value", call)
			}
		}
	}
}

func TestClockCalls(t *testing.T) {
	t.Parallel()
	const source = `package p
import "time"
func f() time.Duration { _ = time.Unix(0, 0); return time.Since(time.Now()) }`
	if got := len(clockCalls(t, "made_up.go", source)); got != 2 {
		t.Errorf("found %d calls of the clock, want 2", got)
	}
}

// clockCalls returns where the file asks for the time or waits.
func clockCalls(t *testing.T, name string, source any) []token.Position {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var found []token.Position
	ast.Inspect(file, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		pkg, ok := selector.X.(*ast.Ident)
		if ok && pkg.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "Sleep", "After", "Tick", "NewTimer", "NewTicker"}, selector.Sel.Name) {
			found = append(found, files.Position(n.Pos()))
		}
		return true
	})
	return found
}

var documented = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")

// TestDependenciesAreDocumented holds docs/dependencies.md against what we
// import: each module a line, and no line for what is gone.
func TestDependenciesAreDocumented(t *testing.T) {
	t.Parallel()
	packages := everywhere(t)
	required, err := modules(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	want := direct(Azward().Module, graph(packages), required)
	var got []string
	for _, match := range documented.FindAllSubmatch(page, -1) {
		got = append(got, string(match[1]))
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/dependencies.md: each module that we import has one line (-imported +documented):\n%s", diff)
	}
}

func TestDirect(t *testing.T) {
	t.Parallel()
	const m = "github.com/azward/azward"
	got := direct(m, []Package{
		{Path: m, Imports: []string{"fmt", "example.com/a/b/c"}, TestImports: []string{"example.com/only/tests"}},
		{Path: "example.com/a/b/c", Imports: []string{"example.com/indirect"}},
	}, []string{"example.com/a", "example.com/a/b", "example.com/only", "example.com/indirect"})
	if diff := cmp.Diff([]string{"example.com/a/b", "example.com/only"}, got); diff != "" {
		t.Errorf("direct modules (-want +got):\n%s", diff)
	}
}
