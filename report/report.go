// Package report writes verdicts for people and for other tools: a table, the
// proof as a person reads it ([Explain]), JSON, Markdown, SARIF, CSV, JUnit and
// OCSF; and what images have as SARIF and CSV ([ImageSARIF], [FoundCSV]). It
// derives nothing: every word comes from the verdict or the finding.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/azward/azward"
)

// Style of text meant for a person.
type Style struct {
	// Colour marks answers with colour besides word and shape.
	Colour bool
	// Width of the terminal in columns; 0 means 120.
	Width int
}

// marked is text of our own, which may hold colour.
type marked string

// mark gives each answer a shape of its own, so that colour only helps.
func (s Style) mark(a azward.Answer) marked {
	var word string
	var colour text.Color
	switch a {
	case azward.Yes:
		word, colour = "● yes", text.FgRed
	case azward.No:
		word, colour = "○ no", text.FgBlue
	default:
		word, colour = "? unknown", text.FgYellow
	}
	if !s.Colour {
		return marked(word)
	}
	return marked(colour.Sprint(word))
}

// markResult gives each result a word and a shape: filled for what works,
// half for what needs more, empty for what does not.
func (s Style) markResult(r azward.Result) marked {
	var word string
	var colour text.Color
	switch r {
	case azward.Exploitable:
		word, colour = "● exploitable", text.FgRed
	case azward.Conditional:
		word, colour = "◐ conditional", text.FgMagenta
	case azward.Dormant:
		word, colour = "◌ dormant", text.FgCyan
	case azward.NotExploitable:
		word, colour = "○ not exploitable", text.FgBlue
	default:
		word, colour = "? unknown", text.FgYellow
	}
	if !s.Colour {
		return marked(word)
	}
	return marked(colour.Sprint(word))
}

// clean takes out of somebody else's text (a resource's name, a tag, a package)
// what would move the cursor, colour the page or turn the direction of writing.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// Table writes one row a verdict.
func Table(w io.Writer, verdicts []azward.Verdict, style Style) error {
	if len(verdicts) == 0 {
		_, err := fmt.Fprintln(w, "no verdicts")
		return err
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Options.DrawBorder = false
	t.Style().Options.SeparateColumns = false
	t.Style().Options.SeparateRows = false
	t.Style().Format.Header = text.FormatUpper
	t.AppendHeader(table.Row{"result", "vulnerability", "severity", "package", "workload", "why", "verdict"})
	width := style.Width
	if width == 0 {
		width = 190
	}
	whyWidth := max(30, width-17-18-10-30-30-20-6)
	t.SetColumnConfigs([]table.ColumnConfig{
		{Name: "package", WidthMax: 30},
		{Name: "workload", WidthMax: 30},
		{Name: "why", WidthMax: whyWidth, WidthMaxEnforcer: text.WrapSoft},
	})
	for _, v := range verdicts {
		t.AppendRow(table.Row{
			style.markResult(v.Result), clean(v.Vulnerability) + kevMark(v), v.Finding.Severity,
			clean(packageOf(v)), clean(Place(v.Workload)), clean(why(v)), v.ID,
		})
	}
	_, err := fmt.Fprintln(w, t.Render())
	return err
}

// Place names a workload so that two clusters' Deployments of one name differ.
func Place(w azward.Workload) string {
	if cluster, path := w.ID.SplitKubernetes(); path != "" {
		return w.Name + " (" + cluster.Name() + ")"
	}
	return w.Name
}

func kevMark(v azward.Verdict) string {
	if v.Finding.KEV {
		return " KEV"
	}
	return ""
}

// packageOf shortens a purl to name and version.
func packageOf(v azward.Verdict) string {
	purl, _, _ := strings.Cut(v.Finding.PURL, "?")
	purl = purl[strings.LastIndexByte(purl, '/')+1:]
	if plain, err := url.PathUnescape(purl); err == nil {
		purl = plain
	}
	return strings.Replace(purl, "@", " ", 1)
}

// why is the summary of what decided: for an exploitable verdict the way in,
// which is what a reader can change, for a conditional one what it asks first.
func why(v azward.Verdict) string {
	wanted := func(c azward.Condition) bool { return c.Answer == v.Exploitable }
	switch v.Result {
	case azward.Exploitable:
		wanted = func(c azward.Condition) bool { return c.ID == azward.Reachable }
	case azward.Conditional:
		wanted = func(c azward.Condition) bool { return c.ID == azward.Reachable || c.ID == azward.Prerequisites }
	}
	var parts []string
	for _, c := range slices.Backward(v.Conditions) {
		if wanted(c) {
			parts = append(parts, c.Summary)
		}
	}
	if v.Stale {
		parts = append(parts, "stale: "+v.Summary)
	}
	return strings.Join(parts, "; ")
}

// JSON writes the verdicts as one array, in the shape of docs/json.md.
func JSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// CountOf counts verdicts by result.
func CountOf(verdicts []azward.Verdict) map[azward.Result]int {
	counts := map[azward.Result]int{}
	for _, v := range verdicts {
		counts[v.Result]++
	}
	return counts
}

// CountWords says the counts, the most urgent first: "8 exploitable, 1 unknown,
// 12 not exploitable". What is not there is left out, but for the first.
func CountWords(counts map[azward.Result]int) string {
	var parts []string
	for _, r := range azward.Results() {
		if counts[r] == 0 && r != azward.Exploitable {
			continue
		}
		parts = append(parts, fmt.Sprintf("%d %s", counts[r], strings.ReplaceAll(string(r), "-", " ")))
	}
	return strings.Join(parts, ", ")
}
