package image

import (
	"archive/tar"
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/azward/azward/hardening"
	"github.com/azward/azward/hardening/secret"
)

// FileSecret is a secret in a file of a layer, without its value.
type FileSecret struct {
	Path string `json:"path"`
	secret.Found
}

// LayerFacts are what a layer tells besides packages.
type LayerFacts struct {
	// Marks have paths without a leading slash; directories are those of the
	// kind that PATH names, and those that everybody can write to.
	Marks   []hardening.Mark  `json:"marks,omitempty"`
	Caches  []hardening.Cache `json:"caches,omitempty"`
	Secrets []FileSecret      `json:"secrets,omitempty"`
	// Searched counts files that were searched for secrets, Skipped those that
	// were too large, Dropped what was found beyond the bounds.
	Searched int `json:"searched,omitempty"`
	Skipped  int `json:"skipped,omitempty"`
	Dropped  int `json:"dropped,omitempty"`
}

// noted is a mark with the place of its entry in the archive.
type noted struct {
	hardening.Mark
	place int
}

// observer gathers the facts of one layer.
type observer struct {
	facts  LayerFacts
	marks  []noted
	caches map[string]*hardening.Cache
}

// Programs that are told of, by their names in a directory of programs.
var programs = map[string]hardening.MarkKind{
	"sh": hardening.Shell, "bash": hardening.Shell, "dash": hardening.Shell, "ash": hardening.Shell, "zsh": hardening.Shell, "ksh": hardening.Shell,
	"mksh": hardening.Shell, "fish": hardening.Shell, "tcsh": hardening.Shell, "csh": hardening.Shell, "busybox": hardening.Shell, "pwsh": hardening.Shell,
	"apt": hardening.Manager, "apt-get": hardening.Manager, "dpkg": hardening.Manager, "apk": hardening.Manager, "rpm": hardening.Manager,
	"yum": hardening.Manager, "dnf": hardening.Manager, "microdnf": hardening.Manager, "tdnf": hardening.Manager, "zypper": hardening.Manager, "pacman": hardening.Manager,
	"pip": hardening.Manager, "pip3": hardening.Manager, "npm": hardening.Manager, "gem": hardening.Manager, "conda": hardening.Manager,
	"sudo": hardening.Sudo, "doas": hardening.Sudo,
	"sshd": hardening.Server, "telnetd": hardening.Server, "in.telnetd": hardening.Server, "dropbear": hardening.Server,
}

// Bits of a mode, as tar has them.
const (
	bitsSetuid = 0o4000
	bitsSetgid = 0o2000
	bitsOthers = 0o0002
	bitsAll    = 0o7777
)

// entry looks at the header of an entry, which runs for every file.
func (o *observer) entry(p string, h *tar.Header, place int) {
	mode := hardening.Mode(h.Mode & bitsAll)
	if h.Typeflag == tar.TypeDir {
		if mode&bitsOthers != 0 || ofPath(p) {
			o.note(hardening.Mark{Kind: hardening.Directory, Path: p, Mode: mode}, place)
		}
		return
	}
	base := path.Base(p)
	if h.Typeflag != tar.TypeSymlink {
		switch {
		case mode&bitsSetuid != 0:
			o.note(hardening.Mark{Kind: hardening.Setuid, Path: p, Mode: mode}, place)
		case mode&bitsSetgid != 0:
			o.note(hardening.Mark{Kind: hardening.Setgid, Path: p, Mode: mode}, place)
		}
		o.cache(p, base, h.Size)
		if strings.HasPrefix(base, "ssh_host_") && strings.HasSuffix(base, "_key") && path.Dir(p) == "etc/ssh" {
			o.note(hardening.Mark{Kind: hardening.HostKey, Path: p, Mode: mode}, place)
		}
	}
	if kind, ok := programs[base]; ok && ofPrograms(path.Dir(p)) {
		o.note(hardening.Mark{Kind: kind, Path: p}, place)
	}
}

func (o *observer) note(m hardening.Mark, place int) {
	if len(o.marks) >= maxMarks {
		o.facts.Dropped++
		return
	}
	o.marks = append(o.marks, noted{m, place})
}

// ofPrograms says whether a directory is one of programs.
func ofPrograms(dir string) bool {
	base := path.Base(dir)
	return base == "bin" || base == "sbin"
}

// ofPath says whether a directory is of the kind that PATH names: the modes of
// these are kept, so that a later layer's word counts.
func ofPath(p string) bool {
	switch path.Base(p) {
	case "bin", "sbin", "scripts", "shims", "games", "condabin", "tools", ".bin":
		return true
	}
	if strings.Count(p, "/") > 1 {
		return false
	}
	first, _, _ := strings.Cut(p, "/")
	switch first {
	case "etc", "var", "lib", "lib64", "boot", "dev", "proc", "sys", "run", "media", "mnt", "tmp", ".":
		return false
	case "usr":
		return p == "usr"
	}
	return true
}

