// Package azuresim is Azure on loopback TLS sockets: Entra, Resource Manager,
// Resource Graph, Microsoft Graph, the API servers of AKS clusters and the
// container registries of one tenant, described by a scenario. [Start] opens
// the listeners; [Server.CloudConfig] is what a client needs to find them.
//
// It knows Azure's wire formats from Microsoft's documentation and shares no
// code with the clients that are tested against it.
package azuresim

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/azward/azward/azuresim/arm"
	"github.com/azward/azward/azuresim/entra"
	"github.com/azward/azward/azuresim/fault"
	"github.com/azward/azward/azuresim/imagespec"
	"github.com/azward/azward/azuresim/inventory"
	"github.com/azward/azward/azuresim/rbac"
	"github.com/azward/azward/azuresim/scenario"
)

// ACRSuffix is the DNS suffix of the simulated registries' login servers.
const ACRSuffix = ".azurecr.io"

// Options of a simulator.
type Options struct {
	// Scenario is what is served. Required.
	Scenario *scenario.Scenario
	// Listen is the address of the Entra listener; default 127.0.0.1:0. The
	// other listeners take free ports of the same host.
	Listen string
	// Now is the clock of tokens, expiries and quotas; nil is time.Now.
	Now func() time.Time
	// Log is told of every request after its answer; nil is silent. It is
	// called from many goroutines.
	Log func(RequestRecord)
}

// RequestRecord is one answered request. It holds no header, query or body,
// since those carry secrets.
type RequestRecord struct {
	Service   string `json:"service"` // entra, arm, msgraph, kubernetes, registry
	Method    string `json:"method"`
	Path      string `json:"path"`
	Status    int    `json:"status"`
	Principal string `json:"principal"` // name of the app, "" when unauthenticated
}

// Server is a running simulator.
type Server struct {
	o         Options
	now       func() time.Time
	dir       string // of the CA file; removed by Close
	tls       *identity
	authority *entra.Authority
	inventory *inventory.Inventory
	policy    *rbac.Policy
	faults    *fault.Injector
	clusters  map[string]*cluster // by ARM ID in lower case
	images    []imagespec.Image

	entraURL, armURL, graphURL, registryAddr string

	records   recorder
	servers   []*http.Server
	running   sync.WaitGroup
	closeOnce sync.Once
	closeErr  error
	stopWatch func() bool
}

// Start opens the listeners and serves until Close, or until ctx ends.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Scenario == nil {
		return nil, errors.New("start the simulator: it needs a scenario")
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	s := &Server{o: o, now: o.Now, faults: fault.New(o.Scenario.Faults), clusters: map[string]*cluster{}}
	if s.now == nil {
		s.now = time.Now
	}
	s.records.log = o.Log
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start the simulator: %w", err), s.Close())
	}
	s.stopWatch = context.AfterFunc(ctx, func() { _ = s.Close() }) // Close keeps its error for the caller's own Close
	return s, nil
}

func (s *Server) start(ctx context.Context) error {
	host, _, err := net.SplitHostPort(s.o.Listen)
	if err != nil {
		return fmt.Errorf("read the listen address: %w", err)
	}
	if s.tls, err = newIdentity(host); err != nil {
		return err
	}
	if err := s.writeCA(); err != nil {
		return err
	}
	free := net.JoinHostPort(host, "0")
	listeners := make([]net.Listener, 4)
	for i, address := range []string{s.o.Listen, free, free, free} {
		if listeners[i], err = listen(ctx, address); err != nil {
			return errors.Join(err, closeAll(listeners[:i]))
		}
	}
	s.entraURL, s.armURL = "https://"+listeners[0].Addr().String(), "https://"+listeners[1].Addr().String()
	s.graphURL, s.registryAddr = "https://"+listeners[2].Addr().String(), listeners[3].Addr().String()
	handlers, err := s.handlers(ctx, free)
	if err != nil {
		return errors.Join(err, closeAll(listeners))
	}
	for i, service := range []string{serviceEntra, serviceARM, serviceGraph, serviceRegistry} {
		s.serve(listeners[i], service, handlers[i])
	}
	return nil
}

func closeAll(listeners []net.Listener) error {
	var all error
	for _, l := range listeners {
		all = errors.Join(all, l.Close())
	}
	return all
}

// handlers builds everything behind the listeners, in their order; clusters
// get listeners of their own.
func (s *Server) handlers(ctx context.Context, address string) ([]http.Handler, error) {
	if err := s.build(); err != nil {
		return nil, err
	}
	resourceManager, err := arm.New(s.armOptions())
	if err != nil {
		return nil, err
	}
	if err := s.buildImages(); err != nil {
		return nil, err
	}
	if err := s.startClusters(ctx, address); err != nil {
		return nil, err
	}
	registries, err := s.registryHandler(ctx)
	if err != nil {
		return nil, err
	}
	graph, err := s.graphHandler()
	if err != nil {
		return nil, err
	}
	return []http.Handler{s.authority.Handler(), resourceManager, graph, registries}, nil
}

