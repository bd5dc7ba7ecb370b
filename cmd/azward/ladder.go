package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure"
	"github.com/azward/azward/exposure/draw"
	"github.com/azward/azward/report"
)

// exposed is one workload with its ladder: the shape of `exposure --ladder`
// and, with the settings, of `exposure --to`.
type exposed struct {
	exposure.Exposure
	Ladder []exposure.Rung `json:"ladder"`
	// SCM is the advanced tools site of a web app; nil for all others.
	SCM *exposure.Exposure `json:"scm,omitempty"`
	// Settings that would close the workload, or open it.
	Settings []exposure.Counterfactual `json:"settings,omitempty"`
}

// columns are the classes of a ladder, in words that fit a table's head.
var columns = []struct {
	class exposure.Class
	head  string
}{
	{exposure.InternetAny, "any"},
	{exposure.InternetRestricted, "listed"},
	{exposure.AzureAnyTenant, "azure"},
	{exposure.FrontServiceShared, "shared front"},
	{exposure.Authenticated, "sign-in"},
	{exposure.PartnerPrivate, "partner"},
	{exposure.PrivateConnected, "connected"},
	{exposure.VnetPeered, "peered"},
	{exposure.VnetLocal, "local"},
	{exposure.SameCluster, "cluster"},
}

// ladders writes every workload's ladder.
func (a *app) ladders(e *estate.Estate, all []exposure.Exposure) error {
	list := make([]exposed, 0, len(all))
	for i, x := range all {
		a.progress.show("ladders: %d of %d", i, len(all))
		w, ok := e.Workload(x.Workload.ID)
		if !ok {
			if r, found := e.Resource(x.Workload.ID); found {
				list = append(list, exposed{Exposure: x, Ladder: exposure.EndpointLadder(e, r)})
			}
			continue
		}
		list = append(list, exposed{Exposure: x, Ladder: exposure.Ladder(e, w)})
	}
	a.progress.clear()
	return a.write(func(w io.Writer) error {
		if a.output == "json" {
			return report.JSON(w, list)
		}
		heads := []any{"kind", "workload"}
		for _, c := range columns {
			heads = append(heads, c.head)
		}
		t := newTable(heads...)
		t.SetColumnConfigs([]table.ColumnConfig{{Name: "workload", WidthMax: 40}})
		for _, x := range list {
			row := table.Row{kindOf(x.Workload), report.Place(x.Workload)}
			for _, c := range columns {
				row = append(row, mark(x.Ladder, c.class))
			}
			t.AppendRow(row)
		}
		_, err := fmt.Fprintf(w, "%s\n\n● reached  ○ not  ? not known; each class by itself, the farthest first\n", t.Render())
		return err
	})
}

// mark gives each answer a shape of its own; "-" where a class makes no sense.
func mark(ladder []exposure.Rung, class exposure.Class) string {
	for _, r := range ladder {
		if r.Class == class {
			return map[azward.Answer]string{azward.Yes: "●", azward.No: "○", azward.Unknown: "?"}[r.Answer]
		}
	}
	return "-"
}

// exposureOf tells all about one workload.
func (a *app) exposureOf(e *estate.Estate, name string) error {
	id, err := resourceNamed(e, name)
	if err != nil {
		return err
	}
	one, err := look(e, id)
	if err != nil {
		return err
	}
	return a.write(func(w io.Writer) error {
		switch a.output {
		case "json":
			return report.JSON(w, one)
		case "svg", "dot":
			return a.draw(w, draw.OfExposure(one.Exposure))
		}
		return one.write(w)
	})
}

// look answers for a workload, or for a service that holds data or serves a
// cluster's API by its endpoints.
func look(e *estate.Estate, id azward.ResourceID) (one exposed, err error) {
	w, ok := e.Workload(id)
	if !ok {
		r, found := e.Resource(id)
		if !found || !exposure.HasEndpoint(r) {
			_, err := exposure.Of(e, id)
			return one, err
		}
		one = exposed{Exposure: exposure.PublicEndpoint(e, r), Ladder: exposure.EndpointLadder(e, r)}
		one.Settings, err = exposure.EndpointCounterfactuals(e, r)
		return one, err
	}
	one = exposed{Exposure: exposure.Reach(e, w), Ladder: exposure.Ladder(e, w)}
	if w.Kind == azward.AppService || w.Kind == azward.FunctionApp {
		scm := exposure.SCMSite(e, w.Resource)
		one.SCM = &scm
	}
	one.Settings, err = exposure.Counterfactuals(e, w)
	return one, err
}

func (x exposed) write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n%s\n\n%s: %s\n", kindOf(x.Workload), x.Workload.Name, x.Workload.ID, x.Answer, x.Summary)
	for _, f := range x.Flows {
		fmt.Fprintf(&b, "  %s %s from %s\n", f.Protocol, f.Ports, someSources(f.Sources))
	}
	if len(x.Path) > 0 {
		b.WriteString("\nthe path, from the source on:\n")
		for _, h := range x.Path {
			fmt.Fprintf(&b, "  %s %s %s\n      %s\n", map[azward.Answer]string{azward.Yes: "●", azward.No: "○", azward.Unknown: "?"}[h.Answer], h.Kind, cmp.Or(h.Name, h.Resource.Name()), h.Summary)
		}
	}
	b.WriteString("\nthe ladder, the farthest source first:\n")
	for _, r := range x.Ladder {
		fmt.Fprintf(&b, "  %s %-21s %s\n", map[azward.Answer]string{azward.Yes: "●", azward.No: "○", azward.Unknown: "?"}[r.Answer], r.Class, r.Summary)
	}
	if x.SCM != nil {
		fmt.Fprintf(&b, "\nthe advanced tools site (SCM):\n  %s: %s\n", x.SCM.Answer, x.SCM.Summary)
	}
	for _, g := range x.Gaps {
		fmt.Fprintf(&b, "  missing: %s of %s: %s\n", g.Reads, g.Scope, g.Error)
	}
	if len(x.Settings) > 0 {
		b.WriteString(map[azward.Answer]string{azward.Yes: "\nwhat would close it:\n", azward.No: "\nwhat would open it:\n"}[x.Answer])
		writeSettings(&b, x.Settings)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// someSources keeps a list of prefixes readable.
func someSources(sources []string) string {
	const shown = 6
	if len(sources) <= shown {
		return strings.Join(sources, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(sources[:shown], ", "), len(sources)-shown)
}
