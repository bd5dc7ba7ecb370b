package policy

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/azward/azward"
	"github.com/azward/azward/exposure"
	"github.com/azward/azward/impact"
)

// exposed answers whether the internet reaches a workload, or the public
// endpoint of a service, once for each resource; nil for anything else.
func (c *Checker) exposed(o *object) *exposure.Exposure {
	r := o.resource()
	key := r.ID.Key()
	if x, ok := c.exposures[key]; ok {
		return x
	}
	var x *exposure.Exposure
	if w, ok := c.estate.Workload(r.ID); ok {
		found := exposure.Reach(c.estate, w)
		x = &found
	} else if exposure.HasEndpoint(r) {
		found := exposure.PublicEndpoint(c.estate, r)
		x = &found
	}
	c.exposures[key] = x
	return x
}

func (r *run) reachable(o *object) ref.Val {
	x := r.checker.exposed(o)
	if x == nil {
		return types.NewErr("%s neither runs code nor has an endpoint of its own", o.id())
	}
	return r.settle(x, x.Answer)
}

// settle is an exposure's answer as a value, with what it rests on.
func (r *run) settle(x *exposure.Exposure, answer azward.Answer) ref.Val {
	r.proof = append(r.proof, x.Evidence[:min(len(x.Evidence), maxReads)]...)
	switch answer {
	case azward.Yes:
		return types.True
	case azward.No:
		return types.False
	}
	if len(x.Gaps) == 0 {
		return r.lacks(azward.Gap{Scope: x.Workload.ID, Kind: azward.GapUnsupported, Reads: "exposure", Error: x.Summary})
	}
	return r.lacks(x.Gaps...)
}

// publicEndpoint is the exposure of the endpoint alone, whatever else runs.
func (r *run) publicEndpoint(o *object) ref.Val {
	if !exposure.HasEndpoint(o.resource()) {
		return types.NewErr("the endpoint of a %s is not judged", o.resource().Type)
	}
	x := r.checker.exposed(o)
	return r.settle(x, x.Answer)
}

// anyPort stands for whichever port is open.
const anyPort = -1

// openTo asks whether one port is open to sources of a kind, and if it is not
// among what is known to be let in, whether everything was known.
func (r *run) openTo(o *object, port int, class exposure.Class, sources func([]string) bool) ref.Val {
	x := r.checker.exposed(o)
	if x == nil {
		return types.NewErr("%s neither runs code nor has an endpoint of its own", o.id())
	}
	open := slices.ContainsFunc(x.Flows, func(f exposure.Flow) bool {
		return (port == anyPort || holdsPort(f.Ports, port)) && sources(f.Sources)
	})
	if open || x.Answer != azward.Yes {
		return r.settle(x, x.Answer)
	}
	for _, rung := range r.checker.ladder(o) {
		if rung.Class == class && (rung.Answer == azward.Unknown || len(rung.Gaps) > 0) {
			return r.settle(&exposure.Exposure{Workload: x.Workload, Evidence: rung.Evidence, Gaps: rung.Gaps, Summary: rung.Summary}, azward.Unknown)
		}
	}
	return r.settle(x, azward.No)
}

// portOpen asks whether one TCP or UDP port is open to everybody on the
// internet: to half of all addresses at least, so that a rule that leaves a few
// out is no way round.
func (r *run) portOpen(o *object, port int) ref.Val {
	return r.openTo(o, port, exposure.InternetAny, everybody)
}

// openToTenants asks whether machines of any customer of Azure get in.
func (r *run) openToTenants(o *object) ref.Val {
	return r.openTo(o, anyPort, exposure.AzureAnyTenant, func(sources []string) bool {
		return slices.Contains(sources, "AzureCloud") || everybody(sources)
	})
}

// everybody reports sources that make up half of IPv4's addresses at least, or
// of IPv6's that are routed (2000::/3).
func everybody(sources []string) bool {
	var v4, v6 float64
	for _, s := range sources {
		p, err := netip.ParsePrefix(s)
		switch {
		case err != nil:
		case p.Addr().Is4():
			v4 += math.Ldexp(1, -p.Bits())
		default:
			v6 += math.Ldexp(1, -p.Bits())
		}
	}
	return v4 >= 0.5 || v6 >= 1.0/16
}

// reachableFrom asks whether sources of one class, or of one farther away, reach
// a workload or endpoint.
func (r *run) reachableFrom(o *object, class string) ref.Val {
	rungs := r.checker.ladder(o)
	at := slices.IndexFunc(rungs, func(x exposure.Rung) bool { return string(x.Class) == class })
	if at < 0 {
		return types.NewErr("from %.40q nothing is judged for %s", class, o.id())
	}
	rung := rungs[at]
	return r.settle(&exposure.Exposure{Workload: azward.Workload{ID: o.id()}, Evidence: rung.Evidence, Gaps: rung.Gaps, Summary: rung.Summary}, rung.Answer)
}

// ladder answers for every class of sources, once for each resource.
func (c *Checker) ladder(o *object) []exposure.Rung {
	r := o.resource()
	key := r.ID.Key()
	if held, ok := c.ladders[key]; ok {
		return held
	}
	var rungs []exposure.Rung
	if w, ok := c.estate.Workload(r.ID); ok {
		rungs = exposure.Ladder(c.estate, w)
	} else if exposure.HasEndpoint(r) {
		rungs = exposure.EndpointLadder(c.estate, r)
	}
	c.ladders[key] = rungs
	return rungs
}

// holdsPort reports whether ranges in ARM's spelling hold a port.
func holdsPort(ranges string, port int) bool {
	for one := range strings.SplitSeq(ranges, ",") {
		if one == "*" {
			return true
		}
		from, to, ranged := strings.Cut(one, "-")
		if !ranged {
			to = from
		}
		low, err := strconv.Atoi(from)
		high, err2 := strconv.Atoi(to)
		if err == nil && err2 == nil && low <= port && port <= high {
			return true
		}
	}
	return false
}

// blastRadius ranks what follows when the workload is taken over, 0 to 4.
func (r *run) blastRadius(o *object) ref.Val {
	w, ok := r.checker.estate.Workload(o.id())
	if !ok {
		return types.NewErr("%s runs no code", o.id())
	}
	radius := impact.Of(r.checker.estate, w)
	for _, c := range radius.Consequences {
		if c.Answer == azward.Unknown && radius.Rank < impact.Control {
			r.gaps = append(r.gaps, c.Gaps...)
			return unknown
		}
		r.proof = append(r.proof, c.Evidence...)
	}
	return types.Int(radius.Rank)
}
