package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/policy/azurepolicy"
)

// document is a resource's body, decoded once for all rules of a [Checker].
// Objects and lists of it are CEL values themselves: a rule walks the document
// without a copy, and every property that it looks at is noted in the run.
type document struct {
	resource *estate.Resource
	run      *run
	// unread says why a property that the document lacks is not known; "" where
	// it is not set.
	unread string
	// shallow: only members at the top can be unread. Microsoft Graph returns
	// the properties that were selected; what is within one is whole.
	shallow bool
	site    bool // an App Service site, or a slot of one
	planned bool // a part of it is known when it is deployed
	// image is what proves the controls of an image, by ID; nil for all others.
	image map[string][]azward.Evidence
	root  *object
}

// needs is the right that reading the resource whole takes.
func (d *document) needs() string {
	if d.image != nil {
		return "the right to pull the image"
	}
	return d.resource.Type + "/read"
}

// maxDepth bounds, in levels, how deep a document may nest: an estate holds
// none that is deeper.
const maxDepth = 256

// newDocument decodes a resource.
func newDocument(e *estate.Estate, r *estate.Resource, in *run) (*document, error) {
	d := &document{resource: r, run: in}
	switch {
	case strings.HasPrefix(r.Type, directoryPrefix):
		d.unread, d.shallow = "Microsoft Graph returns only the properties that are asked for", true
	case r.Cluster == "" && strings.Contains(r.Type, "/"):
		d.unread = azurepolicy.Unset(e, r)
	}
	d.planned = estate.HoldsLater(r.Body)
	d.site = r.Source != azward.SourceTemplate && (strings.EqualFold(r.Type, siteType) || strings.EqualFold(r.Type, siteType+"/slots"))
	p := decoder{doc: d, b: r.Body}
	v, err := p.whole()
	if err != nil {
		return nil, err
	}
	root, ok := v.(*object)
	if !ok {
		return nil, errors.New("it is no JSON object")
	}
	d.root = root
	return d, nil
}

const siteType = "Microsoft.Web/sites"

// directoryPrefix begins the types of Microsoft Graph's objects.
const directoryPrefix = "Microsoft.Graph/"

// place is where an object or list stands in its document.
type place struct {
	doc  *document
	up   *place // nil for the root
	name string // member's name in up, or
	nth  int    // its index in up, counted from 1
}

// pointer is the JSON pointer (RFC 6901) of the place.
func (p *place) pointer() string {
	if p.up == nil {
		return ""
	}
	return p.up.pointer() + "/" + token(p.name, p.nth)
}

// dotted is the place as rules write it.
func (p *place) dotted() string {
	switch {
	case p.up == nil:
		return ""
	case p.nth > 0:
		return p.up.dotted() + "[*]"
	}
	if up := p.up.dotted(); up != "" {
		return up + "." + p.name
	}
	return p.name
}

