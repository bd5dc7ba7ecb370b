package advisory

import (
	"cmp"
	"fmt"
	"slices"
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
	for _, p := range pkgs {
		found, err := ix.Match(p)
		if err != nil {
			return Result{}, err
		}
		r.Findings = append(r.Findings, found...)
		if p.OwnedBy != "" || ix.Covers(p.Ecosystem) {
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
	base, release := SplitEcosystem(pkg.Ecosystem)
	if base == "" || pkg.OwnedBy != "" || released[base] && release == "" {
		return nil, nil
	}
	q := question{base: base, name: pkg.Name, text: pkg.Version}
	if keyedBySource[base] {
		q.name = cmp.Or(pkg.Source, pkg.Name)
		q.text = cmp.Or(pkg.SourceVersion, pkg.Version)
	}
	ecosystems := []string{canonical(base, release)}
	if release != "" {
		ecosystems = append(ecosystems, base)
	}
	var groups []group
	for _, eco := range ecosystems {
		for e, err := range ix.entries(eco, NormalName(base, q.name)) {
			if err != nil {
				return nil, err
			}
			if groups, err = ix.judge(&q, eco, e, groups); err != nil {
				return nil, err
			}
		}
	}
	return ix.findings(pkg, &q, groups), nil
}

// question is the version asked about, parsed when a record first needs it.
type question struct {
	base, name, text string
	parsed           bool
	v                version
	err              error
}

func (q *question) version() (version, error) {
	if !q.parsed {
		q.v, q.err = parseVersion(q.base, q.text)
		q.parsed = true
	}
	return q.v, q.err
}

// claim is what one record says about the version.
type claim struct {
	head
	answer azward.Answer
	words  string // the range and comparison that decided
	fixed  string // version that mends it; "" when none is known
	alone  bool   // the record is about this vulnerability only, so its score counts
}

// group is every claim about one vulnerability, tied by common names.
type group struct {
	names  map[string]int // CVE and other names, with how many claims use each
	claims []claim
}

func (ix *Index) judge(q *question, eco string, e entry, groups []group) ([]group, error) {
	c := decide(q, e)
	if c.answer == azward.No {
		return groups, nil
	}
	h, err := ix.record(e.record)
	if err != nil {
		return nil, err
	}
	c.head = h
	c.words = eco + " " + q.name + " " + c.words
	names := append([]string{commonName(h.id)}, h.aliases...)
	if h.malicious || len(h.upstream) == 0 || slices.ContainsFunc(names, isCVE) {
		c.alone = true
		return join(groups, c, names), nil
	}
	fixes := upstream(h.upstream)
	c.alone = len(fixes) == 1
	for _, name := range fixes {
		groups = join(groups, c, []string{name})
	}
	return groups, nil
}

// decide evaluates the enumerated versions and each range by itself.
func decide(q *question, e entry) claim {
	if e.lists(q.text) {
		c := claim{answer: azward.Yes, words: q.text + " is listed"}
		for _, iv := range e.intervals { // a listed version may tell its fix by the range
			if a, _ := iv.judge(q.text, q.version); a == azward.Yes && iv.kind == Fixed {
				c.fixed = iv.to
			}
		}
		return c
	}
	c := claim{answer: azward.No}
	for _, iv := range e.intervals {
		switch a, words := iv.judge(q.text, q.version); a {
		case azward.Yes:
			c = claim{answer: azward.Yes, words: words}
			if iv.kind == Fixed {
				c.fixed = iv.to
			}
			return c
		case azward.Unknown:
			c = claim{answer: azward.Unknown, words: words}
		}
	}
	return c
}

// commonName turns "DEBIAN-CVE-2023-1" into the CVE that it stands for.
func commonName(id string) string {
	if i := strings.LastIndex(id, "-CVE-"); i >= 0 {
		return id[i+1:]
	}
	return id
}

func isCVE(id string) bool { return strings.HasPrefix(id, "CVE-") }

// upstream reduces what a notice fixes to its CVEs; to what it names where
// there is none.
func upstream(ids []string) []string {
	var out []string
	for _, id := range ids {
		if id = commonName(id); isCVE(id) && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	if len(out) == 0 {
		return ids
	}
	return out
}

// join adds the claim to the group that shares a name with it; groups that it
// ties together become one.
func join(groups []group, c claim, names []string) []group {
	into := -1
	for i := 0; i < len(groups); i++ {
		if !slices.ContainsFunc(names, func(n string) bool { return groups[i].names[n] > 0 }) {
			continue
		}
		if into < 0 {
			into = i
			continue
		}
		for n, count := range groups[i].names {
			groups[into].names[n] += count
		}
		groups[into].claims = append(groups[into].claims, groups[i].claims...)
		groups = slices.Delete(groups, i, i+1)
		i--
	}
	if into < 0 {
		groups, into = append(groups, group{names: map[string]int{}}), len(groups)
	}
	for _, n := range names {
		groups[into].names[n]++
	}
	groups[into].claims = append(groups[into].claims, c)
	return groups
}

func (ix *Index) findings(pkg azward.Package, q *question, groups []group) []azward.Finding {
	if len(groups) == 0 {
		return nil
	}
	out := make([]azward.Finding, 0, len(groups))
	for _, g := range groups {
		out = append(out, ix.finding(pkg, q, g))
	}
	slices.SortFunc(out, func(a, b azward.Finding) int {
		return cmp.Or(
			cmp.Compare(b.Severity.Rank(), a.Severity.Rank()),
			cmp.Compare(b.CVSS, a.CVSS),
			cmp.Compare(a.ID, b.ID))
	})
	return out
}

func (ix *Index) finding(pkg azward.Package, q *question, g group) azward.Finding {
	slices.SortFunc(g.claims, func(a, b claim) int {
		return cmp.Or(
			cmp.Compare(b.answer, a.answer), // yes before unknown
			-cmp.Compare(min(len(a.fixed), 1), min(len(b.fixed), 1)),
			cmp.Compare(a.id, b.id))
	})
	decisive := g.claims[0]
	f := azward.Finding{
		ID: name(g), PURL: pkg.PURL, Layer: pkg.Layer, Affected: decisive.answer,
		Record: decisive.id, Range: decisive.words, Aliases: []string{}, FixedIn: []string{},
	}
	for _, c := range g.claims {
		f.Summary = cmp.Or(f.Summary, c.summary)
		f.Aliases = append(f.Aliases, c.id)
		if c.fixed != "" && c.answer == f.Affected {
			f.FixedIn = append(f.FixedIn, c.fixed)
		}
	}
	for n := range g.names {
		f.Aliases = append(f.Aliases, n)
	}
	slices.Sort(f.Aliases)
	f.Aliases = slices.Compact(f.Aliases)
	f.Aliases = slices.DeleteFunc(f.Aliases, func(a string) bool { return a == f.ID })
	f.FixedIn = sortVersions(q.base, f.FixedIn)
	ix.weigh(&f, g)
	return f
}

// name picks the vulnerability's name: the CVE that most records use, then the
// lowest; without one GitHub's name, then any.
func name(g group) string {
	names := make([]string, 0, len(g.names))
	for n := range g.names {
		names = append(names, n)
	}
	rank := func(n string) int {
		switch {
		case isCVE(n):
			return 0
		case strings.HasPrefix(n, "MAL-"):
			return 1
		case strings.HasPrefix(n, "GHSA-"):
			return 2
		}
		return 3
	}
	return slices.MinFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(g.names[b], g.names[a]), cmp.Compare(a, b))
	})
}

