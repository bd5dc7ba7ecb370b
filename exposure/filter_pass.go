package exposure

import (
	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// passage is what of a region a way brings through packet filters: for certain
// and perhaps.
type passage struct {
	way            *way
	certain, maybe netset.Region
	tags           []string // the service tags that admit all of certain; empty where not tags alone
}

// passOne sends a region through every filter at an interface: security admin
// rules, then the groups. What admin rules always allow goes on a way of its
// own. Without any group bare says what happens.
func (n *netInterface) passOne(e *estate.Estate, w *way, p packet, region netset.Region, bare func(*way)) []passage {
	admin := n.admin(e)
	if admin.missing != nil {
		w.doubt(admin.gapHop(), *admin.missing)
		return []passage{{way: w, maybe: region}} // AlwaysAllow overrides what a group denies, Deny what it allows
	}
	maybe := region
	var all []passage
	if len(admin.rules) > 0 {
		on, over := admin.paint(nicPlace{e, n}, p)
		if v := over.decide(region, region, p.protocol); !v.maybe.IsEmpty() {
			always := w.clone()
			always.verdict(v)
			all = append(all, passage{way: always, certain: v.certain, maybe: v.maybe, tags: v.tags})
		}
		v := on.decide(region, region, p.protocol)
		w.verdict(v)
		region, maybe = v.certain, v.maybe
		if v.hop.Answer == azward.No {
			return append(all, passage{way: w})
		}
	}
	layers := n.layers(e, p)
	if len(layers) == 0 {
		bare(w)
		return append(all, passage{way: w, certain: region, maybe: maybe})
	}
	var tags []string
	for i := range layers {
		v := layers[i].decide(region, maybe, p.protocol)
		w.verdict(v)
		region, maybe = v.certain, v.maybe
		if len(v.tags) > 0 {
			tags = v.tags
		}
	}
	return append(all, passage{way: w, certain: region, maybe: maybe, tags: tags})
}

// verdict appends what a layer decided.
func (w *way) verdict(v verdict) {
	switch v.hop.Answer {
	case azward.Unknown:
		w.doubt(v.hop, v.gap)
	case azward.Yes:
		w.narrow(v.class)
		w.hop(v.hop)
	default:
		w.hop(v.hop)
	}
}
