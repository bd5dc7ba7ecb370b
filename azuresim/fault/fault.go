// Package fault spoils answers the way a scenario says: another status or
// body, a delay, an answer cut short, a reset connection. [New] takes the
// scenario's faults and [Injector.Wrap] puts them in front of a handler.
package fault

import (
	"bytes"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/azward/azward/azuresim/scenario"
)

// Injector counts matching calls; it is safe for concurrent use.
type Injector struct {
	mu     sync.Mutex
	faults []counted
}

type counted struct {
	scenario.Fault
	calls int
}

// New makes an injector.
func New(faults []scenario.Fault) *Injector {
	i := &Injector{}
	for _, f := range faults {
		i.faults = append(i.faults, counted{Fault: f})
	}
	return i
}

// Wrap puts the faults of one service in front of next.
func (i *Injector) Wrap(service string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := i.pick(service, r)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		apply(f, w, r, next)
	})
}

// pick finds the first fault that this call hits; every fault it matches
// counts the call.
func (i *Injector) pick(service string, r *http.Request) (scenario.Fault, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	var hit *scenario.Fault
	for n := range i.faults {
		f := &i.faults[n]
		if !matches(f.Fault, service, r) {
			continue
		}
		f.calls++
		if hit == nil && (len(f.Calls) == 0 || slices.Contains(f.Calls, f.calls)) {
			hit = &f.Fault
		}
	}
	if hit == nil {
		return scenario.Fault{}, false
	}
	return *hit, true
}

func matches(f scenario.Fault, service string, r *http.Request) bool {
	return (f.Service == "" || f.Service == service) &&
		(f.Method == "" || strings.EqualFold(f.Method, r.Method)) &&
		(f.Path == "" || Glob(strings.ToLower(f.Path), strings.ToLower(r.URL.Path)))
}

func apply(f scenario.Fault, w http.ResponseWriter, r *http.Request, next http.Handler) {
	if f.Delay > 0 {
		timer := time.NewTimer(time.Duration(f.Delay))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return
		}
	}
	switch {
	case f.Reset:
		reset(w)
	case f.HTML:
		writeHTML(f, w)
	case f.Cut > 0:
		cut(f, w, r, next)
	case f.Status != 0 || f.Body != "":
		replace(f, w)
	default:
		next.ServeHTTP(w, r)
	}
}

func setHeaders(f scenario.Fault, w http.ResponseWriter) {
	for name, value := range f.Header {
		w.Header().Set(name, value)
	}
}

func replace(f scenario.Fault, w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	setHeaders(f, w)
	status := f.Status
	if status == 0 {
		status = http.StatusOK
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(f.Body)) // the client is gone if this fails
}

const proxyPage = `<!DOCTYPE html>
<html><head><title>Network access</title></head>
<body><h1>Sign in to the network</h1><p>Your connection passes a proxy.</p></body></html>
`

func writeHTML(f scenario.Fault, w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	setHeaders(f, w)
	status := f.Status
	if status == 0 {
		status = http.StatusOK
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(proxyPage)) // the client is gone if this fails
}

// cut promises the whole answer's length and sends its beginning; the server
// then closes the connection, since the promise was not kept.
func cut(f scenario.Fault, w http.ResponseWriter, r *http.Request, next http.Handler) {
	whole := &buffered{header: http.Header{}, status: http.StatusOK}
	next.ServeHTTP(whole, r)
	for name, values := range whole.header {
		w.Header()[name] = values
	}
	setHeaders(f, w)
	sent := whole.body.Bytes()
	w.Header().Set("Content-Length", strconv.Itoa(max(len(sent), f.Cut+1)))
	w.WriteHeader(whole.status)
	_, _ = w.Write(sent[:min(f.Cut, len(sent))]) // the client is gone if this fails
}

type buffered struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (b *buffered) Header() http.Header         { return b.header }
func (b *buffered) WriteHeader(status int)      { b.status = status }
func (b *buffered) Write(p []byte) (int, error) { return b.body.Write(p) }

// reset drops the connection with a TCP RST: closing a socket that lingers
// for no time discards what is unsent.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = t.NetConn()
	}
	if t, ok := conn.(*net.TCPConn); ok {
		_ = t.SetLinger(0) // without it the client sees an end instead of a reset
	}
	_ = conn.Close() // dropping it is the purpose
}

// Glob matches with * for anything but a slash and ** for anything.
func Glob(pattern, s string) bool {
	for pattern != "" {
		if rest, ok := strings.CutPrefix(pattern, "**"); ok {
			for i := 0; i <= len(s); i++ {
				if Glob(rest, s[i:]) {
					return true
				}
			}
			return false
		}
		if pattern[0] == '*' {
			for i := 0; i <= len(s); i++ {
				if Glob(pattern[1:], s[i:]) {
					return true
				}
				if i < len(s) && s[i] == '/' {
					return false
				}
			}
			return false
		}
		if s == "" || s[0] != pattern[0] {
			return false
		}
		pattern, s = pattern[1:], s[1:]
	}
	return s == ""
}
