// Package connect manages the tenants that azward may read: adding a
// connection with its secret sealed, listing, showing and removing them, and
// [Diagnose], which says what works and what mends the rest.
package connect

import (
	"context"
	"crypto/tls"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/azure"
	"github.com/azward/azward/seal"
	"github.com/azward/azward/store"
)

// Store keeps the connections.
type Store interface {
	AddConnection(context.Context, store.Connection) error
	Connections(context.Context) ([]store.Connection, error)
	Connection(ctx context.Context, name string) (store.Connection, error)
	UpdateConnection(ctx context.Context, c store.Connection, was time.Time) error
	RemoveConnection(ctx context.Context, name string) error
	ConsentStore
}

// ConsentStore keeps consents that were asked for.
type ConsentStore interface {
	SaveConsent(ctx context.Context, c store.Consent, most int, now time.Time) error
	Consent(ctx context.Context, state []byte) (store.Consent, error)
	TakeConsent(ctx context.Context, state []byte) error
}

// Sealer seals secrets; seal.Box is one.
type Sealer interface {
	Seal(ctx context.Context, plain seal.Secret, bound string) ([]byte, error)
	Open(ctx context.Context, sealed []byte, bound string) (seal.Secret, error)
}

// Connections is the use case over a store and a sealer, both required.
type Connections struct {
	Store  Store
	Sealer Sealer
}

// Request is a connection to be added.
type Request struct {
	Name     string // "" is DefaultName
	TenantID string // "" lets managed identity and Azure CLI choose
	ClientID string
	// Cloud is public, usgovernment or china; "" is public unless CloudConfig
	// names a file with endpoints.
	Cloud       string
	CloudConfig string
	Auth        store.AuthMethod
	// Secret is the client secret, or the PEM with certificate and key.
	Secret seal.Secret
	// CredentialFile holds a federated assertion.
	CredentialFile string
	// Subscriptions are those to read, by their IDs; none is all.
	Subscriptions []string
}

// DefaultName names a connection whose request names none.
const DefaultName = "azure"

const (
	maxSecretBytes      = 1 << 10  // Entra's secrets have about 40 characters
	maxCertificateBytes = 64 << 10 // a key and a chain of certificates
)

// clouds are the names that package azure has endpoints for.
var clouds = []string{"public", "usgovernment", "china"}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// Add checks the request, seals its secret and saves the connection. It asks
// Azure nothing: [Diagnose] does. At is the time that the connection shows as
// created.
func (c Connections) Add(ctx context.Context, request Request, at time.Time) (store.Connection, error) {
	connection, err := request.connection()
	if err != nil {
		return store.Connection{}, err
	}
	connection.CreatedAt, connection.UpdatedAt = at, at
	if !request.Secret.Empty() {
		connection.Sealed, err = c.Sealer.Seal(ctx, request.Secret, bound(connection.Name))
		if err != nil {
			return store.Connection{}, err
		}
	}
	if err := c.Store.AddConnection(ctx, connection); err != nil {
		return store.Connection{}, err
	}
	return connection, nil
}

// Update makes a connection say what the request says. Was is when the caller
// saw it changed last, or zero for any time: a change in between gives
// KindConflict. A request without a secret keeps the one that is there, where
// the application and the way to sign in stay the same.
func (c Connections) Update(ctx context.Context, request Request, was, at time.Time) (store.Connection, error) {
	old, err := c.Store.Connection(ctx, request.Name)
	if err != nil {
		return store.Connection{}, err
	}
	if request.Secret.Empty() && request.Auth == old.Auth && strings.EqualFold(request.ClientID, old.ClientID) {
		if _, request.Secret, err = c.Credential(ctx, request.Name); err != nil {
			return store.Connection{}, err
		}
	}
	connection, err := request.connection()
	if err != nil {
		return store.Connection{}, err
	}
	if was.IsZero() {
		was = old.UpdatedAt
	}
	connection.CreatedAt, connection.UpdatedAt = old.CreatedAt, at
	if !request.Secret.Empty() {
		if connection.Sealed, err = c.Sealer.Seal(ctx, request.Secret, bound(connection.Name)); err != nil {
			return store.Connection{}, err
		}
	}
	if err := c.Store.UpdateConnection(ctx, connection, was); err != nil {
		return store.Connection{}, err
	}
	return connection, nil
}

