package api

import (
	"context"

	"github.com/azward/azward"
	"github.com/azward/azward/workspace"
)

func (a *API) postureRoutes() {
	handle(a, "get-posture", a.getPosture)
	handle(a, "get-framework", a.getFramework)
	handle(a, "list-rules", a.listRules)
	handle(a, "get-rule", a.getRule)
	handle(a, "list-posture-results", a.listPostureResults)
	handle(a, "get-posture-result", a.getPostureResult)
}

func (a *API) getPosture(ctx context.Context, in *struct {
	Connection string `query:"connection" maxLength:"4096"`
},
) (*body[workspace.PostureSummary], error) {
	return answer(a.Workspace.Posture(ctx, in.Connection))
}

func (a *API) getFramework(ctx context.Context, in *struct {
	Name       string `query:"name" required:"true" maxLength:"200" example:"CIS Azure Foundations 6.0" doc:"As the posture has it, without case."`
	Connection string `query:"connection" maxLength:"4096"`
},
) (*body[workspace.PostureFrameworkDetail], error) {
	return answer(a.Workspace.PostureFramework(ctx, in.Name, in.Connection))
}

// PostureFilter selects results of rules.
type PostureFilter struct {
	Result     []string `query:"result" maxItems:"4" enum:"fail,unknown,pass,exempt" doc:"Any of these, with commas; without it what fails and what is unknown. What is suppressed counts as what it was."`
	Framework  string   `query:"framework" maxLength:"200" doc:"A framework's name, or NAME: ITEM." example:"CIS Azure Foundations 6.0: 5.1.1"`
	Severity   string   `query:"severity" enum:"low,medium,high,critical" doc:"This and above."`
	Rule       string   `query:"rule" maxLength:"200" doc:"Its ID."`
	Category   string   `query:"category" maxLength:"200" doc:"Family of rules, without case."`
	Type       string   `query:"type" maxLength:"200" doc:"Type of the resource, without case."`
	Resource   string   `query:"resource" maxLength:"4096" doc:"ID of a resource, resource group or subscription: it, and what lies below it."`
	Connection string   `query:"connection" maxLength:"4096"`
	Search     string   `query:"search" maxLength:"200" doc:"Part of the rule's ID or title, or of the resource's ID, without case."`
	Exposed    bool     `query:"exposed" doc:"Only what the internet reaches."`
	Suppressed string   `query:"suppressed" enum:"without,with,only" default:"without" doc:"What to do about suppressed results."`
}

func (f PostureFilter) query() (workspace.PostureQuery, error) {
	q := workspace.PostureQuery{
		Results: f.Result, Framework: f.Framework, MinSeverity: azward.Severity(f.Severity), Rule: f.Rule, Category: f.Category, Type: f.Type,
		Connection: f.Connection, Text: f.Search, Exposed: f.Exposed,
	}
	if f.Suppressed != "without" {
		q.Suppressed = workspace.Hidden(f.Suppressed)
	}
	if f.Resource == "" {
		return q, nil
	}
	id, err := judgedID(f.Resource)
	q.Resource = id
	return q, err
}

// judgedID reads the ID of what a rule judges; "/" is the tenant.
func judgedID(text string) (azward.ResourceID, error) {
	if text == "/" {
		return "/", nil
	}
	return azward.ParseResourceID(text)
}

// PostureRulePage is a page of rules with what is not known.
type PostureRulePage struct {
	Page[workspace.PostureRule]
	Total int          `json:"total" doc:"Rules on all pages."`
	Gaps  []azward.Gap `json:"gaps" nullable:"false" doc:"Connections whose estate is not there: what they hold was not judged."`
}

func (a *API) listRules(ctx context.Context, in *struct {
	Paging
	PostureFilter
},
) (*body[PostureRulePage], error) {
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	if q.After, err = openCursor(in.Cursor); err != nil {
		return nil, err
	}
	q.Size = in.Limit
	found, err := a.Workspace.PostureRules(ctx, q)
	if err != nil {
		return nil, err
	}
	return &body[PostureRulePage]{PostureRulePage{page(found.Rules, formCursor(found.Next)).Body, found.Total, found.Gaps}}, nil
}

func (a *API) getRule(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"200" example:"storage-https-only"`
},
) (*body[workspace.PostureRuleDetail], error) {
	return answer(a.Workspace.PostureRule(ctx, in.ID))
}

// PostureResultPage is a page of results with what is not known.
type PostureResultPage struct {
	Page[workspace.PostureResult]
	Gaps []azward.Gap `json:"gaps" nullable:"false" doc:"Connections whose estate is not there: what they hold was not judged."`
}

func (a *API) listPostureResults(ctx context.Context, in *struct {
	Paging
	PostureFilter
},
) (*body[PostureResultPage], error) {
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	if q.After, err = openCursor(in.Cursor); err != nil {
		return nil, err
	}
	q.Size = in.Limit
	found, err := a.Workspace.PostureResults(ctx, q)
	if err != nil {
		return nil, err
	}
	return &body[PostureResultPage]{PostureResultPage{page(found.Results, formCursor(found.Next)).Body, found.Gaps}}, nil
}

func (a *API) getPostureResult(ctx context.Context, in *struct {
	Rule     string `query:"rule" required:"true" maxLength:"200" example:"storage-https-only"`
	Resource string `query:"resource" required:"true" maxLength:"4096" doc:"What was judged, in any case; / is the tenant."`
},
) (*body[workspace.PostureFinding], error) {
	id, err := judgedID(in.Resource)
	if err != nil {
		return nil, err
	}
	return answer(a.Workspace.PostureFinding(ctx, in.Rule, id))
}
