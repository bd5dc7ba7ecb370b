package advisory

import (
	"cmp"
	"slices"
	"strings"
)

// group is every claim about one vulnerability, tied by common names.
type group struct {
	names  []named // CVE and other names
	claims []claim
}

// named is a name and how many claims use it.
type named struct {
	name  string
	count int
}

func (g *group) has(name string) bool {
	return slices.ContainsFunc(g.names, func(n named) bool { return n.name == name })
}

func (g *group) add(name string, count int) {
	for i := range g.names {
		if g.names[i].name == name {
			g.names[i].count += count
			return
		}
	}
	g.names = append(g.names, named{name, count})
}

// join reads the record of a claim and adds it to the vulnerabilities that it
// is about: one, by all its names; or, for a distribution's notice, each that
// the notice mends.
func (ix *Index) join(groups []group, record uint64, c claim) ([]group, error) {
	h, err := ix.record(record)
	if err != nil {
		return nil, err
	}
	c.head = h
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
		if !slices.ContainsFunc(names, groups[i].has) {
			continue
		}
		if into < 0 {
			into = i
			continue
		}
		for _, n := range groups[i].names {
			groups[into].add(n.name, n.count)
		}
		groups[into].claims = append(groups[into].claims, groups[i].claims...)
		groups = slices.Delete(groups, i, i+1)
		i--
	}
	if into < 0 {
		groups, into = append(groups, group{}), len(groups)
	}
	for _, n := range names {
		groups[into].add(n, 1)
	}
	groups[into].claims = append(groups[into].claims, c)
	return groups
}

// name picks the vulnerability's name: the CVE that most records use, then the
// lowest; without one GitHub's name, then any.
func (g *group) name() string {
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
	return slices.MinFunc(g.names, func(a, b named) int {
		return cmp.Or(cmp.Compare(rank(a.name), rank(b.name)), cmp.Compare(b.count, a.count), cmp.Compare(a.name, b.name))
	}).name
}
