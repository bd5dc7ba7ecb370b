package workspace

import (
	"context"
	"fmt"

	"github.com/azward/azward/store"
)

// Removal says what goes and what stays when a connection is removed.
type Removal struct {
	Connection string `json:"connection"`
	Verdicts   int    `json:"verdicts"` // that go
	Scans      int    `json:"scans"`    // that stay as history, at most 500 counted
	// Stops and Stays are sentences for the person who decides.
	Stops []string `json:"stops"`
	Stays []string `json:"stays"`
}

// Removal looks ahead at the removal of a connection, and changes nothing.
func (w *Workspace) Removal(ctx context.Context, c store.Connection) (Removal, error) {
	r := Removal{Connection: c.Name}
	counts, err := w.Store.CountVerdicts(ctx, store.Filter{Source: c.Name})
	if err != nil {
		return r, err
	}
	for _, n := range counts {
		r.Verdicts += n
	}
	scans, err := w.Store.ScansOf(ctx, c.Name, "", MaxPage)
	if err != nil {
		return r, err
	}
	r.Scans = len(scans)
	r.Stops = []string{
		"no scan reads this tenant any more, and those that are scheduled fail until their schedule is removed",
		fmt.Sprintf("its verdicts are deleted with their proofs and what they were before, %d by now", r.Verdicts),
	}
	if c.Sealed != nil {
		r.Stops = append(r.Stops, "its sealed secret is deleted, and cannot be brought back")
	}
	r.Stays = []string{
		fmt.Sprintf("the history of its scans stays, %d by now, with the estates that were kept of them", r.Scans),
		"what was read of its registries stays, and so do dismissals, which hold again when the same verdicts come back",
	}
	if c.ClientID != "" {
		r.Stays = append(r.Stays, "nothing changes in Azure: the application "+c.ClientID+" keeps its roles and its credentials until somebody takes them away: az role assignment delete --assignee "+c.ClientID+", then az ad app delete --id "+c.ClientID)
	} else {
		r.Stays = append(r.Stays, "nothing changes in Azure: the identity keeps its roles until somebody takes them away")
	}
	return r, nil
}
