package azurepolicy_test

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

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

func TestBuiltinDefinitionsCompile(t *testing.T) {
	t.Parallel()
	policies, needs, modes := compiled(t, definitions(t), azurepolicy.Options{Aliases: aliases(t)})
	effects := map[string]int{}
	guessed := map[string]bool{}
	for _, p := range policies {
		effects[p.Effect]++
		for _, a := range p.Guessed {
			guessed[a] = true
		}
	}
	t.Logf("%d compile, %d need values, %d are for other modes; effects %v; %d aliases guessed", len(policies), needs, modes, effects, len(guessed))
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
	t.Logf("%d resources: %v", e.Len(), states)
	for reason, n := range reasons {
		if n > 20 {
			t.Logf("%6d %s", n, reason)
		}
	}
}
