package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"time"

	"github.com/azward/azward"
)

// Connection is a tenant that azward reads.
type Connection struct {
	Name           string                  `json:"name"`
	Kind           string                  `json:"kind"`
	TenantID       azward.TenantID         `json:"tenantId"`
	ClientID       string                  `json:"clientId"`
	Cloud          string                  `json:"cloud"`
	Auth           string                  `json:"auth"`
	CloudConfig    string                  `json:"cloudConfig"`
	CredentialFile string                  `json:"credentialFile"`
	Subscriptions  []azward.SubscriptionID `json:"subscriptions"`
	HasSecret      bool                    `json:"hasSecret"`
	CreatedAt      time.Time               `json:"createdAt"`
	UpdatedAt      time.Time               `json:"updatedAt"`
	// ETag says which version this is; changes ask for it.
	ETag string `json:"-"`
}

// Settings are what a connection can be told.
type Settings struct {
	Name           string   `json:"name,omitempty"` // of a new one
	TenantID       string   `json:"tenantId,omitempty"`
	ClientID       string   `json:"clientId,omitempty"`
	Cloud          string   `json:"cloud,omitempty"`
	Auth           string   `json:"auth"`
	Secret         string   `json:"secret,omitempty"`
	CloudConfig    string   `json:"cloudConfig,omitempty"`
	CredentialFile string   `json:"credentialFile,omitempty"`
	Subscriptions  []string `json:"subscriptions,omitempty"`
}

// Removal says what stopped with a connection and what stays.
type Removal struct {
	Connection string   `json:"connection"`
	Verdicts   int      `json:"verdicts"`
	Scans      int      `json:"scans"`
	Stops      []string `json:"stops"`
	Stays      []string `json:"stays"`
}

// Diagnosis is what works of a connection.
type Diagnosis struct {
	Works  azward.Answer `json:"works"`
	Kind   string        `json:"kind"`
	Cause  string        `json:"cause"`
	Remedy string        `json:"remedy"`
	Checks []Check       `json:"checks"`
}

// Check is one finding of the doctor.
type Check struct {
	ID       string        `json:"id"`
	Subject  string        `json:"subject"`
	Answer   azward.Answer `json:"answer"`
	Optional bool          `json:"optional"`
	Summary  string        `json:"summary"`
	Remedy   string        `json:"remedy"`
}

// Connections yields all connections by name, without their ETags.
func (c *Client) Connections(ctx context.Context) iter.Seq2[Connection, error] {
	return list[Connection](ctx, c, "/connections", nil)
}

// Connection reads one.
func (c *Client) Connection(ctx context.Context, name string) (Connection, error) {
	return c.connection(ctx, request{method: http.MethodGet, path: connectionPath(name)})
}

// AddConnection adds one. Nothing is asked of Azure: test it afterwards.
func (c *Client) AddConnection(ctx context.Context, s Settings) (Connection, error) {
	return c.connection(ctx, request{method: http.MethodPost, path: "/connections", body: s})
}

// UpdateConnection makes the version that the caller has seen say something
// else; KindStale where it was changed since.
func (c *Client) UpdateConnection(ctx context.Context, seen Connection, s Settings) (Connection, error) {
	s.Name = ""
	return c.connection(ctx, request{method: http.MethodPut, path: connectionPath(seen.Name), ifMatch: seen.ETag, body: s})
}

func (c *Client) connection(ctx context.Context, r request) (Connection, error) {
	var found Connection
	header, err := c.call(ctx, r, &found)
	found.ETag = header.Get("ETag")
	return found, err
}

// Disconnect removes the version that the caller has seen.
func (c *Client) Disconnect(ctx context.Context, seen Connection) (Removal, error) {
	var gone Removal
	_, err := c.call(ctx, request{method: http.MethodDelete, path: connectionPath(seen.Name), ifMatch: seen.ETag}, &gone)
	return gone, err
}

// TestConnection tests the sign-in alone.
func (c *Client) TestConnection(ctx context.Context, name string) (Diagnosis, error) {
	return post[Diagnosis](ctx, c, connectionPath(name)+"/test", nil)
}

// ExamineConnection lets the doctor look at everything.
func (c *Client) ExamineConnection(ctx context.Context, name string) (Diagnosis, error) {
	return post[Diagnosis](ctx, c, connectionPath(name)+"/doctor", nil)
}

func connectionPath(name string) string { return "/connections/" + url.PathEscape(name) }

// post does a request and gives its answer.
func post[T any](ctx context.Context, c *Client, path string, body any) (answer T, err error) {
	_, err = c.call(ctx, request{method: http.MethodPost, path: path, body: body}, &answer)
	return answer, err
}

// get reads an answer.
func get[T any](ctx context.Context, c *Client, path string, query url.Values) (answer T, err error) {
	err = c.Get(ctx, path, query, &answer)
	return answer, err
}
