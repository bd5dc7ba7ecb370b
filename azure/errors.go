package azure

import (
	"context"
	"crypto/tls"
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
	if e := explainNetwork(op, subject, err); e != nil {
		return e
	}
	var unavailable interface{ NonRetriable() }
	if errors.As(err, &unavailable) {
		return explainSignInText(op, subject, err)
	}
	return fmt.Errorf("%s %s: %w", op, subject, err)
}

func explainNetwork(op, subject string, err error) error {
	var network net.Error
	var verification *tls.CertificateVerificationError
	e := &azward.Error{Kind: azward.KindUnavailable, Op: op, Subject: subject, Err: err}
	switch {
	case errors.As(err, &verification):
		e.Cause = "the server's certificate is not trusted: " + rootCause(verification.Err)
		e.Remedy = "if a proxy opens TLS here, add its authority: caFile in the file of --cloud-config, or the system's trust store"
	case errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		e.Cause = "Azure does not answer: " + rootCause(err)
		e.Remedy = "check the network, the proxy (HTTPS_PROXY) and the endpoints of --cloud"
	default:
		return nil
	}
	return e
}

const maxErrorBody = 64 << 10

// authorizationFailed is how Resource Manager words a refused action; the
// parts have no fields of their own.
//
// Source: https://learn.microsoft.com/azure/role-based-access-control/troubleshooting
var authorizationFailed = regexp.MustCompile(`The client '([^']*)' with object id '([^']*)' does not have authorization to perform action '([^']*)' over scope '([^']*)'`)

// known says what codes of Resource Manager mean, where the status alone does
// not.
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors
var known = map[string]struct {
	kind          azward.Kind
	cause, remedy string
}{
	"SubscriptionNotFound":               {azward.KindNotFound, "the subscription is not in this tenant, or was deleted", "check the ID: az account list --all"},
	"InvalidSubscriptionId":              {azward.KindUsage, "the subscription ID is not a GUID", "check the ID: az account list --all"},
	"DisabledSubscription":               {azward.KindRole, "the subscription is disabled", "enable it: https://learn.microsoft.com/azure/cost-management-billing/manage/subscription-disabled"},
	"ReadOnlyDisabledSubscription":       {azward.KindRole, "the subscription is disabled and can only be read", "enable it: https://learn.microsoft.com/azure/cost-management-billing/manage/subscription-disabled"},
	"ExpiredAuthenticationToken":         {azward.KindSignIn, "the token has expired", "run again; if it stays, check this machine's clock"},
	"InvalidAuthenticationTokenTenant":   {azward.KindSignIn, "the token is from another tenant than the subscription", "connect the subscription's own tenant: az account show --query tenantId"},
	"InvalidAuthenticationTokenAudience": {azward.KindSignIn, "the token is for another cloud or service", "check --cloud of the connection"},
	"InvalidAuthenticationToken":         {azward.KindSignIn, "the token was not accepted", "check tenant and cloud of the connection: azward doctor"},
	"NoRegisteredProviderFound":          {azward.KindFailed, "this cloud does not know the type or the interface's version", "report it with the cloud's name; what needed it is unknown until then"},
	"InvalidApiVersionParameter":         {azward.KindFailed, "this cloud does not know the interface's version", "report it with the cloud's name; what needed it is unknown until then"},
	"InvalidResourceType":                {azward.KindFailed, "this cloud does not know the type", "report it with the cloud's name; what needed it is unknown until then"},
	"MissingSubscriptionRegistration":    {azward.KindFailed, "the resource provider is not registered in the subscription, so it has no resources there", "nothing is to be done"},
}

func explainResponse(op, subject string, r *azcore.ResponseError) error {
	e := &azward.Error{Op: op, Subject: subject, Err: r, Kind: azward.KindFailed}
	message := messageOf(r)
	if k, ok := known[r.ErrorCode]; ok {
		e.Kind, e.Cause, e.Remedy = k.kind, fmt.Sprintf("%s (%s)", k.cause, r.ErrorCode), k.remedy
		return e
	}
	switch {
	case r.StatusCode == http.StatusForbidden:
		explainRefusal(e, message)
	case r.StatusCode == http.StatusUnauthorized:
		e.Kind, e.Cause, e.Remedy = azward.KindSignIn, "the token was refused: "+firstLine(message), "check tenant and cloud of the connection: azward doctor"
	case r.StatusCode == http.StatusTooManyRequests:
		e.Kind, e.Cause, e.Remedy = azward.KindThrottled, "Azure throttles this principal"+retryAfter(r.RawResponse), "run again later; other tools with the same principal use the same quota"
	case r.StatusCode == http.StatusNotFound:
		e.Kind, e.Cause, e.Remedy = azward.KindNotFound, "it is not there: "+firstLine(message), "check the ID, and that the principal sees the subscription"
	case r.StatusCode >= http.StatusInternalServerError:
		e.Kind, e.Cause, e.Remedy = azward.KindUnavailable, strings.TrimSpace(fmt.Sprintf("Azure answered %d %s", r.StatusCode, r.ErrorCode)), "run again; see https://azure.status.microsoft"
	default:
		e.Cause = strings.TrimSuffix(strings.TrimSpace(fmt.Sprintf("Azure answered %d %s: %s", r.StatusCode, r.ErrorCode, firstLine(message))), ":")
		e.Remedy = "look the code up in Azure's documentation; if azward asked wrongly, report it"
	}
	return e
}

func explainRefusal(e *azward.Error, message string) {
	e.Kind, e.Cause = azward.KindRole, "the role for this is missing: "+firstLine(message)
	e.Remedy = "az role assignment create --role Reader --assignee PRINCIPAL --scope " + scopeOf(e.Subject)
	m := authorizationFailed.FindStringSubmatch(message)
	if m == nil {
		return
	}
	principal, action, scope := m[2], m[3], m[4]
	role := "Reader"
	if strings.EqualFold(action, "Microsoft.ContainerService/managedClusters/listClusterUserCredential/action") {
		role = "'Azure Kubernetes Service Cluster User Role'"
	}
	e.Cause = fmt.Sprintf("principal %s lacks %s on %s", principal, action, scope)
	e.Remedy = fmt.Sprintf("az role assignment create --role %s --assignee %s --scope %s", role, principal, scopeOf(scope))
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
