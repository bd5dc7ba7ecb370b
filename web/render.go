package web

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
)

// page is what the layout shows around Data.
type page struct {
	Title   string // of the document, without the product's name
	Section string // of the navigation, "" for none
	Refresh int    // seconds after which a page without scripts loads anew; 0 is never
	Data    any

	// What render fills in.
	Who   *access.Identity // nil for a page outside the frame
	Nav   []navItem
	Theme string // "light", "dark", or "" for the system's
	Flash *flash
	Path  string // path and query of this page, to come back to
	Now   time.Time
}

// navItem is one entry of the navigation; Section is the name of its icon, too.
type navItem struct{ Section, Name, Path string }

var navigation = []navItem{
	{"overview", "Overview", "/"},
	{"verdicts", "Verdicts", "/verdicts"},
	{"estate", "Estate", "/estate"},
	{"registries", "Registries", "/registries"},
	{"posture", "Posture", "/posture"},
	{"integrations", "Integrations", "/integrations"},
	{"scans", "Scans", "/scans"},
	{"settings", "Settings", "/settings"},
}

// problem is an error as a page shows it.
type problem struct {
	Status        int
	Title         string
	Cause, Remedy string
}

// problemOf translates an error. What is not an [azward.Error] is ours to find
// in the log, and tells a visitor nothing.
func problemOf(err error) problem {
	var e *azward.Error
	if !errors.As(err, &e) {
		return problem{http.StatusInternalServerError, "Something failed here", "the reason is in the log of the hub", "try again; where it stays, look for this time in the log"}
	}
	title := "it failed"
	if e.Op != "" {
		title = strings.TrimSpace("could not " + e.Op + " " + e.Subject)
	}
	return problem{e.Kind.HTTPStatus(), title, e.Cause, e.Remedy}
}

func notFound(what string) error {
	return &azward.Error{
		Kind: azward.KindNotFound, Op: "find", Subject: fmt.Sprintf("%.80s", what),
		Cause: "there is nothing of that name here", Remedy: "it may be gone since; start from the overview",
	}
}

// badForm is the error of a form that asks for what cannot be.
func badForm(op, cause, remedy string) error {
	return &azward.Error{Kind: azward.KindUsage, Op: op, Cause: cause, Remedy: remedy}
}

// maxInline is the length of a value, in bytes, up to which it stands in the
// line of its property.
const maxInline = 120

// maxFragment bounds one raw fragment, in bytes: the proof has all of it.
const maxFragment = 16 << 10

func (s *Site) functions() template.FuncMap {
	return template.FuncMap{
		"asset": s.assets.url, "icon": icon, "bars": bars, "args": args,
		"resultWord": resultWord, "answerClass": answerClass, "answerIcon": answerIcon, "sourceWord": sourceWord,
		"stamp":    stamp,
		"day":      func(t time.Time) string { return t.UTC().Format(time.DateOnly) },
		"sentence": func(text any) string { return sentence(clean(text)) },
		"exact":    func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
		"changed":  changed,
		"ago":      ago, "n": thousands, "percent": percent,
		"short": func(raw json.RawMessage) bool {
			return len(raw) <= maxInline && (len(raw) == 0 || raw[0] != '{' && raw[0] != '[')
		},
		"value": fragment, "remedyParts": remedyParts, "scopeWord": scopeWord, "classWord": classWord, "clean": clean, "place": placeOf, "tail": tail, "tailOf": func(id string) string { return tail(azward.ResourceID(id)) }, "becomes": becomes,
		"jobWord": jobWord, "reach": reach, "said": said, "counted": counted, "cluster": cluster, "purlName": purlName, "purlVersion": purlVersion, "lineText": lineText, "changeWord": changeWord, "checkName": checkName, "becameFrom": becameFrom,
	}
}

// args makes the one value that a component with several inputs takes; keys
// that are left out are empty.
func args(pairs ...any) (map[string]any, error) {
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		key, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("args: %v is no name", pairs[i])
		}
		m[key] = pairs[i+1]
	}
	return m, nil
}

// parse makes one template for each page: layout, components and the page.
func (s *Site) parse(files fs.FS) error {
	kept := &pieces{}
	base, err := template.New("layout").Funcs(s.functions()).Funcs(kept.functions()).ParseFS(files, "templates/layout.html", "templates/components*.html")
	if err != nil {
		return fmt.Errorf("parse layout: %w", err)
	}
	if kept.templates, err = base.Clone(); err != nil {
		return fmt.Errorf("parse pieces: %w", err)
	}
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		return fmt.Errorf("list templates: %w", err)
	}
	s.pages = map[string]*template.Template{}
	for _, file := range names {
		name := strings.TrimSuffix(path.Base(file), ".html")
		if name == "layout" || strings.HasPrefix(name, "components") {
			continue
		}
		clone, err := base.Clone()
		if err != nil {
			return fmt.Errorf("parse %s: %w", file, err)
		}
		if s.pages[name], err = clone.ParseFS(files, file); err != nil {
			return fmt.Errorf("parse %s: %w", file, err)
		}
	}
	return nil
}

// render writes a page. It is made whole before its first byte goes out, so
// that an error is a page of its own and no half of another.
func (s *Site) render(w http.ResponseWriter, r *http.Request, status int, name string, p page) error {
	t, ok := s.pages[name]
	if !ok {
		return fmt.Errorf("there is no page %q", name)
	}
	if who, ok := access.From(r.Context()); ok {
		p.Who, p.Nav = &who, navigation
	}
	p.Theme, p.Flash, p.Now = themeOf(r), takeFlash(w, r), s.now()
	if r.Method == http.MethodGet {
		p.Path = r.URL.RequestURI()
	}
	var body bytes.Buffer
	if err := t.ExecuteTemplate(&body, "layout", p); err != nil {
		return fmt.Errorf("write page %s: %w", name, err)
	}
	// Nothing of ours turns the direction of writing, wherever a name stands.
	out := body.Bytes()
	if !allVisible(out) {
		out = bytes.Map(visible, out)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(out)))
	w.WriteHeader(status)
	_, err := w.Write(out)
	return gone(err)
}

