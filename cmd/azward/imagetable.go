package main

import (
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/azward/azward/registry"
	"github.com/azward/azward/remediation"
)

// defaultColumns is how wide a table is for what is no terminal and says
// nothing of its width.
const defaultColumns = 120

// columns is how much fits beside each other on the screen.
func (a *app) columns() int {
	if width := a.style().Width; width > 0 {
		return width
	}
	if width, err := strconv.Atoi(a.getenv("COLUMNS")); err == nil && width > 0 {
		return width
	}
	return defaultColumns
}

// imageTable lists images on one line each, within the width of the screen.
type imageTable struct {
	view   *registry.View
	images []advised
	width  int
}

// Widths in columns. Where the screen is wide the base is named, too.
const (
	cellPadding = 2 // of each cell
	narrowName  = 28
	wideName    = 48
	wideScreen  = 150
	baseName    = 32
	leastAdvice = 16
)

func (t imageTable) write(w io.Writer) error {
	if len(t.images) == 0 {
		_, err := fmt.Fprintln(w, "no images")
		return err
	}
	wide, name := t.width >= wideScreen, narrowName
	if wide {
		name = wideName
	}
	var secrets, unrated bool
	for _, i := range t.images {
		secrets, unrated = secrets || i.Hardening.Live > 0, unrated || i.Counts.Unknown > 0
	}
	head := table.Row{"image", "runs", "crit", "high", "med", "low"}
	if unrated {
		head = append(head, "?")
	}
	head = append(head, "KEV", "base", "weak")
	if secrets {
		head = append(head, "secrets")
	}
	head = append(head, "clears", "do first")
	rows := make([]table.Row, 0, len(t.images))
	for _, i := range t.images {
		c := i.Counts
		row := table.Row{fit(i.Name, name), t.runs(i.Image), number(c.Critical), number(c.High), number(c.Medium), number(c.Low)}
		if unrated {
			row = append(row, number(c.Unknown))
		}
		row = append(row, number(c.KEV), t.base(i.Image, wide), weak(i))
		if secrets {
			row = append(row, number(i.Hardening.Live))
		}
		rows = append(rows, append(row, clears(i), ""))
	}
	advice := max(leastAdvice, t.width-used(head, rows))
	last := len(head) - 1
	out := newTable(head...)
	var configs []table.ColumnConfig
	for n := 1; n < last; n++ {
		if head[n] == "base" && wide {
			continue
		}
		configs = append(configs, table.ColumnConfig{Number: n + 1, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	out.SetColumnConfigs(configs)
	for n, row := range rows {
		row[last] = brieflyFirst(t.images[n], advice)
		out.AppendRow(row)
	}
	legend := "base: findings that the base image brought; weak: hardening not met, +? not known; 0 as ·"
	if t.view.Estate {
		legend = "runs: workloads, ! exploitable in so many; " + legend
	}
	_, err := fmt.Fprintf(w, "%s\n%s\n", out.Render(), text.WrapSoft(legend, t.width))
	return err
}

// used gives the columns that all but the last need, and the padding of that.
func used(head table.Row, rows []table.Row) int {
	sum := cellPadding
	for n := range len(head) - 1 {
		width := utf8.RuneCountInString(fmt.Sprint(head[n]))
		for _, row := range rows {
			width = max(width, utf8.RuneCountInString(fmt.Sprint(row[n])))
		}
		sum += width + cellPadding
	}
	return sum
}

// number keeps a table of many zeros readable.
func number(n int) string {
	if n == 0 {
		return "·"
	}
	return strconv.Itoa(n)
}

func (t imageTable) runs(i *registry.Image) string {
	if !t.view.Estate {
		return "?"
	}
	exploitable := 0
	for _, r := range i.Runs {
		exploitable += min(r.Exploitable, 1)
	}
	if exploitable > 0 {
		return fmt.Sprintf("%d !%d", len(i.Runs), exploitable)
	}
	return number(len(i.Runs))
}

func (t imageTable) base(i *registry.Image, wide bool) string {
	share := strconv.Itoa(i.BaseCounts.Total())
	if i.Base == nil || i.Base.Layers == 0 {
		share = "?"
	}
	switch {
	case !wide && share == "0":
		return number(0)
	case wide && i.Base != nil:
		share += " of " + fit(i.Base.Reference, baseName)
	}
	return share
}

func weak(i advised) string {
	text := number(i.Hardening.Counts.Fail)
	if n := i.Hardening.Counts.Unknown; n > 0 {
		text += fmt.Sprintf(" +%d?", n)
	}
	return text
}

// clears is how many findings the first action clears.
func clears(i advised) string {
	switch {
	case len(i.Actions) > 0:
		return strconv.Itoa(i.Actions[0].Counts.Total())
	case i.Counts.Total() > 0:
		return number(0)
	}
	return ""
}

// brieflyFirst is the action that clears most, in so many columns.
func brieflyFirst(i advised, width int) string {
	switch {
	case len(i.Actions) == 0 && i.Counts.Total() > 0:
		return "no fix is known"
	case len(i.Actions) == 0:
		return ""
	}
	first := i.Actions[0]
	if utf8.RuneCountInString(first.Title) > width && first.Kind == remediation.UpgradePackages && len(first.Steps) == 1 {
		return cutAt(first.Steps[0].Package+" to "+first.Steps[0].To, width)
	}
	return cutAt(first.Title, width)
}

// fit leaves out the middle of what is too long: the end of a reference tells
// as much as its beginning.
func fit(s string, width int) string {
	runes := []rune(s)
	if len(runes) <= width {
		return s
	}
	end := (width - 1) / 2
	return string(runes[:width-1-end]) + "…" + string(runes[len(runes)-end:])
}

// cutAt leaves out the end of what is too long.
func cutAt(s string, width int) string {
	if runes := []rune(s); len(runes) > width {
		return string(runes[:width-1]) + "…"
	}
	return s
}
