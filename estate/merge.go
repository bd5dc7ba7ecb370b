package estate

import "github.com/azward/azward"

// Add puts everything that another estate holds into the builder, under the
// same rules as if it were read again: of two bodies of one resource the
// better read stays.
func (b *Builder) Add(e *Estate) {
	for _, r := range e.resources {
		b.put(r)
	}
	for digest, image := range e.images {
		if b.images == nil {
			b.images = make(map[azward.Digest]*Resource)
		}
		b.images[digest] = image
	}
	for _, l := range e.listings {
		b.AddListing(l)
	}
	for _, g := range e.gaps {
		b.AddGap(g)
	}
}
