package exposure

import (
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/exposure/netset"
)

// way is one candidate path from the internet into a workload: hops in order,
// each with its own answer. It is open when every hop lets the flow on.
type way struct {
	hops  []Hop
	flows []Flow
	class Class
	gaps  []azward.Gap
	by    string // "load balancer kubernetes": how the summary names it
	// private is the address of a private frontend on it, which a front
	// service outside may name; "" where there is none.
	private string
	// listens are the TCP ports of its entrance, where it has no others; empty
	// where that is not said.
	listens netset.Ports
	// entrance is how many hops lead up to and into it.
	entrance int
	// exact says that its flows hold every source that is let in for certain,
	// and perhaps those of which that is not known: what is in neither is not.
	exact   bool
	perhaps netset.Addrs
}

func (w *way) hop(h Hop)                 { w.hops = append(w.hops, h) }
func (w *way) missing(g ...azward.Gap)   { w.gaps = append(w.gaps, g...) }
func (w *way) narrow(to Class)           { w.class = nearer(w.class, to) }
func (w *way) extend(hops ...Hop)        { w.hops = append(w.hops, hops...) }
func (w *way) doubt(h Hop, g azward.Gap) { h.Answer = azward.Unknown; w.hop(h); w.missing(g) }

// clone copies the way so that branches do not share hops.
func (w *way) clone() *way {
	c := *w
	c.hops, c.flows, c.gaps = slices.Clone(w.hops), slices.Clone(w.flows), slices.Clone(w.gaps)
	return &c
}

func (w *way) answer() azward.Answer {
	answers := make([]azward.Answer, len(w.hops))
	for i, h := range w.hops {
		answers[i] = h.Answer
	}
	return azward.All(answers...)
}

// upToBlock returns the hops before, and with, the first that blocks.
func (w *way) upToBlock() []Hop {
	i := slices.IndexFunc(w.hops, func(h Hop) bool { return h.Answer == azward.No })
	return w.hops[:i+1]
}

// classes from the farthest to the nearest.
var classes = []Class{
	InternetAny, InternetRestricted, AzureAnyTenant, FrontServiceShared, Authenticated,
	PartnerPrivate, PrivateConnected, VnetPeered, VnetLocal, SameCluster, None,
}

// nearer returns the more restrictive class; an unset one restricts nothing.
func nearer(a, b Class) Class {
	switch {
	case a == "":
		return b
	case b == "":
		return a
	case slices.Index(classes, a) >= slices.Index(classes, b):
		return a
	}
	return b
}

// closing is what proves, or keeps from proving, that there is no further way.
type closing struct {
	proof   []azward.Evidence
	missing []azward.Gap
	// ways that azward sees and cannot decide come as ways, not here.
	none string // "no public load balancer, ingress, node or host port leads to it"
}

func (c *closing) absence(proof []azward.Evidence, missing []azward.Gap) {
	for _, p := range proof {
		if !slices.ContainsFunc(c.proof, func(q azward.Evidence) bool {
			return q.Resource == p.Resource && string(q.Value) == string(p.Value)
		}) {
			c.proof = append(c.proof, p)
		}
	}
	for _, g := range missing {
		if !slices.Contains(c.missing, g) {
			c.missing = append(c.missing, g)
		}
	}
}

// settle joins all ways into one answer. Yes needs one open way; No needs
// every way blocked and the proof that there is no other.
func settle(w azward.Workload, ways []*way, end closing) Exposure {
	x := Exposure{Workload: w, From: "internet", Flows: []Flow{}, Path: []Hop{}, Evidence: []azward.Evidence{}, Gaps: []azward.Gap{}}
	var open, unclear []*way
	for _, way := range ways {
		switch way.answer() {
		case azward.Yes:
			open = append(open, way)
		case azward.Unknown:
			unclear = append(unclear, way)
		}
	}
	switch {
	case len(open) > 0:
		settleOpen(&x, open)
	case len(unclear) > 0 || len(end.missing) > 0:
		settleUnclear(&x, ways, unclear, end)
	default:
		settleClosed(&x, ways, end)
	}
	return x
}

