package image

import (
	"bufio"
	"bytes"
	"fmt"
	"path"
	"strings"
)

// maxLine bounds a line of a package database, in bytes: dpkg's longest
// fields (Conffiles, Depends) stay under 100 KB.
const maxLine = 4 << 20

func lines(in *input) *bufio.Scanner {
	s := bufio.NewScanner(in.reader())
	s.Buffer(make([]byte, 0, 64<<10), maxLine)
	return s
}

// readDpkg reads Debian's database of installed packages, whole or as
// distroless images keep it, one file a package.
//
// Source: https://www.debian.org/doc/debian-policy/ch-controlfields.html
func readDpkg(in *input) (*File, error) {
	f := &File{Database: path.Base(in.path) == "status"}
	var p Found
	installed, seen := true, false
	flush := func() {
		if seen && installed && p.Name != "" && p.Version != "" {
			f.Packages = append(f.Packages, p)
		}
		p, installed, seen = Found{Type: "deb"}, true, false
	}
	flush()
	s := lines(in)
	for s.Scan() {
		line := s.Bytes()
		if len(bytes.TrimSpace(line)) == 0 {
			flush()
			continue
		}
		seen = true
		if line[0] == ' ' || line[0] == '\t' { // a field's further lines
			continue
		}
		key, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			continue
		}
		dpkgField(&p, &installed, string(key), strings.TrimSpace(string(value)))
	}
	flush()
	return f, s.Err()
}

func dpkgField(p *Found, installed *bool, key, value string) {
	switch key {
	case "Package":
		p.Name = value
	case "Version":
		p.Version = value
	case "Architecture":
		p.Arch = value
	case "Status": // "want flag status": only the last says whether files are there
		*installed = strings.HasSuffix(value, " installed")
	case "Source": // "name" or "name (version)"
		name, version, _ := strings.Cut(value, "(")
		p.Source = strings.TrimSpace(name)
		p.SourceVersion = strings.TrimSpace(strings.TrimSuffix(version, ")"))
	}
}

// readDpkgList reads which files a package has, keeping those that could be
// language packages.
func readDpkgList(in *input) (*File, error) {
	name := strings.TrimSuffix(path.Base(in.path), ".list")
	name, _, _ = strings.Cut(name, ":") // "libc6:amd64"
	f := &File{Owner: name}
	s := lines(in)
	for s.Scan() {
		if p := strings.TrimPrefix(s.Text(), "/"); ownable(p) {
			f.Owned = append(f.Owned, p)
		}
	}
	if len(f.Owned) == 0 {
		return nil, s.Err()
	}
	return f, s.Err()
}

// readApk reads Alpine's database of installed packages.
//
// Source: https://wiki.alpinelinux.org/wiki/Apk_spec#Installed_Database_V2
func readApk(in *input) (*File, error) {
	f := &File{Database: true}
	p := Found{Type: "apk"}
	dir := ""
	flush := func() {
		if p.Name != "" && p.Version != "" {
			f.Packages = append(f.Packages, p)
		}
		p, dir = Found{Type: "apk"}, ""
	}
	s := lines(in)
	for s.Scan() {
		line := s.Text()
		if line == "" {
			flush()
			continue
		}
		if len(line) < 2 || line[1] != ':' {
			continue
		}
		value := line[2:]
		switch line[0] {
		case 'P':
			p.Name = value
		case 'V':
			p.Version = value
		case 'A':
			p.Arch = value
		case 'o':
			p.Source = value
		case 'F':
			dir = value
		case 'R':
			if file := path.Join(dir, value); ownable(file) {
				p.Owned = append(p.Owned, file)
			}
		}
	}
	flush()
	return f, s.Err()
}

// OS is what an image says its distribution is.
//
// Source: https://www.freedesktop.org/software/systemd/man/latest/os-release.html
type OS struct {
	ID       string `json:"id"`      // "debian", "alpine", "azurelinux"
	Version  string `json:"version"` // VERSION_ID: "12", "3.18.4"
	Name     string `json:"name,omitempty"`
	Codename string `json:"codename,omitempty"`
}

func readOSRelease(in *input) (*File, error) {
	o := OS{ID: "linux"} // the specification's default
	s := lines(in)
	for s.Scan() {
		key, value, ok := strings.Cut(strings.TrimSpace(s.Text()), "=")
		if !ok || strings.HasPrefix(key, "#") {
			continue
		}
		value = unquote(value)
		if len(value) > 200 { // names are short; more is an attack on whoever prints them
			return nil, fmt.Errorf("%s is longer than 200 bytes", key)
		}
		switch key {
		case "ID":
			o.ID = strings.ToLower(value)
		case "VERSION_ID":
			o.Version = value
		case "PRETTY_NAME":
			o.Name = value
		case "VERSION_CODENAME":
			o.Codename = value
		}
	}
	return &File{OS: &o}, s.Err()
}

func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		s = s[1 : len(s)-1]
	}
	return strings.ReplaceAll(s, `\`, "")
}

// readRpmManifest reads what Azure Linux's distroless images keep instead of
// a database: one package a line, tabs between name, version-release, install
// time, build time, vendor, epoch, size, architecture, epoch number, source.
//
// Source: https://github.com/microsoft/azurelinux/blob/3.0/toolkit/tools/imagegen
func readRpmManifest(in *input) (*File, error) {
	f := &File{Database: true}
	s := lines(in)
	for s.Scan() {
		field := strings.Split(s.Text(), "\t")
		if len(field) < 2 || field[0] == "" {
			continue
		}
		p := Found{Type: "rpm", Name: field[0], Version: field[1]}
		if len(field) > 7 {
			p.Arch = field[7]
		}
		if len(field) > 8 {
			p.Version = withEpoch(field[8], p.Version)
		}
		if len(field) > 9 {
			p.Source = sourceName(field[9])
		}
		f.Packages = append(f.Packages, p)
	}
	return f, s.Err()
}

// withEpoch writes an epoch that is not the default in front of the version.
func withEpoch(epoch, version string) string {
	if epoch == "" || epoch == "0" || epoch == "(none)" {
		return version
	}
	return epoch + ":" + version
}

// sourceName takes the name off "openssl-3.3.0-1.azl3.src.rpm".
func sourceName(file string) string {
	name := strings.TrimSuffix(file, ".rpm")
	for range 2 {
		i := strings.LastIndexByte(name, '-')
		if i < 0 {
			return ""
		}
		name = name[:i]
	}
	return name
}
