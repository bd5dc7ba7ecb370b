package azward

import (
	"errors"
	"net/http"
)

// Kind sorts errors by what the user has to do about them. It decides the
// exit code and the HTTP status, in the one table below, and nothing else.
type Kind int

// Kinds of error.
const (
	KindFailed      Kind = iota // anything else
	KindUsage                   // a flag, argument or file that the user gave
	KindNotFound                // the named thing is not there
	KindConflict                // somebody else holds it, or it changed meanwhile
	KindSignIn                  // credentials or consent
	KindRole                    // signed in, but a role or permission is missing
	KindThrottled               // the service asks to wait longer than we do
	KindUnavailable             // a service does not answer
	KindBadInput                // what came over a wire or out of an archive is broken or hostile
	KindInterrupted             // Ctrl-C, or a cancelled context
	KindFailOn                  // --fail-on is met
	KindUndecided               // --fail-on cannot be decided: coverage is incomplete
	KindStale                   // it changed since the caller looked at it (If-Match)
	KindUnguarded               // a change that has to say what it changes (no If-Match)
	KindTooLarge                // a request is larger than we read
	KindMediaType               // a request in a format that we do not read
	KindMethod                  // a path that does not take that method
)

var kinds = map[Kind]struct {
	name string
	exit int
	http int
}{
	KindFailed:      {"failed", 1, http.StatusInternalServerError},
	KindUsage:       {"usage", 2, http.StatusBadRequest},
	KindNotFound:    {"notFound", 1, http.StatusNotFound},
	KindConflict:    {"conflict", 1, http.StatusConflict},
	KindSignIn:      {"signIn", 10, http.StatusUnauthorized},
	KindRole:        {"role", 11, http.StatusForbidden},
	KindThrottled:   {"throttled", 1, http.StatusTooManyRequests},
	KindUnavailable: {"unavailable", 1, http.StatusBadGateway},
	KindBadInput:    {"badInput", 1, http.StatusUnprocessableEntity},
	KindInterrupted: {"interrupted", 130, 499},
	KindFailOn:      {"failOn", 3, http.StatusOK},
	KindUndecided:   {"undecided", 4, http.StatusOK},
	KindStale:       {"stale", 1, http.StatusPreconditionFailed},
	KindUnguarded:   {"unguarded", 1, http.StatusPreconditionRequired},
	KindTooLarge:    {"tooLarge", 1, http.StatusRequestEntityTooLarge},
	KindMediaType:   {"mediaType", 1, http.StatusUnsupportedMediaType},
	KindMethod:      {"method", 1, http.StatusMethodNotAllowed},
}

// String names the kind as the error catalogue does.
func (k Kind) String() string { return kinds[k].name }

// ExitCode is what the process ends with.
func (k Kind) ExitCode() int { return kinds[k].exit }

// HTTPStatus is what the API answers with.
func (k Kind) HTTPStatus() int { return kinds[k].http }

// Error is a failure that a person can act on. Doors (command line, API,
// pages) translate it; they compose no sentences of their own.
type Error struct {
	Kind    Kind
	Op      string // what we were doing: "list registries"
	Subject string // on what: resource ID, image reference, tenant; never a secret
	Cause   string // why, one sentence for the user
	Remedy  string // what to do next: command, role, link
	Err     error  // underlying, for logs and errors.As; may be nil
}

// Error gives one line: "list registries /subscriptions/…: the service
// principal lacks the Reader role". The remedy is not part of it.
func (e *Error) Error() string {
	s := e.Op
	if e.Subject != "" {
		if s != "" {
			s += " "
		}
		s += e.Subject
	}
	if e.Cause != "" {
		if s != "" {
			s += ": "
		}
		s += e.Cause
	}
	if s == "" && e.Err != nil {
		return e.Err.Error()
	}
	return s
}

// Unwrap returns the underlying error.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of the outermost *Error in err's tree, KindFailed
// when there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindFailed
}
