package azward

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Result sorts verdicts by what they ask of a reader. It says more than the
// answer: what an exploitable vulnerability needs besides, and whether one that
// is not comes back by itself.
type Result string

// Results. Exploitable and Conditional have the answer Yes, NotExploitable and
// Dormant have No, Undecided has Unknown.
const (
	Exploitable    Result = "exploitable"
	Conditional    Result = "conditional" // exploitable once what Prerequisites name is there
	Undecided      Result = "unknown"
	Dormant        Result = "dormant" // not now, because of a state that changes without a deployment
	NotExploitable Result = "not-exploitable"
)

// Results lists all, the most urgent first.
func Results() []Result {
	return []Result{Exploitable, Conditional, Undecided, Dormant, NotExploitable}
}

// Rank orders results by urgency: exploitable 0 … not exploitable 4.
func (r Result) Rank() int {
	switch r {
	case Exploitable:
		return 0
	case Conditional:
		return 1
	case Dormant:
		return 3
	case NotExploitable:
		return 4
	default:
		return 2
	}
}

// Prerequisite names what an attacker needs besides reaching the workload.
type Prerequisite string

// Prerequisites.
const (
	TenantSignIn     Prerequisite = "tenant-sign-in"     // an account that the sign-in in front lets pass
	PartnerNetwork   Prerequisite = "partner-network"    // a machine in a network with an approved private endpoint
	ConnectedNetwork Prerequisite = "connected-network"  // a machine in a network behind VPN or ExpressRoute
	PeeredNetwork    Prerequisite = "peered-network"     // a machine in a peered virtual network
	LocalNetwork     Prerequisite = "local-network"      // a machine in the same virtual network
	SameCluster      Prerequisite = "same-cluster"       // a pod in the same cluster
	AdjacentNetwork  Prerequisite = "adjacent-network"   // CVSS AV:A: the same broadcast or administrative domain
	LocalFoothold    Prerequisite = "local-foothold"     // CVSS AV:L: a login, or a file that the workload opens
	PhysicalAccess   Prerequisite = "physical-access"    // CVSS AV:P
	AppAccount       Prerequisite = "account"            // CVSS PR:L: an account of the application
	AdminAccount     Prerequisite = "privileged-account" // CVSS PR:H: an administrator's
	UserInteraction  Prerequisite = "user-interaction"   // CVSS UI: somebody has to act
)

// Confidence says how far a verdict can be leaned on. [Basis] says why.
type Confidence string

// High: every deciding fact was read from its authority, within a day. Medium:
// at least one comes from a copy that may lag, or is older. Low: at least one
// is somebody's word, or much older. None: the verdict is unknown.
const (
	ConfidenceHigh   Confidence = "high"
	ConfidenceMedium Confidence = "medium"
	ConfidenceLow    Confidence = "low"
	ConfidenceNone   Confidence = "none"
)

// Basis explains a [Confidence].
type Basis struct {
	// Grade is the lowest [Evidence.Grade] on the deciding chain, 0 to 3; with
	// several independent cuts that of the best.
	Grade int `json:"grade"`
	// Oldest is when the oldest deciding fact was read; zero where none tells.
	Oldest time.Time `json:"oldest,omitzero"`
	// Cuts counts the conditions that alone make the answer No.
	Cuts int `json:"cuts,omitempty"`
	// Summary says it in a clause.
	Summary string `json:"summary"`
}

// ConditionID names what is asked of the environment.
type ConditionID string

// The conditions of exploitability.
const (
	Deployed      ConditionID = "deployed"      // the vulnerable image runs here
	Affected      ConditionID = "affected"      // the package's version is in an affected range
	Reachable     ConditionID = "reachable"     // an attacker can send it packets
	Prerequisites ConditionID = "prerequisites" // what the vulnerability and the way in ask besides
)

// Condition is one thing that must hold for a vulnerability to be exploitable
// in a workload, with its answer and what the answer rests on. Mitigations and
// impacts have the same shape, under IDs of their own.
type Condition struct {
	ID     ConditionID `json:"id"`
	Answer Answer      `json:"answer"`
	// Summary is the answer as a sentence, generated from the deciding evidence.
	Summary  string     `json:"summary"`
	Evidence []Evidence `json:"evidence"`
	Gaps     []Gap      `json:"gaps,omitempty"`
}

// VerdictID is stable for the same (workload, image, vulnerability, package).
type VerdictID string

