package draw

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/azward/azward"
)

// Sizes of the drawing, in SVG's pixels.
const (
	margin     = 24
	boxWidth   = 248
	gap        = 48 // between boxes, with the arrow
	lineHeight = 18
	padding    = 14
	titleSpace = 76
	perRow     = 5 // boxes; a longer path goes on below
	perRowPage = 3 // the same beside the rest of a page
	textWidth  = 27
	maxLines   = 7 // of a summary; the rest is in the JSON
)

// The colours are told apart by all common kinds of colour blindness (blue,
// orange, grey) and by shape: a plain, a thick and a dashed border.
const style = `
  .bg{fill:#ffffff} text{font:14px system-ui,"DejaVu Sans",sans-serif;fill:#1b1f24} .t{font-size:18px;font-weight:600}
  .k{font-size:12px;fill:#57606a} .n{font-weight:600} .s{font-size:13px}
  .box{fill:#f6f8fa;stroke:#57606a;stroke-width:1.5} .yes{stroke:#b35900} .no{stroke:#0550ae} .unknown{stroke:#57606a;stroke-dasharray:6 4}
  .why{stroke-width:4} .yesfill{fill:#b35900} .nofill{fill:#0550ae} .unknownfill{fill:#57606a}
  .arrow{stroke:#57606a;stroke-width:2;fill:none} .cut{stroke-dasharray:3 5} .head{fill:#57606a}
  @media (prefers-color-scheme: dark){.bg{fill:#0d1117} text{fill:#e6edf3} .k{fill:#9aa4af} .box{fill:#161b22;stroke:#9aa4af}
  .yes{stroke:#ffa657} .no{stroke:#79c0ff} .unknown{stroke:#9aa4af} .yesfill{fill:#ffa657} .nofill{fill:#79c0ff} .unknownfill{fill:#9aa4af}
  .arrow{stroke:#9aa4af} .head{fill:#9aa4af}}
`

// SVG draws the paths below one another, as one document that needs nothing
// else: no script, no font, no reference. A reader without eyes gets title and
// description.
func SVG(w io.Writer, pictures ...Picture) error { return document(w, "", pictures) }

// Inline draws as [SVG] does, for a page whose own sheet has the colours: the
// element has the class and no style, so that it follows the page's light and
// dark, and a strict content security policy lets it be.
func Inline(w io.Writer, class string, pictures ...Picture) error {
	return document(w, class, pictures)
}

