package remediation

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
)

// upgrade is a step with the findings that it clears, by place.
type upgrade struct {
	step   Step
	os     string // ecosystem of a distribution's package; "" for a language's
	clears []int
}

// group is the findings of one package in one line of the Dockerfile: what one
// edit there changes. A distribution's binaries of one source move together.
type group struct {
	ecosystem, name string
	layer           azward.Digest
	findings        []int
}

func upgrades(findings []Finding, known Advisories) ([]upgrade, error) {
	var out []upgrade
	for _, g := range groups(findings) {
		u, ok, err := g.upgrade(findings, known)
		if err != nil {
			return nil, fmt.Errorf("find an upgrade of %s: %w", g.name, err)
		}
		if ok {
			out = append(out, u)
		}
	}
	return out, nil
}

func groups(findings []Finding) []*group {
	type place struct {
		ecosystem, name string
		layer           azward.Digest
	}
	at := map[place]*group{}
	var list []*group
	for i, f := range findings {
		p := place{f.Package.Ecosystem, f.Package.Name, f.Package.Layer}
		if isOS(f.Package) {
			p.name, p.layer = cmp.Or(f.Package.Source, f.Package.Name), ""
		}
		g := at[p]
		if g == nil {
			g = &group{ecosystem: p.ecosystem, name: p.name, layer: p.layer}
			at[p] = g
			list = append(list, g)
		}
		g.findings = append(g.findings, i)
	}
	return list
}

func isOS(p azward.Package) bool {
	kind, _, _ := strings.Cut(strings.TrimPrefix(p.PURL, "pkg:"), "/")
	switch kind {
	case "deb", "rpm", "apk", "alpm":
		return true
	}
	return false
}

// maxCandidates bounds the versions that are tried for one package.
const maxCandidates = 64

// upgrade finds the lowest version of those that the advisories name as fixes
// that clears every finding of the group and has none itself; where none does,
// the one that clears most. OK is false when no version clears any.
func (g *group) upgrade(findings []Finding, known Advisories) (upgrade, bool, error) {
	first := findings[g.findings[0]]
	u := upgrade{step: Step{
		Package: g.name, Ecosystem: g.ecosystem, Layer: first.Package.Layer, Line: Instruction(first.Package.CreatedBy), Base: first.Base,
	}}
	if isOS(first.Package) {
		u.os = g.ecosystem
	}
	for _, at := range g.findings {
		f := findings[at]
		u.step.From = append(u.step.From, f.Package.Version)
		if strings.HasPrefix(f.Record, "MAL-") {
			u.clears = append(u.clears, g.findings...)
			u.step.Clears = names(findings, u.clears)
			u.step.From = nil
			return u, true, nil
		}
	}
	slices.Sort(u.step.From)
	u.step.From = slices.Compact(u.step.From)
	var best attempt
	queue := g.candidates(findings, known)
	for n := 0; n < len(queue) && n < maxCandidates; n++ {
		tried, err := g.try(queue[n], findings, known)
		if err != nil {
			return u, false, err
		}
		if tried.better(best) {
			best = tried
		}
		if len(best.clears) == len(g.findings) && len(best.left) == 0 {
			break
		}
		for _, v := range tried.fixes { // a fix may bring a vulnerability of its own, which a later one mends
			if c, err := known.Compare(g.ecosystem, queue[n], v); err == nil && c < 0 && !slices.Contains(queue, v) {
				queue = append(queue, v)
			}
		}
		g.sort(queue[n+1:], known)
	}
	u.step.To, u.clears, u.step.Left = best.version, best.clears, best.left
	u.step.Clears = names(findings, u.clears)
	return u, len(best.clears) > 0, nil
}

// candidates are the versions that fix something and are above what is there,
// lowest first.
func (g *group) candidates(findings []Finding, known Advisories) []string {
	var list []string
	for _, at := range g.findings {
		f := findings[at]
		present := cmp.Or(f.Package.SourceVersion, f.Package.Version)
		for _, v := range f.FixedIn {
			if c, err := known.Compare(g.ecosystem, present, v); err == nil && c < 0 && !slices.Contains(list, v) {
				list = append(list, v)
			}
		}
	}
	g.sort(list, known)
	return list
}

func (g *group) sort(versions []string, known Advisories) {
	slices.SortFunc(versions, func(a, b string) int {
		c, err := known.Compare(g.ecosystem, a, b)
		if err != nil {
			return cmp.Compare(a, b)
		}
		return c
	})
}

// attempt is what one version would do.
type attempt struct {
	version string
	clears  []int    // findings that are gone
	left    []string // vulnerabilities that the version has
	fixes   []string // versions that mend these
}

// better says whether it clears more, or as much and leaves less.
func (a attempt) better(than attempt) bool {
	return len(a.clears) > 0 && cmp.Or(cmp.Compare(len(a.clears), len(than.clears)), cmp.Compare(len(than.left), len(a.left))) > 0
}

// try asks the advisories about every package of the group at the version. A
// version below one that is there clears nothing for that one.
func (g *group) try(version string, findings []Finding, known Advisories) (a attempt, err error) {
	a.version = version
	still := map[string]bool{}
	asked := map[string]bool{}
	for _, at := range g.findings {
		p := findings[at].Package
		if asked[p.Name] {
			continue
		}
		asked[p.Name] = true
		p.Version = version
		if p.SourceVersion != "" {
			p.SourceVersion = version
		}
		matched, err := known.Match(p)
		if err != nil {
			return a, err
		}
		for _, f := range matched {
			still[p.Name+"\x00"+f.ID] = true
			a.left, a.fixes = append(a.left, f.ID), append(a.fixes, f.FixedIn...)
		}
	}
	for _, at := range g.findings {
		f := findings[at]
		present := cmp.Or(f.Package.SourceVersion, f.Package.Version)
		c, err := known.Compare(g.ecosystem, present, version)
		if err == nil && c < 0 && !still[f.Package.Name+"\x00"+f.ID] {
			a.clears = append(a.clears, at)
		}
	}
	slices.Sort(a.left)
	a.left = slices.Compact(a.left)
	return a, nil
}

func names(findings []Finding, at []int) []string {
	list := make([]string, 0, len(at))
	for _, i := range at {
		list = append(list, findings[i].ID)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Instruction turns a history line of an image into the Dockerfile instruction
// that it was: builders before BuildKit wrote it as a shell command.
//
// Source: https://github.com/opencontainers/image-spec/blob/main/config.md (history.created_by)
func Instruction(createdBy string) string {
	line := strings.Join(strings.Fields(createdBy), " ")
	line = strings.TrimSuffix(line, " # buildkit")
	for _, shell := range []string{"/bin/sh -c ", "/bin/bash -c "} {
		rest, ok := strings.CutPrefix(line, shell)
		if !ok {
			continue
		}
		if instruction, ok := strings.CutPrefix(rest, "#(nop) "); ok {
			return strings.TrimSpace(instruction)
		}
		return "RUN " + rest
	}
	if rest, ok := strings.CutPrefix(line, "|"); ok { // "|1 VERSION=2 /bin/sh -c make": build arguments come first
		if _, command, ok := strings.Cut(rest, "/bin/sh -c "); ok {
			return "RUN " + command
		}
	}
	return strings.Replace(line, "RUN /bin/sh -c ", "RUN ", 1)
}
