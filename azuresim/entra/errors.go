package entra

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// failure is an AADSTS error.
//
// Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
type failure struct {
	status int
	kind   string // OAuth's error
	code   int
	text   string
}

func fail(status int, kind string, code int, format string, args ...any) *failure {
	return &failure{status: status, kind: kind, code: code, text: fmt.Sprintf(format, args...)}
}

// write gives the JSON that Entra gives, with trace and correlation IDs in the
// description as well as beside it.
func (f *failure) write(w http.ResponseWriter, r *http.Request, base string, now time.Time) {
	correlation := r.Header.Get("client-request-id")
	if correlation == "" {
		correlation = newGUID()
	}
	trace := newGUID()
	stamp := now.UTC().Format("2006-01-02 15:04:05Z")
	writeJSON(w, f.status, map[string]any{
		"error":             f.kind,
		"error_description": fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s", f.code, f.text, trace, correlation, stamp),
		"error_codes":       []int{f.code},
		"timestamp":         stamp,
		"trace_id":          trace,
		"correlation_id":    correlation,
		"error_uri":         fmt.Sprintf("%s/error?code=%d", base, f.code),
	})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store, no-cache")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client is gone if this fails; there is nobody to tell
}

func newGUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, says its documentation
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
