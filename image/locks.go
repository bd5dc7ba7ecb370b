package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// locked makes the file of what a lock file asks for.
func locked(list []Found) (*File, error) {
	var errs []error
	list = slices.DeleteFunc(list, func(f Found) bool {
		err := identified(f.Name, f.Version)
		if err != nil && len(errs) < maxGaps {
			errs = append(errs, fmt.Errorf("%.80q: %w", f.Name, err))
		}
		return err != nil
	})
	sortFound(list)
	list = slices.CompactFunc(list, func(a, b Found) bool { return a.key() == b.key() })
	if len(list) == 0 {
		return nil, errors.Join(errs...)
	}
	return &File{Lock: true, Packages: list}, errors.Join(errs...)
}

// uninstalled gives the files without those lock files whose packages were
// installed: then what is installed counts, and not what was asked for. A lock
// file of npm's, pnpm's or yarn's is installed into node_modules beside it; else,
// as those of other tools, where half of what it names is installed in some
// version: what is for tests may be missing, and a base image brings its own
// setuptools. What the distribution's packages brought was not asked for here.
func uninstalled(visible []*File, owners map[string]string) []*File {
	installed := map[string]bool{}
	modules := map[string]bool{} // directories with node_modules
	for _, f := range visible {
		if f.Lock || owners[mergedUsr(f.Path)] != "" {
			continue
		}
		if dir, _, ok := strings.Cut("/"+f.Path, "/node_modules/"); ok && f.Kind == npmPackage.kind {
			modules[dir] = true
		}
		for _, p := range f.Packages {
			installed[p.lockKey()] = true
		}
	}
	return slices.DeleteFunc(visible, func(f *File) bool {
		if !f.Lock {
			return false
		}
		if modules[strings.TrimSuffix(path.Dir("/"+f.Path), "/")] && f.Packages[0].Type == "npm" {
			return true
		}
		n := 0
		for _, p := range f.Packages {
			if installed[p.lockKey()] {
				n++
			}
		}
		return 2*n >= len(f.Packages)
	})
}

// lockKey is the same for a package that a lock file asks for and the one that
// is installed, whatever spelling and version each has.
func (f Found) lockKey() string {
	name := f.Name
	switch f.Type {
	case "pypi":
		name = pypiName(name)
	case "nuget":
		name = strings.ToLower(name)
	}
	return f.Type + "\x00" + name
}

// pypiSeparators are all the same in a Python package's name.
//
// Source: https://packaging.python.org/en/latest/specifications/name-normalization/
var pypiSeparators = regexp.MustCompile(`[-_.]+`)

func pypiName(name string) string {
	return strings.ToLower(pypiSeparators.ReplaceAllString(name, "-"))
}

// tomlPackages reads the [[package]] tables of poetry.lock and uv.lock, which
// are written by program: name and version, then where it is from.
type tomlPackage struct{ name, version, source, groups string }

