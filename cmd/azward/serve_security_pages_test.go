package main

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/net/html"

	"github.com/azward/azward/web"
)

// sheet is a page as a browser reads it.
type sheet struct {
	path  string
	asked bool // no page links to it
	reply
	document *html.Node
}

// posted is a form of a page with what it would send.
type posted struct {
	page, action string
	values       url.Values
	texts        []string // names of what people type in
}

// fewOf are how many pages of one route are read; the rest are alike.
var fewOf = map[string]int{"GET /estate/resource": 20, "GET /verdicts/{id}": 8}

const fewElsewhere = 4

// crawl follows the links of the hub's pages, from the overview on and from
// the paths given, and answers what it found: one page of each route, or a few.
func crawl(t *testing.T, c *caller, one bool, from ...string) []sheet {
	t.Helper()
	mux := http.NewServeMux()
	for _, r := range web.Routes() {
		mux.HandleFunc(r.Pattern, func(http.ResponseWriter, *http.Request) {})
	}
	var pages []sheet
	seen, read := map[string]bool{}, map[string]int{}
	for queue := append([]string{"/"}, from...); len(queue) > 0; queue = queue[1:] {
		path, _, _ := strings.Cut(queue[0], "#")
		if seen[path] || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
			continue
		}
		seen[path] = true
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://hub"+path, nil)
		if err != nil {
			t.Errorf("a page links to %q: %v", path, err)
			continue
		}
		_, pattern := mux.Handler(r)
		most := fewOf[pattern]
		if most == 0 {
			most = fewElsewhere
		}
		if one {
			most = 1
		}
		if read[pattern]++; pattern == "" || read[pattern] > most && !slices.Contains(from, path) || strings.HasSuffix(pattern, "/events") {
			continue
		}
		got := c.get(t, path)
		page := sheet{path: path, asked: slices.Contains(from, path), reply: got}
		if strings.HasPrefix(got.header.Get("Content-Type"), "text/html") {
			if page.document, err = html.Parse(strings.NewReader(got.body)); err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			queue = append(queue, page.links()...)
		}
		pages = append(pages, page)
	}
	return pages
}

func (s sheet) links() (paths []string) {
	s.each(func(n *html.Node) {
		if n.Data == "a" {
			paths = append(paths, attributeOf(n, "href"))
		}
	})
	return paths
}

// each tells every element.
func (s sheet) each(tell func(*html.Node)) {
	if s.document == nil {
		return
	}
	for n := range s.document.Descendants() {
		if n.Type == html.ElementNode {
			tell(n)
		}
	}
}

