package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/azward/azward"
	"github.com/azward/azward/report"
)

// tally counts results, by rule and in all.
type tally struct {
	byRule map[string]*tallied
	total  map[string]int
	all    int
}

// tallied counts the results of one rule or policy.
type tallied struct {
	title    string
	severity azward.Severity
	counts   map[string]int
	exposed  int // failing ones that the internet reaches
	first    *report.Posture
}

func (t *tally) count(rule, title string, severity azward.Severity, result string) *tallied {
	t.all++
	t.total[result]++
	one := t.byRule[rule]
	if one == nil {
		one = &tallied{title: title, severity: severity, counts: map[string]int{}}
		t.byRule[rule] = one
	}
	one.counts[result]++
	return one
}

// pass counts a result of which no more is kept.
func (t *tally) pass(rule, title string, severity azward.Severity) {
	t.count(rule, title, severity, "pass")
}

func (t *tally) add(p report.Posture) {
	one := t.count(p.Rule, p.Title, p.Severity, p.Result)
	if p.Result != "fail" {
		return
	}
	exposed := p.Rank.Exposed == azward.Yes
	if exposed {
		one.exposed++
	}
	if one.first == nil || exposed && one.first.Rank.Exposed != azward.Yes {
		one.first = &p
	}
}

// example is the most urgent result that fails.
func (t *tallied) example() string {
	if t.first == nil {
		return ""
	}
	s := t.first.Resource.Name()
	if s == "" {
		s = string(t.first.Resource)
	}
	if len(t.first.Comparisons) > 0 && t.first.Comparisons[0].Path != "" {
		s += " " + t.first.Comparisons[0].Path
	}
	return s
}

// maxPoliciesShown bounds the rows of the table; JSON and CSV have all.
const maxPoliciesShown = 60

func writePostureTable(w io.Writer, results *postures, width int) error {
	rows := make([]*tallied, 0, len(results.tally.byRule))
	for _, t := range results.tally.byRule {
		if t.counts["fail"]+t.counts["unknown"] > 0 {
			rows = append(rows, t)
		}
	}
	slices.SortFunc(rows, func(a, b *tallied) int {
		return cmp.Or(
			-cmp.Compare(min(1, a.counts["fail"]), min(1, b.counts["fail"])),
			cmp.Compare(b.severity.Rank(), a.severity.Rank()), cmp.Compare(b.exposed, a.exposed),
			b.counts["fail"]-a.counts["fail"], b.counts["unknown"]-a.counts["unknown"], strings.Compare(a.title, b.title),
		)
	})
	t := newTable("severity", "fail", "exposed", "unknown", "pass", "aside", "rule or policy", "for example")
	for _, row := range rows[:min(len(rows), maxPoliciesShown)] {
		t.AppendRow(table.Row{
			row.severity, row.counts["fail"], row.exposed, row.counts["unknown"], row.counts["pass"], row.counts["exempt"] + row.counts["suppressed"],
			cellOf(row.title), cellOf(row.example()),
		})
	}
	if len(rows) > 0 {
		share(t, width, 52, 7, 8)
		if _, err := fmt.Fprintln(w, t.Render()); err != nil {
			return err
		}
	}
	if more := len(rows) - maxPoliciesShown; more > 0 {
		if _, err := fmt.Fprintf(w, "and %d more rules and policies: --output csv or json\n", more); err != nil {
			return err
		}
	}
	total := results.tally.total
	_, err := fmt.Fprintf(w, "%d results: %d fail, %d unknown, %d pass, %d exempt, %d suppressed\n", results.tally.all, total["fail"], total["unknown"], total["pass"], total["exempt"], total["suppressed"])
	return err
}

// plainWidth is the width of a table that goes to no terminal, in columns.
const plainWidth = 100

// share gives the columns of text, counted from one, what the others leave of
// the width, in equal parts; they break between words.
func share(t table.Writer, width, others int, columns ...int) {
	const least = 20
	each := max(least, (cmp.Or(width, plainWidth)-others)/len(columns))
	configs := make([]table.ColumnConfig, len(columns))
	for i, n := range columns {
		configs[i] = table.ColumnConfig{Number: n, WidthMax: each - 2, WidthMaxEnforcer: text.WrapSoft}
	}
	t.SetColumnConfigs(configs)
}

// cellOf keeps a cell of a table readable, and somebody else's text from
// steering the terminal.
func cellOf(s string) string {
	const letters = 120
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '\ufffd'
		}
		return r
	}, s)
	if r := []rune(s); len(r) > letters {
		return string(r[:letters-1]) + "…"
	}
	return s
}
