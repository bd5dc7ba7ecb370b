package netpol

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// nameLabel is set on every namespace by the API server.
// Source: https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-metadata-name
const nameLabel = "kubernetes.io/metadata.name"

// namespace is what is known of a namespace's labels.
type namespace struct {
	labels map[string]string
	read   bool // false: only the name label is known
}

func (g *Engine) namespace(name string) namespace {
	if held, ok := g.namespaces[name]; ok {
		return held
	}
	ns := namespace{labels: map[string]string{nameLabel: name}}
	if r, ok := g.estate.Resource(g.namespaceID(name)); ok {
		if v, err := estate.Decode[estate.KubernetesNamespace](r); err == nil {
			ns.read = true
			for k, v := range v.Metadata.Labels {
				if k != nameLabel { // the API server keeps that one true
					ns.labels[k] = v
				}
			}
		}
	}
	g.namespaces[name] = ns
	return ns
}

func (g *Engine) namespaceID(name string) azward.ResourceID {
	return g.cluster.Kubernetes("", "v1", "", "namespaces", name)
}

// matching is a three-valued match and, for Unknown, what is missing.
type matching struct {
	answer azward.Answer
	gaps   []azward.Gap
}

var (
	hit  = matching{answer: azward.Yes}
	miss = matching{answer: azward.No}
)

func unclear(g azward.Gap) matching { return matching{gaps: []azward.Gap{g}} }

func decided(yes bool) matching {
	if yes {
		return hit
	}
	return miss
}

// anyOf is Yes when one is; allOf is No when one is. Both keep the gaps of
// the Unknown ones only as long as those matter.
func anyOf(of ...matching) matching { return combine(azward.Yes, azward.No, of) }
func allOf(of ...matching) matching { return combine(azward.No, azward.Yes, of) }

func combine(decides, otherwise azward.Answer, of []matching) matching {
	result := matching{answer: otherwise}
	for _, m := range of {
		switch m.answer {
		case decides:
			return matching{answer: decides}
		case azward.Unknown:
			result.answer = azward.Unknown
			result.gaps = append(result.gaps, m.gaps...)
		}
	}
	return result
}

// where names a place in a policy for gaps and evidence.
type where struct {
	resource *estate.Resource
	pointer  string
	quiet    *bool // nobody will ask for the place: don't spell it
}

func (w where) at(name string) where {
	if !*w.quiet {
		w.pointer += "/" + name
	}
	return w
}

// item is the place of one element of a list.
func (w where) item(name string, i int) where {
	if !*w.quiet {
		w.pointer += "/" + name + "/" + strconv.Itoa(i)
	}
	return w
}

func (w where) unparsed(cause string) azward.Gap {
	return azward.Gap{Scope: w.resource.ID, Kind: azward.GapUnparsed, Reads: w.pointer, Error: cause}
}

func (w where) unsupported(cause string) azward.Gap {
	return azward.Gap{Scope: w.resource.ID, Kind: azward.GapUnsupported, Reads: w.pointer, Error: cause}
}

func (w where) unknownFields(names []string) matching {
	return unclear(w.unsupported("azward does not know the field " + strings.Join(names, ", ")))
}

// selects matches labels that are wholly known.
func selects(s *estate.LabelSelector, labels map[string]string, w where) matching {
	ok, err := s.Matches(labels)
	if err != nil {
		return unclear(w.unparsed("the selector is invalid: " + err.Error()))
	}
	return decided(ok)
}

// selectsNamespace matches a namespace, of which perhaps only the name is known.
func (g *Engine) selectsNamespace(s *estate.LabelSelector, name string, w where) matching {
	ns := g.namespace(name)
	if ns.read || s.Empty() {
		return selects(s, ns.labels, w)
	}
	parts := make([]matching, 0, len(s.MatchLabels)+len(s.MatchExpressions))
	for k, v := range s.MatchLabels {
		parts = append(parts, g.namespaceLabel(k, name, decided(v == name)))
	}
	for _, r := range s.MatchExpressions {
		one := &estate.LabelSelector{MatchExpressions: []estate.LabelRequirement{r}}
		parts = append(parts, g.namespaceLabel(r.Key, name, selects(one, ns.labels, w)))
	}
	return allOf(parts...)
}

