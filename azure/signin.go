package azure

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
)

// signInErrors says what Entra's error numbers mean and what mends them.
// TENANT-ID and CLIENT-ID are filled in where they are known.
//
// Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
var signInErrors = map[int]struct{ cause, remedy string }{
	16000:   {"several sign-ins fit and Entra asks which", "sign in again: az login --tenant TENANT-ID"},
	50013:   {"the assertion's signature is not that of the issuer it names", "let the platform write a fresh token, and compare the issuer: az ad app federated-credential list --id CLIENT-ID"},
	50020:   {"the account is from another directory and no guest of this tenant", "check the tenant ID, or invite the account"},
	50034:   {"the account is not in this tenant", "check the tenant ID"},
	50057:   {"the account is disabled", "enable it, or connect with another one"},
	50076:   {"the sign-in asks for a second factor", "sign in again: az login --tenant TENANT-ID; or connect a service principal"},
	50079:   {"the account has to enrol for a second factor", "sign in at https://aka.ms/mfasetup; or connect a service principal"},
	50105:   {"the account is not assigned to the application", "let an administrator assign it under Enterprise applications"},
	50126:   {"user name or password is wrong", "sign in again: az login --tenant TENANT-ID"},
	53000:   {"a conditional access policy asks for a compliant device", "sign in from such a device, or connect a service principal"},
	53003:   {"a conditional access policy blocks this sign-in", "let an administrator exclude the application, or sign in from an allowed place"},
	65001:   {"nobody has consented to the application in this tenant", "let an administrator consent: https://login.microsoftonline.com/TENANT-ID/adminconsent?client_id=CLIENT-ID"},
	70021:   {"no federated credential of the application fits the token", "compare issuer, subject and audience: az ad app federated-credential list --id CLIENT-ID"},
	90002:   {"there is no such tenant", "check the tenant ID (az account show --query tenantId) and --cloud"},
	90019:   {"the request names no tenant", "give the tenant ID: az account show --query tenantId"},
	500011:  {"the resource is not known in this tenant", "check --cloud: the tenant may be in another cloud"},
	700016:  {"the application is not in this tenant", "check the client ID and tenant ID, or let an administrator add the application to the tenant: az ad sp create --id CLIENT-ID"},
	700024:  {"the assertion is expired or not valid yet", "check this machine's clock and let the platform write a fresh token"},
	700025:  {"the application is a public client and takes neither secret nor certificate", "switch off public client flows: az ad app update --id CLIENT-ID --is-fallback-public-client false"},
	700027:  {"the certificate is not one that the application has registered, or it has expired", "register the certificate: az ad app credential reset --id CLIENT-ID --cert @cert.pem --append"},
	700082:  {"the sign-in has expired because it was not used", "sign in again: az login --tenant TENANT-ID"},
	700211:  {"no federated credential of the application trusts the token's issuer", "compare the issuer: az ad app federated-credential list --id CLIENT-ID"},
	700212:  {"no federated credential of the application expects the token's audience", "compare the audience: az ad app federated-credential list --id CLIENT-ID"},
	700213:  {"no federated credential of the application fits the token's subject", "compare the subject: az ad app federated-credential list --id CLIENT-ID"},
	900023:  {"the tenant ID is neither a GUID nor a domain name", "check the tenant ID: az account show --query tenantId"},
	7000112: {"the application is disabled in this tenant", "enable its service principal: az ad sp update --id CLIENT-ID --set accountEnabled=true"},
	7000215: {"the client secret is wrong (the secret's value is needed, not its ID)", "make a new secret and connect again: az ad app credential reset --id CLIENT-ID --append"},
	7000218: {"the application asks for a secret or certificate and got neither", "connect again with one: azward connect azure --help"},
	7000222: {"the client secret has expired", "make a new secret and connect again: az ad app credential reset --id CLIENT-ID --append"},
	7000229: {"the application has no service principal in this tenant", "az ad sp create --id CLIENT-ID"},
}

// explainSignIn reads Entra's error document. The numbers decide, not the
// wording.
//
// Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow#error-response-1
func explainSignIn(op, subject string, auth *azidentity.AuthenticationFailedError) error {
	if auth.RawResponse == nil || auth.RawResponse.Body == nil {
		return explainSignInText(op, subject, auth)
	}
	raw, err := bound.ReadAll(auth.RawResponse.Body, maxErrorBody, "the error")
	var body struct {
		Description string `json:"error_description"`
		Codes       []int  `json:"error_codes"`
	}
	if err != nil || json.Unmarshal(raw, &body) != nil {
		return &azward.Error{
			Kind: azward.KindUnavailable, Op: op, Subject: subject, Err: quiet{auth},
			Cause:  "Entra answered " + auth.RawResponse.Status + " with something that is not its error document",
			Remedy: "check authorityHost of --cloud-config, and whether a proxy answers in Entra's place",
		}
	}
	return signInError(op, subject, auth, body.Description, body.Codes)
}

var aadsts = regexp.MustCompile(`AADSTS(\d{5,8})`)

// explainSignInText is for credentials that give text alone: the Azure CLI,
// managed identities. Entra's number is in it where Entra was asked.
func explainSignInText(op, subject string, err error) error {
	var codes []int
	for _, m := range aadsts.FindAllStringSubmatch(err.Error(), -1) {
		if n, err := strconv.Atoi(m[1]); err == nil {
			codes = append(codes, n)
		}
	}
	return signInError(op, subject, err, "", codes)
}

func signInError(op, subject string, err error, description string, codes []int) error {
	e := &azward.Error{Kind: azward.KindSignIn, Op: op, Subject: subject, Err: quiet{err}}
	for _, code := range codes {
		if known, ok := signInErrors[code]; ok {
			e.Cause, e.Remedy = fmt.Sprintf("%s (AADSTS%d)", known.cause, code), known.remedy
			return e
		}
	}
	e.Cause = "the sign-in failed: " + firstLine(description)
	if description == "" {
		e.Cause = "the sign-in failed: " + firstLine(err.Error())
	}
	e.Remedy = "check the connection: azward doctor"
	if len(codes) > 0 {
		e.Remedy = fmt.Sprintf("look the number up: https://login.microsoftonline.com/error?code=%d", codes[0])
	}
	return e
}

// quiet keeps the SDK's error for those who ask for its type and prints one
// line of it: its own text holds whole answers.
type quiet struct{ error }

func (q quiet) Error() string { return firstLine(q.error.Error()) }
func (q quiet) Unwrap() error { return q.error }

// named makes more of a sign-in error with what the credential knows: why the
// network failed, and the names that belong into the remedy.
func named(c azcore.TokenCredential, err error) error {
	who, ok := c.(credential)
	var e *azward.Error
	if !ok || !errors.As(err, &e) || e.Kind != azward.KindSignIn {
		return err
	}
	var auth *azidentity.AuthenticationFailedError
	if cause := who.trouble.err(); cause != nil && errors.As(err, &auth) && auth.RawResponse == nil {
		if network := explainNetwork(e.Op, e.Subject, cause); network != nil {
			return network
		}
	}
	fill := func(placeholder, value string) {
		if value != "" {
			e.Remedy = strings.ReplaceAll(e.Remedy, placeholder, value)
		}
	}
	fill("TENANT-ID", string(who.tenantID))
	fill("CLIENT-ID", who.clientID)
	return err
}
