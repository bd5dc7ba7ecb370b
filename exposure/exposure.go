// Package exposure answers who can reach what. [Reach] tells for one workload
// whether, on which ports and along which hops the internet gets to it,
// [Ladder] for every source class; [Check] answers one flow, and
// [Counterfactuals] says which settings would change an answer. All compute
// effective rules from an estate with exact sets, keep the deciding rule in
// each piece of a set, and answer Unknown, naming what is missing, wherever a
// fact was not read or is not modelled. Nothing here does I/O.
package exposure

import (
	"github.com/azward/azward"
)

// Class says from how far away a workload is reached, farthest first.
type Class string

// Source classes, farthest first.
const (
	InternetAny        Class = "internet-any"         // any public address
	InternetRestricted Class = "internet-restricted"  // a list of public addresses
	AzureAnyTenant     Class = "azure-any-tenant"     // any customer's machine in Azure
	FrontServiceShared Class = "front-service-shared" // a service shared by all customers, by tag alone
	Authenticated      Class = "authenticated"        // behind an identity proxy
	PartnerPrivate     Class = "partner-private"
	PrivateConnected   Class = "private-connected"
	VnetPeered         Class = "vnet-peered"
	VnetLocal          Class = "vnet-local"
	SameCluster        Class = "same-cluster"
	None               Class = "none"
)

// Exposure is the answer for one workload: can sources From reach it?
type Exposure struct {
	Workload azward.Workload `json:"workload"`
	From     string          `json:"from"` // "internet"
	Answer   azward.Answer   `json:"answer"`
	// Class of the farthest source that is let in; None when Answer is No.
	Class Class `json:"class,omitempty"`
	// Summary is one clause generated from the deciding fact: "reached from any
	// address on tcp 443 through load balancer kubernetes", "no public load
	// balancer, ingress, node or host port leads to it".
	Summary string `json:"summary"`
	// Flows that are let in, when Answer is Yes; those that could not be
	// decided, when it is Unknown.
	Flows []Flow `json:"flows"`
	// Path of the answer: hops from the source to the workload. For No and
	// Unknown it is the candidate path that got farthest; empty where there is
	// no candidate.
	Path []Hop `json:"path"`
	// Blocks holds, for No, the blocking fact of every candidate path: each
	// path needs one. The absence of any candidate is a block whose evidence
	// are the complete listings.
	Blocks []Block `json:"blocks,omitempty"`
	// Evidence that decided, in order of the chain.
	Evidence []azward.Evidence `json:"evidence"`
	// Gaps that keep the answer from being more certain.
	Gaps []azward.Gap `json:"gaps"`
}

// Flow is a set of packets by protocol, destination port and source.
type Flow struct {
	Protocol string `json:"protocol"` // "tcp", "udp", "icmp" or "any"
	// Ports as ranges in ARM's spelling: "443", "8000-8080", "22,3389", "*".
	Ports string `json:"ports"`
	// Sources as prefixes, merged and sorted: ["0.0.0.0/0","::/0"].
	Sources []string `json:"sources"`
}

// Hop is one station of a path.
type Hop struct {
	Resource azward.ResourceID `json:"resource"`
	Kind     string            `json:"kind"`           // "publicIPAddress", "networkSecurityGroup", "Service" …
	Name     string            `json:"name,omitempty"` // shown name: "nsg-web / AllowHttps"
	Answer   azward.Answer     `json:"answer"`         // whether it lets the flow on
	// Summary in one clause: "allows tcp 443 from Internet (priority 200)".
	Summary  string            `json:"summary"`
	Evidence []azward.Evidence `json:"evidence"`
	// Mitigates says that the hop makes an attack harder without stopping it: a
	// web application firewall in Prevention mode, a key that is asked for.
	Mitigates bool `json:"mitigates,omitempty"`
}

// Block is one fact that alone closes one candidate path.
type Block struct {
	Path     []Hop             `json:"path"`
	Summary  string            `json:"summary"`
	Evidence []azward.Evidence `json:"evidence"`
}
