package kube

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
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
	maxTries     = 3    // of a request that the server was too busy for, or whose answer broke off

	maxStatusBytes = 64 << 10 // of an error document
	retryDelay     = 200 * time.Millisecond
	maxRetryAfter  = 10 * time.Second
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
	c := call{Reader: r, client: client, b: b}
	served, err := c.groups(ctx)
	if err != nil && ctx.Err() == nil {
		if gap, whole := r.gap(resource{plural: estate.AllTypes}, err); whole {
			b.AddGap(gap)
			return nil
		}
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			b.AddGap(azward.Gap{
				Scope: r.Cluster, Kind: azward.GapUnparsed, Reads: estate.AllTypes, Needs: "an API server at the kubeconfig's address",
				Error:  "what answers there is not an API server (" + firstLine(syntax.Error()) + ")",
				Remedy: "check whether a proxy answers in its place (HTTPS_PROXY, NO_PROXY)",
			})
			return nil
		}
	}
	for _, kind := range resources {
		pages, err := c.kind(ctx, kind, served)
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

// call is one reading of a cluster.
type call struct {
	*Reader
	client *http.Client
	b      *estate.Builder
}

// groups asks which API groups the server has, and in which versions. Nil is
// unknown: it may be hidden from the user.
//
// Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api
func (c *call) groups(ctx context.Context) (map[string][]string, error) {
	var list struct {
		Groups []struct {
			Name     string `json:"name"`
			Versions []struct {
				Version string `json:"version"`
			} `json:"versions"`
		} `json:"groups"`
	}
	err := c.get(ctx, "/apis", "the API groups", func(d *json.Decoder) error { return d.Decode(&list) })
	if err != nil {
		return nil, err
	}
	if len(list.Groups) == 0 {
		return nil, nil // every server has some: this is something else
	}
	served := map[string][]string{}
	for _, g := range list.Groups {
		for _, v := range g.Versions {
			if pathSafe.MatchString(v.Version) {
				served[g.Name] = append(served[g.Name], v.Version)
			}
		}
	}
	return served, nil
}

var pathSafe = regexp.MustCompile(`^[a-z0-9.-]{1,63}$`)

// kind lists one kind in the version that azward knows, or else in one that
// the server has. A custom kind that the server has in none does not exist.
func (c *call) kind(ctx context.Context, kind resource, served map[string][]string) (pages int, err error) {
	versions := []string{kind.version}
	if served != nil && kind.group != "" {
		if !slices.Contains(served[kind.group], kind.version) {
			versions = nil
		}
		for _, v := range served[kind.group] {
			if v != kind.version {
				versions = append(versions, v)
			}
		}
		if len(versions) == 0 && !kind.custom {
			return 0, fmt.Errorf("the API server does not serve %s", kind.group)
		}
	}
	for _, version := range versions {
		kind.version = version
		pages, err = c.list(ctx, kind)
		var status *statusError
		if !errors.As(err, &status) || status.code != http.StatusNotFound {
			return pages, err
		}
	}
	if kind.custom && served != nil {
		return pages, nil
	}
	return pages, err
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
func (c *call) list(ctx context.Context, kind resource) (pages int, err error) {
	for range maxRestarts {
		next := ""
		for pages = 1; pages <= maxPages; pages++ {
			if next, err = c.page(ctx, kind, next); err != nil {
				break
			}
			if next == "" {
				return pages, nil
			}
		}
		if err == nil {
			return pages, fmt.Errorf("it has more than %d pages", maxPages)
		}
		if !errors.Is(err, errExpired) {
			return pages, err
		}
	}
	return pages, err
}

func (c *call) page(ctx context.Context, kind resource, from string) (next string, err error) {
	query := url.Values{"limit": {strconv.Itoa(pageLimit)}}
	if from != "" {
		query.Set("continue", from)
	}
	err = c.get(ctx, kind.path()+"?"+query.Encode(), "a page of "+kind.plural, func(d *json.Decoder) error {
		next, err = c.decode(d, kind, c.b)
		return err
	})
	return next, err
}

// get sends a request, again when the server is busy or the answer broke off,
// and hands the answer over.
func (c *call) get(ctx context.Context, path, what string, read func(*json.Decoder) error) error {
	for try := 1; ; try++ {
		wait, err := c.try(ctx, path, what, read)
		var status *statusError
		busy := errors.As(err, &status) && (status.code == http.StatusTooManyRequests || status.code == http.StatusServiceUnavailable)
		if err == nil || try == maxTries || !busy && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		timer := time.NewTimer(min(max(wait, time.Duration(try)*retryDelay), maxRetryAfter))
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

func (c *call) try(ctx context.Context, path, what string, read func(*json.Decoder) error) (retryAfter time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Config.Server+path, nil)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Accept", "application/json")
	token := c.Config.Token
	if token == "" && c.Config.Certificate == nil && c.Token != nil {
		if token, err = c.Token(ctx); err != nil {
			return 0, err
		}
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := c.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	body := bound.Reader(response.Body, maxPageBytes, what)
	switch response.StatusCode {
	case http.StatusOK:
		return 0, read(json.NewDecoder(body))
	case http.StatusGone:
		return 0, errExpired
	}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		retryAfter = time.Duration(min(seconds, int(maxRetryAfter.Seconds()))) * time.Second
	}
	var status struct{ Message string }
	_ = json.NewDecoder(io.LimitReader(body, maxStatusBytes)).Decode(&status) // the code alone says enough
	return retryAfter, &statusError{response.StatusCode, firstLine(status.Message)}
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
	if errors.Is(err, bound.ErrTooLarge) || errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	var network net.Error
	if errors.As(err, &network) {
		return fmt.Errorf("the answer broke off: %w", io.ErrUnexpectedEOF)
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
	case errors.Is(err, bound.ErrTooLarge):
		gap.Kind = azward.GapUnparsed
	case errors.Is(err, io.ErrUnexpectedEOF):
		gap.Error, gap.Kind = "the answer broke off", azward.GapUnreachable
	case !errors.As(err, &status) && !dialed(err):
		// Something about this kind alone; its text says what.
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
		gap.Kind, gap.Needs = azward.GapDenied, kind.dataAction()
		gap.Remedy = "az role assignment create --role \"Azure Kubernetes Service RBAC Reader\" --assignee PRINCIPAL --scope " + string(r.Cluster)
		if kind.custom || beyondReader[kind.listed()] {
			gap.Remedy = "assign a custom role with the data action " + gap.Needs
		}
		gap.Remedy += "; in a cluster without Azure RBAC: kubectl create clusterrole azward-" + kind.plural + " --verb=list --resource=" + kind.listed() +
			" && kubectl create clusterrolebinding azward-" + kind.plural + " --clusterrole=azward-" + kind.plural + " --user=OBJECT-ID"
	case status.code == http.StatusTooManyRequests:
		gap.Kind = azward.GapThrottled
	case status.code == http.StatusOK:
		gap.Kind = azward.GapUnparsed
	}
	return gap, false
}

// dialed reports an error of the connection itself.
func dialed(err error) bool {
	var network net.Error
	return errors.As(err, &network)
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
