// Package client talks to azward's API from Go. A [Client] with the address of
// a hub and an API token is ready; lists are iterators that fetch their pages
// as they are read, errors are *azward.Error with cause and remedy. What has no
// method of its own is read with [Client.Get].
package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
)

// Client is a hub's API. It is safe for concurrent use.
type Client struct {
	// Base is the hub's address: "https://azward.example.com".
	Base string
	// Token is an API token: "azw_…".
	Token string
	// HTTP does the requests; nil is http.DefaultClient.
	HTTP *http.Client
}

const (
	prefix       = "/api/v1"
	maxAnswer    = 256 << 20 // bytes: a proof of the largest workload
	attempts     = 3         // of a request that did not arrive
	waitBetween  = 200 * time.Millisecond
	problemType  = "application/problem+json"
	maxAnswerErr = 1 << 20 // bytes of a problem
)

// StatusError is the HTTP side of an error: errors.As finds it below the
// *azward.Error that every method returns.
type StatusError struct {
	Status int
	// Mistakes of the request, "body.name: expected …".
	Mistakes []string
}

// Error implements error.
func (e *StatusError) Error() string {
	return strings.Join(append([]string{fmt.Sprintf("HTTP status %d", e.Status)}, e.Mistakes...), "; ")
}

// request is one call.
type request struct {
	method, path string
	query        url.Values
	ifMatch      string
	body         any
}

// Get reads what path (below /api/v1, "/coverage") answers into out.
func (c *Client) Get(ctx context.Context, path string, query url.Values, out any) error {
	_, err := c.call(ctx, request{method: http.MethodGet, path: path, query: query}, out)
	return err
}

// call does a request and reads its answer into out, nil for none.
func (c *Client) call(ctx context.Context, r request, out any) (http.Header, error) {
	response, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	raw, err := bound.ReadAll(response.Body, maxAnswer, "the answer")
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return nil, c.unreachable(r, err)
	}
	switch to := out.(type) {
	case nil:
		return response.Header, nil
	case *[]byte:
		*to = raw
		return response.Header, nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return nil, &azward.Error{Kind: azward.KindBadInput, Op: r.method + " " + r.path, Subject: c.Base, Cause: "the answer is not what the API documents", Remedy: "compare the versions of hub and client", Err: err}
	}
	return response.Header, nil
}

// send does a request. One that changes something carries an idempotency key,
// so that it can be sent again when nothing came back.
func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	var body []byte
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return nil, fmt.Errorf("write request: %w", err)
		}
	}
	key := rand.Text()
	for attempt := 1; ; attempt++ {
		response, err := c.try(ctx, r, body, key)
		if err == nil {
			return response, failed(r, response)
		}
		if attempt == attempts || ctx.Err() != nil || r.method != http.MethodGet && r.method != http.MethodPost {
			return nil, c.unreachable(r, err)
		}
		select {
		case <-time.After(time.Duration(attempt) * waitBetween):
		case <-ctx.Done():
			return nil, c.unreachable(r, ctx.Err())
		}
	}
}

func (c *Client) try(ctx context.Context, r request, body []byte, key string) (*http.Response, error) {
	to := strings.TrimSuffix(c.Base, "/") + prefix + r.path
	if len(r.query) > 0 {
		to += "?" + r.query.Encode()
	}
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	asked, err := http.NewRequestWithContext(ctx, r.method, to, reader)
	if err != nil {
		return nil, err
	}
	if c.Token != "" {
		asked.Header.Set("Authorization", "Bearer "+c.Token)
	}
	if body != nil {
		asked.Header.Set("Content-Type", "application/json")
	}
	if r.method == http.MethodPost {
		asked.Header.Set("Idempotency-Key", key)
	}
	if r.ifMatch != "" {
		asked.Header.Set("If-Match", r.ifMatch)
	}
	with := c.HTTP
	if with == nil {
		with = http.DefaultClient
	}
	return with.Do(asked)
}

func (c *Client) unreachable(r request, err error) error {
	kind := azward.KindUnavailable
	if errors.Is(err, context.Canceled) {
		kind = azward.KindInterrupted
	}
	return &azward.Error{Kind: kind, Op: r.method + " " + r.path, Subject: c.Base, Cause: "the hub does not answer", Remedy: "check its address, and that azward serve runs there", Err: err}
}

// failed turns an answer that is no success into an error, and closes it.
func failed(r request, response *http.Response) error {
	if response.StatusCode < http.StatusBadRequest {
		return nil
	}
	raw, err := bound.ReadAll(response.Body, maxAnswerErr, "the answer")
	err = errors.Join(err, response.Body.Close())
	var problem struct {
		Kind, Op, Subject, Cause, Remedy string
		Errors                           []struct{ Location, Message string }
	}
	status := &StatusError{Status: response.StatusCode}
	if response.Header.Get("Content-Type") != problemType || err != nil || json.Unmarshal(raw, &problem) != nil {
		return &azward.Error{Kind: azward.KindFailed, Op: r.method + " " + r.path, Cause: "the answer is none of azward's: " + response.Status, Remedy: "check the address; a proxy may answer instead of the hub", Err: status}
	}
	for _, m := range problem.Errors {
		status.Mistakes = append(status.Mistakes, m.Location+": "+m.Message)
	}
	return &azward.Error{Kind: kindNamed(problem.Kind), Op: problem.Op, Subject: problem.Subject, Cause: problem.Cause, Remedy: problem.Remedy, Err: status}
}

// kindNamed is the kind of a name in the error catalogue; KindFailed for one
// that this version does not know.
func kindNamed(name string) azward.Kind {
	for k := azward.KindFailed; k.String() != ""; k++ {
		if k.String() == name {
			return k
		}
	}
	return azward.KindFailed
}

// list yields what the pages of a list hold. An error is yielded last.
func list[T any](ctx context.Context, c *Client, path string, query url.Values) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		query := clone(query)
		for {
			var page struct {
				Items []T
				Next  string
			}
			if err := c.Get(ctx, path, query, &page); err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			query.Set("cursor", page.Next)
		}
	}
}

func clone(query url.Values) url.Values {
	copied := url.Values{}
	for name, values := range query {
		copied[name] = append([]string{}, values...)
	}
	return copied
}

// set adds what is not "".
func set(query url.Values, name, value string) {
	if value != "" {
		query.Set(name, value)
	}
}
