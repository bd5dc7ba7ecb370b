package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
)

// maxNameLen bounds a package's name and version, in bytes: npm allows 214.
const maxNameLen = 512

func plausible(name, version string) error {
	switch {
	case name == "":
		return errors.New("it names no package")
	case len(name) > maxNameLen || len(version) > maxNameLen:
		return fmt.Errorf("its name or version is longer than %d bytes", maxNameLen)
	case strings.ContainsAny(name+version, "\x00\n\r\t"):
		return errors.New("its name or version has a control character")
	}
	return nil
}

// isNpmPackage says whether the path is the manifest of an installed package:
// node_modules/NAME/package.json or node_modules/@SCOPE/NAME/package.json, and
// where Debian installs what it packages. Other package.json files are parts of
// packages, or projects.
func isNpmPackage(p string) bool {
	dir := path.Dir(path.Dir(p))
	if strings.HasPrefix(path.Base(dir), "@") {
		dir = path.Dir(dir)
	}
	return path.Base(dir) == "node_modules" || dir == "usr/share/nodejs" || dir == "usr/lib/nodejs"
}

func readNpm(in *input) (*File, error) {
	var m struct {
		Name    json.RawMessage `json:"name"`
		Version json.RawMessage `json:"version"`
	}
	if err := json.Unmarshal(in.bytes, &m); err != nil {
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	var name, version string
	if json.Unmarshal(m.Name, &name) != nil || name == "" {
		// Without a name npm could not have installed it: a package's own file.
		return nil, nil //nolint:nilerr // see above
	}
	if json.Unmarshal(m.Version, &version) != nil || version == "" {
		return nil, fmt.Errorf("package %.80q has no version", name)
	}
	if err := plausible(name, version); err != nil {
		return nil, err
	}
	return &File{Packages: []Found{{Type: "npm", Name: name, Version: strings.TrimPrefix(version, "v")}}}, nil
}

// readPython reads the head of a wheel's METADATA or an egg's PKG-INFO.
//
// Source: https://packaging.python.org/en/latest/specifications/core-metadata/
func readPython(in *input) (*File, error) {
	p := Found{Type: "pypi"}
	s := lines(in)
	for s.Scan() {
		line := s.Text()
		if line == "" {
			break // the description follows
		}
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		switch value = strings.TrimSpace(value); strings.ToLower(key) {
		case "name":
			p.Name = value
		case "version":
			p.Version = value
		}
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	if p.Version == "" {
		return nil, errors.New("it names no version")
	}
	if err := plausible(p.Name, p.Version); err != nil {
		return nil, err
	}
	return &File{Packages: []Found{p}}, nil
}

// readDotnet reads the packages that a published .NET program was resolved to.
//
// Source: https://github.com/dotnet/sdk/blob/main/documentation/specs/runtime-configuration-file.md
func readDotnet(in *input) (*File, error) {
	var deps struct {
		Libraries map[string]struct {
			Type string `json:"type"`
		} `json:"libraries"`
	}
	if err := json.Unmarshal(in.bytes, &deps); err != nil {
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	f := &File{}
	if framework, ok := dotnetRuntime(in.path); ok {
		f.Packages = append(f.Packages, framework)
	}
	for id, lib := range deps.Libraries {
		name, version, ok := strings.Cut(id, "/")
		if lib.Type == "runtimepack" { // the runtime that a self-contained program brings
			name = strings.TrimPrefix(name, "runtimepack.")
		} else if lib.Type != "package" {
			ok = false // the program's own projects, and files without a version of their own
		}
		if !ok {
			continue
		}
		if err := identified(name, version); err != nil {
			return nil, err
		}
		f.Packages = append(f.Packages, Found{Type: "nuget", Name: name, Version: version})
	}
	sortFound(f.Packages)
	return f, nil
}

// gemFile splits "rails-html-sanitizer-1.4.2.gemspec"; a platform may follow
// the version ("nokogiri-1.13.0-x86_64-linux").
var gemFile = regexp.MustCompile(`^(.+?)-(\d[0-9A-Za-z.]*)(?:-[0-9A-Za-z_.-]+)?\.gemspec$`)

func readGem(in *input) (*File, error) {
	m := gemFile.FindStringSubmatch(path.Base(in.path))
	if m == nil {
		return nil, errors.New("its name is not NAME-VERSION.gemspec")
	}
	if err := plausible(m[1], m[2]); err != nil {
		return nil, err
	}
	return &File{Packages: []Found{{Type: "gem", Name: m[1], Version: m[2]}}}, nil
}

// readComposer reads PHP's list of installed packages, in version 1 (an array)
// or 2 (an object).
func readComposer(in *input) (*File, error) {
	type installed struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	var v2 struct {
		Packages []installed `json:"packages"`
	}
	if json.Unmarshal(in.bytes, &v2) != nil {
		if err := json.Unmarshal(in.bytes, &v2.Packages); err != nil {
			return nil, fmt.Errorf("it is not composer's list: %w", err)
		}
	}
	f := &File{}
	var errs []error
	for _, p := range v2.Packages {
		if err := identified(p.Name, p.Version); err != nil {
			if len(errs) < maxGaps {
				errs = append(errs, fmt.Errorf("%.80q: %w", p.Name, err))
			}
			continue
		}
		f.Packages = append(f.Packages, Found{Type: "composer", Name: p.Name, Version: p.Version})
	}
	return f, errors.Join(errs...)
}
