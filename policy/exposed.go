package policy

import (
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

// portOpen asks whether one TCP or UDP port is among what is let in.
func (r *run) portOpen(o *object, port int) ref.Val {
	x := r.checker.exposed(o)
	if x == nil {
		return types.NewErr("%s neither runs code nor has an endpoint of its own", o.id())
	}
	if x.Answer == azward.No {
		return r.settle(x, azward.No)
	}
	for _, f := range x.Flows {
		if !holdsPort(f.Ports, port) {
			continue
		}
		return r.settle(x, x.Answer)
	}
	if len(x.Flows) == 0 {
		return r.settle(x, azward.Unknown)
	}
	if x.Answer == azward.Yes && len(x.Gaps) > 0 {
		return r.settle(x, azward.Unknown) // other flows may be open, too
	}
	return r.settle(x, azward.No)
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
