package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
)

// Bounds of a download.
const (
	// maxTries without a byte more; a download that goes on may be interrupted
	// as often as maxCuts.
	maxTries = 5
	maxCuts  = 100
	// maxWait is the longest that a server may ask to wait.
	maxWait   = 5 * time.Minute
	firstWait = 500 * time.Millisecond
	// idleLimit ends a transfer that stands still.
	idleLimit = time.Minute
)

// client downloads files, each whole or not at all.
type client struct {
	http  *http.Client
	wait  func(context.Context, time.Duration) error
	meter *meter
}

// validators tell one version of a file from another.
type validators struct {
	URL          string `json:"url"`
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"lastModified,omitempty"`
}

// strong gives what If-Range may carry; "" when there is nothing that promises
// the same bytes.
//
// Source: https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5
func (v validators) strong() string {
	if v.ETag != "" && !strings.HasPrefix(v.ETag, "W/") {
		return v.ETag
	}
	return ""
}

// ask makes a request conditional on another version being there.
func (v validators) ask(h http.Header) {
	if v.ETag != "" {
		h.Set("If-None-Match", v.ETag)
	} else if v.LastModified != "" {
		h.Set("If-Modified-Since", v.LastModified)
	}
}

func (v validators) any() bool { return v.ETag != "" || v.LastModified != "" }

// partial is a download that has begun. It lies beside its bytes, so that
// another process can go on.
type partial struct {
	validators
	Total    int64    `json:"total"`              // -1 when the server does not say
	Checksum []string `json:"checksum,omitempty"` // as the server gives them
	have     int64
}

func (p partial) whole() bool { return p.Total > 0 && p.have == p.Total }

// fetched is what came of a request.
type fetched struct {
	validators
	changed bool // false: held is what the publisher has
	bytes   int64
}

// fetch brings a file to the path part, unless held is what the server has.
// Bytes that are there from a try before, also of another process, are not
// asked for again.
func (c client) fetch(ctx context.Context, r remote, held validators, part string) (fetched, error) {
	wait, cuts := firstWait, 0
	for tries := 1; ; {
		before := sizeOf(part)
		got, err := c.try(ctx, r, held, part)
		if err == nil {
			return got, nil
		}
		var again *retryError
		if ctx.Err() != nil || !errors.As(err, &again) {
			return got, c.explain(ctx, r, err)
		}
		if cuts++; sizeOf(part) > before {
			tries, wait = 0, firstWait
		}
		if tries++; tries > maxTries || cuts > maxCuts || again.after > maxWait {
			return got, c.explain(ctx, r, err)
		}
		pause := max(wait, again.after)
		wait = min(wait*2, maxWait/10)
		if err := c.wait(ctx, pause); err != nil {
			return got, c.explain(ctx, r, err)
		}
	}
}

// retryError marks a failure that may pass.
type retryError struct {
	after time.Duration // as the server asks
	err   error
}

func (e *retryError) Error() string { return e.err.Error() }
func (e *retryError) Unwrap() error { return e.err }

func (c client) try(ctx context.Context, r remote, held validators, part string) (fetched, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return fetched{}, err
	}
	req.Header.Set("User-Agent", "azward")
	req.Header.Set("Accept-Encoding", "identity") // ranges count the file's own bytes
	begun := loadPartial(part, r.url)
	held.ask(req.Header)
	switch {
	case begun.whole() && begun.any():
		begun.ask(req.Header) // not modified then means that it can be used
	case begun.have > 0 && begun.strong() != "":
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", begun.have))
		req.Header.Set("If-Range", begun.strong())
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fetched{}, &retryError{err: wire(err)}
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		begun, err = restart(part, r, resp)
	case http.StatusPartialContent:
		err = resumes(resp, &begun)
	case http.StatusNotModified:
		if begun.whole() && begun.any() {
			return c.finish(part, begun)
		}
		if !held.any() {
			return fetched{}, &retryError{err: errors.New("the server says that the file has not changed, and was not asked")}
		}
		return fetched{validators: held}, dropPartial(part)
	case http.StatusRequestedRangeNotSatisfiable:
		err = &retryError{err: errors.New("the server has fewer bytes than it had")}
	default:
		return fetched{}, refused(resp)
	}
	if err != nil {
		return fetched{}, errors.Join(err, dropPartial(part))
	}
	if max(begun.Total, resp.ContentLength) > r.max {
		return fetched{}, &bound.SizeError{What: r.name, Limit: r.max}
	}
	if err := c.receive(resp.Body, r, part, &begun, cancel); err != nil {
		return fetched{}, err
	}
	return c.finish(part, begun)
}

// resumes checks that what the server sends goes on where we are.
func resumes(resp *http.Response, begun *partial) error {
	from, total, ok := contentRange(resp.Header.Get("Content-Range"))
	if !ok || from != begun.have || begun.Total >= 0 && total != begun.Total || resp.Header.Get("ETag") != begun.ETag {
		return &retryError{err: errors.New("the server goes on with another file")}
	}
	begun.Total = total
	return nil
}

// contentRange reads "bytes 100-199/200".
func contentRange(text string) (from, total int64, ok bool) {
	text, unit := strings.CutPrefix(text, "bytes ")
	span, all, found := strings.Cut(text, "/")
	first, _, dash := strings.Cut(span, "-")
	from, err := strconv.ParseInt(first, 10, 64)
	total, err2 := strconv.ParseInt(all, 10, 64)
	return from, total, unit && found && dash && err == nil && err2 == nil
}

// wire gives the cause alone of an error that quotes an address: a redirect's
// may be signed.
func wire(err error) error {
	var quoting *url.Error
	if errors.As(err, &quoting) {
		return quoting.Err
	}
	return err
}

// restart begins a file anew.
func restart(part string, r remote, resp *http.Response) (partial, error) {
	p := partial{
		validators: validators{URL: r.url, ETag: resp.Header.Get("ETag"), LastModified: resp.Header.Get("Last-Modified")},
		Total:      resp.ContentLength, Checksum: resp.Header.Values("X-Goog-Hash"),
	}
	err := dropPartial(part)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(part), 0o700)
	}
	if err == nil {
		err = writeJSON(part+notesSuffix, p)
	}
	return p, err
}

// receive appends what comes.
func (c client) receive(body io.Reader, r remote, part string, p *partial, stop context.CancelFunc) (err error) {
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	c.meter.start(r.name, p.have, p.Total)
	idle := time.AfterFunc(idleLimit, stop)
	to := &writes{f: f, told: func(n int) {
		idle.Reset(idleLimit)
		p.have += int64(n)
		c.meter.add(r.name, int64(n))
	}}
	_, err = io.Copy(to, bound.Reader(body, r.max-p.have, r.name))
	still := !idle.Stop()
	switch {
	case still && err != nil:
		return &retryError{err: fmt.Errorf("nothing came for %s", idleLimit)}
	case to.err != nil:
		return to.err // the disk's
	case errors.Is(err, bound.ErrTooLarge):
		return err
	case err != nil:
		return &retryError{err: err}
	case p.Total >= 0 && p.have != p.Total:
		return &retryError{err: fmt.Errorf("%d of %d bytes came", p.have, p.Total)}
	}
	return f.Sync()
}

// writes keeps an error of the disk apart from one of the wire.
type writes struct {
	f    *os.File
	told func(int)
	err  error
}

func (w *writes) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	w.told(n)
	w.err = err
	return n, err
}

// finish checks a file that is whole. One with another checksum is thrown away.
func (c client) finish(part string, p partial) (fetched, error) {
	if err := checkSums(part, p.Checksum); err != nil {
		return fetched{}, &retryError{err: errors.Join(err, dropPartial(part))}
	}
	return fetched{validators: p.validators, changed: true, bytes: p.have}, nil
}

// refused is the error of a status.
func refused(resp *http.Response) error {
	err := &statusError{resp.StatusCode}
	switch code := resp.StatusCode; {
	case code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code >= http.StatusInternalServerError:
		return &retryError{after: retryAfter(resp), err: err}
	}
	return err
}

type statusError struct{ code int }

func (e *statusError) Error() string {
	return fmt.Sprintf("the server answers %d %s", e.code, http.StatusText(e.code))
}

// retryAfter reads seconds or a date; the server's own clock counts.
//
// Source: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
func retryAfter(resp *http.Response) time.Duration {
	text := resp.Header.Get("Retry-After")
	if seconds, err := strconv.ParseInt(text, 10, 32); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(text)
	now, err2 := http.ParseTime(resp.Header.Get("Date"))
	if err != nil || err2 != nil {
		return 0
	}
	return max(0, at.Sub(now))
}

// explain makes an error that says what to do of why a file did not come.
func (c client) explain(ctx context.Context, r remote, err error) error {
	e := &azward.Error{
		Kind: azward.KindUnavailable, Op: "download", Subject: r.url, Cause: err.Error(), Err: err,
		Remedy: "run azward advisory update again, it goes on where it stopped; a proxy is named by HTTPS_PROXY; without a network take a bundle (azward advisory bundle)",
	}
	var status *statusError
	var disk *os.PathError
	var again *retryError
	switch {
	case ctx.Err() != nil:
		e.Kind, e.Cause, e.Err = azward.KindInterrupted, "it was interrupted; what came is kept", context.Cause(ctx)
		e.Remedy = "run azward advisory update again, it goes on where it stopped"
	case errors.Is(err, errChecksum):
		e.Kind = azward.KindBadInput
		e.Remedy = "run azward advisory update again; when it stays so, a proxy or the mirror changes the file"
	case errors.Is(err, bound.ErrTooLarge):
		e.Kind, e.Remedy = azward.KindBadInput, "check that the address is the right one"
	case errors.As(err, &disk):
		e.Kind, e.Remedy = azward.KindFailed, "make room, or name another data directory with --data DIR"
	case errors.As(err, &status) && status.code == http.StatusTooManyRequests, errors.As(err, &again) && again.after > maxWait:
		e.Kind, e.Remedy = azward.KindThrottled, "run azward advisory update later, it goes on where it stopped"
	case errors.As(err, &status) && status.code < http.StatusInternalServerError:
		e.Kind, e.Remedy = azward.KindNotFound, "check the ecosystem's name, or what the mirror holds"
	}
	return e
}
