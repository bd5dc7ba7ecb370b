// Package scenario describes a simulated tenant: its Entra applications, its
// ARM and Kubernetes objects, and how its endpoints behave (paging,
// throttling, faults). [Parse] reads the .txtar form that people write,
// [Load] one of the embedded ones, [FromEstate] an estate file.
package scenario

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Scenario is one simulated tenant. Its zero value is an empty tenant that
// knows no application.
type Scenario struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Tenant      Tenant `json:"tenant"`
	Apps        []App  `json:"apps"`
	// Grants are role assignments in short form, beside those that arm/*.yaml
	// spells out.
	Grants []Grant `json:"grants"`
	// Denies are deny assignments that act and are not listed: what the
	// exporter of an estate file could not read stays unreadable.
	Denies []Deny `json:"denies"`
	// Exact serves the records and nothing beside them: grants and the
	// built-in role definitions act without being listed, and resource groups
	// that only appear in IDs are not invented. FromEstate sets it, so that
	// what is collected again equals what was served.
	Exact      bool       `json:"exact"`
	Paging     Paging     `json:"paging"`
	Throttling Throttling `json:"throttling"`
	IDCase     IDCase     `json:"idCase"`
	Faults     []Fault    `json:"faults"`
	// Clusters says how managed clusters behave, by name.
	Clusters map[string]Cluster `json:"clusters"`
	// APIVersions replaces the versions that a resource type supports:
	// "Microsoft.Compute/virtualMachines": ["2024-07-01"].
	APIVersions map[string][]string `json:"apiVersions"`
	// SubscriptionStates replaces a subscription's state, by ID: Enabled,
	// Disabled, Warned, PastDue, Deleted.
	SubscriptionStates map[string]string `json:"subscriptionStates"`

	// ARM objects in the order read.
	ARM []Record `json:"-"`
	// MSGraph holds directory objects.
	MSGraph []DirectoryObject `json:"-"`
	// MSGraphListed are the collections of the directory that an Exact scenario
	// serves: what the exporter of an estate file did not read is refused, and
	// not empty.
	MSGraphListed []string `json:"-"`
	// Kubernetes holds each cluster's objects, by cluster name or ARM ID.
	Kubernetes map[string][]json.RawMessage `json:"-"`
	// Images and Advisories are the raw files below images/ and advisories/.
	Images     []File `json:"-"`
	Advisories []File `json:"-"`
	// Notes say what of the input is not served, one sentence each.
	Notes []string `json:"-"`
}

// Tenant is the Entra tenant.
type Tenant struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Domains []string `json:"domains"` // "contoso.onmicrosoft.com": work in token URLs as the ID does
}

// App is an application with its service principal in the tenant.
type App struct {
	Name                 string                `json:"name"` // what grants and tests call it
	ClientID             string                `json:"clientId"`
	ObjectID             string                `json:"objectId"` // of the service principal
	DisplayName          string                `json:"displayName"`
	Secrets              []Secret              `json:"secrets"`
	Certificates         []Certificate         `json:"certificates"`
	FederatedCredentials []FederatedCredential `json:"federatedCredentials"`
	// Groups are the object IDs of groups that the principal is a member of.
	Groups []string `json:"groups"`
	// GraphRoles are Microsoft Graph's application permissions, consented:
	// "Directory.Read.All".
	GraphRoles []string `json:"graphRoles"`
	// Consent "missing" answers every token request with AADSTS65001, until it
	// is given on the page for administrators.
	Consent string `json:"consent"`
	// ConditionalAccess "block" answers every token request with AADSTS53003.
	ConditionalAccess string `json:"conditionalAccess"`
}

// Secret is a client secret. A zero Expires never expires.
type Secret struct {
	Value   string    `json:"value"`
	Expires time.Time `json:"expires,omitzero"`
}

// Certificate is a registered client certificate: PEM text, or generated when
// the simulator starts (its key is then had from the server).
type Certificate struct {
	PEM      string `json:"pem"`
	Generate bool   `json:"generate"`
	// Expires ends a generated certificate; zero is a day after start.
	Expires time.Time `json:"expires,omitzero"`
}

