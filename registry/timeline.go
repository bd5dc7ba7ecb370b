package registry

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/remediation"
)

// Version is one image in the history of a repository.
type Version struct {
	Image *Image `json:"image"`
	// Tags that name it or named it.
	Tags []string `json:"tags"`
	// At is when it came: pushed where the registry tells, else created, else
	// first seen.
	At   time.Time `json:"at,omitzero"`
	Diff Diff      `json:"diff"` // against the version before
}

// Diff is what changed between two versions: vulnerabilities by package,
// whatever the package's version.
type Diff struct {
	Fixed     []Change `json:"fixed"`     // were there and are not
	New       []Change `json:"new"`       // never were there before
	Regressed []Change `json:"regressed"` // were there once, were fixed, and are there again
	Unchanged int      `json:"unchanged"`
}

// Change is one vulnerability in one package.
type Change struct {
	Vulnerability string          `json:"vulnerability"`
	Severity      azward.Severity `json:"severity"`
	KEV           bool            `json:"kev,omitempty"`
	Package       string          `json:"package"`
	Version       string          `json:"version"`
}

// Compare gives what changed from one image to another.
func Compare(from, to *Image) Diff { return diff(keys(from), keys(to), nil) }

func keys(i *Image) map[string]Change {
	all := map[string]Change{}
	for f := range i.Findings() {
		all[remediation.Key(f.Package.Ecosystem, f.Package.Name, f.ID)] = Change{f.ID, f.Severity, f.KEV, f.Package.Name, f.Package.Version}
	}
	return all
}

func diff(from, to map[string]Change, earlier map[string]bool) Diff {
	d := Diff{Fixed: []Change{}, New: []Change{}, Regressed: []Change{}}
	for k, c := range to {
		switch _, had := from[k]; {
		case had:
			d.Unchanged++
		case earlier[k]:
			d.Regressed = append(d.Regressed, c)
		default:
			d.New = append(d.New, c)
		}
	}
	for k, c := range from {
		if _, has := to[k]; !has {
			d.Fixed = append(d.Fixed, c)
		}
	}
	for _, list := range [][]Change{d.Fixed, d.New, d.Regressed} {
		slices.SortFunc(list, func(a, b Change) int {
			return cmp.Or(cmp.Compare(b.Severity.Rank(), a.Severity.Rank()), cmp.Compare(a.Vulnerability, b.Vulnerability), cmp.Compare(a.Package, b.Package))
		})
	}
	return d
}

// Timeline is the history of a repository: its images from the first to the
// last, with what each changed. Nil when the repository is not known.
func (v *View) Timeline(repository string) []Version {
	at, ok := slices.BinarySearchFunc(v.Repositories, repository, func(r *Repository, name string) int { return cmp.Compare(r.Name, name) })
	if !ok {
		return nil
	}
	versions := map[*Image]*Version{}
	for _, i := range v.Images {
		if slices.Contains(i.Repositories, repository) {
			versions[i] = &Version{Image: i, Tags: []string{}, At: i.Created}
		}
	}
	for _, t := range v.Repositories[at].Tags {
		for i, version := range versions {
			if !slices.Contains(i.digests, t.Digest) {
				continue
			}
			if !slices.Contains(version.Tags, t.Name) {
				version.Tags = append(version.Tags, t.Name)
			}
			if came := cmp.Or(nonzero(t.Pushed), nonzero(i.Created), t.Since); version.At.IsZero() || !t.Pushed.IsZero() && came.Before(version.At) {
				version.At = came
			}
		}
	}
	list := make([]Version, 0, len(versions))
	for _, version := range versions {
		list = append(list, *version)
	}
	slices.SortFunc(list, func(a, b Version) int {
		return cmp.Or(a.At.Compare(b.At), compareTags(a.Tags, b.Tags), cmp.Compare(a.Image.Digest, b.Image.Digest))
	})
	before, earlier := map[string]Change{}, map[string]bool{}
	for i := range list {
		now := keys(list[i].Image)
		list[i].Diff = diff(before, now, earlier)
		for k := range now {
			earlier[k] = true
		}
		before = now
	}
	return list
}

// compareTags orders images that came at one time, as those of reproducible
// builds do: by their tags, with numbers as numbers, so that 1.10 comes after 1.9.
func compareTags(a, b []string) int {
	if len(a) == 0 || len(b) == 0 {
		return cmp.Compare(len(a), len(b))
	}
	return slices.CompareFunc(chunks(slices.Max(a)), chunks(slices.Max(b)), func(a, b string) int {
		if a[0] >= '0' && a[0] <= '9' && b[0] >= '0' && b[0] <= '9' {
			a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
			return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
		}
		return cmp.Compare(a, b)
	})
}

// chunks cuts a tag where digits begin or end.
func chunks(tag string) []string { return digitRuns.FindAllString(tag, -1) }

var digitRuns = regexp.MustCompile(`[0-9]+|[^0-9]+`)

// nonzero keeps a time comparable: a zero time with a location is not the zero value.
func nonzero(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t
}

// Find gives the image that a name stands for: "repository:tag",
// "repository@digest", a digest, or a digest's first characters.
func (v *View) Find(name string) *Image {
	for _, i := range v.Images {
		if slices.Contains(i.Names, name) {
			return i
		}
		for _, d := range i.digests {
			if name == string(d) {
				return i
			}
			for _, r := range i.Repositories {
				if name == r+"@"+string(d) {
					return i
				}
			}
		}
	}
	return nil
}

// Untagged are images that run although no tag names them any longer.
func (v *View) Untagged() []*Image {
	return slices.DeleteFunc(slices.Clone(v.Images), func(i *Image) bool { return len(i.Names) > 0 || len(i.Runs) == 0 })
}

// Idle are tags that no workload of the estate runs; nil when no estate is known.
func (v *View) Idle() []string {
	if !v.Estate {
		return nil
	}
	var list []string
	for _, i := range v.Images {
		if len(i.Runs) == 0 {
			list = append(list, i.Names...)
		}
	}
	slices.Sort(list)
	return list
}
