package azure

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
)

// Client reads one cloud as one principal. It is safe for concurrent use.
type Client struct {
	Cloud      Cloud
	credential azcore.TokenCredential
	arm        runtime.Pipeline
	graph      runtime.Pipeline // Microsoft Graph
	http       *http.Client
	underWay   chan struct{}
	requests   atomic.Int64
	waited     atomic.Int64

	registries refreshTokens
}

// Options of a client.
type Options struct {
	// Mode is what the client may send; "" is ModeRead.
	Mode Mode
	// MaxRetries of a request that was throttled or failed for a moment; 0
	// means 4, and -1 none.
	MaxRetries int
	// MaxWait bounds one wait for Azure's quota, or one that Retry-After asks
	// for; beyond it the request is given up as throttled. 0 means a minute.
	MaxWait time.Duration
	// MaxConcurrent requests under way; 0 means 24.
	MaxConcurrent int
}

// Bounds of what Azure may answer.
const (
	maxBodyBytes = 64 << 20 // one page or object
	maxPages     = 10_000   // of one list
	maxRereads   = 2        // of an answer that broke off
)

// NewClient makes a client for the cloud.
func NewClient(c Cloud, credential azcore.TokenCredential, o Options) (*Client, error) {
	transport, err := c.Transport()
	if err != nil {
		return nil, err
	}
	if o.Mode == "" {
		o.Mode = ModeRead
	}
	if o.MaxRetries == 0 {
		o.MaxRetries = 4
	}
	if o.MaxWait == 0 {
		o.MaxWait = time.Minute
	}
	if o.MaxConcurrent <= 0 {
		o.MaxConcurrent = 24
	}
	client := &Client{Cloud: c, credential: credential, underWay: make(chan struct{}, o.MaxConcurrent), http: &http.Client{
		Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // Resource Manager does not redirect; a token must not follow one
		},
	}}
	if client.arm, err = client.pipeline(c.ARMEndpoint, c.ARMScope(), o); err != nil {
		return nil, err
	}
	if c.GraphEndpoint != "" {
		if client.graph, err = client.pipeline(c.GraphEndpoint, c.GraphEndpoint+"/.default", o); err != nil {
			return nil, err
		}
	}
	return client, nil
}

func (c *Client) pipeline(endpoint, scope string, o Options) (runtime.Pipeline, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return runtime.Pipeline{}, fmt.Errorf("read endpoint: %w", err)
	}
	return runtime.NewPipeline("azward", "v1", runtime.PipelineOptions{
		PerRetry: []policy.Policy{
			newQuota(o.MaxWait, func(d time.Duration) { c.waited.Add(int64(d)) }),
			runtime.NewBearerTokenPolicy(c.credential, []string{scope}, nil),
			counter{&c.requests},
			gate{o.Mode, u.Host},
		},
	}, &policy.ClientOptions{
		Cloud: c.Cloud.configuration(), Transport: c.http,
		Retry: policy.RetryOptions{MaxRetries: int32(min(o.MaxRetries, 20)), MaxRetryDelay: o.MaxWait, RetryDelay: 500 * time.Millisecond},
	}), nil
}

// Close gives idle connections back.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Stats is what a client has done so far.
type Stats struct {
	Requests int64         // sent to Resource Manager, Resource Graph and Microsoft Graph, retries included
	Waited   time.Duration // for Azure's quota, summed over requests
}

// Stats counts.
func (c *Client) Stats() Stats {
	return Stats{Requests: c.requests.Load(), Waited: time.Duration(c.waited.Load())}
}

// Token gives an access token for a scope ("…/.default").
func (c *Client) Token(ctx context.Context, scope string) (azcore.AccessToken, error) {
	token, err := c.credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}})
	if err != nil {
		return azcore.AccessToken{}, named(c.credential, explain("sign in", scope, err))
	}
	return token, nil
}

// Get reads one object by its ARM path ("/subscriptions/…").
func (c *Client) Get(ctx context.Context, path, apiVersion string, query ...string) (json.RawMessage, error) {
	u, err := c.url(path, apiVersion, query...)
	if err != nil {
		return nil, err
	}
	return c.do(ctx, http.MethodGet, u, path, nil)
}