func attributeOf(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// forms are those that change something.
func (s sheet) forms() (all []posted) {
	s.each(func(n *html.Node) {
		if n.Data != "form" || !strings.EqualFold(attributeOf(n, "method"), "post") {
			return
		}
		f := posted{page: s.path, action: attributeOf(n, "action"), values: url.Values{}}
		for field := range n.Descendants() {
			name := attributeOf(field, "name")
			switch {
			case field.Type != html.ElementNode || name == "":
			case field.Data == "textarea", field.Data == "input" && slices.Contains([]string{"", "text", "search", "password"}, attributeOf(field, "type")):
				f.texts = append(f.texts, name)
				f.values.Set(name, attributeOf(field, "value"))
			case field.Data == "input", field.Data == "button":
				f.values.Add(name, attributeOf(field, "value"))
			case field.Data == "select":
				for option := range field.Descendants() {
					if option.Type == html.ElementNode && option.Data == "option" && !f.values.Has(name) {
						f.values.Set(name, attributeOf(option, "value"))
					}
				}
			}
		}
		all = append(all, f)
	})
	return all
}

// urls are the attributes that browsers go to, or load.
var urls = []string{
	"href", "src", "action", "formaction", "poster", "background", "cite", "data", "longdesc", "ping", "srcset", "manifest", "icon", "usemap",
	"hx-get", "hx-post", "hx-put", "hx-patch", "hx-delete", "hx-push-url", "hx-replace-url", "data-events",
}

// foreignMarkup are the elements that no page has a use for.
var foreignMarkup = []string{"iframe", "object", "embed", "base", "frame", "frameset", "applet", "style", "foreignobject", "animate", "set", "math", "template", "image", "use"}

// faults are what a page holds that its templates do not, or that its policy
// would refuse.
func (s sheet) faults() (all []string) {
	s.each(func(n *html.Node) {
		name := strings.ToLower(n.Data)
		if strings.Contains(name, "zqx") || slices.Contains(foreignMarkup, name) {
			all = append(all, "element "+name)
		}
		if name == "script" && (!strings.HasPrefix(attributeOf(n, "src"), "/assets/") || n.FirstChild != nil) {
			all = append(all, "script "+attributeOf(n, "src"))
		}
		if name == "meta" && strings.EqualFold(attributeOf(n, "http-equiv"), "refresh") && strings.Trim(attributeOf(n, "content"), "0123456789") != "" {
			all = append(all, "refresh "+attributeOf(n, "content"))
		}
		for _, a := range n.Attr {
			if problem := attributeFault(a); problem != "" {
				all = append(all, name+" "+problem)
			}
		}
	})
	return append(all, letterFaults(s.body)...)
}

func attributeFault(a html.Attribute) string {
	key := strings.ToLower(a.Key)
	value := strings.ToLower(strings.Map(func(r rune) rune {
		if r <= ' ' || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, a.Val))
	switch {
	case strings.Contains(key, "zqx"), strings.HasPrefix(key, "on"), strings.HasPrefix(key, "hx-on"), key == "style", key == "srcdoc", key == "is":
		return "attribute " + key
	case strings.HasPrefix(value, "js:"), strings.HasPrefix(value, "javascript:") && slices.Contains(urls, key):
		return fmt.Sprintf("%s=%q", key, a.Val)
	case !slices.Contains(urls, key):
		return ""
	}
	to, err := url.Parse(a.Val)
	if err != nil || to.Scheme != "" && to.Scheme != "https" && to.Scheme != "http" || to.Scheme == "" && to.Host != "" || strings.Contains(a.Val, "\\") {
		return fmt.Sprintf("leads to %s=%q", key, a.Val)
	}
	return ""
}

// letterFaults are characters that turn or hide what stands beside them.
func letterFaults(text string) (all []string) {
	for i, r := range text {
		if unicode.Is(unicode.Bidi_Control, r) || unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r' {
			return append(all, fmt.Sprintf("%U in %q", r, text[max(0, i-40):min(len(text), i+40)]))
		}
	}
	return all
}

// drawingFaults are those of a picture on its own.
func drawingFaults(text string) (all []string) {
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return append(all, letterFaults(text)...)
		}
		if err != nil {
			return append(all, err.Error())
		}
		element, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if name := strings.ToLower(element.Name.Local); name == "script" || strings.Contains(name, "zqx") || slices.Contains(foreignMarkup, name) && name != "style" {
			all = append(all, "element "+name)
		}
		for _, a := range element.Attr {
			if problem := attributeFault(html.Attribute{Key: a.Name.Local, Val: a.Value}); problem != "" && a.Name.Local != "style" {
				all = append(all, problem)
			}
		}
	}
}

// notSubmitted end what the test needs.
var notSubmitted = []string{"/disconnect", "/signout", "/sessions/end", "/cancel", "/account/password", "/settings/users/", "/revoke", "/reopen", "/remove"}

// pagesHoldNoMarkupFromData fills every form with hostile words, and then reads
// the pages: what stood in names, tags, labels, advisories, reasons and errors
// is text there and nothing else.
func pagesHoldNoMarkupFromData(t *testing.T, w *secured) {
	admin := w.callers["admin"]
	hostileViews(t, admin)
	submitted := map[string]bool{}
	for _, page := range crawl(t, admin, true) {
		for _, f := range page.forms() {
			if submitted[f.action] || slices.ContainsFunc(notSubmitted, func(part string) bool { return strings.Contains(f.action, part) }) {
				continue
			}
			submitted[f.action] = true
			for _, name := range f.texts {
				f.values.Set(name, hostile)
			}
			got := admin.post(t, f.action, f.values)
			answer := sheet{path: f.action, reply: got}
			var err error
			if answer.document, err = html.Parse(strings.NewReader(got.body)); err != nil {
				t.Error(err)
			}
			if all := answer.faults(); len(all) > 0 || got.status >= http.StatusInternalServerError {
				t.Errorf("the form %s of %s: %d %v", f.action, page.path, got.status, all)
			}
		}
	}
	shown, pages := map[string]int{}, 0
	for _, page := range crawl(t, admin, false, w.hostilePages(t)...) {
		pages++
		w.look(t, page)
		if strings.Contains(page.body, "zqx") {
			area, _, _ := strings.Cut(strings.TrimPrefix(page.path, "/"), "?")
			shown[area]++
		}
	}
	for _, area := range []string{"settings/users", "settings/tokens", "settings/audit", "estate/resource", "estate/map", "verdicts", "registries/" + demoRegistry + "/image"} {
		if shown[area] == 0 {
			t.Errorf("no page of %s shows what is hostile", area)
		}
	}
	t.Logf("%d forms, %d pages; hostile words stand on %v", len(submitted), pages, shown)
}

