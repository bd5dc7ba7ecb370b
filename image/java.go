package image

import (
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/azward/azward/internal/bound"
)

// jarReader holds what all archives within one file may take together.
type jarReader struct {
	entries int
	left    int64 // bytes that may still be unpacked
	found   []Found
	errs    []error
}

// readJava reads the Maven coordinates in a jar, war or ear, and in those
// within it: from pom.properties where Maven wrote one, else from the manifest
// and the file's name.
func readJava(in *input) (*File, error) {
	j := &jarReader{left: min(maxJarPlain, max(minJarPlain, plainRatio*in.size))}
	if err := j.archive(in.at, in.size, path.Base(in.path), "", 0); err != nil {
		j.errs = slices.Insert(j.errs, 0, err) // what ended it comes before what was wrong on the way
	}
	sortFound(j.found)
	j.found = slices.CompactFunc(j.found, func(a, b Found) bool { return a.key() == b.key() && a.Inside == b.Inside })
	return &File{Packages: j.found}, errors.Join(j.errs...)
}

// errJarBomb ends an archive of which nothing more is to be expected.
var errJarBomb = fmt.Errorf("it unpacks to more than %d times its size, or is damaged in more than %d places", plainRatio, maxGaps)

// archive reads one archive; inside is its path within the outermost one.
func (j *jarReader) archive(r io.ReaderAt, size int64, name, inside string, depth int) error {
	z, err := openZip(r, size, maxJarEntries-j.entries)
	if err != nil {
		return fmt.Errorf("%s is no archive that can be read: %w", name, err)
	}
	j.entries += len(z.File)
	var manifest jarManifest
	var poms []Found
	var classes classDirs
	var ended error
	for _, f := range z.File {
		if j.left <= 0 || len(j.errs) > maxGaps {
			ended = errJarBomb
			break
		}
		base := path.Base(f.Name)
		switch {
		case base == "pom.properties": // under META-INF/maven, or WEB-INF/classes/META-INF/maven
			err = j.load(f, maxText, func(b []byte) error {
				p, err := readPom(b)
				if err == nil {
					p.Inside = inside
					poms = append(poms, p)
				}
				return err
			})
		case f.Name == "META-INF/MANIFEST.MF":
			err = j.load(f, maxText, func(b []byte) error { manifest = readManifest(b); return nil })
		case strings.HasSuffix(base, ".class"):
			classes.add(f.Name)
		case nested(base):
			err = j.nested(f, path.Join(inside, f.Name), depth) //nolint:gosec // shown as a location, never opened
		}
		if err != nil {
			j.errs = append(j.errs, fmt.Errorf("%.200q: %w", f.Name, err))
			err = nil
		}
	}
	if len(poms) == 0 && inside == "" && !strings.HasSuffix(name, ".jar") {
		return nil // a war or ear is the program itself
	}
	if len(poms) == 0 {
		if p, ok := guess(name, manifest, classes); ok {
			p.Inside = inside
			poms = append(poms, p)
		}
	}
	j.found = append(j.found, poms...)
	if len(j.found) > maxPackages {
		return fmt.Errorf("it has more than %d packages", maxPackages)
	}
	return ended
}

func nested(base string) bool {
	switch path.Ext(base) {
	case ".jar", ".war", ".ear":
		return true
	}
	return false
}

func (j *jarReader) nested(f *zip.File, inside string, depth int) error {
	if depth+1 >= maxJarDepth {
		return fmt.Errorf("archives are nested more than %d deep", maxJarDepth)
	}
	return j.load(f, maxNested, func(b []byte) error {
		return j.archive(bytes.NewReader(b), int64(len(b)), path.Base(f.Name), inside, depth+1)
	})
}

// load unpacks one entry, counting against what all may take.
func (j *jarReader) load(f *zip.File, limit int64, use func([]byte) error) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	b, err := bound.ReadAll(r, min(limit, j.left), "the entry")
	j.left -= int64(len(b))
	if err := errors.Join(err, r.Close()); err != nil {
		return err
	}
	return use(b)
}

func readPom(b []byte) (Found, error) {
	var group, artifact, version string
	s := bufio.NewScanner(bytes.NewReader(b))
	for s.Scan() {
		key, value, _ := strings.Cut(s.Text(), "=")
		switch value = strings.TrimSpace(value); strings.TrimSpace(key) {
		case "groupId":
			group = value
		case "artifactId":
			artifact = value
		case "version":
			version = value
		}
	}
	if s.Err() != nil || group == "" || artifact == "" || version == "" {
		return Found{}, errors.New("it does not name group, artifact and version")
	}
	f := Found{Type: "maven", Name: group + ":" + artifact, Version: version}
	return f, plausible(f.Name, f.Version)
}

// jarManifest is the main section of META-INF/MANIFEST.MF.
//
// Source: https://docs.oracle.com/en/java/javase/21/docs/specs/jar/jar.html#jar-manifest
type jarManifest map[string]string

