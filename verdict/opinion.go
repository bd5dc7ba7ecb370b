package verdict

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
)

// Report is what another scanner says of a subject.
type Report struct {
	Scanner string    `json:"scanner"` // name and version
	Report  string    `json:"report"`  // the file
	At      time.Time `json:"at,omitzero"`
	// By is what joined the report to the workload; see [azward.Opinion].
	By      string         `json:"by"`
	Finding azward.Finding `json:"finding"`
	// Record is the entry of the report, from which a [Matcher] gives the
	// finding again.
	Record json.RawMessage `json:"record"`
	// Doubt says what of the image as azward read it speaks against the entry:
	// that it holds another version; "" for nothing.
	Doubt string `json:"doubt,omitempty"`
}

// ByTag joins a report to a workload by the image's name alone.
const ByTag = "tag"

func (r *Report) evidence() azward.Evidence {
	return azward.Evidence{
		Resource: azward.ResourceID(r.Finding.Record), Property: "/entry", Value: azward.JSONValue(r.Finding.Range),
		Meaning: "what the scanner says", Source: azward.SourceScanner, ReadAt: r.At, SHA256: sha256Hex(r.Record),
	}
}

// answer is what the report is worth: one in doubt tells nothing.
func (r *Report) answer() azward.Answer {
	if r.Doubt != "" {
		return azward.Unknown
	}
	return r.Finding.Affected
}

// onMachine says that a report is about a machine itself, not about an image.
func (s *Subject) onMachine() bool { return s.Container == "" && s.Digest == "" && s.Image == "" }

// borrowed asks whether the package is affected where other scanners alone say
// so. Their word counts and weighs less; where they do not agree, nothing
// follows.
func (d *Decider) borrowed(subject Subject) azward.Condition {
	c := azward.Condition{ID: azward.Affected, Evidence: []azward.Evidence{}}
	if d.holds(subject) {
		c.Evidence = append(c.Evidence, d.packageEvidence(subject))
	}
	name := strings.TrimSpace(subject.Package.Name + " " + subject.Package.Version)
	var yes, no, doubts []string
	byTag := true
	for _, r := range subject.Reports {
		c.Evidence = append(c.Evidence, r.evidence())
		byTag = byTag && r.By == ByTag
		switch r.answer() {
		case azward.Yes:
			yes = append(yes, r.Scanner)
		case azward.No:
			no = append(no, r.Scanner)
		default:
			doubts = append(doubts, firstText(r.Doubt, r.Finding.Range))
		}
	}
	if byTag {
		c.Evidence = append(c.Evidence, azward.Evidence{
			Resource: azward.ResourceID(subject.Image), Property: "tag", Value: azward.JSONValue(true),
			Meaning: "the report names the image by its tag alone", Source: azward.SourceUser,
		})
	}
	switch {
	case !subject.onMachine() && hostKernel(subject.Package):
		onHostKernel(&c, subject.Package)
	case len(yes) > 0 && len(no) > 0:
		c.Summary = fmt.Sprintf("%s says that %s is affected, %s that it is not", namesOf(yes), name, namesOf(no))
	case len(yes) > 0:
		c.Answer = azward.Yes
		c.Summary = fmt.Sprintf("%s is affected, by the word of %s alone", name, namesOf(yes))
	case len(no) > 0:
		c.Answer = azward.No
		c.Summary = fmt.Sprintf("%s is not affected, by the word of %s alone", name, namesOf(no))
	default:
		c.Summary = fmt.Sprintf("whether %s is affected is in doubt: %s", name, namesOf(doubts))
	}
	if c.Answer == azward.Unknown {
		c.Gaps = []azward.Gap{{
			Scope: azward.ResourceID(subject.Image), Kind: azward.GapUnparsed, Reads: "whether " + name + " is affected by " + subject.Finding.ID,
			Needs: "an advisory record of azward's own index", Error: c.Summary, Remedy: "azward advisory update",
		}}
		if subject.Image == "" {
			c.Gaps[0].Scope = subject.Workload
		}
	}
	return c
}

// holds says whether the image record has the package.
func (d *Decider) holds(subject Subject) bool {
	image, ok := d.Estate.Image(subject.Digest)
	if !ok {
		return false
	}
	_, ok = reduced(image, subject.Package)
	return ok
}

// namesOf lists names, each once.
func namesOf(names []string) string {
	seen := slices.Compact(slices.Sorted(slices.Values(names)))
	return strings.Join(seen, " and ")
}

func firstText(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// opinions shows each report beside the verdict, with what it says otherwise
// than the record that decided, or than the reports before it.
func opinions(subject Subject) []azward.Opinion {
	var all []azward.Opinion
	for i, r := range subject.Reports {
		o := azward.Opinion{
			Scanner: r.Scanner, Report: r.Report, By: r.By, Affected: r.Finding.Affected, Severity: r.Finding.Severity,
			FixedIn: r.Finding.FixedIn, Evidence: r.evidence(),
		}
		if o.FixedIn == nil {
			o.FixedIn = []string{}
		}
		var says []string
		if !subject.Borrowed {
			says = differences(r.Finding, subject.Finding, "record "+subject.Finding.Record)
		}
		for _, other := range subject.Reports[:i] {
			says = append(says, differences(r.Finding, other.Finding, other.Scanner)...)
		}
		if r.Doubt != "" {
			says = append(says, r.Doubt)
		}
		o.Differs = strings.Join(slices.Compact(says), "; ")
		all = append(all, o)
	}
	return all
}

// differences between what a scanner and another source say.
func differences(f, other azward.Finding, source string) []string {
	var says []string
	if f.Affected != other.Affected {
		says = append(says, fmt.Sprintf("it says %s, %s says %s", affectedWord(f.Affected), source, affectedWord(other.Affected)))
	}
	if f.Affected == azward.Yes && other.Affected == azward.Yes {
		both := slices.ContainsFunc(f.FixedIn, func(v string) bool { return slices.Contains(other.FixedIn, v) })
		switch {
		case both:
		case len(f.FixedIn) > 0 && len(other.FixedIn) > 0:
			says = append(says, fmt.Sprintf("it names %s as fixed, %s %s", strings.Join(f.FixedIn, ", "), source, strings.Join(other.FixedIn, ", ")))
		case len(f.FixedIn) > 0:
			says = append(says, fmt.Sprintf("it names %s as fixed, %s names none", strings.Join(f.FixedIn, ", "), source))
		case len(other.FixedIn) > 0 && (f.FixState == azward.NotFixed || f.FixState == azward.WillNotFix):
			says = append(says, fmt.Sprintf("it says that no fix is published, %s names %s", source, strings.Join(other.FixedIn, ", ")))
		}
	}
	return says
}

func affectedWord(a azward.Answer) string {
	switch a {
	case azward.Yes:
		return "affected"
	case azward.No:
		return "not affected"
	default:
		return "nothing sure"
	}
}
