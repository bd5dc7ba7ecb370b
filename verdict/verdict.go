// Package verdict joins what an image holds, where it runs and who can reach
// it into one answer per workload and vulnerability: exploitable, yes, no or
// unknown, with the facts that decided and what an attacker needs besides.
//
// [Decider.Decide] is the call most readers need. A verdict can be taken away
// as a [Proof], a self-contained document that [Verify] replays without the
// estate. Nothing here does I/O or looks at a clock.
package verdict

import (
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure"
	"github.com/azward/azward/impact"
)

// Subject is one question: is this finding of this package exploitable in this
// workload?
type Subject struct {
	Workload azward.ResourceID `json:"workload"`
	// Container that runs the image, by name.
	Container string `json:"container"`
	// Image that was read: "registry/repository@sha256:…". Digest is its digest.
	Image   string         `json:"image"`
	Digest  azward.Digest  `json:"digest"`
	Package azward.Package `json:"package"`
	Finding azward.Finding `json:"finding"`
	// Record is the advisory record that gave the finding, as the index holds
	// it, so that a proof can be matched again without the index.
	Record json.RawMessage `json:"record"`
	// Denied is a supplier's statement that the package is not affected; nil for
	// none. Nobody verified who made it, so it counts as somebody's word.
	Denied *Denial `json:"denied,omitempty"`
	// Attacker is the nearest place that an attacker may start from, one of
	// exposure's classes from partner-private on: the verdict is about that
	// place and all that are farther away. "" is the internet alone.
	Attacker exposure.Class `json:"attacker,omitempty"`
	// Stated is what the user's own rules say of the workload's weight; nil
	// leaves it to the tags of Microsoft's naming guide.
	Stated *Stated `json:"criticality,omitempty"`
	// Reports are what other scanners say of this vulnerability in this package.
	Reports []Report `json:"reports,omitempty"`
	// Borrowed says that no record of our own tells of it: Finding is that of
	// the first report.
	Borrowed bool `json:"borrowed,omitempty"`
}

// Denial is a statement of a VEX document.
type Denial struct {
	Reason   string `json:"reason"`   // justification, impact, or that it is fixed
	Document string `json:"document"` // the name that it was read by
}

// Decider decides subjects on one estate. It asks about a workload's
// surroundings once, and about what a profile of vulnerabilities needs there
// once, whatever the number of findings. Safe for concurrent use.
type Decider struct {
	Estate *estate.Estate
	// At is the time for which the verdicts hold, usually that of the scan.
	At time.Time

	mu    sync.Mutex
	known map[place]*surroundings
}

// place is a workload as seen from where an attacker starts.
type place struct {
	workload azward.ResourceKey
	attacker exposure.Class
}

// surroundings is what is true of a workload whatever its vulnerabilities: it
// answers every profile.
type surroundings struct {
	once     sync.Once
	workload estate.Workload
	found    bool
	reach    exposure.Exposure
	ladder   []exposure.Rung // for an attacker who starts nearer than the internet
	tracker  *estate.Tracker
	entrance entrance

	criticality      Criticality
	criticalityWords string
	radius           impact.Radius
	mitigations      []azward.Condition

	mu       sync.Mutex
	facts    facts
	presence map[presenceKey]presence
	encoded  map[presenceKey]shared
}

func (d *Decider) surroundings(id azward.ResourceID, attacker exposure.Class) *surroundings {
	at := place{id.Key(), attacker}
	d.mu.Lock()
	if d.known == nil {
		d.known = make(map[place]*surroundings)
	}
	s, ok := d.known[at]
	if !ok {
		s = &surroundings{}
		d.known[at] = s
	}
	d.mu.Unlock()
	s.once.Do(func() {
		tracked, tracker := d.Estate.Tracked()
		s.tracker = tracker
		if s.workload, s.found = tracked.Workload(id); s.found {
			s.reach = exposure.Reach(tracked, s.workload)
			if attacker != "" {
				s.ladder = exposure.Ladder(tracked, s.workload)
			}
			s.criticality, s.criticalityWords = criticalityOf(s.workload)
			s.radius = impact.Of(tracked, s.workload)
			s.mitigations = slices.Concat(onTheWay(s.reach), s.radius.Mitigations)
		}
		s.entrance = entranceOf(id, s, attacker)
	})
	return s
}

