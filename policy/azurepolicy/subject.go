package azurepolicy

import (
	"iter"
	"strconv"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// Subject is a resource made ready for evaluation: decoded once for all
// policies.
type Subject struct {
	Resource *estate.Resource

	doc                  value
	typeLow              string
	typeValue, nameValue value
	// unset is what a property that the document does not have stands for:
	// absent where the interface returns all that is set, unread otherwise.
	unset value
	// holder is the resource whose document holds this one at the pointer
	// prefix; nil for its own document.
	holder *estate.Resource
	prefix string
}

// bare is a subject of which the type and the name alone are known.
func bare(r *estate.Resource) *Subject {
	s := &Subject{Resource: r, typeLow: strings.ToLower(r.Type), typeValue: textValue(r.Type), nameValue: textValue(r.ID.Name())}
	if s.typeLow == "microsoft.resources/resourcegroups" { // as Resource Manager names it, and policies do not
		s.typeLow, s.typeValue = groupType, textValue("Microsoft.Resources/subscriptions/resourceGroups")
	}
	return s
}

// newSubject decodes a resource. What a missing property means depends on who
// gave the document: Resource Manager returns all that is set; Resource Graph
// and exports may leave properties out without a word, unless the user vouched
// for an export that it leaves nothing out.
// The estate has checked that the body is JSON.
func newSubject(e *estate.Estate, r *estate.Resource) (*Subject, error) {
	doc, err := (&valueReader{s: string(r.Body), lazy: true}).value(0)
	if err == nil && doc.kind != object {
		doc = value{kind: object, held: &members{}}
	}
	if err != nil {
		return nil, &azward.Error{
			Kind: azward.KindBadInput, Op: "read resource", Subject: string(r.ID), Cause: err.Error(), Err: err,
			Remedy: "collect it again; its answers are unknown until then",
		}
	}
	if estate.HoldsLater(r.Body) {
		markLater(&doc)
	}
	s := bare(r)
	s.doc = doc
	if why := Unset(e, r); why != "" {
		s.unset = unreadValue(why)
	}
	return s, nil
}

// Unset says why a property that the resource's document lacks is not known;
// "" says that it is not set.
func Unset(e *estate.Estate, r *estate.Resource) string {
	switch {
	case r.Incomplete():
		return "it was exported without its properties"
	case r.Source == azward.SourceResourceGraph:
		return "Resource Graph may leave properties out; reading the resource from Resource Manager would tell"
	case r.Source == azward.SourcePlan:
		return "azward does not map from the plan what sets it"
	case r.Source == azward.SourceExport && !vouched(e, r):
		return "an export may leave properties out; --complete says that it does not"
	}
	return ""
}

// vouched reports whether the user said that the export leaves nothing out, or
// the listing was read whole.
func vouched(e *estate.Estate, r *estate.Resource) bool {
	if e == nil {
		return false
	}
	scope := r.ID.SubscriptionScope()
	if scope == "" {
		scope = "/"
	}
	_, missing := e.Absence(scope, r.Type)
	return len(missing) == 0
}

// has reports whether aliases of a type (in lower case) are about this one.
func (s *Subject) has(of string) bool { return s.typeLow == of }

// indexed reports whether the mode Indexed looks at the resource: its type
// supports tags and location. A document that has either shows that it does.
func (s *Subject) indexed() bool {
	for i, low := range s.doc.obj().low {
		if (low == "location" || low == "tags") && s.doc.obj().values[i].kind != null {
			return true
		}
	}
	return false
}

// partial are properties that Resource Manager itself leaves out of its
// answers about a type.
//
// Source: https://learn.microsoft.com/rest/api/appservice/web-apps/list
// ("siteConfig" is null there; the record config/web has it)
var partial = map[string]string{
	"microsoft.web/sites":       "siteconfig",
	"microsoft.web/sites/slots": "siteconfig",
}

// lacking is what stands for a property that the document does not have.
func (s *Subject) lacking(f *field) value {
	inside := f.slot >= 0 || len(f.path) > 0 && f.path[0].low == "properties"
	switch {
	case !inside:
		return absentValue
	case f.guessed:
		return unreadValue("no list of aliases has this one, so its place in the document is a guess")
	case s.unset.kind == unread:
		return s.unset
	case s.Resource.Source == azward.SourceTemplate:
		return absentValue
	case f.slot < 0 && len(f.path) > 1 && f.path[1].low == partial[s.typeLow]:
		return unreadValue("Resource Manager leaves siteConfig out of lists of sites; the record config/web has it")
	}
	return absentValue
}

// fullName is the names of a resource and its parents: "server/database".
func fullName(id azward.ResourceID) string {
	name := id.Name()
	for up := id.Parent(); up != ""; up = up.Parent() {
		name = up.Name() + "/" + name
	}
	return name
}

// embedded are child resources that their parent's document holds whole.
var embedded = map[string][]string{
	"microsoft.network/virtualnetworks":       {"subnets", "virtualNetworkPeerings"},
	"microsoft.network/networksecuritygroups": {"securityRules"},
	"microsoft.network/routetables":           {"routes"},
}

// withEmbedded yields a subject, and then the child resources in its document
// that the estate does not hold by themselves.
func (c *Checker) withEmbedded(s *Subject) iter.Seq[*Subject] {
	return func(yield func(*Subject) bool) {
		if !yield(s) {
			return
		}
		properties, at := s.doc.member("properties")
		if at < 0 {
			return
		}
		for _, kind := range embedded[s.typeLow] {
			all, at := properties.member(strings.ToLower(kind))
			if at < 0 {
				continue
			}
			for i := range all.list {
				if child := c.embeddedChild(s, kind, i, &all.list[i]); child != nil && !yield(child) {
					return
				}
			}
		}
	}
}

// embeddedChild is one child, or nil where the estate has it by itself.
func (c *Checker) embeddedChild(s *Subject, kind string, at int, doc *value) *Subject {
	id, err := azward.ParseResourceID(doc.path("id"))
	if err != nil || !id.Within(s.Resource.ID) {
		return nil
	}
	if _, own := c.estate.Resource(id); own {
		return nil
	}
	of := s.Resource.Type + "/" + kind
	return &Subject{
		Resource: &estate.Resource{ID: id, Type: of, Name: id.Name(), Body: doc.ordered(), Provenance: s.Resource.Provenance},
		doc:      *doc, typeLow: strings.ToLower(of), typeValue: textValue(of), nameValue: textValue(id.Name()),
		unset: s.unset, holder: s.Resource, prefix: "/properties/" + kind + "/" + strconv.Itoa(at),
	}
}