// Post calls one of the read actions that Resource Manager has as POST.
func (c *Client) Post(ctx context.Context, path, apiVersion string, body any) (json.RawMessage, error) {
	u, err := c.url(path, apiVersion)
	if err != nil {
		return nil, err
	}
	return c.do(ctx, http.MethodPost, u, path, body)
}

// Pages reads a list page by page, following nextLink on the same host alone.
// An error ends the sequence; the pages before it stand.
func (c *Client) Pages(ctx context.Context, path, apiVersion string, query ...string) iter.Seq2[[]json.RawMessage, error] {
	return func(yield func([]json.RawMessage, error) bool) {
		next, err := c.url(path, apiVersion, query...)
		if err != nil {
			yield(nil, err)
			return
		}
		seen := map[string]bool{}
		for range maxPages {
			seen[next] = true
			raw, err := c.do(ctx, http.MethodGet, next, path, nil)
			if err != nil {
				yield(nil, err)
				return
			}
			var page struct {
				Value    []json.RawMessage `json:"value"`
				NextLink string            `json:"nextLink"`
			}
			if err := json.Unmarshal(raw, &page); err != nil || page.Value == nil {
				yield(nil, unexpected("list", path, "the answer is not a list", err))
				return
			}
			if !yield(page.Value, nil) || page.NextLink == "" {
				return
			}
			if next, err = c.follow(page.NextLink); err != nil || seen[next] {
				yield(nil, unexpected("list", path, "the link to the next page leads elsewhere or in a circle", err))
				return
			}
		}
		yield(nil, unexpected("list", path, fmt.Sprintf("it has more than %d pages", maxPages), nil))
	}
}

// ResourceGraphVersion is the API version of Resource Graph queries.
//
// Source: https://learn.microsoft.com/rest/api/azureresourcegraph/resourcegraph/resources/resources
const ResourceGraphVersion = "2022-10-01"

// Limits of one Resource Graph query.
//
// Source: https://learn.microsoft.com/azure/governance/resource-graph/concepts/work-with-data
const (
	graphRows          = 1000
	graphSubscriptions = 300
)

// Query asks Resource Graph about the subscriptions (their GUIDs) and yields
// the rows page by page. The query must order its rows by a unique column:
// pages of an unordered one may repeat and lose rows.
func (c *Client) Query(ctx context.Context, subscriptions []azward.SubscriptionID, query string) iter.Seq2[[]json.RawMessage, error] {
	return func(yield func([]json.RawMessage, error) bool) {
		for len(subscriptions) > 0 {
			n := min(len(subscriptions), graphSubscriptions)
			for rows, err := range c.queryGroup(ctx, subscriptions[:n], query) {
				if !yield(rows, err) || err != nil {
					return
				}
			}
			subscriptions = subscriptions[n:]
		}
	}
}

func (c *Client) queryGroup(ctx context.Context, subscriptions []azward.SubscriptionID, query string) iter.Seq2[[]json.RawMessage, error] {
	const path = "/providers/Microsoft.ResourceGraph/resources"
	return func(yield func([]json.RawMessage, error) bool) {
		options := map[string]any{"resultFormat": "objectArray", "$top": graphRows}
		for range maxPages {
			raw, err := c.Post(ctx, path, ResourceGraphVersion, map[string]any{"subscriptions": subscriptions, "query": query, "options": options})
			if err != nil {
				yield(nil, err)
				return
			}
			var page struct {
				Data      []json.RawMessage `json:"data"`
				SkipToken string            `json:"$skipToken"`
				Truncated string            `json:"resultTruncated"`
			}
			if err := json.Unmarshal(raw, &page); err != nil || page.Data == nil {
				yield(nil, unexpected("query", "Resource Graph", "the answer is not a table of objects", err))
				return
			}
			if page.SkipToken == "" && page.Truncated == "true" {
				yield(page.Data, unexpected("query", "Resource Graph", "the answer was cut short and names no next page", nil))
				return
			}
			if !yield(page.Data, nil) || page.SkipToken == "" {
				return
			}
			if options["$skipToken"] == page.SkipToken {
				yield(nil, unexpected("query", "Resource Graph", "the next page is the same page", nil))
				return
			}
			options["$skipToken"] = page.SkipToken
		}
		yield(nil, unexpected("query", "Resource Graph", fmt.Sprintf("it has more than %d pages", maxPages), nil))
	}
}

