package web

import (
	"bytes"
	"fmt"
	"html/template"
	"reflect"
	"sync"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

// maxPieces bounds the pieces that are kept, at some 1.5 kB each.
const maxPieces = 4_000

// pieces keeps parts of pages that were written before: rows of lists, of which
// the next reader's page has the same. A piece is kept by all that its template
// gets, so what is kept is what would be written anew. The zero value is empty.
type pieces struct {
	templates *template.Template

	mu   sync.RWMutex
	held map[pieceKey]template.HTML
}

type pieceKey struct {
	name string
	data any
}

// functions are those that pages call for their pieces.
func (p *pieces) functions() template.FuncMap {
	return template.FuncMap{"piece": p.write, "verdictLine": verdictLineOf, "resourceLine": resourceLineOf, "optionLine": func(value string, on bool) optionLine { return optionLine{value, on} }}
}

// write gives the part of a page that a template makes of data: a value that
// can be compared, without pointers.
func (p *pieces) write(name string, data any) (template.HTML, error) {
	if t := reflect.TypeOf(data); t == nil || !t.Comparable() {
		return "", fmt.Errorf("piece %s: %T cannot be compared", name, data)
	}
	key := pieceKey{name, data}
	p.mu.RLock()
	kept, ok := p.held[key]
	p.mu.RUnlock()
	if ok {
		return kept, nil
	}
	var b bytes.Buffer
	if err := p.templates.ExecuteTemplate(&b, name, data); err != nil {
		return "", fmt.Errorf("write %s: %w", name, err)
	}
	fresh := template.HTML(b.String()) //nolint:gosec // html/template wrote it
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == nil || len(p.held) >= maxPieces {
		p.held = make(map[pieceKey]template.HTML)
	}
	p.held[key] = fresh
	return fresh, nil
}

// verdictLine is all that a row of the list of verdicts shows.
type verdictLine struct {
	ID                           azward.VerdictID
	Result                       azward.Result
	Vulnerability, PURL, Fixed   string
	Severity                     azward.Severity
	Workload                     azward.Workload
	Why                          string
	KEV, IsDismissed, CanDismiss bool
}

func verdictLineOf(v store.VerdictRow, canDismiss bool) verdictLine {
	line := verdictLine{
		ID: v.ID, Result: v.Result, Vulnerability: v.Vulnerability, PURL: v.Finding.PURL, Severity: v.Finding.Severity, Workload: v.Workload,
		Why: reach(v), KEV: v.Finding.KEV, IsDismissed: v.Dismissed != nil, CanDismiss: canDismiss,
	}
	if len(v.Finding.FixedIn) > 0 {
		line.Fixed = v.Finding.FixedIn[0]
	}
	return line
}

// resourceLine is what a row of resources shows but for when they were read.
type resourceLine struct {
	URL, Name, Type, Kind, Namespace, ResourceGroup, Connection string
	ID, Cluster                                                 azward.ResourceID
}

func resourceLineOf(r resourceRow) resourceLine {
	return resourceLine{r.URL, r.Name, r.Type, r.Kind, r.Namespace, r.ResourceGroup, r.Connection, r.ID, r.Cluster}
}

// optionLine is one entry of a select.
type optionLine struct {
	Value string
	On    bool
}
