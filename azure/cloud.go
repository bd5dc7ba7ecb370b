// Package azure talks to Azure: clouds, credentials, Azure Resource Manager,
// Resource Graph and registry tokens. [Client] is one generic reader on the
// SDK's pipeline; it keeps bodies as Azure wrote them, honours Azure's quotas
// and cannot send a write.
package azure

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
)

// Cloud is a set of endpoints. The zero value is no cloud; see [Named] and
// [LoadCloudConfig].
type Cloud struct {
	AuthorityHost string `json:"authorityHost"` // https://login.microsoftonline.com
	ARMEndpoint   string `json:"armEndpoint"`   // https://management.azure.com
	GraphEndpoint string `json:"graphEndpoint"` // https://graph.microsoft.com
	ACRSuffix     string `json:"acrSuffix"`     // .azurecr.io
	// CAFile holds further certificate authorities to trust, in PEM.
	CAFile string `json:"caFile,omitempty"`
	// ConnectTo says where to dial for a host name, as curl's --connect-to
	// does: {"*.azurecr.io": "10.0.0.4:443"}. The name stays in TLS.
	ConnectTo map[string]string `json:"connectTo,omitempty"`

	// audience of ARM tokens where it differs from the endpoint.
	audience string
	custom   bool
}

// Clouds by the names that the Azure CLI gives them, and short ones.
//
// Source: https://learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure,
// https://learn.microsoft.com/azure/china/resources-developer-guide
var clouds = map[string]Cloud{
	"public": {
		AuthorityHost: "https://login.microsoftonline.com", ARMEndpoint: "https://management.azure.com",
		GraphEndpoint: "https://graph.microsoft.com", ACRSuffix: ".azurecr.io",
		audience: "https://management.core.windows.net/",
	},
	"usgovernment": {
		AuthorityHost: "https://login.microsoftonline.us", ARMEndpoint: "https://management.usgovcloudapi.net",
		GraphEndpoint: "https://graph.microsoft.us", ACRSuffix: ".azurecr.us",
		audience: "https://management.core.usgovcloudapi.net/",
	},
	"china": {
		AuthorityHost: "https://login.chinacloudapi.cn", ARMEndpoint: "https://management.chinacloudapi.cn",
		GraphEndpoint: "https://microsoftgraph.chinacloudapi.cn", ACRSuffix: ".azurecr.cn",
		audience: "https://management.core.chinacloudapi.cn/",
	},
}

// Named returns a cloud by name: "public" (also ""), "usgovernment", "china".
func Named(name string) (Cloud, error) {
	if name == "" {
		name = "public"
	}
	if c, ok := clouds[strings.ToLower(name)]; ok {
		return c, nil
	}
	return Cloud{}, &azward.Error{
		Kind: azward.KindUsage, Op: "choose cloud", Subject: fmt.Sprintf("%.40q", name),
		Cause: "there is no cloud of that name", Remedy: "use public, usgovernment or china, or --cloud-config FILE",
	}
}

const maxCloudConfigBytes = 64 << 10

// LoadCloudConfig reads a cloud from a JSON file with the fields of [Cloud].
func LoadCloudConfig(file string) (Cloud, error) {
	bad := func(cause string, err error) (Cloud, error) {
		return Cloud{}, &azward.Error{
			Kind: azward.KindUsage, Op: "read cloud configuration", Subject: file, Cause: cause, Err: err,
			Remedy: "write JSON with authorityHost, armEndpoint, graphEndpoint and acrSuffix; docs/clouds.md has an example",
		}
	}
	f, err := os.Open(file)
	if err != nil {
		return bad("it cannot be opened: "+err.Error(), err)
	}
	defer f.Close()
	raw, err := bound.ReadAll(f, maxCloudConfigBytes, "the cloud configuration")
	if err != nil {
		return bad(err.Error(), err)
	}
	c := Cloud{custom: true}
	decoder := json.NewDecoder(strings.NewReader(string(raw)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil {
		return bad("it is not such a document: "+err.Error(), err)
	}
	for _, endpoint := range []string{c.AuthorityHost, c.ARMEndpoint} {
		if u, err := url.Parse(endpoint); err != nil || u.Scheme != "https" || u.Host == "" {
			return bad(fmt.Sprintf("%q is not an https URL", endpoint), err)
		}
	}
	c.ARMEndpoint, c.GraphEndpoint = strings.TrimRight(c.ARMEndpoint, "/"), strings.TrimRight(c.GraphEndpoint, "/")
	if c.ACRSuffix != "" {
		c.ACRSuffix = "." + strings.ToLower(strings.TrimLeft(c.ACRSuffix, ".")) // a bare suffix would take in other names
	}
	c.audience = c.ARMEndpoint
	return c, nil
}

// configuration is the cloud in the SDK's terms.
func (c Cloud) configuration() cloud.Configuration {
	return cloud.Configuration{
		ActiveDirectoryAuthorityHost: c.AuthorityHost,
		Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
			cloud.ResourceManager: {Endpoint: c.ARMEndpoint, Audience: c.audience},
		},
	}
}

// ARMScope is the token scope of Resource Manager.
func (c Cloud) ARMScope() string { return strings.TrimRight(c.audience, "/") + "/.default" }

// Bounds of a connection. Resource Manager answers within a minute or not at all.
const (
	dialTimeout     = 15 * time.Second
	tlsTimeout      = 15 * time.Second
	headerTimeout   = 90 * time.Second
	idleConnections = 32
	idleTimeout     = 90 * time.Second
)

// Transport makes an HTTP transport for this cloud: TLS 1.2 and above, always
// verified, with the cloud's own authorities besides the system's.
func (c Cloud) Transport() (*http.Transport, error) {
	tlsConfig := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, &azward.Error{
				Kind: azward.KindUsage, Op: "read certificate authorities", Subject: c.CAFile, Cause: err.Error(), Err: err,
				Remedy: "let caFile of the cloud configuration name a PEM file",
			}
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, &azward.Error{
				Kind: azward.KindUsage, Op: "read certificate authorities", Subject: c.CAFile,
				Cause: "it holds no certificate", Remedy: "let caFile of the cloud configuration name a PEM file",
			}
		}
		tlsConfig.RootCAs = pool
	}
	dialer := &net.Dialer{Timeout: dialTimeout}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: tlsConfig, TLSHandshakeTimeout: tlsTimeout,
		ResponseHeaderTimeout: headerTimeout, MaxIdleConnsPerHost: idleConnections, IdleConnTimeout: idleTimeout, ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, c.connectTo(address))
		},
	}, nil
}

// connectTo applies ConnectTo to an address "host:port"; the most specific
// (longest) pattern wins.
func (c Cloud) connectTo(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil || len(c.ConnectTo) == 0 {
		return address
	}
	patterns := make([]string, 0, len(c.ConnectTo))
	for p := range c.ConnectTo {
		if ok, err := path.Match(strings.ToLower(p), strings.ToLower(host)); err == nil && ok {
			patterns = append(patterns, p)
		}
	}
	if len(patterns) == 0 {
		return address
	}
	slices.SortFunc(patterns, func(a, b string) int { return len(b) - len(a) })
	return c.ConnectTo[patterns[0]]
}
