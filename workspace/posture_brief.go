package workspace

import (
	"context"

	"github.com/azward/azward"
)

// PostureBrief is what pages about something else show of the posture.
type PostureBrief struct {
	// Ready says that everything was evaluated; else Results are not known yet.
	Ready   bool            `json:"ready"`
	Results []PostureResult `json:"results"`
	More    bool            `json:"more"` // than are given
}

// UrgentPosture gives what fails and the internet reaches, the first result of
// each rule, without waiting for an evaluation.
func (w *Workspace) UrgentPosture(ctx context.Context, most int) (PostureBrief, error) {
	list, ready, err := w.evaluated(ctx)
	if err != nil || !ready {
		return PostureBrief{Results: []PostureResult{}}, err
	}
	found := urgent(list, most+1)
	return PostureBrief{true, found[:min(len(found), most)], len(found) > most}, nil
}

// PostureOf gives what fails or is unknown of a resource and what lies below
// it, the most urgent first, without waiting for an evaluation.
func (w *Workspace) PostureOf(ctx context.Context, id azward.ResourceID, most int) (PostureBrief, error) {
	if _, ready, err := w.evaluated(ctx); err != nil || !ready {
		return PostureBrief{Results: []PostureResult{}}, err
	}
	page, err := w.PostureResults(ctx, PostureQuery{Resource: id, Size: most})
	return PostureBrief{true, page.Results, page.Next != ""}, err
}

// evaluated gives what stands now; ready says whether it is all.
func (w *Workspace) evaluated(ctx context.Context) (list []*posture, ready bool, err error) {
	waiting, _, err := w.evaluations(ctx, "")
	if err != nil {
		return nil, false, err
	}
	for _, e := range waiting {
		if !e.done() {
			return nil, false, nil
		}
		if e.err != nil {
			return nil, false, e.err
		}
		list = append(list, e.posture)
	}
	return list, true, nil
}
