package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/azward/azward"
)

// maxValueRunes is what is shown of an evidence value; the proof document has
// all of it.
const maxValueRunes = 160

// Explain writes a verdict as a person reads it: the sentence, then each
// condition with its answer and the facts beneath it.
func Explain(w io.Writer, v azward.Verdict, style Style) error {
	p := &printer{w: w}
	f := v.Finding
	p.line("%s", v.Summary)
	p.line("")
	p.line("verdict        %s   %s   confidence %s: %s", v.ID, style.markResult(v.Result), v.Confidence, v.Basis.Summary)
	if len(v.Priority.Reasons) > 0 {
		p.line("priority       %s%s", strings.Join(v.Priority.Reasons, ", "), ssvc(v.Priority.SSVC))
	}
	p.line("vulnerability  %s%s   %s%s%s", v.Vulnerability, aliases(f.Aliases), f.Severity, score(f), exploited(f))
	p.line("package        %s%s", f.PURL, fixed(f))
	if f.Layer != "" {
		p.line("               in layer %s", f.Layer)
	}
	p.line("workload       %s %s", v.Workload.Kind, v.Workload.Name)
	p.line("               %s", v.Workload.ID)
	p.line("image          %s", v.Image)
	if !v.DecidedAt.IsZero() {
		p.line("decided        %s", v.DecidedAt.Format(time.RFC3339))
	}
	for _, c := range v.Conditions {
		p.condition(c, style)
	}
	p.opinions(v.Opinions)
	p.context("mitigations", "what makes an attack harder; none of it decides", v.Mitigations)
	p.context("impact", "what follows from a success", v.Impact)
	return p.err
}

// context writes what stands beside the conditions, a line or two each: JSON
// and the proof have every fact.
func (p *printer) context(name, what string, list []azward.Condition) {
	if len(list) == 0 {
		return
	}
	p.line("")
	p.line("%-13s %s", name, what)
	for i, c := range list {
		first, rest := branch(i, len(list))
		if c.Answer == azward.Unknown {
			p.line("%s? %s", first, c.Summary)
			for _, g := range c.Gaps[:min(len(c.Gaps), 1)] {
				p.line("%s%s", rest, g.Error)
			}
			continue
		}
		p.line("%s%s", first, c.Summary)
		if n := len(c.Evidence); n > 0 { // a right is given by the last but one, and described by the last
			e := c.Evidence[max(n-2, 0)]
			p.line("%s%s %s", rest, e.Resource, orDash(e.Property))
		}
	}
}

// opinions writes what other scanners say of it.
func (p *printer) opinions(list []azward.Opinion) {
	if len(list) == 0 {
		return
	}
	p.line("")
	p.line("%-13s %s", "scanners", "what reports of other scanners say of it")
	for i, o := range list {
		first, rest := branch(i, len(list))
		p.line("%s%s (joined by %s)", first, textOf(o.Evidence.Value), o.By)
		p.line("%s%s", rest, o.Report)
		if o.Differs != "" {
			p.line("%sdisagrees: %s", rest, o.Differs)
		}
	}
}

// textOf is a JSON text without its quotes.
func textOf(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return string(raw)
	}
	return s
}

// condition writes one with its answer and the facts beneath it.
func (p *printer) condition(c azward.Condition, style Style) {
	p.line("")
	p.line("%-13s %s", c.ID, style.mark(c.Answer))
	p.line("    %s", c.Summary)
	facts, listings := splitListings(c.Evidence)
	entries := len(facts) + len(c.Gaps) + min(len(listings), 1)
	for i, e := range facts {
		first, rest := branch(i, entries)
		p.evidence(first, rest, e)
	}
	if len(listings) > 0 {
		first, rest := branch(len(facts), entries)
		p.listings(first, rest, listings)
	}
	for i, g := range c.Gaps {
		first, rest := branch(entries-len(c.Gaps)+i, entries)
		p.gap(first, rest, g)
	}
}

func ssvc(decision string) string {
	if decision == "" {
		return ""
	}
	return "; SSVC: " + decision
}

type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	for i, arg := range args {
		if _, ours := arg.(marked); !ours {
			args[i] = clean(fmt.Sprint(arg))
		}
	}
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, strings.TrimRight(format, " ")+"\n", args...)
	}
}

func branch(i, n int) (first, rest string) {
	if i == n-1 {
		return "    └─ ", "       "
	}
	return "    ├─ ", "    │  "
}

func (p *printer) evidence(first, rest string, e azward.Evidence) {
	meaning := e.Meaning
	if meaning == "" {
		meaning = "observed"
	}
	p.line("%s%s", first, meaning)
	p.line("%s%s", rest, e.Resource)
	if e.Property != "" || len(e.Value) > 0 {
		p.line("%s%s = %s", rest, orDash(e.Property), shown(e.Value))
	}
	source := string(e.Source)
	if e.APIVersion != "" {
		source += " " + e.APIVersion
	}
	if !e.ReadAt.IsZero() {
		source += ", read " + e.ReadAt.UTC().Format(time.RFC3339)
	}
	if len(e.SHA256) >= 12 {
		source += ", sha256 " + e.SHA256[:12]
	}
	p.line("%ssource %s", rest, source)
}

