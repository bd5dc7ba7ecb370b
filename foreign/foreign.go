// Package foreign reads the findings of other scanners: Trivy, Grype,
// Kubescape, Microsoft Defender for Cloud, and whatever writes SARIF or
// CycloneDX. [Open] tells what a report is, [Report.Findings] streams what it
// finds, [Places.Of] says where that runs. A finding carries the part of the
// report that it was read from, so that [Rematch] reads it again from a proof.
//
// A scanner's word is a claim about a package, not a fact that was read here:
// who decides with it says so (see package verdict).
package foreign

import (
	"encoding/json"
	"time"

	"github.com/azward/azward"
)

// Format is a kind of report.
type Format string

// What is read.
const (
	Trivy     Format = "trivy"     // JSON of schema version 2, of images and of clusters
	Grype     Format = "grype"     // JSON
	SARIF     Format = "sarif"     // version 2.1.0
	CycloneDX Format = "cyclonedx" // JSON 1.4 to 1.6 with vulnerabilities
	Defender  Format = "defender"  // sub-assessments from Resource Manager or Resource Graph
	Kubescape Format = "kubescape" // image scans, and the operator's VulnerabilityManifest
)

// Formats lists all.
func Formats() []Format { return []Format{Trivy, Grype, SARIF, CycloneDX, Defender, Kubescape} }

// Target is what a scanner looked at, by every name that its report gives.
type Target struct {
	// Names are image references: "registry/repository:tag".
	Names []string `json:"names,omitempty"`
	// Digests of the image's manifest or index.
	Digests []azward.Digest `json:"digests,omitempty"`
	// ImageID is the digest of the image's configuration.
	ImageID azward.Digest `json:"imageId,omitempty"`
	// Layers are the digests of the unpacked layers, lowest first.
	Layers []azward.Digest `json:"layers,omitempty"`
	// Resource is an ARM resource: a machine.
	Resource azward.ResourceID `json:"resource,omitempty"`
	// Other says in words what was scanned instead of an image or a resource: "filesystem ./src".
	Other string `json:"other,omitempty"`
}

// String names the target to a person.
func (t Target) String() string {
	switch {
	case t.Resource != "":
		return string(t.Resource)
	case len(t.Names) > 0:
		return t.Names[0]
	case len(t.Digests) > 0:
		return string(t.Digests[0])
	case t.ImageID != "":
		return string(t.ImageID)
	}
	return t.Other
}

func (t Target) empty() bool {
	return len(t.Names) == 0 && len(t.Digests) == 0 && t.ImageID == "" && len(t.Layers) == 0 && t.Resource == ""
}

// Finding is one entry of a report.
type Finding struct {
	Scanner string // name and version; of SARIF that of the run
	// Claim is what the scanner says. Its Record names scanner and
	// vulnerability, whatever the file is called today; Affected is No where the scanner itself takes it back.
	Claim   azward.Finding
	Package azward.Package // as the scanner names it
	Target  Target
	// Record is the part of the report that this was read from; see [Rematch].
	Record json.RawMessage
	// Unusable says why the entry is no vulnerability of a package that could
	// be looked for; "" when it is one. Then nothing else but Target is set.
	Unusable string
}

// Limits of what is read.
const (
	maxReport   = 1 << 30 // bytes; reports of whole registries take 200 MB
	maxFindings = 4 << 20 // of one report, so that a stream ends
	// maxContext bounds what is held of a report besides its findings:
	// components, rules, resources. Each takes about 500 bytes.
	maxContext = 500_000
	maxRecord  = 64 << 10 // bytes of the part of a report that a proof carries
	maxList    = 200      // aliases, fixed versions, names and digests of one entry
	maxText    = 4 << 10  // bytes of a name, a version, a reference
	maxSummary = 500      // bytes of a title
)

// Report is a report that was opened: what it is and who wrote it.
type Report struct {
	Name    string    // of the file, as findings cite it
	Format  Format    // told by the report, or by who opened it
	Scanner string    // name and version: "Trivy 0.58.1"
	At      time.Time // when it was written; zero where it does not tell

	in   source
	head head
}
