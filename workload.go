package azward

// WorkloadKind is the kind of thing that runs code, in the words of Azure and
// Kubernetes.
type WorkloadKind string

// What can run code.
const (
	Deployment             WorkloadKind = "Deployment"
	StatefulSet            WorkloadKind = "StatefulSet"
	DaemonSet              WorkloadKind = "DaemonSet"
	ReplicaSet             WorkloadKind = "ReplicaSet"
	Job                    WorkloadKind = "Job"
	CronJob                WorkloadKind = "CronJob"
	Pod                    WorkloadKind = "Pod"
	VirtualMachine         WorkloadKind = "VirtualMachine"
	VirtualMachineScaleSet WorkloadKind = "VirtualMachineScaleSet"
	AppService             WorkloadKind = "AppService"
	FunctionApp            WorkloadKind = "FunctionApp"
	ContainerApp           WorkloadKind = "ContainerApp"
	ContainerAppJob        WorkloadKind = "ContainerAppJob"
	ContainerGroup         WorkloadKind = "ContainerGroup"
)

// Workload is one deployed thing that verdicts are about.
type Workload struct {
	ID   ResourceID   `json:"id"`
	Kind WorkloadKind `json:"kind"`
	Name string       `json:"name"` // "namespace/name" in a cluster
}

// Severity is the qualitative rating of CVSS v3.1 §5, in lower case.
type Severity string

// CVSS's ratings, and SeverityUnknown for a record without a score.
const (
	SeverityUnknown  Severity = "unknown"
	SeverityNone     Severity = "none"
	SeverityLow      Severity = "low"
	SeverityMedium   Severity = "medium"
	SeverityHigh     Severity = "high"
	SeverityCritical Severity = "critical"
)

// Rank orders severities: unknown 0, none 1 … critical 5.
func (s Severity) Rank() int {
	switch s {
	case SeverityCritical:
		return 5
	case SeverityHigh:
		return 4
	case SeverityMedium:
		return 3
	case SeverityLow:
		return 2
	case SeverityNone:
		return 1
	default:
		return 0
	}
}

// Package is one package found in an image.
type Package struct {
	PURL      string `json:"purl"`
	Name      string `json:"name"`
	Version   string `json:"version"`
	Ecosystem string `json:"ecosystem"` // OSV's name: "Debian:12", "npm", "Go"
	// Source is the source package's name where advisories go by it
	// (Debian, Ubuntu, Alpine); "" means Name.
	Source string `json:"source,omitempty"`
	// SourceVersion is the source package's version where it differs from the
	// binary's: distribution advisories compare with it; "" means Version.
	SourceVersion string `json:"sourceVersion,omitempty"`
	// OwnedBy names the OS package whose file list holds this language package:
	// the distribution patches it, so its advisories decide; "" means none.
	OwnedBy string `json:"ownedBy,omitempty"`
	// Layer that brought it: digest of the compressed layer as the manifest names it.
	Layer Digest `json:"layer,omitempty"`
	// CreatedBy is the history line of that layer.
	CreatedBy string   `json:"createdBy,omitempty"`
	Locations []string `json:"locations"`
}

// Finding is a vulnerability that a package of an image has.
type Finding struct {
	ID       string   `json:"id"` // the CVE where there is one, else the record's own ID
	Aliases  []string `json:"aliases"`
	PURL     string   `json:"purl"`
	Summary  string   `json:"summary,omitempty"`
	Severity Severity `json:"severity"`
	// CVSS is the base score, 0 when the record has none.
	CVSS float64 `json:"cvss"`
	// Vector is the CVSS vector string, "" when the record has none.
	Vector  string   `json:"vector,omitempty"`
	FixedIn []string `json:"fixedIn"`
	KEV     bool     `json:"kev"`             // in CISA's known exploited vulnerabilities
	EPSS    float64  `json:"epss"`            // probability 0 to 1; 0 when unknown
	Layer   Digest   `json:"layer,omitempty"` // layer that brought the package
	// Record is the advisory that decided, and Range the affected range and
	// comparison in words: "Debian:12 openssl 3.0.11-1~deb12u1 < 3.0.11-1~deb12u2".
	Record string `json:"record"`
	Range  string `json:"range"`
	// Affected is Yes when the version is in range, Unknown when it could not
	// be ordered.
	Affected Answer `json:"affected"`
	// FixState says what the package's supplier does about it; "" when no
	// record tells.
	FixState FixState `json:"fixState,omitempty"`
	// Scores are all that the records give, the best kind first; CVSS and
	// Vector above are those of the first.
	Scores []Score `json:"scores,omitempty"`
	// CWE is the weakness behind it, such as "CWE-79"; "" when nobody says.
	CWE string `json:"cwe,omitempty"`
	// SSVC is CISA's assessment, empty when there is none.
	SSVC SSVC `json:"ssvc,omitzero"`
	// EPSSPercentile is the share (0 to 1) of all scored vulnerabilities that
	// are no more probable than EPSS; 0 when unknown.
	EPSSPercentile float64 `json:"epssPercentile,omitempty"`
	// Malicious marks a package that is itself the attack (a MAL- record):
	// there is nothing to upgrade to, it must go.
	Malicious bool `json:"malicious,omitempty"`
}

// FixState is what a supplier does about a vulnerability of its package, in
// the words that distributions' trackers share.
type FixState string

// Fix states. The zero value is that no record tells.
const (
	FixUnknown  FixState = ""
	Fixed       FixState = "fixed"        // a fixed version is published
	NotFixed    FixState = "not-fixed"    // affected, and no fix is published yet
	WillNotFix  FixState = "will-not-fix" // the supplier declined, or no longer supports the release
	NotAffected FixState = "not-affected" // the supplier denies it: never a finding
)

// Score is one rating of a vulnerability, as one record gives it.
type Score struct {
	// Source is the record's ID, the CVE's where the score came by other records
	// of it, or [ScoreOfCVE].
	Source string  `json:"source"`
	Vector string  `json:"vector"` // "CVSS:3.1/…", "CVSS:4.0/…", "AV:N/AC:…"
	Score  float64 `json:"score"`  // base score, 0 to 10
}

// ScoreOfCVE is the source of a score that no advisory gives: it is that of the
// CVE's own record, by whoever assigned the CVE or by CISA.
//
// Source: https://github.com/cisagov/vulnrichment
const ScoreOfCVE = "vulnrichment"

// SSVC holds CISA's decision points for one CVE, in CISA's words.
//
// Source: https://www.cisa.gov/stakeholder-specific-vulnerability-categorization-ssvc
type SSVC struct {
	Exploitation    string `json:"exploitation,omitempty"`    // none, poc, active
	Automatable     string `json:"automatable,omitempty"`     // no, yes
	TechnicalImpact string `json:"technicalImpact,omitempty"` // partial, total
}
