package web

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/connect"
	"github.com/azward/azward/seal"
	"github.com/azward/azward/store"
	"github.com/azward/azward/workspace"
)

// examineWithin bounds the doctor: Azure may take its time over eight checks.
const examineWithin = 90 * time.Second

// byConsent is the way to connect that asks the tenant's administrator.
const byConsent = "consent"

// method is a way to connect.
type method struct {
	Value, Name, Says                    string
	Tenant, Client, Secret, Certificate  bool
	TokenFile, ClientOptional, TenantAny bool
}

var methods = []method{
	{Value: "clientSecret", Name: "Client secret", Says: "A service principal with a secret that you made for it.", Tenant: true, Client: true, Secret: true},
	{Value: "certificate", Name: "Certificate", Says: "A service principal with a certificate: nothing that could be guessed or read over a shoulder.", Tenant: true, Client: true, Certificate: true},
	{Value: byConsent, Name: "Admin consent", Says: "An administrator of the tenant lets your multi-tenant application in by a link; the tenant's ID comes with the answer.", Tenant: true, TenantAny: true, Client: true, Secret: true},
	{Value: "federatedToken", Name: "Federation", Says: "A workload identity: the hub's platform writes a token file that Entra trusts. There is no secret.", Tenant: true, Client: true, TokenFile: true},
	{Value: "managedIdentity", Name: "Managed identity", Says: "The identity of the machine in Azure that the hub runs on. There is no secret.", ClientOptional: true, Client: true, Tenant: true, TenantAny: true},
	{Value: "azureCLI", Name: "Azure CLI", Says: "Whoever is signed in by az login where the hub runs. For trying it out.", Tenant: true, TenantAny: true},
}

func methodOf(value string) (method, bool) {
	for _, m := range methods {
		if m.Value == value {
			return m, true
		}
	}
	return method{}, false
}

func methodName(m store.AuthMethod) string {
	found, _ := methodOf(string(m))
	return cmp.Or(strings.ToLower(found.Name), string(m))
}

// connectionForm is what a form about a connection shows. It has no field for
// the secret: what was sent is never sent back.
type connectionForm struct {
	New     bool
	Methods []method
	Method  method
	Admin   bool // may name files of the server
	Problem *problem

	Name, TenantID, ClientID, Cloud, CloudConfig, CredentialFile, Subscriptions string
	Was                                                                         string // when the form was made of the connection
	KeepsSecret                                                                 bool
}

func connectionURL(name string) string { return "/integrations/connections/" + url.PathEscape(name) }

func (s *Site) connectionsThere() error {
	if s.o.Connections.Store == nil || s.o.Connections.Sealer == nil {
		return &azward.Error{Kind: azward.KindUnavailable, Op: "manage connections", Cause: "this hub keeps no connections", Remedy: "start it with azward serve"}
	}
	return nil
}

// requestOf reads the form into a request.
func requestOf(r *http.Request, name string) connect.Request {
	get := func(key string) string { return strings.TrimSpace(r.PostForm.Get(key)) }
	q := connect.Request{
		Name: name, TenantID: get("tenant"), ClientID: get("client"), Cloud: get("cloud"), CloudConfig: get("cloudConfig"), Auth: store.AuthMethod(get("auth")),
		CredentialFile: get("tokenFile"), Subscriptions: strings.FieldsFunc(get("subscriptions"), func(c rune) bool { return c == ',' || c == ' ' || c == '\n' || c == '\r' || c == '\t' }),
	}
	if q.CloudConfig != "" {
		q.Cloud = ""
	}
	if secret := get("secret"); secret != "" {
		q.Secret = seal.NewSecret(secret)
	}
	if q.Auth == byConsent {
		q.Auth = store.AuthClientSecret
		if strings.Contains(get("secret"), "-----BEGIN") {
			q.Auth = store.AuthCertificate
		}
	}
	return q
}

