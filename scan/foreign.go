package scan

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/foreign"
	"github.com/azward/azward/verdict"
)

// Limits of what reports bring.
const (
	// maxBrought bounds memory: a subject with its report takes about 2 kB.
	maxBrought = 2_000_000
	// maxOpinions of one subject: more scanners than anybody runs.
	maxOpinions = 32
	// maxReasons is the number of targets that are told apart of what could
	// not be matched; the others are counted together.
	maxReasons = 1_000
)

// Brought is what became of a report.
type Brought struct {
	Report  string         `json:"report"`
	Format  foreign.Format `json:"format"`
	Scanner string         `json:"scanner"`
	// Findings that the report has, and how many of them are about something
	// that runs.
	Findings int `json:"findings"`
	Matched  int `json:"matched"`
	// Denied are findings that the scanner itself takes back, of what runs.
	Denied int `json:"denied,omitempty"`
	// Joined counts the verdicts that azward's own records give, too; Alone
	// those that rest on reports alone.
	Joined int `json:"joined"`
	Alone  int `json:"alone"`
	// Differ counts the verdicts on which the report disagrees with azward's
	// record or with another report.
	Differ    int         `json:"differ"`
	Unmatched []Unmatched `json:"unmatched"`
}

// Unmatched counts findings that could not be matched, for one reason.
type Unmatched struct {
	Why    string `json:"why"`
	Target string `json:"target,omitempty"` // what was scanned; "" for several
	Count  int    `json:"count"`
}

func (b *Brought) unmatched(why, target string) {
	const shown = 300
	target = fmt.Sprintf("%.*s", shown, target)
	find := func(target string) int {
		return slices.IndexFunc(b.Unmatched, func(u Unmatched) bool { return u.Why == why && u.Target == target })
	}
	at := find(target)
	if at < 0 && len(b.Unmatched) >= maxReasons {
		if at = find(""); at < 0 && len(b.Unmatched) >= 2*maxReasons {
			why = "for one of many other reasons"
			at = find("")
		}
		target = ""
	}
	if at < 0 {
		b.Unmatched, at = append(b.Unmatched, Unmatched{Why: why, Target: target}), len(b.Unmatched)
	}
	b.Unmatched[at].Count++
}

// differ counts the verdicts on which each report disagrees.
func (r *Result) differ() {
	for i := range r.Brought {
		for _, v := range r.Verdicts {
			if slices.ContainsFunc(v.Opinions, func(o azward.Opinion) bool { return o.Report == r.Brought[i].Report && o.Differs != "" }) {
				r.Brought[i].Differ++
			}
		}
	}
}

// spot is one package of one container.
type spot struct {
	workload  azward.ResourceKey
	container string
	purl      string
}

func spotOf(s verdict.Subject) spot { return spot{s.Workload.Key(), s.Container, s.Package.PURL} }

// bringing joins reports to the subjects of a scan.
type bringing struct {
	scan   *Scan
	result *Result
	places *foreign.Places
	at     map[spot][]int // subjects of a package, by their index
	denied map[string][]verdict.Report
	added  int
}

// bring reads the reports and joins what they find to what runs.
func (s *Scan) bring(ctx context.Context, r *Result, images *imageSet) error {
	b := &bringing{scan: s, result: r, at: map[spot][]int{}, denied: map[string][]verdict.Report{}}
	for i, subject := range r.Subjects {
		b.at[spotOf(subject)] = append(b.at[spotOf(subject)], i)
	}
	b.places = foreign.NewPlaces(placesOf(r.Estate, images))
	for n, report := range s.Reports {
		r.Brought = append(r.Brought, Brought{Report: report.Name, Format: report.Format, Scanner: report.Scanner, Unmatched: []Unmatched{}})
		if err := b.report(ctx, n, report); err != nil {
			return err
		}
	}
	return nil
}

// report joins all findings of one report.
func (b *bringing) report(ctx context.Context, n int, report *foreign.Report) error {
	count := &b.result.Brought[n]
	spoken := map[int]bool{}
	for f, err := range report.Findings() {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if count.Findings++; count.Findings%1024 == 0 {
			b.scan.tell(Progress{Stage: "reports", Done: count.Findings, Note: report.Name})
		}
		if err := b.finding(count, report, f, spoken); err != nil {
			return err
		}
	}
	for i := range spoken {
		if b.result.Subjects[i].Borrowed {
			count.Alone++
		} else {
			count.Joined++
		}
	}
	return nil
}

