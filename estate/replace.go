package estate

import (
	"encoding/json"
	"slices"

	"github.com/azward/azward"
)

// Replace is an estate with ARM objects in the place of what it has under
// their IDs, and without the removed ones and what lies below them. Listings
// and gaps stay: it is the estate as it would be.
func Replace(e *Estate, bodies []json.RawMessage, removed []azward.ResourceID) (*Estate, error) {
	var b Builder
	b.Add(e)
	b.replace = true
	for key, r := range b.byKey {
		if slices.ContainsFunc(removed, r.ID.Within) {
			delete(b.byKey, key)
		}
	}
	for _, body := range bodies {
		if err := b.AddARM(body, Provenance{Source: azward.SourceExport}); err != nil {
			return nil, err
		}
	}
	return b.Build(), nil
}

// Supersede is an estate with all of another one in the place of what it has
// under the same IDs: a tenant with what a template would create.
func Supersede(e, top *Estate) *Estate {
	var b Builder
	b.Add(e)
	b.replace = true
	b.Add(top)
	return b.Build()
}
