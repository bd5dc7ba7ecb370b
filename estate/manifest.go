package estate

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
)

// maxManifestBytes bounds one YAML document: the API server itself refuses
// requests of more than 3 MiB, and lists of them are exported as one document.
const maxManifestBytes = 32 << 20

// yamlName reports whether a file's name says YAML, compressed or not.
func yamlName(name string) bool {
	name = strings.ToLower(name)
	name = strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".zst")
	return path.Ext(name) == ".yaml" || path.Ext(name) == ".yml"
}

// manifests reads a stream of YAML documents.
//
// Source: https://yaml.org/spec/1.2.2/#92-streams
func (in *reader) manifests(r *bufio.Reader) error {
	var document bytes.Buffer
	var line []byte
	start := 1 // line at which the document begins
	flush := func() error {
		defer document.Reset()
		return in.manifest(document.Bytes(), fmt.Sprintf("document at line %d", start))
	}
	for number := 1; ; number++ {
		var err error
		line, err = readLine(r, line[:0])
		if err != nil && !errors.Is(err, io.EOF) {
			return in.broken(fmt.Sprint("line ", number), err)
		}
		switch {
		case marker(line, "---"):
			if err := flush(); err != nil {
				return err
			}
			start = number
			// Content may follow on the marker's own line.
			document.WriteString("   ")
			document.Write(line[3:])
		case marker(line, "..."):
			if err := flush(); err != nil {
				return err
			}
			start = number + 1
		case bytes.HasPrefix(line, []byte("%")) && len(bytes.TrimSpace(document.Bytes())) == 0:
			// A directive: it names the YAML version, or a tag that no manifest uses.
		default:
			document.Write(line)
		}
		if document.Len() > maxManifestBytes {
			return in.broken(fmt.Sprint("line ", number), &bound.SizeError{What: "the YAML document", Limit: maxManifestBytes})
		}
		if err != nil {
			return flush()
		}
	}
}

// marker reports whether a line is the document marker, alone or before a
// space.
func marker(line []byte, word string) bool {
	rest, ok := bytes.CutPrefix(line, []byte(word))
	return ok && (len(rest) == 0 || strings.ContainsRune(" \t\r\n", rune(rest[0])))
}

// manifest reads one YAML document.
func (in *reader) manifest(document []byte, at string) error {
	if len(bytes.TrimSpace(document)) == 0 {
		return nil
	}
	asJSON, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		e := in.broken(at, fmt.Errorf("it is not valid YAML: %w", err))
		var advice *azward.Error
		if errors.As(e, &advice) {
			advice.Remedy = "render a template first (`helm template`, `kubectl kustomize`), or leave the file out"
		}
		return e
	}
	if string(asJSON) == "null" {
		return nil // nothing but comments
	}
	in.buffer.Reset()
	value, err := compactJSON(&in.buffer, asJSON)
	if err != nil {
		return in.broken(at, err)
	}
	if value[0] != '{' && value[0] != '[' {
		return in.broken(at, errNoManifest)
	}
	return in.imported(json.RawMessage(value), at)
}

var errNoManifest = errors.New("it is neither JSON nor a Kubernetes manifest")
