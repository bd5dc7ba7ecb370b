package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Bounds on the patience with a registry; the rest is in limits.go.
const (
	connectTimeout = 15 * time.Second
	minProgress    = 64 << 10 // bytes in a stallTimeout: slower than any modem that pulls images
	documentTime   = 5        // a manifest or a page may take so many times stallTimeout in all
	maxResumes     = 5        // of one layer whose connection breaks
	// minSteady is what a layer must bring in each stallTimeout, in bytes, once
	// it has taken documentTime of them: 140 KB/s, a megabit. So a layer of 1 GB
	// takes two and a quarter hours at most, resumed or not.
	minSteady = 8 << 20
)

// wire is what every request to a registry, its token service and its storage
// goes through: the address is judged first, throttled requests are repeated,
// and neither headers nor body may keep us waiting for ever.
type wire struct {
	inner    http.RoundTripper
	host     string // of the registry
	plain    bool
	patience time.Duration
}

// Why a request was not sent, or an answer not awaited.
var (
	errScheme    = errors.New("plain HTTP was not allowed")
	errForbidden = errors.New("no registry is at an address of the machine's own network")
	errSlow      = errors.New("it does not answer in time")
)

// RoundTrip implements [http.RoundTripper].
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := w.judge(req.URL); err != nil {
		return nil, err
	}
	for try := 0; ; try++ {
		res, err := w.once(req)
		if err != nil {
			if try == 0 && broken(req, err) {
				continue
			}
			return nil, err
		}
		wait, again := retryAfter(res, try)
		if !again || req.Body != nil && req.GetBody == nil {
			return res, nil
		}
		if err := hangUp(res); err != nil {
			return nil, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-req.Context().Done():
			timer.Stop()
			return nil, context.Cause(req.Context())
		case <-timer.C:
		}
	}
}

// judge keeps requests to the scheme that was asked for (the registry library
// would try plain HTTP by itself on private addresses), and away from what only
// this machine reaches: a registry must not make us ask the cloud's metadata
// service, wherever it redirects to.
func (w *wire) judge(u *url.URL) error {
	switch {
	case u.Scheme == "http" && (!w.plain || !isLoopback(u.Host)),
		u.Scheme == "https" && w.plain && u.Host == w.host:
		return fmt.Errorf("%s://%s: %w", u.Scheme, u.Host, errScheme)
	case u.Scheme != "http" && u.Scheme != "https", isLoopback(u.Host) && !isLoopback(w.host):
		return fmt.Errorf("%s://%s: %w", u.Scheme, u.Host, errForbidden)
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil && machineOnly(addr) {
		return fmt.Errorf("%s: %w", u.Host, errForbidden)
	}
	return nil
}

// Addresses that serve a virtual machine its own secrets, beside those that
// are link-local: Azure's host, and EC2's metadata over IPv6.
//
// Source: https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
var (
	azureHost   = netip.MustParseAddr("168.63.129.16")
	ec2Metadata = netip.MustParseAddr("fd00:ec2::254")
)

func machineOnly(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	return addr.IsLinkLocalUnicast() || addr.IsUnspecified() || addr.IsMulticast() || addr == azureHost || addr == ec2Metadata
}

// once sends the request. The timer covers the time until the headers; the
// body has its own.
func (w *wire) once(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	timer := time.AfterFunc(w.patience, func() { cancel(errSlow) })
	sent := req.Clone(ctx)
	sent.Header.Set("User-Agent", "azward")
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			cancel(nil)
			return nil, err
		}
		sent.Body = body
	}
	res, err := w.inner.RoundTrip(sent)
	if !timer.Stop() && err == nil {
		err = errors.Join(errSlow, res.Body.Close())
	}
	if err != nil {
		if errors.Is(context.Cause(ctx), errSlow) {
			err = errSlow
		}
		cancel(nil)
		return nil, err
	}
	res.Body = &stalling{ReadCloser: res.Body, ctx: ctx, cancel: cancel, patience: w.patience}
	return res, nil
}

// broken says that a connection ended under a request that may be sent again.
func broken(req *http.Request, err error) bool {
	reading := req.Method == http.MethodGet || req.Method == http.MethodHead
	return reading && req.Context().Err() == nil &&
		(errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF))
}

// hangUp ends an answer that nobody reads; a short one keeps the connection.
func hangUp(res *http.Response) error {
	_, err := io.CopyN(io.Discard, res.Body, maxErrorBody)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, res.Body.Close())
}

// retryAfter says how long to wait before asking again: an earlier request
// counts against the quota too.
func retryAfter(res *http.Response, try int) (time.Duration, bool) {
	if res.StatusCode != http.StatusTooManyRequests && res.StatusCode != http.StatusServiceUnavailable {
		return 0, false
	}
	wait := time.Second << try
	header := res.Header.Get("Retry-After")
	if s, err := strconv.ParseUint(header, 10, 32); err == nil {
		wait = time.Duration(s) * time.Second
	} else if at, err := http.ParseTime(header); err == nil {
		wait = max(0, time.Until(at))
	}
	return wait, try+1 < maxRetries && wait <= maxRetryWait
}

// stalling ends a body that gives less than minProgress bytes in the time that
// we are patient for. Only time spent waiting counts: whoever reads may be slow.
type stalling struct {
	io.ReadCloser
	ctx      context.Context //nolint:containedctx // lives as long as one answer
	cancel   context.CancelCauseFunc
	patience time.Duration
	waited   time.Duration
	got      int
}

// Read implements [io.Reader].
func (s *stalling) Read(p []byte) (int, error) {
	timer := time.AfterFunc(s.patience-s.waited, func() { s.cancel(errSlow) })
	start := time.Now()
	n, err := s.ReadCloser.Read(p)
	timer.Stop()
	s.waited += time.Since(start)
	if s.got += n; s.got >= minProgress {
		s.waited, s.got = 0, 0
	}
	if err != nil && !errors.Is(err, io.EOF) && errors.Is(context.Cause(s.ctx), errSlow) {
		err = errSlow
	}
	return n, err
}

// Close implements [io.Closer].
func (s *stalling) Close() error {
	err := s.ReadCloser.Close()
	s.cancel(nil)
	return err
}

func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: connectTimeout, Control: refuseMachineOnly}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: connectTimeout, ExpectContinueTimeout: time.Second,
		MaxIdleConns: 64, MaxIdleConnsPerHost: 16, IdleConnTimeout: 90 * time.Second,
		MaxResponseHeaderBytes: maxErrorBody,
	}
}

// refuseMachineOnly looks at the address that a name was resolved to.
func refuseMachineOnly(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err == nil && machineOnly(at.Addr()) {
		return fmt.Errorf("%s: %w", address, errForbidden)
	}
	return nil
}

func isLoopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.Unmap().IsLoopback()
}
