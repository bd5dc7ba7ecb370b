package imagespec

import (
	"archive/tar"
	"crypto/sha1" //nolint:gosec // apk's own checksums are SHA-1
	"encoding/base64"
	"fmt"
	"path"
	"slices"
	"strings"
)

var codenames = map[string]string{
	"debian 10": "buster", "debian 11": "bullseye", "debian 12": "bookworm", "debian 13": "trixie",
	"ubuntu 20.04": "focal", "ubuntu 22.04": "jammy", "ubuntu 24.04": "noble",
}

var distributions = map[string]string{"debian": "Debian GNU/Linux", "ubuntu": "Ubuntu", "alpine": "Alpine Linux", "azurelinux": "Microsoft Azure Linux", "wolfi": "Wolfi"}

// osRelease writes os-release(5) where the distribution has it.
func (l *Layer) osRelease(t *tree, _ *state) error {
	if l.OSRelease == "" {
		return nil
	}
	id, version, ok := strings.Cut(l.OSRelease, " ")
	if !ok || id == "" || version == "" || strings.ContainsAny(l.OSRelease, "\"\n") {
		return fmt.Errorf("osRelease %.40q is not a distribution and a version", l.OSRelease)
	}
	title := distributions[id]
	if title == "" {
		title = id
	}
	code := codenames[l.OSRelease]
	var b strings.Builder
	pretty := title + " " + version
	if id == "alpine" {
		pretty = title + " v" + version
	}
	if code != "" {
		pretty += " (" + code + ")"
	}
	fmt.Fprintf(&b, "PRETTY_NAME=%q\nNAME=%q\nVERSION_ID=%q\n", pretty, title, version)
	if code != "" {
		fmt.Fprintf(&b, "VERSION=%q\nVERSION_CODENAME=%s\n", version+" ("+code+")", code)
	}
	fmt.Fprintf(&b, "ID=%s\n", id)
	if id == "ubuntu" {
		b.WriteString("ID_LIKE=debian\n")
	}
	if id == "alpine" {
		if err := t.file("etc/alpine-release", []byte(version+"\n")); err != nil {
			return err
		}
		return t.file("etc/os-release", []byte(b.String()))
	}
	if id == "debian" {
		if err := t.file("etc/debian_version", []byte(version+"\n")); err != nil {
			return err
		}
	}
	if err := t.file("usr/lib/os-release", []byte(b.String())); err != nil {
		return err
	}
	return t.put("etc/os-release", entry{kind: tar.TypeSymlink, link: "../usr/lib/os-release", mode: 0o777})
}

// dpkg writes the status database and the file lists of what is new.
// https://manpages.debian.org/bookworm/dpkg-dev/deb-control.5.en.html
func (l *Layer) dpkg(t *tree, s *state) error {
	if len(l.Dpkg) == 0 && len(l.DpkgRemove) == 0 {
		return nil
	}
	for _, name := range l.DpkgRemove {
		before := len(s.debs)
		s.debs = slices.DeleteFunc(s.debs, func(d Deb) bool { return d.Name == name })
		if len(s.debs) == before {
			return fmt.Errorf("dpkg has no package %.80q to remove", name)
		}
	}
	for _, d := range l.Dpkg {
		if badName(d.Name) || badName(d.Version) {
			return fmt.Errorf("dpkg: %w", errNameless)
		}
		if d.Arch == "" {
			d.Arch = s.arch
		}
		if i := slices.IndexFunc(s.debs, func(o Deb) bool { return o.Name == d.Name }); i >= 0 {
			s.debs[i] = d
		} else {
			s.debs = append(s.debs, d)
		}
		doc := "usr/share/doc/" + d.Name + "/copyright"
		if err := t.file(doc, []byte("Synthetic package "+d.Name+".\n")); err != nil {
			return err
		}
		if l.Distroless {
			if err := t.file("var/lib/dpkg/status.d/"+d.Name, []byte(d.stanza(false))); err != nil {
				return err
			}
			continue
		}
		if err := t.file("var/lib/dpkg/info/"+d.Name+".list", []byte(fileList(append([]string{doc}, d.Owns...)))); err != nil {
			return err
		}
	}
	if l.Distroless {
		return nil
	}
	sorted := slices.SortedFunc(slices.Values(s.debs), func(a, b Deb) int { return strings.Compare(a.Name, b.Name) })
	var b strings.Builder
	for _, d := range sorted {
		b.WriteString(d.stanza(true))
		b.WriteByte('\n')
	}
	return t.file("var/lib/dpkg/status", []byte(b.String()))
}