func document(w io.Writer, class string, pictures []Picture) error {
	var body strings.Builder
	width, height := 0, margin
	for _, p := range pictures {
		d := drawing{picture: p, top: height, perRow: perRow}
		if class != "" {
			d.perRow = perRowPage
		}
		d.draw(&body)
		width, height = max(width, d.width), d.bottom+margin
	}
	width = max(width, 640)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img"`, width, height, width, height)
	if class != "" {
		fmt.Fprintf(&b, ` class="%s"`, escape(class))
	}
	var titles, told []string
	for _, p := range pictures {
		titles, told = append(titles, p.Title), append(told, p.Answer.String()+": "+p.Summary)
	}
	fmt.Fprintf(&b, ">\n<title>%s</title>\n<desc>%s</desc>\n", escape(strings.Join(titles, "; ")), escape(strings.Join(told, "; ")))
	if class == "" {
		fmt.Fprintf(&b, "<style>%s</style>\n", style)
	}
	fmt.Fprintf(&b, `<rect class="bg" width="%d" height="%d"/>`+"\n", width, height)
	b.WriteString(body.String())
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// drawing lays one picture out from top on.
type drawing struct {
	picture            Picture
	perRow             int
	top, bottom, width int
}

// station is one box of the path.
type station struct {
	kind, name string
	lines      []string
	answer     azward.Answer
	source     bool // the beginning: nothing is decided there
	decides    bool
	resource   string
}

func (s station) height() int {
	rows := len(s.lines) + 2
	if !s.source {
		rows++
	}
	return rows*lineHeight + 2*padding - 6
}

func (d *drawing) stations() []station {
	list := []station{{kind: "from", name: cut(d.picture.From), source: true}}
	for n, h := range d.picture.hops() {
		list = append(list, station{
			kind: h.Kind, name: cut(name(h)), lines: wrap(h.Summary), answer: h.Answer, decides: d.picture.decides(n), resource: string(h.Resource),
		})
	}
	return list
}

func (d *drawing) draw(b *strings.Builder) {
	p := d.picture
	fmt.Fprintf(b, `<text class="t" x="%d" y="%d">%s</text>`+"\n", margin, d.top+18, escape(p.Title))
	fmt.Fprintf(b, `<text class="s" x="%d" y="%d"><tspan class="n">%s</tspan> %s</text>`+"\n", margin, d.top+42, reached(p.Answer), escape(wrapTo(p.Summary, 30*d.perRow)))
	stations := d.stations()
	top := d.top + titleSpace
	for start := 0; start < len(stations); start += d.perRow {
		row := stations[start:min(start+d.perRow, len(stations))]
		tallest := 0
		for _, s := range row {
			tallest = max(tallest, s.height())
		}
		for i, s := range row {
			x := margin + i*(boxWidth+gap)
			s.draw(b, x, top, tallest)
			d.width = max(d.width, x+boxWidth+margin)
			if start+i+1 < len(stations) {
				arrow(b, x+boxWidth, top+tallest/2, !s.source && s.answer != azward.Yes, i == len(row)-1)
				d.width = max(d.width, x+boxWidth+gap)
			}
		}
		top += tallest + 36
	}
	d.bottom = top - 12
}

func reached(a azward.Answer) string {
	switch a {
	case azward.Yes:
		return "● reached:"
	case azward.No:
		return "○ not reached:"
	default:
		return "? unknown:"
	}
}

func (s station) draw(b *strings.Builder, x, y, height int) {
	class := "box"
	if !s.source {
		class += " " + s.answer.String()
	}
	if s.decides {
		class += " why"
	}
	fmt.Fprintf(b, `<g><title>%s</title><rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="10"/>`+"\n", escape(s.resource), class, x, y, boxWidth, height)
	line := y + padding + 8
	fmt.Fprintf(b, `<text class="k" x="%d" y="%d">%s</text>`+"\n", x+padding, line, escape(cut(s.kind)))
	line += lineHeight
	fmt.Fprintf(b, `<text class="n" x="%d" y="%d">%s</text>`+"\n", x+padding, line, escape(s.name))
	if !s.source {
		line += lineHeight
		fmt.Fprintf(b, `<text class="s n %sfill" x="%d" y="%d">%s</text>`+"\n", s.answer, x+padding, line, word(s.answer))
	}
	for _, l := range s.lines {
		line += lineHeight
		fmt.Fprintf(b, `<text class="s" x="%d" y="%d">%s</text>`+"\n", x+padding, line, escape(l))
	}
	b.WriteString("</g>\n")
}

// arrow leads to the next box; a dashed one says that nothing gets there. At
// the end of a row it stops short: the path goes on below.
func arrow(b *strings.Builder, x, y int, cut, rowEnds bool) {
	class := "arrow"
	if cut {
		class += " cut"
	}
	to := x + gap - 8
	if rowEnds {
		to = x + gap - 20
	}
	fmt.Fprintf(b, `<path class="%s" d="M%d %dH%d"/><path class="head" d="M%d %dl-9 -5v10z"/>`+"\n", class, x+4, y, to-6, to, y)
}

// wrap breaks a summary into the lines of a box.
func wrap(s string) []string {
	var lines []string
	line := ""
	for _, w := range strings.Fields(clean(s)) {
		for len([]rune(w)) > textWidth { // a long name breaks anywhere
			r := []rune(w)
			if line != "" {
				lines, line = append(lines, line), ""
			}
			lines, w = append(lines, string(r[:textWidth])), string(r[textWidth:])
		}
		switch {
		case line == "":
			line = w
		case len([]rune(line))+1+len([]rune(w)) <= textWidth:
			line += " " + w
		default:
			lines, line = append(lines, line), w
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	if len(lines) > maxLines {
		lines = append(lines[:maxLines-1], "…")
	}
	return lines
}

func wrapTo(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// cut shortens a name to a box, keeping its end: names of one team differ there.
func cut(s string) string {
	const fits = 22
	r := []rune(clean(s))
	if len(r) <= fits {
		return string(r)
	}
	const head = 9
	return string(r[:head]) + "…" + string(r[len(r)-(fits-head-1):])
}

func escape(s string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(clean(s))); err != nil {
		return "" // a strings.Builder does not fail
	}
	return b.String()
}
