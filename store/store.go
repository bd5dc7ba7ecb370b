// Package store says what azward keeps between runs: connections, scans, the
// cache of image layers, findings, verdicts with their proofs, and the estates
// they were decided from. The engines are in the packages below it, store/sqlite
// first; storetest is the contract that each of them passes.
//
// The package itself holds the shapes, the layout of the data directory
// ([Prepare]) and the lock that keeps two scans apart ([LockScan]).
package store

import (
	"encoding/json"
	"time"

	"github.com/azward/azward"
)

// Secret is a sealed secret that azward.yaml may refer to, without its value.
type Secret struct {
	Name      string    `json:"name"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// AuthMethod is how a connection proves who it is.
type AuthMethod string

// The ways to sign in. Only a client secret and a certificate have something
// to seal.
const (
	AuthClientSecret    AuthMethod = "clientSecret"
	AuthCertificate     AuthMethod = "certificate"     // the sealed secret is the PEM with key and certificate
	AuthFederatedToken  AuthMethod = "federatedToken"  // CredentialFile holds the assertion, read anew each time
	AuthManagedIdentity AuthMethod = "managedIdentity" // ClientID "" is the system-assigned one
	AuthAzureCLI        AuthMethod = "azureCLI"        // whoever `az login` signed in
)

// KindAzure is the one kind of connection so far.
const KindAzure = "azure"

// Connection is a tenant that azward may read, and as whom.
type Connection struct {
	Name     string          `json:"name"` // unique, compared as written
	Kind     string          `json:"kind"`
	TenantID azward.TenantID `json:"tenantId"`
	ClientID string          `json:"clientId,omitempty"`
	// Cloud is "public", "usgovernment" or "china", or "" where CloudConfig
	// names a file that says which endpoints to use.
	Cloud          string     `json:"cloud,omitempty"`
	CloudConfig    string     `json:"cloudConfig,omitempty"`
	Auth           AuthMethod `json:"auth"`
	CredentialFile string     `json:"credentialFile,omitempty"`
	// Subscriptions are those to read; nil for all that it sees.
	Subscriptions []azward.SubscriptionID `json:"subscriptions,omitempty"`
	// Sealed is the secret as seal.Box gave it, bound to "connection/" and the
	// name; nil where Auth needs none. It is never printed.
	Sealed    []byte    `json:"-"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// ScanState is how far a scan came.
type ScanState string

// The states of a scan.
const (
	ScanRunning     ScanState = "running"
	ScanComplete    ScanState = "complete"    // everything was read
	ScanPartial     ScanState = "partial"     // finished, with gaps
	ScanFailed      ScanState = "failed"      // no verdicts came out; the earlier ones stand
	ScanInterrupted ScanState = "interrupted" // ended by Ctrl-C or a crash; the earlier verdicts stand
)

// Scan is one run from collecting to saved verdicts.
type Scan struct {
	ID string `json:"id"` // chosen by the caller; letters, digits, "-" and "_"
	// Source is the connection's name, or what names the files that were read
	// instead. The verdicts of a source are replaced together.
	Source     string    `json:"source"`
	State      ScanState `json:"state"`
	StartedAt  time.Time `json:"startedAt"`
	FinishedAt time.Time `json:"finishedAt,omitzero"` // zero while running
	Gaps       int       `json:"gaps"`
	// Counts is the caller's own summary, a JSON object; nil where none.
	Counts json.RawMessage `json:"counts,omitempty"`
	// Estate is the file with the estate, relative to the data directory; ""
	// where none was saved.
	Estate string `json:"estate,omitempty"`
}

// Outcome ends a scan.
type Outcome struct {
	State      ScanState
	FinishedAt time.Time
	Gaps       int
	Counts     json.RawMessage
}

// Decided is a verdict with the documents to keep: the verdict's own JSON and
// the proof that `azward verify` replays. Without Doc the verdict is encoded
// here; Proof is empty where there is none.
type Decided struct {
	Verdict azward.Verdict
	Doc     Document
	Proof   Document
}

// Document is bytes in pieces, one after the other.
type Document []Piece

// Piece is a part of a document. A shared one occurs in many documents, byte
// for byte, and is kept once.
type Piece struct {
	Text   []byte
	Shared bool
}

// Filter selects verdicts. Zero fields select everything.
type Filter struct {
	Source        string
	Exploitable   []azward.Answer   // any of these
	Results       []azward.Result   // any of these
	MinSeverity   azward.Severity   // this and above
	Vulnerability string            // its ID or an alias, without case
	Workload      azward.ResourceID // this, and what lies below it
	Text          string            // part of a name of the vulnerability, of the PURL or of the workload's ID, without case
	Known         bool              // those that are exploited somewhere already, or malicious
	After         Cursor            // only what comes after
	Limit         int               // at most so many; 0 is no limit
}

// Cursor is a place in the order of verdicts ([azward.Verdict.Order], then ID).
// The zero value is before the first.
type Cursor struct {
	Order string
	ID    azward.VerdictID
}

// CursorOf returns the place of v, to ask for what comes after it.
func CursorOf(v azward.Verdict) Cursor { return Cursor{v.Order(), v.ID} }

// Counts is how many verdicts have each result; those that none has are left out.
type Counts map[azward.Result]int
