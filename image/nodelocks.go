package image

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// npmLockFile is package-lock.json: packages in versions 2 and 3, dependencies
// in 1 and, for older programs, in 2.
//
// Source: https://docs.npmjs.com/cli/configuring-npm/package-lock-json
type npmLockFile struct {
	Packages map[string]struct {
		Name    string `json:"name"` // where it differs from the path's
		Version string `json:"version"`
		Dev     bool   `json:"dev"`
		Link    bool   `json:"link"` // to a directory of the project
	} `json:"packages"`
	Dependencies npmDependencies `json:"dependencies"`
}

type npmDependencies map[string]struct {
	Version      string          `json:"version"`
	Dev          bool            `json:"dev"`
	Dependencies npmDependencies `json:"dependencies"`
}

// readNpmLock reads what npm chose, without what is for development.
func readNpmLock(in *input) (*File, error) {
	var lock npmLockFile
	if err := json.Unmarshal(in.bytes, &lock); err != nil {
		return nil, fmt.Errorf("it is not npm's lock file: %w", err)
	}
	var out []Found
	for p, m := range lock.Packages {
		const modules = "node_modules/"
		i := strings.LastIndex(p, modules)
		if i < 0 || m.Link || m.Dev { // the project and its workspaces
			continue
		}
		name := p[i+len(modules):]
		if m.Name != "" {
			name = m.Name
		}
		if m.Version != "" {
			out = append(out, Found{Type: "npm", Name: name, Version: m.Version})
		}
	}
	if len(lock.Packages) == 0 {
		out = lock.Dependencies.all(nil)
	}
	return locked(out)
}

// all gives the dependencies at every depth; the JSON reader bounds the depth.
func (d npmDependencies) all(out []Found) []Found {
	for name, m := range d {
		if !m.Dev {
			version := m.Version
			if alias, ok := strings.CutPrefix(version, "npm:"); ok { // "npm:lodash@4.17.4"
				name, version = splitAt(alias)
			}
			if version != "" && version[0] >= '0' && version[0] <= '9' { // others are from a repository or a path
				out = append(out, Found{Type: "npm", Name: name, Version: version})
			}
		}
		out = m.Dependencies.all(out)
	}
	return out
}

// splitAt splits "@babel/core@7.0.0" at the last @.
func splitAt(s string) (name, version string) {
	if i := strings.LastIndexByte(s, '@'); i > 0 {
		return s[:i], s[i+1:]
	}
	return s, ""
}

// pnpmKey is a package in pnpm-lock.yaml: "/lodash/4.17.4:" in version 5,
// "/lodash@4.17.4:" in 6, "lodash@4.17.4:" in 9, each with the peers it was
// resolved with after it.
var pnpmKey = regexp.MustCompile(`^  '?/?((?:@[^/@\s]+/)?[^/@\s(']+)[@/](\d[^(_:'\s]*)[^:]*'?:\s*$`)

// readPnpmLock reads the packages section of pnpm-lock.yaml, which pnpm writes
// with two spaces a level, without what it marks as for development.
//
// Source: https://github.com/pnpm/spec/tree/master/lockfile
func readPnpmLock(in *input) (*File, error) {
	var out []Found
	section := ""
	open := false // out's last is the one that the lines are about
	s := lines(in)
	for s.Scan() {
		line := strings.TrimRight(s.Text(), "\r")
		switch {
		case line == "" || line[0] == '#':
		case line[0] != ' ':
			section, open = line, false
		case section != "packages:":
		case !strings.HasPrefix(line, "   "):
			m := pnpmKey.FindStringSubmatch(line)
			if open = m != nil; open {
				out = append(out, Found{Type: "npm", Name: m[1], Version: m[2]})
			}
		case open && strings.TrimSpace(line) == "dev: true":
			out, open = out[:len(out)-1], false
		}
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	return locked(out)
}

// readYarnLock reads yarn.lock, of version 1 and of 2 and later. It does not
// tell what is for development.
//
// Source: https://classic.yarnpkg.com/lang/en/docs/yarn-lock/
func readYarnLock(in *input) (*File, error) {
	var out []Found
	name := ""
	s := lines(in)
	for s.Scan() {
		line := strings.TrimRight(s.Text(), "\r")
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] != ' ' {
			name = yarnName(line)
			continue
		}
		if rest, ok := strings.CutPrefix(line, "  version"); ok && name != "" {
			out = append(out, Found{Type: "npm", Name: name, Version: unquote(strings.TrimSpace(strings.TrimPrefix(rest, ":")))})
			name = ""
		}
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	return locked(out)
}

// yarnName takes the package's name off a heading: `"@babel/core@^7.0.0",
// "@babel/core@^7.1.0":` or `"lodash@npm:^4.17.0":`. A package of the project,
// and what is no package, has "".
func yarnName(line string) string {
	first, _, _ := strings.Cut(strings.TrimSuffix(line, ":"), ",")
	first = strings.Trim(strings.TrimSpace(first), `"`)
	at := strings.IndexByte(first[min(1, len(first)):], '@') + 1 // a scope's @ is the first letter
	if at < 1 {
		return ""
	}
	name, wanted := first[:at], first[at+1:]
	for _, own := range []string{"workspace:", "portal:", "link:", "file:"} {
		if strings.HasPrefix(wanted, own) {
			return ""
		}
	}
	// An alias: "lodash4@npm:lodash@4.17.4"
	if alias, ok := strings.CutPrefix(wanted, "npm:"); ok && strings.LastIndexByte(alias, '@') > 0 {
		name, _ = splitAt(alias)
	}
	return name
}