func readManifest(b []byte) jarManifest {
	m := jarManifest{}
	last := ""
	s := bufio.NewScanner(bytes.NewReader(b))
	for s.Scan() {
		line := s.Text()
		if line == "" {
			break
		}
		if line[0] == ' ' && last != "" { // lines are cut at 72 bytes
			m[last] += line[1:]
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		if ok {
			last = strings.ToLower(key)
			m[last] = strings.TrimSpace(value)
		}
	}
	return m
}

// jarFile splits "log4j-core-2.14.1.jar".
var jarFile = regexp.MustCompile(`^(.+?)-(\d[0-9A-Za-z.+_-]*)\.(?:jar|war|ear)$`)

// artifactForm is what a Maven artifact may be called.
var artifactForm = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// guess names a jar that Maven did not label (Gradle writes no
// pom.properties). The artifact is the file's name; the group is the vendor's
// ID, or the package its classes lie in less the part that repeats the artifact:
// spring-beans has org/springframework/beans, so its group is
// org.springframework. ok is false when there is too little to go by.
func guess(name string, m jarManifest, classes classDirs) (f Found, ok bool) {
	var artifact, version string
	if parts := jarFile.FindStringSubmatch(name); parts != nil {
		artifact, version = parts[1], parts[2]
	} else {
		artifact = strings.TrimSuffix(name, path.Ext(name))
		if title := m["implementation-title"]; artifactForm.MatchString(title) && strings.Contains(title, "-") {
			artifact = title
		}
		version = cmp.Or(m["implementation-version"], m["bundle-version"], m["specification-version"])
	}
	var group string
	if m["implementation-title"] == "Apache Tomcat" {
		group, artifact = tomcat(artifact)
	} else {
		sure, likely := m.bundle(artifact)
		group = cmp.Or(m["implementation-vendor-id"], sure, classes.group(artifact), likely, reversed(artifact))
	}
	if group == "" || version == "" || !artifactForm.MatchString(artifact) || !artifactForm.MatchString(group) {
		return Found{}, false
	}
	f = Found{Type: "maven", Name: group + ":" + artifact, Version: version}
	return f, plausible(f.Name, f.Version) == nil
}

// reversed gives the group of an artifact that is named as a Java package is,
// as Eclipse's are: org.eclipse.sisu.inject is in org.eclipse.sisu.
func reversed(artifact string) string {
	first, _, _ := strings.Cut(artifact, ".")
	switch first {
	case "com", "org", "net", "io", "jakarta", "javax":
		if i := strings.LastIndexByte(artifact, '.'); strings.Contains(artifact[:i], ".") {
			return artifact[:i]
		}
	}
	return ""
}

// tomcat gives the coordinates of Tomcat's jars, whose classes lie in several
// packages and whose files leave the first word out.
//
// Source: https://central.sonatype.com/namespace/org.apache.tomcat
func tomcat(artifact string) (group, name string) {
	switch {
	case strings.HasPrefix(artifact, "tomcat-embed-"):
		return "org.apache.tomcat.embed", artifact
	case strings.HasPrefix(artifact, "tomcat-") || artifact == "tomcat":
		return "org.apache.tomcat", artifact
	}
	return "org.apache.tomcat", "tomcat-" + artifact
}

// bundle gives the group out of an OSGi bundle's name: sure when the artifact
// follows it, as in com.fasterxml.jackson.core.jackson-databind or where the
// artifact is called like the bundle; likely otherwise.
//
// Source: https://docs.osgi.org/specification/osgi.core/8.0.0/framework.module.html
func (m jarManifest) bundle(artifact string) (sure, likely string) {
	name, _, _ := strings.Cut(m["bundle-symbolicname"], ";")
	name = strings.TrimSpace(name)
	if group, ok := strings.CutSuffix(name, "."+artifact); ok {
		return group, ""
	}
	i := strings.LastIndexByte(name, '.')
	switch {
	case i < 0:
		return "", ""
	case name == artifact:
		return name[:i], ""
	case strings.Contains(name[:i], "."):
		return "", name[:i]
	}
	return "", ""
}

// classDirs is the package that all classes have in common.
type classDirs struct {
	common []string
	any    bool
}

func (c *classDirs) add(name string) {
	if strings.HasPrefix(name, "META-INF/") || !strings.Contains(name, "/") || strings.HasSuffix(name, "module-info.class") {
		return
	}
	dirs := strings.Split(path.Dir(name), "/")
	if !c.any {
		c.common, c.any = dirs, true
		return
	}
	n := 0
	for n < min(len(dirs), len(c.common)) && dirs[n] == c.common[n] {
		n++
	}
	c.common = c.common[:n]
}

func (c *classDirs) group(artifact string) string {
	dirs := c.common
	if n := len(dirs); n > 2 || n == 2 && strings.Contains(artifact, "-") {
		words := strings.FieldsFunc(artifact, func(r rune) bool { return r == '-' || r == '.' || r == '_' })
		if last := dirs[n-1]; n > 2 && slices.Contains(words, last) {
			dirs = dirs[:n-1]
		}
	}
	if len(dirs) < 2 {
		return ""
	}
	return strings.Join(dirs, ".")
}
