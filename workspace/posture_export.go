package workspace

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/policy"
	"github.com/azward/azward/report"
)

// maxExported bounds the results of one export, at some 4 KB each.
const maxExported = 20_000

// PostureExport gives all results that a query selects with what decided them,
// the most urgent first, as azward policy check writes them; KindTooLarge where
// they are more than 20,000.
func (w *Workspace) PostureExport(ctx context.Context, q PostureQuery) ([]report.Posture, error) {
	list, _, err := w.postures(ctx, q.Connection)
	if err != nil {
		return nil, err
	}
	wanted := q.matcher()
	total := 0
	all := []PostureFinding{}
	for _, p := range list {
		var rows []PostureResult
		for i := range p.rows {
			if j := &p.rows[i]; wanted.row(j) {
				if total++; total > maxExported {
					return nil, &azward.Error{
						Kind: azward.KindTooLarge, Op: "export results", Cause: fmt.Sprintf("there are more than %d", maxExported),
						Remedy: "filter them by framework, severity or subscription, or ask on the command line: azward policy check --output csv",
					}
				}
				rows = append(rows, j.row(p.kept.Scan.Source))
			}
		}
		all = append(all, p.explain(rows)...)
	}
	out := make([]report.Posture, len(all))
	for i := range all {
		out[i] = all[i].Posture
	}
	slices.SortStableFunc(out, policy.Compare)
	return out, nil
}

// PostureCoverage gives the frameworks whose name is the given one, or all with
// "", item by item with the most urgent result of each.
func (w *Workspace) PostureCoverage(ctx context.Context, framework, connection string) ([]report.FrameworkCoverage, error) {
	list, _, err := w.postures(ctx, connection)
	if err != nil {
		return nil, err
	}
	found, err := coverage(list)
	if err != nil {
		return nil, err
	}
	firsts := firstOf(list)
	all := []report.FrameworkCoverage{}
	for _, c := range found {
		if framework != "" && !strings.EqualFold(c.Name, framework) {
			continue
		}
		for _, i := range c.Items {
			n := c.counts[i.Item]
			i.Pass, i.Fail, i.Unknown, i.Aside = n.Pass, n.Fail, n.Unknown, n.Exempt+n.Suppressed
			i.First = firsts[c.Name+": "+i.Item]
			if i.First == nil {
				i.First = firsts[i.Item] // a group of an initiative
			}
		}
		all = append(all, c.FrameworkCoverage)
	}
	return all, nil
}

// firstOf gives for each item the most urgent result that does not pass.
func firstOf(list []*posture) map[string]*report.Posture {
	firsts := map[string]*report.Posture{}
	at := map[string]uint16{}
	for _, p := range list {
		seen := map[*heldRule]bool{}
		for i := range p.rows {
			j := &p.rows[i]
			if j.word() != PostureFail && j.word() != PostureUnknown {
				break // rows are in order
			}
			if seen[j.rule] {
				continue
			}
			seen[j.rule] = true
			for _, f := range j.rule.Frameworks {
				if firsts[f] == nil || j.urgency < at[f] {
					firsts[f], at[f] = &report.Posture{Rule: j.rule.ID, Title: j.rule.Title, Resource: j.resource, Result: j.word(), Reason: j.reason}, j.urgency
				}
			}
		}
	}
	return firsts
}

// PostureFacets are what results can be filtered by.
type PostureFacets struct {
	Frameworks    []string `json:"frameworks"`
	Categories    []string `json:"categories"`
	Types         []string `json:"types"` // of resources that have a result
	Subscriptions []string `json:"subscriptions"`
	Connections   []string `json:"connections"`
}

// PostureFacets gives what there is to filter by.
func (w *Workspace) PostureFacets(ctx context.Context) (PostureFacets, error) {
	list, _, err := w.postures(ctx, "")
	if err != nil {
		return PostureFacets{}, err
	}
	frameworks, categories, types, subscriptions := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	var f PostureFacets
	for _, p := range list {
		f.Connections = append(f.Connections, p.kept.Scan.Source)
		for _, h := range p.rules {
			for _, of := range h.Frameworks {
				if name, _, ok := strings.Cut(of, ": "); ok {
					frameworks[name] = true
				}
			}
			if h.Category != "" {
				categories[h.Category] = true
			}
		}
		last := azward.ResourceID("")
		for i := range p.rows {
			j := &p.rows[i]
			types[j.kind] = true
			if j.resource != last {
				last = j.resource
				if s := string(last.Subscription()); s != "" {
					subscriptions[strings.ToLower(s)] = true
				}
			}
		}
	}
	f.Frameworks, f.Categories, f.Types, f.Subscriptions = sorted(frameworks), sorted(categories), sorted(types), sorted(subscriptions)
	slices.Sort(f.Connections)
	return f, nil
}

func sorted(set map[string]bool) []string {
	list := make([]string, 0, len(set))
	for s := range set {
		list = append(list, s)
	}
	slices.Sort(list)
	return list
}