func (s *Server) armOptions() arm.Options {
	sc := s.o.Scenario
	return arm.Options{
		Tenant: sc.Tenant, Inventory: s.inventory, Policy: s.policy, Verify: s.authority.Verify,
		BaseURL: s.armURL, AuthorityHost: s.entraURL, GraphEndpoint: s.graphURL, ACRSuffix: ACRSuffix,
		PageSize: sc.Paging.ARM, Bucket: sc.Throttling.ARM, IDCase: sc.IDCase, APIVersions: sc.APIVersions,
		States: sc.SubscriptionStates, Exact: sc.Exact, ResourceGraph: s.resourceGraph(), Kubeconfig: s.kubeconfig,
		GroupsOf: s.groupsOf, Seen: seen, Now: s.now,
	}
}

// Limits of a connection; the slowest honest answer is a fault's delay.
const (
	headerTimeout  = 10 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 64 << 10 // tokens travel in headers
)

// serve runs one listener. HTTP/1.1 only: faults need the connection itself.
func (s *Server) serve(l net.Listener, service string, h http.Handler) {
	server := &http.Server{
		Handler:           s.records.wrap(service, s.name, s.faults.Wrap(service, h)),
		ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		TLSConfig:    &tls.Config{Certificates: []tls.Certificate{s.tls.server}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}},
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
		ErrorLog:     log.New(io.Discard, "", 0), // broken handshakes are the clients' own business
	}
	s.servers = append(s.servers, server)
	s.running.Go(func() {
		_ = server.ServeTLS(l, "", "") // always ends with ErrServerClosed: Close is its only way out
	})
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return l, nil
}

func (s *Server) writeCA() error {
	dir, err := os.MkdirTemp("", "azuresim-")
	if err != nil {
		return fmt.Errorf("make a folder for the CA file: %w", err)
	}
	s.dir = dir
	if err := os.WriteFile(s.CAFile(), s.tls.caPEM, 0o600); err != nil {
		return fmt.Errorf("write the CA file: %w", err)
	}
	return nil
}

// CloudConfig gives the JSON that describes this cloud to a client:
// authorityHost, armEndpoint, graphEndpoint, acrSuffix, caFile, and connectTo,
// which says where to dial for host names (the name stays in TLS and in the
// Host header, as with curl's --connect-to).
func (s *Server) CloudConfig() []byte {
	raw, err := json.MarshalIndent(map[string]any{
		"authorityHost": s.entraURL, "armEndpoint": s.armURL, "graphEndpoint": s.graphURL,
		"acrSuffix": ACRSuffix, "caFile": s.CAFile(),
		"connectTo": map[string]string{"*" + ACRSuffix: s.registryAddr},
	}, "", "  ")
	if err != nil {
		return nil // texts always marshal
	}
	return append(raw, '\n')
}

// CACertPEM is the certificate authority that signed every listener.
func (s *Server) CACertPEM() []byte { return s.tls.caPEM }

// CAFile is a file with CACertPEM; Close removes it.
func (s *Server) CAFile() string { return filepath.Join(s.dir, "ca.pem") }

// AuthorityHost is Entra's base URL, without a slash at the end.
func (s *Server) AuthorityHost() string { return s.entraURL }

// ARMEndpoint is Resource Manager's base URL, without a slash at the end.
func (s *Server) ARMEndpoint() string { return s.armURL }

// GraphEndpoint is Microsoft Graph's base URL, without a slash at the end.
func (s *Server) GraphEndpoint() string { return s.graphURL }

// RegistryAddress is the host:port that all registries share.
func (s *Server) RegistryAddress() string { return s.registryAddr }

// ClientCertificate gives private key and certificate, PEM, of an app whose
// certificate the scenario has generated.
func (s *Server) ClientCertificate(app string) ([]byte, error) {
	return s.authority.ClientCertificate(app)
}

// FederatedAssertion signs an assertion of the simulator's own issuer, which
// federated credentials without an issuer trust. An empty audience is
// api://AzureADTokenExchange.
func (s *Server) FederatedAssertion(subject, audience string) (string, error) {
	return s.authority.Assertion(subject, audience)
}

// Requests gives what was answered so far, in the order of the answers.
func (s *Server) Requests() []RequestRecord { return s.records.all() }

// Close stops the listeners, waits for their goroutines and removes the CA
// file. Calling it again gives the same answer.
func (s *Server) Close() error {
	s.closeOnce.Do(func() {
		if s.stopWatch != nil {
			s.stopWatch()
		}
		for _, server := range s.servers {
			s.closeErr = errors.Join(s.closeErr, server.Close())
		}
		s.running.Wait()
		if s.dir != "" {
			s.closeErr = errors.Join(s.closeErr, os.RemoveAll(s.dir))
		}
	})
	return s.closeErr
}
