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

// Annotations that the Azure cloud provider reads from a Service.
// Source: https://cloud-provider-azure.sigs.k8s.io/topics/loadbalancer/
const (
	annotationPrefix   = "service.beta.kubernetes.io/"
	internalAnnotation = annotationPrefix + "azure-load-balancer-internal"
	allowedRanges      = annotationPrefix + "azure-allowed-ip-ranges"
	allowedTags        = annotationPrefix + "azure-allowed-service-tags"
	denyAllExcept      = annotationPrefix + "azure-deny-all-except-load-balancer-source-ranges"
	disableNSGRule     = annotationPrefix + "azure-disable-load-balancer-nsg-rule"
	disableFloatingIP  = annotationPrefix + "azure-disable-load-balancer-floating-ip"
	sourceRanges       = annotationPrefix + "load-balancer-source-ranges"
	plsCreate          = annotationPrefix + "azure-pls-create"
)

// ServiceRules is what the Azure cloud provider writes into the nodes' network
// security group for a Service of type LoadBalancer. It is a statement about
// the group, not about reachability.
//
// Source: https://cloud-provider-azure.sigs.k8s.io/topics/loadbalancer/ and
// the provider's pkg/provider/loadbalancer/accesscontrol.go
type ServiceRules struct {
	// AllowInternet: an allow rule for the tag Internet.
	AllowInternet bool
	// DenyAll: a deny rule for the frontend behind the allow rules.
	DenyAll bool
	// Allowed ranges and service tags, each with an allow rule.
	Allowed netset.Addrs
	Tags    []string
	// Invalid ranges, which get no rule and make DenyAll true.
	Invalid []string
	// Internal: the annotation asks for an internal load balancer.
	Internal bool
	// Unmanaged: the provider writes no rule at all.
	Unmanaged bool
	// Conflict: both ways of naming ranges are used, which the provider refuses.
	Conflict bool
	// property that named the ranges.
	pointer string
}

// RulesOf reads a Service.
func RulesOf(s *estate.KubernetesService) ServiceRules {
	a := s.Metadata.Annotations
	r := ServiceRules{
		Internal: isTrue(a[internalAnnotation]), Unmanaged: isTrue(a[disableNSGRule]),
		Tags: splitList(a[allowedTags]), pointer: "/spec",
	}
	specified, annotated := s.Spec.LoadBalancerSourceRanges, splitList(a[allowedRanges])
	if len(specified) > 0 {
		r.pointer = "/spec/loadBalancerSourceRanges"
	} else if specified = splitList(a[sourceRanges]); len(specified) > 0 {
		r.pointer = "/metadata/annotations/" + escapePointer(sourceRanges)
	}
	if len(annotated) > 0 {
		r.Conflict = len(specified) > 0
		r.pointer = "/metadata/annotations/" + escapePointer(allowedRanges)
	}
	all := false
	for _, text := range append(slices.Clone(specified), annotated...) {
		p, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil || p.Masked() != p {
			r.Invalid = append(r.Invalid, text)
			continue
		}
		all = all || p.Bits() == 0
		r.Allowed = r.Allowed.Union(netset.PrefixAddrs(p))
	}
	ranged := len(specified)+len(annotated) > 0
	valid := !r.Allowed.IsEmpty()
	r.DenyAll = len(r.Invalid) > 0 || isTrue(a[denyAllExcept]) && valid
	r.AllowInternet = len(r.Tags) == 0 && (all || !ranged && !r.Internal)
	if len(r.Tags) > 0 && r.pointer == "/spec" {
		r.pointer = "/metadata/annotations/" + escapePointer(allowedTags)
	}
	return r
}

func isTrue(s string) bool { return strings.EqualFold(strings.TrimSpace(s), "true") }

func splitList(s string) []string {
	var list []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// escapePointer writes an annotation's name as a token of a JSON pointer.
func escapePointer(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "~", "~0"), "/", "~1")
}

// frontend is where a Service listens in Azure.
type frontend struct {
	hops   []Hop
	public azward.Answer
	// address of the frontend; invalid where it was not read.
	address netip.Addr
	gaps    []azward.Gap
	lb      *estate.Resource
	id      azward.ResourceID // of the frontend IP configuration
}

