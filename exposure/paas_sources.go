package exposure

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// sourceRule is one rule of a platform service's own firewall: it knows
// sources alone. Rules come in the order in which they are evaluated.
type sourceRule struct {
	access   netset.Access
	sources  netset.Addrs      // matched for certain
	maybe    netset.Addrs      // matched perhaps
	subnet   azward.ResourceID // matched are callers in this subnet alone, by service endpoint; "*": in some network
	azure    bool              // matched is every customer's machine in Azure
	tag      string            // the service tag that stands for sources or maybe; "" where none does
	listed   []azward.Evidence // of the list that says what the tag holds
	evidence azward.Evidence
	gap      azward.Gap // why maybe is not certain
}

// sourceList is a firewall with what holds for sources that no rule matches.
type sourceList struct {
	rules     []sourceRule
	otherwise azward.Answer
	evidence  azward.Evidence // of otherwise
	gap       azward.Gap      // where otherwise is Unknown
	// azure is the rule that stands for every customer's machine in Azure; nil
	// where there is none.
	azure *azward.Evidence
	// subnetGap says why not all rules for subnets were read.
	subnetGap azward.Gap
}

// filter appends the firewall as one hop and narrows the flows of the way to
// the public sources that it lets in: what an earlier filter denied stays denied.
func (l sourceList) filter(w *way, hop Hop, protocol, ports string) {
	rules := make([]netset.Rule, len(l.rules))
	for i, r := range l.rules {
		rules[i] = netset.Rule{Access: r.access, Sources: r.sources, MaybeSources: r.maybe, Ports: netset.AllPorts()}
	}
	sources, exact := currentSources(w)
	if !exact {
		sources = publicAddrs
	}
	within := netset.Product(sources, netset.Port(anyPort))
	var allowed, unclear netset.Addrs
	deciders := map[int32]struct{}{}
	for cell, region := range netset.Paint(rules, l.otherwise).Values(within) {
		sources := region.Sources()
		switch cell.Answer {
		case azward.Yes:
			allowed = allowed.Union(sources)
		case azward.Unknown:
			unclear = unclear.Union(sources)
			deciders[cell.Other] = struct{}{}
		}
		deciders[cell.Rule] = struct{}{}
	}
	w.perhaps = w.perhaps.Union(unclear)
	switch {
	case !allowed.IsEmpty():
		hop.Answer = azward.Yes
		hop.Summary = "lets in " + listWords(sourceNames(allowed))
		if w.byTag() { // an earlier filter admits a service tag alone
			break
		}
		class, tags := l.admitted(deciders, allowed)
		w.narrow(class)
		w.flows = []Flow{{Protocol: protocol, Ports: ports, Sources: sourceNames(allowed)}}
		w.tagged(tags)
	case !unclear.IsEmpty():
		if l.tagged(w, &hop, protocol, ports) {
			break
		}
		hop.Summary = "its rules may let some public addresses in"
		w.flows = []Flow{{Protocol: protocol, Ports: ports, Sources: sourceNames(unclear)}}
		w.missing(l.doubts(deciders)...)
	default:
		hop.Answer = azward.No
		hop.Summary = "its rules let no public address in"
		w.flows = []Flow{{Protocol: protocol, Ports: ports, Sources: sourceNames(publicAddrs)}}
	}
	hop.Evidence = append(hop.Evidence, l.cite(deciders)...)
	w.hop(hop)
}

// currentSources are the sources that the way still has.
func currentSources(w *way) (netset.Addrs, bool) {
	var all netset.Addrs
	for _, f := range w.flows {
		s, exact := sourcesOf(f)
		if !exact {
			return publicAddrs, false
		}
		all = all.Union(s)
	}
	return all, len(w.flows) > 0
}

// admitted says who the sources are that the deciding rules let in, and by
// which service tags where it is by tags alone.
func (l sourceList) admitted(deciders map[int32]struct{}, allowed netset.Addrs) (class Class, tags []string) {
	class = None
	for i, r := range l.rules {
		if _, ok := deciders[int32(i)]; !ok || r.access != netset.Allow || !r.sources.Overlaps(allowed) {
			continue
		}
		if r.tag == "" {
			return classOf(allowed), nil
		}
		tags = append(tags, r.tag)
		if c := classOfTag(r.tag); slices.Index(classes, c) < slices.Index(classes, class) {
			class = c
		}
	}
	if _, ok := deciders[-1]; ok && l.otherwise == azward.Yes || len(tags) == 0 {
		return classOf(allowed), nil
	}
	return class, tags
}

// byTag reports whether the way's sources are a service tag, whose addresses
// are not known.
func (w *way) byTag() bool {
	for _, f := range w.flows {
		if _, exact := sourcesOf(f); !exact {
			return true
		}
	}
	return false
}

