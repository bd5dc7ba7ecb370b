package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure"
	"github.com/azward/azward/report"
	"github.com/azward/azward/terraform"
)

func exposureDiffCommand(a *app) *cobra.Command {
	var before, after, plan []string
	var cluster string
	var complete bool
	c := &cobra.Command{
		Use: "diff --before FILE (--after FILE | --plan FILE)", Short: "What becomes reachable, and what ceases, from one estate to another", Args: cobra.NoArgs,
		Long: `Compare who reaches what in two estates. --plan lays a Terraform plan, Kubernetes
manifests or ARM objects over the first estate instead: an object of the same ID
is replaced. A plan is what "terraform show -json" prints; its resource types
that azward does not map are named.
Exit code 3 when a workload becomes reachable, or reachable on more; 4 when one
becomes unknown, or a part of the plan could not be followed.`,
		Example: `  azward exposure diff --before monday.ndjson.zst --after tuesday.ndjson.zst
  azward exposure diff --before tenant.ndjson.zst --plan manifests/ --cluster aks-prod
  terraform show -json plan.tfplan > plan.json
  azward exposure diff --before tenant.ndjson.zst --plan plan.json`,
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
			second, left, err := secondEstate(cmd.Context(), first, o, after, plan)
			if err != nil {
				return err
			}
			if first, err = a.withServiceTags(first); err != nil {
				return err
			}
			if second, err = a.withServiceTags(second); err != nil {
				return err
			}
			if err := a.tellLeft(left); err != nil {
				return err
			}
			changes := exposure.Compare(exposure.All(first), exposure.All(second))
			if err := a.writeChanges(changes); err != nil {
				return err
			}
			return judgeChanges(changes, left)
		},
	}
	flags := c.Flags()
	flags.StringArrayVar(&before, "before", nil, "the first estate: a file, export or folder (repeatable)")
	flags.StringArrayVar(&after, "after", nil, "the second estate (repeatable)")
	flags.StringArrayVar(&plan, "plan", nil, "a Terraform plan in JSON, manifests or ARM objects to lay over the first estate (repeatable)")
	flags.StringVar(&cluster, "cluster", "", "cluster that Kubernetes objects of the files belong to")
	flags.BoolVar(&complete, "complete", false, "the files leave nothing out: on your word, at the price of confidence")
	return c
}

// secondEstate is what the first is compared with, and what of a plan could
// not be followed. Terraform plans are laid over it in their order, then the
// other files.
func secondEstate(ctx context.Context, first *estate.Estate, o estate.ReadOptions, after, plan []string) (*estate.Estate, []azward.Gap, error) {
	if len(after) > 0 {
		e, err := estate.Open(ctx, o, after...)
		return e, nil, err
	}
	second := first
	var left []azward.Gap
	var others []string
	for _, file := range plan {
		p, err := readPlan(file)
		switch {
		case err != nil:
			return nil, nil, err
		case p == nil:
			others = append(others, file)
			continue
		}
		e, gaps, err := p.Over(second)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", file, err)
		}
		second, left = e, append(left, gaps...)
	}
	if len(others) == 0 {
		return second, left, nil
	}
	e, err := estate.Overlay(ctx, second, o, others...)
	return e, left, err
}

// planHeadBytes is how much of a file tells whether it is a Terraform plan:
// its version stands at the beginning.
const planHeadBytes = 4 << 10

// readPlan reads a Terraform plan; nil when the file is none. What cannot be
// read is left to who reads the other files.
func readPlan(file string) (*terraform.Plan, error) {
	if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
		return nil, nil // whoever reads the other files says what is wrong
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, nil
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, planHeadBytes)
	if head, err := in.Peek(planHeadBytes); err != nil && len(head) == 0 || !terraform.IsPlan(head) {
		return nil, nil
	}
	return terraform.Read(in, file)
}

// tellLeft names on standard error what of a plan could not be followed.
func (a *app) tellLeft(left []azward.Gap) error {
	if a.quiet {
		return nil
	}
	for _, g := range left {
		if _, err := fmt.Fprintf(a.stderr, "not followed: %s: %s\n", g.Reads, g.Error); err != nil {
			return err
		}
	}
	return nil
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
func judgeChanges(changes []exposure.Change, left []azward.Gap) error {
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
	if len(left) > 0 {
		return &azward.Error{
			Kind: azward.KindUndecided, Op: "compare exposure", Cause: fmt.Sprintf("nothing is known to open, but %d parts of the plan could not be followed", len(left)),
			Remedy: "they are named on standard error; compare again with an estate collected after apply",
		}
	}
	return nil
}
