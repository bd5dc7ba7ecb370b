package azuresim

import (
	"context"
	"net/http"
	"slices"
	"sync"

	"github.com/azward/azward/azuresim/entra"
)

// Names of the services, as faults and records call them.
const (
	serviceEntra      = "entra"
	serviceARM        = "arm"
	serviceGraph      = "msgraph"
	serviceKubernetes = "kubernetes"
	serviceRegistry   = "registry"
)

// maxRecords bounds what a long-running simulator keeps: the newest half stays.
const maxRecords = 1 << 20

type recorder struct {
	mu      sync.Mutex
	records []RequestRecord
	log     func(RequestRecord)
}

func (rec *recorder) all() []RequestRecord {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return slices.Clone(rec.records)
}

// caller is where a handler leaves who asked, for the record.
type caller struct{ clientID string }

type callerKey struct{}

// seen notes who made the request.
func seen(r *http.Request, who *entra.Token) { noteClient(r, who.ClientID) }

func noteClient(r *http.Request, clientID string) {
	if c, ok := r.Context().Value(callerKey{}).(*caller); ok {
		c.clientID = clientID
	}
}

// wrap records each request once its handler is done.
func (rec *recorder) wrap(service string, name func(clientID string) string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := &caller{}
		out := &statusWriter{ResponseWriter: w}
		next.ServeHTTP(out, r.WithContext(context.WithValue(r.Context(), callerKey{}, who)))
		rec.add(RequestRecord{Service: service, Method: r.Method, Path: r.URL.Path, Status: out.status, Principal: name(who.clientID)})
	})
}

func (rec *recorder) add(r RequestRecord) {
	rec.mu.Lock()
	if len(rec.records) >= maxRecords {
		rec.records = slices.Clone(rec.records[maxRecords/2:])
	}
	rec.records = append(rec.records, r)
	rec.mu.Unlock()
	if rec.log != nil {
		rec.log(r)
	}
}

// statusWriter keeps the status; 0 is a connection dropped without an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
