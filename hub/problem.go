package hub

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
)

// problem answers with what went wrong: a page for browsers, and RFC 9457's
// document for programs. What is no *azward.Error is told to the log alone.
func (s *Server) problem(w http.ResponseWriter, r *http.Request, err error) {
	told := s.told(r, err)
	s.retryAfter(w, err)
	if wantsPage(r) {
		s.options.Pages.Problem(w, r, told)
		return
	}
	status := told.Kind.HTTPStatus()
	doc, err := json.Marshal(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
		Cause  string `json:"cause,omitempty"`
		Remedy string `json:"remedy,omitempty"`
		Kind   string `json:"kind"`
	}{"about:blank", http.StatusText(status), status, told.Error(), told.Cause, told.Remedy, told.Kind.String()})
	if err != nil {
		http.Error(w, http.StatusText(status), status)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	// The client may be gone.
	_, _ = w.Write(doc)
}

// told is err as a person may see it.
func (s *Server) told(r *http.Request, err error) *azward.Error {
	var known *azward.Error
	if errors.As(err, &known) {
		if known.Err != nil {
			s.log.Debug("problem", "path", r.URL.Path, "error", known.Error(), "because", known.Err.Error())
		}
		return known
	}
	id := ""
	if seen, is := r.Context().Value(seenKey{}).(*seen); is {
		id = seen.id
	}
	s.log.Error("problem", "id", id, "path", r.URL.Path, "error", err)
	return &azward.Error{
		Kind: azward.KindFailed, Op: "answer", Cause: "the hub failed",
		Remedy: "try again; if it comes back, look into the hub's log for request " + id,
	}
}

func (*Server) retryAfter(w http.ResponseWriter, err error) {
	var wait *access.WaitError
	if errors.As(err, &wait) {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait.After/time.Second)))
	}
}

func wantsPage(r *http.Request) bool {
	return !strings.HasPrefix(r.URL.Path, "/api/") && strings.Contains(r.Header.Get("Accept"), "text/html")
}
