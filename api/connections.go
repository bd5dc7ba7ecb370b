package api

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/connect"
	"github.com/azward/azward/seal"
	"github.com/azward/azward/store"
	"github.com/azward/azward/workspace"
)

// Bounds of what Azure may take to answer.
const (
	testWithin    = 45 * time.Second
	examineWithin = 3 * time.Minute
)

// Connection is a tenant that azward reads.
type Connection struct {
	Name     string          `json:"name"`
	Kind     string          `json:"kind" enum:"azure"`
	TenantID azward.TenantID `json:"tenantId,omitempty"`
	ClientID string          `json:"clientId,omitempty"`
	Cloud    string          `json:"cloud,omitempty"`
	Auth     string          `json:"auth" doc:"How it signs in: clientSecret, certificate, federatedToken, managedIdentity, azureCLI."`
	// Files of the server.
	CloudConfig    string                  `json:"cloudConfig,omitempty" doc:"File with the endpoints of another cloud."`
	CredentialFile string                  `json:"credentialFile,omitempty" doc:"File with the federated assertion."`
	Subscriptions  []azward.SubscriptionID `json:"subscriptions" nullable:"false" doc:"Those to read; empty for all that it sees."`
	HasSecret      bool                    `json:"hasSecret" doc:"A secret is kept, sealed."`
	CreatedAt      time.Time               `json:"createdAt"`
	UpdatedAt      time.Time               `json:"updatedAt"`
}

func shown(c store.Connection) Connection {
	return Connection{
		Name: c.Name, Kind: c.Kind, TenantID: c.TenantID, ClientID: c.ClientID, Cloud: c.Cloud, Auth: string(c.Auth),
		CloudConfig: c.CloudConfig, CredentialFile: c.CredentialFile, Subscriptions: append([]azward.SubscriptionID{}, c.Subscriptions...),
		HasSecret: c.Sealed != nil, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
	}
}

// Settings are what a connection can be told.
type Settings struct {
	TenantID       string   `json:"tenantId,omitempty" maxLength:"64" doc:"Managed identity and Azure CLI choose where it is left out."`
	ClientID       string   `json:"clientId,omitempty" maxLength:"64"`
	Cloud          string   `json:"cloud,omitempty" maxLength:"32" doc:"public, usgovernment or china; public where it is left out."`
	Auth           string   `json:"auth" enum:"clientSecret,certificate,federatedToken,managedIdentity,azureCLI"`
	Secret         string   `json:"secret,omitempty" maxLength:"65536" writeOnly:"true" doc:"Client secret, or PEM with certificate and key. It is kept sealed and never shown."`
	CloudConfig    string   `json:"cloudConfig,omitempty" maxLength:"1024" doc:"File of the server with the endpoints of another cloud; for administrators."`
	CredentialFile string   `json:"credentialFile,omitempty" maxLength:"1024" doc:"File of the server with the federated assertion; for administrators."`
	Subscriptions  []string `json:"subscriptions,omitempty" nullable:"false" maxItems:"1000" doc:"Those to read; none is all that it sees."`
}

func (s Settings) request(name string) connect.Request {
	r := connect.Request{
		Name: name, TenantID: s.TenantID, ClientID: s.ClientID, Cloud: s.Cloud, CloudConfig: s.CloudConfig,
		Auth: store.AuthMethod(s.Auth), CredentialFile: s.CredentialFile, Subscriptions: s.Subscriptions,
	}
	if s.Secret != "" {
		r.Secret = seal.NewSecret(s.Secret)
	}
	return r
}

// NewConnection is a connection to be added.
type NewConnection struct {
	Name string `json:"name,omitempty" maxLength:"63" doc:"Letters, digits, dots, - and _; azure where it is left out."`
	Settings
}

// ConnectionName names a connection in a path.
type ConnectionName struct {
	Name string `path:"name" maxLength:"63"`
}

func (a *API) connectionRoutes() {
	handle(a, "list-connections", a.listConnections)
	handle(a, "create-connection", a.createConnection)
	handle(a, "get-connection", a.getConnection)
	handle(a, "update-connection", a.updateConnection)
	handle(a, "delete-connection", a.deleteConnection)
	handle(a, "preview-removal", a.previewRemoval)
	handle(a, "test-connection", a.testConnection)
	handle(a, "examine-connection", a.examineConnection)
}

func (a *API) listConnections(ctx context.Context, in *Paging) (*body[Page[Connection]], error) {
	list, err := a.Connections.List(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]Connection, 0, len(list))
	for _, c := range list {
		all = append(all, shown(c))
	}
	return slice(all, *in, func(c Connection) string { return c.Name })
}

type createdConnection struct {
	Location string `header:"Location"`
	ETag     string `header:"ETag"`
	Body     Connection
}

