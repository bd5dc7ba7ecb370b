package image

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/azward/azward"
	"github.com/azward/azward/hardening/secret"
	"github.com/azward/azward/internal/bound"
)

// problem turns what a registry or the network answered into advice.
func (r *Registry) problem(ctx context.Context, q query, err error) error {
	var ours *azward.Error
	if errors.As(err, &ours) {
		return err
	}
	if ctx.Err() != nil && !errors.Is(context.Cause(ctx), errSlow) || errors.Is(err, context.Canceled) {
		return interrupted(ctx, q.op, q.subject, err)
	}
	e := &azward.Error{Kind: azward.KindUnavailable, Op: q.op, Subject: q.subject, Err: err}
	switch {
	case errors.Is(err, bound.ErrTooLarge):
		e.Kind, e.Cause, e.Remedy = azward.KindBadInput, err.Error(), "check that the host is a container registry"
		return e
	case errors.Is(err, ErrDigestMismatch):
		e.Kind, e.Cause, e.Remedy = azward.KindBadInput, err.Error(), "push it again; if it goes on, something between here and the registry changes what it sends"
		return e
	}
	denied := &deniedError{scope: q.scope}
	errors.As(err, &denied)
	var answer *transport.Error
	if errors.As(err, &answer) && answer.StatusCode != 0 {
		r.answered(e, q, denied, answer)
		return e
	}
	r.network(e, err)
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

func (r *Registry) answered(e *azward.Error, q query, denied *deniedError, answer *transport.Error) {
	var messages []string
	for _, d := range answer.Errors {
		messages = append(messages, d.Message)
	}
	said := strings.Join(messages, "; ")
	refused := answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden
	switch status := answer.StatusCode; {
	case deniedAddress.MatchString(said):
		r.firewall(e, deniedAddress.FindStringSubmatch(said)[1])
	case refused && r.elsewhere(answer) != "":
		e.Cause = fmt.Sprintf("the storage that the registry redirects to, %s, answers %d", r.elsewhere(answer), status)
		e.Remedy = "check this machine's clock, and that firewalls and proxies let requests to that host pass"
	case q.op == opCatalog && (status == http.StatusNotFound || status == http.StatusMethodNotAllowed || status == http.StatusNotImplemented):
		e.Kind, e.Cause = azward.KindUsage, "the registry does not list its repositories"
		e.Remedy = nameRepositories
	case refused:
		r.denied(e, q, denied, status)
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
	if said = oneLine(said); said != "" && e.Kind != azward.KindUnavailable {
		e.Cause += " (" + said + ")"
	}
}

const nameRepositories = "name the repositories with --repository"

// elsewhere is the host that answered when it is not the registry's own, nor
// a token service.
func (r *Registry) elsewhere(answer *transport.Error) string {
	if answer.Request == nil || answer.Request.URL.Host == r.server() || !strings.Contains(answer.Request.URL.Path, "blobs") && answer.Request.Response == nil {
		return ""
	}
	return answer.Request.URL.Host
}

// denied tells credentials that are missing or wrong from roles that are.
func (r *Registry) denied(e *azward.Error, q query, d *deniedError, status int) {
	_, azure := r.short()
	switch {
	case !d.known && (status == http.StatusUnauthorized || azure):
		e.Kind, e.Cause, e.Remedy = azward.KindSignIn, "the registry asks for credentials", r.signIn()
		if !azure {
			e.Cause += ", or has no such repository"
		}
	case !d.signedIn && status == http.StatusUnauthorized:
		e.Kind, e.Cause, e.Remedy = azward.KindSignIn, "the registry does not accept the credentials", r.signIn()
	case azure:
		r.role(e, q)
		return
	case q.op == opCatalog:
		e.Kind, e.Cause, e.Remedy = azward.KindRole, "signed in, but the registry does not let its repositories be listed", nameRepositories
	default:
		e.Kind, e.Cause, e.Remedy = azward.KindRole, "signed in, but not allowed to pull", "ask the registry's owner for the right to pull; some registries say the same of a repository that does not exist"
	}
	if q.op == opCatalog && e.Kind == azward.KindSignIn {
		e.Remedy += "; where listing is not allowed, " + nameRepositories
	}
}

// role names the role that is missing. In the mode with ABAC repository
// permissions AcrPull gives nothing, and no role on repositories lists the
// registry.
//
// Source: https://learn.microsoft.com/azure/container-registry/container-registry-rbac-abac-repository-permissions
func (r *Registry) role(e *azward.Error, q query) {
	short, _ := r.short()
	const legacy = "AcrPull"
	repository, what := "Container Registry Repository Reader", "pull from the repository"
	if q.op == opCatalog {
		repository, what = "Container Registry Repository Catalog Lister", "list the registry's repositories"
	}
	e.Kind = azward.KindRole
	switch r.Mode {
	case ModeRegistry:
		e.Cause = fmt.Sprintf("signed in, but without the role %s: not allowed to %s (permission mode \"RBAC Registry Permissions\")", legacy, what)
		e.Remedy = r.assign(short, legacy)
	case ModeRepository:
		e.Cause = fmt.Sprintf("signed in, but without the role %q: not allowed to %s (permission mode \"RBAC Registry + ABAC Repository Permissions\", in which %s does not count)", repository, what, legacy)
		e.Remedy = r.assign(short, repository)
	default:
		e.Cause = "signed in, but not allowed to " + what
		e.Remedy = r.assign(short, legacy) + "; if `az acr show --name " + short + " --query roleAssignmentMode` says " + string(ModeRepository) + ": " + r.assign(short, repository)
	}
	if q.op == opCatalog {
		e.Remedy += "; or " + nameRepositories
	}
}

func (r *Registry) assign(short, role string) string {
	if strings.Contains(role, " ") {
		role = `"` + role + `"`
	}
	scope := cmp.Or(string(r.ResourceID), "$(az acr show --name "+short+" --query id --output tsv)")
	return "az role assignment create --assignee " + cmp.Or(r.Principal, "PRINCIPAL") + " --role " + role + " --scope " + scope
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
	e.Remedy = fmt.Sprintf("az acr network-rule add --name %s --ip-address %s, or run azward inside the network (a registry without public access is reached by its private endpoint alone)", short, address)
}

func (r *Registry) signIn() string {
	if short, ok := r.short(); ok {
		return "check the connection with `azward doctor`, or sign in with `az acr login --name " + short + "`"
	}
	return "sign in with `docker login " + r.Host + "`"
}

func (r *Registry) notRegistry(q query) error {
	return &azward.Error{
		Kind: azward.KindBadInput, Op: q.op, Subject: q.subject,
		Cause:  r.Host + " answers with a web page: it is no registry, or a proxy stands before it",
		Remedy: "check the host name, and the proxy settings (HTTPS_PROXY, NO_PROXY)",
	}
}

// network explains failures below HTTP.
func (r *Registry) network(e *azward.Error, err error) {
	var dns *net.DNSError
	var record tls.RecordHeaderError
	var unknownCA x509.UnknownAuthorityError
	var wrongHost x509.HostnameError
	_, azure := r.short()
	who := "the registry"
	if host := hostOf(err); host != "" && host != r.server() {
		who = "the host " + host + ", which the registry sends us to,"
	}
	switch {
	case errors.Is(err, errForbidden):
		e.Kind, e.Cause = azward.KindBadInput, who+" is at an address that only this machine's own network has: "+rootOf(err)+" is not asked"
		e.Remedy = "do not trust this registry; if it is yours, check where it redirects to"
	case errors.Is(err, errSlow):
		e.Cause, e.Remedy = who+" does not answer in time", "try again later; if it goes on, check proxy and network"
	case errors.As(err, &dns):
		e.Cause, e.Remedy = "the name "+dns.Name+" is not known", "check the host name; a private endpoint resolves inside its network only"
	case errors.As(err, &unknownCA):
		e.Cause, e.Remedy = "the certificate of "+who+" is not signed by an authority that this machine trusts", "add the authority's certificate to the system's store"
	case errors.As(err, &wrongHost):
		e.Cause, e.Remedy = "the certificate of "+who+" is for another host", "check the host name and proxy settings"
	case r.PlainHTTP && errors.Is(err, syscall.ECONNREFUSED): // HTTPS was tried and refused beside it
		e.Cause, e.Remedy = "connection refused: nothing listens at "+cmp.Or(hostOf(err), r.server()), "check host name and port, and that the registry runs"
	case errors.As(err, &record), errors.Is(err, errScheme):
		e.Cause, e.Remedy = who+" does not speak HTTPS", "use --plain-http if it is a registry on this machine"
	case azure && privately(err) != "":
		e.Cause = "it cannot be reached: its name resolves to the private address " + privately(err) + ", a private endpoint"
		e.Remedy = "run azward inside the network that the private endpoint is in, or in one that is peered with it"
	default:
		e.Cause, e.Remedy = who+" cannot be reached: "+rootOf(err), "check the host name, and that this machine may connect to it"
	}
}

// hostOf is the host of the request that failed.
func hostOf(err error) string {
	var at *url.Error
	if !errors.As(err, &at) {
		return ""
	}
	u, parseErr := url.Parse(at.URL)
	if parseErr != nil {
		return ""
	}
	return u.Host
}

// privately is the private address that could not be connected to.
func privately(err error) string {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "dial" || op.Addr == nil || errors.Is(err, syscall.EMFILE) {
		return ""
	}
	at, parseErr := netip.ParseAddrPort(op.Addr.String())
	if parseErr != nil || !at.Addr().Unmap().IsPrivate() {
		return ""
	}
	return at.Addr().String()
}

// rootOf is the innermost message: outer ones repeat the address, which may
// carry a signature.
func rootOf(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return oneLine(err.Error())
		}
		if errors.Is(inner, errForbidden) && errors.Unwrap(inner) == nil {
			return strings.TrimSuffix(err.Error(), ": "+inner.Error())
		}
		err = inner
	}
}

// maxSaid bounds what is repeated of somebody else's words, in bytes.
const maxSaid = 300

// oneLine makes what a registry says fit for a line of ours.
func oneLine(s string) string {
	s = strings.Join(strings.FieldsFunc(secret.Redact(s), func(c rune) bool { return c < ' ' || c == 0x7f }), " ")
	if len(s) > maxSaid {
		s = strings.ToValidUTF8(s[:maxSaid], "") + "…"
	}
	return s
}