// cached are the directories that package managers keep what they fetched in.
//
// Sources: https://manpages.debian.org/apt, https://pip.pypa.io/en/stable/topics/caching/,
// https://docs.npmjs.com/cli/commands/npm-cache
var cached = []struct{ manager, dir string }{
	{"apt", "var/lib/apt/lists/"},
	{"apt", "var/cache/apt/"},
	{"apk", "var/cache/apk/"},
	{"dnf", "var/cache/dnf/"},
	{"dnf", "var/cache/yum/"},
	{"dnf", "var/cache/libdnf5/"},
	{"tdnf", "var/cache/tdnf/"},
	{"zypper", "var/cache/zypp/"},
	{"pacman", "var/cache/pacman/pkg/"},
}

// cachedAtHome are the same below somebody's home directory.
var cachedAtHome = []struct{ manager, dir string }{
	{"pip", "/.cache/pip/"},
	{"npm", "/.npm/_cacache/"},
	{"yarn", "/.cache/yarn/"},
	{"uv", "/.cache/uv/"},
	{"poetry", "/.cache/pypoetry/"},
	{"go", "/.cache/go-build/"},
	{"cargo", "/.cargo/registry/cache/"},
	{"nuget", "/.local/share/NuGet/"},
	{"composer", "/.composer/cache/"},
}

func (o *observer) cache(p, base string, size int64) {
	manager := ""
	switch {
	case size <= 0 || base == "lock":
		return
	case strings.HasPrefix(p, "var/"):
		for _, c := range cached {
			if strings.HasPrefix(p, c.dir) {
				manager = c.manager
				break
			}
		}
	case strings.Contains(p, "/."):
		for _, c := range cachedAtHome {
			if strings.Contains(p, c.dir) {
				manager = c.manager
				break
			}
		}
	}
	if manager == "" {
		return
	}
	if o.caches == nil {
		o.caches = map[string]*hardening.Cache{}
	}
	c := o.caches[manager]
	if c == nil {
		c = &hardening.Cache{Manager: manager}
		o.caches[manager] = c
	}
	c.Files++
	c.Bytes += size
}

// search looks for secrets in a file that is in memory.
func (o *observer) search(in *input) {
	o.facts.Searched++
	for _, found := range secret.File(in.path, in.bytes) {
		if len(o.facts.Secrets) >= maxSecrets {
			o.facts.Dropped++
			continue
		}
		o.facts.Secrets = append(o.facts.Secrets, FileSecret{in.path, found})
	}
}

// finish gives the facts without marks on what the archive itself replaced.
// Secrets in replaced files stay: the layer has them.
func (o *observer) finish(names settled) *LayerFacts {
	f := &o.facts
	for _, m := range o.marks {
		if names.stands(m.Path, m.place) {
			f.Marks = append(f.Marks, m.Mark)
		}
	}
	slices.SortFunc(f.Marks, func(a, b hardening.Mark) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Kind, b.Kind))
	})
	for _, c := range o.caches {
		f.Caches = append(f.Caches, *c)
	}
	slices.SortFunc(f.Caches, func(a, b hardening.Cache) int { return cmp.Compare(a.Manager, b.Manager) })
	slices.SortStableFunc(f.Secrets, func(a, b FileSecret) int { return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line)) })
	return f
}

// observe joins the layers' facts to the image's.
func (m *merger) observe(img *Image) {
	if img.Facts == nil {
		return
	}
	f := img.Facts
	marks := map[string]hardening.Mark{}
	for i, r := range m.results {
		if r == nil || r.Facts == nil {
			f.Unread++
			continue
		}
		layer := img.Layers[i].Digest
		f.Searched, f.Skipped = f.Searched+r.Facts.Searched, f.Skipped+r.Facts.Skipped
		if r.Facts.Dropped > 0 {
			f.Unread++
		}
		for _, mark := range r.Facts.Marks {
			key := string(mark.Kind) + " " + mark.Path
			delete(marks, key)
			writable := mark.Kind != hardening.Directory || mark.Mode&bitsOthers != 0
			if writable && !m.covered(mark.Path, i) {
				mark.Path, mark.Layer = "/"+mark.Path, layer
				marks[key] = mark
			}
		}
		for _, c := range r.Facts.Caches {
			c.Layer = layer
			f.Caches = append(f.Caches, c)
		}
		for _, s := range r.Facts.Secrets {
			img.Secrets = append(img.Secrets, hardening.Secret{Found: s.Found, Places: []hardening.Place{{
				In: hardening.InFile, Path: "/" + s.Path, Line: s.Line, Layer: layer, Deleted: m.covered(s.Path, i), Step: img.Layers[i].CreatedBy,
			}}})
		}
	}
	for _, mark := range marks {
		f.Marks = append(f.Marks, mark)
	}
	slices.SortFunc(f.Marks, func(a, b hardening.Mark) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Path, b.Path))
	})
	img.Secrets = hardening.Join(img.Secrets)
}
