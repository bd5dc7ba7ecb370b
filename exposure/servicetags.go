package exposure

import (
	"fmt"
	"strings"
	"sync"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// tagView is a service tag of the estate's list, read once.
type tagView struct {
	tag   estate.ServiceTag
	addrs netset.Addrs

	once sync.Once
	// evidence is what every rule cites that names the tag. Finding it in a body
	// with ten thousand prefixes takes a while.
	evidence []azward.Evidence
}

func (t *tagView) cite(r *estate.Resource) []azward.Evidence {
	t.once.Do(func() {
		list := t.tag.List
		t.evidence = []azward.Evidence{r.Evidence("/properties/list",
			fmt.Sprintf("service tag %s of list %s %s, sha256 %.12s…", r.Name, list.Cloud, list.ChangeNumber, list.SHA256))}
	})
	return t.evidence
}

// UnmarshalJSON reads the tag and builds its set.
func (t *tagView) UnmarshalJSON(body []byte) error {
	if err := t.tag.UnmarshalJSON(body); err != nil {
		return err
	}
	t.addrs = netset.PrefixAddrs(t.tag.Prefixes...)
	return nil
}

// serviceTag is what a name stands for in the estate's list of service tags,
// with the evidence; doubt says why that is not known.
func serviceTag(e *estate.Estate, name string) (addrs netset.Addrs, evidence []azward.Evidence, doubt string) {
	r, ok := e.Resource(estate.ServiceTagID(name))
	if !ok || !strings.EqualFold(r.Type, estate.ServiceTagType) {
		return netset.Addrs{}, nil, fmt.Sprintf("which addresses the service tag %s holds is not known: no list of service tags holds it", name)
	}
	v, err := estate.Decode[tagView](r)
	if err != nil {
		return netset.Addrs{}, nil, fmt.Sprintf("the list's entry of service tag %s has an unexpected shape", name)
	}
	return v.addrs, v.cite(r), ""
}

// isTagName holds for what could be the name of a service tag, such as
// "Storage.WestEurope".
func isTagName(s string) bool {
	return s != "" && (s[0] >= 'A' && s[0] <= 'Z' || s[0] >= 'a' && s[0] <= 'z') && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_')
	})
}

// classOfTag says who stands behind a service tag whose addresses are known:
// what all customers of a service share admits them all.
//
// Source: https://learn.microsoft.com/azure/virtual-network/service-tags-overview
func classOfTag(tag string) Class {
	if class := tagClass(tag); class != "" {
		return class
	}
	return FrontServiceShared
}

// tagRule is an allow rule of a service's own firewall for a service tag, whose
// sources are certain where the estate has a list.
func tagRule(e *estate.Estate, r *estate.Resource, tag, pointer string, evidence azward.Evidence) sourceRule {
	rule := sourceRule{access: netset.Allow, tag: tag, evidence: evidence}
	if strings.EqualFold(tag, "Internet") {
		rule.sources, rule.tag = publicAddrs, ""
		return rule
	}
	addrs, listed, doubt := serviceTag(e, tag)
	if doubt == "" {
		rule.sources, rule.listed = addrs, listed
		return rule
	}
	rule.maybe = netset.AllAddrs()
	rule.gap = azward.Gap{Scope: r.ID, Kind: azward.GapUnsupported, Reads: pointer, Error: doubt}
	return rule
}
