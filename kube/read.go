package kube

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/internal/bound"
)

// Bounds of a connection and of what an API server may answer.
const (
	dialTimeout  = 10 * time.Second
	readTimeout  = 2 * time.Minute // one page
	pageLimit    = 500             // objects
	maxPageBytes = 256 << 20
	maxPages     = 2000 // of one list: a million objects
	maxRestarts  = 3    // of a list whose continue token expired
)

// Read reads the objects of one cluster: a kubeconfig for its address, a token
// for where the kubeconfig holds none. See [Reader.Read].
func Read(ctx context.Context, cluster azward.ResourceID, kubeconfig []byte, token func(context.Context) (string, error), readAt time.Time, b *estate.Builder) error {
	config, err := ParseConfig(kubeconfig)
	if err != nil {
		return err
	}
	reader := Reader{Config: config, Token: token, Cluster: cluster, ReadAt: readAt}
	return reader.Read(ctx, b)
}

// Reader reads one cluster.
type Reader struct {
	Config *Config
	// Token gives a bearer token when the kubeconfig has none.
	Token func(context.Context) (string, error)
	// Cluster is the ARM ID under which the objects are filed.
	Cluster azward.ResourceID
	// ReadAt is noted as the time of the read.
	ReadAt time.Time
}

// Read lists every kind that azward knows into the builder, each with a
// listing when it was read to its end. What cannot be read is a gap; a server
// that does not answer at all is one gap. Only a cancelled context is an error.
func (r *Reader) Read(ctx context.Context, b *estate.Builder) error {
	client := r.client()
	defer client.CloseIdleConnections()
	for _, kind := range resources {
		pages, err := r.list(ctx, client, kind, b)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			b.AddListing(estate.Listing{Scope: r.Cluster, Type: kind.listed(), Status: estate.ListingComplete, Pages: pages, ReadAt: r.ReadAt})
			continue
		}
		gap, whole := r.gap(kind, err)
		b.AddGap(gap)
		if whole {
			return nil
		}
	}
	return nil
}

func (r *Reader) client() *http.Client {
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: r.Config.Authorities, ServerName: r.Config.ServerName}
	if r.Config.Certificate != nil {
		config.Certificates = []tls.Certificate{*r.Config.Certificate}
	}
	return &http.Client{
		Timeout: readTimeout,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, TLSHandshakeTimeout: dialTimeout,
			DialContext: (&net.Dialer{Timeout: dialTimeout}).DialContext, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// statusError is an answer that is not the list asked for.
type statusError struct {
	code    int
	message string
}

func (e *statusError) Error() string {
	return fmt.Sprintf("the API server answered %d: %s", e.code, e.message)
}

var errExpired = errors.New("the continue token expired")

// list reads all pages of one kind. Objects of a list that breaks off stay:
// what was seen is there, and without a listing nothing follows from absence.
func (r *Reader) list(ctx context.Context, client *http.Client, kind resource, b *estate.Builder) (pages int, err error) {
	for range maxRestarts {
		next := ""
		for pages = 1; pages <= maxPages; pages++ {
			if next, err = r.page(ctx, client, kind, next, b); err != nil {
				break
			}
			if next == "" {
				return pages, nil
			}
		}
		if err == nil {
			return pages, fmt.Errorf("it has more than %d pages", maxPages)
		}
		var status *statusError
		switch {
		case errors.Is(err, errExpired):
			continue
		case errors.As(err, &status) && status.code == http.StatusNotFound && kind.custom:
			return 1, nil // the server does not have this kind, so there are none
		}
		return pages, err
	}
	return pages, err
}

func (r *Reader) page(ctx context.Context, client *http.Client, kind resource, from string, b *estate.Builder) (next string, err error) {
	query := url.Values{"limit": {strconv.Itoa(pageLimit)}}
	if from != "" {
		query.Set("continue", from)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.Config.Server+kind.path()+"?"+query.Encode(), nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Accept", "application/json")
	token := r.Config.Token
	if token == "" && r.Config.Certificate == nil && r.Token != nil {
		if token, err = r.Token(ctx); err != nil {
			return "", err
		}
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body := bound.Reader(response.Body, maxPageBytes, "a page of "+kind.plural)
	if response.StatusCode != http.StatusOK {
		var status struct{ Message string }
		_ = json.NewDecoder(body).Decode(&status)
		if response.StatusCode == http.StatusGone {
			return "", errExpired
		}
		return "", &statusError{response.StatusCode, firstLine(status.Message)}
	}
	return r.decode(json.NewDecoder(body), kind, b)
}

// decode walks a list document and files its items one by one.
func (r *Reader) decode(d *json.Decoder, kind resource, b *estate.Builder) (next string, err error) {
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return "", notAList(err)
	}
	listed := false
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return "", notAList(err)
		}
		switch key {
		case "metadata":
			var meta struct {
				Continue string `json:"continue"`
			}
			if err := d.Decode(&meta); err != nil {
				return "", notAList(err)
			}
			next = meta.Continue
		case "items":
			listed = true
			if err := r.items(d, kind, b); err != nil {
				return "", err
			}
		default:
			var skipped json.RawMessage
			if err := d.Decode(&skipped); err != nil {
				return "", notAList(err)
			}
		}
	}
	if _, err := d.Token(); err != nil || !listed {
		return "", notAList(err)
	}
	return next, nil
}

