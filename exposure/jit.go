package exposure

import (
	"fmt"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

const jitType = "Microsoft.Security/locations/jitNetworkAccessPolicies"

// jitView is what just-in-time access opened.
type jitView struct {
	Properties struct {
		Requests []struct {
			StartTimeUTC    string `json:"startTimeUtc"`
			VirtualMachines []struct {
				ID    azward.ResourceID `json:"id"`
				Ports []struct {
					Number   int      `json:"number"`
					Prefix   string   `json:"allowedSourceAddressPrefix"`
					Prefixes []string `json:"allowedSourceAddressPrefixes"`
					End      string   `json:"endTimeUtc"`
					Status   string   `json:"status"` // Initiated, Revoked
				} `json:"ports"`
			} `json:"virtualMachines"`
		} `json:"requests"`
	} `json:"properties"`
}

// window is a port of a machine that just-in-time access opened.
type window struct {
	port       uint16
	sources    []string
	start, end time.Time // start is zero where it was not read
	policy     *estate.Resource
	pointer    string
}

// windows are the ports of a machine that were open to a request when its
// policy was read. The rule that opens one stands in the security group, and
// goes when the window ends: the policy tells when.
//
// Source: https://learn.microsoft.com/rest/api/defenderforcloud/jit-network-access-policies/get
func windows(e *estate.Estate, machine *estate.Resource) []window {
	var all []window
	for _, r := range e.Referrers(machine.ID, jitType) {
		v, err := estate.Decode[jitView](r)
		if err != nil {
			continue // the rules decide, the policy only says how long they stay
		}
		for i, request := range v.Properties.Requests {
			for j, vm := range request.VirtualMachines {
				if !vm.ID.Equal(machine.ID) {
					continue
				}
				for k, p := range vm.Ports {
					end, err := time.Parse(time.RFC3339Nano, p.End)
					if err != nil || !strings.EqualFold(p.Status, "Initiated") || p.Number <= 0 || p.Number > 65535 || !r.ReadAt.IsZero() && !end.After(r.ReadAt) {
						continue
					}
					w := window{
						port: uint16(p.Number), sources: both(p.Prefix, p.Prefixes), end: end, policy: r,
						pointer: fmt.Sprintf("/properties/requests/%d/virtualMachines/%d/ports/%d", i, j, k),
					}
					if start, err := time.Parse(time.RFC3339Nano, request.StartTimeUTC); err == nil {
						w.start = start
					}
					all = append(all, w)
				}
			}
		}
	}
	return all
}

func (w window) hop(answer azward.Answer, summary string) Hop {
	return Hop{
		Resource: w.policy.ID, Kind: "jitNetworkAccessPolicy", Name: w.policy.Name + " / port " + fmt.Sprint(w.port), Answer: answer, Summary: summary,
		Evidence: []azward.Evidence{w.policy.Evidence(w.pointer, summary)},
	}
}

func (w window) words() string {
	return fmt.Sprintf("just-in-time access to port %d, for %s, ends at %s", w.port, listWords(w.sources), w.end.UTC().Format(time.RFC3339))
}

// timed adds to the ways of a machine until when just-in-time access keeps
// their ports open. A request later than what was read of the security groups
// may have opened more than they show.
func timed(e *estate.Estate, machine *estate.Resource, interfaces []*netInterface, ways []*way) []*way {
	for _, w := range windows(e, machine) {
		open := false
		for _, x := range ways {
			if x.answer() != azward.Yes || !x.holds(w.port) {
				continue
			}
			open = true
			x.hop(w.hop(azward.Yes, w.words()))
		}
		if open || !w.later(interfaces) {
			continue
		}
		x := &way{class: InternetRestricted, by: "just-in-time access", flows: []Flow{{Protocol: "tcp", Ports: netset.Port(w.port).String(), Sources: w.sources}}}
		why := fmt.Sprintf("just-in-time access to port %d was opened after its security groups were read", w.port)
		x.doubt(w.hop(azward.Unknown, why), azward.Gap{Scope: w.policy.ID, Kind: azward.GapNotRead, Reads: w.pointer, Error: why, Remedy: "collect the estate again"})
		ways = append(ways, x)
	}
	return ways
}

// holds reports whether a flow of the way has the port.
func (w *way) holds(port uint16) bool {
	for _, f := range w.flows {
		if ports, err := netset.ParsePorts(f.Ports); err == nil && f.Protocol != "icmp" && ports.Contains(port) {
			return true
		}
	}
	return false
}

// later reports whether the window was opened after a security group of the
// machine was read.
func (w window) later(interfaces []*netInterface) bool {
	for _, n := range interfaces {
		for _, g := range []groupRef{n.subnetGroup, n.nicGroup} {
			if g.resource != nil && !g.resource.ReadAt.IsZero() && w.start.After(g.resource.ReadAt) {
				return true
			}
		}
	}
	return false
}
