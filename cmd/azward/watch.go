package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/azward/azward"
	"github.com/azward/azward/report"
	"github.com/azward/azward/scan"
	"github.com/azward/azward/store"
	"github.com/azward/azward/store/sqlite"
	"github.com/azward/azward/verdict"
)

// scanned is a scan with what it found otherwise than the one before it.
type scanned struct {
	*scan.Result
	since   time.Time // start of the scan before; zero where there was none
	changes []verdict.Change
}

// compare looks at the verdicts that the scan is about to replace.
func (s *scanned) compare(ctx context.Context, kept *sqlite.Store, source string) error {
	var before []azward.Verdict
	for v, err := range kept.Verdicts(ctx, store.Filter{Source: source}) {
		if err != nil {
			return err
		}
		before = append(before, v)
	}
	var err error
	s.since, err = kept.LastFinished(ctx, source)
	s.changes = verdict.Changes(before, s.Verdicts)
	return err
}

// keepChanges saves what changed, the unchanged left out.
func (s *scanned) keepChanges(ctx context.Context, kept *sqlite.Store, id string) error {
	return kept.SaveChanges(ctx, id, func(yield func([]byte, error) bool) {
		for _, c := range s.changes {
			if c.Kind == verdict.Unchanged || s.since.IsZero() {
				continue
			}
			raw, err := json.Marshal(c)
			if !yield(raw, err) || err != nil {
				return
			}
		}
	})
}

// marked gives verdicts as they stand now: aged, and with the dismissals that
// still hold.
func (a *app) marked(ctx context.Context, verdicts []azward.Verdict, now time.Time) ([]azward.Verdict, error) {
	kept, err := a.store(ctx)
	if err != nil {
		return nil, err
	}
	dismissed, err := kept.Dismissals(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]azward.Verdict, 0, len(verdicts))
	for _, v := range verdicts {
		if d, ok := dismissed[v.ID]; ok {
			v = verdict.Dismiss(v, d, now)
		}
		out = append(out, verdict.Aged(v, now))
	}
	return out, nil
}

// open leaves out what is dismissed.
func open(verdicts []azward.Verdict) []azward.Verdict {
	return slices.DeleteFunc(slices.Clone(verdicts), func(v azward.Verdict) bool { return v.Dismissed != nil })
}

// maxChangesShown keeps a scan's summary on one screen.
const maxChangesShown = 10

// writeChanges tells what a scan found otherwise than the one before.
func writeVerdictChanges(w io.Writer, s scanned) error {
	if s.since.IsZero() {
		return nil
	}
	counts := map[verdict.ChangeKind]int{}
	var shown []verdict.Change
	for _, c := range s.changes {
		counts[c.Kind]++
		if c.Kind != verdict.Unchanged {
			shown = append(shown, c)
		}
	}
	var parts []string
	for _, k := range verdict.ChangeKinds() {
		if counts[k] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[k], k))
		}
	}
	if len(parts) == 0 {
		return nil
	}
	if _, err := fmt.Fprintf(w, "\nsince %s: %s\n", s.since.Format(time.RFC3339), strings.Join(parts, ", ")); err != nil {
		return err
	}
	if len(shown) == 0 {
		return nil
	}
	more := len(shown) - maxChangesShown
	if _, err := fmt.Fprintln(w, changesTable(shown[:min(len(shown), maxChangesShown)]).Render()); err != nil {
		return err
	}
	if more > 0 {
		_, err := fmt.Fprintf(w, "and %d more: azward changes\n", more)
		return err
	}
	return nil
}

func changesTable(changes []verdict.Change) table.Writer {
	t := newTable("change", "vulnerability", "workload", "from", "to", "because", "verdict")
	t.SetColumnConfigs([]table.ColumnConfig{
		{Name: "workload", WidthMax: 30}, {Name: "because", WidthMax: 70, WidthMaxEnforcer: text.WrapSoft},
	})
	for _, c := range changes {
		to := string(c.Verdict.Result)
		if c.Gone {
			to = "gone"
		}
		from := string(c.Before)
		if from == "" {
			from = "-"
		}
		t.AppendRow(table.Row{c.Kind, c.Verdict.Vulnerability, c.Verdict.Workload.Name, from, to, because(c), c.Verdict.ID})
	}
	return t
}

