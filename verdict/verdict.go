// Package verdict joins what an image holds, where it runs and who can reach
// it into one answer per workload and vulnerability: exploitable from the
// internet, yes, no or unknown, with the facts that decided.
//
// [Decider.Decide] is the call most readers need. A verdict can be taken away
// as a [Proof], a self-contained document that [Verify] replays without the
// estate. Nothing here does I/O or looks at a clock.
package verdict

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure"
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
}

// Decider decides subjects on one estate. It asks about a workload's
// surroundings once, whatever the number of its findings. Safe for concurrent
// use.
type Decider struct {
	Estate *estate.Estate
	// At is the time for which the verdicts hold, usually that of the scan.
	At time.Time

	mu    sync.Mutex
	known map[azward.ResourceKey]*surroundings
}

// surroundings is what is true of a workload whatever its vulnerabilities: it
// answers every attack profile.
type surroundings struct {
	once     sync.Once
	workload estate.Workload
	found    bool
	reach    exposure.Exposure
	tracker  *estate.Tracker
}

func (d *Decider) surroundings(id azward.ResourceID) *surroundings {
	d.mu.Lock()
	if d.known == nil {
		d.known = make(map[azward.ResourceKey]*surroundings)
	}
	s, ok := d.known[id.Key()]
	if !ok {
		s = &surroundings{}
		d.known[id.Key()] = s
	}
	d.mu.Unlock()
	s.once.Do(func() {
		tracked, tracker := d.Estate.Tracked()
		s.tracker = tracker
		if s.workload, s.found = tracked.Workload(id); s.found {
			s.reach = exposure.Reach(tracked, s.workload)
		}
	})
	return s
}

