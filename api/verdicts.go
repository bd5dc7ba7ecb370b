package api

import (
	"context"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/store"
	"github.com/azward/azward/workspace"
)

func (a *API) verdictRoutes() {
	handle(a, "get-overview", a.getOverview)
	handle(a, "list-verdicts", a.listVerdicts)
	handle(a, "count-verdicts", a.countVerdicts)
	handle(a, "get-verdict", a.getVerdict)
	handle(a, "get-proof", a.getProof)
	handle(a, "explain-verdict", a.explainVerdict)
	handle(a, "get-verdict-history", a.verdictHistory)
	handle(a, "dismiss-verdicts", a.dismissVerdicts)
	handle(a, "dismiss-verdict", a.dismissVerdict)
	handle(a, "reopen-verdict", a.reopenVerdict)
}

func (a *API) getOverview(ctx context.Context, _ *none) (*body[workspace.Overview], error) {
	return answer(a.Workspace.Overview(ctx))
}

// VerdictFilter selects verdicts by what they are now.
type VerdictFilter struct {
	Result        []string `query:"result" maxItems:"5" enum:"exploitable,conditional,unknown,dormant,not-exploitable" doc:"Any of these, with commas."`
	Severity      string   `query:"severity" enum:"low,medium,high,critical" doc:"This and above."`
	Vulnerability string   `query:"vulnerability" maxLength:"200" doc:"A CVE, or another ID of it, without case."`
	Workload      string   `query:"workload" maxLength:"4096" doc:"ID of a workload, cluster, resource group or subscription: it, and what lies below it."`
	Connection    string   `query:"connection" maxLength:"4096"`
	Search        string   `query:"search" maxLength:"200" doc:"Part of an ID of the vulnerability, the package's URL or the workload's ID, without case."`
	Known         bool     `query:"known" doc:"Only what is known to be exploited."`
}

func (f VerdictFilter) query() (workspace.VerdictQuery, error) {
	q := workspace.VerdictQuery{Filter: store.Filter{
		Source: f.Connection, MinSeverity: azward.Severity(f.Severity), Vulnerability: f.Vulnerability, Text: f.Search, Known: f.Known,
	}}
	for _, r := range f.Result {
		q.Results = append(q.Results, azward.Result(r))
	}
	if f.Workload == "" {
		return q, nil
	}
	id, err := azward.ParseResourceID(f.Workload)
	q.Workload = id
	return q, err
}

func (a *API) listVerdicts(ctx context.Context, in *struct {
	Paging
	VerdictFilter
	Dismissed string `query:"dismissed" enum:"without,with,only" default:"without" doc:"What to do about dismissed ones."`
},
) (*body[Page[store.VerdictRow]], error) {
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	if q.After, err = openCursor(in.Cursor); err != nil {
		return nil, err
	}
	q.Size = in.Limit
	if in.Dismissed != "without" {
		q.Dismissed = workspace.Hidden(in.Dismissed)
	}
	found, err := a.Workspace.Verdicts(ctx, q)
	if err != nil {
		return nil, err
	}
	return page(found.Verdicts, formCursor(found.Next)), nil
}

// Counts is how many verdicts have each result.
type Counts struct {
	Results store.Counts `json:"results" doc:"By result; those that none has are left out. Dismissed ones count."`
	Total   int          `json:"total"`
}

func (a *API) countVerdicts(ctx context.Context, in *VerdictFilter) (*body[Counts], error) {
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	found, err := a.Workspace.CountVerdicts(ctx, q)
	c := Counts{Results: found}
	for _, n := range found {
		c.Total += n
	}
	return answer(c, err)
}

// VerdictID names a verdict in a path.
type VerdictID struct {
	ID string `path:"id" maxLength:"64" example:"v-0123456789abcdef"`
}

func (in VerdictID) find(ctx context.Context, w *workspace.Workspace) (azward.Verdict, error) {
	id, err := azward.ParseVerdictID(in.ID)
	if err != nil {
		return azward.Verdict{}, err
	}
	return w.Verdict(ctx, id)
}

func (a *API) getVerdict(ctx context.Context, in *VerdictID) (*body[azward.Verdict], error) {
	return answer(in.find(ctx, a.Workspace))
}

type proof struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

func (a *API) getProof(ctx context.Context, in *VerdictID) (*proof, error) {
	id, err := azward.ParseVerdictID(in.ID)
	if err != nil {
		return nil, err
	}
	raw, err := a.Workspace.Store.Proof(ctx, id)
	if err != nil {
		return nil, err
	}
	return &proof{"application/json", `attachment; filename="` + string(id) + `.proof.json"`, raw}, nil
}

