package verdict

import (
	"slices"

	"github.com/azward/azward"
	"github.com/azward/azward/exposure"
)

// entrance is how an attacker gets to a workload, whatever the vulnerability.
type entrance struct {
	reachable azward.Condition
	needs     []azward.Prerequisite
}

// entranceOf asks whether an attacker can send a workload packets. No path at
// all is No for every attack vector, since any use of a vulnerability then
// needs a foothold first.
func entranceOf(id azward.ResourceID, s *surroundings, attacker exposure.Class) entrance {
	c := azward.Condition{ID: azward.Reachable, Evidence: []azward.Evidence{}}
	if !s.found {
		c.Summary = "the workload is not in the estate"
		c.Gaps = []azward.Gap{{Scope: id, Kind: azward.GapNotRead, Reads: "the workload", Error: "it is not in the estate"}}
		return entrance{reachable: c}
	}
	c.Answer, c.Summary = s.reach.Answer, s.reach.Summary
	c.Evidence = append(c.Evidence, s.reach.Evidence...)
	c.Gaps = append(c.Gaps, s.reach.Gaps...)
	if c.Answer == azward.Yes && s.reach.Class == exposure.Authenticated {
		return entrance{c, []azward.Prerequisite{azward.TenantSignIn}}
	}
	if c.Answer == azward.Yes || attacker == "" {
		return entrance{reachable: c}
	}
	return s.nearer(c, attacker)
}

// wayIn is how the attacker of a finding gets in. Malware is there already: it
// runs where it is installed, and waits for no packet.
//
// Source: https://github.com/ossf/malicious-packages
func (s *surroundings) wayIn(malicious bool) entrance {
	if !malicious || !s.found {
		return s.entrance
	}
	return entrance{reachable: azward.Condition{
		ID: azward.Reachable, Answer: azward.Yes, Summary: "the package is itself the attack, and needs no way in",
		Evidence: []azward.Evidence{{
			Resource: "https://github.com/ossf/malicious-packages", Property: "malicious", Value: azward.JSONValue(true),
			Meaning: "a malicious package acts where it is installed", Source: azward.SourceDocumented,
		}},
	}}
}

// places are the classes of attackers who are inside some network, the
// farthest first, and what they need.
var places = []struct {
	class exposure.Class
	needs azward.Prerequisite
}{
	{exposure.PartnerPrivate, azward.PartnerNetwork},
	{exposure.PrivateConnected, azward.ConnectedNetwork},
	{exposure.VnetPeered, azward.PeeredNetwork},
	{exposure.VnetLocal, azward.LocalNetwork},
	{exposure.SameCluster, azward.SameCluster},
}

// nearer goes down the ladder to where the attacker may start: the first place
// that reaches the workload decides; No needs every one of them to be No.
func (s *surroundings) nearer(c azward.Condition, attacker exposure.Class) entrance {
	answers := []azward.Answer{c.Answer}
	for _, p := range places {
		at := slices.IndexFunc(s.ladder, func(r exposure.Rung) bool { return r.Class == p.class })
		if at >= 0 {
			rung := s.ladder[at]
			if rung.Answer == azward.Yes {
				s.reach.Class = p.class
				c.Answer, c.Summary, c.Gaps = azward.Yes, rung.Summary, rung.Gaps
				c.Evidence = append([]azward.Evidence{}, rung.Evidence...)
				return entrance{c, []azward.Prerequisite{p.needs}}
			}
			answers = append(answers, rung.Answer)
			c.Evidence = append(c.Evidence, rung.Evidence...)
			if rung.Answer == azward.Unknown {
				c.Gaps = append(c.Gaps, rung.Gaps...)
				c.Summary = rung.Summary
			}
		}
		if p.class == attacker {
			break
		}
	}
	c.Answer = azward.Any(answers...)
	return entrance{reachable: c}
}

// prerequisites says what the way in and the vulnerability ask besides. It is
// Yes: an attacker may have it all, and nothing here shows that none does.
func prerequisites(subject Subject, p Profile, needs []azward.Prerequisite) azward.Condition {
	c := azward.Condition{ID: azward.Prerequisites, Answer: azward.Yes, Evidence: []azward.Evidence{}}
	vector := azward.Evidence{
		Resource: azward.ResourceID(subject.Finding.Record), Property: "/severity", Value: azward.JSONValue(subject.Finding.Vector),
		Meaning: "attack vector " + p.Vector + ", privileges " + p.Privileges + ", user interaction " + p.Interaction,
		Source:  azward.SourceAdvisory, SHA256: sha256Hex(subject.Record),
	}
	if subject.Borrowed && len(subject.Reports) > 0 {
		vector.Source, vector.SHA256, vector.ReadAt = azward.SourceScanner, sha256Hex(subject.Reports[0].Record), subject.Reports[0].At
	}
	if !p.Stated {
		vector.Value, vector.Meaning = azward.JSONValue(nil), "no record states a vector, so the worst is assumed: over the network, without privileges"
	}
	c.Evidence = append(c.Evidence, vector)
	c.Summary = "nothing more is asked of an attacker"
	if len(needs) > 0 {
		c.Summary = "an attacker needs " + inWords(needs)
	}
	return c
}

// OnTheWay is the ID of a mitigation that stands in the path.
const OnTheWay azward.ConditionID = "path"

// onTheWay are the stations of the path that make an attack harder.
func onTheWay(x exposure.Exposure) []azward.Condition {
	var list []azward.Condition
	for _, h := range x.Path {
		if h.Mitigates && len(h.Evidence) > 0 {
			list = append(list, azward.Condition{ID: OnTheWay, Answer: azward.Yes, Summary: h.Summary, Evidence: h.Evidence})
		}
	}
	return list
}
