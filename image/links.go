package image

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"
)

// resolve follows the symbolic links in a path, as the kernel does for a
// process whose root is the image: absolute targets start there, and ".." does
// not lead out. get tells where a link leads.
func resolve(p string, get func(string) (string, bool)) (string, error) {
	done, rest, hops := "", p, 0
	for rest != "" {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		switch name {
		case "", ".":
			continue
		case "..":
			done = strings.TrimSuffix(path.Dir("/" + done)[1:], "/")
			continue
		}
		next := path.Join(done, name)
		target, ok := get(next)
		if !ok {
			done = next
			continue
		}
		if hops++; hops > maxLinkHops {
			return "", ErrLinkLoop
		}
		if strings.HasPrefix(target, "/") {
			done = ""
		}
		rest = target + "/" + rest
	}
	if len(done) > maxPath {
		return "", ErrPathTooLong
	}
	return cmp.Or(done, "."), nil
}

// symlinks are those of a layer, as far as its archive was read. The zero
// value has none.
type symlinks struct {
	to    map[string]string
	bytes int
	full  bool

	dir, real string // last directory that was looked up
	err       error
}

// place gives the path that an entry is unpacked to: its directory may be
// reached through links of the same layer. Those of lower layers are not
// followed: a runtime unpacks a layer into a directory of its own.
func (s *symlinks) place(p string) (string, error) {
	if len(s.to) == 0 {
		return p, nil
	}
	dir, base := path.Split(p)
	if dir == "" {
		return p, nil
	}
	if dir != s.dir {
		s.real, s.err = resolve(dir, s.get)
		s.dir = dir
	}
	if s.err != nil {
		return "", s.err
	}
	if s.real+"/" == dir {
		return p, nil
	}
	return path.Join(s.real, base), nil
}

func (s *symlinks) get(p string) (string, bool) {
	target, ok := s.to[p]
	return target, ok
}

// add says false, once, when there are more links than are followed.
func (s *symlinks) add(p, target string) bool {
	s.remove(p)
	if len(target) > maxPath || target == "" {
		return true // it leads nowhere, for the kernel as well
	}
	if s.bytes += len(p) + len(target); s.bytes > maxSymlinkBytes {
		told := s.full
		s.full = true
		return told
	}
	if s.to == nil {
		s.to = map[string]string{}
	}
	s.to[p] = target
	s.dir = ""
	return true
}

// remove is for a path that something else takes.
func (s *symlinks) remove(p string) {
	if _, ok := s.to[p]; ok {
		delete(s.to, p)
		s.dir = ""
	}
}

// databases are the package databases and release files that lie at one place:
// an image may lead there through links.
var databases = []string{
	"etc/os-release", "usr/lib/os-release",
	"var/lib/dpkg/status",
	"lib/apk/db/installed", "usr/lib/apk/db/installed",
	"var/lib/rpm/rpmdb.sqlite", "usr/lib/sysimage/rpm/rpmdb.sqlite", "usr/share/rpm/rpmdb.sqlite",
	"var/lib/rpm/Packages", "usr/lib/sysimage/rpm/Packages", "usr/share/rpm/Packages",
	"var/lib/rpm/Packages.db", "usr/lib/sysimage/rpm/Packages.db", "usr/share/rpm/Packages.db",
	"var/lib/rpmmanifest/container-manifest-2",
}

// ownerLists is where dpkg says which package a file belongs to.
const ownerLists = "var/lib/dpkg/info"

// onTheWay holds the databases' paths and the directories above them.
var onTheWay = func() map[string]bool {
	m := map[string]bool{}
	for _, p := range databases {
		for ; p != "."; p = path.Dir(p) {
			m[p] = true
		}
	}
	return m
}()