func (p *printer) gap(first, rest string, g azward.Gap) {
	p.line("%smissing: %s (%s)", first, g.Reads, g.Kind)
	p.line("%s%s", rest, g.Scope)
	if g.Error != "" {
		p.line("%s%s", rest, g.Error)
	}
	if g.Needs != "" {
		p.line("%sneeds %s", rest, g.Needs)
	}
	if g.Remedy != "" {
		p.line("%shint: %s", rest, g.Remedy)
	}
}

// splitListings parts the completed listings, which prove that nothing else is
// there, from the other facts.
func splitListings(evidence []azward.Evidence) (facts, listings []azward.Evidence) {
	for _, e := range evidence {
		if e.Source == azward.SourceListing {
			listings = append(listings, e)
		} else {
			facts = append(facts, e)
		}
	}
	return facts, listings
}

// listings tells the completed listings by scope: one line each would hide the
// rest.
func (p *printer) listings(first, rest string, listings []azward.Evidence) {
	p.line("%sthat there is nothing else: %s complete listings", first, strconv.Itoa(len(listings)))
	for i := 0; i < len(listings); {
		scope := listings[i].Resource
		var types []string
		for ; i < len(listings) && listings[i].Resource == scope; i++ {
			var value struct {
				Type string `json:"type"`
			}
			if json.Unmarshal(listings[i].Value, &value) == nil {
				types = append(types, value.Type)
			}
		}
		p.line("%s%s", rest, scope)
		p.line("%s  %s", rest, strings.Join(types, ", "))
	}
	if at := listings[0].ReadAt; !at.IsZero() {
		p.line("%ssource listing, read %s", rest, at.UTC().Format(time.RFC3339))
	}
}

func orDash(s string) string {
	if s == "" {
		return "(whole)"
	}
	return s
}

func shown(value json.RawMessage) string {
	s := plainJSON.Replace(string(value))
	if s == "" {
		s = "null"
	}
	if r := []rune(s); len(r) > maxValueRunes {
		s = string(r[:maxValueRunes]) + "…"
	}
	return s
}

// plainJSON takes back what encoding/json escapes for the sake of HTML.
var plainJSON = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&")

func aliases(ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	return " (" + strings.Join(ids, ", ") + ")"
}

func score(f azward.Finding) string {
	if f.CVSS == 0 {
		return ""
	}
	return fmt.Sprintf(" %.1f", f.CVSS)
}

func exploited(f azward.Finding) string {
	var parts []string
	if f.KEV {
		parts = append(parts, "known exploited (CISA KEV)")
	}
	if f.EPSS > 0 {
		parts = append(parts, fmt.Sprintf("EPSS %.3f", f.EPSS))
	}
	if len(parts) == 0 {
		return ""
	}
	return "   " + strings.Join(parts, ", ")
}

func fixed(f azward.Finding) string {
	if len(f.FixedIn) == 0 {
		return "   no fix published"
	}
	return "   fixed in " + strings.Join(f.FixedIn, ", ")
}

// Markdown writes a verdict for an issue or a wiki page.
func Markdown(w io.Writer, v azward.Verdict) error {
	p := &printer{w: w}
	p.line("## %s in %s: %s", v.Vulnerability, escapeMarkdown(v.Workload.Name), v.Result)
	p.line("")
	p.line("%s", escapeMarkdown(v.Summary))
	p.line("")
	p.line("| | |")
	p.line("|---|---|")
	p.line("| verdict | %s, confidence %s |", code(v.ID), v.Confidence)
	p.line("| package | %s%s |", code(v.Finding.PURL), fixed(v.Finding))
	p.line("| workload | %s |", code(v.Workload.ID))
	p.line("| image | %s |", code(v.Image))
	for _, c := range slices.Concat(v.Conditions, v.Mitigations, v.Impact) {
		p.line("")
		p.line("### %s: %s", c.ID, c.Answer)
		p.line("")
		p.line("%s", escapeMarkdown(c.Summary))
		p.line("")
		for _, e := range c.Evidence {
			p.line("- %s: %s %s = %s (%s)", escapeMarkdown(e.Meaning), code(e.Resource), code(orDash(e.Property)), code(shown(e.Value)), e.Source)
		}
		for _, g := range c.Gaps {
			p.line("- missing: %s in %s; needs %s", code(g.Reads), code(g.Scope), code(g.Needs))
		}
	}
	return p.err
}

var markdownEscaper = strings.NewReplacer("\\", "\\\\", "|", "\\|", "<", "&lt;", "*", "\\*", "_", "\\_", "`", "\\`", "[", "\\[")

func escapeMarkdown(s string) string { return markdownEscaper.Replace(s) }

// code puts text into a code span, which nothing in it can end, nor a cell of
// a table.
func code[T ~string](s T) string {
	return "`" + strings.NewReplacer("`", "'", "|", "\\|").Replace(string(s)) + "`"
}