// FederatedCredential trusts assertions of an issuer. An empty Issuer is the
// simulator's own test issuer.
type FederatedCredential struct {
	Name     string `json:"name"`
	Issuer   string `json:"issuer"`
	Subject  string `json:"subject"`
	Audience string `json:"audience"` // default api://AzureADTokenExchange
	// JWKS holds the issuer's public keys; needed for any issuer but our own.
	JWKS json.RawMessage `json:"jwks"`
}

// Grant is a role assignment in short form.
type Grant struct {
	App   string `json:"app"`   // name of an app
	Role  string `json:"role"`  // name or GUID of a role definition
	Scope string `json:"scope"` // ARM ID; "/" is the tenant root
}

// Deny forbids an action at and below a scope, to everybody.
type Deny struct {
	Scope  string `json:"scope"`
	Action string `json:"action"`
}

// Paging is the number of items a page; zero is the service's default.
type Paging struct {
	ARM           int `json:"arm"`
	ResourceGraph int `json:"resourceGraph"`
	MSGraph       int `json:"msgraph"`
	Kubernetes    int `json:"kubernetes"` // largest page that the API server gives; 0: as asked
}

// Throttling is enforced where it is stated; Azure's own figures are 250 with
// 25 a second for ARM reads, and 15 in 5 seconds for Resource Graph.
type Throttling struct {
	ARM           Bucket `json:"arm"`
	ResourceGraph Window `json:"resourceGraph"`
}

// Bucket is a token bucket. A zero Capacity is no limit.
type Bucket struct {
	Capacity        int     `json:"capacity"`
	RefillPerSecond float64 `json:"refillPerSecond"`
}

// Window is a quota of requests in a fixed span of seconds. A zero Capacity is
// no limit.
type Window struct {
	Capacity int `json:"capacity"`
	Seconds  int `json:"seconds"`
}

// IDCase varies how IDs are spelt by endpoint: "" as the records have them,
// "lower", "upper" (all), or "upperGroup" (the resource group's name alone, as
// Microsoft.Compute lists it).
type IDCase struct {
	Get           string `json:"get"`
	List          string `json:"list"`
	ResourceGraph string `json:"resourceGraph"`
}

// Fault replaces or spoils answers. Every stated field must match.
type Fault struct {
	Name    string `json:"name"`
	Service string `json:"service"` // arm (with Resource Graph), entra, msgraph, kubernetes, registry; "" any
	Method  string `json:"method"`  // "" any
	// Path is a glob over the URL path without case: * stays inside a
	// segment, ** crosses segments.
	Path string `json:"path"`
	// Calls are the matching calls that are hit, counted from 1; empty is all.
	Calls  []int             `json:"calls"`
	Delay  Duration          `json:"delay"`
	Status int               `json:"status"`
	Header map[string]string `json:"header"`
	Body   string            `json:"body"`
	HTML   bool              `json:"html"`     // answer with a proxy's HTML page
	Reset  bool              `json:"reset"`    // reset the connection before any answer
	Cut    int               `json:"truncate"` // send the real answer's first bytes, then break off
}

// Cluster is the behaviour of one managed cluster.
type Cluster struct {
	// Unreachable hands out an address that does not answer, as a private
	// cluster does from outside its network.
	Unreachable bool `json:"unreachable"`
	// Version is the API server's version; default v1.30.0.
	Version string `json:"version"`
}

// Record is one ARM object.
type Record struct {
	ID         string
	APIVersion string // that gave the body; "" when the file does not say
	Body       json.RawMessage
}

// DirectoryObject is one object of Microsoft Graph, with an "id". Collection is
// what it is filed under ("conditionalAccessPolicies"): the name of its file
// below msgraph/. Where that is no collection the object's "@odata.type" tells.
type DirectoryObject struct {
	Collection string
	Body       json.RawMessage
}

// File is a file of the scenario, kept raw.
type File struct {
	Name string
	Data []byte
}

// Duration reads "250ms" or "2s".
type Duration time.Duration

// UnmarshalJSON reads a Go duration in quotes.
func (d *Duration) UnmarshalJSON(data []byte) error {
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("a duration is written as \"250ms\" or \"2s\": %w", err)
	}
	parsed, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("read duration: %w", err)
	}
	*d = Duration(parsed)
	return nil
}

// MarshalJSON writes the form that UnmarshalJSON reads.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// App returns the app of that name.
func (s *Scenario) App(name string) (App, bool) {
	for _, a := range s.Apps {
		if strings.EqualFold(a.Name, name) {
			return a, true
		}
	}
	return App{}, false
}
