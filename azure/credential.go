package azure

import (
	"fmt"
	"net/http"
	"os"

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
)

// SignIn says who signs in, and how.
type SignIn struct {
	Method   Method
	TenantID azward.TenantID
	ClientID string
	// Secret gives the client secret, or the PEM with key and certificate, at
	// the moment it is needed.
	Secret func() (string, error)
	// TokenFile holds the federated assertion; it is read for each token.
	TokenFile string
}

// Credential makes the SDK's credential for this cloud.
func (c Cloud) Credential(s SignIn) (azcore.TokenCredential, error) {
	transport, err := c.Transport()
	if err != nil {
		return nil, err
	}
	options := azcore.ClientOptions{
		Cloud: c.configuration(), Transport: &http.Client{Transport: transport},
		Retry: policy.RetryOptions{MaxRetries: 2},
	}
	credential, err := c.credential(s, options)
	if err != nil {
		return nil, &azward.Error{
			Kind: azward.KindSignIn, Op: "prepare sign-in", Subject: string(s.TenantID), Cause: err.Error(), Err: err,
			Remedy: "check tenant ID, client ID and the credential given to `azward connect azure`",
		}
	}
	return credential, nil
}

func (c Cloud) credential(s SignIn, options azcore.ClientOptions) (azcore.TokenCredential, error) {
	tenant := string(s.TenantID)
	switch s.Method {
	case ClientSecret:
		secret, err := s.Secret()
		if err != nil {
			return nil, err
		}
		return azidentity.NewClientSecretCredential(tenant, s.ClientID, secret, &azidentity.ClientSecretCredentialOptions{
			ClientOptions: options, DisableInstanceDiscovery: c.custom,
		})
	case Certificate:
		pem, err := s.Secret()
		if err != nil {
			return nil, err
		}
		certificates, key, err := azidentity.ParseCertificates([]byte(pem), nil)
		if err != nil {
			return nil, fmt.Errorf("the certificate cannot be read: %w", err)
		}
		return azidentity.NewClientCertificateCredential(tenant, s.ClientID, certificates, key, &azidentity.ClientCertificateCredentialOptions{
			ClientOptions: options, DisableInstanceDiscovery: c.custom,
		})
	case FederatedToken:
		if _, err := os.Stat(s.TokenFile); err != nil {
			return nil, fmt.Errorf("the federated token file cannot be read: %w", err)
		}
		return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			ClientOptions: options, ClientID: s.ClientID, TenantID: tenant, TokenFilePath: s.TokenFile, DisableInstanceDiscovery: c.custom,
		})
	case ManagedIdentity:
		o := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: options}
		if s.ClientID != "" {
			o.ID = azidentity.ClientID(s.ClientID)
		}
		return azidentity.NewManagedIdentityCredential(o)
	case AzureCLI:
		return azidentity.NewAzureCLICredential(&azidentity.AzureCLICredentialOptions{TenantID: tenant})
	}
	return nil, fmt.Errorf("there is no sign-in method %.40q", s.Method)
}
