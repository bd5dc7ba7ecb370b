package advisory

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/azward/azward"
)

// Result is what the index knows of a list of packages.
type Result struct {
	// Findings by package in the order given, most severe first within one.
	Findings []azward.Finding
	// Gaps name what could not be matched: an ecosystem or release without
	// advisories, an OS package of an unknown distribution. Without them an
	// empty list of findings would read as "clean".
	Gaps []azward.Gap
}

// MatchAll matches every package. Scope is what the packages belong to, such
// as "registry/repository@digest"; gaps carry it.
func (ix *Index) MatchAll(scope azward.ResourceID, pkgs []azward.Package) (Result, error) {
	var r Result
	uncovered := map[string]int{}
	var order []string
	var ecosystem string // of the package before, so that a list in order asks once for each
	var asked, covered bool
	for _, p := range pkgs {
		found, err := ix.Match(p)
		if err != nil {
			return Result{}, err
		}
		r.Findings = append(r.Findings, found...)
		if p.Ecosystem != ecosystem || !asked {
			ecosystem, asked, covered = p.Ecosystem, true, ix.Covers(p.Ecosystem)
		}
		if covered || p.OwnedBy != "" {
			continue
		}
		if uncovered[p.Ecosystem]++; uncovered[p.Ecosystem] == 1 {
			order = append(order, p.Ecosystem)
		}
	}
	for _, eco := range order {
		r.Gaps = append(r.Gaps, gap(scope, eco, uncovered[eco]))
	}
	return r, nil
}

func gap(scope azward.ResourceID, ecosystem string, packages int) azward.Gap {
	g := azward.Gap{
		Scope: scope, Kind: azward.GapNotRead, Reads: "advisories for " + ecosystem,
		Needs:  "advisories for " + ecosystem + " in the index",
		Error:  fmt.Sprintf("the index has no advisories for %s, so %d packages were not matched", ecosystem, packages),
		Remedy: "azward advisory update",
	}
	if base, release := SplitEcosystem(ecosystem); base == "" || released[base] && release == "" {
		g.Kind, g.Reads = azward.GapUnparsed, "the distribution and its release"
		g.Needs = "an os-release file with ID and VERSION_ID in the image"
		g.Error = fmt.Sprintf("the distribution's release is not known, so %d packages were not matched", packages)
		g.Remedy = "scan the image that has the distribution's os-release file"
	}
	return g
}

// Match gives what a package version is affected by: one finding per
// vulnerability, whatever number of records tell of it, most severe first.
//
// A language package that an OS package owns has none: the distribution
// backports fixes without changing the version, and the findings of the OS
// package say what is left. For an ecosystem that [Index.Covers] denies, no
// finding proves nothing; [Index.MatchAll] says so.
func (ix *Index) Match(pkg azward.Package) ([]azward.Finding, error) {
	q, ok := newQuestion(&pkg)
	if !ok {
		return nil, nil
	}
	var groups []group
	for i := range q.places() {
		p := q.place(i)
		at := ix.entries(p)
		for {
			e, more, err := at.next()
			if err != nil {
				return nil, err
			}
			if !more {
				break
			}
			c := q.decide(&e)
			if c.answer == azward.No {
				continue
			}
			c.words = p.ecosystem() + " " + q.label + " " + c.words
			if groups, err = ix.join(groups, e.record, c); err != nil {
				return nil, err
			}
		}
	}
	return ix.findings(&pkg, &q, groups), nil
}

// question is what the index is asked about a package.
type question struct {
	base, release string
	name          string // normal form
	label         string // as the package has it: the finding says it
	v             version
}

// newQuestion is not ok for a package that cannot be matched: of no known
// ecosystem or release, or owned by another package.
func newQuestion(pkg *azward.Package) (q question, ok bool) {
	base, release := SplitEcosystem(pkg.Ecosystem)
	if base == "" || pkg.OwnedBy != "" || release == "" && released[base] {
		return question{}, false
	}
	name, text := pkg.Name, pkg.Version
	if keyedBySource[base] {
		name, text = cmp.Or(pkg.Source, name), cmp.Or(pkg.SourceVersion, text)
	}
	if base == "Go" && (name == "stdlib" || name == "toolchain") {
		text = goRelease(text)
	}
	if base == "Bitnami" {
		text = withoutRevision(text)
	}
	return question{base: base, release: release, name: NormalName(base, name), label: name, v: newVersion(base, text)}, true
}

