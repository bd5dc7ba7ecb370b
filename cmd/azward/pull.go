package main

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/azward/azward"
	"github.com/azward/azward/azure"
	"github.com/azward/azward/image"
)

// pulling reads images from registries: those of the cloud as the connection's
// principal, others with Docker's credentials or anonymously.
type pulling struct {
	scanner   *image.Scanner
	client    *azure.Client // nil without a connection
	tenant    azward.TenantID
	plainHTTP bool

	mu         sync.Mutex
	transport  http.RoundTripper
	registries map[string]*image.Registry
}

// Image reads one image by reference; see scan.Images.
func (p *pulling) Image(ctx context.Context, reference string) (*image.Image, error) {
	ref, err := image.ParseReference(reference)
	if err != nil {
		return nil, err
	}
	return p.scanner.ScanReference(ctx, ref, p.registry)
}

func (p *pulling) registry(host string) (*image.Registry, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r, ok := p.registries[host]; ok {
		return r, nil
	}
	r := &image.Registry{Host: host, PlainHTTP: p.plainHTTP, Auth: image.DockerAuth{}}
	if p.client != nil && p.client.Cloud.IsRegistry(host) {
		if p.transport == nil {
			transport, err := p.client.Cloud.Transport()
			if err != nil {
				return nil, err
			}
			p.transport = transport
		}
		r.Transport = p.transport
		r.Auth = &entraAuth{client: p.client, tenant: p.tenant}
	}
	if p.registries == nil {
		p.registries = map[string]*image.Registry{}
	}
	p.registries[host] = r
	return r, nil
}

func (p *pulling) close() {
	var all error
	for _, r := range p.registries {
		all = errors.Join(all, r.Close())
	}
	if p.client != nil {
		p.client.Close()
	}
	if t, ok := p.transport.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
	_ = all // idle connections alone are closed here, and every image was read
}

// entraAuth signs in to registries with the connection's Entra token.
type entraAuth struct {
	client *azure.Client
	tenant azward.TenantID

	mu     sync.Mutex
	tokens map[string]string
}

// Credentials gives the registry's refresh token; it is exchanged once a run.
func (e *entraAuth) Credentials(ctx context.Context, registry string) (image.Credentials, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	token, ok := e.tokens[registry]
	if !ok {
		var err error
		if token, err = e.client.RegistryToken(ctx, registry, e.tenant); err != nil {
			return image.Credentials{}, err
		}
		if e.tokens == nil {
			e.tokens = map[string]string{}
		}
		e.tokens[registry] = token
	}
	return image.Credentials{IdentityToken: token}, nil
}