func settleOpen(x *Exposure, open []*way) {
	best := open[0]
	for _, w := range open[1:] {
		if slices.Index(classes, w.class) < slices.Index(classes, best.class) {
			best = w
		}
	}
	x.Answer, x.Class, x.Path = azward.Yes, best.class, best.hops
	x.Evidence = hopEvidence(best.hops)
	x.Flows = joinFlows(open)
	alike := slices.DeleteFunc(slices.Clone(open), func(w *way) bool { return w.class != best.class || w.by != best.by })
	x.Summary = "reached from " + sourceWords(best) + " on " + flowWords(joinFlows(alike)) + through(best)
}

func settleUnclear(x *Exposure, all, unclear []*way, end closing) {
	x.Answer = azward.Unknown
	x.Flows = joinFlows(unclear)
	var farthest *way
	for _, w := range unclear {
		if farthest == nil || len(w.hops) > len(farthest.hops) {
			farthest = w
		}
		addGaps(x, w.gaps)
	}
	addGaps(x, end.missing)
	if farthest != nil {
		x.Path, x.Evidence = farthest.hops, hopEvidence(farthest.hops)
		i := slices.IndexFunc(farthest.hops, func(h Hop) bool { return h.Answer == azward.Unknown })
		x.Summary = "cannot be told: " + farthest.hops[i].Summary
		return
	}
	if len(all) > 0 {
		x.Path = all[0].upToBlock()
	}
	x.Summary = "cannot be told: not everything that could lead to it was read (" + readsOf(end.missing) + ")"
}

func settleClosed(x *Exposure, all []*way, end closing) {
	x.Answer, x.Class = azward.No, None
	for _, w := range all {
		hops := w.upToBlock()
		last := hops[len(hops)-1]
		x.Blocks = append(x.Blocks, Block{Path: hops, Summary: last.Summary, Evidence: last.Evidence})
		if len(hops) > len(x.Path) {
			x.Path, x.Summary = hops, "blocked: "+last.Summary
		}
		for _, fact := range hopEvidence(hops) { // ways share what stands before them
			if !slices.ContainsFunc(x.Evidence, func(f azward.Evidence) bool {
				return f.Resource == fact.Resource && f.Property == fact.Property && f.Meaning == fact.Meaning
			}) {
				x.Evidence = append(x.Evidence, fact)
			}
		}
	}
	if end.none != "" {
		x.Blocks = append(x.Blocks, Block{Path: []Hop{}, Summary: end.none, Evidence: end.proof})
	}
	if x.Summary == "" {
		x.Summary = end.none
	}
	x.Evidence = append(x.Evidence, end.proof...)
}

func addGaps(x *Exposure, gaps []azward.Gap) {
	for _, g := range gaps {
		if !slices.Contains(x.Gaps, g) {
			x.Gaps = append(x.Gaps, g)
		}
	}
}

func readsOf(gaps []azward.Gap) string {
	var names []string
	for _, g := range gaps {
		if !slices.Contains(names, g.Reads) {
			names = append(names, g.Reads)
		}
	}
	const shown = 4 // more would hide the sentence; the gaps list all
	if len(names) > shown {
		names = append(names[:shown:shown], "…")
	}
	return strings.Join(names, ", ")
}

func hopEvidence(hops []Hop) []azward.Evidence {
	evidence := []azward.Evidence{}
	for _, h := range hops {
		evidence = append(evidence, h.Evidence...)
	}
	return evidence
}

// joinFlows merges flows with the same protocol and sources.
func joinFlows(ways []*way) []Flow {
	joined := []Flow{}
	for _, w := range ways {
		for _, f := range w.flows {
			i := slices.IndexFunc(joined, func(g Flow) bool {
				return g.Protocol == f.Protocol && slices.Equal(g.Sources, f.Sources)
			})
			if i < 0 {
				joined = append(joined, f)
				continue
			}
			joined[i].Ports = unionPorts(joined[i].Ports, f.Ports)
		}
	}
	return joined
}