// Explanation is a verdict with what stands beside it.
type Explanation struct {
	Verdict azward.Verdict `json:"verdict"`
	// Blocks are the conditions that are No; each alone is enough.
	Blocks []azward.Condition `json:"blocks" nullable:"false" doc:"Conditions that do not hold; each alone keeps it from being exploitable."`
	workspace.Surroundings
}

func (a *API) explainVerdict(ctx context.Context, in *VerdictID) (*body[Explanation], error) {
	v, err := in.find(ctx, a.Workspace)
	if err != nil {
		return nil, err
	}
	x := Explanation{Verdict: v, Blocks: []azward.Condition{}}
	for _, c := range v.Conditions {
		if c.Answer == azward.No {
			x.Blocks = append(x.Blocks, c)
		}
	}
	x.Surroundings, err = a.Workspace.Around(ctx, v)
	return answer(x, err)
}

// verdictHistory is in memory: a verdict has 50 spans a connection at most.
func (a *API) verdictHistory(ctx context.Context, in *VerdictID) (*body[Page[store.VerdictSpan]], error) {
	id, err := azward.ParseVerdictID(in.ID)
	if err != nil {
		return nil, err
	}
	spans, err := a.Workspace.VerdictHistory(ctx, id)
	if err != nil {
		return nil, err
	}
	return page(spans, ""), nil
}

// Dismissing is why verdicts can stay as they are, and until when.
type Dismissing struct {
	Reason string `json:"reason" minLength:"1" maxLength:"500" doc:"Why; whoever finds it later has to understand it."`
	Until  string `json:"until" format:"date" doc:"The first day on which it is open again, within a year: 2027-01-31."`
}

// DismissingMany dismisses several at once.
type DismissingMany struct {
	IDs []string `json:"ids" minItems:"1" maxItems:"500" nullable:"false"`
	Dismissing
}

// Dismissed are the verdicts that were dismissed.
type Dismissed struct {
	Verdicts []azward.Verdict `json:"verdicts" nullable:"false"`
}

func (a *API) dismissVerdicts(ctx context.Context, in *struct{ Body DismissingMany }) (*body[Dismissed], error) {
	list, err := a.dismiss(ctx, in.Body.IDs, in.Body.Dismissing)
	return answer(Dismissed{list}, err)
}

func (a *API) dismissVerdict(ctx context.Context, in *struct {
	VerdictID
	Body Dismissing
},
) (*body[azward.Verdict], error) {
	list, err := a.dismiss(ctx, []string{in.ID}, in.Body)
	if err != nil {
		return nil, err
	}
	return answer(list[0], nil)
}

// dismiss leaves verdicts as they are, and gives them as they stand then.
func (a *API) dismiss(ctx context.Context, named []string, d Dismissing) ([]azward.Verdict, error) {
	const op = "dismiss verdicts"
	who, err := access.Check(ctx, access.Operator, op)
	if err != nil {
		return nil, err
	}
	until, err := time.Parse(time.DateOnly, d.Until)
	if err != nil {
		return nil, usage(op, "until is no day", "write it as 2027-01-31")
	}
	ids := make([]azward.VerdictID, 0, len(named))
	for _, name := range named {
		id, err := azward.ParseVerdictID(name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	before, err := a.Workspace.Dismiss(ctx, workspace.Dismissing{IDs: ids, By: who.Name, Reason: d.Reason, Until: until})
	if err != nil {
		return nil, err
	}
	now := make([]azward.Verdict, 0, len(before))
	for _, v := range before {
		stands, err := a.Workspace.Verdict(ctx, v.ID)
		if err != nil {
			return nil, err
		}
		if err := a.Access.Audit(ctx, "verdict.dismiss", string(v.ID), v.Dismissed, stands.Dismissed); err != nil {
			return nil, err
		}
		now = append(now, stands)
	}
	return now, nil
}

func (a *API) reopenVerdict(ctx context.Context, in *VerdictID) (*body[azward.Verdict], error) {
	v, err := in.find(ctx, a.Workspace)
	if err != nil {
		return nil, err
	}
	if err := a.Workspace.Reopen(ctx, v.ID); err != nil {
		return nil, err
	}
	if err := a.Access.Audit(ctx, "verdict.reopen", string(v.ID), v.Dismissed, nil); err != nil {
		return nil, err
	}
	return answer(a.Workspace.Verdict(ctx, v.ID))
}