// finding joins one finding to each place where its image runs.
func (b *bringing) finding(count *Brought, report *foreign.Report, f foreign.Finding, spoken map[int]bool) error {
	if f.Unusable != "" {
		count.unmatched(f.Unusable, f.Target.String())
		return nil
	}
	places, by, why := b.places.Of(f.Target)
	if len(places) == 0 {
		count.unmatched(why, f.Target.String())
		return nil
	}
	matched := false
	for _, at := range places {
		held, other := b.places.Held(at, f.Package)
		if len(held) == 0 && other != "" && by == foreign.ByTag {
			continue
		}
		matched = true
		if err := b.join(at, held, other, by, report, f, spoken); err != nil {
			return err
		}
	}
	if !matched {
		count.unmatched("by its tag alone the image may be another build: the one that runs holds the package in another version", f.Target.String())
		return nil
	}
	count.Matched++
	if f.Claim.Affected == azward.No {
		count.Denied++
	}
	return nil
}

// join adds a finding to the subjects of the packages at a place.
func (b *bringing) join(at *foreign.Place, held []azward.Package, other string, by foreign.By, report *foreign.Report, f foreign.Finding, spoken map[int]bool) error {
	doubt := ""
	if len(held) == 0 {
		held = []azward.Package{f.Package}
		if other != "" {
			doubt = "the image as azward read it holds " + other + " in its place"
		}
	}
	for _, pkg := range held {
		said := verdict.Report{
			Scanner: f.Scanner, Report: report.Name, At: report.At, By: string(by), Finding: f.Of(pkg), Record: f.Record, Doubt: doubt,
		}
		if said.At.After(b.result.Decider.At) {
			said.At = b.result.Decider.At // a clock that is ahead makes nothing fresher
		}
		if pkg.OwnedBy != "" && doubt == "" && f.Claim.Affected == azward.Yes {
			said.Doubt = "it belongs to " + pkg.OwnedBy + ", whose distribution mends it without changing its version"
		}
		where := verdict.Subject{Workload: at.Workload, Container: at.Container, Image: at.Image, Digest: at.Digest, Package: pkg, Attacker: b.scan.Attacker, Stated: b.result.stated(b.scan.Criticality, at.Workload)}
		if err := b.add(where, said, spoken); err != nil {
			return err
		}
	}
	return nil
}

// add puts what a scanner says to the subject that it is about, or makes one.
func (b *bringing) add(where verdict.Subject, said verdict.Report, spoken map[int]bool) error {
	joined := false
	for _, i := range b.at[spotOf(where)] {
		if sameVulnerability(b.result.Subjects[i].Finding, said.Finding) {
			joined = true
			spoken[i] = true
			b.tell(i, said)
		}
	}
	if joined {
		return nil
	}
	key := fmt.Sprintf("%s\x00%s", spotOf(where), said.Finding.ID)
	if said.Finding.Affected == azward.No { // nobody says yes so far
		if len(b.denied[key]) < maxOpinions {
			b.denied[key] = append(b.denied[key], said)
		}
		return nil
	}
	if b.added++; b.added > maxBrought {
		return &azward.Error{
			Kind: azward.KindBadInput, Op: "join reports", Subject: said.Report, Cause: fmt.Sprintf("they give more than %d verdicts", maxBrought),
			Remedy: "bring fewer reports at once, or scan fewer subscriptions",
		}
	}
	subject, err := b.subject(where, said)
	if err != nil {
		return err
	}
	subject.Reports = append([]verdict.Report{said}, b.denied[key]...)
	i := len(b.result.Subjects)
	b.result.Subjects = append(b.result.Subjects, subject)
	b.at[spotOf(where)] = append(b.at[spotOf(where)], i)
	spoken[i] = true
	return nil
}

