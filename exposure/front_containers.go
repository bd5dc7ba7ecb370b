package exposure

import (
	"fmt"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// appArrival continues a way that came out of a front into a container app:
// through the environment's private side or its public one, then through the
// app's ingress, whose address rules see the front as the client.
//
// Source: https://learn.microsoft.com/azure/container-apps/networking
func appArrival(e *estate.Estate, r *estate.Resource, v *estate.ContainerApp, ends []*estate.Resource) func(*way, exit) []*way {
	return func(w *way, x exit) []*way {
		in := v.Properties.Configuration.Ingress
		if in == nil {
			return nil
		}
		ports, err := netset.ParsePorts(appPorts(in))
		if err == nil && x.ports.Intersect(ports).IsEmpty() {
			return nil // the front speaks to a port that the app does not have
		}
		ways := []*way{w}
		var sees netset.Addrs
		known := false
		if !linkedTo(e, r, ends, x, w) {
			if internal, env := internalEnvironment(e, v); internal {
				ways = throughSubnet(e, env.Properties.VnetConfiguration.InfrastructureSubnetID, r, netset.Addrs{}, w, x)
				if x.from.inside != nil {
					sees, known = x.from.inside.own, true
				}
			} else {
				appEnvironment(e, environmentID(v), w)
				sees, known = x.from.addresses(e)
			}
		}
		for _, w := range ways {
			if w.answer() == azward.No {
				continue
			}
			appExternal(r, in, w)
			appAdmits(r, in, w, x.from.title, sees, known)
			appSignIn(e, r, in, w)
		}
		return ways
	}
}

func internalEnvironment(e *estate.Estate, v *estate.ContainerApp) (bool, *estate.ManagedEnvironment) {
	r, ok := e.Resource(environmentID(v))
	if !ok {
		return false, nil
	}
	env, err := estate.Decode[estate.ManagedEnvironment](r)
	if err != nil || env.Properties.VnetConfiguration == nil || env.Properties.VnetConfiguration.Internal == nil {
		return false, nil
	}
	return *env.Properties.VnetConfiguration.Internal, env
}

// appExternal appends whether the ingress is for callers outside the
// environment.
func appExternal(r *estate.Resource, in *estate.ContainerAppIngress, w *way) {
	const pointer = "/properties/configuration/ingress/external"
	h := Hop{Resource: r.ID, Kind: "ingress", Name: r.Name + " / ingress", Evidence: []azward.Evidence{r.Evidence(pointer, "whom the ingress serves")}}
	switch {
	case in.External == nil:
		h.Summary = "whether the ingress is external was not read"
		w.doubt(h, notRead(r, pointer, "Microsoft.App/containerApps/read", h.Summary, "az containerapp ingress show --ids "+string(r.ID)))
		return
	case *in.External:
		h.Answer, h.Summary = azward.Yes, "the ingress is external"
	default:
		h.Answer, h.Summary = azward.No, "the ingress serves its own environment alone"
	}
	w.hop(h)
}

// appAdmits evaluates the ingress's address rules for a front as client.
func appAdmits(r *estate.Resource, in *estate.ContainerAppIngress, w *way, title string, sees netset.Addrs, known bool) {
	if len(in.IPSecurityRestrictions) == 0 {
		return
	}
	const pointer = "/properties/configuration/ingress/ipSecurityRestrictions"
	h := Hop{Resource: r.ID, Kind: "ipSecurityRestrictions", Name: r.Name + " / address rules", Evidence: []azward.Evidence{r.Evidence(pointer, "address rules of the ingress")}}
	var listed netset.Addrs
	allows, denies, parsed := false, false, true
	for _, a := range in.IPSecurityRestrictions {
		p, exact, err := netset.ParsePrefix(a.IPAddressRange)
		access := restrictionAccess(a.Action)
		allows, denies = allows || access == netset.Allow, denies || access == netset.Deny
		if err != nil || !exact || access == netset.Unclear {
			parsed = false
			continue
		}
		listed = listed.Union(netset.PrefixAddrs(p))
	}
	switch {
	case !known || !parsed || allows == denies || sees.Overlaps(listed) && !sees.Subset(listed):
		h.Summary = "whether the address rules let " + title + " in cannot be told"
		w.doubt(h, azward.Gap{Scope: r.ID, Kind: azward.GapUnsupported, Reads: pointer, Error: h.Summary})
		return
	case sees.Subset(listed) == allows:
		h.Answer, h.Summary = azward.Yes, "the address rules let "+title+" in"
	default:
		h.Answer, h.Summary = azward.No, "the address rules do not let "+title+" in"
	}
	w.hop(h)
}

// throughSubnet sends what a front lets through into a subnet that a service
// stands in: over the networks between, through the subnet's security group.
// Own is the address there; empty for the whole subnet.
func throughSubnet(e *estate.Estate, subnet azward.ResourceID, r *estate.Resource, own netset.Addrs, w *way, x exit) []*way {
	h := Hop{Resource: r.ID, Kind: kindOf(r), Name: r.Name}
	switch {
	case x.from.inside == nil:
		h.Answer, h.Summary = azward.No, x.what+" stands in no network, and "+r.Name+" has a private address"
		h.Evidence = []azward.Evidence{r.Evidence("/properties", h.Summary)}
		w.hop(h)
		return []*way{w}
	case subnet == "":
		h.Summary = "in which subnet " + r.Name + " stands was not read"
		w.doubt(h, notRead(r, "/properties", r.Type+"/read", h.Summary, ""))
		return []*way{w}
	}
	conf := &estate.IPConfiguration{}
	conf.Properties.Subnet = &estate.ResourceRef{ID: subnet}
	n := interfaceOf(e, r, "/properties", conf, nil)
	if !own.IsEmpty() {
		n.own = own
	}
	var ways []*way
	for _, w := range (sender{e, x.front, x.from.inside, x.what}).deliver(n, w, landing{door: door{near: n.own}, ports: x.ports}) {
		w.missing(n.gaps...)
		ways = append(ways, w)
	}
	return ways
}

// groupArrival continues a way that came out of a front into a container
// group with a private address.
func groupArrival(e *estate.Estate, r *estate.Resource, v *estate.ContainerGroup) func(*way, exit) []*way {
	return func(w *way, x exit) []*way {
		ip := v.Properties.IPAddress
		if ip == nil || strings.EqualFold(ip.Type, "Public") {
			return nil // judged by itself
		}
		var open netset.Ports
		for _, p := range ip.Ports {
			if p.Port > 0 && p.Port <= 65535 && !strings.EqualFold(p.Protocol, "udp") {
				open = open.Union(netset.Port(uint16(p.Port)))
			}
		}
		h := Hop{Resource: r.ID, Kind: "ports", Name: r.Name + " / ports", Answer: azward.Yes, Evidence: []azward.Evidence{r.Evidence("/properties/ipAddress/ports", "ports of the group")}}
		both := x.ports.Intersect(open)
		if h.Summary = "opens tcp " + both.String(); both.IsEmpty() {
			h.Answer, h.Summary = azward.No, fmt.Sprintf("the group does not open tcp %s, to which %s speaks", x.ports, x.what)
			w.hop(h)
			return []*way{w}
		}
		x.ports = both
		var own netset.Addrs
		if a := ipOf(ip.IP); a.IsValid() {
			own = netset.OneAddr(a)
		}
		var subnet azward.ResourceID
		if len(v.Properties.SubnetIDs) == 1 {
			subnet = v.Properties.SubnetIDs[0].ID
		}
		ways := throughSubnet(e, subnet, r, own, w, x)
		for _, w := range ways {
			if w.answer() != azward.No {
				w.hop(h)
			}
		}
		return ways
	}
}
