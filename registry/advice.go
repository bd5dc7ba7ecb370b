package registry

import (
	"cmp"
	"slices"

	"github.com/azward/azward/remediation"
)

// maxBases is the number of other bases that are offered: the newest ones.
const maxBases = 3

// Advice is what to change in an image, the action that clears most first, and
// the number of findings that none of the actions clears.
func (v *View) Advice(i *Image, known remediation.Advisories) (actions []remediation.Action, left int, err error) {
	return remediation.Plan(slices.Collect(i.Findings()), known, v.bases(i))
}

// bases are images that this one could be built on instead: what the base's
// own repositories hold that is newer than the base, newest first.
func (v *View) bases(i *Image) []remediation.Base {
	if i.baseOf == nil {
		return nil
	}
	var newer []*Image
	for _, o := range v.all {
		sameRepository := slices.ContainsFunc(o.Repositories, func(r string) bool { return slices.Contains(i.baseOf.Repositories, r) })
		if o != i.baseOf && o != i && sameRepository && len(o.Names) > 0 && o.Created.After(i.baseOf.Created) && o.OS.ID == i.OS.ID {
			newer = append(newer, o)
		}
	}
	slices.SortFunc(newer, func(a, b *Image) int { return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(a.name(), b.name())) })
	var list []remediation.Base
	for _, o := range newer[:min(len(newer), maxBases)] {
		has := keys(o)
		list = append(list, remediation.Base{
			Reference: v.Registry + "/" + o.name(), Digest: o.Digest,
			Has: func(key string) bool { _, ok := has[key]; return ok },
		})
	}
	return list
}
