package image

import (
	"path"
	"strings"
)

// readPacman reads one package of Arch Linux's database: a heading in percent
// signs, its values a line each, an empty line.
//
// Source: https://man.archlinux.org/man/PKGBUILD.5 and alpm-db-desc(5),
// https://alpm.archlinux.page/specifications/alpm-db-desc.5.html
func readPacman(in *input) (*File, error) {
	p := Found{Type: "alpm"}
	heading := ""
	s := lines(in)
	for s.Scan() {
		line := strings.TrimSpace(s.Text())
		if strings.HasPrefix(line, "%") {
			heading = line
			continue
		}
		if line == "" {
			continue
		}
		switch heading {
		case "%NAME%":
			p.Name = line
		case "%VERSION%":
			p.Version = line
		case "%ARCH%":
			p.Arch = line
		case "%BASE%": // what the package was built from
			p.Source = line
		}
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	if err := identified(p.Name, p.Version); err != nil {
		return nil, err
	}
	return &File{Packages: []Found{p}}, nil
}

// readPacmanFiles reads which files a package has; its directory is named
// NAME-VERSION-RELEASE.
func readPacmanFiles(in *input) (*File, error) {
	name := path.Base(path.Dir(in.path))
	for range 2 {
		if i := strings.LastIndexByte(name, '-'); i > 0 {
			name = name[:i]
		}
	}
	f := &File{Owner: name}
	s := lines(in)
	for s.Scan() {
		if p := s.Text(); ownable(p) {
			f.Owned = append(f.Owned, p)
		}
	}
	if len(f.Owned) == 0 {
		return nil, s.Err()
	}
	return f, s.Err()
}