// mayName lets administrators alone say which files of the server are read, and
// with that what is sent to whom. What stands there already may stay.
func mayName(ctx context.Context, q connect.Request, before store.Connection) error {
	if q.CloudConfig == before.CloudConfig && q.CredentialFile == before.CredentialFile || q.CloudConfig == "" && q.CredentialFile == "" {
		return nil
	}
	_, err := access.Check(ctx, access.Admin, "name files of the server")
	return err
}

// again fills the form with what was sent, but for the secret.
func again(r *http.Request, f connectionForm, err error) connectionForm {
	p := problemOf(err)
	f.Problem = &p
	get := r.PostForm.Get
	f.TenantID, f.ClientID, f.Cloud, f.CloudConfig, f.CredentialFile, f.Subscriptions = get("tenant"), get("client"), get("cloud"), get("cloudConfig"), get("tokenFile"), get("subscriptions")
	return f
}

func (s *Site) newConnection(w http.ResponseWriter, r *http.Request) error {
	if err := s.connectionsThere(); err != nil {
		return err
	}
	m, ok := methodOf(r.URL.Query().Get("auth"))
	if !ok {
		m = methods[0]
	}
	name := connect.DefaultName
	if _, err := s.o.Connections.Show(r.Context(), name); err == nil {
		name = ""
	}
	return s.connectPage(w, r, http.StatusOK, connectionForm{Method: m, Name: name})
}

func (s *Site) connectPage(w http.ResponseWriter, r *http.Request, status int, f connectionForm) error {
	f.New, f.Methods, f.Admin = true, methods, who(r).Role.Allows(access.Admin)
	return s.render(w, r, status, "connect", page{Title: "Connect a tenant", Section: "integrations", Data: f})
}

func (s *Site) addConnection(w http.ResponseWriter, r *http.Request) error {
	if err := s.connectionsThere(); err != nil {
		return err
	}
	m, ok := methodOf(r.PostForm.Get("auth"))
	if !ok {
		return badForm("add connection", "the form does not say how to sign in", "open the form again: Integrations, Add connection")
	}
	name := strings.TrimSpace(r.PostForm.Get("name"))
	added, err := s.add(w, r, m, requestOf(r, name))
	if err != nil {
		return s.connectPage(w, r, problemOf(err).Status, again(r, connectionForm{Method: m, Name: name}, err))
	}
	if added == "" { // the page with the link is out
		return nil
	}
	return done(w, r, connectionURL(added)+"/test", "The connection "+added+" is kept, its secret sealed. What works, and what is missing, stands below.")
}

func (s *Site) add(w http.ResponseWriter, r *http.Request, m method, q connect.Request) (string, error) {
	if err := mayName(r.Context(), q, store.Connection{}); err != nil {
		return "", err
	}
	if m.Value == byConsent {
		return "", s.prepareConsent(w, r, q)
	}
	c, err := s.o.Connections.Add(r.Context(), q, s.now())
	if err != nil {
		return "", err
	}
	return c.Name, s.audit(r.Context(), "connection.add", c.Name, nil, auditedConnection(c))
}

// auditedConnection is a connection as the log keeps it: without its secret.
func auditedConnection(c store.Connection) map[string]any {
	return map[string]any{
		"name": c.Name, "kind": c.Kind, "tenantId": c.TenantID, "clientId": c.ClientID, "cloud": c.Cloud, "cloudConfig": c.CloudConfig, "auth": c.Auth,
		"credentialFile": c.CredentialFile, "subscriptions": c.Subscriptions, "hasSecret": c.Sealed != nil, "updatedAt": c.UpdatedAt,
	}
}

// connectionPage is one connection.
type connectionPage struct {
	C         store.Connection
	Method    string
	Form      connectionForm
	CanChange bool
	CanRemove bool
	CanScan   bool
	Consents  bool // an administrator's consent can be asked for
	Coverage  *workspace.Coverage
	// Checks of the doctor, where they were asked for.
	Tested   bool
	Works    azward.Answer
	Checks   []connect.Check // what does not work, what a scan needs first
	Working  []connect.Check
	Untested *problem
}

