package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/connect"
	"github.com/azward/azward/store"
)

// anyTenant stands for the tenant of whoever consents.
const anyTenant = "organizations"

// noTenant takes the place of the tenant while it is not known, so that the
// rest of a request can be checked.
const noTenant = "00000000-0000-0000-0000-000000000000"

// consentLink is the page where an administrator lets the application into a
// tenant.
//
// Source: https://learn.microsoft.com/entra/identity-platform/v2-admin-consent
func (s *Site) consentLink(c store.Connection) (func(state string) string, error) {
	control, err := s.control()
	if err != nil {
		return nil, err
	}
	cloud, err := connect.CloudOf(c)
	if err != nil {
		return nil, err
	}
	tenant := string(c.TenantID)
	if tenant == "" {
		tenant = anyTenant
	}
	back := control.PublicURL().JoinPath(consentPath, "callback").String()
	return func(state string) string {
		q := url.Values{"client_id": {c.ClientID}, "scope": {strings.TrimRight(cloud.GraphEndpoint, "/") + "/.default"}, "redirect_uri": {back}, "state": {state}}
		return strings.TrimRight(cloud.AuthorityHost, "/") + "/" + url.PathEscape(tenant) + "/v2.0/adminconsent?" + q.Encode()
	}, nil
}

// askConsent sends the browser to the administrator's page: a link, since the
// policy holds back forms that lead elsewhere.
func (s *Site) askConsent(w http.ResponseWriter, r *http.Request) error {
	if r.URL.Query().Get("state") != "" {
		return s.askAgain(w, r)
	}
	name := r.URL.Query().Get("connection")
	if name == "" {
		return badForm("ask for consent", "it is not said for which connection", "use the link on the page of the connection")
	}
	connection, err := s.o.Connections.Show(r.Context(), name)
	if err != nil {
		return err
	}
	if connection.ClientID == "" || !hasApplication(connection.Auth) {
		return badForm("ask for consent", "the connection signs in as "+methodName(connection.Auth)+", which no tenant consents to", "give the identity its role instead: Test says the command")
	}
	link, err := s.consentLink(connection)
	if err != nil {
		return err
	}
	state, err := s.o.Connections.AskConsent(r.Context(), connect.Consent{User: who(r).UserID, Browser: consentBrowser(w, r), Connection: connection.Name, Tenant: connection.TenantID}, s.now())
	if err != nil {
		return err
	}
	http.Redirect(w, r, link(state), http.StatusSeeOther)
	return nil
}

// askAgain sends the browser on with a consent that is under way.
func (s *Site) askAgain(w http.ResponseWriter, r *http.Request) error {
	asked, err := s.consentOf(r, false)
	if err != nil {
		return err
	}
	connection, err := s.asked(r.Context(), asked)
	if err != nil {
		return err
	}
	link, err := s.consentLink(connection)
	if err != nil {
		return err
	}
	http.Redirect(w, r, link(r.URL.Query().Get("state")), http.StatusSeeOther)
	return nil
}

// prepareConsent keeps a connection that is to be, until a tenant has
// consented, and shows the link to do so.
func (s *Site) prepareConsent(w http.ResponseWriter, r *http.Request, request connect.Request) error {
	tried := request
	if tried.TenantID == "" {
		tried.TenantID = noTenant
	}
	if err := tried.Check(); err != nil {
		return err
	}
	if request.Name == "" {
		request.Name = connect.DefaultName
	}
	if _, err := s.o.Connections.Show(r.Context(), request.Name); azward.KindOf(err) != azward.KindNotFound || err == nil {
		if err != nil {
			return err
		}
		return taken(request.Name)
	}
	c := store.Connection{TenantID: azward.TenantID(strings.ToLower(request.TenantID)), ClientID: request.ClientID, Cloud: request.Cloud, CloudConfig: request.CloudConfig}
	link, err := s.consentLink(c)
	if err != nil {
		return err
	}
	state, err := s.o.Connections.AskConsent(r.Context(), connect.Consent{User: who(r).UserID, Browser: consentBrowser(w, r), Request: request, Tenant: c.TenantID}, s.now())
	if err != nil {
		return err
	}
	at, err := url.Parse(link(state))
	if err != nil {
		return fmt.Errorf("read our own link: %w", err)
	}
	return s.render(w, r, http.StatusOK, "consent", page{Title: "Ask for consent", Section: "integrations", Data: map[string]any{
		"Name": request.Name, "ClientID": request.ClientID, "Tenant": c.TenantID, "Host": at.Host, "Back": at.Query().Get("redirect_uri"), "Minutes": int(connect.ConsentFor.Minutes()),
		"Link": consentPath + "?" + url.Values{"state": {state}}.Encode(),
	}})
}

