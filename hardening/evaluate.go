package hardening

import (
	"slices"
	"time"

	"github.com/azward/azward"
)

// Subject is an image as it is judged.
type Subject struct {
	// Scope names the image in evidence: "registry/repository@digest".
	Scope azward.ResourceID
	// Facts are nil when nothing was read: then most is unknown.
	Facts   *Facts
	Secrets []Secret
	User    string   // as the configuration has it; "" is root
	Ports   []string // "8080/tcp"
	Layers  []Layer
	Created time.Time // zero when the configuration does not say
	// Base that the image was built on; "" when it is not known.
	Base string
	// Release of the distribution, "Debian 12", and whether it has ended at At.
	// EndOfLife is the day, where it is known.
	Release   string
	Ended     azward.Answer
	EndOfLife time.Time
	// Attached is what refers to the image. AskedAttached says that the registry
	// was asked: otherwise it is unknown.
	Attached      []string
	AskedAttached bool
	At            time.Time
}

// Layer is a layer with its build step.
type Layer struct {
	Digest    azward.Digest
	CreatedBy string // redacted; "" when the history does not tell
}

// Report is the answer to each control.
type Report struct {
	Profile string   `json:"profile"`
	Version string   `json:"version"`
	Counts  Counts   `json:"counts"`
	Results []Result `json:"results"` // in the profile's order
}

// Counts of controls. Informational ones are counted apart when they are not met.
type Counts struct {
	Pass    int `json:"pass"`
	Fail    int `json:"fail"`
	Unknown int `json:"unknown"`
	Info    int `json:"informational"`
}

// Result is the answer to one control: Met is Yes when the image does as the
// title says.
type Result struct {
	Control
	Met      azward.Answer     `json:"met"`
	Reason   string            `json:"reason"` // in a clause
	Evidence []azward.Evidence `json:"evidence"`
}

// Failed says that the control is not met, and counts.
func (r Result) Failed() bool { return r.Met == azward.No && !r.Informational }

// judgement is what a control finds.
type judgement struct {
	met      azward.Answer
	reason   string
	evidence []azward.Evidence
}

// Evaluate judges an image by the profile. The same subject gives the same report.
func Evaluate(s Subject) Report {
	r := Report{Profile: Profile, Version: Version}
	for _, c := range Controls() {
		j := c.judge(&s)
		if j.evidence == nil {
			j.evidence = []azward.Evidence{}
		}
		r.Results = append(r.Results, Result{Control: c, Met: j.met, Reason: j.reason, Evidence: j.evidence})
		switch {
		case j.met == azward.Yes:
			r.Counts.Pass++
		case c.Informational:
			r.Counts.Info++
		case j.met == azward.No:
			r.Counts.Fail++
		default:
			r.Counts.Unknown++
		}
	}
	return r
}

// Failed gives the results that failed, the more severe first.
func (r Report) Failed() []Result {
	list := slices.DeleteFunc(slices.Clone(r.Results), func(x Result) bool { return !x.Failed() })
	slices.SortStableFunc(list, func(a, b Result) int { return b.Severity.Rank() - a.Severity.Rank() })
	return list
}

// Open gives the results that are unknown, informational ones left out.
func (r Report) Open() []Result {
	return slices.DeleteFunc(slices.Clone(r.Results), func(x Result) bool { return x.Met != azward.Unknown || x.Informational })
}

// fact makes evidence of something in the image.
func (s *Subject) fact(property string, value any, meaning string) azward.Evidence {
	return azward.Evidence{
		Resource: s.Scope, Property: property, Value: azward.JSONValue(value), Meaning: meaning, Source: azward.SourceImage,
	}
}

// unknown is the answer without facts.
func unknown(reason string) judgement { return judgement{met: azward.Unknown, reason: reason} }

const notRead = "the image was read by a version that did not look, or it has no configuration: scan it again"

// absent is the answer when nothing was found in layers: Yes only when all of
// them were read.
func (s *Subject) absent(what string) judgement {
	switch {
	case s.Facts == nil:
		return unknown(notRead)
	case s.Facts.Unread > 0:
		return unknown("not every layer could be read")
	}
	return judgement{azward.Yes, "none in any layer", []azward.Evidence{s.fact("/layers", len(s.Layers), what+": none in the layers, all of which were read")}}
}
