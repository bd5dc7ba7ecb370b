package template_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/azward/azward"
	"github.com/azward/azward/template"
)

var update = flag.Bool("update", false, "write what came out into the cases")

// options of the cases.
func options() template.Options {
	return template.Options{
		Path: "azuredeploy.json", Subscription: "11111111-1111-1111-1111-111111111111", ResourceGroup: "rg",
		At: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC),
	}
}

// TestCases expands the template of every case, and compares the resources,
// where they stand, and what could not be followed.
func TestCases(t *testing.T) {
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
			o, disk, want := options(), fstest.MapFS{}, ""
			var main template.File
			for _, f := range archive.Files {
				switch f.Name {
				case "azuredeploy.json":
					main = template.File{Name: f.Name, Content: f.Data}
				case "azuredeploy/parameters.json":
					o.Parameters = []template.File{{Name: "parameters.json", Content: f.Data}}
				case "want":
					want = string(f.Data)
				default:
					disk[f.Name] = &fstest.MapFile{Data: f.Data}
				}
			}
			o.Files = disk
			r, err := template.Expand(main, o)
			if err != nil {
				t.Fatal(err)
			}
			got := written(r)
			if strings.Contains(got, "hunter2") {
				t.Error("a secret is shown")
			}
			if *update {
				archive.Files[len(archive.Files)-1].Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func written(r *template.Result) string {
	var b strings.Builder
	for _, one := range r.Resources {
		body, _ := r.Estate.Resource(one.ID)
		maybe := ""
		if one.Maybe {
			maybe = " maybe"
		}
		fmt.Fprintf(&b, "%s:%d%s %s\n", one.File, one.Line, maybe, body.Body)
	}
	for _, g := range r.Gaps {
		fmt.Fprintf(&b, "gap %s %s\n", g.Scope, g.Error)
	}
	return b.String()
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	const schema = `{"$schema":"https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",`
	deep := strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200)
	for name, c := range map[string]struct{ file, text, parameters, cause string }{
		"bicep":             {file: "main.bicep", text: "param x string", cause: "it is Bicep"},
		"bicep_content":     {text: "@description('x')\nparam x string", cause: "it is Bicep"},
		"no_json":           {text: "{\n\n  \"a\": nope}", cause: "unexpected"},
		"no_template":       {text: `{"a":1}`, cause: "no Resource Manager template"},
		"parameters_file":   {text: `{"$schema":"https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#"}`, cause: "no Resource Manager template"},
		"no_resources":      {text: schema + `"x":1}`, cause: "no resources"},
		"deep":              {text: deep, cause: "deeper than 128"},
		"unclosed_comment":  {text: "/* x", cause: "a comment does not end"},
		"unknown_parameter": {text: schema + `"resources":[]}`, parameters: `{"parameters":{"x":{"value":1}}}`, cause: "no such parameter"},
		"wrong_type":        {text: schema + `"parameters":{"x":{"type":"int"}},"resources":[]}`, parameters: `{"parameters":{"x":{"value":"a"}}}`, cause: "no int"},
		"not_allowed":       {text: schema + `"parameters":{"x":{"type":"string","allowedValues":["a"]}},"resources":[]}`, parameters: `{"parameters":{"x":{"value":"hunter2"}}}`, cause: "none of allowedValues"},
		"too_short":         {text: schema + `"parameters":{"x":{"type":"securestring","minLength":12}},"resources":[]}`, parameters: `{"parameters":{"x":{"value":"hunter2"}}}`, cause: "minLength 12"},
		"too_large":         {text: schema + `"parameters":{"x":{"type":"int","maxValue":3}},"resources":[]}`, parameters: `{"parameters":{"x":{"value":4}}}`, cause: "maxValue 3"},
		"bicep_parameters":  {text: schema + `"resources":[]}`, parameters: "using 'main.bicep'\nparam x = 1", cause: "it is Bicep"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options()
			if c.parameters != "" {
				o.Parameters = []template.File{{Name: "parameters.json", Content: []byte(c.parameters)}}
			}
			file := c.file
			if file == "" {
				file = "azuredeploy.json"
			}
			_, err := template.Expand(template.File{Name: file, Content: []byte(c.text)}, o)
			if azward.KindOf(err) != azward.KindBadInput || !strings.Contains(err.Error(), c.cause) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestRunaway: loops within loops end at a bound that is named.
func TestRunaway(t *testing.T) {
	t.Parallel()
	nested := `{"type":"Microsoft.Web/serverfarms","apiVersion":"1","name":"[format('{0}',copyIndex())]","copy":{"name":"c","count":800}}`
	for i := range 3 {
		nested = fmt.Sprintf(`{"type":"Microsoft.Resources/deployments","apiVersion":"1","name":"[format('d%d-{0}',copyIndex())]","copy":{"name":"d%d","count":800},"properties":{"template":{"resources":[%s]}}}`, i, i, nested)
	}
	text := `{"$schema":"https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#","resources":[` + nested + `]}`
	_, err := template.Expand(template.File{Name: "azuredeploy.json", Content: []byte(text)}, options())
	if azward.KindOf(err) != azward.KindBadInput || !strings.Contains(err.Error(), "azuredeploy.json:1") {
		t.Errorf("got %v", err)
	}
}

// TestLine finds properties, or what is above them.
func TestLine(t *testing.T) {
	t.Parallel()
	archive, err := txtar.ParseFile("testdata/children.txtar")
	if err != nil {
		t.Fatal(err)
	}
	r, err := template.Expand(template.File{Name: "azuredeploy.json", Content: archive.Files[0].Data}, options())
	if err != nil {
		t.Fatal(err)
	}
	const group = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/"
	for _, c := range []struct {
		id, pointer string
		want        int
	}{
		{"Microsoft.Network/networkSecurityGroups/nsg", "/properties/securityRules/0/properties/access", 7},
		{"Microsoft.Network/networkSecurityGroups/nsg", "/properties/securityRules/1/properties/access", 11},
		{"Microsoft.Network/networkSecurityGroups/nsg", "/properties/flushConnection", 7},
		{"Microsoft.Network/networkSecurityGroups/nsg/securityRules/web", "/properties/access", 5},
		{"Microsoft.Web/sites/shop/config/web", "/properties/minTlsVersion", 30},
		{"Microsoft.Web/sites/shop/config/web", "/properties/ftpsState", 30},
	} {
		file, line, ok := r.Line(azward.ResourceID(group+c.id), c.pointer)
		if file != "azuredeploy.json" || line != c.want || !ok {
			t.Errorf("%s %s: %s:%d", c.id, c.pointer, file, line)
		}
	}
}

// FuzzExpand: whatever a template says, it is refused or expanded, twice the
// same, and every resource stands in a line of it.
func FuzzExpand(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(archive.Files[0].Data)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		once := func() string {
			r, err := template.Expand(template.File{Name: "azuredeploy.json", Content: raw}, options())
			if err != nil {
				return err.Error()
			}
			for _, one := range r.Resources {
				if most := strings.Count(string(raw), "\n") + 1; one.Line < 1 || one.Line > most {
					t.Fatalf("%s stands in line %d of %d", one.ID, one.Line, most)
				}
			}
			return written(r)
		}
		if a, b := once(), once(); a != b {
			t.Fatalf("twice, and not the same:\n%s\n%s", a, b)
		}
	})
}

// FuzzExpression: an expression gives a value, or a gap that names its line.
func FuzzExpression(f *testing.F) {
	for _, s := range []string{"[concat('a', resourceGroup().name)]", "[if(true(), 1, null())]", "[map(createArray(1), lambda('x', lambdaVariables('x')))]", "[[a]", "[own.f()]", "[cidrSubnet('10.0.0.0/8', 24, 4)]", "[parseCidr('::/0')]", "[dateTimeAdd(utcNow(), 'P1D')]", "[range(0,9)[?1]]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text := `{"$schema":"https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#","resources":[
{"type":"Microsoft.Web/serverfarms","apiVersion":"1","name":"p","tags":{"x":` + string(azward.JSONValue(s)) + `}}]}`
		r, err := template.Expand(template.File{Name: "azuredeploy.json", Content: []byte(text)}, options())
		if err != nil {
			return
		}
		for _, g := range r.Gaps {
			if g.Scope != "azuredeploy.json:2" {
				t.Fatalf("%s %s", g.Scope, g.Error)
			}
		}
		if len(r.Resources) != 1 {
			t.Fatalf("%d resources", len(r.Resources))
		}
	})
}
