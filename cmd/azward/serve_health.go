package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/azward/azward/store/sqlite"
)

// readyWithin bounds how long the database may take to say that it is there.
const readyWithin = 2 * time.Second

// health answers those who watch the process, without sign-in. It tells
// nothing of what the hub knows.
type health struct {
	store    *sqlite.Store
	working  atomic.Bool // jobs are being done
	stopping atomic.Bool
}

// handler has /healthz, which says that the process lives, and /readyz, which
// says that it takes requests.
func (h *health) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answerHealth(w, http.StatusOK, map[string]string{"status": "ok", "version": version})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := h.ready(r.Context()); err != nil {
			answerHealth(w, http.StatusServiceUnavailable, map[string]string{"status": "unavailable", "cause": err.Error()})
			return
		}
		answerHealth(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	return mux
}

var (
	errStopping   = errors.New("the hub stops")
	errStarting   = errors.New("the hub starts")
	errNoDatabase = errors.New("the database does not answer")
)

// ready gives no detail of the database's error: anybody may ask.
func (h *health) ready(ctx context.Context) error {
	switch {
	case h.stopping.Load():
		return errStopping
	case !h.working.Load():
		return errStarting
	}
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	if _, err := h.store.Scans(ctx, 1); err != nil {
		return errNoDatabase
	}
	return nil
}

func answerHealth(w http.ResponseWriter, status int, body map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // whoever asked is gone where this fails
}
