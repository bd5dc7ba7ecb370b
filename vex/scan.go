package vex

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
	"github.com/azward/azward/internal/jsonstream"
)

// Scanner is a reader of VEX documents whose rules are known here.
type Scanner string

// Scanners.
const (
	Trivy Scanner = "Trivy"
	Grype Scanner = "Grype"
)

// Limits of a scanner's report.
const (
	maxScan         = 1 << 30   // bytes; reports of whole registries take 200 MB
	maxScanFindings = 1_000_000 // an image has some thousand
	maxScanDigests  = 1_000     // names that one image is stored under
)

// Scan is what of a scanner's report a VEX document is matched with, in the
// scanner's own spelling.
type Scan struct {
	Scanner Scanner
	// Artifact is what was scanned: "contoso.azurecr.io/orders/api:1.4".
	Artifact string
	// Image says that it was an image, and not a folder or an SBOM.
	Image bool
	// Digests are "registry/repository@sha256:…" as the runtime or the registry
	// told; none for an image that was never in a registry.
	Digests []string
	// Arch of the image, where the report has it.
	Arch  string
	Found []ScanFinding
}

// ScanFinding is a vulnerability in a package.
type ScanFinding struct{ Vulnerability, PURL string }

// ReadScan reads a report that `trivy image --format json` or `grype -o json`
// wrote, without having it whole in memory.
//
// Sources: https://github.com/aquasecurity/trivy/blob/main/pkg/types/report.go and
// https://github.com/anchore/grype/blob/main/grype/presenter/models/document.go
func ReadScan(r io.Reader, name string) (Scan, error) {
	s := scanReader{in: jsonstream.NewReader(bound.Reader(r, maxScan, "the report"))}
	for field := range s.in.Fields() {
		s.field(field)
	}
	err := s.in.Close()
	if err == nil {
		err = s.err
	}
	if err == nil && s.scan.Scanner == "" {
		err = errors.New("it is neither Trivy's nor Grype's JSON")
	}
	if err != nil {
		return Scan{}, &azward.Error{
			Kind: azward.KindBadInput, Op: "read report", Subject: name, Cause: err.Error(),
			Remedy: "write it with trivy image --format json, or with grype IMAGE -o json", Err: err,
		}
	}
	return s.scan, nil
}

type scanReader struct {
	in   *jsonstream.Reader
	scan Scan
	err  error
}

// field reads one at the top of the report; the names are each scanner's own.
func (s *scanReader) field(name string) {
	switch name {
	case "ArtifactName":
		s.scan.Scanner, s.scan.Artifact = Trivy, s.in.Text()
	case "ArtifactType":
		s.scan.Image = s.in.Text() == "container_image"
	case "Metadata":
		s.trivyMetadata()
	case "Results":
		s.scan.Scanner = Trivy
		for range s.in.Items() {
			for name := range s.in.Fields() {
				if name == "Vulnerabilities" {
					s.trivyFindings()
				}
			}
		}
	case "ClusterName":
		s.fail(errors.New("it is about a cluster, whose images Trivy matches one at a time"))
	case "matches":
		s.scan.Scanner = Grype
		s.grypeFindings()
	case "source":
		s.grypeSource()
	}
}

func (s *scanReader) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// decode reads the value that comes next; null leaves into as it is.
func (s *scanReader) decode(what string, into any) {
	raw := s.in.Raw()
	if raw == nil {
		return
	}
	if err := json.Unmarshal(raw, into); err != nil {
		s.fail(fmt.Errorf("read %s: %w", what, err))
	}
}

func (s *scanReader) digests(list []string) {
	if len(list) > maxScanDigests {
		s.fail(fmt.Errorf("it names more than %d digests", maxScanDigests))
		return
	}
	s.scan.Digests = list
}

func (s *scanReader) found(f ScanFinding) {
	if len(s.scan.Found) == maxScanFindings {
		s.fail(fmt.Errorf("it has more than %d findings", maxScanFindings))
		return
	}
	s.scan.Found = append(s.scan.Found, f)
}

func (s *scanReader) trivyMetadata() {
	var m struct {
		RepoDigests []string
		ImageConfig struct {
			Architecture string `json:"architecture"`
		}
	}
	s.decode("Metadata", &m)
	s.digests(m.RepoDigests)
	s.scan.Arch = m.ImageConfig.Architecture
}

func (s *scanReader) trivyFindings() {
	for range s.in.Items() {
		var v struct {
			VulnerabilityID string
			PkgIdentifier   struct{ PURL string }
		}
		s.decode("a vulnerability", &v)
		s.found(ScanFinding{v.VulnerabilityID, v.PkgIdentifier.PURL})
		if s.err != nil {
			return
		}
	}
}

func (s *scanReader) grypeFindings() {
	for range s.in.Items() {
		var m struct {
			Vulnerability struct {
				ID string `json:"id"`
			} `json:"vulnerability"`
			Artifact struct {
				PURL string `json:"purl"`
			} `json:"artifact"`
		}
		s.decode("a match", &m)
		s.found(ScanFinding{m.Vulnerability.ID, m.Artifact.PURL})
		if s.err != nil {
			return
		}
	}
}

// grypeSource is what was scanned; of anything but an image target is a text.
func (s *scanReader) grypeSource() {
	var source struct {
		Type   string          `json:"type"`
		Target json.RawMessage `json:"target"`
	}
	s.decode("source", &source)
	if source.Type != "image" {
		s.scan.Artifact = plain(source.Type)
		return
	}
	s.scan.Image = true
	var image struct {
		UserInput    string   `json:"userInput"`
		RepoDigests  []string `json:"repoDigests"`
		Architecture string   `json:"architecture"`
	}
	if err := json.Unmarshal(source.Target, &image); err != nil {
		s.fail(fmt.Errorf("read source.target: %w", err))
		return
	}
	s.scan.Artifact, s.scan.Arch = image.UserInput, image.Architecture
	s.digests(image.RepoDigests)
}