// telling gives the links that may lead to packages that their target's name
// does not tell of: those on the way to a database, those that are named like
// a package file while their target is not, and those that these lead through.
func (s *symlinks) telling() (out []Link, full bool) {
	chosen := map[string]bool{}
	follow := func(p string) {
		// Where it leads in the end is the image's business, and so are loops.
		_, _ = resolve(p, func(at string) (string, bool) {
			target, ok := s.to[at]
			switch {
			case !ok || chosen[at]:
			case len(out) >= maxLinks:
				full = true
			default:
				chosen[at] = true
				out = append(out, Link{Path: at, Target: target})
			}
			return target, ok
		})
	}
	if len(s.to) == 0 {
		return nil, false
	}
	for _, p := range databases {
		follow(p)
	}
	follow(ownerLists)
	for _, p := range slices.Sorted(maps.Keys(s.to)) {
		if byName(p) != nil && byName(target1(p, s.to[p])) != byName(p) {
			follow(p)
		}
	}
	slices.SortFunc(out, func(a, b Link) int { return cmp.Compare(a.Path, b.Path) })
	return out, full
}

// target1 is where a link leads when nothing on the way is a link.
func target1(p, target string) string {
	if !strings.HasPrefix(target, "/") {
		target = path.Join("/", path.Dir(p), target)
	}
	return cmp.Or(path.Clean(target)[1:], ".")
}

// alias is another name of a file.
type alias struct {
	as   string // chooses the extractor
	path string // to show
}

// aliases are files to be read for other names of theirs, by their own path,
// and directories whose files are.
type aliases struct {
	files map[string][]alias
	dirs  map[string]string
}

func (a aliases) empty() bool { return len(a.files) == 0 && len(a.dirs) == 0 }

func (a *aliases) add(p string, other alias) {
	if a.files == nil {
		a.files = map[string][]alias{}
	}
	a.files[p] = append(a.files[p], other)
}

// of gives the other names of a path.
func (a aliases) of(p string) []alias {
	list := a.files[p]
	if dir, ok := a.dirs[path.Dir(p)]; ok {
		list = append(slices.Clone(list), alias{as: path.Join(dir, path.Base(p)), path: p})
	}
	return list
}

// key names the set in a cache key.
func (a aliases) key() string {
	var b strings.Builder
	for _, p := range slices.Sorted(maps.Keys(a.files)) {
		for _, other := range a.files[p] {
			fmt.Fprintf(&b, "%q %q %q\n", p, other.as, other.path)
		}
	}
	for _, p := range slices.Sorted(maps.Keys(a.dirs)) {
		fmt.Fprintf(&b, "%q/ %q\n", p, a.dirs[p])
	}
	return string(digestOf([]byte(b.String())))
}

// behindLinks gives, per layer, the files that no extractor knew by their own
// path and that the image's links give a telling one.
func behindLinks(results []*LayerResult) map[int]aliases {
	m := newMerger(results)
	links := map[string]string{}
	for i, r := range results {
		if r == nil {
			continue
		}
		for _, l := range r.Links {
			if !l.Hard && !m.covered(l.Path, i) {
				links[l.Path] = l.Target
			}
		}
	}
	if len(links) == 0 {
		return nil
	}
	get := func(p string) (string, bool) {
		target, ok := links[p]
		return target, ok
	}
	out := map[int]aliases{}
	for as := range namesOf(links) {
		file, err := resolve(as, get)
		if err != nil || file == as || byName(file) == byName(as) {
			continue // a loop is no file for a process either
		}
		if i, ok := m.has(file); ok {
			a := out[i]
			a.add(file, alias{as: as, path: file})
			if lists, err := resolve(ownerLists, get); err == nil && lists != ownerLists && byName(as) == dpkgStatus {
				a.dirs = map[string]string{lists: ownerLists}
			}
			out[i] = a
		}
	}
	return out
}

// namesOf gives what links may give a telling name to: the databases, and
// links named like a package file.
func namesOf(links map[string]string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, p := range databases {
			if !yield(p) {
				return
			}
		}
		for _, p := range slices.Sorted(maps.Keys(links)) {
			if byName(p) != nil && !onTheWay[p] && !yield(p) {
				return
			}
		}
	}
}