// because names the fact that changed.
func because(c verdict.Change) string {
	switch {
	case c.Fact != nil:
		return fmt.Sprintf("%s %s: %s, was %s", c.Fact.Resource.Name(), c.Fact.Property, factText(c.Fact.After), factText(c.Fact.Before))
	case c.Gone:
		return "the package, the image or the workload is not there any more"
	case c.Kind == verdict.New:
		return "the package, the workload or the advisory is new"
	}
	return c.Verdict.Summary
}

// factText shortens a value for a table.
func factText(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "not cited"
	}
	const most = 60
	if s := []rune(string(raw)); len(s) > most {
		return string(s[:most]) + "…"
	}
	return string(raw)
}

func changesCommand(a *app) *cobra.Command {
	var connection string
	c := &cobra.Command{
		Use: "changes", Short: "Show what the last scan found otherwise than the one before", Args: cobra.NoArgs,
		Long: `Show which verdicts are new, reopened, changed or closed since the scan before
the last one, each with the fact that changed.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.only("table", "json"); err != nil {
				return err
			}
			kept, err := a.store(cmd.Context())
			if err != nil {
				return err
			}
			changes := []verdict.Change{}
			for doc, err := range kept.Changes(cmd.Context(), connection) {
				if err != nil {
					return err
				}
				var c verdict.Change
				if err := json.Unmarshal(doc, &c); err != nil {
					return fmt.Errorf("read changes: %w", err)
				}
				changes = append(changes, c)
			}
			return a.write(func(w io.Writer) error {
				if a.output == "json" {
					return report.JSON(w, changes)
				}
				if len(changes) == 0 {
					_, err := fmt.Fprintln(w, "nothing changed")
					return err
				}
				_, err := fmt.Fprintln(w, changesTable(changes).Render())
				return err
			})
		},
	}
	c.Flags().StringVar(&connection, "connection", "", "changes of this connection alone")
	return c
}

// maxDismissal is the longest that a dismissal may last: what is left for ever
// is forgotten.
const maxDismissal = 366 * 24 * time.Hour

func dismissCommand(a *app) *cobra.Command {
	var reason, until, by string
	c := &cobra.Command{
		Use: "dismiss VERDICT --reason TEXT --until DATE", Short: "Leave a verdict until a day, with a reason", Args: cobra.ExactArgs(1),
		Long: `Leave a verdict until a day. It reopens by itself on that day, and earlier when
what it rests on changes: another result, or another deciding fact.`,
		Example: `  azward dismiss v-0123456789abcdef --reason "jump host only, ticket 4711" --until 2027-01-31`,
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := azward.ParseVerdictID(args[0])
			if err != nil {
				return err
			}
			now := time.Now().UTC()
			d := azward.Dismissal{By: by, Reason: strings.TrimSpace(reason), At: now}
			if d.Until, err = dismissalEnd(until, now); err != nil {
				return err
			}
			if d.Reason == "" {
				return &azward.Error{Kind: azward.KindUsage, Op: "dismiss", Subject: args[0], Cause: "no reason is given", Remedy: "say why with --reason: whoever finds it later has to understand it"}
			}
			if d.By == "" {
				d.By = userName()
			}
			kept, err := a.store(cmd.Context())
			if err != nil {
				return err
			}
			v, err := kept.Verdict(cmd.Context(), id)
			if err != nil {
				return err
			}
			d.Footing = verdict.Footing(v)
			return kept.Dismiss(cmd.Context(), id, d)
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why it may be left")
	c.Flags().StringVar(&until, "until", "", "the first day on which it is open again: 2027-01-31, at most a year ahead")
	c.Flags().StringVar(&by, "by", "", "who decided; your user name when left out")
	return c
}

func dismissalEnd(text string, now time.Time) (time.Time, error) {
	at, err := time.Parse(time.DateOnly, text)
	switch {
	case err != nil:
		return at, &azward.Error{Kind: azward.KindUsage, Op: "read --until", Subject: fmt.Sprintf("%.40q", text), Cause: "it is no day", Remedy: "write it as 2027-01-31"}
	case !at.After(now) || at.Sub(now) > maxDismissal:
		return at, &azward.Error{Kind: azward.KindUsage, Op: "read --until", Subject: text, Cause: "it has passed, or is more than a year ahead", Remedy: "name a day within the next year"}
	}
	return at, nil
}

func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

func reopenCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "reopen VERDICT", Short: "Take a dismissal back", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := azward.ParseVerdictID(args[0])
			if err != nil {
				return err
			}
			kept, err := a.store(cmd.Context())
			if err != nil {
				return err
			}
			return kept.Reopen(cmd.Context(), id)
		},
	}
}