// goRelease takes what `go version` says around the number off:
// "go1.22.1 X:nocoverageredesign".
func goRelease(text string) string {
	if rest, ok := strings.CutPrefix(text, "go"); ok {
		text, _, _ = strings.Cut(rest, " ")
	}
	return text
}

// withoutRevision takes Bitnami's own count of builds off: 2.4.58-3 is the third
// of 2.4.58, which its advisories speak of, and no pre-release of it.
//
// Source: https://github.com/package-url/purl-spec/blob/main/types-doc/bitnami-definition.md
func withoutRevision(text string) string {
	version, revision, ok := strings.Cut(text, "-")
	if ok && number(revision) == len(revision) {
		return version
	}
	return text
}

// places counts where the index may hold records of the package.
func (q *question) places() int {
	switch {
	case q.release == "":
		return 1
	case q.base == "Ubuntu":
		return 3
	}
	return 2
}

// place gives the n-th: the release itself, all releases, and for Ubuntu the
// release under Ubuntu Pro. Ubuntu's records name Pro's archive alone where
// only that has the fix, though everybody's package is affected.
func (q *question) place(n int) spot {
	switch n {
	case 0:
		return spot{base: q.base, release: q.release, name: q.name}
	case 1:
		return spot{base: q.base, name: q.name}
	}
	release, ok := strings.CutPrefix(q.release, proStream)
	if ok {
		return spot{base: q.base, release: release, name: q.name}
	}
	return spot{base: q.base, stream: proStream, release: release, name: q.name}
}

// proStream is how OSV marks the archive of Ubuntu Pro: "Ubuntu:Pro:22.04:LTS".
const proStream = "Pro:"

// claim is what one record says about the version.
type claim struct {
	head
	answer azward.Answer
	words  string // the range and comparison that decided
	fixed  string // version that mends it; "" when none is known
	open   bool   // the range that decided has no end
	fix    azward.FixState
	alone  bool // the record is about this vulnerability only, so its score counts
}

// decide evaluates each range by itself, then the enumerated versions.
func (q *question) decide(e *entry) claim {
	no := claim{answer: azward.No}
	if e.fix == azward.NotAffected { // the supplier denies it
		return no
	}
	unknown := no
	d := decoder{b: e.spans}
	for range e.count {
		iv := d.interval()
		a, err := iv.judge(&q.v)
		switch a {
		case azward.No:
		case azward.Unknown:
			unknown = claim{answer: azward.Unknown, words: err.Error(), fix: e.fix}
		default:
			c := claim{answer: azward.Yes, fix: e.fix, open: len(iv.to) == 0}
			if iv.kind == Fixed {
				c.fixed = string(iv.to)
			}
			c.words = iv.words(q.v.text)
			return c
		}
	}
	if e.listed > 0 && q.listed(e) {
		return claim{answer: azward.Yes, words: q.v.text + " is listed", fix: e.fix}
	}
	if unknown.answer == azward.No && e.count == 0 && e.listed > 0 {
		if err := q.v.check(); err != nil { // it may be any of those that are listed
			return claim{answer: azward.Unknown, words: err.Error(), fix: e.fix}
		}
	}
	return unknown
}

// listed says whether the entry enumerates the version. Where nothing but the
// list tells, a Python version counts in all its spellings: 1.0 is 1.0.0.
func (q *question) listed(e *entry) bool {
	if e.lists(q.v.text) {
		return true
	}
	if e.count > 0 || q.base != "PyPI" {
		return false
	}
	d := decoder{b: e.versions}
	for i := uint64(0); i < e.listed && !d.failed; i++ {
		if c, err := q.v.compare(d.bytes()); err == nil && c == 0 {
			return true
		}
	}
	return false
}
