// Package kube reads a cluster's API server by plain REST into an estate. Call
// [ParseConfig] on a kubeconfig and [Reader.Read] on what it names.
package kube

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/url"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/azward/azward"
)

// maxConfigBytes bounds a kubeconfig; AKS hands out some ten kilobytes.
const maxConfigBytes = 1 << 20

// Config is what of a kubeconfig is needed to reach one API server.
type Config struct {
	Server     string // https URL
	ServerName string // for TLS, "" takes the server's host
	// Authorities is the server's certificate authority; nil means the system's.
	Authorities *x509.CertPool
	// Token and Certificate of the user, where the kubeconfig holds them: a
	// cluster with local accounts. Otherwise the caller brings a token.
	Token       string
	Certificate *tls.Certificate
}

type document struct {
	CurrentContext string `json:"current-context"`
	Clusters       []struct {
		Name    string `json:"name"`
		Cluster struct {
			Server      string `json:"server"`
			ServerName  string `json:"tls-server-name"`
			Authorities string `json:"certificate-authority-data"`
			File        string `json:"certificate-authority"`
			Insecure    bool   `json:"insecure-skip-tls-verify"`
		} `json:"cluster"`
	} `json:"clusters"`
	Contexts []struct {
		Name    string `json:"name"`
		Context struct {
			Cluster string `json:"cluster"`
			User    string `json:"user"`
		} `json:"context"`
	} `json:"contexts"`
	Users []struct {
		Name string `json:"name"`
		User struct {
			Token       string `json:"token"`
			Certificate string `json:"client-certificate-data"`
			Key         string `json:"client-key-data"`
		} `json:"user"`
	} `json:"users"`
}

// ParseConfig reads a kubeconfig's current context. Commands that it names for
// getting credentials are never run, and a server whose certificate is not to
// be verified is refused.
//
// Source: https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
func ParseConfig(raw []byte) (*Config, error) {
	bad := func(cause string, err error) (*Config, error) {
		return nil, &azward.Error{
			Kind: azward.KindBadInput, Op: "read kubeconfig", Cause: cause, Err: err,
			Remedy: "get it anew: az aks get-credentials --name CLUSTER --resource-group GROUP --file -",
		}
	}
	if len(raw) > maxConfigBytes {
		return bad(fmt.Sprintf("it is larger than %d bytes", maxConfigBytes), nil)
	}
	var d document
	if err := yaml.Unmarshal(raw, &d); err != nil {
		return bad("it is not a kubeconfig: "+firstLine(err.Error()), err)
	}
	if len(d.Clusters) == 0 {
		return bad("it names no cluster", nil)
	}
	clusterName, userName := d.Clusters[0].Name, ""
	for _, c := range d.Contexts {
		if c.Name == d.CurrentContext {
			clusterName, userName = c.Context.Cluster, c.Context.User
		}
	}
	config := &Config{}
	for _, c := range d.Clusters {
		if c.Name != clusterName {
			continue
		}
		u, err := url.Parse(c.Cluster.Server)
		switch {
		case err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil:
			return bad("its server is not an https URL", err)
		case c.Cluster.Insecure:
			return bad("it says not to verify the server's certificate, and azward always does", nil)
		}
		config.Server, config.ServerName = strings.TrimRight(c.Cluster.Server, "/"), c.Cluster.ServerName
		if c.Cluster.File != "" && c.Cluster.Authorities == "" {
			return bad("it names a file of certificate authorities instead of holding them", nil)
		}
		if c.Cluster.Authorities != "" {
			if config.Authorities, err = authorities(c.Cluster.Authorities); err != nil {
				return bad("its certificate-authority-data holds no certificate", err)
			}
		}
	}
	if config.Server == "" {
		return bad(fmt.Sprintf("its current context names cluster %.60q, which it does not have", clusterName), nil)
	}
	for _, u := range d.Users {
		if u.Name != userName {
			continue
		}
		config.Token = u.User.Token
		if u.User.Certificate != "" && u.User.Key != "" {
			certificate, err := keyPair(u.User.Certificate, u.User.Key)
			if err != nil {
				return bad("its client certificate cannot be read", nil) // the cause may quote the key
			}
			config.Certificate = certificate
		}
	}
	return config, nil
}

func authorities(data string) (*x509.CertPool, error) {
	raw, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if block, _ := pem.Decode(raw); block == nil || !pool.AppendCertsFromPEM(bytes.TrimSpace(raw)) {
		return nil, fmt.Errorf("no certificate in PEM")
	}
	return pool, nil
}

func keyPair(certificate, key string) (*tls.Certificate, error) {
	c, err := base64.StdEncoding.DecodeString(certificate)
	if err != nil {
		return nil, err
	}
	k, err := base64.StdEncoding.DecodeString(key)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(c, k)
	if err != nil {
		return nil, err
	}
	return &pair, nil
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	const longest = 200
	if len(line) > longest {
		return strings.ToValidUTF8(line[:longest], "") + "…"
	}
	return line
}
