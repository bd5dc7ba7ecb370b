package azward

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Confidence says how far a verdict can be leaned on: the weakest evidence on
// the deciding chain ([Evidence.Grade]).
type Confidence string

// High: every deciding fact was read from its authority. Medium: at least one
// comes from a copy that may lag. Low: at least one is somebody's word.
// None: the verdict is unknown.
const (
	ConfidenceHigh   Confidence = "high"
	ConfidenceMedium Confidence = "medium"
	ConfidenceLow    Confidence = "low"
	ConfidenceNone   Confidence = "none"
)

// ConditionID names what is asked of the environment.
type ConditionID string

// The conditions of exploitability.
const (
	Deployed  ConditionID = "deployed"  // the vulnerable image runs here
	Affected  ConditionID = "affected"  // the package's version is in an affected range
	Reachable ConditionID = "reachable" // an attacker can send it packets
)

// Condition is one thing that must hold for a vulnerability to be exploitable
// in a workload, with its answer and what the answer rests on.
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
	Confidence  Confidence `json:"confidence"`
	// Vulnerability is the CVE, or the advisory record's own ID.
	Vulnerability string   `json:"vulnerability"`
	Finding       Finding  `json:"finding"`
	Workload      Workload `json:"workload"`
	// Image is the image that runs, by digest where the digest is known:
	// "registry/repository@sha256:…".
	Image string `json:"image"`
	// Summary is one sentence generated from the deciding condition.
	Summary string `json:"summary"`
	// Conditions in the order deployed, affected, reachable.
	Conditions []Condition `json:"conditions"`
	Gaps       []Gap       `json:"gaps"`
	// DecidedAt is the time the facts were complete, given by the caller; it is
	// an input of the decision, never the clock.
	DecidedAt time.Time `json:"decidedAt,omitzero"`
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
