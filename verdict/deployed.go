package verdict

import (
	"fmt"
	"slices"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// presenceKey is one image in one container of a workload.
type presenceKey struct {
	container string
	digest    azward.Digest
}

// presence is whether an image runs there.
type presence struct {
	condition azward.Condition
	// dormant says that the answer is No because of a state that changes
	// without a deployment: stopped, no replicas, suspended.
	dormant bool
}

func (d *Decider) presence(s *surroundings, subject Subject) presence {
	key := presenceKey{subject.Container, subject.Digest}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.presence[key]
	if !ok {
		p = d.deployed(subject, s)
		if s.presence == nil {
			s.presence = make(map[presenceKey]presence)
		}
		s.presence[key] = p
	}
	return p
}

// deployed asks whether the image runs in the workload.
func (d *Decider) deployed(subject Subject, s *surroundings) (p presence) {
	c := &p.condition
	*c = azward.Condition{ID: azward.Deployed, Evidence: []azward.Evidence{}}
	if !s.found {
		c.Summary = "the workload is not in the estate"
		c.Gaps = []azward.Gap{{Scope: subject.Workload, Kind: azward.GapNotRead, Reads: "the workload", Error: "it is not in the estate"}}
		return p
	}
	at := slices.IndexFunc(s.workload.Containers, func(k estate.Container) bool { return k.Name == subject.Container })
	if at < 0 {
		c.Answer = azward.No
		c.Summary = fmt.Sprintf("no container %s is in the workload", subject.Container)
		c.Evidence = append(c.Evidence, s.workload.Resource.Evidence("", "the workload as read"))
		return p
	}
	container := s.workload.Containers[at]
	if s.workload.Running == azward.No { // decides whatever image it would run
		c.Answer, c.Evidence = azward.No, append(c.Evidence, s.workload.Evidence...)
		c.Summary = "the workload does not run: " + meaningOf(s.workload.Evidence)
		var other azward.Condition
		runs, _ := d.runsImage(container, subject, &other)
		p.dormant = runs != azward.No
		return p
	}
	c.Evidence = append(c.Evidence, container.Evidence...)
	runs, how := d.runsImage(container, subject, c)
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
	return p
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

func meaningOf(evidence []azward.Evidence) string {
	for _, e := range evidence {
		if e.Meaning != "" {
			return e.Meaning
		}
	}
	return "its state says so"
}
