package terraform_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"sigs.k8s.io/yaml"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/terraform"
)

// TestPosture lays the plan of every case over nothing, and compares the
// objects that come of it.
func TestPosture(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/posture/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := yaml.YAMLToJSON(archive.Files[0].Data)
			if err != nil {
				t.Fatal(err)
			}
			p, err := terraform.Read(strings.NewReader(string(raw)), "plan.json")
			if err != nil {
				t.Fatal(err)
			}
			p.In("11111111-1111-1111-1111-111111111111")
			planned, err := p.Posture(new(estate.Builder).Build())
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			for r := range planned.Estate.All() {
				fmt.Fprintf(&out, "%s %s\n", r.Source, r.Body)
			}
			for _, g := range planned.Gaps {
				fmt.Fprintf(&out, "gap %s: %s\n", g.Reads, g.Error)
			}
			got := out.String()
			if strings.Contains(got, "hunter2") {
				t.Error("a secret is shown")
			}
			last := len(archive.Files) - 1
			if *update {
				archive.Files[last].Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(archive.Files[last].Data), got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestPlanLines finds where in a plan a resource, or a part of it, stands.
func TestPlanLines(t *testing.T) {
	t.Parallel()
	const plan = `{"format_version":"1.2","terraform_version":"1.9.0",
"planned_values":{"root_module":{"resources":[{"address":"azurerm_key_vault.a"}]}},
"resource_changes":[
 {
  "address": "azurerm_key_vault.a", "mode":"managed","type":"azurerm_key_vault","name":"a",
  "change":{"actions":["create"],"after":{"name":"kv","resource_group_name":"rg"},"after_unknown":{"id":true}}
 }
],
"configuration":{"root_module":{"resources":[{"address":"azurerm_key_vault.a"}]}}}`
	p, err := terraform.Read(strings.NewReader(plan), "plan.json")
	if err != nil {
		t.Fatal(err)
	}
	planned, err := p.Posture(new(estate.Builder).Build())
	if err != nil {
		t.Fatal(err)
	}
	const id azward.ResourceID = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv"
	for _, one := range []azward.ResourceID{id, id.Child("secrets", "s")} {
		if line, ok := planned.Line(one); line != 5 || !ok {
			t.Errorf("%s: %d", one, line)
		}
	}
	if _, ok := planned.Line("/subscriptions/x"); ok {
		t.Error("found what is not planned")
	}
}