// consented takes up what the administrator's page answers.
func (s *Site) consented(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	asked, err := s.consentOf(r, true)
	if err != nil {
		return err
	}
	tenant, err := consentAnswer(q, asked)
	if err != nil {
		return err
	}
	name := asked.Connection
	if name == "" {
		if name, err = s.connectConsented(r.Context(), asked.Request, tenant); err != nil {
			return err
		}
	} else if err := s.audit(r.Context(), "connection.consent", name, nil, map[string]any{"tenantId": tenant}); err != nil {
		return err
	}
	return done(w, r, connectionURL(name)+"/test", "The tenant has consented. What is still missing stands below.")
}

// connectConsented adds the connection that was prepared.
func (s *Site) connectConsented(ctx context.Context, request connect.Request, tenant azward.TenantID) (string, error) {
	request.TenantID = string(tenant)
	added, err := s.o.Connections.Add(ctx, request, s.now())
	if err != nil {
		return "", err
	}
	return added.Name, s.audit(ctx, "connection.add", added.Name, nil, auditedConnection(added))
}

// maxSaid is how much of Microsoft's own words is shown, in characters.
const maxSaid = 300

// consentAnswer gives the tenant that consented. An error comes with
// admin_consent=True as well, so it is looked for first.
//
// Source: https://learn.microsoft.com/entra/identity-platform/v2-admin-consent#error-response
func consentAnswer(q url.Values, asked connect.Consent) (azward.TenantID, error) {
	const op = "take up consent"
	if code := q.Get("error"); code != "" {
		cause := "the administrator did not consent"
		if code != "access_denied" && code != "consent_required" && code != "permission_denied" {
			cause = "Microsoft Entra refused: " + shorten(clean(code), maxSaid)
		}
		if text := q.Get("error_description"); text != "" {
			cause += ". It says: " + shorten(clean(text), maxSaid)
		}
		return "", &azward.Error{
			Kind: azward.KindSignIn, Op: op, Cause: cause,
			Remedy: "nothing was changed here; let a Global Administrator or a Privileged Role Administrator of the tenant begin again, and accept what is asked for",
		}
	}
	if !strings.EqualFold(q.Get("admin_consent"), "true") {
		return "", &azward.Error{Kind: azward.KindBadInput, Op: op, Cause: "the answer says neither that consent was given nor that it was denied", Remedy: "begin again from the connection"}
	}
	id, err := azward.ParseGUID("tenant ID", q.Get("tenant"))
	if err != nil || id == noTenant {
		return "", &azward.Error{Kind: azward.KindBadInput, Op: op, Cause: "the answer does not name the tenant that consented by its ID", Remedy: "begin again from the connection", Err: err}
	}
	if asked.Tenant != "" && !strings.EqualFold(id, string(asked.Tenant)) {
		return "", &azward.Error{
			Kind: azward.KindBadInput, Op: op, Subject: id, Cause: "another tenant consented than " + string(asked.Tenant) + ", which the connection reads; nothing was changed here",
			Remedy: "sign in as an administrator of " + string(asked.Tenant) + "; for the other tenant add a connection of its own",
		}
	}
	return azward.TenantID(id), nil
}

// hasApplication says that an application signs in, which a tenant can let in.
func hasApplication(m store.AuthMethod) bool {
	return m == store.AuthClientSecret || m == store.AuthCertificate || m == store.AuthFederatedToken
}

func taken(name string) error {
	return &azward.Error{Kind: azward.KindConflict, Op: "add connection", Subject: name, Cause: "there is a connection of that name", Remedy: "choose another name, or configure the one that is there"}
}