// List returns all connections by name. Their secrets stay sealed.
func (c Connections) List(ctx context.Context) ([]store.Connection, error) {
	return c.Store.Connections(ctx)
}

// Show returns one connection. Its secret stays sealed.
func (c Connections) Show(ctx context.Context, name string) (store.Connection, error) {
	return c.Store.Connection(ctx, name)
}

// IsRegistry says that a login server is one of Azure's registries: of its own
// clouds, or of a connection's. A connection whose cloud's file cannot be read
// counts for nothing.
func (c Connections) IsRegistry(ctx context.Context, host string) (bool, error) {
	for _, name := range clouds {
		if cloud, err := azure.Named(name); err == nil && cloud.IsRegistry(host) {
			return true, nil
		}
	}
	list, err := c.List(ctx)
	if err != nil {
		return false, err
	}
	for _, connection := range list {
		if cloud, err := CloudOf(connection); err == nil && cloud.IsRegistry(host) {
			return true, nil
		}
	}
	return false, nil
}

// Remove forgets a connection, its secret and its verdicts. Nothing changes in
// Azure.
func (c Connections) Remove(ctx context.Context, name string) error {
	return c.Store.RemoveConnection(ctx, name)
}

// Credential returns a connection with its secret opened, the empty one where
// it needs none.
func (c Connections) Credential(ctx context.Context, name string) (store.Connection, seal.Secret, error) {
	connection, err := c.Store.Connection(ctx, name)
	if err != nil || connection.Sealed == nil {
		return connection, seal.Secret{}, err
	}
	secret, err := c.Sealer.Open(ctx, connection.Sealed, bound(name))
	return connection, secret, err
}

// bound ties a sealed secret to its connection.
func bound(name string) string { return "connection/" + name }

// Check says what is wrong with the request before anything is asked of
// anybody: the first mistake, as an *azward.Error of KindUsage.
func (r Request) Check() error {
	_, err := r.connection()
	return err
}

func (r Request) connection() (store.Connection, error) {
	connection := store.Connection{
		Name: r.Name, Kind: store.KindAzure, Cloud: r.Cloud, CloudConfig: r.CloudConfig, Auth: r.Auth, CredentialFile: r.CredentialFile,
	}
	if connection.Name == "" {
		connection.Name = DefaultName
	}
	if connection.Cloud == "" && connection.CloudConfig == "" {
		connection.Cloud = clouds[0]
	}
	tenant, err := optionalGUID("tenant ID", r.TenantID)
	if err != nil {
		return connection, err
	}
	connection.TenantID = azward.TenantID(tenant)
	if connection.ClientID, err = optionalGUID("client ID", r.ClientID); err != nil {
		return connection, err
	}
	if connection.Subscriptions, err = subscriptions(r.Subscriptions); err != nil {
		return connection, err
	}
	for _, check := range []func(store.Connection) error{checkName, checkCloud, r.checkNeeds, r.checkSecret} {
		if err := check(connection); err != nil {
			return connection, err
		}
	}
	return connection, nil
}

func optionalGUID(what, s string) (string, error) {
	if s == "" {
		return "", nil
	}
	return azward.ParseGUID(what, s)
}

// maxSubscriptions of one connection: more are read by naming none.
const maxSubscriptions = 1000

func subscriptions(named []string) ([]azward.SubscriptionID, error) {
	if len(named) > maxSubscriptions {
		return nil, usage("subscriptions", "", fmt.Sprintf("more than %d are named", maxSubscriptions), "name none: all that the connection sees are read then")
	}
	var list []azward.SubscriptionID
	for _, s := range named {
		id, err := azward.ParseGUID("subscription ID", s)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(list, azward.SubscriptionID(id)) {
			list = append(list, azward.SubscriptionID(id))
		}
	}
	return list, nil
}

func checkName(c store.Connection) error {
	if nameForm.MatchString(c.Name) {
		return nil
	}
	return usage("name", fmt.Sprintf("%.70q", c.Name), "a name has letters, digits, dots, - and _ alone, at most 63, and starts with a letter or digit",
		"choose another one with --name")
}

