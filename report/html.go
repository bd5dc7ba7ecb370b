package report

import (
	_ "embed" // the page's template
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"time"

	"github.com/azward/azward"
)

// maxInline is the length of a value, in bytes, up to which it stands in the
// line of its property.
const maxInline = 120

//go:embed verdict.html
var verdictPage string

// Setting is a change that would flip a verdict, in words.
type Setting struct {
	Summary  string
	Resource azward.ResourceID
	Property string
	Change   string // `"Deny", was "Allow"`
	Then     string
}

// Page is what stands beside a verdict on its page.
type Page struct {
	// Picture is an SVG image of the path, drawn by azward itself; nil for none.
	Picture []byte
	// Settings would close the way in, or open it.
	Settings []Setting
}

var verdictTemplate = template.Must(template.New("verdict").Funcs(template.FuncMap{
	"clean": func(s any) string { return clean(fmt.Sprint(s)) },
	"value": func(raw json.RawMessage) string { return clean(pretty(raw)) },
	"short": func(raw json.RawMessage) bool {
		return len(raw) <= maxInline && (len(raw) == 0 || raw[0] != '{' && raw[0] != '[')
	},
	"mark": func(a azward.Answer) string {
		return map[azward.Answer]string{azward.Yes: "●", azward.No: "○"}[a]
	},
	"sign":     func(r azward.Result) string { return string(Style{}.markResult(r)) },
	"place":    Place,
	"listings": func(list []azward.Evidence) []azward.Evidence { _, l := splitListings(list); return l },
	"facts":    func(list []azward.Evidence) []azward.Evidence { f, _ := splitListings(list); return f },
	"time":     func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"aliases":  aliases, "score": score, "exploited": exploited, "fixed": fixed,
}).Parse(verdictPage))

// pretty indents a value that is an object or a list; the page scrolls it.
func pretty(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "null"
	}
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return string(raw)
	}
	out, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return string(raw)
	}
	return plainJSON.Replace(string(out))
}

// HTML writes a verdict as a page of its own: no script, nothing loaded from
// elsewhere, light and dark.
func HTML(w io.Writer, v azward.Verdict, p Page) error {
	err := verdictTemplate.Execute(w, struct {
		V        azward.Verdict
		Picture  template.HTML
		Settings []Setting
	}{v, template.HTML(p.Picture), p.Settings}) //nolint:gosec // our own drawing, which escapes names
	if err != nil {
		return fmt.Errorf("write page of %s: %w", v.ID, err)
	}
	return nil
}