// work has the hub do a job, to its end.
func (w *secured) work(t *testing.T, path string, values url.Values) {
	t.Helper()
	admin := w.callers["admin"]
	started := admin.post(t, path, values)
	job, ok := strings.CutPrefix(started.location(), "/scans/jobs/")
	if started.status != http.StatusSeeOther || !ok {
		t.Fatalf("%s: %d %s %s", path, started.status, started.location(), started.body)
	}
	events := admin.get(t, "/api/v1/jobs/"+job+"/events", "Accept", "text/event-stream")
	if !strings.Contains(events.body, "event: end") || strings.Contains(events.body, `"state":"failed"`) {
		t.Fatalf("%s: %d %s", path, events.status, events.body)
	}
}

// look checks one page, or what else a link of the hub gives.
func (w *secured) look(t *testing.T, page sheet) {
	t.Helper()
	if page.status >= http.StatusInternalServerError || page.status >= http.StatusBadRequest && !page.asked {
		t.Errorf("%s: %d", page.path, page.status)
	}
	policy := page.header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'; script-src 'self'; style-src 'self';") || strings.Contains(policy, "unsafe") || page.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%s: policy %q", page.path, policy)
	}
	kind, file := page.header.Get("Content-Type"), page.header.Get("Content-Disposition")
	switch {
	case page.document != nil && file == "":
		for _, problem := range page.faults() {
			t.Errorf("%s: %s", page.path, problem)
		}
		for n := range page.document.Descendants() {
			if n.Type == html.ElementNode && n.Data == "svg" {
				var b strings.Builder
				if err := html.Render(&b, n); err != nil {
					t.Error(err)
				}
				for _, problem := range drawingFaults(b.String()) {
					t.Errorf("%s: picture: %s", page.path, problem)
				}
			}
		}
	case page.document != nil: // a page that is saved brings its own style, and nothing else
		for _, problem := range page.faults() {
			if problem != "element style" {
				t.Errorf("%s: %s", page.path, problem)
			}
		}
	case strings.HasPrefix(kind, "image/svg"):
		for _, problem := range drawingFaults(page.body) {
			t.Errorf("%s: %s", page.path, problem)
		}
	}
}

// hostileViews saves filters under hostile names.
func hostileViews(t *testing.T, c *caller) {
	t.Helper()
	for _, name := range []string{hostile, hostileURL} {
		if got := c.post(t, "/verdicts/views", url.Values{"name": {name}, "query": {"severity=high&search=" + url.QueryEscape(hostile)}}); got.status >= http.StatusInternalServerError {
			t.Errorf("save a view: %d %s", got.status, got.body)
		}
	}
}

// hostilePages are pages about the resources of the hostile file and pages that
// show what they are asked for.
func (w *secured) hostilePages(t *testing.T) (paths []string) {
	t.Helper()
	var found struct {
		Items []struct{ ID, Type string }
	}
	w.callers["admin"].json(t, http.MethodGet, "/api/v1/resources?limit=100&search=zqx", nil, &found)
	if len(found.Items) < 5 {
		t.Errorf("%d resources of the hostile file are there", len(found.Items))
	}
	for _, one := range found.Items {
		paths = append(paths, "/estate/resource?id="+url.QueryEscape(one.ID))
		if strings.EqualFold(one.Type, "Microsoft.Network/virtualNetworks") {
			paths = append(paths, "/estate/map?id="+url.QueryEscape(one.ID))
		}
	}
	for _, words := range []string{hostile, hostileURL, veiled} {
		q := url.QueryEscape(words)
		paths = append(paths, "/verdicts?search="+q, "/verdicts?cve="+q+"&severity="+q+"&after="+q, "/estate?search="+q+"&type="+q, "/estate/resource?id="+q, "/estate/map?id="+q,
			"/registries/"+url.PathEscape(words), "/registries/"+demoRegistry+"/repository?name="+q, "/registries/"+demoRegistry+"/image?name="+q+"&q="+q, "/scans/"+url.PathEscape(words),
			"/scans/jobs/"+url.PathEscape(words), "/integrations/connections/"+url.PathEscape(words), "/settings/audit?action="+q+"&who="+q, "/verdicts/"+url.PathEscape(words),
			"/integrations/azure/new?name="+q+"&auth="+q, "/integrations/azure/consent/callback?state="+q+"&error="+q+"&error_description="+q)
	}
	return paths
}
