package report

import (
	"encoding/json"
	"fmt"
	"io"
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
	p.line("verdict        %s   exploitable %s   confidence %s", v.ID, style.mark(v.Exploitable), v.Confidence)
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
		p.line("")
		p.line("%-10s %s", c.ID, style.mark(c.Answer))
		p.line("    %s", c.Summary)
		for i, e := range c.Evidence {
			first, rest := branch(i, len(c.Evidence)+len(c.Gaps))
			p.evidence(first, rest, e)
		}
		for i, g := range c.Gaps {
			first, rest := branch(i+len(c.Evidence), len(c.Evidence)+len(c.Gaps))
			p.gap(first, rest, g)
		}
	}
	return p.err
}

type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
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

func orDash(s string) string {
	if s == "" {
		return "(whole)"
	}
	return s
}

func shown(value json.RawMessage) string {
	s := string(value)
	if s == "" {
		s = "null"
	}
	if r := []rune(s); len(r) > maxValueRunes {
		s = string(r[:maxValueRunes]) + "…"
	}
	return s
}

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
	p.line("## %s in %s: exploitable %s", v.Vulnerability, escapeMarkdown(v.Workload.Name), v.Exploitable)
	p.line("")
	p.line("%s", escapeMarkdown(v.Summary))
	p.line("")
	p.line("| | |")
	p.line("|---|---|")
	p.line("| verdict | `%s`, confidence %s |", v.ID, v.Confidence)
	p.line("| package | `%s`%s |", v.Finding.PURL, fixed(v.Finding))
	p.line("| workload | `%s` |", v.Workload.ID)
	p.line("| image | `%s` |", v.Image)
	for _, c := range v.Conditions {
		p.line("")
		p.line("### %s: %s", c.ID, c.Answer)
		p.line("")
		p.line("%s", escapeMarkdown(c.Summary))
		p.line("")
		for _, e := range c.Evidence {
			p.line("- %s: `%s` `%s` = `%s` (%s)", escapeMarkdown(e.Meaning), e.Resource, orDash(e.Property), strings.ReplaceAll(shown(e.Value), "`", "'"), e.Source)
		}
		for _, g := range c.Gaps {
			p.line("- missing: `%s` in `%s`; needs `%s`", g.Reads, g.Scope, g.Needs)
		}
	}
	return p.err
}

var markdownEscaper = strings.NewReplacer("\\", "\\\\", "|", "\\|", "<", "&lt;", "*", "\\*", "_", "\\_", "`", "\\`", "[", "\\[")

func escapeMarkdown(s string) string { return markdownEscaper.Replace(s) }
