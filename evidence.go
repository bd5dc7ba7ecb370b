package azward

import (
	"encoding/json"
	"time"
)

// Source says which interface gave a fact. It decides how much a fact weighs
// (see [Evidence.Grade]).
type Source string

// Where facts come from.
const (
	SourceARM           Source = "arm"           // Azure Resource Manager GET or LIST
	SourceResourceGraph Source = "resourcegraph" // may lag behind ARM and leaves properties out
	SourceMSGraph       Source = "msgraph"       // Microsoft Graph
	SourceKubernetes    Source = "kubernetes"    // a cluster's API server
	SourceImage         Source = "image"         // read out of an image's layers
	SourceRegistry      Source = "registry"      // a registry's answer: which digest a tag names
	SourceAdvisory      Source = "advisory"      // an advisory record of the local index
	SourceListing       Source = "listing"       // a completed listing: the proof of an absence
	SourceGap           Source = "gap"           // in an estate file: what could not be read
	SourceExport        Source = "export"        // a file that the user exported
	SourceTemplate      Source = "template"      // what a template would create
	SourcePlan          Source = "plan"          // what a Terraform plan would create, as far as it is mapped
	SourceScanner       Source = "scanner"       // another scanner's report: its word, and a copy of it
	SourceUser          Source = "user"          // the user's own word, such as --complete
	SourceDocumented    Source = "documented"    // a platform default that Microsoft or Kubernetes documents
)

// Evidence is one observed fact: what was read, where, when and from whom. It
// travels with an answer from the first read to the last pixel.
type Evidence struct {
	// Resource that holds the property. For a listing it is the listed scope,
	// for an image "REGISTRY/REPOSITORY@DIGEST", for an advisory its record ID.
	Resource ResourceID `json:"resource"`
	// Property is a JSON pointer (RFC 6901) into the raw document, such as
	// "/properties/securityRules/2/properties/access".
	Property string `json:"property"`
	// Value observed there, as it stood in the document. Absence is null.
	Value json.RawMessage `json:"value"`
	// Meaning in one clause: "allows tcp 443 from Internet".
	Meaning string `json:"meaning,omitempty"`
	Source  Source `json:"source"`
	// APIVersion of the answer that held it; "" where there is none.
	APIVersion string `json:"apiVersion,omitempty"`
	// ReadAt is when it was read, in UTC; zero where the source gives no time.
	ReadAt time.Time `json:"readAt,omitzero"`
	// SHA256 of the raw document, in hexadecimal; "" where there is none.
	SHA256 string `json:"sha256,omitempty"`
}

// Grade ranks how much a fact weighs: 3 read from the authority itself,
// 2 read from a copy that may lag, 1 taken on somebody's word. The lowest
// grade on the deciding chain sets a verdict's [Confidence].
func (e Evidence) Grade() int {
	switch e.Source {
	case SourceARM, SourceKubernetes, SourceImage, SourceAdvisory, SourceListing, SourceMSGraph, SourceDocumented:
		return 3
	case SourceResourceGraph, SourceRegistry, SourceExport, SourceTemplate, SourcePlan, SourceScanner:
		return 2
	default:
		return 1
	}
}

// JSONValue renders v for [Evidence.Value]. It never fails: what cannot be
// encoded becomes null.
func JSONValue(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage("null")
	}
	return b
}

// GapKind says why something could not be read or judged.
type GapKind string

// Why a fact is missing.
const (
	GapDenied      GapKind = "denied"      // the principal lacks an action
	GapThrottled   GapKind = "throttled"   // the service kept answering 429
	GapUnreachable GapKind = "unreachable" // no route, no name, a private endpoint
	GapUnparsed    GapKind = "unparsed"    // read, but not understood
	GapUnsupported GapKind = "unsupported" // understood, but azward does not model it yet
	GapNotRead     GapKind = "notRead"     // nobody tried, or the export does not say
	GapFailed      GapKind = "failed"      // any other error
)

// Gap is a fact that is missing, as data: a condition that needed it answers
// Unknown and names it.
type Gap struct {
	// Scope that could not be read: a subscription, a resource, a cluster.
	Scope ResourceID `json:"scope"`
	Kind  GapKind    `json:"kind,omitempty"`
	// Reads is what was wanted: a resource type ("Microsoft.Network/loadBalancers"),
	// a Kubernetes resource ("networkpolicies.networking.k8s.io") or a property.
	Reads string `json:"reads"`
	// Needs is the action that would supply it
	// ("Microsoft.Network/loadBalancers/read"), or what else would.
	Needs string `json:"needs,omitempty"`
	// Error is the cause in one sentence, without secrets.
	Error string `json:"error,omitempty"`
	// Remedy is the command or step that closes the gap; "" where none is known.
	Remedy string `json:"remedy,omitempty"`
}
