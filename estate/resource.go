package estate

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/azward/azward"
)

// Resource is one ARM resource, Kubernetes object, Microsoft Graph object or
// image record, as its interface returned it.
type Resource struct {
	ID azward.ResourceID // as Azure wrote it; Kubernetes objects as [azward.ResourceID] says
	// Type is the ARM type as Azure wrote it. For a Kubernetes object it is
	// "kubernetes" and for the rest their source; see Kind.
	Type string
	// Kind is the Kubernetes kind with its group, as in "Pod" or
	// "Deployment.apps", or the ARM kind ("functionapp,linux").
	Kind string
	Name string
	// Cluster is the AKS cluster that holds a Kubernetes object, else "".
	Cluster   azward.ResourceID
	Namespace string
	// Body is the object as returned, without insignificant white space and
	// with its secrets [Redacted].
	Body json.RawMessage
	Provenance

	key        azward.ResourceKey // of ID, folded once
	incomplete bool               // see [Resource.Incomplete]
	maybe      bool               // see [Resource.Maybe]
	sum        atomic.Pointer[string]

	views atomic.Pointer[decoded]
}

// decoded is one typed view of a body, and the next. Engines ask few
// different views of a resource, so a list serves better than a map.
type decoded struct {
	view any
	next *decoded
}

// Provenance says which interface gave a body, and when.
type Provenance struct {
	Source     azward.Source
	APIVersion string
	ReadAt     time.Time
}

// TypeKey is how the resource is filed by [Estate.Types].
func (r *Resource) TypeKey() string {
	if r.Cluster != "" {
		return r.Kind
	}
	return r.Type
}

// SHA256 is the hash of Body in hexadecimal.
func (r *Resource) SHA256() string {
	if held := r.sum.Load(); held != nil {
		return *held
	}
	sum := sha256.Sum256(r.Body)
	text := hex.EncodeToString(sum[:])
	r.sum.Store(&text)
	return text
}

// Incomplete reports that the body came without its properties, as
// `az resource list` and projecting queries give it: that the resource exists
// is known, and nothing about it. [Decode] then gives an error, so that no
// missing property is taken for a default.
func (r *Resource) Incomplete() bool { return r.incomplete }

// Maybe reports that nobody knows yet whether the resource will exist: a
// template creates it under a condition that is known when it is deployed.
// What is said of it, and of what needs it, is unknown.
func (r *Resource) Maybe() bool { return r.maybe }

// Evidence cites one property of this resource by JSON pointer (RFC 6901).
// Value is what stands there, null when nothing does; secrets are not shown
// (see [Shown]).
func (r *Resource) Evidence(pointer, meaning string) azward.Evidence {
	value, ok := r.At(pointer)
	if !ok {
		value = json.RawMessage("null")
	}
	return azward.Evidence{
		Resource: r.ID, Property: pointer, Value: Shown(pointer, value), Meaning: meaning,
		Source: r.Source, APIVersion: r.APIVersion, ReadAt: r.ReadAt, SHA256: r.SHA256(),
	}
}

// At returns the raw value that a JSON pointer names. Object keys compare
// exactly first and without case second, as ARM's own spelling varies.
func (r *Resource) At(pointer string) (json.RawMessage, bool) {
	value := r.Body
	if pointer == "" {
		return value, true
	}
	if !strings.HasPrefix(pointer, "/") {
		return nil, false
	}
	for token := range strings.SplitSeq(pointer[1:], "/") {
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		next, ok := step(value, token)
		if !ok {
			return nil, false
		}
		value = next
	}
	return value, true
}

func step(value json.RawMessage, token string) (json.RawMessage, bool) {
	if len(value) == 0 || value[0] != '[' {
		return member(value, token)
	}
	// RFC 6901 §4: digits without a leading zero.
	index, err := strconv.ParseUint(token, 10, 31)
	if err != nil || len(token) > 1 && token[0] == '0' {
		return nil, false
	}
	for i, element := range elements(value) {
		if uint64(i) == index {
			return element, true
		}
	}
	return nil, false
}

// mismatch says in the body's terms what did not fit.
func mismatch(err error) string {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Sprintf("%s holds a %s", cmp.Or(strings.TrimPrefix(e.Field, "."), "it"), e.Value)
	}
	return err.Error()
}

// Decode returns the typed view T of a resource: a struct whose json tags name
// the parts of the body that an engine asks for. The body is decoded once per
// resource and the view is shared: callers must not change it. An error means
// that the body has another shape than T; the answer that needed it is then
// Unknown.
func Decode[T any](r *Resource) (*T, error) {
	first := r.views.Load()
	for d := first; d != nil; d = d.next {
		if v, ok := d.view.(*T); ok {
			return v, nil
		}
	}
	if r.incomplete {
		return nil, &azward.Error{
			Kind: azward.KindBadInput, Op: "decode", Subject: string(r.ID),
			Cause:  "it was exported without its properties",
			Remedy: "export whole objects: `az resource show --ids …`, or a Resource Graph query that projects properties",
		}
	}
	v := new(T)
	if err := json.Unmarshal(r.Body, v); err != nil {
		return nil, &azward.Error{
			Kind: azward.KindBadInput, Op: "decode", Subject: string(r.ID),
			Cause: "its body has an unexpected shape: " + mismatch(err), Err: err,
			Remedy: "report it with the resource's type and API version; until then answers that need it are unknown",
		}
	}
	// A race lost here only means that the view is decoded once more.
	r.views.CompareAndSwap(first, &decoded{view: v, next: first})
	return v, nil
}