func (s *Site) connection(w http.ResponseWriter, r *http.Request) error {
	return s.showConnection(w, r, http.StatusOK, nil, func(*connectionPage) {})
}

// showConnection renders one connection with what fill adds; form replaces the
// one that is made of the connection.
func (s *Site) showConnection(w http.ResponseWriter, r *http.Request, status int, form *connectionForm, fill func(*connectionPage)) error {
	if err := s.connectionsThere(); err != nil {
		return err
	}
	c, err := s.o.Connections.Show(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	role := who(r).Role
	v := connectionPage{
		C: c, Method: methodName(c.Auth), Form: formOf(c), CanChange: role.Allows(leastOf("POST /integrations/connections/{name}")), CanRemove: role.Allows(leastOf("POST /integrations/connections/{name}/disconnect")),
		CanScan: role.Allows(leastOf("POST /scans/start")), Consents: c.ClientID != "" && hasApplication(c.Auth),
	}
	covered, err := s.o.Workspace.Coverage(r.Context())
	if err != nil {
		return err
	}
	if at := slices.IndexFunc(covered, func(o workspace.Coverage) bool { return o.Connection == c.Name }); at >= 0 {
		v.Coverage = &covered[at]
	}
	if form != nil {
		v.Form = *form
	}
	v.Form.Methods, v.Form.Admin = methods, role.Allows(access.Admin)
	fill(&v)
	return s.render(w, r, status, "connection", page{Title: c.Name, Section: "integrations", Data: v})
}

func formOf(c store.Connection) connectionForm {
	m, _ := methodOf(string(c.Auth))
	var ids []string
	for _, id := range c.Subscriptions {
		ids = append(ids, string(id))
	}
	return connectionForm{
		Method: m, Name: c.Name, TenantID: string(c.TenantID), ClientID: c.ClientID, Cloud: c.Cloud, CloudConfig: c.CloudConfig, CredentialFile: c.CredentialFile,
		Subscriptions: strings.Join(ids, "\n"), Was: c.UpdatedAt.UTC().Format(time.RFC3339Nano), KeepsSecret: c.Sealed != nil,
	}
}

func (s *Site) configure(w http.ResponseWriter, r *http.Request) error {
	if err := s.connectionsThere(); err != nil {
		return err
	}
	ctx, name := r.Context(), r.PathValue("name")
	before, err := s.o.Connections.Show(ctx, name)
	if err != nil {
		return err
	}
	after, err := s.update(r, before)
	if err != nil {
		f := again(r, formOf(before), err)
		if m, ok := methodOf(r.PostForm.Get("auth")); ok {
			f.Method = m
		}
		return s.showConnection(w, r, problemOf(err).Status, &f, func(*connectionPage) {})
	}
	if err := s.audit(ctx, "connection.update", name, auditedConnection(before), auditedConnection(after)); err != nil {
		return err
	}
	return done(w, r, connectionURL(name)+"/test", "The connection is changed. What works now stands below.")
}

func (s *Site) update(r *http.Request, before store.Connection) (store.Connection, error) {
	was, err := time.Parse(time.RFC3339Nano, r.PostForm.Get("was"))
	if err != nil {
		return before, badForm("configure connection", "the form does not say what it was made from", "open the connection again and change it there")
	}
	if !was.Equal(before.UpdatedAt) {
		return before, changedMeanwhile(before.Name)
	}
	q := requestOf(r, before.Name)
	if err := mayName(r.Context(), q, before); err != nil {
		return before, err
	}
	after, err := s.o.Connections.Update(r.Context(), q, was, s.now())
	if azward.KindOf(err) == azward.KindConflict && err != nil {
		return before, changedMeanwhile(before.Name)
	}
	return after, err
}

func changedMeanwhile(name string) error {
	return &azward.Error{
		Kind: azward.KindStale, Op: "configure connection", Subject: name, Cause: "somebody changed it since you opened the form; nothing of yours was saved",
		Remedy: "compare with what it is now, beside the form; what you typed stands in the form, send it again where it should hold",
	}
}

// test lets the doctor look, live.
func (s *Site) testConnection(w http.ResponseWriter, r *http.Request) error {
	if err := s.connectionsThere(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), examineWithin)
	defer cancel()
	checks, err := s.o.Connections.Examine(ctx, r.PathValue("name"))
	if azward.KindOf(err) == azward.KindNotFound && err != nil {
		return err
	}
	return s.showConnection(w, r, http.StatusOK, nil, func(v *connectionPage) {
		v.Tested = true
		if err != nil {
			p := problemOf(err)
			v.Untested = &p
			return
		}
		v.sort(checks)
	})
}

