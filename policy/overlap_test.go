package policy_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/internal/testdata"
	"github.com/azward/azward/policy"
	"github.com/azward/azward/policy/azurepolicy"
)

// shared reads a gzip file of the shared data, line by line.
func shared(tb testing.TB, name string, each func(line []byte)) {
	tb.Helper()
	f, err := os.Open(filepath.Join(testdata.Shared(tb, "data-azure"), name))
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	in := bufio.NewScanner(z)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		each(slices.Clone(in.Bytes()))
	}
	if err := in.Err(); err != nil {
		tb.Fatal(err)
	}
}

// builtIn is the catalog of Microsoft's definitions and initiatives, and the
// definitions' texts by name.
func builtIn(tb testing.TB) (*azurepolicy.Catalog, map[string]string) {
	tb.Helper()
	testdata.Shared(tb, "data-azure")
	catalogOnce.Do(func() { catalogRead, catalogTexts = readBuiltIn(tb) })
	if catalogRead == nil {
		tb.Fatal("the definitions could not be read")
	}
	return catalogRead, catalogTexts
}

var (
	catalogOnce  sync.Once
	catalogRead  *azurepolicy.Catalog
	catalogTexts map[string]string
)

func readBuiltIn(tb testing.TB) (*azurepolicy.Catalog, map[string]string) {
	tb.Helper()
	var catalog azurepolicy.Catalog
	texts := map[string]string{}
	shared(tb, "policy-definitions.jsonl.gz", func(line []byte) {
		d, err := azurepolicy.ParseDefinition(line)
		if err != nil {
			tb.Fatal(err)
		}
		catalog.Add(d)
		texts[strings.ToLower(d.Name)] = strings.ToLower(string(line))
	})
	shared(tb, "policy-set-definitions.jsonl.gz", func(line []byte) {
		if err := catalog.AddDocument(line, "initiatives"); err != nil {
			tb.Fatal(err)
		}
	})
	var list strings.Builder
	shared(tb, "policy-aliases.csv.gz", func(line []byte) { list.Write(append(line, '\n')) })
	known, err := azurepolicy.ReadAliases(strings.NewReader(list.String()))
	if err != nil {
		tb.Fatal(err)
	}
	catalog.Aliases = known
	return &catalog, texts
}

// recordedEstate is what Azure returned, and nothing besides.
func recordedEstate(tb testing.TB) *estate.Estate {
	tb.Helper()
	var b estate.Builder
	shared(tb, "arm-objects-recorded.jsonl.gz", func(line []byte) {
		if err := b.AddARM(json.RawMessage(line), estate.Provenance{Source: azward.SourceARM}); err != nil {
			tb.Fatal(err)
		}
	})
	b.AddListing(estate.Listing{Scope: "/", Type: estate.AllTypes, Status: estate.ListingDeclared})
	return b.Build()
}

// TestOverlap_names_the_property_that_a_definition_names: each definition of the
// table is one of Microsoft's, stands in it once, and is about a property that
// the rule's cases are proved to read.
func TestOverlap_names_the_property_that_a_definition_names(t *testing.T) {
	t.Parallel()
	_, texts := builtIn(t)
	rules, seen := ruleMap(t), map[string]string{}
	for _, o := range overlapsOf(t) {
		r := rules[o.Rule]
		if r == nil {
			t.Errorf("there is no rule %s", o.Rule)
			continue
		}
		for _, d := range o.Definitions {
			if seen[d] != "" {
				t.Errorf("%s stands at %s and %s", d, seen[d], o.Rule)
			}
			seen[d] = o.Rule
			text := texts[d]
			if text == "" {
				t.Errorf("%s: there is no definition %s", o.Rule, d)
			}
			named := slices.ContainsFunc(r.Reads, func(path string) bool {
				last := path[strings.LastIndexByte(path, '.')+1:]
				return strings.Contains(text, strings.ToLower(strings.TrimSuffix(last, "[*]")))
			})
			if !named && o.Differs == "" {
				t.Errorf("%s: the definition %s names none of %v, and the table does not say how they differ", o.Rule, d, r.Reads)
			}
		}
	}
}

