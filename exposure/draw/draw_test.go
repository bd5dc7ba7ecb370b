package draw_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/exposure"
	"github.com/azward/azward/exposure/draw"
)

var update = flag.Bool("update", false, "write the golden files anew")

func hop(kind, name, summary string, answer azward.Answer) exposure.Hop {
	return exposure.Hop{Resource: azward.ResourceID("/subscriptions/s/providers/Microsoft.Network/" + kind + "/" + name), Kind: kind, Name: name, Answer: answer, Summary: summary}
}

func pictures() []draw.Picture {
	web := azward.Workload{Name: "vm-web-1"}
	return []draw.Picture{
		draw.OfExposure(exposure.Exposure{
			Workload: web, From: "internet", Answer: azward.Yes, Summary: "reached from any address on tcp 443 through load balancer lb-web",
			Path: []exposure.Hop{
				hop("publicIPAddress", "pip-web", "is 20.1.2.3", azward.Yes),
				hop("loadBalancer", "lb-web", "has a frontend with a public address", azward.Yes),
				hop("networkSecurityGroup", "nsg-web / AllowHttps", "allows tcp 443 from Internet (priority 200)", azward.Yes),
			},
		}),
		draw.OfResult(exposure.Result{
			Answer: azward.No, From: "203.0.113.9", To: "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm-sql", Protocol: "tcp", Port: 1433,
			Summary: `denied by "Deny<All>" & the rest`,
			Hops: []exposure.Hop{
				hop("networkSecurityGroup", "nsg-a-very-long-name-that-has-to-be-cut-somewhere / DenyAllInBound", "denies\u202e tcp 1433 from averyveryveryveryveryverylongwordwithoutanyspaceinit because of \x1b[31mit", azward.No),
				hop("networkInterface", "nic", "is not known", azward.Unknown),
			},
		}),
		{Title: "nothing leads there", From: "internet"},
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		file string
		draw func(io.Writer, ...draw.Picture) error
	}{{"paths.svg", draw.SVG}, {"paths.dot", draw.DOT}} {
		t.Run(tc.file, func(t *testing.T) {
			t.Parallel()
			var got bytes.Buffer
			if err := tc.draw(&got, pictures()...); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", tc.file)
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzSVG: whatever the names are, the picture is well-formed XML with no more
// elements than a harmless name has, and no control character in DOT.
func FuzzSVG(f *testing.F) {
	for _, s := range []string{"nsg-web", `"><script>alert(1)</script>`, "a\x00b\x1b[2J", "\u202eevil", "\xff\xfe", "]]>&lt;", strings.Repeat("w", 5000), `\" -> x [label="`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		hostile := []draw.Picture{{Title: s, From: s, Summary: s, Answer: azward.No, Hops: []exposure.Hop{{Resource: azward.ResourceID(s), Kind: s, Name: s, Summary: s}}}}
		var svg, dot bytes.Buffer
		if err := errors.Join(draw.SVG(&svg, hostile...), draw.DOT(&dot, hostile...)); err != nil {
			t.Fatal(err)
		}
		d := xml.NewDecoder(&svg)
		names := map[string]bool{"svg": true, "title": true, "desc": true, "style": true, "rect": true, "text": true, "tspan": true, "g": true, "path": true}
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if e, ok := token.(xml.StartElement); ok && !names[e.Name.Local] {
				t.Errorf("an element %s came in with a name", e.Name.Local)
			}
		}
		if strings.ContainsAny(dot.String(), "\x00\x1b\r") {
			t.Error("a control character is in the DOT file")
		}
	})
}
