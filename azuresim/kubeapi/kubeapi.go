// Package kubeapi serves Kubernetes objects over a read-only API server:
// discovery, get, list with paging and selectors, tables for kubectl, access
// reviews, and the Status objects of a real one. [New] makes the handler.
//
// https://kubernetes.io/docs/reference/using-api/api-concepts/
package kubeapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// ErrUnauthenticated is what Authenticate returns for a token that is missing,
// expired or not meant for this cluster; any other error answers 500.
var ErrUnauthenticated = errors.New("unauthenticated")

// User is who asks.
type User struct {
	Name   string
	UID    string
	Groups []string
}

// Attributes is what is asked, in the words of the Kubernetes authoriser:
// https://kubernetes.io/docs/reference/access-authn-authz/authorization/#review-your-request-attributes
type Attributes struct {
	Verb        string // get, list, watch, create …
	Group       string // "" is the core group
	Version     string
	Resource    string // plural: "pods"
	Subresource string
	Namespace   string // "" is all namespaces, or a cluster-scoped resource
	Name        string
	Path        string // set, and nothing above but Verb, for non-resource URLs: "/healthz"
}

// Options is what an API server is made of.
type Options struct {
	// Objects are Kubernetes objects with apiVersion and kind. A List is taken
	// as its items.
	Objects []json.RawMessage
	// PageLimit is the largest page of a list; 0: as large as asked for.
	PageLimit int
	// Version of the server, "v1.30.0" when empty.
	Version string
	// Authenticate turns a bearer token ("" when there is none) into a user.
	// Nil makes everybody system:anonymous.
	Authenticate func(token string) (User, error)
	// Authorize decides, with a reason for a denial that the answer quotes.
	// Nil allows everything but reading Secrets.
	Authorize func(User, Attributes) (allowed bool, reason string)
	// Now is the clock of ages in tables; nil is time.Now.
	Now func() time.Time
}

// New makes the API server's handler. It serves the usual built-in resources,
// empty or not, and custom resources when the objects hold their definition or
// one of them.
func New(o Options) (http.Handler, error) {
	if o.Version == "" {
		o.Version = "v1.30.0"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Authenticate == nil {
		o.Authenticate = func(string) (User, error) {
			return User{Name: "system:anonymous", Groups: []string{"system:unauthenticated"}}, nil
		}
	}
	if o.Authorize == nil {
		o.Authorize = func(_ User, a Attributes) (bool, string) { return a.Group != "" || a.Resource != "secrets", "" }
	}
	c, err := newCatalogue(o.Objects)
	if err != nil {
		return nil, fmt.Errorf("order the cluster's objects: %w", err)
	}
	return &server{o: o, catalogue: c}, nil
}
