package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/report"
	"github.com/azward/azward/scan"
	"github.com/azward/azward/verdict"
)

// whatIf is what an edit of the estate would do.
type whatIf struct {
	// Workloads with findings, and how many of them looked at what is edited.
	Workloads int              `json:"workloads"`
	Decided   int              `json:"decided"`
	Changes   []verdict.Change `json:"changes"`
}

func whatIfCommand(a *app) *cobra.Command {
	var set, remove, denials []string
	var connection, attacker string
	c := &cobra.Command{
		Use: "what-if --set '<resource>:<property>=<value>'", Short: "Show which verdicts a change in Azure would open or close", Args: cobra.NoArgs,
		Long: `Decide the last scan's verdicts again on an estate with changes, and show which
would open and which would close. Nothing is written to Azure, nor to the
verdicts that are kept. Findings of other scanners are left out; the attacker's
place and suppliers' documents are given as for the scan.

A resource is named by its ID, or by the last part of it where no other ends so.
A property is a path as az resource update --set takes it, or a JSON pointer; a
value is JSON, or text as it is.`,
		Example: `  azward what-if --set 'nsg-web:properties.securityRules[0].properties.access=Deny'
  azward what-if --remove pip-web --output json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.only("table", "json"); err != nil {
				return err
			}
			before, at, err := a.lastEstate(cmd.Context(), connection)
			if err != nil {
				return err
			}
			edits, err := editsOf(before, set, remove)
			if err != nil {
				return err
			}
			after, err := before.With(edits...)
			if err != nil {
				return err
			}
			statements, err := readVEX(denials)
			if err != nil {
				return err
			}
			start, err := attackerNamed(attacker)
			if err != nil {
				return err
			}
			weights, err := a.criticality(cmd.Context())
			if err != nil {
				return err
			}
			found, err := a.compareEstates(cmd.Context(), before, after, at, scan.Scan{Criticality: weights, Attacker: start, Denials: statements})
			if err != nil {
				return err
			}
			a.progress.clear()
			return a.write(func(w io.Writer) error { return a.writeWhatIf(w, found) })
		},
	}
	c.Flags().StringArrayVar(&set, "set", nil, "RESOURCE:PROPERTY=VALUE (repeatable); without =VALUE the property goes")
	c.Flags().StringArrayVar(&remove, "remove", nil, "a resource that goes (repeatable)")
	c.Flags().StringVar(&attacker, "attacker", "internet", "the nearest place that an attacker may start from, as for scan")
	c.Flags().StringArrayVar(&denials, "vex", nil, "OpenVEX document of a supplier (repeatable), as for scan")
	c.Flags().StringVar(&connection, "connection", "", "the estate of this connection's last scan; the last of all when left out")
	return c
}

// lastEstate opens the estate of the last scan that gave verdicts.
func (a *app) lastEstate(ctx context.Context, connection string) (*estate.Estate, time.Time, error) {
	last, err := a.lastScan(ctx, connection)
	if err != nil {
		return nil, time.Time{}, err
	}
	kept, err := a.store(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	return a.estateOf(ctx, kept, last)
}

// compareEstates decides on both; on the second, only what depends on what
// differs.
func (a *app) compareEstates(ctx context.Context, before, after *estate.Estate, at time.Time, run scan.Scan) (whatIf, error) {
	index, err := a.advisories()
	if err != nil {
		return whatIf{}, err
	}
	defer index.Close()
	run.Advisories = index
	run.Progress = func(p scan.Progress) { a.progress.show("%s: %d of %d %s", p.Stage, p.Done, p.Total, p.Note) }
	base, err := run.Run(ctx, before, at)
	if err != nil {
		return whatIf{}, err
	}
	run.After = base
	then, err := run.Run(ctx, after, at)
	if err != nil {
		return whatIf{}, err
	}
	changes := slices.DeleteFunc(verdict.Changes(base.Verdicts, then.Verdicts), func(c verdict.Change) bool { return c.Kind == verdict.Unchanged })
	workloads := map[azward.ResourceKey]bool{}
	for _, s := range then.Subjects {
		workloads[s.Workload.Key()] = true
	}
	return whatIf{Workloads: len(workloads), Decided: max(len(workloads)-then.Kept, 0), Changes: changes}, nil
}

func (a *app) writeWhatIf(w io.Writer, found whatIf) error {
	if a.output == "json" {
		return report.JSON(w, found)
	}
	if len(found.Changes) == 0 {
		if _, err := fmt.Fprintln(w, "no verdict would change"); err != nil {
			return err
		}
	} else if _, err := fmt.Fprintln(w, changesTable(found.Changes).Render()); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d of %d workloads rest on what is changed and were decided again\n", found.Decided, found.Workloads)
	return err
}

// editsOf reads the edits of the command line.
func editsOf(e *estate.Estate, set, remove []string) ([]estate.Edit, error) {
	bad := func(text, cause string) error {
		return &azward.Error{Kind: azward.KindUsage, Op: "read --set", Subject: fmt.Sprintf("%.200q", text), Cause: cause, Remedy: "write RESOURCE:PROPERTY=VALUE, such as nsg-web:properties.securityRules[0].properties.access=Deny"}
	}
	var edits []estate.Edit
	for _, text := range set {
		place, value, has := strings.Cut(text, "=")
		colon := strings.LastIndexByte(place, ':')
		if colon < 1 || colon == len(place)-1 {
			return nil, bad(text, "it has no resource and property")
		}
		id, err := resourceNamed(e, place[:colon])
		if err != nil {
			return nil, err
		}
		edit := estate.Edit{Resource: id, Property: place[colon+1:]}
		if has {
			edit.Value = json.RawMessage(value)
			if !json.Valid(edit.Value) {
				edit.Value = azward.JSONValue(value)
			}
		}
		edits = append(edits, edit)
	}
	for _, name := range remove {
		id, err := resourceNamed(e, name)
		if err != nil {
			return nil, err
		}
		edits = append(edits, estate.Edit{Resource: id})
	}
	if len(edits) == 0 {
		return nil, bad("", "nothing is to be changed")
	}
	return edits, nil
}

// resourceNamed finds a resource by its ID or the last part of it.
func resourceNamed(e *estate.Estate, name string) (azward.ResourceID, error) {
	if r, ok := e.Resource(azward.ResourceID(name)); ok {
		return r.ID, nil
	}
	var found []azward.ResourceID
	suffix := "/" + strings.ToLower(strings.Trim(name, "/"))
	for r := range e.All() {
		if strings.HasSuffix(string(r.ID.Key()), suffix) {
			found = append(found, r.ID)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", &azward.Error{Kind: azward.KindNotFound, Op: "find resource", Subject: fmt.Sprintf("%.200q", name), Cause: "no ID of the estate ends so", Remedy: "copy the ID from the evidence that azward explain shows"}
	}
	const shown = 5
	var list []string
	for _, id := range found[:min(len(found), shown)] {
		list = append(list, string(id))
	}
	return "", &azward.Error{
		Kind: azward.KindUsage, Op: "find resource", Subject: fmt.Sprintf("%.200q", name),
		Cause: fmt.Sprintf("%d IDs end so: %s", len(found), strings.Join(list, ", ")), Remedy: "give more of the ID",
	}
}
