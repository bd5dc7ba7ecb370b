package terraform_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"sigs.k8s.io/yaml"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure"
	"github.com/azward/azward/terraform"
)

var update = flag.Bool("update", false, "write what came out into the cases")

const sub = "/subscriptions/11111111-1111-1111-1111-111111111111"

func tenant(t testing.TB, stream string) *estate.Estate {
	t.Helper()
	var b estate.Builder
	for doc := range strings.SplitSeq("\n"+stream, "\n---") {
		raw, err := yaml.YAMLToJSON([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		if string(raw) == "null" {
			continue
		}
		if err := b.AddARM(raw, estate.Provenance{Source: azward.SourceARM}); err != nil {
			t.Fatal(err)
		}
	}
	b.AddListing(estate.Listing{Scope: "/", Type: estate.AllTypes, Status: estate.ListingComplete})
	return b.Build()
}

// TestPlans lays the plan of every case over its estate, and compares what
// becomes of who reaches what, and what of the plan is not followed.
func TestPlans(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
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
			part := map[string]string{}
			for _, f := range archive.Files {
				part[f.Name] = strings.ReplaceAll(string(f.Data), "${rg}", sub+"/resourceGroups/rg")
			}
			raw, err := yaml.YAMLToJSON([]byte(part["plan.yaml"]))
			if err != nil {
				t.Fatal(err)
			}
			if !terraform.IsPlan(raw) {
				t.Error("not known as a plan")
			}
			p, err := terraform.Read(strings.NewReader(string(raw)), "plan.json")
			if err != nil {
				t.Fatal(err)
			}
			before := tenant(t, part["arm.yaml"])
			after, gaps, err := p.Over(before)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range exposure.Compare(exposure.All(before), exposure.All(after)) {
				got = append(got, string(c.Kind)+" "+c.Workload.Name+": "+c.Summary)
			}
			for _, r := range after.OfType("Microsoft.ContainerService/managedClusters") {
				old := "none"
				if was, ok := before.Resource(r.ID); ok {
					old = exposure.PublicEndpoint(before, was).Answer.String()
				}
				x := exposure.PublicEndpoint(after, r)
				got = append(got, "API server of "+r.Name+", before "+old+", now "+x.Answer.String()+": "+x.Summary)
			}
			for _, g := range gaps {
				got = append(got, "gap "+g.Reads+": "+g.Error)
			}
			if len(got) == 0 {
				got = []string{"nothing"}
			}
			sort.Strings(got)
			if *update {
				archive.Files[len(archive.Files)-1].Data = []byte(strings.Join(got, "\n") + "\n")
				if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			want := strings.Split(strings.TrimSpace(part["want"]), "\n")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"no_json":        "{",
		"state":          `{"format_version":"1.0","terraform_version":"1.9.0","values":{}}`,
		"future_version": `{"format_version":"2.0","resource_changes":[]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := terraform.Read(strings.NewReader(text), "plan.json")
			if azward.KindOf(err) != azward.KindBadInput {
				t.Errorf("got %v", err)
			}
		})
	}
}

// FuzzOver: whatever a plan says, it is refused or laid over, and the same
// plan gives the same estate.
func FuzzOver(f *testing.F) {
	f.Add(`{"format_version":"1.0","resource_changes":[{"type":"azurerm_subnet","name":"a","change":{"actions":["create"],"after":{"name":"s","resource_group_name":"rg","virtual_network_name":"v"},"after_unknown":true}}]}`)
	f.Add(`{"format_version":"1.2","resource_changes":[null,{"type":"azapi_resource","name":"a","change":{"actions":["delete","create"],"before":{"id":"x"},"after":{"type":"Microsoft.Network/x@1","parent_id":"/subscriptions/a/resourceGroups/b","name":"c","body":"{}"}}}],"configuration":{"root_module":{"module_calls":{"m":{}}}}}`)
	f.Add(`{"format_version":"1.2","resource_changes":[{"type":"azurerm_network_interface_backend_address_pool_association","change":{"actions":["update"],"after_unknown":{"network_interface_id":true}}}],"configuration":{"root_module":{"resources":[{"type":"azurerm_network_interface_backend_address_pool_association","expressions":{"network_interface_id":{"references":["module.a.b","var.c"]}}}]}}}`)
	e := tenant(f, "id: "+sub+"/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v\nproperties: {subnets: [{name: s}]}")
	f.Fuzz(func(t *testing.T, text string) {
		once := func() string {
			p, err := terraform.Read(strings.NewReader(text), "plan.json")
			if err != nil {
				return "refused"
			}
			after, gaps, err := p.Over(e)
			if err != nil {
				return "not laid over"
			}
			raw, err := json.Marshal(gaps)
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			if err := after.Write(&out); err != nil {
				t.Fatal(err)
			}
			return out.String() + string(raw)
		}
		if a, b := once(), once(); a != b {
			t.Fatalf("twice, and not the same:\n%s\n%s", a, b)
		}
	})
}
