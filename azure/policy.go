package azure

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azward/azward"
)

// Mode is what a client may do.
type Mode string

// ModeRead is the mode of every client so far: it reads.
const ModeRead Mode = "read"

// operation is something that a mode may send.
type operation struct {
	method string
	path   *regexp.Regexp
}

// allowed lists what each mode may send; nothing else leaves. Resource Manager
// and Microsoft Graph answer GET without changing anything; the POSTs are
// reads that need a body, or an action that hands out what a reader may have.
//
// Sources:
// https://learn.microsoft.com/rest/api/azureresourcegraph/resourcegraph/resources/resources
// https://learn.microsoft.com/rest/api/aks/managed-clusters/list-cluster-user-credentials
var allowed = map[Mode][]operation{
	ModeRead: {
		{http.MethodGet, regexp.MustCompile(`^/`)},
		{http.MethodPost, regexp.MustCompile(`(?i)^/providers/Microsoft\.ResourceGraph/resources$`)},
		{http.MethodPost, regexp.MustCompile(`(?i)^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.ContainerService/managedClusters/[^/]+/listClusterUserCredential$`)},
	},
}

// gate is the last policy before the wire: whatever the caller says, only what
// the mode allows leaves, and only to the host that the token is for.
type gate struct {
	mode Mode
	host string
}

func (g gate) Do(req *policy.Request) (*http.Response, error) {
	raw := req.Raw()
	refuse := func(cause string) (*http.Response, error) {
		return nil, final{&azward.Error{
			Kind: azward.KindFailed, Op: raw.Method, Subject: raw.URL.Path, Cause: cause,
			Remedy: "report this: azward must not have tried",
		}}
	}
	if !strings.EqualFold(raw.URL.Host, g.host) || raw.URL.Scheme != "https" {
		return refuse("the request would carry a token to another host than " + g.host)
	}
	for _, o := range allowed[g.mode] {
		if raw.Method == o.method && o.path.MatchString(raw.URL.Path) && !strings.Contains(raw.URL.Path, "/../") {
			return req.Next()
		}
	}
	return refuse(fmt.Sprintf("a client in mode %q does not send this", g.mode))
}

// final is an error that another try does not mend.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// NonRetriable tells the SDK's retry policy.
func (final) NonRetriable() {}

// counter counts what is really sent, retries included.
type counter struct{ n *atomic.Int64 }

func (c counter) Do(req *policy.Request) (*http.Response, error) {
	c.n.Add(1)
	return req.Next()
}
