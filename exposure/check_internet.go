package exposure

import (
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// wanted is one flow that is asked of an interface, in place of every flow
// from the internet. Methods of nil ask for everything.
type wanted struct {
	from     netset.Addrs
	protocol netset.Protocol
	ports    netset.Ports
	srcPort  int // 0: any
}

// at restricts a door to the flow; otherwise is the hop that closes it, where
// it leads other flows alone.
func (want *wanted) at(d door) (_ door, otherwise *Hop) {
	if want == nil {
		return d, nil
	}
	listens := d.shown.String()
	protocols := make([]string, 0, len(d.protocol))
	for _, p := range d.protocol {
		protocols = append(protocols, p.String())
		if p != want.protocol {
			continue
		}
		if shown := d.shown.Intersect(want.ports); !p.HasPorts() || !shown.IsEmpty() {
			d.protocol, d.shown = []netset.Protocol{p}, shown
			return d, nil
		}
	}
	if len(d.hops) == 0 {
		return d, nil
	}
	h := d.hops[len(d.hops)-1]
	h.Answer, h.Summary = azward.No, fmt.Sprintf("it leads %s %s alone", strings.Join(protocols, " and "), listens)
	return d, &h
}

func (want *wanted) sources(all netset.Addrs) netset.Addrs {
	if want == nil {
		return all
	}
	return all.Intersect(want.from)
}

func (want *wanted) sourcePort() int {
	if want == nil || want.srcPort == 0 {
		return anySourcePort
	}
	return want.srcPort
}

// fromInternet asks the ways from the internet into a workload for one flow.
func (q Question) fromInternet(e *estate.Estate, w estate.Workload, from end, protocol netset.Protocol) Exposure {
	var all reached
	switch w.Kind {
	case azward.VirtualMachine, azward.VirtualMachineScaleSet:
		ports := netset.AllPorts()
		if protocol.HasPorts() {
			ports = netset.Port(uint16(q.Port))
		}
		all = reachMachine(e, w, &wanted{from: from.addrs, protocol: protocol, ports: ports, srcPort: q.SourcePort})
	default:
		all = reach(e, w)
	}
	return q.settled(e, w.Workload, all, from)
}

// settled is the answer of those ways that concern the flow.
func (q Question) settled(e *estate.Estate, w azward.Workload, all reached, from end) Exposure {
	ways := make([]*way, 0, len(all.ways))
	for _, w := range all.ways {
		ways = append(ways, q.concerning(w.untagged(e), from))
	}
	x := settle(w, ways, all.end)
	x.From = q.From
	return x
}

// concerning says of a way what it does with the asked flow: closed where its
// entrance has other ports, or where its rules let in others alone; a doubt
// where a part may pass.
func (q Question) concerning(w *way, from end) *way {
	if w.answer() == azward.No || len(w.hops) == 0 {
		return w
	}
	tcp := strings.EqualFold(q.Protocol, "tcp")
	if !w.listens.IsEmpty() && (!tcp || !w.listens.Contains(uint16(q.Port))) {
		w = w.clone()
		w.hops = w.hops[:max(w.entrance, 1)]
		return closedTo(w, fmt.Sprintf("%s listens on tcp %s alone", w.by, w.listens))
	}
	if w.answer() == azward.Unknown {
		return w
	}
	ported := false
	var sources netset.Addrs
	for _, f := range w.flows {
		if !strings.EqualFold(f.Protocol, q.Protocol) && f.Protocol != "any" {
			continue
		}
		if ports, err := netset.ParsePorts(f.Ports); f.Ports != "*" && (err != nil || !ports.Contains(uint16(q.Port))) && q.Port != 0 {
			continue
		}
		ported = true
		sources = sources.Union(prefixes(f.Sources))
	}
	switch {
	case ported && from.addrs.Subset(sources):
		return w
	case ported && w.exact && !w.byTag() && !from.addrs.Overlaps(sources.Union(w.perhaps)):
		return closedTo(w, "lets in others alone: "+strings.TrimSuffix(sourceWords(w), ","))
	}
	w = w.clone()
	why := "a part of the asked flow passes alone, or may pass"
	if !ported {
		why = "it is reached on " + flowWords(w.flows) + "; whether it answers on other ports is not computed"
	}
	h := w.hops[len(w.hops)-1]
	h.Summary, h.Evidence = why, nil
	w.doubt(h, azward.Gap{Scope: h.Resource, Kind: azward.GapUnsupported, Reads: "the asked flow as a whole", Error: why})
	return w
}

// closedTo is the way with its last hop closed.
func closedTo(w *way, why string) *way {
	w = w.clone()
	h := w.hops[len(w.hops)-1]
	h.Answer, h.Summary = azward.No, why
	w.hops = append(w.hops[:len(w.hops)-1], h)
	return w
}

// throughMachine asks the way from the internet to an interface.
func (q Question) throughMachine(e *estate.Estate, to, from end, protocol netset.Protocol) (Exposure, error) {
	for _, r := range e.Referrers(to.machine.ID, "Microsoft.Compute/virtualMachines") {
		if w, ok := e.Workload(r.ID); ok {
			return q.fromInternet(e, w, from, protocol), nil
		}
	}
	return unsure(q.To, "the machine of this interface", "no machine of the estate has it"), nil
}

// toEndpoint asks the public endpoint of a service for one source.
func (q Question) toEndpoint(e *estate.Estate, r *estate.Resource, from end, _ netset.Protocol) Exposure {
	ways, end := publicEndpoint(e, r)
	ways = append(ways, frontsBefore(e, r, &end)...)
	return q.settled(e, azward.Workload{ID: r.ID, Name: r.Name}, reached{ways, end}, from)
}

// untagged puts the addresses of a list of service tags in place of the tag
// that admits a way.
func (w *way) untagged(e *estate.Estate) *way {
	if !w.byTag() || len(w.hops) == 0 {
		return w
	}
	w = w.clone()
	for i, f := range w.flows {
		if len(f.Sources) != 1 {
			continue
		}
		if addrs, listed, doubt := serviceTag(e, f.Sources[0]); doubt == "" {
			w.flows[i].Sources = addrs.Strings()
			last := &w.hops[len(w.hops)-1]
			last.Evidence = append(slices.Clone(last.Evidence), listed...)
		}
	}
	return w
}
