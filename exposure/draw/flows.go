package draw

import (
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/exposure"
)

// Flows writes who reaches whom in a cluster as a graph of Graphviz: a box
// for each namespace, an edge for each pair with open ports, and a dashed one
// where that is not known. Closed pairs are left out.
func Flows(w io.Writer, flows iter.Seq[exposure.PodFlow]) error {
	if _, err := io.WriteString(w, "digraph pods {\n\trankdir=LR;\n\tnode [shape=box, style=rounded, fontname=\"sans-serif\"];\n"); err != nil {
		return err
	}
	var all []azward.Workload
	seen := map[azward.ResourceID]bool{}
	meet := func(w azward.Workload) {
		if !seen[w.ID] {
			seen[w.ID] = true
			all = append(all, w)
		}
	}
	for f := range flows {
		meet(f.From)
		meet(f.To)
		label, style := strings.Join(f.Open, "\n"), ""
		switch f.Answer {
		case azward.No:
			continue
		case azward.Unknown:
			label, style = strings.Join(f.Unknown, "\n")+"?", ", style=dashed"
		}
		if _, err := fmt.Fprintf(w, "\t%s -> %s [label=%s%s];\n", quote(string(f.From.ID)), quote(string(f.To.ID)), quote(label), style); err != nil {
			return err
		}
	}
	slices.SortFunc(all, func(a, b azward.Workload) int { return strings.Compare(a.Name, b.Name) })
	return boxes(w, all)
}

// boxes writes the workloads, which come in order of their namespaces.
func boxes(w io.Writer, all []azward.Workload) error {
	var b strings.Builder
	last, n := "", 0
	for _, one := range all {
		namespace, name, _ := strings.Cut(one.Name, "/")
		if namespace != last {
			if last != "" {
				b.WriteString("\t}\n")
			}
			fmt.Fprintf(&b, "\tsubgraph cluster_%d {\n\t\tlabel=%s;\n", n, quote(namespace))
			last = namespace
			n++
		}
		fmt.Fprintf(&b, "\t\t%s [label=%s];\n", quote(string(one.ID)), quote(string(one.Kind)+"\n"+name))
	}
	if last != "" {
		b.WriteString("\t}\n")
	}
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}
