package image

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/azward/azward"
)

// named is a path of a layer: its hash, its place in the archive, and whether
// it is a directory.
type named struct {
	hash uint64
	at   uint32 // place << 1 | directory
}

func newNamed(hash uint64, place int, dir bool) named {
	n := named{hash, uint32(place) << 1}
	if dir {
		n.at |= 1
	}
	return n
}

func (n named) dir() bool  { return n.at&1 == 1 }
func (n named) place() int { return int(n.at >> 1) }

// settled holds each path of a layer once, as what the archive made of it
// last: an entry takes the place of an earlier one of the same name, and what
// is no directory takes a directory's place with all that is in it. A directory
// comes after what it took the place of, which had taken another's place.
type settled []named

func settle(names []named) settled {
	slices.SortFunc(names, func(a, b named) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.at, b.at)) })
	out := names[:0]
	for i, n := range names {
		if i+1 == len(names) || names[i+1].hash != n.hash || !n.dir() && names[i+1].dir() {
			out = append(out, n)
		}
	}
	return out
}

// find gives what is at the path in the end.
func (s settled) find(hash uint64) (int, bool) {
	i, ok := slices.BinarySearchFunc(s, hash, func(n named, h uint64) int { return cmp.Compare(n.hash, h) })
	if ok && i+1 < len(s) && s[i+1].hash == hash {
		i++
	}
	return i, ok
}

// replaced says whether the directory came after something else of its name
// that came after the place.
func (s settled) replaced(i, place int) bool {
	return i > 0 && s[i-1].hash == s[i].hash && s[i-1].place() > place
}

// stands says whether an entry is there in the end. What stood in the place of
// a directory above it, and came before, was a directory after all.
func (s settled) stands(p string, place int) bool {
	if i, ok := s.find(hashPath(p)); !ok || s[i].place() != place {
		return false
	}
	for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
		i, ok := s.find(hashPath(dir))
		if ok && s.replaced(i, place) {
			return false
		}
		if ok && !s[i].dir() {
			if s[i].place() > place {
				return false
			}
			s[i].at |= 1
		}
	}
	return true
}

// hardLink is one whose target had not been read when it came.
type hardLink struct {
	path, target string
	place        int
}

// link gives a hard link what its target told. A target that comes later, or
// was not read by its own name, is looked for in the end.
func (w *walker) link(p, target string) error {
	to, err := cleanPath(target)
	if err == nil {
		to, err = w.links.place(to)
	}
	x := byName(p)
	if err != nil {
		if x != nil {
			w.gap(p, fmt.Errorf("the target of its hard link: %w", err))
		}
		return nil
	}
	if i, ok := w.byPath[to]; ok {
		if kind := w.result.Files[i].Kind; x == nil && kind == program.kind || x != nil && kind == x.kind {
			return w.keepLink(p, i, len(w.names)-1)
		}
	}
	if x != nil && w.more == nil {
		w.hard = append(w.hard, hardLink{p, to, len(w.names) - 1})
		return w.weigh(len(p) + len(to) + entryWeight)
	}
	return nil
}

func (w *walker) keepLink(p string, i, place int) error {
	f := w.result.Files[i]
	f.Path = p
	return w.keep(f, place)
}

// finish makes the result: in an order that does not depend on the archive's,
// without what the archive itself replaced.
func (w *walker) finish() (*LayerResult, error) {
	r := &w.result
	if w.dropped > 0 {
		r.Gaps = append(r.Gaps, azward.Gap{
			Kind: azward.GapUnparsed, Reads: "files in layer", Error: fmt.Sprintf("%d more files could not be read", w.dropped),
		})
	}
	if w.more != nil {
		r.Files = lastOfEach(r.Files)
		return r, nil
	}
	names := settle(w.names)
	if err := w.settleLinks(names); err != nil {
		return nil, err
	}
	files := r.Files[:0]
	for i, f := range r.Files {
		if names.stands(f.Path, w.places[i]) {
			files = append(files, f)
		}
	}
	r.Files = lastOfEach(files)
	for _, n := range names {
		if !n.dir() {
			r.Paths = append(r.Paths, n.hash)
		}
	}
	r.Facts = w.seen.finish(names)
	slices.Sort(r.Whiteouts)
	slices.Sort(r.Opaque)
	return r, nil
}

// lastOfEach sorts by path and keeps the last of each name.
func lastOfEach(files []File) []File {
	slices.SortStableFunc(files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	out := files[:0]
	for i, f := range files {
		if i+1 == len(files) || files[i+1].Path != f.Path {
			out = append(out, f)
		}
	}
	clear(files[len(out):])
	return out
}

// settleLinks decides about the links when all paths of the layer are known.
func (w *walker) settleLinks(names settled) error {
	var full bool
	if w.result.Links, full = w.links.telling(); full {
		w.gap("", fmt.Errorf("more than %d symbolic links lead to packages", maxLinks))
	}
	standing := map[string]string{} // of the hard links that are left, to their targets
	for _, l := range w.hard {
		if i, ok := names.find(hashPath(l.path)); ok && names[i].place() == l.place {
			standing[l.path] = l.target
		}
	}
	for _, l := range w.hard {
		if standing[l.path] != l.target {
			continue
		}
		for hops := 0; standing[l.target] != "" && hops <= len(standing); hops++ {
			l.target = standing[l.target]
		}
		if err := w.settleHard(names, l, standing[l.target] != ""); err != nil {
			return err
		}
	}
	return nil
}

// settleHard decides about a hard link; in a ring, it leads to no file at all.
func (w *walker) settleHard(names settled, l hardLink, ring bool) error {
	if ring {
		w.gap(l.path, errors.New("it is a hard link to itself, or to others that lead back to it"))
		return nil
	}
	x := byName(l.path)
	if i, ok := w.byPath[l.target]; ok && w.result.Files[i].Kind == x.kind {
		return w.keepLink(l.path, i, l.place)
	}
	switch i, ok := names.find(hashPath(l.target)); {
	case !ok:
		w.result.Links = append(w.result.Links, Link{Path: l.path, Target: l.target, Hard: true})
	case names[i].dir():
		w.gap(l.path, errors.New("it is a hard link to a directory"))
	case byName(l.target) != x: // else it was read, and nothing is in it
		w.again.add(l.target, alias{as: l.path, path: l.path})
	}
	return nil
}