// Decide answers one subject. The result depends on the estate, the subject
// and At alone. Conditions and their evidence are shared between the verdicts
// of a workload: readers must not change them.
func (d *Decider) Decide(subject Subject) azward.Verdict {
	s := d.surroundings(subject.Workload, subject.Attacker)
	profile := ProfileOf(subject.Finding)
	v := azward.Verdict{
		ID:            azward.NewVerdictID(subject.Workload, subject.Image, subject.Finding.ID, subject.Package.PURL),
		Vulnerability: subject.Finding.ID,
		Finding:       subject.Finding,
		Workload:      azward.Workload{ID: subject.Workload, Name: subject.Workload.Name()},
		Image:         subject.Image,
		DecidedAt:     d.At.UTC(),
		Profile:       profile.String(),
		Gaps:          []azward.Gap{},
	}
	if s.found {
		v.Workload = s.workload.Workload
	}
	runs := d.presence(s, subject)
	way := s.wayIn(subject.Finding.Malicious)
	needs := slices.Concat(way.needs, profile.needs())
	v.Conditions = []azward.Condition{
		runs.condition, d.affected(subject), way.reachable, prerequisites(subject, profile, needs),
	}
	answers := make([]azward.Answer, 0, len(v.Conditions))
	for _, c := range v.Conditions {
		answers = append(answers, c.Answer)
	}
	v.Exploitable = azward.All(answers...)
	v.Prerequisites = needs
	v.Mitigations, v.Impact = s.mitigations, s.radius.Consequences
	v.Opinions = opinions(subject)
	v.Result = resultOf(v.Conditions[1].Answer, runs, way.reachable.Answer, len(needs) > 0)
	v.Summary = summarise(v)
	v.Confidence, v.Basis = confidence(v)
	v.Priority = priority(v, s, subject.Stated)
	if v.Exploitable == azward.Unknown {
		for _, c := range v.Conditions {
			for _, g := range c.Gaps {
				if c.Answer == azward.Unknown && !slices.Contains(v.Gaps, g) {
					v.Gaps = append(v.Gaps, g)
				}
			}
		}
	}
	return v
}

// resultOf sorts a verdict. It is dormant when the workload's state alone
// blocks it: where something else blocks too, a start would change nothing.
func resultOf(affected azward.Answer, runs presence, reachable azward.Answer, needs bool) azward.Result {
	switch azward.All(runs.condition.Answer, affected, reachable) {
	case azward.Yes:
		if needs {
			return azward.Conditional
		}
		return azward.Exploitable
	case azward.No:
		if runs.dormant && affected != azward.No && reachable != azward.No {
			return azward.Dormant
		}
		return azward.NotExploitable
	default:
		return azward.Undecided
	}
}

// After carries over what an earlier decider found of workloads that look the
// same on this estate, so that only the others are asked about again. It
// returns how many were kept, and how many have to be decided anew.
func (d *Decider) After(earlier *Decider) (kept, anew int) {
	earlier.mu.Lock()
	known := maps.Clone(earlier.known)
	earlier.mu.Unlock()
	for key, s := range known {
		if !s.tracker.Holds(d.Estate) {
			anew++
			continue
		}
		same := &surroundings{
			workload: s.workload, found: s.found, reach: s.reach, ladder: s.ladder, tracker: s.tracker, entrance: s.entrance,
			criticality: s.criticality, criticalityWords: s.criticalityWords, radius: s.radius, mitigations: s.mitigations,
		}
		same.once.Do(func() {}) // it is known already
		d.mu.Lock()
		if d.known == nil {
			d.known = make(map[place]*surroundings)
		}
		d.known[key] = same
		d.mu.Unlock()
		kept++
	}
	return kept, anew
}
