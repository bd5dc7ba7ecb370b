package policy

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/internal/testdata"
)

// recordedEstate is what Azure returned of some subscriptions; not all of it
// where open tells so.
func recordedEstate(t *testing.T, open bool) *estate.Estate {
	t.Helper()
	f, err := os.Open(filepath.Join(testdata.Shared(t, "data-azure"), "arm-objects-recorded.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	source := azward.SourceARM
	if open {
		source = azward.SourceResourceGraph
	}
	var b estate.Builder
	in := bufio.NewScanner(lines)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		if err := b.AddARM(json.RawMessage(in.Text()), estate.Provenance{Source: source}); err != nil {
			t.Logf("left out: %v", err)
		}
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	if !open {
		b.AddListing(estate.Listing{Scope: "/", Type: estate.AllTypes, Status: estate.ListingDeclared})
	}
	return b.Build()
}

// TestNodes_agree_with_CEL holds each condition of each rule, and some of other
// forms, against CEL's own evaluation on all recorded objects of its types.
func TestNodes_agree_with_CEL(t *testing.T) {
	t.Parallel()
	rules, _, err := Rules()
	if err != nil {
		t.Fatal(err)
	}
	env, err := environment()
	if err != nil {
		t.Fatal(err)
	}
	byType := map[string][]*twin{}
	file := func(kind, source string) {
		if source == "" {
			return
		}
		byType[strings.ToLower(kind)] = append(byType[strings.ToLower(kind)], newTwin(t, env, source))
	}
	for _, r := range rules {
		for _, kind := range r.Types {
			for _, source := range []string{r.Applies, r.Test, r.UnknownWhen} {
				file(kind, source)
			}
		}
	}
	for _, source := range otherForms {
		for _, kind := range []string{"Microsoft.Storage/storageAccounts", "Microsoft.Network/networkSecurityGroups", "Microsoft.Authorization/roleDefinitions"} {
			file(kind, source)
		}
	}
	compared := map[string]int{}
	for _, open := range []bool{false, true} {
		c := NewChecker(recordedEstate(t, open), CaseTime)
		for r := range c.estate.All() {
			for _, one := range byType[strings.ToLower(r.TypeKey())] {
				d, err := c.document(r)
				if err != nil {
					t.Fatal(err)
				}
				compared[one.compare(t, c, d)]++
			}
		}
	}
	for _, outcome := range []string{"true", "false", "unknown", "error"} {
		if compared[outcome] < 20 {
			t.Errorf("only %d are %s: %v", compared[outcome], outcome, compared)
		}
	}
}

// otherForms are conditions as users may write them, whose results may be
// errors.
var otherForms = []string{
	`resource.properties.a.b.c == null && !(resource.tags.x == "y")`,
	`resource.properties < 7`, `resource.name.size > 3 || true`, `resource.location || resource.name == ""`, `resource.name && false`,
	`resource.tags.exists(k, k == "Name")`, `resource.tags.all(k, resource.tags[k] != "")`, `resource["name"] != "" && resource.properties["x"] == null`,
	`[1, 2, 3].exists(i, i == 2) && ["a"].all(s, s in ["a", "b"])`, `resource.properties.exists(p, p.startsWith("x"))`, `resource.name.exists(x, x == 1)`,
	`(resource.kind == null ? resource.location : resource.kind) != ""`, `resource.properties.permissions.exists(p, p.actions.exists(a, a == "*" || a.endsWith("/write")))`,
	`resource.properties.securityRules.filter(r, r.properties.access == "Allow").exists(r, covers_port(r.properties.destinationPortRange, 22))`,
	`resource.children("Microsoft.Storage/storageAccounts/blobServices").exists(b, b.name == "x")`, `resource.children("Microsoft.Storage/storageAccounts/blobServices").all(b, has(b.properties))`,
	`time(resource.properties.creationTime) < now || time(resource.name) < now`, `text(resource.tags) == ""`, `resource.location.is("westeurope") || resource.location.among(["eastus", "westus"])`,
	`now > time("2020-01-01T00:00:00Z") && resource.name.matches("^[a-z]+$")`, `estate.list("Microsoft.Storage/storageAccounts").exists(a, a.name == resource.name)`,
}

// twin is a condition twice: as rules evaluate it, and as CEL alone does.
type twin struct {
	source string
	ours   *program
	theirs cel.Program
}

func newTwin(t *testing.T, env *cel.Env, source string) *twin {
	t.Helper()
	ours, err := compileCondition(source)
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	checked, issues := env.Compile(source)
	if issues.Err() != nil {
		t.Fatal(issues.Err())
	}
	theirs, err := env.Program(checked)
	if err != nil {
		t.Fatal(err)
	}
	return &twin{source, ours, theirs}
}

func (w *twin) compare(t *testing.T, c *Checker, d *document) string {
	t.Helper()
	r := &c.run
	start := func() {
		r.subject = subject{d.root}
		r.reads, r.proof, r.gaps, r.steps = r.reads[:0], nil, nil, 0
	}
	start()
	got := outcome(r.exec(w.ours))
	start()
	v, _, err := w.theirs.Eval(r)
	if want := outcome(v, err); got != want {
		t.Errorf("%s on %s is %s, and CEL says %s", w.source, d.resource.ID, got, want)
	}
	return got
}

// outcome is true, false, unknown or error.
func outcome(v ref.Val, err error) string {
	switch {
	case err != nil:
		return "error"
	case types.IsUnknown(v):
		return "unknown"
	}
	switch v {
	case types.True:
		return "true"
	case types.False:
		return "false"
	}
	return "error"
}
