package verdict

import (
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// presenceKey is one image in one container of a workload.
type presenceKey struct {
	container string
	digest    azward.Digest
	// malicious: malware runs in an init container too.
	malicious bool
}

func presenceKeyOf(subject Subject) presenceKey {
	return presenceKey{subject.Container, subject.Digest, subject.Finding.Malicious}
}

// presence is whether an image runs there.
type presence struct {
	condition azward.Condition
	// dormant says that the answer is No because of a state that changes
	// without a deployment: stopped, no replicas, suspended.
	dormant bool
}

func (d *Decider) presence(s *surroundings, subject Subject) presence {
	key := presenceKeyOf(subject)
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
	if subject.onMachine() {
		return s.runsMachine()
	}
	containers := s.named(subject.Container)
	if len(containers) == 0 {
		c.Summary = fmt.Sprintf("no container %s is in the workload", subject.Container)
		if c.Gaps = s.workload.Gaps; len(c.Gaps) == 0 {
			c.Answer = azward.No
			c.Evidence = append(c.Evidence, s.workload.Resource.Evidence("", "the workload as read"))
		}
		return p
	}
	if s.workload.Running == azward.No { // decides whatever image it would run
		c.Answer, c.Evidence = azward.No, append(c.Evidence, s.workload.Evidence...)
		c.Summary = "the workload does not run: " + meaningOf(s.workload.Evidence)
		var other azward.Condition
		runs, _ := d.runsImage(s, containers, subject, &other)
		p.dormant = runs != azward.No && !s.ended()
		return p
	}
	runs, how := d.runsImage(s, containers, subject, c)
	c.Answer = azward.All(runs, s.workload.Running)
	c.Evidence = append(c.Evidence, s.workload.Evidence...)
	what := "container " + subject.Container
	if subject.Container == "" {
		what = "the machine"
	}
	switch {
	case runs == azward.No && how != "":
		c.Summary = what + how
	case runs == azward.No:
		c.Summary = what + " runs another digest"
	case runs == azward.Unknown:
		c.Summary = fmt.Sprintf("which digest %s runs is not known", what)
	case s.workload.Running == azward.Unknown:
		c.Summary = "whether the workload runs is not known"
		c.Gaps = append(c.Gaps, s.workload.Gaps...)
	default:
		c.Summary = what + " runs this image" + how
	}
	return p
}

// runsMachine asks whether the machine runs that a report is about.
func (s *surroundings) runsMachine() (p presence) {
	p.condition = azward.Condition{ID: azward.Deployed, Answer: s.workload.Running, Evidence: slices.Clone(s.workload.Evidence)}
	if len(p.condition.Evidence) == 0 {
		p.condition.Evidence = []azward.Evidence{s.workload.Resource.Evidence("/id", "the machine as read")}
	}
	switch s.workload.Running {
	case azward.Yes:
		p.condition.Summary = "the machine runs"
	case azward.No:
		p.condition.Summary = "the workload does not run: " + meaningOf(s.workload.Evidence)
		p.dormant = true
	default:
		p.condition.Summary = "whether the machine runs is not known"
		p.condition.Gaps = slices.Clone(s.workload.Gaps)
	}
	return p
}

// named are the containers of a name: several while a rollout is under way. A
// machine, whose packages an inventory of its disk tells, counts as one
// without a name, whose image goes by the machine's ID.
func (s *surroundings) named(name string) []estate.Container {
	var found []estate.Container
	for _, c := range s.workload.Containers {
		if c.Name == name {
			found = append(found, c)
		}
	}
	if name == "" && len(s.workload.Containers) == 0 {
		found = append(found, estate.Container{
			Image: string(s.workload.ID), Evidence: []azward.Evidence{s.workload.Resource.Evidence("/id", "the machine that was taken stock of")},
		})
	}
	return found
}

// runsImage asks whether any of the containers runs the image that was read. No
// needs every container to be known.
func (d *Decider) runsImage(s *surroundings, containers []estate.Container, subject Subject, c *azward.Condition) (runs azward.Answer, how string) {
	var answers []azward.Answer
	var gaps []azward.Gap
	for _, container := range containers {
		c.Evidence = append(c.Evidence, container.Evidence...)
		answer, words, missing := d.containerRuns(s, container, subject, c)
		if answer == azward.Yes {
			if !container.Init || s.onHostNetwork() || subject.Finding.Malicious {
				return azward.Yes, words
			}
			c.Evidence = append(c.Evidence, azward.Evidence{
				Resource: "https://kubernetes.io/docs/concepts/workloads/pods/init-containers/", Property: "init", Value: azward.JSONValue(container.Name),
				Meaning: "an init container ends before the others start, and no Service leads to its ports", Source: azward.SourceDocumented,
			})
			answer, how = azward.No, " is an init container: it has ended when the workload serves"
		}
		answers, gaps = append(answers, answer), append(gaps, missing...)
	}
	runs = azward.Any(answers...)
	if runs == azward.No && len(s.workload.Gaps) > 0 { // it may run in what was not read
		runs, gaps = azward.Unknown, s.workload.Gaps
	}
	if runs == azward.Unknown {
		c.Gaps = append(c.Gaps, gaps...)
	}
	return runs, how
}

// onHostNetwork says that the pods have their nodes' addresses, which their
// init containers may listen on.
func (s *surroundings) onHostNetwork() bool {
	for _, pointer := range []string{"/spec/template/spec/hostNetwork", "/spec/hostNetwork", "/spec/jobTemplate/spec/template/spec/hostNetwork"} {
		if v, ok := s.workload.Resource.At(pointer); ok && string(v) == "true" {
			return true
		}
	}
	return false
}

// containerRuns compares what a container runs with the image that was read. A
// digest of the running container decides; where only the tag is known, the
// registry's answer for that tag does, and weighs less.
func (d *Decider) containerRuns(s *surroundings, container estate.Container, subject Subject, c *azward.Condition) (runs azward.Answer, how string, missing []azward.Gap) {
	var rec *imageRecord
	if image, ok := d.Estate.Image(subject.Digest); ok {
		if decoded, err := estate.Decode[imageRecord](image); err == nil {
			rec = decoded
		}
	}
	if container.Digest != "" {
		// The runtime may name the index that holds the platform's manifest.
		if container.Digest == subject.Digest || rec != nil && rec.names(string(container.Digest)) {
			return azward.Yes, "", nil
		}
		return azward.No, "", nil
	}
	if missing = s.unreadPods(); rec != nil && len(missing) == 0 {
		for _, ref := range rec.References {
			if ref.Reference != container.Image {
				continue
			}
			e := azward.Evidence{
				Resource: azward.ResourceID(ref.Reference), Property: "digest", Value: azward.JSONValue(subject.Digest),
				Meaning: "the tag names this digest", Source: azward.SourceRegistry, ReadAt: ref.ResolvedAt,
			}
			how = " (by its tag; the running instance may hold an earlier digest of it)"
			if container.Name == "" {
				e.Meaning, how = "the inventory of the machine's disk", " (by the inventory of its disk)"
			}
			c.Evidence = append(c.Evidence, e)
			return azward.Yes, how, nil
		}
	}
	return azward.Unknown, "", append(missing, azward.Gap{
		Scope: subject.Workload, Kind: azward.GapNotRead, Reads: "the digest of " + container.Image,
		Needs: "the registry's answer for this tag", Error: "only a tag is known, and it was not resolved",
	})
}

// unreadPods are what keeps the pods of a workload in a cluster from being
// known: a pod tells its digest, which its tag's digest of today may not be.
func (s *surroundings) unreadPods() []azward.Gap {
	if s.workload.Resource.Cluster == "" {
		return nil
	}
	return slices.Clone(s.workload.Gaps)
}

// ended says that the workload has run to its end and nothing starts it again:
// a Job that is complete or has failed, a pod of its own in a final phase.
//
// Source: https://kubernetes.io/docs/concepts/workloads/controllers/job/#terminal-job-conditions
func (s *surroundings) ended() bool {
	final := map[azward.WorkloadKind]string{azward.Job: "/status/conditions/", azward.Pod: "/status/phase"}[s.workload.Kind]
	return final != "" && slices.ContainsFunc(s.workload.Evidence, func(e azward.Evidence) bool {
		return e.Resource.Equal(s.workload.ID) && strings.HasPrefix(e.Property, final)
	})
}

func meaningOf(evidence []azward.Evidence) string {
	for _, e := range evidence {
		if e.Meaning != "" {
			return e.Meaning
		}
	}
	return "its state says so"
}
