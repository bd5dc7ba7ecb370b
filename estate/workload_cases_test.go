package estate_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/azward/azward/estate"
)

var update = flag.Bool("update", false, "rewrite the want parts of testdata")

// Each case holds an estate file and what is known of its workloads: name,
// kind and answer, then the evidence, containers and gaps.
func TestWorkloads(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/workloads/*.txtar")
	if err != nil || len(paths) < 10 {
		t.Fatalf("%d cases found (%v)", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			e := mustRead(t, path+".jsonl", string(archive.Files[0].Data), estate.ReadOptions{})
			got := describe(e.Workloads())
			if *update {
				archive.Files[1].Data = []byte(got)
				if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(archive.Files[1].Data), got); diff != "" {
				t.Errorf("workloads (-want +got):\n%s", diff)
			}
		})
	}
}

func describe(workloads []estate.Workload) string {
	var out strings.Builder
	for _, w := range workloads {
		fmt.Fprintf(&out, "%s %s: %s\n", w.Kind, w.Name, w.Running)
		for _, e := range w.Evidence {
			fmt.Fprintf(&out, "  %s %s = %s (%s)\n", e.Resource.Name(), e.Property, e.Value, e.Meaning)
		}
		for _, c := range w.Containers {
			fmt.Fprintf(&out, "  container %s %s", c.Name, c.Image)
			if c.Digest != "" {
				fmt.Fprintf(&out, " %.15s…", c.Digest)
			}
			if c.Init {
				out.WriteString(" init")
			}
			for _, p := range c.Ports {
				fmt.Fprintf(&out, " %d/%s", p.Port, p.Protocol)
				if p.HostPort != 0 {
					fmt.Fprintf(&out, "@%d", p.HostPort)
				}
			}
			for _, e := range c.Evidence {
				fmt.Fprintf(&out, " [%s %s]", e.Resource.Name(), e.Property)
			}
			out.WriteString("\n")
		}
		for _, g := range w.Gaps {
			fmt.Fprintf(&out, "  gap %s %s: %s\n", g.Kind, g.Reads, g.Error)
		}
	}
	return out.String()
}