func tomlPackages(in *input) ([]tomlPackage, error) {
	var out []tomlPackage
	table := ""
	s := lines(in)
	for s.Scan() {
		line := strings.TrimSpace(s.Text())
		if strings.HasPrefix(line, "[") {
			if table = line; table == "[[package]]" {
				out = append(out, tomlPackage{})
			}
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || table != "[[package]]" {
			continue
		}
		p := &out[len(out)-1]
		switch key, value = strings.TrimSpace(key), strings.TrimSpace(value); key {
		case "name":
			p.name = unquote(value)
		case "version":
			p.version = unquote(value)
		case "source":
			p.source = value
		case "category", "groups":
			p.groups = value
		}
	}
	return out, s.Err()
}

// devGroups of poetry.lock, in its older and its newer form.
var devGroups = map[string]bool{`"dev"`: true, `["dev"]`: true}

// readPoetryLock reads poetry.lock and uv.lock. The project itself, editable
// or virtual in uv's, is none of its packages.
//
// Source: https://docs.astral.sh/uv/concepts/projects/layout/#the-lockfile
func readPoetryLock(in *input) (*File, error) {
	list, err := tomlPackages(in)
	if err != nil {
		return nil, err
	}
	var out []Found
	for _, p := range list {
		own := strings.Contains(p.source, "editable =") || strings.Contains(p.source, "virtual =")
		if own || devGroups[p.groups] {
			continue
		}
		out = append(out, Found{Type: "pypi", Name: p.name, Version: p.version})
	}
	return locked(out)
}

// readPipfileLock reads what a Pipfile is locked to, without what is for
// development.
//
// Source: https://pipenv.pypa.io/en/latest/pipfile.html
func readPipfileLock(in *input) (*File, error) {
	var lock struct {
		Default map[string]struct {
			Version string `json:"version"`
		} `json:"default"`
	}
	if err := json.Unmarshal(in.bytes, &lock); err != nil {
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	var out []Found
	for name, p := range lock.Default {
		if version, ok := strings.CutPrefix(p.Version, "=="); ok { // others are from a repository or a path
			out = append(out, Found{Type: "pypi", Name: name, Version: version})
		}
	}
	return locked(out)
}

// pinned is a requirement of one version: name[extras]==1.2; marker.
var pinned = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*===?\s*([A-Za-z0-9][A-Za-z0-9.!+_-]*)\s*(?:[;#\\].*|--hash.*)?$`)

// readRequirements reads the requirements of one version; which version of
// the others would be installed cannot be known.
//
// Source: https://pip.pypa.io/en/stable/reference/requirements-file-format/
func readRequirements(in *input) (*File, error) {
	var out []Found
	s := lines(in)
	for s.Scan() {
		if m := pinned.FindStringSubmatch(strings.TrimSpace(strings.TrimPrefix(s.Text(), "\ufeff"))); m != nil {
			out = append(out, Found{Type: "pypi", Name: m[1], Version: m[2]})
		}
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	return locked(out)
}

// gemSpecLine is a gem that Bundler chose: four spaces, its name and version;
// what it needs itself is set further in.
var gemSpecLine = regexp.MustCompile(`^    (\S+) \((\d[^)\s]*?)(?:-(?:java|ruby|x86|x64|arm|aarch|universal|mingw|mswin)[^)]*)?\)$`)

// readGemLock reads the gems of servers; those of PATH are the project's own.
//
// Source: https://bundler.io/guides/lockfiles.html
func readGemLock(in *input) (*File, error) {
	var out []Found
	section := ""
	s := lines(in)
	for s.Scan() {
		line := strings.TrimRight(s.Text(), "\r")
		if line != "" && line[0] != ' ' {
			section = line
			continue
		}
		if m := gemSpecLine.FindStringSubmatch(line); m != nil && (section == "GEM" || section == "GIT") {
			out = append(out, Found{Type: "gem", Name: m[1], Version: m[2]})
		}
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	return locked(out)
}

// readComposerLock reads what composer chose, without what is for development.
func readComposerLock(in *input) (*File, error) {
	var lock struct {
		Packages []struct {
			Name    string `json:"name"`
			Version string `json:"version"`
		} `json:"packages"`
	}
	if err := json.Unmarshal(in.bytes, &lock); err != nil {
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	out := make([]Found, 0, len(lock.Packages))
	for _, p := range lock.Packages {
		out = append(out, Found{Type: "composer", Name: p.Name, Version: p.Version})
	}
	return locked(out)
}

// readNugetLock reads packages.lock.json, framework by framework.
//
// Source: https://learn.microsoft.com/nuget/consume-packages/package-references-in-project-files#locking-dependencies
func readNugetLock(in *input) (*File, error) {
	var lock struct {
		Dependencies map[string]map[string]struct {
			Type     string `json:"type"`
			Resolved string `json:"resolved"`
		} `json:"dependencies"`
	}
	if err := json.Unmarshal(in.bytes, &lock); err != nil {
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	var out []Found
	for _, framework := range lock.Dependencies {
		for name, p := range framework {
			if p.Type != "Project" {
				out = append(out, Found{Type: "nuget", Name: name, Version: p.Resolved})
			}
		}
	}
	return locked(out)
}
