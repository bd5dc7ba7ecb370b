package azure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
)

// signInErrors says what Entra's error numbers mean and what mends them.
//
// Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
var signInErrors = map[int]struct{ cause, remedy string }{
	700016:  {"the application is not in this tenant", "check the client ID and tenant ID, or consent to the application in the tenant: az ad sp create --id CLIENT-ID"},
	90002:   {"there is no such tenant", "check the tenant ID: az account show --query tenantId"},
	900023:  {"the tenant ID is neither a GUID nor a domain name", "check the tenant ID: az account show --query tenantId"},
	7000215: {"the client secret is wrong (the secret's value is needed, not its ID)", "make a new secret and connect again: az ad app credential reset --id CLIENT-ID --append"},
	7000222: {"the client secret has expired", "make a new secret and connect again: az ad app credential reset --id CLIENT-ID --append"},
	7000112: {"the application is disabled in this tenant", "enable its service principal: az ad sp update --id CLIENT-ID --set accountEnabled=true"},
	700027:  {"the certificate is not one that the application has registered, or it has expired", "register the certificate: az ad app credential reset --id CLIENT-ID --cert @cert.pem --append"},
	70021:   {"no federated credential of the application fits the token", "compare issuer, subject and audience: az ad app federated-credential list --id CLIENT-ID"},
	700211:  {"no federated credential of the application trusts the token's issuer", "compare issuer: az ad app federated-credential list --id CLIENT-ID"},
	700212:  {"no federated credential of the application expects the token's audience", "compare audience: az ad app federated-credential list --id CLIENT-ID"},
	700213:  {"no federated credential of the application fits the token's subject", "compare subject: az ad app federated-credential list --id CLIENT-ID"},
	700024:  {"the federated token is expired or not valid yet", "check the clock and let the platform write a fresh token"},
	65001:   {"nobody has consented to the application in this tenant", "let an administrator consent: https://login.microsoftonline.com/TENANT-ID/adminconsent?client_id=CLIENT-ID"},
	53003:   {"a conditional access policy blocks this sign-in", "let an administrator exclude the application, or sign in from an allowed place"},
	500011:  {"the resource is not known in this tenant", "check --cloud: the tenant may be in another cloud"},
	50034:   {"the account is not in this tenant", "check the tenant ID"},
}

// explain turns an error of the SDK into one that a person can act on.
func explain(op, subject string, err error) error {
	var own *azward.Error
	if errors.As(err, &own) {
		return err
	}
	if errors.Is(err, context.Canceled) {
		return &azward.Error{Kind: azward.KindInterrupted, Op: op, Subject: subject, Cause: "it was interrupted", Err: err}
	}
	var auth *azidentity.AuthenticationFailedError
	if errors.As(err, &auth) {
		return explainSignIn(op, subject, auth)
	}
	var response *azcore.ResponseError
	if errors.As(err, &response) {
		return explainResponse(op, subject, response)
	}
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &azward.Error{
			Kind: azward.KindUnavailable, Op: op, Subject: subject, Cause: "Azure does not answer: " + rootCause(err), Err: err,
			Remedy: "check the network, the proxy (HTTPS_PROXY) and the endpoints of --cloud",
		}
	}
	var unavailable interface{ NonRetriable() }
	if errors.As(err, &unavailable) {
		return &azward.Error{
			Kind: azward.KindSignIn, Op: op, Subject: subject, Cause: "the credential cannot be used: " + firstLine(err.Error()), Err: err,
			Remedy: "check the connection: azward doctor",
		}
	}
	return fmt.Errorf("%s %s: %w", op, subject, err)
}

const maxErrorBody = 64 << 10

func explainSignIn(op, subject string, auth *azidentity.AuthenticationFailedError) error {
	e := &azward.Error{Kind: azward.KindSignIn, Op: op, Subject: subject, Err: auth, Remedy: "look the number up at https://login.microsoftonline.com/error"}
	var body struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
		Codes       []int  `json:"error_codes"`
	}
	if r := auth.RawResponse; r != nil && r.Body != nil {
		raw, err := bound.ReadAll(r.Body, maxErrorBody, "the error")
		if err == nil && json.Unmarshal(raw, &body) != nil {
			e.Cause = "Entra answered " + r.Status + " with something that is not its error document"
			return e
		}
	}
	for _, code := range body.Codes {
		if known, ok := signInErrors[code]; ok {
			e.Cause = fmt.Sprintf("%s (AADSTS%d)", known.cause, code)
			e.Remedy = known.remedy
			return e
		}
	}
	e.Cause = "Entra refused the sign-in: " + firstLine(body.Description)
	if body.Description == "" {
		e.Cause = "the sign-in failed: " + rootCause(auth)
	}
	return e
}

