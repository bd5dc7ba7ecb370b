package verdict

import (
	"strings"

	"github.com/azward/azward"
)

// Profile is what a vulnerability asks of its environment. Two vulnerabilities
// of one profile get the same answer in a workload, but for where the package
// is and which versions are affected. Fields hold the words of CVSS in lower
// case; where a record states no vector, the profile is that of the most
// dangerous one, and Stated is false.
//
// Source: https://www.first.org/cvss/v4-0/specification-document §2
type Profile struct {
	Vector      string // network, adjacent, local, physical
	Privileges  string // none, low, high
	Interaction string // none, required
	Stated      bool
}

// ProfileOf reads a finding's CVSS vector, of version 2, 3 or 4.
func ProfileOf(f azward.Finding) Profile {
	p := Profile{Vector: "network", Privileges: "none", Interaction: "none"}
	for metric := range strings.SplitSeq(f.Vector, "/") {
		switch metric {
		case "AV:N":
			p.Stated = true
		case "AV:A":
			p.Vector, p.Stated = "adjacent", true
		case "AV:L":
			p.Vector, p.Stated = "local", true
		case "AV:P":
			p.Vector, p.Stated = "physical", true
		case "PR:L", "Au:S":
			p.Privileges = "low"
		case "PR:H", "Au:M":
			p.Privileges = "high"
		case "UI:R", "UI:P", "UI:A":
			p.Interaction = "required"
		}
	}
	return p
}

// String names the profile: "network/none/none".
func (p Profile) String() string { return p.Vector + "/" + p.Privileges + "/" + p.Interaction }

// needs are the prerequisites that the vulnerability itself states, the way in
// left aside.
func (p Profile) needs() []azward.Prerequisite {
	var needs []azward.Prerequisite
	switch p.Vector {
	case "adjacent":
		needs = append(needs, azward.AdjacentNetwork)
	case "local":
		needs = append(needs, azward.LocalFoothold)
	case "physical":
		needs = append(needs, azward.PhysicalAccess)
	}
	switch p.Privileges {
	case "low":
		needs = append(needs, azward.AppAccount)
	case "high":
		needs = append(needs, azward.AdminAccount)
	}
	if p.Interaction == "required" {
		needs = append(needs, azward.UserInteraction)
	}
	return needs
}

// words say a prerequisite as a reader would.
var words = map[azward.Prerequisite]string{
	azward.TenantSignIn:     "an account that may sign in",
	azward.PartnerNetwork:   "a machine in a network with an approved private endpoint",
	azward.ConnectedNetwork: "a machine in a network behind the VPN or ExpressRoute gateway",
	azward.PeeredNetwork:    "a machine in a peered virtual network",
	azward.LocalNetwork:     "a machine in the same virtual network",
	azward.SameCluster:      "a pod in the same cluster",
	azward.AdjacentNetwork:  "a place in the adjacent network",
	azward.LocalFoothold:    "a local foothold, or a file that the workload opens",
	azward.PhysicalAccess:   "physical access to the host",
	azward.AppAccount:       "an account of the application",
	azward.AdminAccount:     "an administrator's account of the application",
	azward.UserInteraction:  "a user who is made to act",
}

func inWords(needs []azward.Prerequisite) string {
	said := make([]string, 0, len(needs))
	for _, n := range needs {
		said = append(said, words[n])
	}
	return strings.Join(said, ", and ")
}
