package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/azward/azward"
	"github.com/azward/azward/report"
	"github.com/azward/azward/store"
)

// whyNot explains what keeps a verdict from being exploitable, or known.
type whyNot struct {
	Verdict azward.VerdictID `json:"verdict"`
	Result  azward.Result    `json:"result"`
	// Blocks are the conditions that are No; each alone is enough.
	Blocks []azward.Condition `json:"blocks"`
	// Missing is what would settle an unknown verdict.
	Missing []missing `json:"missing"`
}

// missing is one gap of an unknown verdict.
type missing struct {
	azward.Gap
	// Verdicts that are unknown and name this gap, and of them those that name
	// no other: closing it settles these.
	Verdicts int `json:"verdicts"`
	Settles  int `json:"settles"`
}

func whyNotCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "why-not VERDICT", Short: "Show what keeps a verdict from being exploitable, or known", Args: cobra.ExactArgs(1),
		Long: `For a verdict that is not exploitable: every condition that blocks it, each with
the facts to watch. For one that is unknown: what is missing, which action on
which scope supplies it, and how many verdicts that would settle.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.only("table", "json"); err != nil {
				return err
			}
			id, err := azward.ParseVerdictID(args[0])
			if err != nil {
				return err
			}
			kept, err := a.store(cmd.Context())
			if err != nil {
				return err
			}
			v, err := kept.Verdict(cmd.Context(), id)
			if err != nil {
				return err
			}
			found := whyNot{Verdict: v.ID, Result: v.Result, Blocks: []azward.Condition{}, Missing: []missing{}}
			for _, c := range v.Conditions {
				if c.Answer == azward.No {
					found.Blocks = append(found.Blocks, c)
				}
			}
			if found.Missing, err = a.missingOf(cmd.Context(), v); err != nil {
				return err
			}
			return a.write(func(w io.Writer) error {
				if a.output == "json" {
					return report.JSON(w, found)
				}
				return found.write(w, v)
			})
		},
	}
}

// missingOf counts for each gap of a verdict the others that it would settle,
// the most useful gap first.
func (a *app) missingOf(ctx context.Context, v azward.Verdict) ([]missing, error) {
	list := make([]missing, 0, len(v.Gaps))
	for _, g := range v.Gaps {
		list = append(list, missing{Gap: g})
	}
	if len(list) == 0 {
		return list, nil
	}
	kept, err := a.store(ctx)
	if err != nil {
		return nil, err
	}
	for other, err := range kept.Verdicts(ctx, store.Filter{Exploitable: []azward.Answer{azward.Unknown}}) {
		if err != nil {
			return nil, err
		}
		for i := range list {
			if slices.Contains(other.Gaps, list[i].Gap) {
				list[i].Verdicts++
				if len(other.Gaps) == 1 {
					list[i].Settles++
				}
			}
		}
	}
	slices.SortStableFunc(list, func(a, b missing) int {
		return cmp.Or(cmp.Compare(b.Settles, a.Settles), cmp.Compare(b.Verdicts, a.Verdicts))
	})
	return list, nil
}

func (n whyNot) write(w io.Writer, v azward.Verdict) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", v.Summary)
	switch v.Exploitable {
	case azward.Yes:
		b.WriteString("\nnothing keeps it from being exploitable; azward explain shows the way in\n")
	case azward.No:
		fmt.Fprintf(&b, "\n%d conditions block it, each of them alone:\n", len(n.Blocks))
		for _, c := range n.Blocks {
			fmt.Fprintf(&b, "\n%s: %s\n", c.ID, c.Summary)
			for _, e := range c.Evidence {
				if e.Source != azward.SourceListing {
					fmt.Fprintf(&b, "    %s\n        %s = %s\n", e.Resource, cmp.Or(e.Property, "(whole)"), factText(e.Value))
				}
			}
		}
		b.WriteString("\ntry a change with azward what-if before somebody makes it\n")
	default:
		b.WriteString("\nwhat is missing, the most useful first:\n")
		for _, m := range n.Missing {
			fmt.Fprintf(&b, "\n%s in %s\n", m.Reads, m.Scope)
			for _, line := range []struct{ name, text string }{{"why", m.Error}, {"needs", m.Needs}, {"hint", m.Remedy}} {
				if line.text != "" {
					fmt.Fprintf(&b, "    %s: %s\n", line.name, line.text)
				}
			}
			fmt.Fprintf(&b, "    %d unknown verdicts name it; %d of them name nothing else\n", m.Verdicts, m.Settles)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
