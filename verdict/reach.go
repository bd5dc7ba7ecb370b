package verdict

import (
	"github.com/azward/azward"
	"github.com/azward/azward/exposure"
)

// entrance is how an attacker gets to a workload, whatever the vulnerability.
type entrance struct {
	reachable azward.Condition
	needs     []azward.Prerequisite
}

// entranceOf asks whether an attacker who starts outside of the workload's own
// network can send it packets. No path at all is No for every attack vector,
// since any use of a vulnerability then needs a foothold first.
func entranceOf(id azward.ResourceID, s *surroundings) entrance {
	c := azward.Condition{ID: azward.Reachable, Evidence: []azward.Evidence{}}
	if !s.found {
		c.Summary = "the workload is not in the estate"
		c.Gaps = []azward.Gap{{Scope: id, Kind: azward.GapNotRead, Reads: "the workload", Error: "it is not in the estate"}}
		return entrance{reachable: c}
	}
	c.Answer, c.Summary = s.reach.Answer, s.reach.Summary
	c.Evidence = append(c.Evidence, s.reach.Evidence...)
	c.Gaps = append(c.Gaps, s.reach.Gaps...)
	var needs []azward.Prerequisite
	if c.Answer == azward.Yes && s.reach.Class == exposure.Authenticated {
		needs = append(needs, azward.TenantSignIn)
	}
	return entrance{c, needs}
}

// prerequisites says what the way in and the vulnerability ask besides. It is
// Yes: an attacker may have it all, and nothing here shows that none does.
func prerequisites(subject Subject, s *surroundings, p Profile, needs []azward.Prerequisite) azward.Condition {
	c := azward.Condition{ID: azward.Prerequisites, Answer: azward.Yes, Evidence: []azward.Evidence{}}
	vector := azward.Evidence{
		Resource: azward.ResourceID(subject.Finding.Record), Property: "/severity", Value: azward.JSONValue(subject.Finding.Vector),
		Meaning: "attack vector " + p.Vector + ", privileges " + p.Privileges + ", user interaction " + p.Interaction,
		Source:  azward.SourceAdvisory, SHA256: sha256Hex(subject.Record),
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