func badName(s string) bool { return s == "" || strings.ContainsAny(s, " \t\r\n/\x00") }

func (d Deb) stanza(installed bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Package: %s\n", d.Name)
	if installed {
		b.WriteString("Status: install ok installed\n")
	}
	b.WriteString("Priority: optional\nSection: misc\nInstalled-Size: 100\nMaintainer: Synthetic <nobody@example.com>\n")
	fmt.Fprintf(&b, "Architecture: %s\n", d.Arch)
	if d.Source != "" && d.Source != d.Name {
		fmt.Fprintf(&b, "Source: %s\n", strings.ReplaceAll(d.Source, "\n", " "))
	}
	fmt.Fprintf(&b, "Version: %s\nDescription: synthetic package\n", d.Version)
	return b.String()
}

// fileList is a package's info/*.list: every file with the directories above.
func fileList(files []string) string {
	all := []string{"/."}
	for _, f := range files {
		f = "/" + strings.TrimPrefix(f, "/")
		for dir := path.Dir(f); dir != "/"; dir = path.Dir(dir) {
			all = append(all, dir)
		}
		all = append(all, f)
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), "\n") + "\n"
}

var apkArch = map[string]string{"amd64": "x86_64", "arm64": "aarch64", "arm": "armv7", "386": "x86"}

// apk writes lib/apk/db/installed.
// https://wiki.alpinelinux.org/wiki/Apk_spec#Installed_Database_V2
func (l *Layer) apk(t *tree, s *state) error {
	if len(l.APK) == 0 && len(l.APKRemove) == 0 {
		return nil
	}
	for _, name := range l.APKRemove {
		before := len(s.apks)
		s.apks = slices.DeleteFunc(s.apks, func(a APK) bool { return a.Name == name })
		if len(s.apks) == before {
			return fmt.Errorf("apk has no package %.80q to remove", name)
		}
	}
	for _, a := range l.APK {
		if badName(a.Name) || badName(a.Version) {
			return fmt.Errorf("apk: %w", errNameless)
		}
		if a.Arch == "" {
			a.Arch = s.arch
			if arch := apkArch[s.arch]; arch != "" {
				a.Arch = arch
			}
		}
		if a.Source == "" {
			a.Source = a.Name
		}
		if i := slices.IndexFunc(s.apks, func(o APK) bool { return o.Name == a.Name }); i >= 0 {
			s.apks[i] = a
		} else {
			s.apks = append(s.apks, a)
		}
	}
	var b strings.Builder
	for _, a := range s.apks {
		b.WriteString(a.record())
		b.WriteByte('\n')
	}
	return t.file("lib/apk/db/installed", []byte(b.String()))
}

func (a APK) record() string {
	sum := sha1.Sum([]byte(a.Name + "-" + a.Version)) //nolint:gosec // as above
	var b strings.Builder
	fmt.Fprintf(&b, "C:Q1%s\nP:%s\nV:%s\nA:%s\nS:1000\nI:4096\nT:synthetic package\nU:https://example.com\nL:MIT\no:%s\nm:Synthetic <nobody@example.com>\nt:1704067200\nc:%x\n",
		base64.StdEncoding.EncodeToString(sum[:]), a.Name, a.Version, a.Arch, a.Source, sum)
	dir := ""
	for _, f := range slices.Sorted(slices.Values(a.Owns)) {
		f = strings.TrimPrefix(f, "/")
		if d := path.Dir(f); d != dir {
			dir = d
			fmt.Fprintf(&b, "F:%s\n", d)
		}
		fmt.Fprintf(&b, "R:%s\n", path.Base(f))
	}
	return b.String()
}
