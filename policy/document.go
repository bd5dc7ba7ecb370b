package policy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/internal/jsonskip"
	"github.com/azward/azward/policy/azurepolicy"
)

// document is a resource's body for all rules of a [Checker]. Objects and lists
// of it are CEL values themselves, which are read when a rule looks into them:
// it walks the document without a copy, and every property that it looks at is
// noted in the run.
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
	if err := d.read(r.Body); err != nil {
		return nil, err
	}
	return d, nil
}

// read makes the root of a body that an estate has checked: it is valid JSON.
func (d *document) read(body []byte) error {
	text := string(body)
	start := jsonskip.Space(text, 0)
	switch {
	case start == len(text):
		return errors.New("it is empty")
	case text[start] != '{':
		return errors.New("it is no JSON object")
	}
	d.root = &object{place: place{doc: d}, raw: text[start:]}
	if levels := d.root.open(); levels > maxDepth {
		return fmt.Errorf("it nests deeper than %d levels", maxDepth)
	}
	return nil
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
	raw  string // its text, until it is looked into
	held []member
	// as is the resource that the object is where its parent's document holds
	// it, such as a subnet; nil for all others.
	as *estate.Resource
}

// member of an object. Its value is made when it is asked for.
type member struct {
	key, raw string
	value    ref.Val
}

// members are those of the object, in their order.
func (o *object) members() []member {
	if o.raw != "" {
		o.open()
	}
	return o.held
}

// open finds the members, and tells how many levels the object nests.
func (o *object) open() (levels int) {
	s := o.raw
	o.raw, o.held = "", make([]member, 0, fewMembers)
	for i := jsonskip.Space(s, 1); i < len(s) && s[i] == '"'; i = jsonskip.Space(s, i+1) {
		var key string
		key, i = jsonskip.Text(s, i)
		start := jsonskip.Space(s, jsonskip.Space(s, i)+1) // behind the colon
		end, deep := jsonskip.Value(s, start)
		levels = max(levels, deep)
		if at := o.find(key); at >= 0 && o.held[at].key == key {
			o.held[at].raw = s[start:end] // the last one counts, as in every decoder
		} else {
			o.held = append(o.held, member{key: key, raw: s[start:end]})
		}
		i = jsonskip.Space(s, end)
	}
	return levels + 1
}

// fewMembers is how many most objects have at most: lists that hold them need
// not grow.
const fewMembers = 8

// at is the value of the member with an index.
func (o *object) at(i int) ref.Val {
	m := &o.held[i]
	if m.value == nil {
		m.value = valueOf(m.raw, place{doc: o.doc, up: &o.place, name: m.key})
	}
	return m.value
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

func (o *object) find(key string) int {
	folded := -1
	members := o.members()
	for i := range members {
		k := members[i].key
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

// array is a JSON array as a CEL list.
type array struct {
	place
	raw  string // its text, until it is looked into
	held []ref.Val
}

// values are the elements.
func (a *array) values() []ref.Val {
	s := a.raw
	if s == "" {
		return a.held
	}
	a.raw = ""
	for i := jsonskip.Space(s, 1); i < len(s) && s[i] != ']'; i = jsonskip.Space(s, i+1) {
		end, _ := jsonskip.Value(s, i)
		a.held = append(a.held, valueOf(s[i:end], place{doc: a.doc, up: &a.place, nth: len(a.held) + 1}))
		i = jsonskip.Space(s, end)
	}
	return a.held
}

// valueOf is the value of a JSON text at its place. A number that no computer
// holds is an error.
func valueOf(raw string, at place) ref.Val {
	if raw == "" {
		return types.NullValue
	}
	switch raw[0] {
	case '{':
		return &object{place: at, raw: raw}
	case '[':
		return &array{place: at, raw: raw}
	case '"':
		s, _ := jsonskip.Text(raw, 0)
		return types.String(s)
	case 't':
		return types.True
	case 'f':
		return types.False
	case 'n':
		return types.NullValue
	}
	if n, err := strconv.ParseInt(raw, 10, 64); err == nil {
		return types.Int(n)
	}
	n, err := strconv.ParseFloat(raw, 64)
	if err != nil {
		return types.NewErr("the number %.40s is out of range", raw)
	}
	return types.Double(n)
}