// frontends finds the frontends of a Service among those of the cluster's own
// load balancers. The Azure object decides; the annotation only has to agree.
func (k *kubeView) frontends(r *estate.Resource, s *estate.KubernetesService) []frontend {
	var found []frontend
	for i, in := range s.Status.LoadBalancer.Ingress {
		pointer := fmt.Sprintf("/status/loadBalancer/ingress/%d/ip", i)
		address, err := netip.ParseAddr(in.IP)
		if err != nil {
			found = append(found, frontend{hops: []Hop{serviceHop(r, "its address was not understood")}, gaps: []azward.Gap{
				notRead(r, pointer, "list services", "the Service's address is no IP address", ""),
			}})
			continue
		}
		found = append(found, k.frontendOf(r, s, address.Unmap(), pointer))
	}
	return found
}

func serviceHop(r *estate.Resource, summary string) Hop {
	return Hop{Resource: r.ID, Kind: "Service", Name: r.Namespace + "/" + r.Name, Summary: summary}
}

// nodeGroup is the ARM ID of the resource group that holds the nodes; "" when
// it was not read.
func (k *kubeView) nodeGroup() azward.ResourceID {
	if k.cluster == nil || k.view.Properties.NodeResourceGroup == "" {
		return ""
	}
	return k.cluster.ID.SubscriptionScope() + azward.ResourceID("/resourceGroups/"+k.view.Properties.NodeResourceGroup)
}

func (k *kubeView) frontendOf(r *estate.Resource, s *estate.KubernetesService, address netip.Addr, pointer string) frontend {
	f := frontend{address: address}
	rules := RulesOf(s)
	group := k.nodeGroup()
	if group == "" {
		f.hops = []Hop{serviceHop(r, "the cluster's node resource group, which holds its load balancer, was not read")}
		f.gaps = []azward.Gap{k.clusterGap("/properties/nodeResourceGroup")}
		return f
	}
	unread := false
	for _, name := range []string{"kubernetes", "kubernetes-internal"} {
		lb, ok := k.e.Resource(group + azward.ResourceID("/providers/Microsoft.Network/loadBalancers/"+name))
		if !ok {
			continue
		}
		if g, ok := k.onBalancer(lb, s, address, &unread); ok {
			return k.agree(r, g, rules)
		}
	}
	_, missing := k.e.Absence(group, "Microsoft.Network/loadBalancers")
	f.hops = []Hop{serviceHop(r, "no frontend with its address "+address.String()+" was found on the cluster's load balancers")}
	f.hops[0].Evidence = []azward.Evidence{r.Evidence(pointer, "the Service listens at "+address.String())}
	f.gaps = missing
	if len(missing) == 0 {
		kind := azward.GapNotRead
		f.gaps = []azward.Gap{{
			Scope: group, Kind: kind, Reads: "Microsoft.Network/loadBalancers", Needs: "Microsoft.Network/publicIPAddresses/read",
			Error: "the Service and the load balancers that were read do not agree on the frontend of " + address.String(),
		}}
	}
	return f
}

// onBalancer looks for the frontend with this address, or named after the
// Service when the public address itself was not read.
func (k *kubeView) onBalancer(lb *estate.Resource, s *estate.KubernetesService, address netip.Addr, unread *bool) (frontend, bool) {
	v, err := estate.Decode[estate.ServiceLoadBalancer](lb)
	if err != nil {
		*unread = true
		return frontend{}, false
	}
	// The provider names a frontend "a" and the Service's UID without dashes.
	named := "a" + strings.ReplaceAll(s.Metadata.UID, "-", "")
	for i, c := range v.Properties.FrontendIPConfigurations {
		pointer := fmt.Sprintf("/properties/frontendIPConfigurations/%d/properties", i)
		f := frontend{address: address, lb: lb, id: azward.ResourceID(c.ID)}
		if f.id == "" {
			f.id = lb.ID.Child("frontendIPConfigurations", c.Name)
		}
		h := Hop{Resource: lb.ID, Kind: "loadBalancer", Name: lb.Name + " / " + c.Name, Answer: azward.Yes}
		switch p := c.Properties; {
		case p.PublicIPAddress != nil:
			pip, ok := k.e.Resource(azward.ResourceID(p.PublicIPAddress.ID))
			at, matched := publicAddress(pip, ok)
			if matched && at != address || !matched && (s.Metadata.UID == "" || !strings.HasPrefix(c.Name, named)) {
				continue
			}
			f.public = azward.Yes
			h.Summary = "has a frontend with a public address"
			h.Evidence = []azward.Evidence{lb.Evidence(pointer+"/publicIPAddress", h.Summary)}
			if matched {
				f.hops = append(f.hops, Hop{
					Resource: pip.ID, Kind: "publicIPAddress", Name: pip.Name, Answer: azward.Yes, Summary: "is " + address.String(),
					Evidence: []azward.Evidence{pip.Evidence("/properties/ipAddress", "public address "+address.String())},
				})
			}
		case p.PrivateIPAddress == address.String():
			f.public = azward.No
			h.Answer = azward.No
			h.Summary = "the frontend " + address.String() + " is private"
			h.Evidence = []azward.Evidence{lb.Evidence(pointer+"/subnet", "the frontend is in a subnet")}
		default:
			continue
		}
		f.hops = append(f.hops, h)
		return f, true
	}
	return frontend{}, false
}

