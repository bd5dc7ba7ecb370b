// Package resourcegraph answers Azure Resource Graph queries over an
// inventory: it turns ARM objects into rows, cuts them to what the caller may
// read, runs the query with package kql and pages the result.
//
// Sources:
// https://learn.microsoft.com/rest/api/azureresourcegraph/resourcegraph/resources/resources
// https://learn.microsoft.com/azure/governance/resource-graph/concepts/query-language
// https://learn.microsoft.com/azure/governance/resource-graph/concepts/guidance-for-throttled-requests
package resourcegraph

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward/azuresim/arm"
	"github.com/azward/azward/azuresim/entra"
	"github.com/azward/azward/azuresim/inventory"
	"github.com/azward/azward/azuresim/kql"
	"github.com/azward/azward/azuresim/rbac"
	"github.com/azward/azward/azuresim/scenario"
)

// Limits of the service.
const (
	maxBodyBytes     = 1 << 20
	maxPage          = 1000 // rows a page
	maxSubscriptions = 1000 // a request; the REST reference allows 1,000
)

// Options of a Server.
type Options struct {
	Tenant    scenario.Tenant
	Inventory *inventory.Inventory
	Policy    *rbac.Policy
	PageSize  int // rows a page when $top does not say; 0: 1,000, at most 1,000
	Quota     scenario.Window
	IDCase    string
	Exact     bool
	Now       func() time.Time
}

// Server answers queries. It is safe for concurrent use.
type Server struct {
	o     Options
	quota *quota
	rows  []row // every object as its row, made once
}

// New makes a server.
func New(o Options) *Server {
	if o.PageSize <= 0 || o.PageSize > maxPage {
		o.PageSize = maxPage
	}
	s := &Server{o: o, quota: newQuota(o.Quota, o.Now)}
	s.rows = s.makeRows()
	return s
}

type request struct {
	Subscriptions    []string `json:"subscriptions"`
	ManagementGroups []string `json:"managementGroups"`
	Query            string   `json:"query"`
	Options          struct {
		Top                      *int   `json:"$top"`
		Skip                     int    `json:"$skip"`
		SkipToken                string `json:"$skipToken"`
		ResultFormat             string `json:"resultFormat"`
		AllowPartialScopes       bool   `json:"allowPartialScopes"`
		AuthorizationScopeFilter string `json:"authorizationScopeFilter"`
	} `json:"options"`
	Facets []json.RawMessage `json:"facets"`
}

// Serve answers one query of an authenticated caller.
func (s *Server) Serve(w http.ResponseWriter, r *http.Request, who *entra.Token) {
	if e := s.quota.take(w, who.Principal.ObjectID); e != nil {
		s.refuse(w, e)
		return
	}
	var q request
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBodyBytes)).Decode(&q); err != nil {
		s.refuse(w, badRequest("InvalidRequestContent", "The request content was invalid and could not be deserialized: '%s'.", err))
		return
	}
	body, e := s.answer(&q, who)
	if e != nil {
		s.refuse(w, e)
		return
	}
	raw, err := json.Marshal(body)
	if err != nil {
		s.refuse(w, badRequest("InternalServerError", "The answer could not be written."))
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(raw) // the client is gone if this fails
}

func (s *Server) answer(q *request, who *entra.Token) (map[string]any, *arm.Error) {
	if strings.TrimSpace(q.Query) == "" {
		return nil, badRequest("InvalidQuery", "The query must not be empty.")
	}
	scopes, e := s.scopes(q, who)
	if e != nil {
		return nil, e
	}
	parsed, err := kql.Parse(q.Query)
	if err != nil {
		return nil, invalidQuery(err)
	}
	result, err := parsed.Run(func(name string) (iter.Seq[map[string]any], error) { return s.table(name, scopes, who) })
	if err != nil {
		return nil, invalidQuery(err)
	}
	return s.page(q, result)
}

// scopes are the subscriptions asked about, in lower case and cut to those
// where the caller has some role; none left is a refusal.
func (s *Server) scopes(q *request, who *entra.Token) (map[string]bool, *arm.Error) {
	if len(q.Subscriptions) > maxSubscriptions {
		return nil, badRequest("InvalidSubscriptions", "The number of subscriptions exceeds the limit of %d.", maxSubscriptions)
	}
	all := map[string]bool{}
	for r := range s.o.Inventory.List("/", "Microsoft.Resources/subscriptions") {
		if s.asked(q, r) && (s.o.Policy.Reaches(who.Principal, r.Key) || s.o.Policy.Below(who.Principal, r.Key)) {
			all[strings.ToLower(r.Name)] = true
		}
	}
	if len(all) == 0 {
		return nil, &arm.Error{Status: http.StatusForbidden, Code: "AccessDenied", Details: []arm.Detail{{
			"code": "AccessDenied", "message": "Access is denied to the requested resource. The user might not have enough permission.",
		}}}
	}
	return all, nil
}

