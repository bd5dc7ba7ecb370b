package advisory

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/azward/azward"
)

func (ix *Index) findings(pkg *azward.Package, q *question, groups []group) []azward.Finding {
	if len(groups) == 0 {
		return nil
	}
	out := make([]azward.Finding, 0, len(groups))
	for i := range groups {
		out = append(out, ix.finding(pkg, q, &groups[i]))
	}
	slices.SortFunc(out, func(a, b azward.Finding) int {
		return cmp.Or(
			cmp.Compare(b.Severity.Rank(), a.Severity.Rank()),
			cmp.Compare(b.CVSS, a.CVSS),
			cmp.Compare(a.ID, b.ID))
	})
	return out
}

func (ix *Index) finding(pkg *azward.Package, q *question, g *group) azward.Finding {
	slices.SortFunc(g.claims, func(a, b claim) int {
		return cmp.Or(
			cmp.Compare(b.answer, a.answer), // yes before unknown
			-cmp.Compare(min(len(a.fixed), 1), min(len(b.fixed), 1)),
			cmp.Compare(a.id, b.id))
	})
	decisive := &g.claims[0]
	f := azward.Finding{
		ID: g.name(), PURL: pkg.PURL, Layer: pkg.Layer, Affected: decisive.answer,
		Record: decisive.id, Range: decisive.words,
		Aliases: make([]string, 0, len(g.claims)+len(g.names)), FixedIn: []string{},
	}
	for i := range g.claims {
		c := &g.claims[i]
		f.Summary = cmp.Or(f.Summary, c.summary)
		f.Aliases = append(f.Aliases, c.id)
		f.Malicious = f.Malicious || c.malicious
		if c.fixed != "" && c.answer == f.Affected {
			f.FixedIn = append(f.FixedIn, c.fixed)
		}
	}
	for _, n := range g.names {
		f.Aliases = append(f.Aliases, n.name)
	}
	slices.Sort(f.Aliases)
	f.Aliases = slices.Compact(f.Aliases)
	f.Aliases = slices.DeleteFunc(f.Aliases, func(a string) bool { return a == f.ID })
	f.FixedIn = sortVersions(q.base, f.FixedIn)
	f.FixState = ix.fixState(&f, q, g)
	ix.weigh(&f, g)
	return f
}

// fixState says what the supplier does: a fixed version outweighs what a
// record says in words, and that outweighs a range without an end. A range
// that ends without naming a fix ("last affected") tells nothing.
func (ix *Index) fixState(f *azward.Finding, q *question, g *group) azward.FixState {
	switch {
	case f.Affected != azward.Yes || f.Malicious:
		return azward.FixUnknown
	case len(f.FixedIn) > 0:
		return azward.Fixed
	}
	state := azward.FixUnknown
	for i := range g.claims {
		switch c := &g.claims[i]; {
		case c.answer != azward.Yes:
		case c.fix == azward.WillNotFix:
			return azward.WillNotFix
		case c.fix == azward.NotFixed || c.open:
			state = azward.NotFixed
		}
	}
	if state == azward.NotFixed && ix.unmended(q.base, q.release) {
		return azward.WillNotFix
	}
	return state
}

// weigh fills in the scores, KEV, EPSS and SSVC.
func (ix *Index) weigh(f *azward.Finding, g *group) {
	for i := range g.claims {
		c := &g.claims[i]
		if !c.alone {
			continue
		}
		for _, v := range c.vectors {
			f.Scores = appendScore(f.Scores, c.id, v)
		}
		if r := rating(c.rating); f.Severity == "" || r.Rank() > f.Severity.Rank() {
			f.Severity = r
		}
	}
	for _, n := range g.names {
		ix.weighName(f, n.name)
	}
	sortScores(f.Scores)
	if len(f.Scores) > 0 {
		f.Vector, f.CVSS = f.Scores[0].Vector, f.Scores[0].Score
	}
	switch {
	case f.Malicious: // there is no worse: the package is the attack
		f.Severity = azward.SeverityCritical
	case f.Vector != "":
		f.Severity = Rate(f.CVSS)
	case f.Severity == "":
		f.Severity = azward.SeverityUnknown
	}
}

// weighName adds what the index says of one of the vulnerability's names.
// Where several have an opinion the worst counts, and CISA's of the finding's
// own name goes before that of another.
func (ix *Index) weighName(f *azward.Finding, name string) {
	if c, ok := ix.cve(name); ok {
		f.KEV = f.KEV || c.kev
		f.EPSS = max(f.EPSS, round(c.epss))
		if c.cwe != 0 && (f.CWE == "" || name == f.ID) {
			f.CWE = "CWE-" + strconv.Itoa(int(c.cwe))
		}
		source := name
		if c.own {
			source = azward.ScoreOfCVE
		}
		if !slices.ContainsFunc(f.Scores, func(s azward.Score) bool { return s.Vector == c.vector }) {
			f.Scores = appendScore(f.Scores, source, c.vector)
		}
	}
	o := ix.opinion(name)
	if o.percentile > 0 {
		f.EPSSPercentile = max(f.EPSSPercentile, float64(o.percentile-1)/1e5)
	}
	if o.ssvc != 0 && (name == f.ID || f.SSVC == azward.SSVC{}) {
		s := unpackSSVC(o.ssvc)
		f.SSVC = azward.SSVC{Exploitation: string(s.Exploitation), TechnicalImpact: string(s.TechnicalImpact)}
		if s.Automatable != azward.Unknown {
			f.SSVC.Automatable = s.Automatable.String()
		}
	}
}

// sortVersions orders by the ecosystem's rules, by text where those fail, and
// drops repetitions.
func sortVersions(base string, versions []string) []string {
	if len(versions) < 2 {
		return versions
	}
	slices.Sort(versions)
	versions = slices.Compact(versions)
	slices.SortStableFunc(versions, func(a, b string) int {
		v := newVersion(base, a)
		if c, err := v.compare([]byte(b)); err == nil {
			return c
		}
		return cmp.Compare(a, b)
	})
	return versions
}
