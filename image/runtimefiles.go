package image

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/azward/azward/internal/bound"
)

// readNodeHeader reads Node's version from the header that is installed beside
// it for add-ons.
func readNodeHeader(in *input) (*File, error) {
	defined, err := defines(in)
	if err != nil {
		return nil, err
	}
	major, minor, patch := defined["NODE_MAJOR_VERSION"], defined["NODE_MINOR_VERSION"], defined["NODE_PATCH_VERSION"]
	if major == "" || minor == "" || patch == "" {
		return nil, nil // another project's header
	}
	return runtimeFile("node", major+"."+minor+"."+patch)
}

// readPythonHeader reads Python's version from its own header.
func readPythonHeader(in *input) (*File, error) {
	defined, err := defines(in)
	if err != nil {
		return nil, err
	}
	version := unquote(defined["PY_VERSION"])
	if version == "" {
		return nil, nil
	}
	return runtimeFile("python", strings.TrimSuffix(version, "+"))
}

// defines reads the macros of a C header that have a value.
func defines(in *input) (map[string]string, error) {
	out := map[string]string{}
	s := lines(in)
	for s.Scan() {
		word := strings.Fields(s.Text())
		if len(word) >= 3 && word[0] == "#define" && len(word[2]) <= maxVersion {
			out[word[1]] = word[2]
		}
	}
	return out, s.Err()
}

// readJavaRelease reads what a Java runtime says of itself.
//
// Source: https://openjdk.org/jeps/223 and https://openjdk.org/jeps/322
func readJavaRelease(in *input) (*File, error) {
	version := ""
	s := lines(in)
	for s.Scan() {
		if value, ok := strings.CutPrefix(s.Text(), "JAVA_VERSION="); ok {
			version = unquote(strings.TrimSpace(value))
		}
	}
	if err := s.Err(); err != nil || version == "" {
		return nil, err
	}
	// "1.8.0_392" is 8.0.392 since versions count from the front.
	if rest, ok := strings.CutPrefix(version, "1."); ok {
		version = strings.Replace(rest, "_", ".", 1)
	}
	return runtimeFile("java", version)
}

func runtimeFile(name, version string) (*File, error) {
	if err := identified(name, version); err != nil {
		return nil, err
	}
	return &File{Packages: []Found{{Type: "generic", Name: name, Version: version}}}, nil
}

// dotnetRuntime is the shared framework that a list of .NET's lies in:
// shared/Microsoft.NETCore.App/8.0.1/Microsoft.NETCore.App.deps.json.
func dotnetRuntime(p string) (Found, bool) {
	dir := path.Dir(p)
	name := path.Base(path.Dir(dir))
	if path.Base(path.Dir(path.Dir(dir))) != "shared" || path.Base(p) != name+".deps.json" {
		return Found{}, false
	}
	kind, ok := map[string]string{"Microsoft.NETCore.App": "dotnet", "Microsoft.AspNetCore.App": "aspnet-core"}[name]
	version := path.Base(dir)
	return Found{Type: "generic", Name: kind, Version: version}, ok && plausible(name, version) == nil
}

// readConda reads what conda says of one installed package.
//
// Source: https://docs.conda.io/projects/conda-build/en/latest/resources/package-spec.html
func readConda(in *input) (*File, error) {
	var m struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		Subdir  string `json:"subdir"`
	}
	if err := json.Unmarshal(in.bytes, &m); err != nil {
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	if err := identified(m.Name, m.Version); err != nil {
		return nil, err
	}
	return &File{Packages: []Found{{Type: "conda", Name: m.Name, Version: m.Version, Arch: m.Subdir}}}, plausible(m.Name, m.Subdir)
}

// readEgg reads an egg that is kept as an archive.
//
// Source: https://setuptools.pypa.io/en/latest/deprecated/python_eggs.html
func readEgg(in *input) (_ *File, err error) {
	z, err := zip.NewReader(in.at, in.size)
	if err != nil {
		return nil, fmt.Errorf("it is no archive: %w", err)
	}
	for _, entry := range z.File {
		if entry.Name != "EGG-INFO/PKG-INFO" {
			continue
		}
		r, err := entry.Open()
		if err != nil {
			return nil, err
		}
		b, err := bound.ReadAll(r, maxText, "the entry")
		if err := errors.Join(err, r.Close()); err != nil {
			return nil, err
		}
		return readPython(memory(in.path, b))
	}
	return nil, errors.New("an egg without EGG-INFO/PKG-INFO")
}