// token is a member's name, or the index of the nth element counted from 1.
func token(name string, nth int) string {
	if nth > 0 {
		return strconv.Itoa(nth - 1)
	}
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

// object is a JSON object as a CEL map whose keys compare as ARM's: exactly
// first, then without case.
type object struct {
	place
	keys   []string
	values []ref.Val
	// as is the resource that the object is where its parent's document holds
	// it, such as a subnet; nil for all others.
	as *estate.Resource
}

// resource is what the object is the document of.
func (o *object) resource() *estate.Resource {
	if o.as != nil {
		return o.as
	}
	return o.doc.resource
}

func (o *object) id() azward.ResourceID { return o.resource().ID }

// leftOut says why a member that is missing or null is not known: lists of
// sites come with a part of siteConfig, and null for the rest of it.
//
// Source: https://learn.microsoft.com/rest/api/appservice/web-apps/list
func (o *object) leftOut(key string) string {
	if why := o.undecided(key); why != "" {
		return why
	}
	if o.up == nil || !o.doc.site {
		return ""
	}
	top := o.up.up == nil
	if top && strings.EqualFold(o.name, "properties") && strings.EqualFold(key, "siteConfig") ||
		!top && o.up.up.up == nil && strings.EqualFold(o.name, "siteConfig") {
		return "Resource Manager leaves siteConfig out of lists of sites; site_config() asks the record config/web"
	}
	return ""
}

// array is a JSON array as a CEL list.
type array struct {
	place
	values []ref.Val
}

func (o *object) find(key string) int {
	folded := -1
	for i, k := range o.keys {
		if len(k) != len(key) {
			continue
		}
		if k == key {
			return i
		}
		if folded < 0 && strings.EqualFold(k, key) {
			folded = i
		}
	}
	return folded
}

// decoder walks JSON that an estate has checked: it is valid and compact.
type decoder struct {
	doc *document
	b   []byte
	i   int
}

func (p *decoder) whole() (ref.Val, error) {
	if len(p.b) == 0 {
		return nil, errors.New("it is empty")
	}
	return p.value(place{doc: p.doc}, 0)
}

func (p *decoder) space() {
	for p.i < len(p.b) && (p.b[p.i] == ' ' || p.b[p.i] == '\n' || p.b[p.i] == '\t' || p.b[p.i] == '\r') {
		p.i++
	}
}

func (p *decoder) value(at place, depth int) (ref.Val, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("it nests deeper than %d levels", maxDepth)
	}
	p.space()
	switch p.b[p.i] {
	case '{':
		return p.object(at, depth)
	case '[':
		return p.array(at, depth)
	case '"':
		return types.String(p.text()), nil
	case 't':
		p.i += len("true")
		return types.True, nil
	case 'f':
		p.i += len("false")
		return types.False, nil
	case 'n':
		p.i += len("null")
		return types.NullValue, nil
	}
	start := p.i
	for p.i < len(p.b) && strings.IndexByte("+-.0123456789eE", p.b[p.i]) >= 0 {
		p.i++
	}
	digits := string(p.b[start:p.i])
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
		return types.Int(n), nil
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return nil, fmt.Errorf("the number %.40s is out of range", digits)
	}
	return types.Double(n), nil
}

func (p *decoder) text() string {
	start := p.i
	p.i++
	escaped := false
	for p.b[p.i] != '"' {
		if p.b[p.i] == '\\' {
			escaped = true
			p.i++
		}
		p.i++
	}
	p.i++
	if !escaped {
		return string(p.b[start+1 : p.i-1])
	}
	var s string
	if err := json.Unmarshal(p.b[start:p.i], &s); err != nil {
		return string(p.b[start+1 : p.i-1]) // cannot be: the document is valid
	}
	return s
}

// fewMembers is how many most objects have at most: lists that hold them need
// not grow.
const fewMembers = 4

func (p *decoder) object(at place, depth int) (ref.Val, error) {
	o := &object{place: at, keys: make([]string, 0, fewMembers), values: make([]ref.Val, 0, fewMembers)}
	for p.i++; ; p.i++ {
		if p.space(); p.b[p.i] == '}' {
			p.i++
			return o, nil
		}
		key := p.text()
		p.space()
		p.i++ // the colon
		v, err := p.value(place{doc: p.doc, up: &o.place, name: key}, depth+1)
		if err != nil {
			return nil, err
		}
		if held := o.find(key); held >= 0 && o.keys[held] == key {
			o.values[held] = v // the last one counts, as in every decoder
		} else {
			o.keys, o.values = append(o.keys, key), append(o.values, v)
		}
		if p.space(); p.b[p.i] == '}' {
			p.i++
			return o, nil
		}
	}
}

func (p *decoder) array(at place, depth int) (ref.Val, error) {
	a := &array{place: at}
	for p.i++; ; p.i++ {
		if p.space(); p.b[p.i] == ']' {
			p.i++
			return a, nil
		}
		v, err := p.value(place{doc: p.doc, up: &a.place, nth: len(a.values) + 1}, depth+1)
		if err != nil {
			return nil, err
		}
		a.values = append(a.values, v)
		if p.space(); p.b[p.i] == ']' {
			p.i++
			return a, nil
		}
	}
}
