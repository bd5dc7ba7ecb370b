package imagespec

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
)

func (l *Layer) npm(t *tree, _ *state) error {
	for _, n := range l.NPM {
		if n.Name == "" || n.Version == "" || strings.ContainsAny(n.Name, " \n\x00") {
			return fmt.Errorf("npm: %w", errNameless)
		}
		dir := path.Join(cmp.Or(n.Path, "usr/src/app"), "node_modules", n.Name)
		manifest, err := json.MarshalIndent(struct {
			Name    string `json:"name"`
			Version string `json:"version"`
			Main    string `json:"main"`
			License string `json:"license"`
		}{n.Name, n.Version, "index.js", "MIT"}, "", "  ")
		if err != nil {
			return fmt.Errorf("write %s: %w", n.Name, err)
		}
		if err := t.file(dir+"/package.json", append(manifest, '\n')); err != nil {
			return err
		}
		if err := t.file(dir+"/index.js", []byte("module.exports = {};\n")); err != nil {
			return err
		}
	}
	return nil
}

// python writes a dist-info directory.
// https://packaging.python.org/en/latest/specifications/recording-installed-packages/
func (l *Layer) python(t *tree, _ *state) error {
	for _, p := range l.Python {
		if badName(p.Name) || badName(p.Version) {
			return fmt.Errorf("python: %w", errNameless)
		}
		site := cmp.Or(p.Path, "usr/local/lib/python3.12/site-packages")
		module := strings.ToLower(strings.NewReplacer("-", "_", ".", "_").Replace(p.Name))
		info := strings.NewReplacer("-", "_").Replace(p.Name) + "-" + p.Version + ".dist-info"
		for _, f := range []struct{ path, text string }{
			{module + "/__init__.py", fmt.Sprintf("__version__ = %q\n", p.Version)},
			{info + "/METADATA", fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\nSummary: synthetic distribution\nLicense: MIT\n\nSynthetic.\n", p.Name, p.Version)},
			{info + "/WHEEL", "Wheel-Version: 1.0\nGenerator: bdist_wheel (0.42.0)\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
			{info + "/INSTALLER", "pip\n"},
			{info + "/RECORD", module + "/__init__.py,,\n" + info + "/METADATA,,\n" + info + "/WHEEL,,\n" + info + "/INSTALLER,,\n" + info + "/RECORD,,\n"},
		} {
			if err := t.file(path.Join(site, f.path), []byte(f.text)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *Layer) jars(t *tree, _ *state) error {
	for _, j := range l.Jar {
		data, err := j.archive(maxNesting)
		if err != nil {
			return fmt.Errorf("jar %.80q: %w", cmp.Or(j.Path, j.ArtifactID), err)
		}
		if err := t.file(cmp.Or(j.Path, "app/"+j.file()), data); err != nil {
			return err
		}
	}
	return nil
}

func (j Jar) file() string { return j.ArtifactID + "-" + j.Version + ".jar" }

// archive writes the jar: a zip whose manifest comes first. Everything is
// stored: Spring Boot demands it of nested jars, and digests stay that way.
// https://docs.oracle.com/en/java/javase/21/docs/specs/jar/jar.html
func (j Jar) archive(depth int) ([]byte, error) {
	if depth == 0 {
		return nil, fmt.Errorf("jars lie more than %d deep in each other", maxNesting)
	}
	if badName(j.ArtifactID) || badName(j.Version) {
		return nil, errors.New("a jar needs artifactId and version")
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	add := func(name string, data []byte) error {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store, Modified: defaultCreated})
		if err != nil {
			return fmt.Errorf("add %s: %w", name, err)
		}
		_, err = w.Write(data)
		return err
	}
	manifest := fmt.Sprintf("Manifest-Version: 1.0\r\nCreated-By: Maven JAR Plugin 3.3.0\r\nImplementation-Title: %s\r\nImplementation-Version: %s\r\n", j.ArtifactID, j.Version)
	if j.GroupID != "" {
		manifest += "Implementation-Vendor-Id: " + j.GroupID + "\r\n"
	}
	if err := add("META-INF/MANIFEST.MF", []byte(manifest+"\r\n")); err != nil {
		return nil, err
	}
	maven := j.Shaded
	if !j.ManifestOnly {
		maven = append([]Jar{j}, j.Shaded...)
	}
	for _, m := range maven {
		dir := "META-INF/maven/" + m.GroupID + "/" + m.ArtifactID + "/"
		properties := fmt.Sprintf("artifactId=%s\ngroupId=%s\nversion=%s\n", m.ArtifactID, m.GroupID, m.Version)
		pom := fmt.Sprintf("<project><modelVersion>4.0.0</modelVersion><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version></project>\n", m.GroupID, m.ArtifactID, m.Version)
		if err := errors.Join(add(dir+"pom.properties", []byte(properties)), add(dir+"pom.xml", []byte(pom))); err != nil {
			return nil, err
		}
	}
	for _, c := range j.Classes {
		if err := add(c+".class", []byte{0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 61}); err != nil {
			return nil, err
		}
	}
	lib := "BOOT-INF/lib/"
	if strings.HasSuffix(j.Path, ".war") {
		lib = "WEB-INF/lib/"
	}
	for _, n := range j.Nested {
		inner, err := n.archive(depth - 1)
		if err != nil {
			return nil, err
		}
		if err := add(lib+cmp.Or(n.Path, n.file()), inner); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("end the archive: %w", err)
	}
	return b.Bytes(), nil
}

func (l *Layer) golang(t *tree, s *state) error {
	for _, g := range l.GoBinary {
		if g.Path == "" || g.Module == "" || g.GoVersion == "" {
			return errors.New("goBinary needs path, module and goVersion")
		}
		if err := t.put(g.Path, entry{kind: tar.TypeReg, mode: 0o755, data: g.executable(s.arch)}); err != nil {
			return err
		}
	}
	return nil
}
