package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/internal/bound"
)

const (
	keyHeader      = "Idempotency-Key"
	replayedHeader = "Idempotency-Replayed"
)

// once answers a request with an idempotency key: the first time by doing what
// it asks, then from what was kept.
//
// Source: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
func (a *API) once(w http.ResponseWriter, r *http.Request) {
	sent, err := bound.ReadAll(r.Body, maxBody, "the request's body")
	if errors.Is(err, bound.ErrTooLarge) {
		err = &azward.Error{Kind: azward.KindTooLarge, Op: "read request", Cause: err.Error(), Remedy: "send less at once"}
	} else if err != nil {
		err = &azward.Error{Kind: azward.KindUsage, Op: "read request", Cause: "its body ends early", Remedy: "send it again", Err: err}
	}
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	sum := sha256.Sum256(sent)
	request := access.Request{Key: r.Header.Get(keyHeader), Route: r.Method + " " + r.URL.RequestURI(), Hash: sum[:]}
	reply, err := a.Access.BeginRequest(r.Context(), request)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	if reply != nil {
		w.Header().Set(replayedHeader, "true")
		for name, value := range reply.Header {
			w.Header().Set(name, value)
		}
		if reply.ContentType != "" {
			w.Header().Set("Content-Type", reply.ContentType)
		}
		w.WriteHeader(reply.Status)
		a.send(r, w, reply.Body)
		return
	}
	a.first(w, r, sent, request)
}

// first does what a request asks, and keeps the answer.
func (a *API) first(w http.ResponseWriter, r *http.Request, sent []byte, request access.Request) {
	r.Body = io.NopCloser(bytes.NewReader(sent))
	answer := &recorder{header: w.Header()}
	finished := false
	defer func() {
		if finished {
			return
		}
		// It panicked on the way: the key is free again.
		if err := a.Access.FinishRequest(r.Context(), request, nil); err != nil {
			a.Log.ErrorContext(r.Context(), "free idempotency key", "error", err)
		}
	}()
	a.mux.ServeHTTP(answer, r)
	var kept *access.Reply // a refusal did nothing, and is not kept: what was wrong may be mended
	if answer.code() < http.StatusBadRequest {
		kept = &access.Reply{Status: answer.code(), ContentType: w.Header().Get("Content-Type"), Header: keptHeader(w.Header()), Body: withoutSecrets(answer.body.Bytes())}
	}
	if err := a.Access.FinishRequest(r.Context(), request, kept); err != nil {
		a.Log.ErrorContext(r.Context(), "keep answer", "error", err)
	}
	finished = true
	w.WriteHeader(answer.code())
	a.send(r, w, answer.body.Bytes())
}

// keptHeaders of an answer say what it is about; the others are about this very
// request, such as its rate limit.
var keptHeaders = []string{"Location", "ETag", "Cache-Control"}

func keptHeader(h http.Header) map[string]string {
	var kept map[string]string
	for _, name := range keptHeaders {
		if value := h.Get(name); value != "" {
			if kept == nil {
				kept = map[string]string{}
			}
			kept[name] = value
		}
	}
	return kept
}

func (a *API) send(r *http.Request, w io.Writer, body []byte) {
	if _, err := w.Write(body); err != nil {
		a.Log.DebugContext(r.Context(), "the caller went away", "error", err)
	}
}

// secretMembers of answers are shown once, and never kept.
var secretMembers = []string{"secret", "link"}

// withoutSecrets is an answer as it is kept. One that is no JSON object has
// none.
func withoutSecrets(answer []byte) []byte {
	var members map[string]json.RawMessage
	if json.Unmarshal(answer, &members) != nil {
		return answer
	}
	held := false
	for _, name := range secretMembers {
		if _, ok := members[name]; ok {
			held = true
			delete(members, name)
		}
	}
	if !held {
		return answer
	}
	kept, err := json.Marshal(members)
	if err != nil {
		return []byte("{}")
	}
	return kept
}

// recorder holds an answer back until it is kept. Its headers are those of the
// answer itself.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements [http.ResponseWriter].
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements [http.ResponseWriter].
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

// Write implements [http.ResponseWriter].
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }

func (r *recorder) code() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}
