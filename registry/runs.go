package registry

import (
	"slices"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/image"
)

// RunsOne says whether a container of the workload has one of the digests, or
// names one of the references while its digest is not known: a tag may have
// moved since it was pulled.
func RunsOne(w estate.Workload, digests []azward.Digest, references []string) bool {
	return slices.ContainsFunc(w.Containers, func(c estate.Container) bool {
		if c.Digest != "" {
			return slices.Contains(digests, c.Digest)
		}
		ref, err := image.ParseReference(c.Image)
		if err != nil {
			return false
		}
		if ref.Digest != "" {
			return slices.Contains(digests, ref.Digest)
		}
		return slices.Contains(references, ref.String())
	})
}
