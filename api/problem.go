package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/azward/azward"
)

// ProblemError is what went wrong, as RFC 9457 has it, with what azward's errors say
// besides.
//
// Source: https://www.rfc-editor.org/rfc/rfc9457
type ProblemError struct {
	Type   string `json:"type" format:"uri-reference" doc:"Stands for the kind of error; docs/errors.md lists them." example:"urn:azward:problem:notFound"`
	Title  string `json:"title" doc:"The kind in words: the same for every error of it."`
	Status int    `json:"status" doc:"HTTP status."`
	Detail string `json:"detail" doc:"One line: what was done, on what, and why that failed."`
	// What azward.Error has.
	Kind    string `json:"kind" doc:"Kind of error, as docs/errors.md lists it." example:"notFound"`
	Op      string `json:"op,omitempty" doc:"What was being done."`
	Subject string `json:"subject,omitempty" doc:"On what."`
	Cause   string `json:"cause" doc:"Why, in one sentence."`
	Remedy  string `json:"remedy,omitempty" doc:"What to do next: a command, a role, a link."`
	// Errors are the single mistakes of a request.
	Errors []Mistake `json:"errors,omitempty" nullable:"false" doc:"The single mistakes of a request."`

	headers http.Header
}

// Mistake is one thing that is wrong with a request. It does not quote the
// value: that may be a secret.
type Mistake struct {
	Location string `json:"location" doc:"Where: body.name, query.limit, path.id."`
	Message  string `json:"message" doc:"What is wrong there."`
}

// Error implements error.
func (p *ProblemError) Error() string { return p.Detail }

// GetStatus implements [huma.StatusError].
func (p *ProblemError) GetStatus() int { return p.Status }

// GetHeaders implements [huma.HeadersError].
func (p *ProblemError) GetHeaders() http.Header { return p.headers }

// ContentType implements [huma.ContentTypeFilter].
func (p *ProblemError) ContentType(string) string { return problemType }

const problemType = "application/problem+json"

var problems sync.Once

// useProblems lets huma write its own errors as ours, and be strict. It has one
// setting for the whole process.
func useProblems() {
	problems.Do(func() {
		huma.ValidateStrictCasing = true // "Name" is not "name", and is refused
		huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
			return requestProblem(status, message, errs)
		}
		huma.NewErrorWithContext = func(_ huma.Context, status int, message string, errs ...error) huma.StatusError {
			return requestProblem(status, message, errs)
		}
	})
}

// problemOf turns an error into what is written. One that is not meant for
// people is logged, and not shown.
func problemOf(ctx context.Context, log *slog.Logger, err error) *ProblemError {
	var done *ProblemError
	if errors.As(err, &done) {
		return done
	}
	if errors.Is(err, context.Canceled) {
		return fromError(&azward.Error{Kind: azward.KindInterrupted, Cause: "the caller went away", Remedy: "ask again"})
	}
	var known *azward.Error
	if !errors.As(err, &known) {
		log.ErrorContext(ctx, "request failed", "error", err)
		return fromError(&azward.Error{Kind: azward.KindFailed, Cause: "something in azward went wrong", Remedy: "try again; if it stays, look into the server's log"})
	}
	if known.Kind == azward.KindFailed {
		log.ErrorContext(ctx, "request failed", "error", err, "underlying", known.Err)
	}
	return fromError(known)
}

func fromError(e *azward.Error) *ProblemError {
	status := e.Kind.HTTPStatus()
	p := &ProblemError{
		Type: "urn:azward:problem:" + e.Kind.String(), Title: title(status), Status: status, Detail: e.Error(),
		Kind: e.Kind.String(), Op: e.Op, Subject: e.Subject, Cause: e.Cause, Remedy: e.Remedy,
	}
	if p.Cause == "" {
		p.Cause = p.Detail
	}
	if e.Kind == azward.KindSignIn {
		p.headers = http.Header{"Www-Authenticate": {`Bearer realm="azward"`}}
	}
	return p
}

func title(status int) string {
	const closed = 499 // as nginx has it
	if status == closed {
		return "Client Closed Request"
	}
	return http.StatusText(status)
}

// requestKinds are the kinds of what huma finds wrong with a request.
var requestKinds = map[int]azward.Kind{
	http.StatusBadRequest:            azward.KindUsage,
	http.StatusNotAcceptable:         azward.KindUsage,
	http.StatusRequestTimeout:        azward.KindUsage,
	http.StatusUnprocessableEntity:   azward.KindBadInput,
	http.StatusRequestEntityTooLarge: azward.KindTooLarge,
	http.StatusUnsupportedMediaType:  azward.KindMediaType,
}

const maxMistakes = 50 // of one request

// requestProblem is what is wrong with a request before anything was done.
func requestProblem(status int, message string, errs []error) *ProblemError {
	if status == http.StatusNotModified {
		return &ProblemError{Status: status}
	}
	e := &azward.Error{Kind: requestKinds[status], Op: "read request", Cause: message, Remedy: "correct it: nothing was done; the OpenAPI document says what is expected"}
	if e.Kind == azward.KindTooLarge {
		e.Remedy = "send less at once"
	}
	if e.Kind == azward.KindMediaType {
		e.Cause, e.Remedy, errs = "its body is not JSON", "send it with Content-Type: application/json", nil
	}
	p := fromError(e)
	for _, err := range errs[:min(len(errs), maxMistakes)] {
		var detail huma.ErrorDetailer
		if errors.As(err, &detail) {
			d := detail.ErrorDetail()
			p.Errors = append(p.Errors, Mistake{fmt.Sprintf("%.200s", d.Location), fmt.Sprintf("%.300s", d.Message)})
			continue
		}
		p.Errors = append(p.Errors, Mistake{"request", fmt.Sprintf("%.300s", err.Error())})
	}
	if len(p.Errors) > 0 {
		p.Cause = p.Errors[0].Location + ": " + p.Errors[0].Message
		p.Detail = e.Op + ": " + p.Cause
	}
	return p
}

// refuse writes an error outside huma.
func (a *API) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(r.Context(), a.Log, err)
	body, err := json.Marshal(p)
	if err != nil {
		a.Log.ErrorContext(r.Context(), "write problem", "error", err)
	}
	for name, values := range p.headers {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	if _, err := w.Write(body); err != nil {
		a.Log.DebugContext(r.Context(), "the caller went away", "error", err)
	}
}

// elsewhere answers for what no route takes.
func (a *API) elsewhere(w http.ResponseWriter, r *http.Request) {
	var allowed string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := a.mux.Handler(other); pattern != "" && pattern != "/" {
			if allowed != "" {
				allowed += ", "
			}
			allowed += method
		}
	}
	subject := fmt.Sprintf("%.10s %.200q", r.Method, r.URL.Path)
	if allowed == "" {
		a.refuse(w, r, &azward.Error{Kind: azward.KindNotFound, Op: "find route", Subject: subject, Cause: "the API has no such path", Remedy: "see " + Prefix + "/openapi.yaml for those it has"})
		return
	}
	w.Header().Set("Allow", allowed)
	a.refuse(w, r, &azward.Error{Kind: azward.KindMethod, Op: "find route", Subject: subject, Cause: "the path does not take that method", Remedy: "use " + allowed})
}
