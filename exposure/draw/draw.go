// Package draw makes pictures of one path: hops from left to right, each with
// its answer, the deciding ones set off. [SVG] is for people, [DOT] for
// Graphviz and for other tools. Names come from somebody else's resources, so
// every text is escaped.
package draw

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/azward/azward"
	"github.com/azward/azward/exposure"
)

// Picture is one path to draw.
type Picture struct {
	// Title says what was asked: "internet to shop/cart, tcp 443".
	Title   string
	Answer  azward.Answer
	Summary string
	From    string // where the flow comes from
	Hops    []exposure.Hop
}

// OfExposure is the picture of a workload's exposure.
func OfExposure(x exposure.Exposure) Picture {
	return Picture{Title: x.From + " to " + x.Workload.Name, Answer: x.Answer, Summary: x.Summary, From: x.From, Hops: x.Path}
}

// OfResult is the picture of one checked flow.
func OfResult(r exposure.Result) Picture {
	return Picture{
		Title: fmt.Sprintf("%s to %s, %s %d", r.From, last(r.To), r.Protocol, r.Port), Answer: r.Answer, Summary: r.Summary,
		From: r.From, Hops: r.Hops,
	}
}

// last shortens a resource ID to its name.
func last(id string) string {
	if !strings.HasPrefix(id, "/") {
		return id
	}
	return id[strings.LastIndexByte(id, '/')+1:]
}

// maxHops bounds a picture; a path of Azure has about ten stations.
const maxHops = 60

func (p Picture) hops() []exposure.Hop { return p.Hops[:min(len(p.Hops), maxHops)] }

// decides says whether a hop is why the answer is what it is: the first that
// does not let the flow on, or the last of a path that is open.
func (p Picture) decides(at int) bool {
	hops := p.hops()
	for n, h := range hops {
		if h.Answer != azward.Yes {
			return n == at
		}
	}
	return at == len(hops)-1
}

func name(h exposure.Hop) string { return cmp.Or(h.Name, last(string(h.Resource)), h.Kind) }

// word gives each answer a word and a shape, so that colour only helps.
func word(a azward.Answer) string {
	switch a {
	case azward.Yes:
		return "● lets through"
	case azward.No:
		return "○ blocks"
	default:
		return "? unknown"
	}
}

// clean takes out what would move the cursor or turn the direction of writing,
// and what XML cannot hold.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == unicode.ReplacementChar || r > 0xFFFD && r < 0x10000 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
}

// DOT writes the path in Graphviz's language.
//
// Source: https://graphviz.org/doc/info/lang.html
func DOT(w io.Writer, pictures ...Picture) error {
	var b strings.Builder
	b.WriteString("digraph exposure {\n\trankdir=LR;\n\tnode [shape=box, style=rounded, fontname=\"sans-serif\"];\n")
	for n, p := range pictures {
		before, edge := fmt.Sprintf("p%d_from", n), ""
		fmt.Fprintf(&b, "\tsubgraph cluster_%d {\n\t\tlabel=%s;\n\t\t%s [label=%s, shape=ellipse];\n", n, quote(p.Title+": "+p.Answer.String()), before, quote(p.From))
		for i, h := range p.hops() {
			id := fmt.Sprintf("p%d_%d", n, i)
			bold := ""
			if p.decides(i) {
				bold = ", penwidth=3"
			}
			fmt.Fprintf(&b, "\t\t%s [label=%s, tooltip=%s%s];\n", id, quote(h.Kind+"\n"+name(h)+"\n"+word(h.Answer)+"\n"+h.Summary), quote(string(h.Resource)), bold)
			fmt.Fprintf(&b, "\t\t%s -> %s%s;\n", before, id, edge)
			before, edge = id, ""
			if h.Answer != azward.Yes {
				edge = " [style=dashed]"
			}
		}
		b.WriteString("\t}\n")
	}
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// quote writes a double-quoted string of DOT.
func quote(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(clean(l))
	}
	return `"` + strings.Join(lines, `\n`) + `"`
}