func (r *Reader) items(d *json.Decoder, kind resource, b *estate.Builder) error {
	t, err := d.Token()
	if err != nil {
		return notAList(err)
	}
	if t == nil {
		return nil // an empty list of some servers
	}
	if t != json.Delim('[') {
		return notAList(nil)
	}
	for d.More() {
		var item map[string]json.RawMessage
		if err := d.Decode(&item); err != nil {
			return notAList(err)
		}
		// Items of a list leave out what the list says once.
		setMissing(item, "apiVersion", kind.apiVersion())
		setMissing(item, "kind", kind.kind)
		raw, err := json.Marshal(item)
		if err != nil {
			return notAList(err)
		}
		if err := b.AddKubernetes(r.Cluster, raw, estate.Provenance{Source: azward.SourceKubernetes, ReadAt: r.ReadAt}); err != nil {
			b.AddGap(azward.Gap{Scope: r.Cluster, Kind: azward.GapUnparsed, Reads: kind.listed(), Error: firstLine(err.Error())})
		}
	}
	if _, err := d.Token(); err != nil {
		return notAList(err)
	}
	return nil
}

func (r resource) apiVersion() string {
	if r.group == "" {
		return r.version
	}
	return r.group + "/" + r.version
}

func setMissing(item map[string]json.RawMessage, key, value string) {
	if raw, ok := item[key]; !ok || string(raw) == `""` {
		item[key] = azward.JSONValue(value)
	}
}

func notAList(err error) error {
	if err != nil && errors.Is(err, bound.ErrTooLarge) {
		return err
	}
	return &statusError{http.StatusOK, "the answer is not a list of objects"}
}

// gap says what could not be read and what would supply it; whole is true when
// nothing else of the cluster can be read either.
func (r *Reader) gap(kind resource, err error) (gap azward.Gap, whole bool) {
	gap = azward.Gap{Scope: r.Cluster, Reads: kind.listed(), Kind: azward.GapFailed, Error: firstLine(err.Error()), Needs: "list " + kind.listed()}
	var status *statusError
	var own *azward.Error
	switch {
	case errors.As(err, &own):
		gap.Reads, gap.Kind, gap.Error, gap.Remedy = estate.AllTypes, azward.GapDenied, own.Cause, own.Remedy
		return gap, true
	case !errors.As(err, &status):
		gap.Reads, gap.Kind = estate.AllTypes, azward.GapUnreachable
		gap.Needs = "a network path to the API server"
		gap.Error = "the API server does not answer: " + cause(err)
		gap.Remedy = "run azward where the API server can be reached (a private cluster: inside its network; authorised ranges: from one of them)"
		return gap, true
	case status.code == http.StatusUnauthorized:
		gap.Reads, gap.Kind = estate.AllTypes, azward.GapDenied
		gap.Needs = "a sign-in that the cluster accepts"
		gap.Remedy = "let the cluster use Entra for authentication, or grant azward's principal Azure Kubernetes Service RBAC Reader"
		return gap, true
	case status.code == http.StatusForbidden:
		gap.Kind = azward.GapDenied
		gap.Remedy = "az role assignment create --role \"Azure Kubernetes Service RBAC Reader\" --assignee PRINCIPAL --scope " + string(r.Cluster)
	case status.code == http.StatusTooManyRequests:
		gap.Kind = azward.GapThrottled
	case status.code == http.StatusOK:
		gap.Kind = azward.GapUnparsed
	}
	return gap, false
}

// cause is the innermost reason, without URLs and addresses' ports.
func cause(err error) string {
	var dns *net.DNSError
	var verification *tls.CertificateVerificationError
	switch {
	case errors.As(err, &dns):
		return "its name " + dns.Name + " does not resolve"
	case errors.As(err, &verification):
		return "its certificate is not the one that the kubeconfig names"
	}
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
		err = next
	}
	return firstLine(err.Error())
}