func (s *Server) asked(q *request, subscription *inventory.Resource) bool {
	if len(q.Subscriptions) == 0 && len(q.ManagementGroups) == 0 {
		return true
	}
	if slices.ContainsFunc(q.Subscriptions, func(id string) bool { return strings.EqualFold(id, subscription.Name) }) {
		return true
	}
	above := s.o.Inventory.Ancestors(subscription.Key)
	return slices.ContainsFunc(q.ManagementGroups, func(group string) bool {
		return strings.EqualFold(group, s.o.Tenant.ID) || // the root group has the tenant's ID
			slices.Contains(above, "/providers/microsoft.management/managementgroups/"+strings.ToLower(group))
	})
}

// page cuts the result and says how to go on.
func (s *Server) page(q *request, result *kql.Result) (map[string]any, *arm.Error) {
	total := len(result.Rows)
	top := s.o.PageSize
	if q.Options.Top != nil {
		if *q.Options.Top < 1 || *q.Options.Top > maxPage {
			return nil, badRequest("InvalidPaging", "The value of $top must be between 1 and %d.", maxPage)
		}
		top = min(top, *q.Options.Top)
	}
	start := q.Options.Skip
	if q.Options.SkipToken != "" {
		at, ok := s.openToken(q)
		if !ok {
			return nil, badRequest("InvalidSkipToken", "The skip token is not valid for this query.")
		}
		start = at
	}
	if start < 0 {
		return nil, badRequest("InvalidPaging", "The value of $skip must not be negative.")
	}
	start = min(start, total)
	end := min(start+top, total)
	body := map[string]any{
		"totalRecords": total, "count": end - start, "facets": []any{}, "resultTruncated": "false",
		"data": format(q.Options.ResultFormat, result.Columns, result.Rows[start:end]),
	}
	if end < total {
		// Without the id column the service cannot page, and says so.
		if slices.ContainsFunc(result.Columns, func(c kql.Column) bool { return c.Name == "id" }) {
			body["$skipToken"] = s.sealToken(q, end)
		} else {
			body["resultTruncated"] = "true"
		}
	}
	return body, nil
}

// format gives rows as objects, or as columns and rows.
func format(kind string, columns []kql.Column, rows []map[string]any) any {
	if !strings.EqualFold(kind, "table") {
		return rows
	}
	heads := make([]any, 0, len(columns))
	for _, c := range columns {
		heads = append(heads, map[string]string{"name": c.Name, "type": c.Type})
	}
	lines := make([][]any, 0, len(rows))
	for _, row := range rows {
		line := make([]any, len(columns))
		for i, c := range columns {
			line[i] = row[c.Name]
		}
		lines = append(lines, line)
	}
	return map[string]any{"columns": heads, "rows": lines}
}

func badRequest(code, format string, args ...any) *arm.Error {
	return &arm.Error{Status: http.StatusBadRequest, Code: "BadRequest", Details: []arm.Detail{
		{"code": code, "message": fmt.Sprintf(format, args...)},
	}}
}

// invalidQuery puts the place of the fault into the details as the service does.
func invalidQuery(err error) *arm.Error {
	e := badRequest("InvalidQuery", "Query is invalid. Please refer to the documentation for the Azure Resource Graph service and fix the error before retrying.")
	var at *kql.Error
	if errors.As(err, &at) {
		code := at.Code
		if code == "" {
			code = "ParserFailure"
		}
		detail := arm.Detail{"code": code, "message": at.Msg, "line": at.Line, "characterPositionInLine": at.Col}
		if at.Token != "" {
			detail["token"] = at.Token
		}
		e.Details = append(e.Details, detail)
		return e
	}
	e.Details = append(e.Details, arm.Detail{"code": "ParserFailure", "message": err.Error()})
	return e
}

// refuse fills in the line that every error of the service has for a message.
func (s *Server) refuse(w http.ResponseWriter, e *arm.Error) {
	if e.Message == "" {
		e.Message = fmt.Sprintf("Please provide below info when asking for support: timestamp = %s, correlationId = %s.",
			s.o.Now().UTC().Format("2006-01-02T15:04:05.0000000Z"), w.Header().Get("x-ms-correlation-request-id"))
	}
	e.Write(w)
}
