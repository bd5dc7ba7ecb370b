package image

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
)

// problem turns what a registry or the network answered into advice.
func (r *Registry) problem(ctx context.Context, op, subject string, err error) error {
	var ours *azward.Error
	if errors.As(err, &ours) {
		return err
	}
	if ctx.Err() != nil || errors.Is(err, context.Canceled) {
		return interrupted(ctx, op, subject, err)
	}
	e := &azward.Error{Kind: azward.KindUnavailable, Op: op, Subject: subject, Err: err}
	if errors.Is(err, bound.ErrTooLarge) {
		e.Kind, e.Cause, e.Remedy = azward.KindBadInput, err.Error(), "check that the host is a container registry"
		return e
	}
	var answer *transport.Error
	if errors.As(err, &answer) && answer.StatusCode != 0 {
		r.answered(e, answer)
		return e
	}
	e.Cause, e.Remedy = r.network(err)
	return e
}

func interrupted(ctx context.Context, op, subject string, err error) error {
	e := &azward.Error{Kind: azward.KindInterrupted, Op: op, Subject: subject, Err: err, Cause: "it was interrupted", Remedy: "run it again: finished layers are not read twice"}
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		e.Kind, e.Cause, e.Remedy = azward.KindUnavailable, "it took longer than the time allowed", "allow more time, and run it again: finished layers are not read twice"
	}
	return e
}

// deniedAddress is how ACR's firewall names the caller.
//
// Source: https://learn.microsoft.com/azure/container-registry/container-registry-troubleshoot-access
var deniedAddress = regexp.MustCompile(`client with IP '([0-9a-fA-F.:]+)'`)

func (r *Registry) answered(e *azward.Error, answer *transport.Error) {
	var messages []string
	for _, d := range answer.Errors {
		messages = append(messages, d.Message)
	}
	said := strings.Join(messages, "; ")
	switch status := answer.StatusCode; {
	case deniedAddress.MatchString(said):
		r.firewall(e, deniedAddress.FindStringSubmatch(said)[1])
	case status == http.StatusUnauthorized:
		e.Kind, e.Cause = azward.KindSignIn, "the registry does not accept the credentials"
		if r.Auth == nil {
			e.Cause = "the registry asks for credentials"
		}
		e.Remedy = r.signIn()
	case status == http.StatusForbidden:
		e.Kind, e.Cause, e.Remedy = azward.KindRole, "signed in, but not allowed to pull", r.role()
	case status == http.StatusNotFound && len(answer.Errors) == 0 && e.Op != "read layer":
		e.Kind, e.Cause = azward.KindNotFound, "there is no such image, or "+r.Host+" is no registry"
		e.Remedy = "check host, repository and tag"
	case status == http.StatusNotFound:
		e.Kind, e.Cause, e.Remedy = azward.KindNotFound, "the registry has no such image", "check repository and tag"
	case status == http.StatusTooManyRequests:
		e.Kind, e.Cause = azward.KindThrottled, "the registry asks to wait longer than we do"
		e.Remedy = "run it again in some minutes"
	default:
		e.Cause = fmt.Sprintf("the registry answers %d %s", status, http.StatusText(status))
		e.Remedy = "try again later"
	}
	if said != "" && len(said) < 400 && e.Kind != azward.KindUnavailable {
		e.Cause += " (" + said + ")"
	}
}

// short is the resource name of an ACR: "contoso" of contoso.azurecr.io.
func (r *Registry) short() (string, bool) {
	short, rest, _ := strings.Cut(r.Host, ".")
	return short, strings.HasPrefix(rest, "azurecr.")
}

func (r *Registry) firewall(e *azward.Error, address string) {
	short, _ := r.short()
	e.Kind = azward.KindUnavailable
	e.Cause = fmt.Sprintf("the registry's firewall does not let the address %s in", address)
	e.Remedy = fmt.Sprintf("az acr network-rule add --name %s --ip-address %s, or run azward inside the network", short, address)
}

func (r *Registry) signIn() string {
	if short, ok := r.short(); ok {
		return "check the connection with `azward doctor`, or sign in with `az acr login --name " + short + "`"
	}
	return "sign in with `docker login " + r.Host + "`"
}

func (r *Registry) role() string {
	if short, ok := r.short(); ok {
		return "az role assignment create --role AcrPull --assignee PRINCIPAL --scope $(az acr show --name " + short +
			" --query id --output tsv); where the registry uses ABAC repository permissions the role is \"Container Registry Repository Reader\""
	}
	return "ask the registry's owner for the right to pull"
}

func (r *Registry) notRegistry(op, subject string) error {
	return &azward.Error{
		Kind: azward.KindBadInput, Op: op, Subject: subject,
		Cause:  r.Host + " answers with a web page: it is no registry, or a proxy stands before it",
		Remedy: "check the host name, and the proxy settings (HTTPS_PROXY, NO_PROXY)",
	}
}

// network explains failures below HTTP.
func (r *Registry) network(err error) (cause, remedy string) {
	var dns *net.DNSError
	var record tls.RecordHeaderError
	var unknownCA x509.UnknownAuthorityError
	var wrongHost x509.HostnameError
	switch {
	case errors.As(err, &dns):
		return "the name " + dns.Name + " is not known", "check the host name; a private endpoint resolves inside its network only"
	case errors.As(err, &unknownCA):
		return "the registry's certificate is not signed by an authority that this machine trusts", "add the authority's certificate to the system's store"
	case errors.As(err, &wrongHost):
		return "the registry's certificate is for another host", "check the host name and proxy settings"
	case errors.As(err, &record), errors.Is(err, errScheme):
		return "the registry does not speak HTTPS", "use --plain-http if it is a registry on this machine"
	}
	return "the registry cannot be reached: " + rootOf(err), "check the host name, and that this machine may connect to it"
}

// rootOf is the innermost message: outer ones repeat the address, which may
// carry a signature.
func rootOf(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}
