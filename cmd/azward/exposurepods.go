package main

import (
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure"
	"github.com/azward/azward/exposure/draw"
	"github.com/azward/azward/report"
)

func exposurePodsCommand(a *app, f *estateFlags) *cobra.Command {
	var to, from string
	c := &cobra.Command{
		Use: "pods [--cluster NAME]", Short: "Which workloads of a cluster reach which, on which ports", Args: cobra.NoArgs,
		Long: `Answer for every pair of a cluster's workloads on which declared ports the pods of
one may open connections to those of the other, as the network policies at both
ends say. The table shows for each workload and port who reaches it, by
namespace; json holds every pair, dot those that are open or not known.
One pair with its reasons: azward exposure check --from pod/NAMESPACE/NAME …`,
		Example: `  azward exposure pods --cluster aks-prod
  azward exposure pods --cluster aks-prod --to shop --output dot | dot -Tsvg -o shop.svg`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.only("table", "json", "dot"); err != nil {
				return err
			}
			e, err := f.open(a, cmd)
			if err != nil {
				return err
			}
			cluster, err := podCluster(e, f.cluster)
			if err != nil {
				return err
			}
			flows := among(exposure.PodFlows(e, cluster), from, to)
			gaps := exposure.PodGaps(e, cluster)
			return a.write(func(w io.Writer) error {
				switch a.output {
				case "json":
					return writePodFlows(w, flows)
				case "dot":
					return draw.Flows(w, flows)
				}
				return podTable(w, flows, gaps)
			})
		},
	}
	c.Flags().StringVar(&from, "from", "", "sources of this namespace alone, or of this NAMESPACE/NAME")
	c.Flags().StringVar(&to, "to", "", "targets of this namespace alone, or of this NAMESPACE/NAME")
	return c
}

// podCluster is the cluster of this name, or the only one.
func podCluster(e *estate.Estate, name string) (azward.ResourceID, error) {
	all := exposure.PodClusters(e)
	fitting := slices.DeleteFunc(slices.Clone(all), func(id azward.ResourceID) bool {
		return name != "" && !strings.EqualFold(id.Name(), name) && !id.Equal(azward.ResourceID(name))
	})
	if len(fitting) == 1 {
		return fitting[0], nil
	}
	names := make([]string, 0, len(all))
	for _, id := range all {
		names = append(names, id.Name())
	}
	err := &azward.Error{Kind: azward.KindUsage, Op: "choose cluster", Subject: fmt.Sprintf("%.80q", name), Cause: fmt.Sprintf("%d clusters with workloads fit", len(fitting))}
	if len(names) == 0 {
		err.Remedy = "collect a cluster's objects: azward scan, or name files with --estate and --cluster"
	} else {
		err.Remedy = "name one of them with --cluster: " + strings.Join(names, ", ")
	}
	return "", err
}

// among keeps the pairs between two namespaces or workloads.
func among(flows iter.Seq[exposure.PodFlow], from, to string) iter.Seq[exposure.PodFlow] {
	fits := func(name, want string) bool {
		namespace, _, _ := strings.Cut(name, "/")
		return want == "" || name == want || namespace == want
	}
	return func(yield func(exposure.PodFlow) bool) {
		for f := range flows {
			if fits(f.From.Name, from) && fits(f.To.Name, to) && !yield(f) {
				return
			}
		}
	}
}

// writePodFlows writes one JSON array, pair by pair: a cluster has millions.
func writePodFlows(w io.Writer, flows iter.Seq[exposure.PodFlow]) error {
	before := "[\n"
	for f := range flows {
		if _, err := io.WriteString(w, before); err != nil {
			return err
		}
		if err := report.JSON(w, f); err != nil {
			return err
		}
		before = ","
	}
	if before != "," {
		_, err := io.WriteString(w, "[]\n")
		return err
	}
	_, err := io.WriteString(w, "]\n")
	return err
}

// callers are who reaches one port of a workload, by namespace.
type callers struct {
	port          string
	open, unclear map[string][]string
}

// podTable shows for each workload and port who reaches it.
func podTable(w io.Writer, flows iter.Seq[exposure.PodFlow], gaps []azward.Gap) error {
	t := newTable("workload", "port", "reached from", "not known")
	t.SetColumnConfigs([]table.ColumnConfig{{Name: "workload", WidthMax: 40}, {Name: "reached from", WidthMax: 70}, {Name: "not known", WidthMax: 50}})
	var at azward.Workload
	var ports []callers
	all := map[string]int{}
	flush := func() {
		if at.ID == "" {
			return
		}
		if len(ports) == 0 {
			t.AppendRow(table.Row{at.Name, "-", "nobody on a port that it declares", ""})
		}
		for _, p := range ports {
			t.AppendRow(table.Row{at.Name, p.port, byNamespace(p.open, all), byNamespace(p.unclear, all)})
		}
		ports = nil
		clear(all)
	}
	for f := range flows {
		if f.To.ID != at.ID {
			flush()
			at = f.To
		}
		namespace, name, _ := strings.Cut(f.From.Name, "/")
		all[namespace]++
		note := func(list []string, into func(*callers) map[string][]string) {
			for _, port := range list {
				i := slices.IndexFunc(ports, func(c callers) bool { return c.port == port })
				if i < 0 {
					ports = append(ports, callers{port, map[string][]string{}, map[string][]string{}})
					i = len(ports) - 1
				}
				held := into(&ports[i])
				held[namespace] = append(held[namespace], name)
			}
		}
		note(f.Open, func(c *callers) map[string][]string { return c.open })
		note(f.Unknown, func(c *callers) map[string][]string { return c.unclear })
		if f.Answer == azward.Unknown && len(f.Unknown) == 0 {
			note([]string{"not declared"}, func(c *callers) map[string][]string { return c.unclear })
		}
	}
	flush()
	if _, err := fmt.Fprintln(w, t.Render()); err != nil {
		return err
	}
	for _, g := range gaps {
		if _, err := fmt.Fprintf(w, "  missing: %s of %s: %s\n", g.Reads, g.Scope, g.Error); err != nil {
			return err
		}
	}
	return nil
}

// byNamespace names callers briefly: "all of shop; pay: api, worker".
func byNamespace(names map[string][]string, all map[string]int) string {
	const shown = 4 // more names hide the others
	var parts []string
	for _, namespace := range slices.Sorted(maps.Keys(names)) {
		list := names[namespace]
		switch {
		case len(list) == all[namespace] && len(list) > 1:
			parts = append(parts, "all of "+namespace)
		case len(list) > shown:
			parts = append(parts, fmt.Sprintf("%s: %s and %d more", namespace, strings.Join(list[:shown], ", "), len(list)-shown))
		default:
			parts = append(parts, namespace+": "+strings.Join(list, ", "))
		}
	}
	return strings.Join(parts, "; ")
}