func publicAddress(pip *estate.Resource, ok bool) (netip.Addr, bool) {
	if !ok {
		return netip.Addr{}, false
	}
	v, err := estate.Decode[estate.ServicePublicIP](pip)
	if err != nil {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(v.Properties.IPAddress)
	return a.Unmap(), err == nil
}

// agree compares Azure's frontend with what the Service asks for.
func (k *kubeView) agree(r *estate.Resource, f frontend, rules ServiceRules) frontend {
	if (f.public == azward.Yes) != rules.Internal {
		return f
	}
	last := len(f.hops) - 1
	f.public = azward.Unknown
	f.hops[last].Answer = azward.Unknown
	f.hops[last].Summary = "the Service's annotation and the load balancer's frontend disagree on whether it is internal"
	f.gaps = append(f.gaps, azward.Gap{
		Scope: r.ID, Kind: azward.GapNotRead, Reads: "/metadata/annotations/" + escapePointer(internalAnnotation),
		Error: f.hops[last].Summary + "; one of the two was read before a change",
	})
	return f
}

func (k *kubeView) clusterGap(property string) azward.Gap {
	return azward.Gap{
		Scope: k.id, Kind: azward.GapNotRead, Reads: property, Needs: "Microsoft.ContainerService/managedClusters/read",
		Error: "the cluster's own ARM resource was not read, or does not hold this property",
	}
}

// writtenRules is the hop of the rules that the cloud provider writes, for a
// cluster whose network security group was not read.
func writtenRules(e *estate.Estate, r *estate.Resource, s *estate.KubernetesService, protocol, ports string, family netset.Addrs, w *way) {
	rules := RulesOf(s)
	h := serviceHop(r, "")
	h.Kind, h.Name = "networkSecurityGroup", r.Namespace+"/"+r.Name+" / rules that AKS writes for the Service"
	l := sourceList{otherwise: azward.No, evidence: documented(r, rules.pointer, "AKS allows nothing else on the nodes")}
	switch {
	case rules.Conflict:
		h.Summary = "the Service names source ranges in two ways, which the cloud provider refuses"
		w.doubt(h, azward.Gap{Scope: r.ID, Kind: azward.GapUnparsed, Reads: rules.pointer, Error: h.Summary})
		return
	case rules.Unmanaged:
		h.Summary = "the Service asks AKS to write no rule, and the nodes' network security group was not read"
		w.doubt(h, azward.Gap{
			Scope: r.ID, Kind: azward.GapNotRead, Reads: "Microsoft.Network/networkSecurityGroups",
			Needs: "Microsoft.Network/networkSecurityGroups/read", Error: h.Summary,
		})
		return
	case rules.AllowInternet:
		l.rules = append(l.rules, sourceRule{
			access: netset.Allow, sources: netset.AllAddrs(),
			evidence: documented(r, rules.pointer, "names no source ranges: AKS allows the internet"),
		})
	default:
		l.rules = append(l.rules, sourceRule{
			access: netset.Allow, sources: rules.Allowed, evidence: documented(r, rules.pointer, "AKS allows these source ranges alone"),
		})
		for _, tag := range rules.Tags {
			l.rules = append(l.rules, tagRule(e, r, tag, rules.pointer, documented(r, rules.pointer, "AKS allows the service tag "+tag)))
		}
	}
	for i := range l.rules {
		l.rules[i].sources = l.rules[i].sources.Intersect(family)
		l.rules[i].maybe = l.rules[i].maybe.Intersect(family)
	}
	l.filter(w, h, protocol, ports)
}
