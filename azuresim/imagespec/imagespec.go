// Package imagespec builds container images out of a readable description:
// files, and the package databases, node modules, wheels, jars and Go binaries
// that a scanner finds in real images. [Parse] reads the YAML, [Build] makes
// the images, and [Push], [WriteLayout] and [WriteTarball] put them where a
// client reads them. The same description gives the same bytes, so digests in
// tests stay.
package imagespec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// Spec is one image.
type Spec struct {
	// Name is what from refers to; default is the repository with its first tag.
	Name string `json:"name"`
	// Registry is the login server it belongs to; "" leaves it to the caller.
	Registry   string   `json:"registry"`
	Repository string   `json:"repository"`
	Tags       []string `json:"tags"` // none: a base that is shared and not pushed
	// Platform is os/architecture, default linux/amd64.
	Platform string `json:"platform"`
	// From is another image whose layers lie below: its name, or its
	// repository, with a tag where several images share that.
	From    string    `json:"from"`
	Layers  []Layer   `json:"layers"`
	Config  Config    `json:"config"`
	Created time.Time `json:"created,omitzero"` // default 2024-01-01
	// Annotations of the manifest, such as org.opencontainers.image.base.name.
	Annotations map[string]string `json:"annotations"`
}

// Layer is one layer and the history line that made it.
type Layer struct {
	CreatedBy string `json:"createdBy"`
	// OSRelease is a distribution and version: "debian 12", "alpine 3.18".
	OSRelease string `json:"osRelease"`
	Files     []File `json:"files"`
	// Dpkg and APK install or, where the name is there already, upgrade; the
	// database is written whole, with what the layers below have.
	Dpkg       []Deb    `json:"dpkg"`
	DpkgRemove []string `json:"dpkgRemove"`
	// Distroless writes var/lib/dpkg/status.d/NAME instead of the status file.
	Distroless bool     `json:"distroless"`
	APK        []APK    `json:"apk"`
	APKRemove  []string `json:"apkRemove"`
	NPM        []NPM    `json:"npm"`
	Python     []Python `json:"python"`
	Jar        []Jar    `json:"jar"`
	GoBinary   GoList   `json:"goBinary"`
	// Whiteouts are paths of lower layers that this one deletes, Opaque
	// directories of which only this layer's part remains.
	Whiteouts []string `json:"whiteouts"`
	Opaque    []string `json:"opaque"`
	// Empty is a history line without a layer, as ENV makes it.
	Empty bool `json:"empty"`
}

// File is a file of a layer: one of text, base64, symlink or directory.
type File struct {
	Path      string `json:"path"`
	Text      string `json:"text"`
	Base64    []byte `json:"base64"`
	Symlink   string `json:"symlink"`
	Hardlink  string `json:"hardlink"`
	Directory bool   `json:"directory"`
	// Zeros pads the file with so many bytes.
	Zeros int64  `json:"zeros"`
	Mode  string `json:"mode"` // octal, default "0644", directories "0755"
}

// Deb is an installed Debian package.
type Deb struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// Source is "name" or "name (version)"; "" when it is the package's own.
	Source string   `json:"source"`
	Arch   string   `json:"arch"` // default the platform's
	Owns   []string `json:"owns"` // paths that its file list names
}

// APK is an installed Alpine package.
type APK struct {
	Name    string   `json:"name"`
	Version string   `json:"version"`
	Source  string   `json:"source"` // origin; default the name
	Arch    string   `json:"arch"`
	Owns    []string `json:"owns"`
}

// NPM is an installed node module.
type NPM struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Path    string `json:"path"` // directory of the application; default usr/src/app
}

// Python is an installed distribution.
type Python struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Path    string `json:"path"` // default usr/local/lib/python3.12/site-packages
}

// Jar is a Java archive.
type Jar struct {
	Path       string `json:"path"` // default ARTIFACT-VERSION.jar
	GroupID    string `json:"groupId"`
	ArtifactID string `json:"artifactId"`
	Version    string `json:"version"`
	// ManifestOnly leaves the Maven files out, as some builds do.
	ManifestOnly bool `json:"manifestOnly"`
	// Shaded are artifacts whose classes were copied in, with their Maven files.
	Shaded  []Jar    `json:"shaded"`
	Nested  []Jar    `json:"nested"`  // in BOOT-INF/lib, or WEB-INF/lib of a .war
	Classes []string `json:"classes"` // names such as org/apache/x/JndiLookup
}

// Go is an executable that a Go build made.
type Go struct {
	Path      string     `json:"path"`
	Module    string     `json:"module"`
	Version   string     `json:"version"`   // of the main module; default (devel)
	GoVersion string     `json:"goVersion"` // "1.22.1" or "go1.22.1"
	Deps      []GoModule `json:"deps"`
}

// GoList is one executable or a list of them.
type GoList []Go

// UnmarshalJSON reads both forms, without unknown fields.
func (l *GoList) UnmarshalJSON(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("[")) {
		return dec.Decode((*[]Go)(l))
	}
	var one *Go
	if err := dec.Decode(&one); err != nil || one == nil {
		return err
	}
	*l = GoList{*one}
	return nil
}

// GoModule is a module that was linked in.
type GoModule struct {
	Path    string `json:"path"`
	Version string `json:"version"`
}

// Config is the image's configuration.
type Config struct {
	Entrypoint   []string          `json:"entrypoint"`
	Cmd          []string          `json:"cmd"`
	Env          []string          `json:"env"`
	User         string            `json:"user"`
	WorkingDir   string            `json:"workingDir"`
	ExposedPorts []string          `json:"exposedPorts"` // "8080/tcp"
	Labels       map[string]string `json:"labels"`
}

// Bounds of a description; a demo needs a hundredth of them.
const (
	maxYAMLBytes  = 4 << 20
	maxImages     = 500
	maxLayers     = 127 // as overlayfs and Docker
	maxEntries    = 100_000
	maxLayerBytes = 64 << 20 // plain bytes of one layer
	maxNesting    = 5        // jars in jars
)

// Parse reads specs: a mapping, a list of them, or several YAML documents.
// Unknown fields are errors.
func Parse(data []byte) ([]Spec, error) {
	if len(data) > maxYAMLBytes {
		return nil, fmt.Errorf("read image specs: longer than %d bytes", maxYAMLBytes)
	}
	var all []Spec
	for i, doc := range documents(data) {
		specs, err := parseDocument(doc)
		if err != nil {
			return nil, fmt.Errorf("read image specs: document %d: %w", i+1, err)
		}
		if all = append(all, specs...); len(all) > maxImages {
			return nil, fmt.Errorf("read image specs: more than %d images", maxImages)
		}
	}
	return all, nil
}

func documents(data []byte) [][]byte {
	var out [][]byte
	var doc []byte
	for line := range bytes.Lines(data) {
		if strings.TrimRight(string(line), " \r\n") == "---" {
			out, doc = append(out, doc), nil
			continue
		}
		doc = append(doc, line...)
	}
	return append(out, doc)
}

func parseDocument(doc []byte) ([]Spec, error) {
	raw, err := yaml.YAMLToJSONStrict(doc)
	if err != nil {
		return nil, err
	}
	switch {
	case string(raw) == "null":
		return nil, nil
	case bytes.HasPrefix(raw, []byte("[")):
		var specs []Spec
		err := yaml.UnmarshalStrict(doc, &specs)
		return specs, err
	case bytes.HasPrefix(raw, []byte("{")):
		var spec Spec
		err := yaml.UnmarshalStrict(doc, &spec)
		return []Spec{spec}, err
	}
	return nil, errors.New("an image is a mapping")
}