func (a *API) createConnection(ctx context.Context, in *struct{ Body NewConnection }) (*createdConnection, error) {
	request := in.Body.request(in.Body.Name)
	if err := a.mayNameFiles(ctx, request, store.Connection{}); err != nil {
		return nil, err
	}
	c, err := a.Connections.Add(ctx, request, a.now())
	if err != nil {
		return nil, err
	}
	now := shown(c)
	if err := a.Access.Audit(ctx, "connection.add", c.Name, nil, now); err != nil {
		return nil, err
	}
	return &createdConnection{Prefix + "/connections/" + url.PathEscape(c.Name), tagOf(c.Name, c.UpdatedAt), now}, nil
}

// mayNameFiles lets administrators alone say which files of the server are
// read, and with that what is sent to whom. What stands there already may stay.
func (a *API) mayNameFiles(ctx context.Context, r connect.Request, before store.Connection) error {
	if r.CloudConfig == before.CloudConfig && r.CredentialFile == before.CredentialFile {
		return nil
	}
	if r.CloudConfig == "" && r.CredentialFile == "" {
		return nil
	}
	_, err := access.Check(ctx, access.Admin, "name files of the server")
	return err
}

func (a *API) getConnection(ctx context.Context, in *struct {
	ConnectionName
	IfNoneMatch
},
) (*tagged[Connection], error) {
	c, err := a.Connections.Show(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	tag := tagOf(c.Name, c.UpdatedAt)
	if err := in.fresh(tag); err != nil {
		return nil, err
	}
	return &tagged[Connection]{tag, shown(c)}, nil
}

func (a *API) updateConnection(ctx context.Context, in *struct {
	ConnectionName
	IfMatch
	Body Settings
},
) (*tagged[Connection], error) {
	const op = "update connection"
	before, err := a.Connections.Show(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	if err := in.check(op, in.Name, tagOf(before.Name, before.UpdatedAt)); err != nil {
		return nil, err
	}
	request := in.Body.request(in.Name)
	if err := a.mayNameFiles(ctx, request, before); err != nil {
		return nil, err
	}
	c, err := a.Connections.Update(ctx, request, before.UpdatedAt, a.now())
	if err != nil {
		return nil, stale(op, in.Name, err)
	}
	if err := a.Access.Audit(ctx, "connection.update", c.Name, shown(before), shown(c)); err != nil {
		return nil, err
	}
	return &tagged[Connection]{tagOf(c.Name, c.UpdatedAt), shown(c)}, nil
}

func (a *API) previewRemoval(ctx context.Context, in *ConnectionName) (*body[workspace.Removal], error) {
	c, err := a.Connections.Show(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	return answer(a.Workspace.Removal(ctx, c))
}

func (a *API) deleteConnection(ctx context.Context, in *struct {
	ConnectionName
	IfMatch
},
) (*body[workspace.Removal], error) {
	const op = "disconnect"
	c, err := a.Connections.Show(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	if err := in.check(op, in.Name, tagOf(c.Name, c.UpdatedAt)); err != nil {
		return nil, err
	}
	busy, err := a.Jobs.List(ctx, store.JobFilter{Subject: c.Name, States: []store.JobState{store.JobQueued, store.JobRunning}, Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(busy) > 0 {
		return nil, &azward.Error{
			Kind: azward.KindConflict, Op: op, Subject: c.Name, Cause: "a " + busy[0].Kind + " of it is under way: job " + busy[0].ID,
			Remedy: "wait until it is done, or cancel it",
		}
	}
	removal, err := a.Workspace.Removal(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := a.Connections.Remove(ctx, c.Name); err != nil {
		return nil, err
	}
	return answer(removal, a.Access.Audit(ctx, "connection.remove", c.Name, shown(c), nil))
}

// Diagnosis is what works of a connection.
type Diagnosis struct {
	Works azward.Answer `json:"works" doc:"Whether all that a scan needs works."`
	// Kind, Cause and Remedy are those of what is worst.
	Kind   string          `json:"kind,omitempty" doc:"Kind of the worst, as docs/errors.md lists it."`
	Cause  string          `json:"cause,omitempty"`
	Remedy string          `json:"remedy,omitempty" doc:"The command or step that mends it."`
	Checks []connect.Check `json:"checks" nullable:"false"`
}

func diagnosis(checks []connect.Check, err error) (*body[Diagnosis], error) {
	if err != nil {
		return nil, err
	}
	d := Diagnosis{Checks: checks}
	var needed []azward.Answer
	for _, c := range checks {
		if !c.Optional {
			needed = append(needed, c.Answer)
		}
	}
	d.Works = azward.All(needed...)
	var worst *azward.Error
	if errors.As(connect.Worst(checks), &worst) {
		d.Kind, d.Cause, d.Remedy = worst.Kind.String(), worst.Cause, worst.Remedy
	}
	return &body[Diagnosis]{d}, nil
}

func (a *API) testConnection(ctx context.Context, in *ConnectionName) (*body[Diagnosis], error) {
	ctx, cancel := context.WithTimeout(ctx, testWithin)
	defer cancel()
	return diagnosis(a.Connections.Try(ctx, in.Name))
}

func (a *API) examineConnection(ctx context.Context, in *ConnectionName) (*body[Diagnosis], error) {
	ctx, cancel := context.WithTimeout(ctx, examineWithin)
	defer cancel()
	return diagnosis(a.Connections.Examine(ctx, in.Name))
}
