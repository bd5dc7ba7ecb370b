package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure"
	"github.com/azward/azward/report"
)

func exposureDiffCommand(a *app) *cobra.Command {
	var before, after, plan []string
	var cluster string
	var complete bool
	c := &cobra.Command{
		Use: "diff --before FILE (--after FILE | --plan FILE)", Short: "What becomes reachable, and what ceases, from one estate to another", Args: cobra.NoArgs,
		Long: `Compare who reaches what in two estates. --plan lays Kubernetes manifests or ARM
objects over the first estate instead: an object of the same ID is replaced.
Exit code 3 when a workload becomes reachable, or reachable on more; 4 when one
becomes unknown.`,
		Example: `  azward exposure diff --before monday.ndjson.zst --after tuesday.ndjson.zst
  azward exposure diff --before tenant.ndjson.zst --plan manifests/ --cluster aks-prod`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.only("table", "json"); err != nil {
				return err
			}
			if len(before) == 0 || len(after)+len(plan) == 0 || len(after) > 0 && len(plan) > 0 {
				return &azward.Error{
					Kind: azward.KindUsage, Op: "compare estates", Cause: "it takes --before, and one of --after and --plan",
					Remedy: "see azward exposure diff --help",
				}
			}
			o := estate.ReadOptions{Cluster: cluster, Complete: complete}
			first, err := estate.Open(cmd.Context(), o, before...)
			if err != nil {
				return err
			}
			second, err := secondEstate(cmd.Context(), first, o, after, plan)
			if err != nil {
				return err
			}
			changes := exposure.Compare(exposure.All(first), exposure.All(second))
			if err := a.writeChanges(changes); err != nil {
				return err
			}
			return judgeChanges(changes)
		},
	}
	flags := c.Flags()
	flags.StringArrayVar(&before, "before", nil, "the first estate: a file, export or folder (repeatable)")
	flags.StringArrayVar(&after, "after", nil, "the second estate (repeatable)")
	flags.StringArrayVar(&plan, "plan", nil, "manifests or ARM objects to lay over the first estate (repeatable)")
	flags.StringVar(&cluster, "cluster", "", "cluster that Kubernetes objects of the files belong to")
	flags.BoolVar(&complete, "complete", false, "the files leave nothing out: on your word, at the price of confidence")
	return c
}

// secondEstate is what the first is compared with.
func secondEstate(ctx context.Context, first *estate.Estate, o estate.ReadOptions, after, plan []string) (*estate.Estate, error) {
	if len(after) > 0 {
		return estate.Open(ctx, o, after...)
	}
	return estate.Overlay(ctx, first, o, plan...)
}

func (a *app) writeChanges(changes []exposure.Change) error {
	return a.write(func(w io.Writer) error {
		if a.output == "json" {
			if changes == nil {
				changes = []exposure.Change{}
			}
			return report.JSON(w, changes)
		}
		if len(changes) == 0 {
			_, err := fmt.Fprintln(w, "no workload is reached otherwise than before")
			return err
		}
		t := newTable("change", "kind", "workload", "why")
		t.SetColumnConfigs([]table.ColumnConfig{{Name: "workload", WidthMax: 40}, {Name: "why", WidthMax: 90}})
		for _, c := range changes {
			t.AppendRow(table.Row{c.Kind, c.Workload.Kind, c.Workload.Name, c.Summary})
		}
		_, err := fmt.Fprintln(w, t.Render())
		return err
	})
}

// judgeChanges fails a pipeline on what was opened.
func judgeChanges(changes []exposure.Change) error {
	has := func(kinds ...exposure.ChangeKind) (n int) {
		for _, c := range changes {
			if slices.Contains(kinds, c.Kind) {
				n++
			}
		}
		return n
	}
	if n := has(exposure.Opened, exposure.Widened); n > 0 {
		return &azward.Error{Kind: azward.KindFailOn, Op: "compare exposure", Cause: fmt.Sprintf("%d workloads become reachable, or reachable on more", n)}
	}
	if n := has(exposure.Unclear); n > 0 {
		return &azward.Error{
			Kind: azward.KindUndecided, Op: "compare exposure", Cause: fmt.Sprintf("nothing is known to open, but %d workloads become unknown", n),
			Remedy: "see what is missing with azward exposure check",
		}
	}
	return nil
}