// Verdict answers whether one vulnerability is exploitable in one workload.
type Verdict struct {
	ID          VerdictID  `json:"id"`
	Exploitable Answer     `json:"exploitable"`
	Result      Result     `json:"result"`
	Confidence  Confidence `json:"confidence"`
	Basis       Basis      `json:"basis"`
	Priority    Priority   `json:"priority"`
	// Prerequisites of a conditional verdict, and of any other what it would
	// ask; empty for none.
	Prerequisites []Prerequisite `json:"prerequisites,omitempty"`
	// Profile names what the vulnerability asks of its environment:
	// "network/none/none" is attack vector, privileges, user interaction.
	Profile string `json:"profile"`
	// Vulnerability is the CVE, or the advisory record's own ID.
	Vulnerability string   `json:"vulnerability"`
	Finding       Finding  `json:"finding"`
	Workload      Workload `json:"workload"`
	// Image is the image that runs, by digest where the digest is known:
	// "registry/repository@sha256:…".
	Image string `json:"image"`
	// Summary is one sentence generated from the deciding condition.
	Summary string `json:"summary"`
	// Conditions in the order deployed, affected, reachable, prerequisites.
	Conditions []Condition `json:"conditions"`
	// Mitigations make an attack harder or smaller. None alone makes it
	// impossible, so none changes the answer.
	Mitigations []Condition `json:"mitigations,omitempty"`
	// Impact is what follows from a success: what the workload may do to its
	// node, its cluster and to Azure.
	Impact []Condition `json:"impact,omitempty"`
	// Opinions are what reports of other scanners say of it; empty where none
	// was brought.
	Opinions []Opinion `json:"opinions,omitempty"`
	Gaps     []Gap     `json:"gaps"`
	// DecidedAt is the time the facts were complete, given by the caller; it is
	// an input of the decision, never the clock.
	DecidedAt time.Time `json:"decidedAt,omitzero"`
	// Stale says that the deciding facts have grown too old since.
	Stale bool `json:"stale,omitempty"`
	// Dismissed is a person's decision to leave it, while that holds; nil for
	// none. It changes neither the answer nor the proof.
	Dismissed *Dismissal `json:"dismissed,omitempty"`
}

// Opinion is what the report of another scanner says of a verdict's
// vulnerability in its package. It never makes an answer more certain.
type Opinion struct {
	Scanner string `json:"scanner"` // name and version: "Trivy 0.58.1"
	Report  string `json:"report"`  // the file
	// By is what joined the report to the workload: "digest", "image-id",
	// "layers", "resource", or "tag", which is less.
	By       string   `json:"by"`
	Affected Answer   `json:"affected"`
	Severity Severity `json:"severity"`
	FixedIn  []string `json:"fixedIn"`
	// Differs says in what it disagrees with the verdict or with the other
	// scanners; "" where it does not.
	Differs string `json:"differs,omitempty"`
	// Evidence cites the report's entry.
	Evidence Evidence `json:"evidence"`
}

// Dismissal is a person's decision to leave a verdict as it is. It ends by
// itself: on a day, or once the verdict rests on something else.
type Dismissal struct {
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
	Until  time.Time `json:"until"`
	// Footing is what the verdict rested on; see package verdict.
	Footing string `json:"footing"`
}

// Priority is what the place of a verdict in the list rests on.
type Priority struct {
	// Reach is the class of the farthest source that gets to the workload:
	// "internet-any", "vnet-peered"; see package exposure. Distance is its place
	// among the classes: 0 is everybody.
	Reach    string `json:"reach,omitempty"`
	Distance int    `json:"distance"`
	// Blast ranks what follows from a success: 0 nothing known … 4 the control
	// of a subscription or cluster.
	Blast int `json:"blast"`
	// Criticality by the workload's tags: "low", "medium", "high", or "".
	Criticality string `json:"criticality,omitempty"`
	// SSVC is CISA's decision: "track", "track*", "attend", "act", or "".
	SSVC string `json:"ssvc,omitempty"`
	// Reasons in the order in which they count.
	Reasons []string `json:"reasons"`
}

// Order is the verdict's place in a list as text that sorts: by result, then
// who reaches the workload, then whether the vulnerability is known to be
// exploited, how probable that is (in steps of a tenth), how severe it is, what
// follows, what the business says, and the finer scores.
func (v Verdict) Order() string {
	known := 1
	if v.Finding.KEV || v.Finding.Malicious {
		known = 0
	}
	criticality := map[string]int{"high": 0, "low": 2}
	place, stated := criticality[v.Priority.Criticality]
	if !stated {
		place = 1
	}
	scaled := func(x, by float64, most int) int { return most - min(max(int(x*by), 0), most) }
	return fmt.Sprintf("%d%02d%d%02d%d%d%d%06d%03d",
		v.Result.Rank(), min(max(v.Priority.Distance, 0), 99), known, scaled(v.Finding.EPSS, 10, 10), 9-v.Finding.Severity.Rank(),
		9-min(max(v.Priority.Blast, 0), 9), place, scaled(v.Finding.EPSS, 100_000, 100_000), scaled(v.Finding.CVSS, 10, 100))
}

// NewVerdictID derives the stable ID: "v-" and 16 hexadecimal digits.
func NewVerdictID(workload ResourceID, image, vulnerability, purl string) VerdictID {
	sum := sha256.Sum256([]byte(strings.Join([]string{string(workload.Key()), image, vulnerability, purl}, "\x00")))
	return VerdictID("v-" + hex.EncodeToString(sum[:8]))
}

// ParseVerdictID checks the form that [NewVerdictID] gives, without case.
func ParseVerdictID(s string) (VerdictID, error) {
	lower := strings.ToLower(s)
	digits, ok := strings.CutPrefix(lower, "v-")
	if _, err := hex.DecodeString(digits); !ok || err != nil || len(digits) != 16 {
		return "", &Error{
			Kind: KindUsage, Op: "read verdict ID", Subject: fmt.Sprintf("%.40q", s),
			Cause: "it is not of the form v-0123456789abcdef", Remedy: "copy an ID from `azward verdicts`",
		}
	}
	return VerdictID(lower), nil
}
