package hub

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/azward/azward"
)

func listenAddress(o Options) string {
	if o.Listen == "" {
		return DefaultListen
	}
	return o.Listen
}

// isLoopback is true for addresses that only this machine reaches. A name other
// than localhost may lead anywhere.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// Listen opens the address of the options, with TLS where they name its files.
// An address that others reach without TLS, and without Plain, gives KindUsage;
// one that is taken KindConflict.
func Listen(ctx context.Context, o Options) (net.Listener, error) {
	const op = "listen"
	address := listenAddress(o)
	if (o.TLSCert == "") != (o.TLSKey == "") {
		return nil, &azward.Error{Kind: azward.KindUsage, Op: op, Subject: address, Cause: "TLS needs a certificate and its key", Remedy: "give both --tls-cert and --tls-key"}
	}
	if !isLoopback(address) && o.TLSCert == "" && !o.Plain {
		return nil, &azward.Error{
			Kind: azward.KindUsage, Op: op, Subject: address, Cause: "others could reach it, and read passwords on the way",
			Remedy: "give --tls-cert and --tls-key, or listen on 127.0.0.1; behind a proxy that ends TLS, say so with --insecure-listen",
		}
	}
	var settings *tls.Config
	if o.TLSCert != "" {
		pair := &pair{cert: o.TLSCert, key: o.TLSKey}
		if _, err := pair.get(); err != nil {
			return nil, err
		}
		settings = &tls.Config{
			MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return pair.get() },
		}
	}
	var config net.ListenConfig
	ln, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, &azward.Error{Kind: azward.KindConflict, Op: op, Subject: address, Cause: "the address is taken, or none of this machine's", Remedy: "choose another with --listen", Err: err}
	}
	if settings != nil {
		ln = tls.NewListener(ln, settings)
	}
	return ln, nil
}

// URL is how browsers on this machine reach what listens there, for
// access.Options where nothing else is said: "http://localhost:8484", because
// passkeys need a name. A public address has none to guess; its IP is given.
func URL(at net.Addr, o Options) string {
	scheme := "http"
	if o.TLSCert != "" {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(at.String())
	if err != nil {
		return scheme + "://" + at.String()
	}
	if ip, err := netip.ParseAddr(host); err == nil && (ip.Unmap().IsLoopback() || ip.IsUnspecified()) {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// pair is a certificate that is read anew when its file changes: renewals need
// no restart.
type pair struct {
	cert, key string

	mu      sync.Mutex
	changed time.Time
	size    int64
	loaded  *tls.Certificate
}

func (p *pair) get() (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	info, err := os.Stat(p.cert)
	if err == nil && p.loaded != nil && info.ModTime().Equal(p.changed) && info.Size() == p.size {
		return p.loaded, nil
	}
	var fresh tls.Certificate
	if err == nil {
		fresh, err = tls.LoadX509KeyPair(p.cert, p.key)
	}
	if err != nil {
		if p.loaded != nil { // half a renewal: the next handshake looks again
			return p.loaded, nil
		}
		return nil, &azward.Error{
			Kind: azward.KindUsage, Op: "read certificate", Subject: p.cert, Cause: "it and its key cannot be read, or do not belong together",
			Remedy: "give a PEM chain with --tls-cert and its PEM key with --tls-key", Err: err,
		}
	}
	p.loaded, p.changed, p.size = &fresh, info.ModTime(), info.Size()
	return p.loaded, nil
}

// hosts are the names that requests may come to. On loopback any other name is
// a foreign site that points its own name here (DNS rebinding).
type hosts struct {
	public string // with port where it has one
	any    bool
}

func (h hosts) known(host string) bool {
	if h.any || strings.EqualFold(host, h.public) {
		return true
	}
	name := host
	if only, port, err := net.SplitHostPort(host); err == nil {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return false
		}
		name = only
	}
	name = strings.ToLower(strings.Trim(name, "[]"))
	ip, err := netip.ParseAddr(name)
	return name == "localhost" || err == nil && ip.IsLoopback()
}

func (h hosts) foreign(host string) error {
	return &azward.Error{
		Kind: azward.KindUsage, Op: "answer", Cause: fmt.Sprintf("the hub is not known as %q", host),
		Remedy: "open it as http://" + h.public + ", or name its address with --public-url",
	}
}