func (c *Client) url(path, apiVersion string, query ...string) (string, error) {
	if !strings.HasPrefix(path, "/") {
		return "", unexpected("read", path, "the path does not start with a slash", nil)
	}
	u, err := url.Parse(c.Cloud.ARMEndpoint)
	if err != nil {
		return "", fmt.Errorf("read endpoint: %w", err)
	}
	u.Path = path
	values := url.Values{"api-version": {apiVersion}}
	for i := 0; i+1 < len(query); i += 2 {
		values.Set(query[i], query[i+1])
	}
	u.RawQuery = values.Encode()
	return u.String(), nil
}

// follow checks that a nextLink stays on the endpoint: it carries our token.
func (c *Client) follow(link string) (string, error) { return within(c.Cloud.ARMEndpoint, link) }

// within is the link when it leads to the endpoint.
func within(endpoint, link string) (string, error) {
	u, err := url.Parse(link)
	if err != nil {
		return "", err
	}
	home, err := url.Parse(endpoint)
	if err != nil {
		return "", err
	}
	if u.Scheme != home.Scheme || !strings.EqualFold(u.Host, home.Host) {
		return "", errors.New("the link leads to another host")
	}
	return u.String(), nil
}

// do sends a request and reads the answer whole. One that breaks off is asked
// for again: the SDK's own retries end when the header is read.
func (c *Client) do(ctx context.Context, method, u, subject string, body any) (json.RawMessage, error) {
	var raw json.RawMessage
	var err error
	for range maxRereads + 1 {
		if raw, err = c.once(ctx, c.arm, method, u, subject, body); !errors.Is(err, errBrokeOff) || ctx.Err() != nil {
			break
		}
	}
	return raw, err
}

var errBrokeOff = errors.New("the answer broke off")

func (c *Client) once(ctx context.Context, pipeline runtime.Pipeline, method, u, subject string, body any) (json.RawMessage, error) {
	const op = "read"
	select {
	case c.underWay <- struct{}{}:
		defer func() { <-c.underWay }()
	case <-ctx.Done():
		return nil, explain(op, subject, ctx.Err())
	}
	request, err := newRequest(ctx, method, u, body)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", subject, err)
	}
	response, err := pipeline.Do(request)
	if err != nil {
		return nil, named(c.credential, explain(op, subject, err))
	}
	raw, err := bound.ReadAll(response.Body, maxBodyBytes, "the answer")
	err = errors.Join(err, response.Body.Close())
	switch {
	case errors.Is(err, bound.ErrTooLarge):
		return nil, unexpected(op, subject, err.Error(), err)
	case err != nil && ctx.Err() != nil:
		return nil, explain(op, subject, ctx.Err())
	case err != nil:
		return nil, unexpected(op, subject, "the answer broke off: "+rootCause(err), errors.Join(errBrokeOff, err))
	}
	if !runtime.HasStatusCode(response, http.StatusOK) {
		response.Body = io.NopCloser(bytes.NewReader(raw))
		return nil, explain(op, subject, runtime.NewResponseError(response))
	}
	if trimmed := bytes.TrimSpace(raw); len(trimmed) == 0 || trimmed[0] != '{' || !json.Valid(trimmed) {
		return nil, unexpected(op, subject, fmt.Sprintf("the answer is no JSON object (%s)", contentType(response)), nil)
	}
	return raw, nil
}

func newRequest(ctx context.Context, method, u string, body any) (*policy.Request, error) {
	request, err := runtime.NewRequest(ctx, method, u)
	if err != nil {
		return nil, err
	}
	request.Raw().Header.Set("Accept", "application/json")
	runtime.SkipBodyDownload(request)
	if method != http.MethodPost {
		return request, nil
	}
	var raw []byte
	if body != nil {
		if raw, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	return request, request.SetBody(nopCloser{bytes.NewReader(raw)}, "application/json")
}

func contentType(r *http.Response) string {
	if t := r.Header.Get("Content-Type"); t != "" {
		return t
	}
	return "no content type"
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }
