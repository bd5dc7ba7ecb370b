package workspace

import (
	"context"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

// VerdictHistory gives what a verdict was over the scans, the newest first,
// also of one that no scan has any more; KindNotFound where none ever had it.
func (w *Workspace) VerdictHistory(ctx context.Context, id azward.VerdictID) ([]store.VerdictSpan, error) {
	spans, err := w.Store.VerdictHistory(ctx, id)
	if err != nil || len(spans) > 0 {
		return spans, err
	}
	return nil, &azward.Error{
		Kind: azward.KindNotFound, Op: "read history of verdict", Subject: string(id), Cause: "no scan that is kept had a verdict of that ID",
		Remedy: "copy an ID from the list of verdicts",
	}
}