// gone swallows the error of a write: the reader left, and nobody is there to
// be told.
func gone(error) error { return nil }

// fail shows an error as a page.
func (s *Site) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if p.Status >= http.StatusInternalServerError {
		s.log.ErrorContext(r.Context(), "page failed", "path", r.URL.Path, "err", err)
	}
	if err := s.render(w, r, p.Status, "error", page{Title: statusWord(p.Status), Data: p}); err != nil {
		s.log.ErrorContext(r.Context(), "error page failed", "path", r.URL.Path, "err", err)
		http.Error(w, p.Title, p.Status)
	}
}

// statusWord is the heading of a page that shows an error.
func statusWord(status int) string {
	words := map[int]string{
		http.StatusBadRequest: "That cannot be", http.StatusUnprocessableEntity: "That cannot be", http.StatusUnauthorized: "Not let in",
		http.StatusForbidden: "Not allowed", http.StatusNotFound: "Nothing here", http.StatusConflict: "Not now",
		http.StatusPreconditionFailed: "It changed meanwhile", http.StatusTooManyRequests: "Too much at once",
	}
	if status >= http.StatusInternalServerError {
		return "Something failed"
	}
	return cmp.Or(words[status], http.StatusText(status))
}

func resultWord(r azward.Result) string {
	if r == azward.NotExploitable {
		return "not exploitable"
	}
	return string(r)
}

func answerClass(a azward.Answer) string {
	if a == azward.Unknown { // "unknown" alone is the result's
		return "maybe"
	}
	return a.String()
}

func answerIcon(a azward.Answer) string { return a.String() }

// sourceWord says who gave a fact in words.
func sourceWord(s azward.Source) string {
	words := map[azward.Source]string{
		azward.SourceARM: "Azure Resource Manager", azward.SourceResourceGraph: "Azure Resource Graph", azward.SourceMSGraph: "Microsoft Graph",
		azward.SourceKubernetes: "Kubernetes API", azward.SourceImage: "image layers", azward.SourceRegistry: "registry", azward.SourceAdvisory: "advisory record",
		azward.SourceListing: "complete listing", azward.SourceGap: "not read", azward.SourceExport: "exported file", azward.SourceScanner: "another scanner's report",
		azward.SourceUser: "a person's word", azward.SourceDocumented: "documented default",
	}
	return cmp.Or(words[s], string(s))
}

// fragment is raw JSON, indented, and bounded.
func fragment(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "null"
	}
	out := string(raw)
	if b := (&bytes.Buffer{}); json.Indent(b, raw, "", "  ") == nil {
		out = b.String()
	}
	if len(out) > maxFragment {
		out = strings.ToValidUTF8(out[:maxFragment], "") + "\n… cut here; the proof has all of it"
	}
	return clean(out)
}

// maxLine is how much of a document stands in a line, in characters.
const maxLine = 300

func shorten(text string, most int) string {
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}

// clean takes out what would turn the direction of writing or hide characters:
// names come from somebody else's resources.
func clean(text any) string {
	s, ok := text.(string)
	if !ok {
		s = fmt.Sprint(text)
	}
	if allVisible(s) {
		return s
	}
	return strings.Map(visible, s)
}

func visible(r rune) rune {
	if r != '\n' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
		return '\uFFFD'
	}
	return r
}

// allVisible says that [visible] would change nothing.
func allVisible[T string | []byte](text T) bool {
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf {
			if c < ' ' && c != '\n' || c == 0x7f {
				return false
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(string(text[i:min(len(text), i+utf8.UTFMax)]))
		if r == utf8.RuneError && size == 1 || visible(r) != r {
			return false
		}
		i += size
	}
	return true
}

// ago says how long before now t was, in one unit.
func ago(t, now time.Time) string {
	d := now.Sub(t)
	const day = 24 * time.Hour
	switch {
	case d < -time.Minute:
		return "in " + span(-d)
	case d < time.Minute:
		return "just now"
	case d < 60*day:
		return span(d) + " ago"
	}
	return t.UTC().Format(time.DateOnly)
}

// span says a duration in one unit: "3 minutes".
func span(d time.Duration) string {
	const day = 24 * time.Hour
	for _, u := range []struct {
		name string
		unit time.Duration
	}{{"day", day}, {"hour", time.Hour}, {"minute", time.Minute}} {
		if d >= u.unit {
			return counted(int(d/u.unit), u.name)
		}
	}
	if d < time.Second {
		return "less than a second"
	}
	return counted(int(d/time.Second), "second")
}

// sentence begins with a capital letter.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return thousands(n) + " " + what + "s"
}

// thousands writes a count with a thin group mark: "12,345".
func thousands(n int) string {
	s := strconv.Itoa(n)
	from := len(s) % 3
	if n < 0 {
		return s
	}
	var b strings.Builder
	b.WriteString(s[:from])
	for i := from; i < len(s); i += 3 {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(s[i : i+3])
	}
	return b.String()
}

func percent(share float64) string {
	return strconv.FormatFloat(100*share, 'f', 1, 64) + " %"
}

// tail is the last part of a resource ID.
func tail(id azward.ResourceID) string {
	text := strings.TrimRight(string(id), "/")
	return text[strings.LastIndexByte(text, '/')+1:]
}

// placeOf says where a workload is, for a narrow column.
func placeOf(w azward.Workload) string {
	if w.Name != "" {
		return w.Name
	}
	return tail(w.ID)
}