// tell adds an opinion to a subject, each once.
func (b *bringing) tell(i int, said verdict.Report) {
	s := &b.result.Subjects[i]
	same := func(r verdict.Report) bool {
		return r.Finding.Record == said.Finding.Record && r.Finding.Range == said.Finding.Range && r.By == said.By
	}
	if !slices.ContainsFunc(s.Reports, same) && len(s.Reports) < maxOpinions {
		said.Finding.PURL, said.Finding.Layer = s.Package.PURL, s.Package.Layer
		s.Reports = append(s.Reports, said)
	}
}

// subject of what a scanner alone finds. Where a record of our own tells of the
// vulnerability in the package, and not in this version, the record decides.
func (b *bringing) subject(where verdict.Subject, said verdict.Report) (verdict.Subject, error) {
	index := b.scan.Advisories
	s := where
	for _, id := range namesOf(said.Finding) {
		if said.Doubt != "" {
			break // it is not known to be this package
		}
		record, err := index.About(where.Package, id)
		if err != nil {
			return s, err
		}
		if record == "" {
			continue
		}
		raw, err := index.Excerpt(where.Package, record)
		if err != nil {
			return s, err
		}
		if raw != nil {
			s.Finding, s.Record = said.Finding, raw
			s.Finding.Record, s.Finding.Affected, s.Finding.FixedIn = record, azward.No, []string{}
			s.Finding.FixState = azward.FixUnknown
			s.Finding.Range = fmt.Sprintf("%s names %s, and %s lies in none of its affected ranges", record, where.Package.Name, where.Package.Version)
			index.Weigh(&s.Finding)
			return s, nil
		}
	}
	s.Finding, s.Borrowed = said.Finding, true
	index.Weigh(&s.Finding)
	return s, nil
}

// namesOf are the CVEs of a finding, else all that it goes by. A notice of a
// distribution (DSA-5514-1) is about several CVEs and tells none apart.
func namesOf(f azward.Finding) []string {
	all := append([]string{f.ID}, f.Aliases...)
	cves := slices.DeleteFunc(slices.Clone(all), func(id string) bool { return !strings.HasPrefix(strings.ToUpper(id), "CVE-") })
	if len(cves) > 0 {
		return cves
	}
	return all
}

// sameVulnerability compares by CVE where both have one, else by any name.
func sameVulnerability(a, b azward.Finding) bool {
	in := func(list []string, id string) bool {
		return slices.ContainsFunc(list, func(other string) bool { return strings.EqualFold(other, id) })
	}
	of := namesOf(b)
	if slices.ContainsFunc(namesOf(a), func(id string) bool { return in(of, id) }) {
		return true
	}
	hasCVE := func(list []string) bool { return strings.HasPrefix(strings.ToUpper(list[0]), "CVE-") }
	if hasCVE(namesOf(a)) && hasCVE(of) {
		return false
	}
	every := append([]string{b.ID}, b.Aliases...)
	return slices.ContainsFunc(append([]string{a.ID}, a.Aliases...), func(id string) bool { return in(every, id) })
}

// placesOf lists every container and machine of the estate, with the image as
// it was read where it was.
func placesOf(e *estate.Estate, images *imageSet) []foreign.Place {
	type layers struct {
		Index  azward.Digest `json:"index"`
		Layers []struct {
			DiffID azward.Digest `json:"diffId"`
		} `json:"layers"`
	}
	known := map[azward.Digest]layers{}
	for digest, r := range e.Images() {
		if rec, err := estate.Decode[layers](r); err == nil {
			known[digest] = *rec
		}
	}
	var places []foreign.Place
	for _, w := range e.Workloads() {
		if len(w.Containers) == 0 {
			places = append(places, foreign.Place{Workload: w.ID})
		}
		for _, c := range w.Containers {
			p := foreign.Place{Workload: w.ID, Container: c.Name, Image: byDigest(c), Digest: c.Digest, References: []string{c.Image}}
			if img, ok := images.byReference[byDigest(c)]; ok {
				p.Image, p.Digest, p.Packages = img.name, img.digest, img.packages
				p.Digests = []azward.Digest{c.Digest, known[img.digest].Index}
				for _, l := range known[img.digest].Layers {
					p.Layers = append(p.Layers, l.DiffID)
				}
				if slices.Contains(p.Layers, "") { // one that could not be unpacked
					p.Layers = nil
				}
			}
			places = append(places, p)
		}
	}
	return places
}
