package kubeapi

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
)

type listMeta struct {
	ResourceVersion    string `json:"resourceVersion"`
	Continue           string `json:"continue,omitempty"`
	RemainingItemCount *int64 `json:"remainingItemCount,omitempty"`
}

type list struct {
	Kind       string            `json:"kind"`
	APIVersion string            `json:"apiVersion"`
	Metadata   listMeta          `json:"metadata"`
	Items      []json.RawMessage `json:"items"`
}

// position is the content of a continue token, as apiserver encodes it.
type position struct {
	Version         string `json:"v"`
	ResourceVersion int64  `json:"rv"`
	Start           string `json:"start"`
}

const (
	positionVersion = "meta.k8s.io/v1"
	expiredMessage  = "The provided continue parameter is too old to display a consistent list result. " +
		"You can start a new list without the continue parameter."
)

// list serves LIST with limit and continue.
// https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
func (s *server) list(w http.ResponseWriter, req *http.Request, r *resource, a Attributes) {
	form, ok := negotiate(req)
	if !ok {
		notAcceptable(w)
		return
	}
	query := req.URL.Query()
	keep, selective, err := selection(r, query)
	if err != nil {
		badRequest(w, err.Error())
		return
	}
	var items []*object
	for _, o := range r.objects.items {
		if (a.Namespace == "" || !r.namespaced || o.namespace == a.Namespace) && keep(o) {
			items = append(items, o)
		}
	}
	limit, err := s.limit(query.Get("limit"))
	if err != nil {
		badRequest(w, err.Error())
		return
	}
	if token := query.Get("continue"); token != "" {
		start, err := s.resume(token)
		switch {
		case err != nil:
			badRequest(w, "continue key is not valid: "+err.Error())
			return
		case start.ResourceVersion != s.catalogue.version:
			fail(w, http.StatusGone, "Expired", expiredMessage, nil)
			return
		}
		at, _ := slices.BinarySearchFunc(items, start.Start, func(o *object, key string) int { return strings.Compare(o.key(), key) })
		items = items[at:]
	}
	meta := listMeta{ResourceVersion: s.version()}
	if limit > 0 && limit < len(items) {
		meta.Continue = s.token(items[limit].key())
		if !selective { // with a selector apiserver does not know how many remain
			left := int64(len(items) - limit)
			meta.RemainingItemCount = &left
		}
		items = items[:limit]
	}
	if form == formTable {
		writeJSON(w, http.StatusOK, tableType, s.table(r, items, meta, query.Get("includeObject")))
		return
	}
	out := list{Kind: r.listKind, APIVersion: r.apiVersion(), Metadata: meta, Items: make([]json.RawMessage, len(items))}
	for i, o := range items {
		out.Items[i] = o.write(r, r.custom)
	}
	writeJSON(w, http.StatusOK, "application/json", out)
}

func (s *server) limit(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("strconv.ParseInt: parsing %q: invalid syntax", text)
	}
	if n > 0 && s.o.PageLimit > 0 {
		n = min(n, s.o.PageLimit)
	}
	return n, nil
}

func (s *server) token(start string) string {
	raw, err := json.Marshal(position{Version: positionVersion, ResourceVersion: s.catalogue.version, Start: start})
	if err != nil {
		return "" // texts and numbers always marshal
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

func (s *server) resume(token string) (position, error) {
	var p position
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(token, "="))
	if err != nil {
		return p, fmt.Errorf("illegal base64 data: %w", err)
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return p, fmt.Errorf("decode: %w", err)
	}
	if p.Version != positionVersion || p.Start == "" {
		return p, fmt.Errorf("server does not recognize this encoded version %.40q", p.Version)
	}
	return p, nil
}

// selection reads the label and field selectors into one test.
func selection(r *resource, query url.Values) (keep func(*object) bool, selective bool, err error) {
	byLabel, err := labels.Parse(query.Get("labelSelector"))
	if err != nil {
		return nil, false, err
	}
	byField, err := fields.ParseSelector(query.Get("fieldSelector"))
	if err != nil {
		return nil, false, err
	}
	for _, req := range byField.Requirements() {
		if req.Field != "metadata.name" && req.Field != "metadata.namespace" && !slices.Contains(selectable[r.kind], req.Field) {
			return nil, false, fmt.Errorf("Unable to find %q that match label selector %q, field selector %q: field label not supported: %s", //nolint:staticcheck // Kubernetes' own words
				r.group+"/"+r.version+", Resource="+r.plural, byLabel.String(), byField.String(), req.Field)
		}
	}
	return func(o *object) bool {
		return byLabel.Matches(labels.Set(o.labels)) && byField.Matches(fields.Set(o.fields))
	}, !byLabel.Empty() || !byField.Empty(), nil
}