func (v *connectionPage) sort(checks []connect.Check) {
	var needed []azward.Answer
	for _, c := range checks {
		if !c.Optional {
			needed = append(needed, c.Answer)
		}
		if c.Answer == azward.Yes {
			v.Working = append(v.Working, c)
		} else {
			v.Checks = append(v.Checks, c)
		}
	}
	v.Works = azward.All(needed...)
	slices.SortStableFunc(v.Checks, func(a, b connect.Check) int {
		if a.Optional == b.Optional {
			return 0
		}
		if b.Optional {
			return -1
		}
		return 1
	})
}

func (s *Site) disconnecting(w http.ResponseWriter, r *http.Request) error {
	return s.disconnectPage(w, r, http.StatusOK, nil)
}

func (s *Site) disconnectPage(w http.ResponseWriter, r *http.Request, status int, wrong *problem) error {
	if err := s.connectionsThere(); err != nil {
		return err
	}
	c, err := s.o.Connections.Show(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	removal, err := s.o.Workspace.Removal(r.Context(), c)
	if err != nil {
		return err
	}
	return s.render(w, r, status, "disconnect", page{Title: "Disconnect " + c.Name, Section: "integrations", Data: map[string]any{
		"C": c, "URL": connectionURL(c.Name), "Removal": removal, "Was": c.UpdatedAt.UTC().Format(time.RFC3339Nano), "Problem": wrong,
	}})
}

func (s *Site) disconnect(w http.ResponseWriter, r *http.Request) error {
	if err := s.connectionsThere(); err != nil {
		return err
	}
	c, err := s.o.Connections.Show(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	if err := s.mayRemove(r, c); err != nil {
		p := problemOf(err)
		return s.disconnectPage(w, r, p.Status, &p)
	}
	if err := s.o.Connections.Remove(r.Context(), c.Name); err != nil {
		return err
	}
	if err := s.audit(r.Context(), "connection.remove", c.Name, auditedConnection(c), nil); err != nil {
		return err
	}
	return done(w, r, "/integrations", c.Name+" is disconnected. Its secret and its verdicts are deleted; nothing changed in Azure.")
}

// mayRemove says what is in the way of a removal.
func (s *Site) mayRemove(r *http.Request, c store.Connection) error {
	const op = "disconnect"
	was, err := time.Parse(time.RFC3339Nano, r.PostForm.Get("was"))
	if err != nil || !was.Equal(c.UpdatedAt) {
		return &azward.Error{Kind: azward.KindStale, Op: op, Subject: c.Name, Cause: "the connection changed since this page was opened", Remedy: "look at it again, and disconnect it then"}
	}
	if r.PostForm.Get("name") != c.Name {
		return badForm(op, "the name that was typed is not that of the connection", "type "+c.Name)
	}
	if s.o.Jobs == nil {
		return nil
	}
	busy, err := s.o.Jobs.List(r.Context(), store.JobFilter{Subject: c.Name, States: []store.JobState{store.JobQueued, store.JobRunning}, Limit: 1})
	if err != nil {
		return err
	}
	if len(busy) > 0 {
		return &azward.Error{Kind: azward.KindConflict, Op: op, Subject: c.Name, Cause: "a " + busy[0].Kind + " of it is under way", Remedy: "wait until it is done, or cancel it under Scans"}
	}
	return nil
}