// weigh fills in severity, KEV and EPSS.
func (ix *Index) weigh(f *azward.Finding, g group) {
	var vectors []string
	for n := range g.names {
		c, ok := ix.cve(n)
		if !ok {
			continue
		}
		f.KEV = f.KEV || c.kev
		f.EPSS = max(f.EPSS, round(c.epss))
		vectors = append(vectors, c.vector)
	}
	malicious := false
	for _, c := range g.claims {
		malicious = malicious || c.malicious
		if !c.alone {
			continue
		}
		vectors = append(vectors, c.vector)
		if r := rating(c.rating); f.Severity == "" || r.Rank() > f.Severity.Rank() {
			f.Severity = r
		}
	}
	slices.Sort(vectors) // the same vector wins whatever the order of records
	f.Vector, f.CVSS = best(vectors)
	switch {
	case malicious: // there is no worse: the package is the attack
		f.Severity = azward.SeverityCritical
	case f.Vector != "":
		f.Severity = Rate(f.CVSS)
	case f.Severity == "":
		f.Severity = azward.SeverityUnknown
	}
}

// sortVersions orders by the ecosystem's rules, by text where those fail, and
// drops repetitions.
func sortVersions(base string, versions []string) []string {
	slices.SortFunc(versions, func(a, b string) int {
		if v, err := parseVersion(base, a); err == nil {
			if c, err := v.compare(b); err == nil && c != 0 {
				return c
			}
		}
		return cmp.Compare(a, b)
	})
	return slices.Compact(versions)
}
