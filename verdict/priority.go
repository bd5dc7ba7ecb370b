package verdict

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure"
)

// Criticality is what the business thinks of a workload, by its tags or labels.
type Criticality string

// Criticalities. The zero value is that nothing is said.
const (
	CriticalityUnstated Criticality = ""
	CriticalityLow      Criticality = "low"
	CriticalityMedium   Criticality = "medium"
	CriticalityHigh     Criticality = "high"
)

func (c Criticality) rank() int {
	switch c {
	case CriticalityHigh:
		return 3
	case CriticalityLow:
		return 1
	default: // what is not stated counts as medium
		return 2
	}
}

// criticalityTags are the names under which Microsoft's naming guide has it,
// folded.
//
// Source: https://learn.microsoft.com/azure/cloud-adoption-framework/ready/azure-best-practices/resource-tagging#minimum-suggested-tags
var criticalityTags = []string{"criticality", "businesscriticality", "business-criticality", "business_criticality"}

// levels are the words of that guide, and what people write besides.
var levels = map[string]Criticality{
	"mission-critical": CriticalityHigh, "missioncritical": CriticalityHigh, "mission critical": CriticalityHigh, "unit-critical": CriticalityHigh,
	"business-critical": CriticalityHigh, "business critical": CriticalityHigh, "critical": CriticalityHigh, "high": CriticalityHigh, "tier 0": CriticalityHigh, "tier0": CriticalityHigh, "tier 1": CriticalityHigh, "tier1": CriticalityHigh,
	"medium": CriticalityMedium, "standard": CriticalityMedium, "business-operational": CriticalityMedium,
	"low": CriticalityLow, "administrative": CriticalityLow, "unsupported": CriticalityLow,
}

// tagged is the part of a resource that has tags, or labels of Kubernetes.
type tagged struct {
	Tags     map[string]string `json:"tags"`
	Metadata struct {
		Labels map[string]string `json:"labels"`
	} `json:"metadata"`
}

// CriticalityRule says what a tag, or a label of Kubernetes, means.
type CriticalityRule struct {
	Tag   string // as written, without case
	Value string // without case; "*" is any
	Is    Criticality
}

// Stated is the weight that a rule of the user gives, and why.
type Stated struct {
	Is      Criticality `json:"is"`
	Because string      `json:"because"`
}

// StatedBy gives what the first rule says that meets a workload's own tags and
// labels, or else its cluster's; nil where none does.
func StatedBy(rules []CriticalityRule, w estate.Workload) *Stated {
	for _, r := range []*estate.Resource{w.Resource, w.Cluster} {
		if r == nil || len(rules) == 0 {
			continue
		}
		v, err := estate.Decode[tagged](r)
		if err != nil {
			continue
		}
		for _, rule := range rules {
			for _, set := range []map[string]string{v.Tags, v.Metadata.Labels} {
				for _, name := range slices.Sorted(maps.Keys(set)) {
					if strings.EqualFold(name, rule.Tag) && (rule.Value == "*" || strings.EqualFold(set[name], rule.Value)) {
						return &Stated{Is: rule.Is, Because: name + " of " + r.Name + " is " + set[name] + ", by a rule of yours"}
					}
				}
			}
		}
	}
	return nil
}

// criticalityOf reads a workload's own tags, then its cluster's.
func criticalityOf(w estate.Workload) (Criticality, string) {
	for _, r := range []*estate.Resource{w.Resource, w.Cluster} {
		if r == nil {
			continue
		}
		v, err := estate.Decode[tagged](r)
		if err != nil {
			continue
		}
		for _, set := range []map[string]string{v.Tags, v.Metadata.Labels} {
			for _, name := range slices.Sorted(maps.Keys(set)) {
				value := set[name]
				name = strings.ToLower(name[strings.LastIndexByte(name, '/')+1:])
				if level, ok := levels[strings.ToLower(value)]; ok && slices.Contains(criticalityTags, name) {
					return level, name + " of " + r.Name + " is " + value
				}
			}
		}
	}
	return CriticalityUnstated, ""
}

