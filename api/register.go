package api

import (
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
)

const (
	maxBody      = 160 << 10 // bytes: a connection with its certificate, whose line ends JSON escapes
	roleProperty = "x-role"  // of an operation in the document: the least role
)

// handle mounts the route of the table with that ID.
func handle[I, O any](a *API, id string, f func(context.Context, *I) (*O, error)) {
	huma.Register(a.huma, a.operation(id), func(ctx context.Context, in *I) (*O, error) {
		out, err := f(ctx, in)
		if err != nil {
			return nil, problemOf(ctx, a.Log, err)
		}
		return out, nil
	})
}

// operation is a route of the table as huma takes it. One that is not in the
// table has no role, and nobody may use it.
func (a *API) operation(id string) huma.Operation {
	r := routes()[id]
	op := huma.Operation{
		OperationID: id, Method: r.method, Path: r.path, Summary: r.summary, Description: r.description, Tags: []string{r.tag},
		DefaultStatus: r.status, MaxBodyBytes: maxBody,
		Security:    []map[string][]string{{"token": {}}, {"session": {}}, {"plainSession": {}}},
		Middlewares: huma.Middlewares{a.guard(r)},
		Extensions:  map[string]any{roleProperty: string(r.role)},
	}
	if r.method == http.MethodPost {
		op.Parameters = append(op.Parameters, &huma.Param{
			Name: keyHeader, In: "header", Schema: &huma.Schema{Type: huma.TypeString},
			Description: "Makes a retry safe: within a day the same key with the same body gives the same answer, and does nothing again.",
		})
	}
	op.Responses = map[string]*huma.Response{"default": {
		Description: "What went wrong.",
		Content:     map[string]*huma.MediaType{problemType: {Schema: a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[ProblemError](), true, "")}},
	}}
	if r.tagged {
		op.Responses["304"] = &huma.Response{Description: "It is as If-None-Match says."}
	}
	if media, ok := documents[id]; ok {
		op.Responses["200"] = &huma.Response{
			Description: http.StatusText(http.StatusOK), Content: map[string]*huma.MediaType{media.contentType: {Schema: media.schema}},
		}
	}
	return op
}

// documents are the routes that answer with bytes as they are.
var documents = map[string]struct {
	contentType string
	schema      *huma.Schema
}{
	"get-picture": {"image/svg+xml", &huma.Schema{Type: huma.TypeString, Description: "A picture that needs nothing else."}},
	"get-proof":   {"application/json", &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "A proof, as azward verify takes it."}},
}

// guard lets those with the route's role pass, before anything is read of the
// request.
func (a *API) guard(r route) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if _, err := access.Check(ctx.Context(), r.role, lower(r.summary)); err != nil {
			request, w := humago.Unwrap(ctx)
			a.refuse(w, request, err)
			return
		}
		next(ctx)
	}
}

// lower begins a summary as an error's Op does.
func lower(s string) string {
	if s == "" {
		return s
	}
	const shift = 'a' - 'A'
	if c := s[0]; 'A' <= c && c <= 'Z' {
		return string(rune(c+shift)) + s[1:]
	}
	return s
}

// body is an answer that is JSON alone.
type body[T any] struct {
	Body T
}

func answer[T any](v T, err error) (*body[T], error) {
	if err != nil {
		return nil, err
	}
	return &body[T]{v}, nil
}

// none is an input or an answer without anything.
type none struct{}

// Page is a page of a list.
type Page[T any] struct {
	Items []T    `json:"items" nullable:"false"`
	Next  string `json:"next,omitempty" doc:"Give it as cursor to get the next page; absent on the last. A page may be shorter than its limit and have a next one."`
}

func page[T any](items []T, next string) *body[Page[T]] {
	if items == nil {
		items = []T{}
	}
	return &body[Page[T]]{Page[T]{items, next}}
}

// Paging is how a list is asked for its pages.
type Paging struct {
	Cursor string `query:"cursor" maxLength:"8192" doc:"The next of the page before; none gives the first page."`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"Things on a page at most."`
}

// slice pages through a list that is in memory, by a key that its things are
// sorted by.
func slice[T any](list []T, p Paging, key func(T) string) (*body[Page[T]], error) {
	after, err := openCursor(p.Cursor)
	if err != nil {
		return nil, err
	}
	var items []T
	for _, one := range list {
		if after != "" && key(one) <= after {
			continue
		}
		if len(items) == p.Limit {
			return page(items, formCursor(key(items[len(items)-1]))), nil
		}
		items = append(items, one)
	}
	return page(items, ""), nil
}

func usage(op, cause, remedy string) error {
	return &azward.Error{Kind: azward.KindUsage, Op: op, Cause: cause, Remedy: remedy}
}