func unionPorts(a, b string) string {
	p, errA := netset.ParsePorts(a)
	q, errB := netset.ParsePorts(b)
	if errA != nil || errB != nil {
		return a
	}
	return p.Union(q).String()
}

func sourceWords(w *way) string {
	switch w.class {
	case InternetAny:
		return "any address"
	case InternetRestricted:
		return someSources(w)
	case AzureAnyTenant:
		return "any customer's machine in Azure"
	case FrontServiceShared:
		return "a front service that all its customers share"
	case Authenticated:
		return signedIn(w)
	case PartnerPrivate:
		return "a private link"
	case PrivateConnected:
		return "behind a gateway"
	case VnetPeered:
		return "peered networks"
	case VnetLocal:
		return "its own network"
	case SameCluster:
		return "its own cluster or environment"
	}
	return string(w.class)
}

// someSources names the sources of a way, where they are few.
func someSources(w *way) string {
	var all []string
	for _, f := range w.flows {
		for _, s := range f.Sources {
			if !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	const shown = 3 // a long list reads badly in one clause; the flows hold all
	if len(all) > shown {
		return "some public addresses"
	}
	return strings.Join(all, ", ")
}

// signedIn says who may sign in.
func signedIn(w *way) string {
	sources, exact := currentSources(w)
	switch {
	case w.byTag() && slices.ContainsFunc(w.flows, func(f Flow) bool { return slices.Equal(f.Sources, []string{"AzureCloud"}) }):
		return "any customer's machine in Azure, once signed in,"
	case exact && !sources.IsEmpty() && classOf(sources) == InternetRestricted:
		return someSources(w) + ", once signed in,"
	}
	return "any address, once signed in,"
}

func flowWords(flows []Flow) string {
	var parts []string
	for _, f := range flows {
		if s := f.Protocol + " " + f.Ports; !slices.Contains(parts, s) {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ", ")
}

func through(w *way) string {
	if w.by == "" {
		return ""
	}
	return " through " + w.by
}

// publicAddrs are the addresses that the internet can send from: everything
// but private, shared, loopback, link-local, multicast and reserved space.
// Source: https://www.iana.org/assignments/iana-ipv4-special-registry
var publicAddrs = func() netset.Addrs {
	all := netset.AllAddrs()
	for _, s := range []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
		"192.168.0.0/16", "224.0.0.0/3", "168.63.129.16/32", "::/128", "::1/128", "fc00::/7", "fe80::/10", "ff00::/8",
	} {
		p, _, err := netset.ParsePrefix(s)
		if err == nil {
			all = all.Minus(netset.PrefixAddrs(p))
		}
	}
	return all
}()

// The public addresses of each family, which every way from the internet asks
// for.
var publicV4, publicV6 = publicAddrs.Intersect(netset.AllV4()), publicAddrs.Intersect(netset.AllV6())

// publicOfFamily are the public addresses that a way to an address can hold.
func publicOfFamily(near netset.Addrs) netset.Addrs {
	switch v4, v6 := near.Overlaps(netset.AllV4()), near.Overlaps(netset.AllV6()); {
	case v4 && !v6:
		return publicV4
	case v6 && !v4:
		return publicV6
	}
	return publicAddrs
}

// sourceNames prints a set of public sources; all of a family as its /0.
func sourceNames(s netset.Addrs) []string {
	names := []string{}
	rest := s
	for _, family := range []struct {
		public, all netset.Addrs
		name        string
	}{{publicV4, netset.AllV4(), "0.0.0.0/0"}, {publicV6, netset.AllV6(), "::/0"}} {
		if family.public.Subset(s) {
			names = append(names, family.name)
			rest = rest.Minus(family.all)
		}
	}
	if rest.IsEmpty() {
		return names
	}
	return append(names, rest.Strings()...)
}

// classOf tells all public addresses (of at least one family) from some.
func classOf(s netset.Addrs) Class {
	if publicV4.Subset(s) || publicV6.Subset(s) {
		return InternetAny
	}
	return InternetRestricted
}