// anyPort stands for the port dimension, which these firewalls don't have.
const anyPort = 443

// tagged answers for an allow rule by service tag alone: whoever uses that
// service gets in, which addresses those are notwithstanding. An earlier deny
// may take some of them away, so then it says nothing.
func (l sourceList) tagged(w *way, hop *Hop, protocol, ports string) bool {
	for _, r := range l.rules {
		if r.access != netset.Allow && (r.sources.Overlaps(publicAddrs) || r.maybe.Overlaps(publicAddrs)) {
			return false
		}
		if r.tag == "" {
			continue
		}
		class := tagClass(r.tag)
		if class == "" {
			continue
		}
		hop.Answer = azward.Yes
		hop.Summary = "lets in the service tag " + r.tag
		w.narrow(class)
		w.flows = []Flow{{Protocol: protocol, Ports: ports, Sources: []string{r.tag}}}
		return true
	}
	return false
}

// tagClass says who stands behind a service tag; "" when azward cannot tell.
// Source: https://learn.microsoft.com/azure/virtual-network/service-tags-overview
func tagClass(tag string) Class {
	name, _, _ := strings.Cut(strings.ToLower(tag), ".")
	switch name {
	case "internet":
		return InternetAny
	case "azurecloud":
		return AzureAnyTenant
	case "azurefrontdoor", "apimanagement", "appservice", "logicapps", "azuredevops", "powerplatforminfra", "datafactory", "azuredatabricks":
		return FrontServiceShared
	}
	return ""
}

func (l sourceList) cite(deciders map[int32]struct{}) []azward.Evidence {
	var evidence []azward.Evidence
	for i, r := range l.rules {
		if _, ok := deciders[int32(i)]; ok {
			evidence = append(append(evidence, r.evidence), r.listed...)
		}
	}
	if _, ok := deciders[-1]; ok && l.evidence.Resource != "" {
		evidence = append(evidence, l.evidence)
	}
	return evidence
}

func (l sourceList) doubts(deciders map[int32]struct{}) []azward.Gap {
	var gaps []azward.Gap
	for i, r := range l.rules {
		if _, ok := deciders[int32(i)]; ok && r.gap.Reads != "" {
			gaps = append(gaps, r.gap)
		}
	}
	if l.otherwise == azward.Unknown && l.gap.Reads != "" {
		gaps = append(gaps, l.gap)
	}
	return gaps
}

func listWords(names []string) string {
	const shown = 3
	if len(names) == 0 {
		return "nobody"
	}
	if slices.Equal(names, []string{"0.0.0.0/0", "::/0"}) {
		return "any address"
	}
	if len(names) > shown {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
	}
	return strings.Join(names, ", ")
}

// prefixRule reads addresses and CIDRs with commas between them into r. What
// does not parse makes the rule match anything perhaps.
func prefixRule(r *sourceRule, list string, at *estate.Resource, pointer string) {
	for s := range strings.SplitSeq(list, ",") {
		s = strings.TrimSpace(s)
		p, exact, err := netset.ParsePrefix(s)
		if err != nil || !exact {
			r.maybe = netset.AllAddrs()
			r.gap = azward.Gap{
				Scope: at.ID, Kind: azward.GapUnparsed, Reads: pointer,
				Error: fmt.Sprintf("%q is not an address or a CIDR without host bits", s),
			}
			continue
		}
		r.sources = r.sources.Union(netset.PrefixAddrs(p))
	}
}

// rangeAddrs holds the addresses from first to last.
func rangeAddrs(first, last string) (netset.Addrs, bool) {
	a, errA := netip.ParseAddr(first)
	b, errB := netip.ParseAddr(last)
	if errA != nil || errB != nil || a.BitLen() != b.BitLen() || b.Less(a) {
		return netset.Addrs{}, false
	}
	return netset.RangeAddrs(ipRange(a, b)), true
}

// absent reports that the answer did not hold the property at all, which says
// nothing; one that stood there as null was never set, which is a fact.
func absent(r *estate.Resource, pointer string) bool {
	_, ok := r.At(pointer)
	return !ok
}

func notRead(r *estate.Resource, pointer, needs, cause, remedy string) azward.Gap {
	return azward.Gap{Scope: r.ID, Kind: azward.GapNotRead, Reads: pointer, Needs: needs, Error: cause, Remedy: remedy}
}

func unparsed(r *estate.Resource, err error) azward.Gap {
	return azward.Gap{Scope: r.ID, Kind: azward.GapUnparsed, Reads: r.TypeKey(), Error: err.Error()}
}

func documented(r *estate.Resource, pointer, meaning string) azward.Evidence {
	ev := r.Evidence(pointer, meaning)
	ev.Source = azward.SourceDocumented
	return ev
}