// authorizationFailed is how Resource Manager words a refused action; the
// parts have no fields of their own.
//
// Source: https://learn.microsoft.com/azure/role-based-access-control/troubleshooting
var authorizationFailed = regexp.MustCompile(`The client '([^']*)' with object id '([^']*)' does not have authorization to perform action '([^']*)' over scope '([^']*)'`)

func explainResponse(op, subject string, r *azcore.ResponseError) error {
	e := &azward.Error{Op: op, Subject: subject, Err: r, Kind: azward.KindFailed}
	message := messageOf(r)
	switch {
	case r.ErrorCode == "AuthorizationFailed" || r.ErrorCode == "LinkedAuthorizationFailed" || r.StatusCode == http.StatusForbidden && r.ErrorCode != "ReadOnlyDisabledSubscription":
		e.Kind, e.Cause = azward.KindRole, "the role for this is missing: "+firstLine(message)
		e.Remedy = "az role assignment create --role Reader --assignee PRINCIPAL --scope " + scopeOf(subject)
		if m := authorizationFailed.FindStringSubmatch(message); m != nil {
			e.Cause = fmt.Sprintf("principal %s lacks %s", m[2], m[3])
			e.Remedy = fmt.Sprintf("az role assignment create --role Reader --assignee %s --scope %s", m[2], scopeOf(m[4]))
		}
	case r.StatusCode == http.StatusUnauthorized:
		e.Kind, e.Cause, e.Remedy = azward.KindSignIn, "the token was refused: "+firstLine(message), "check tenant and cloud of the connection: azward doctor"
	case r.StatusCode == http.StatusTooManyRequests:
		e.Kind, e.Cause, e.Remedy = azward.KindThrottled, "Azure throttles this principal"+retryAfter(r.RawResponse), "run again later; other tools with the same principal use the same quota"
	case strings.Contains(r.ErrorCode, "DisabledSubscription"):
		e.Kind, e.Cause, e.Remedy = azward.KindRole, "the subscription is disabled", "enable it: https://learn.microsoft.com/azure/cost-management-billing/manage/subscription-disabled"
	case r.StatusCode == http.StatusNotFound:
		e.Kind, e.Cause, e.Remedy = azward.KindNotFound, "it is not there: "+firstLine(message), "check the ID, and that the principal sees the subscription"
	case r.StatusCode >= http.StatusInternalServerError:
		e.Kind, e.Cause, e.Remedy = azward.KindUnavailable, fmt.Sprintf("Azure answered %d %s", r.StatusCode, r.ErrorCode), "run again; see https://azure.status.microsoft"
	default:
		e.Cause = strings.TrimSpace(fmt.Sprintf("Azure answered %d %s: %s", r.StatusCode, r.ErrorCode, firstLine(message)))
		e.Remedy = "look the code up in Azure's documentation; if azward asked wrongly, report it"
	}
	return e
}

// Code is the error code of Azure's answer ("AuthorizationFailed") behind an
// error, "" when there is none.
func Code(err error) string {
	var response *azcore.ResponseError
	if errors.As(err, &response) {
		return response.ErrorCode
	}
	return ""
}

// messageOf reads the message of ARM's error document.
func messageOf(r *azcore.ResponseError) string {
	if r.RawResponse == nil || r.RawResponse.Body == nil {
		return ""
	}
	raw, err := bound.ReadAll(r.RawResponse.Body, maxErrorBody, "the error")
	if err != nil {
		return ""
	}
	var body struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(raw, &body) != nil {
		return "the answer is no error document of Azure"
	}
	return body.Error.Message
}

// scopeOf is the subscription that a grant would be made on.
func scopeOf(path string) string {
	if s := azward.ResourceID(path).SubscriptionScope(); s != "" {
		return string(s)
	}
	return path
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	const longest = 300
	if r := []rune(line); len(r) > longest {
		return string(r[:longest]) + "…"
	}
	return line
}

func rootCause(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return firstLine(err.Error())
		}
		err = next
	}
}

func unexpected(op, subject, cause string, err error) error {
	return &azward.Error{
		Kind: azward.KindBadInput, Op: op, Subject: subject, Cause: cause, Err: err,
		Remedy: "run again; if it stays, something between azward and Azure changes the answers (a proxy?)",
	}
}
