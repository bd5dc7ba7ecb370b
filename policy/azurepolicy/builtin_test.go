package azurepolicy_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/internal/testdata"
	"github.com/azward/azward/policy/azurepolicy"
)

var evaluatedAt = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// lines yields the lines of a gzip file of the shared data.
func lines(tb testing.TB, name string) [][]byte {
	tb.Helper()
	var out [][]byte
	in := bufio.NewScanner(unzipped(tb, name))
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		out = append(out, append([]byte(nil), in.Bytes()...))
	}
	if err := in.Err(); err != nil {
		tb.Fatal(err)
	}
	return out
}

func unzipped(tb testing.TB, name string) io.Reader {
	tb.Helper()
	f, err := os.Open(filepath.Join(testdata.Shared(tb, "data-azure"), name))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = f.Close() })
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	return z
}

func aliases(tb testing.TB) *azurepolicy.Aliases {
	tb.Helper()
	a, err := azurepolicy.ReadAliases(unzipped(tb, "policy-aliases.csv.gz"))
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func definitions(tb testing.TB) []*azurepolicy.Definition {
	tb.Helper()
	var out []*azurepolicy.Definition
	for _, line := range lines(tb, "policy-definitions.jsonl.gz") {
		d, err := azurepolicy.ParseDefinition(line)
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, d)
	}
	return out
}

// recorded is the estate of all recorded objects, as Resource Manager gave
// them.
func recorded(tb testing.TB) *estate.Estate {
	tb.Helper()
	var b estate.Builder
	for _, line := range lines(tb, "arm-objects-recorded.jsonl.gz") {
		if err := b.AddARM(line, estate.Provenance{Source: azward.SourceARM, ReadAt: evaluatedAt}); err != nil {
			tb.Fatal(err)
		}
	}
	return b.Build()
}

// compiled gives what compiles, and counts why the others do not.
func compiled(tb testing.TB, all []*azurepolicy.Definition, o azurepolicy.Options) (policies []*azurepolicy.Policy, needs, modes int) {
	tb.Helper()
	for _, d := range all {
		p, err := azurepolicy.Compile(d, o)
		switch {
		case err == nil:
			policies = append(policies, p)
		case errors.Is(err, azurepolicy.ErrNeedsValue):
			needs++
		case errors.Is(err, azurepolicy.ErrMode):
			modes++
		default:
			tb.Errorf("%s: %v", d.DisplayName, err)
		}
	}
	return policies, needs, modes
}

// TestBuiltinDefinitionsCompile: all do, but those for other modes; some need
// values that only an assignment has.
func TestBuiltinDefinitionsCompile(t *testing.T) {
	t.Parallel()
	all, list := definitions(t), aliases(t)
	policies, needs, modes := compiled(t, all, azurepolicy.Options{Aliases: list})
	for _, d := range all {
		_, err := azurepolicy.Compile(d, azurepolicy.Options{Aliases: list, Parameters: anyValues(d)})
		if err != nil && !errors.Is(err, azurepolicy.ErrMode) {
			t.Errorf("%s with values: %v", d.DisplayName, err)
		}
	}
	effects := map[string]int{}
	guessed := map[string]bool{}
	for _, p := range policies {
		effects[p.Effect]++
		for _, a := range p.Guessed {
			guessed[a] = true
		}
	}
	got := []int{len(all), len(policies), needs, modes, len(policies) - effects["manual"] - effects["disabled"], len(guessed)}
	// The snapshot of 2026-04-29. Evaluable are those that neither wait for an
	// attestation nor are disabled unless somebody enables them.
	want := []int{2762, 2024, 604, 134, 1362, 61}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("definitions, compiled, in need of values, of other modes, evaluable, guessed aliases:\n%s\n%v", diff, effects)
	}
}

// anyValues gives each parameter that has no default a value of its type.
func anyValues(d *azurepolicy.Definition) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	for _, p := range d.Parameters() {
		value := map[string]string{"array": `["x"]`, "object": `{}`, "boolean": "true", "integer": "1", "float": "1", "datetime": `"2026-01-01T00:00:00Z"`}[strings.ToLower(p.Type)]
		switch {
		case p.Default:
			continue
		case len(p.Allowed) > 0 && !strings.EqualFold(p.Type, "array"):
			value = string(p.Allowed[0])
		case value == "":
			value = `"x"`
		}
		out[p.Name] = json.RawMessage(value)
	}
	return out
}

// TestInitiativesCompile: every member of Microsoft's initiatives is found and
// compiles, or says why not.
func TestInitiativesCompile(t *testing.T) {
	t.Parallel()
	c := azurepolicy.Catalog{Aliases: aliases(t)}
	for _, d := range definitions(t) {
		c.Add(d)
	}
	members, needs, other := 0, 0, map[string]int{}
	for _, line := range lines(t, "policy-set-definitions.jsonl.gz") {
		s, err := azurepolicy.ParseInitiative(line)
		if err != nil {
			t.Fatal(err)
		}
		c.AddInitiative(s)
		policies, skipped := c.Of(s, nil)
		members += len(policies)
		for _, x := range skipped {
			if x.Needs {
				needs++
			} else {
				other[x.Reason]++
			}
		}
	}
	if c.Initiatives() != 181 || members != 14080 || needs != 720 {
		t.Errorf("%d initiatives; %d members compile, and %d need values", c.Initiatives(), members, needs)
	}
	for reason, n := range other {
		t.Logf("%5d %s", n, reason)
	}
}

func TestRecordedObjectsEvaluateWithoutErrors(t *testing.T) {
	t.Parallel()
	e := recorded(t)
	policies, _, _ := compiled(t, definitions(t), azurepolicy.Options{Aliases: aliases(t)})
	c := azurepolicy.NewChecker(e, evaluatedAt)
	states := map[azurepolicy.State]int{}
	reasons := map[string]int{}
	for r := range e.All() {
		s, err := c.Subject(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range policies {
			got := c.Evaluate(p, s)
			states[got.State]++
			if got.State == azurepolicy.Unknown {
				reasons[got.Reason]++
			}
			if got.Refused > 0 {
				again := c.Explain(p, s)
				t.Errorf("%s: %v", again.String(), again.Leaves)
			}
		}
	}
	if states[azurepolicy.Pass] == 0 || states[azurepolicy.Fail] == 0 || states[azurepolicy.Unknown] == 0 {
		t.Errorf("%d resources: %v", e.Len(), states)
	}
	delete(reasons, "")
	t.Logf("%d resources: %v; %d reasons for unknown", e.Len(), states, len(reasons))
}
