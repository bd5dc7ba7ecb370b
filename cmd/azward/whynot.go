package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/azward/azward"
	"github.com/azward/azward/exposure"
	"github.com/azward/azward/exposure/draw"
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
	// Settings are what would open a path that is closed, or close the one that
	// is open; each set was tried on the last scan's estate.
	Settings []exposure.Counterfactual `json:"settings"`
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
		Use: "why-not VERDICT", Short: "Show what keeps a verdict from being exploitable, or known, and what would change that", Args: cobra.ExactArgs(1),
		Long: `For a verdict that is not exploitable: every condition that blocks it, each with
the facts to watch. For one that is unknown: what is missing, which action on
which scope supplies it, and how many verdicts that would settle. For one that is
exploitable: the settings that would close the way in.`,
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
			if found.Settings, err = a.settingsOf(cmd.Context(), v); err != nil {
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

// settingsOf asks which settings would change whether the verdict's workload is
// reached. Without an estate there are none.
func (a *app) settingsOf(ctx context.Context, v azward.Verdict) ([]exposure.Counterfactual, error) {
	none := []exposure.Counterfactual{}
	e, _, err := a.lastEstate(ctx, "")
	switch {
	case err == nil:
	case azward.KindOf(err) == azward.KindNotFound:
		return none, nil // no estate is kept: then nothing can be tried
	default:
		return nil, err
	}
	w, ok := e.Workload(v.Workload.ID)
	if !ok { // another connection's scan was the last
		return none, nil
	}
	return exposure.Counterfactuals(e, w)
}

// writeSettings tells them, the shortest sets first as they come.
func writeSettings(b *strings.Builder, list []exposure.Counterfactual) {
	const shown = 5
	for i, c := range list {
		if i == shown {
			fmt.Fprintf(b, "  and %d more: azward why-not --output json\n", len(list)-shown)
			return
		}
		for _, s := range c.Settings {
			fmt.Fprintf(b, "  %s\n      %s %s\n      %s\n", s.Summary, s.Resource, cmp.Or(s.Property, "(whole)"), becomes(s))
		}
		fmt.Fprintf(b, "      then: %s\n", c.Then)
	}
}

func becomes(s exposure.Setting) string {
	switch {
	case len(s.Becomes) == 0 && len(s.Was) == 0:
		return "goes"
	case len(s.Becomes) == 0:
		return "goes, was " + factText(s.Was)
	case len(s.Was) == 0:
		return factText(s.Becomes) + ", is not set"
	}
	return factText(s.Becomes) + ", was " + factText(s.Was)
}

func (n whyNot) write(w io.Writer, v azward.Verdict) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", v.Summary)
	switch v.Exploitable {
	case azward.Yes:
		b.WriteString("\nnothing keeps it from being exploitable; azward explain shows the way in\n")
		if len(n.Settings) > 0 {
			b.WriteString("\nwhat would close the way in, tried on the last scan's estate:\n")
			writeSettings(&b, n.Settings)
		}
	case azward.No:
		if len(n.Blocks) == 1 {
			b.WriteString("\none condition blocks it:\n")
		} else {
			fmt.Fprintf(&b, "\n%d conditions block it, each of them alone:\n", len(n.Blocks))
		}
		for _, c := range n.Blocks {
			fmt.Fprintf(&b, "\n%s: %s\n", c.ID, c.Summary)
			for _, e := range c.Evidence {
				if e.Source != azward.SourceListing {
					fmt.Fprintf(&b, "    %s\n        %s = %s\n", e.Resource, cmp.Or(e.Property, "(whole)"), factText(e.Value))
				}
			}
		}
		if len(n.Settings) > 0 {
			b.WriteString("\nwhat would open the way, tried on the last scan's estate:\n")
			writeSettings(&b, n.Settings)
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

// writeClosing ends the explanation of an exploitable verdict with what would
// close the way in.
func (a *app) writeClosing(ctx context.Context, w io.Writer, v azward.Verdict) error {
	if v.Exploitable != azward.Yes {
		return nil
	}
	settings, err := a.settingsOf(ctx, v)
	if err != nil || len(settings) == 0 {
		return err
	}
	var b strings.Builder
	b.WriteString("\nwhat would close the way in, tried on the last scan's estate:\n")
	writeSettings(&b, settings)
	_, err = io.WriteString(w, b.String())
	return err
}

// writePage writes a verdict as a page, with the picture of its path as far as
// the last scan's estate has the workload.
func (a *app) writePage(ctx context.Context, w io.Writer, v azward.Verdict) error {
	var page report.Page
	e, _, err := a.lastEstate(ctx, "")
	if err != nil && azward.KindOf(err) != azward.KindNotFound {
		return err
	}
	if e != nil {
		if found, ok := e.Workload(v.Workload.ID); ok {
			var picture bytes.Buffer
			if err := draw.SVG(&picture, draw.OfExposure(exposure.Reach(e, found))); err != nil {
				return err
			}
			page.Picture = picture.Bytes()
			settings, err := exposure.Counterfactuals(e, found)
			if err != nil {
				return err
			}
			for _, c := range settings {
				for _, s := range c.Settings {
					page.Settings = append(page.Settings, report.Setting{
						Summary: s.Summary, Resource: s.Resource, Property: s.Property, Change: becomes(s), Then: c.Then,
					})
				}
			}
		}
	}
	return report.HTML(w, v, page)
}