// namespaceLabel keeps m for the one label that is known without reading.
func (g *Engine) namespaceLabel(key, name string, m matching) matching {
	if key == nameLabel {
		return m
	}
	return unclear(azward.Gap{
		Scope: g.namespaceID(name), Kind: azward.GapNotRead, Reads: "namespaces", Needs: "list namespaces",
		Error: "the labels of this namespace were not read",
	})
}

// selectsPeer matches a pod at the far end by namespace and pod labels.
func (g *Engine) selectsPeer(p *Pod, ns, pods *estate.LabelSelector, own string, w where) matching {
	inNamespace := decided(p.Namespace == own)
	if ns != nil {
		inNamespace = g.selectsNamespace(ns, p.Namespace, w.at("namespaceSelector"))
	}
	byLabel := hit
	if pods != nil {
		byLabel = selects(pods, p.Labels, w.at("podSelector"))
	}
	m := allOf(inNamespace, byLabel)
	if m.answer == azward.Yes && p.HostNetwork {
		return unclear(w.unsupported("whether a selector matches a pod of the host's network depends on the engine"))
	}
	return m
}

// inBlock matches an endpoint against one CIDR and its exceptions.
func (g *Engine) inBlock(b estate.IPBlock, end Endpoint, w where) matching {
	cidr, err := netip.ParsePrefix(b.CIDR)
	if err != nil {
		return unclear(w.at("cidr").unparsed(fmt.Sprintf("%q is not a CIDR", b.CIDR)))
	}
	except := make([]netip.Prefix, len(b.Except))
	for i, s := range b.Except {
		if except[i], err = netip.ParsePrefix(s); err != nil {
			return unclear(w.item("except", i).unparsed(fmt.Sprintf("%q is not a CIDR", s)))
		}
	}
	inside := func(a netip.Addr) bool {
		if !cidr.Masked().Contains(a) {
			return false
		}
		for _, x := range except {
			if x.Masked().Contains(a) {
				return false
			}
		}
		return true
	}
	switch {
	case end.Rewritten:
		return unclear(w.unsupported("the client's address is replaced by a node's before the policy sees it (externalTrafficPolicy Cluster)"))
	case end.Pod == nil:
		return decided(inside(end.Address.Unmap()))
	}
	return g.podInBlock(end.Pod, inside, w)
}

// podInBlock matches a pod by address. Azure NPM and Calico do so; with Cilium
// a block does not stand for pods or nodes.
// Source: https://learn.microsoft.com/azure/aks/azure-cni-powered-by-cilium#limitations
func (g *Engine) podInBlock(p *Pod, inside func(netip.Addr) bool, w where) matching {
	if len(p.Addresses) == 0 {
		return unclear(azward.Gap{
			Scope: g.cluster.Kubernetes("", "v1", p.Namespace, "pods", p.Name), Kind: azward.GapNotRead,
			Reads: "/status/podIPs", Needs: "list pods", Error: "the pod's address is not known, and " + w.resource.Name + " names address blocks",
		})
	}
	for _, a := range p.Addresses {
		if !inside(a.Unmap()) {
			continue
		}
		if g.enforce.name == "azure" || g.enforce.name == "calico" {
			return hit
		}
		return unclear(w.unsupported("whether an address block stands for pods depends on the engine"))
	}
	return miss
}

// matchPort compares a port that is known by number. Protocol "" means TCP.
func matchPort(f flow, protocol string, first, last int, w where) matching {
	if protocol == "" {
		protocol = "tcp"
	}
	switch protocol = strings.ToLower(protocol); protocol {
	case "tcp", "udp", "sctp":
	default:
		return unclear(w.unparsed(fmt.Sprintf("%q is none of TCP, UDP and SCTP", protocol)))
	}
	if first < 0 || last > 65535 || first > last {
		return unclear(w.unparsed(fmt.Sprintf("%d to %d is not a port range", first, last)))
	}
	return decided(protocol == f.protocol && first <= int(f.port) && int(f.port) <= last)
}

// matchNamedPort resolves the name at the destination, each pod its own. A
// name that the pod does not declare matches nothing, as for a destination
// outside the cluster. Protocol "" means any.
func matchNamedPort(f flow, name, protocol string) matching {
	if f.to.Pod == nil {
		return miss
	}
	for _, p := range f.to.Pod.Ports {
		if p.Name == name && p.Number == f.port && p.Protocol == f.protocol &&
			(protocol == "" || strings.EqualFold(protocol, p.Protocol)) {
			return hit
		}
	}
	return miss
}
