package azure

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azward/azward"
)

// Method is how to sign in.
type Method string

// The ways to sign in.
const (
	ClientSecret    Method = "clientSecret"
	Certificate     Method = "certificate"
	FederatedToken  Method = "federatedToken"
	ManagedIdentity Method = "managedIdentity"
	AzureCLI        Method = "azureCLI"
	// Environment takes AZURE_TENANT_ID, AZURE_CLIENT_ID and a secret,
	// certificate or federated token file from the environment, as Azure's own
	// tools do.
	Environment Method = "environment"
)

// SignIn says who signs in, and how.
type SignIn struct {
	Method   Method
	TenantID azward.TenantID
	ClientID string
	// Secret gives the client secret, or the certificate with its key (PEM or
	// PKCS #12), at the moment it is needed.
	Secret func() (string, error)
	// Password gives that of an encrypted certificate; nil is none.
	Password func() (string, error)
	// Assertion gives the federated assertion; nil reads TokenFile.
	Assertion func(context.Context) (string, error)
	// TokenFile holds the federated assertion; it is read for each token.
	TokenFile string
}

// credential is the SDK's, with what an explanation of its errors needs.
type credential struct {
	azcore.TokenCredential
	tenantID azward.TenantID
	clientID string
	trouble  *trouble
}

// trouble remembers why the last request to Entra did not get through: the
// SDK keeps no more of it than a text.
type trouble struct {
	http.RoundTripper
	last atomic.Pointer[error]
}

// RoundTrip implements [http.RoundTripper].
func (t *trouble) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.RoundTripper.RoundTrip(r)
	if err != nil && r.Context().Err() == nil {
		t.last.Store(&err)
	} else {
		t.last.Store(nil)
	}
	return response, err
}

func (t *trouble) err() error {
	if last := t.last.Load(); last != nil {
		return *last
	}
	return nil
}

// Credential makes the SDK's credential for this cloud.
func (c Cloud) Credential(s SignIn) (azcore.TokenCredential, error) {
	transport, err := c.Transport()
	if err != nil {
		return nil, err
	}
	watched := &trouble{RoundTripper: transport}
	options := azcore.ClientOptions{
		Cloud: c.configuration(), Transport: &http.Client{Transport: watched},
		Retry: policy.RetryOptions{MaxRetries: 2, RetryDelay: 200 * time.Millisecond},
	}
	made, err := c.credential(s, options)
	if err != nil {
		var own *azward.Error
		if errors.As(err, &own) {
			return nil, err
		}
		return nil, &azward.Error{
			Kind: azward.KindSignIn, Op: "prepare sign-in", Subject: string(s.TenantID), Cause: firstLine(err.Error()), Err: err,
			Remedy: "check tenant ID, client ID and the credential given to `azward connect azure`",
		}
	}
	return credential{made, s.TenantID, s.ClientID, watched}, nil
}

func (c Cloud) credential(s SignIn, options azcore.ClientOptions) (azcore.TokenCredential, error) {
	tenant := string(s.TenantID)
	switch s.Method {
	case ClientSecret:
		secret, err := s.secret()
		if err != nil {
			return nil, err
		}
		return azidentity.NewClientSecretCredential(tenant, s.ClientID, secret, &azidentity.ClientSecretCredentialOptions{
			ClientOptions: options, DisableInstanceDiscovery: c.custom,
		})
	case Certificate:
		return c.certificate(s, options)
	case FederatedToken:
		return c.federated(s, options)
	case ManagedIdentity:
		o := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: options}
		if s.ClientID != "" {
			o.ID = azidentity.ClientID(s.ClientID)
		}
		return azidentity.NewManagedIdentityCredential(o)
	case AzureCLI:
		return azidentity.NewAzureCLICredential(&azidentity.AzureCLICredentialOptions{TenantID: tenant})
	case Environment:
		if os.Getenv("AZURE_FEDERATED_TOKEN_FILE") != "" {
			return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
				ClientOptions: options, DisableInstanceDiscovery: c.custom,
			})
		}
		return azidentity.NewEnvironmentCredential(&azidentity.EnvironmentCredentialOptions{
			ClientOptions: options, DisableInstanceDiscovery: c.custom,
		})
	}
	return nil, fmt.Errorf("there is no sign-in method %.40q", s.Method)
}

func (s SignIn) secret() (string, error) {
	if s.Secret == nil {
		return "", errors.New("no secret is stored")
	}
	return s.Secret()
}

func (c Cloud) certificate(s SignIn, options azcore.ClientOptions) (azcore.TokenCredential, error) {
	data, err := s.secret()
	if err != nil {
		return nil, err
	}
	var password []byte
	if s.Password != nil {
		text, err := s.Password()
		if err != nil {
			return nil, err
		}
		password = []byte(text)
	}
	certificates, key, err := azidentity.ParseCertificates([]byte(data), password)
	if err != nil {
		// The SDK's error may quote what it parsed.
		return nil, errors.New("the certificate cannot be read: it takes a certificate and its private key, as PEM or PKCS #12")
	}
	return azidentity.NewClientCertificateCredential(string(s.TenantID), s.ClientID, certificates, key, &azidentity.ClientCertificateCredentialOptions{
		ClientOptions: options, DisableInstanceDiscovery: c.custom,
	})
}

func (c Cloud) federated(s SignIn, options azcore.ClientOptions) (azcore.TokenCredential, error) {
	if s.Assertion != nil {
		return azidentity.NewClientAssertionCredential(string(s.TenantID), s.ClientID, s.Assertion, &azidentity.ClientAssertionCredentialOptions{
			ClientOptions: options, DisableInstanceDiscovery: c.custom,
		})
	}
	if _, err := os.Stat(s.TokenFile); err != nil {
		return nil, fmt.Errorf("the federated token file cannot be read: %w", err)
	}
	return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
		ClientOptions: options, ClientID: s.ClientID, TenantID: string(s.TenantID), TokenFilePath: s.TokenFile, DisableInstanceDiscovery: c.custom,
	})
}