func checkCloud(c store.Connection) error {
	switch {
	case c.CloudConfig != "" && c.Cloud != "":
		return usage("cloud", c.Cloud, "a cloud and a cloud configuration file are both given", "leave out --cloud or --cloud-config")
	case c.CloudConfig != "" && !filepath.IsAbs(c.CloudConfig):
		return usage("cloud configuration", c.CloudConfig, "its path is not absolute, and the next command may run elsewhere", "give its full path")
	case c.CloudConfig == "" && !slices.Contains(clouds, c.Cloud):
		return usage("cloud", fmt.Sprintf("%.40q", c.Cloud), "it is none of "+strings.Join(clouds, ", "), "choose one of them, or describe yours with --cloud-config FILE")
	}
	return nil
}

// needs says which fields an authentication method takes.
type needs struct{ tenant, client, clientAllowed, secret, file bool }

var methods = map[store.AuthMethod]needs{
	store.AuthClientSecret:    {tenant: true, client: true, clientAllowed: true, secret: true},
	store.AuthCertificate:     {tenant: true, client: true, clientAllowed: true, secret: true},
	store.AuthFederatedToken:  {tenant: true, client: true, clientAllowed: true, file: true},
	store.AuthManagedIdentity: {clientAllowed: true},
	store.AuthAzureCLI:        {},
}

func (r Request) checkNeeds(c store.Connection) error {
	method := string(r.Auth)
	need, known := methods[r.Auth]
	switch {
	case !known:
		return usage("authentication method", fmt.Sprintf("%.40q", method), "there is none of that name",
			"use clientSecret, certificate, federatedToken, managedIdentity or azureCLI")
	case need.tenant && c.TenantID == "":
		return usage("tenant ID", "", method+" needs the tenant ID", "give it with --tenant; az account show --query tenantId prints it")
	case need.client && c.ClientID == "":
		return usage("client ID", "", method+" needs the client ID of the application", "give it with --client-id; az ad app list --show-mine --query \"[].appId\" prints those you own")
	case !need.clientAllowed && c.ClientID != "":
		return usage("client ID", c.ClientID, method+" takes no client ID", "leave out --client-id, or choose another way to sign in")
	case need.secret && r.Secret.Empty():
		return usage("secret", "", method+" needs a secret", "give it on the standard input or in a file, never as an argument: others see arguments")
	case !need.secret && !r.Secret.Empty():
		return usage("secret", "", method+" takes no secret", "leave it out, or choose another way to sign in")
	case need.file && !filepath.IsAbs(r.CredentialFile):
		return usage("token file", r.CredentialFile, method+" needs the full path of the file with the assertion", "give it with --token-file")
	case !need.file && r.CredentialFile != "":
		return usage("token file", r.CredentialFile, method+" takes no token file", "leave out --token-file, or choose another way to sign in")
	}
	return nil
}

// checkSecret looks for what goes wrong when people copy secrets. It quotes
// nothing of them.
func (r Request) checkSecret(c store.Connection) error {
	secret := r.Secret.Reveal()
	switch c.Auth {
	case store.AuthClientSecret:
		if _, err := azward.ParseGUID("secret", secret); err == nil {
			return usage("secret", "", "it is a GUID, so it is the secret's ID and not its value", "copy the column Value, which is shown once; or make a new one: az ad app credential reset --append --id "+c.ClientID)
		}
		if len(secret) > maxSecretBytes || strings.ContainsAny(secret, "\r\n\t ") {
			return usage("secret", "", "it has spaces or line breaks, or is longer than any client secret", "copy the value alone; use certificate for a PEM")
		}
	case store.AuthCertificate:
		if len(secret) > maxCertificateBytes {
			return usage("certificate", "", fmt.Sprintf("it is longer than %d bytes", maxCertificateBytes), "give the certificate and its key alone")
		}
		if _, err := tls.X509KeyPair([]byte(secret), []byte(secret)); err != nil {
			return usage("certificate", "", "it is no PEM with a certificate and the private key that belongs to it",
				"put both into one file: cat cert.pem key.pem; a .pfx is turned by openssl pkcs12 -nodes -in FILE.pfx")
		}
	}
	return nil
}

func usage(what, subject, cause, remedy string) error {
	return &azward.Error{Kind: azward.KindUsage, Op: "read " + what, Subject: subject, Cause: cause, Remedy: remedy}
}