// distance orders source classes: an attacker from farther away is everybody.
func distance(class exposure.Class) int {
	at := slices.Index([]exposure.Class{
		exposure.InternetAny, exposure.InternetRestricted, exposure.AzureAnyTenant, exposure.FrontServiceShared, exposure.Authenticated,
		exposure.PartnerPrivate, exposure.PrivateConnected, exposure.VnetPeered, exposure.VnetLocal, exposure.SameCluster,
	}, class)
	if at < 0 {
		return 99
	}
	return at
}

// Compare puts the verdict that needs hands first first; see
// [azward.Verdict.Order]. Verdicts that are alike go by their names.
func Compare(a, b azward.Verdict) int {
	return cmp.Or(
		cmp.Compare(a.Order(), b.Order()), cmp.Compare(a.Vulnerability, b.Vulnerability),
		cmp.Compare(a.Workload.ID, b.Workload.ID), cmp.Compare(a.ID, b.ID),
	)
}

// priority gathers what the place in the list rests on.
func priority(v azward.Verdict, s *surroundings, stated *Stated) azward.Priority {
	criticality, words := s.criticality, s.criticalityWords
	if stated != nil {
		criticality, words = stated.Is, stated.Because
	}
	p := azward.Priority{Reach: string(s.reach.Class), Distance: distance(s.reach.Class), Criticality: string(criticality), Blast: int(s.radius.Rank)}
	if v.Finding.Malicious { // nobody has to reach it
		p.Reach, p.Distance = "", 0
	}
	if v.Conditions[2].Answer == azward.Yes && p.Reach != "" {
		p.Reasons = append(p.Reasons, "reached from "+p.Reach)
	}
	if v.Finding.Malicious {
		p.Reasons = append(p.Reasons, "the package is malware")
	}
	if v.Finding.KEV {
		p.Reasons = append(p.Reasons, "known to be exploited (CISA KEV)")
	}
	if v.Finding.EPSS > 0 {
		p.Reasons = append(p.Reasons, fmt.Sprintf("EPSS %.1f %%", v.Finding.EPSS*100))
	}
	p.Reasons = append(p.Reasons, string(v.Finding.Severity)+" severity")
	if s.radius.Summary != "" {
		p.Reasons = append(p.Reasons, s.radius.Summary)
	}
	if words != "" {
		p.Reasons = append(p.Reasons, words)
	}
	p.SSVC = Decision(v.Finding.SSVC, criticality)
	return p
}

// decisions is CISA's table: for each of exploitation (none, poc, active),
// automatable (no, yes) and technical impact (partial, total) the decision for
// low, medium and high mission and well-being impact.
//
// Source: CISA Coordinator 2.0.3, https://certcc.github.io/SSVC/reference/decision_tables/cisa/cisa_coordinator/
var decisions = map[[3]string][3]string{
	{"none", "no", "partial"}:    {"track", "track", "track"},
	{"none", "no", "total"}:      {"track", "track", "track*"},
	{"none", "yes", "partial"}:   {"track", "track", "attend"},
	{"none", "yes", "total"}:     {"track", "track", "attend"},
	{"poc", "no", "partial"}:     {"track", "track", "track*"},
	{"poc", "no", "total"}:       {"track", "track*", "attend"},
	{"poc", "yes", "partial"}:    {"track", "track", "attend"},
	{"poc", "yes", "total"}:      {"track", "track*", "attend"},
	{"active", "no", "partial"}:  {"track", "track", "attend"},
	{"active", "no", "total"}:    {"track", "attend", "act"},
	{"active", "yes", "partial"}: {"attend", "attend", "act"},
	{"active", "yes", "total"}:   {"attend", "act", "act"},
}

// Decision is CISA's SSVC decision: "track", "track*", "attend" or "act"; ""
// when CISA has not assessed the vulnerability. The business criticality stands
// for mission and well-being impact, medium where none is stated.
func Decision(s azward.SSVC, c Criticality) string {
	row, ok := decisions[[3]string{s.Exploitation, s.Automatable, s.TechnicalImpact}]
	if !ok {
		return ""
	}
	return row[c.rank()-1]
}