// Decide answers one subject. The result depends on the estate, the subject
// and At alone.
func (d *Decider) Decide(subject Subject) azward.Verdict {
	s := d.surroundings(subject.Workload)
	v := azward.Verdict{
		ID:            azward.NewVerdictID(subject.Workload, subject.Image, subject.Finding.ID, subject.Package.PURL),
		Vulnerability: subject.Finding.ID,
		Finding:       subject.Finding,
		Workload:      azward.Workload{ID: subject.Workload, Name: subject.Workload.Name()},
		Image:         subject.Image,
		DecidedAt:     d.At.UTC(),
		Gaps:          []azward.Gap{},
	}
	if s.found {
		v.Workload = s.workload.Workload
	}
	v.Conditions = []azward.Condition{
		d.deployed(subject, s),
		d.affected(subject),
		reachable(subject, s),
	}
	answers := make([]azward.Answer, 0, len(v.Conditions))
	for _, c := range v.Conditions {
		answers = append(answers, c.Answer)
	}
	v.Exploitable = azward.All(answers...)
	v.Summary = summarise(v)
	v.Confidence = confidence(v)
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

// deployed asks whether the image runs in the workload.
func (d *Decider) deployed(subject Subject, s *surroundings) azward.Condition {
	c := azward.Condition{ID: azward.Deployed, Evidence: []azward.Evidence{}}
	if !s.found {
		c.Summary = "the workload is not in the estate"
		c.Gaps = []azward.Gap{{Scope: subject.Workload, Kind: azward.GapNotRead, Reads: "the workload", Error: "it is not in the estate"}}
		return c
	}
	at := slices.IndexFunc(s.workload.Containers, func(k estate.Container) bool { return k.Name == subject.Container })
	if at < 0 {
		c.Answer = azward.No
		c.Summary = fmt.Sprintf("no container %s is in the workload", subject.Container)
		c.Evidence = append(c.Evidence, s.workload.Resource.Evidence("", "the workload as read"))
		return c
	}
	if s.workload.Running == azward.No { // decides whatever image it would run
		c.Answer, c.Evidence = azward.No, append(c.Evidence, s.workload.Evidence...)
		c.Summary = "the workload does not run: " + meaningOf(s.workload.Evidence)
		return c
	}
	container := s.workload.Containers[at]
	c.Evidence = append(c.Evidence, container.Evidence...)
	runs, how := d.runsImage(container, subject, &c)
	c.Answer = azward.All(runs, s.workload.Running)
	c.Evidence = append(c.Evidence, s.workload.Evidence...)
	switch {
	case runs == azward.No:
		c.Summary = fmt.Sprintf("container %s runs another digest", container.Name)
	case runs == azward.Unknown:
		c.Summary = fmt.Sprintf("which digest container %s runs is not known", container.Name)
	case s.workload.Running == azward.Unknown:
		c.Summary = "whether the workload runs is not known"
		c.Gaps = append(c.Gaps, s.workload.Gaps...)
	default:
		c.Summary = fmt.Sprintf("container %s runs this image%s", container.Name, how)
	}
	return c
}

// runsImage compares what the container runs with the image that was read. A
// digest of the running container decides; where only the tag is known, the
// registry's answer for that tag does, and weighs less.
func (d *Decider) runsImage(container estate.Container, subject Subject, c *azward.Condition) (runs azward.Answer, how string) {
	if container.Digest != "" {
		if container.Digest == subject.Digest {
			return azward.Yes, ""
		}
		// The runtime may name the index that holds the platform's manifest.
		if image, ok := d.Estate.Image(subject.Digest); ok {
			if rec, err := estate.Decode[imageRecord](image); err == nil && rec.names(string(container.Digest)) {
				return azward.Yes, ""
			}
		}
		return azward.No, ""
	}
	if image, ok := d.Estate.Image(subject.Digest); ok {
		if rec, err := estate.Decode[imageRecord](image); err == nil {
			for _, ref := range rec.References {
				if ref.Reference == container.Image {
					c.Evidence = append(c.Evidence, azward.Evidence{
						Resource: azward.ResourceID(ref.Reference), Property: "digest", Value: azward.JSONValue(subject.Digest),
						Meaning: "the tag names this digest", Source: azward.SourceRegistry, ReadAt: ref.ResolvedAt,
					})
					return azward.Yes, " (by its tag; the running instance may hold an earlier digest of it)"
				}
			}
		}
	}
	c.Gaps = append(c.Gaps, azward.Gap{
		Scope: subject.Workload, Kind: azward.GapNotRead, Reads: "the digest of " + container.Image,
		Needs: "the registry's answer for this tag", Error: "only a tag is known, and it was not resolved",
	})
	return azward.Unknown, ""
}

// affected asks whether the package's version is in an affected range.
func (d *Decider) affected(subject Subject) azward.Condition {
	f := subject.Finding
	c := azward.Condition{ID: azward.Affected, Answer: f.Affected, Evidence: []azward.Evidence{d.packageEvidence(subject), {
		Resource: azward.ResourceID(f.Record), Property: "/affected", Value: azward.JSONValue(f.Range),
		Meaning: "the affected range that decided", Source: azward.SourceAdvisory, SHA256: sha256Hex(subject.Record),
	}}}
	switch f.Affected {
	case azward.Yes:
		c.Summary = fmt.Sprintf("%s %s is affected: %s", subject.Package.Name, subject.Package.Version, f.Range)
	case azward.No:
		c.Summary = fmt.Sprintf("%s %s is not affected: %s", subject.Package.Name, subject.Package.Version, f.Range)
	default:
		c.Summary = fmt.Sprintf("whether %s %s is affected could not be decided: %s", subject.Package.Name, subject.Package.Version, f.Range)
		c.Gaps = []azward.Gap{{
			Scope: azward.ResourceID(f.Record), Kind: azward.GapUnparsed, Reads: "the order of version " + subject.Package.Version, Error: f.Range,
		}}
	}
	return c
}

// reachable asks whether an attacker on the internet can send the workload
// packets, and weighs that against the access the vulnerability asks for
// (CVSS attack vector). No path at all is No for every vector, since any use
// of the vulnerability then needs a foothold first; a path is Yes only for a
// vulnerability that is attacked over the network.
func reachable(subject Subject, s *surroundings) azward.Condition {
	c := azward.Condition{ID: azward.Reachable, Evidence: []azward.Evidence{}}
	if !s.found {
		c.Summary = "the workload is not in the estate"
		c.Gaps = []azward.Gap{{Scope: subject.Workload, Kind: azward.GapNotRead, Reads: "the workload", Error: "it is not in the estate"}}
		return c
	}
	c.Answer, c.Summary = s.reach.Answer, s.reach.Summary
	c.Evidence = append(c.Evidence, s.reach.Evidence...)
	c.Gaps = append(c.Gaps, s.reach.Gaps...)
	if s.reach.Answer != azward.Yes {
		return c
	}
	if s.reach.Class == exposure.Authenticated {
		c.Answer = azward.Unknown
		c.Summary = s.reach.Summary + ", behind a sign-in that azward does not see through"
		c.Gaps = append(c.Gaps, azward.Gap{
			Scope: subject.Workload, Kind: azward.GapUnsupported, Reads: "who may sign in",
			Error: "an identity proxy stands in front; who passes it is not modelled",
		})
		return c
	}
	vector := attackVector(subject.Finding.Vector)
	if vector != "" {
		c.Evidence = append(c.Evidence, azward.Evidence{
			Resource: azward.ResourceID(subject.Finding.Record), Property: "/severity", Value: azward.JSONValue(subject.Finding.Vector),
			Meaning: "asks for " + vector + " access", Source: azward.SourceAdvisory, SHA256: sha256Hex(subject.Record),
		})
	}
	if vector == "adjacent" || vector == "local" || vector == "physical" {
		c.Answer = azward.Unknown
		c.Summary = fmt.Sprintf("%s, but the vulnerability asks for %s access", s.reach.Summary, vector)
		c.Gaps = append(c.Gaps, azward.Gap{
			Scope: subject.Workload, Kind: azward.GapUnsupported, Reads: vector + " access",
			Error: "whether an attacker who reaches the workload gains " + vector + " access is not modelled",
		})
	}
	return c
}

// attackVector reads AV of a CVSS v3 or v4 vector: "network", "adjacent",
// "local" or "physical"; "" when it states none, and the network is assumed.
func attackVector(vector string) string {
	for metric := range strings.SplitSeq(vector, "/") {
		switch metric {
		case "AV:N":
			return "network"
		case "AV:A":
			return "adjacent"
		case "AV:L":
			return "local"
		case "AV:P":
			return "physical"
		}
	}
	return ""
}

// summarise writes the sentence of a verdict from its deciding conditions.
func summarise(v azward.Verdict) string {
	var parts []string
	switch v.Exploitable {
	case azward.Yes:
		for _, c := range []int{2, 0, 1} { // the way in first: that is what a reader can change
			parts = append(parts, v.Conditions[c].Summary)
		}
		return "exploitable: " + strings.Join(parts, "; ")
	case azward.No:
		for _, c := range v.Conditions {
			if c.Answer == azward.No {
				parts = append(parts, c.Summary)
			}
		}
		return "not exploitable: " + strings.Join(parts, "; ")
	default:
		for _, c := range v.Conditions {
			if c.Answer == azward.Unknown {
				parts = append(parts, c.Summary)
			}
		}
		return "unknown: " + strings.Join(parts, "; ")
	}
}

// confidence is the weakest evidence grade on the deciding chain. For No one
// condition is enough, so its strongest counts.
func confidence(v azward.Verdict) azward.Confidence {
	grade := 0
	switch v.Exploitable {
	case azward.Yes:
		grade = 3
		for _, c := range v.Conditions {
			grade = min(grade, weakest(c))
		}
	case azward.No:
		for _, c := range v.Conditions {
			if c.Answer == azward.No {
				grade = max(grade, weakest(c))
			}
		}
	default:
		return azward.ConfidenceNone
	}
	switch grade {
	case 3:
		return azward.ConfidenceHigh
	case 2:
		return azward.ConfidenceMedium
	default:
		return azward.ConfidenceLow
	}
}

// weakest grade of a condition's evidence; a condition without any is on
// nobody's word.
func weakest(c azward.Condition) int {
	if len(c.Evidence) == 0 {
		return 0
	}
	grade := 3
	for _, e := range c.Evidence {
		grade = min(grade, e.Grade())
	}
	return grade
}

func meaningOf(evidence []azward.Evidence) string {
	for _, e := range evidence {
		if e.Meaning != "" {
			return e.Meaning
		}
	}
	return "its state says so"
}