// TestOverlap_answers_as_the_definition_does on what Azure returned, or the
// table says why not.
func TestOverlap_answers_as_the_definition_does(t *testing.T) {
	t.Parallel()
	catalog, _ := builtIn(t)
	rules, e := ruleMap(t), recordedEstate(t)
	both := map[string]map[azward.ResourceKey]azurepolicy.State{}
	var chosen []*policy.Rule
	for _, o := range overlapsOf(t) {
		chosen = append(chosen, rules[o.Rule])
	}
	for r := range policy.NewChecker(e, policy.CaseTime).Check(chosen) {
		file(both, r.Rule.ID, r.Resource.ID, r.State)
	}
	profile, err := policy.Select(policy.ProfileDefault, nil, catalog) // no rule of ours takes a definition's place
	if err != nil {
		t.Fatal(err)
	}
	for r := range azurepolicy.NewChecker(e, policy.CaseTime).Check(profile.Policies) {
		file(both, strings.ToLower(r.Policy.Definition.Name), r.Resource.ID, r.State)
	}
	same := 0
	for _, o := range overlapsOf(t) {
		for _, d := range o.Definitions {
			for id, theirs := range both[d] {
				ours, judged := both[o.Rule][id]
				switch {
				case ours == theirs:
					same++
				case o.Differs != "":
				case !judged:
					t.Errorf("%s says nothing of %s, the definition %s that it is %s", o.Rule, id, d, theirs)
				default:
					t.Errorf("%s of %s is %s, by the definition %s it is %s", o.Rule, id, ours, d, theirs)
				}
			}
		}
	}
	if same < 100 {
		t.Errorf("the answers agree %d times; the recorded objects have more that both judge", same)
	}
}

func file(to map[string]map[azward.ResourceKey]azurepolicy.State, by string, id azward.ResourceID, s azurepolicy.State) {
	if to[by] == nil {
		to[by] = map[azward.ResourceKey]azurepolicy.State{}
	}
	to[by][id.Key()] = s
}

// TestDefault_profile_has_no_doubles: a rule of ours carries the items of the
// definitions that it stands for, and these are left out; without the rule they
// stay.
func TestDefault_profile_has_no_doubles(t *testing.T) {
	t.Parallel()
	catalog, _ := builtIn(t)
	rules, _, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	whole, err := policy.Select(policy.ProfileDefault, rules, catalog)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the default profile: %d rules and %d definitions", len(whole.Rules), len(whole.Policies))
	if n := len(whole.Rules) + len(whole.Policies); n < 300 || n > 400 {
		t.Errorf("the default profile holds %d rules and definitions", n)
	}
	of := func(p policy.Profile, definition string) bool {
		return slices.ContainsFunc(p.Policies, func(x *azurepolicy.Policy) bool { return strings.EqualFold(x.Definition.Name, definition) })
	}
	const httpsOnly = "404c3081-a854-4457-ae30-26a93ef643f9"
	if of(whole, httpsOnly) {
		t.Error("the definition about HTTPS alone is evaluated beside the rule")
	}
	for _, r := range whole.Rules {
		if r.ID == "storage-https-only" && !slices.ContainsFunc(r.Frameworks, func(s string) bool { return strings.Contains(s, "Azure_Security_Benchmark_v3.0_DP-3") }) {
			t.Errorf("the rule does not carry the item of the definition: %v", r.Frameworks)
		}
	}
	none, err := policy.Select(policy.ProfileDefault, nil, catalog)
	if err != nil {
		t.Fatal(err)
	}
	if !of(none, httpsOnly) {
		t.Error("without the rule the definition is left out, too")
	}
	for _, r := range rules {
		if r.ID == "storage-https-only" && len(r.Frameworks) > 4 {
			t.Error("the rule itself was changed")
		}
	}
}

func overlapsOf(t *testing.T) []policy.Overlap {
	t.Helper()
	list, err := policy.Overlaps()
	if err != nil || len(list) == 0 {
		t.Fatalf("%d overlaps, %v", len(list), err)
	}
	return list
}

func ruleMap(t *testing.T) map[string]*policy.Rule {
	t.Helper()
	rules, _, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*policy.Rule{}
	for _, r := range rules {
		out[r.ID] = r
	}
	return out
}
