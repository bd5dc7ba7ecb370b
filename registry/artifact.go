package registry

import (
	"errors"

	"github.com/azward/azward/image"
)

// artifactType is what is there where no image is: a chart, a signature, an SBOM.
func artifactType(err error) (string, bool) {
	var artifact *image.ArtifactError
	if !errors.As(err, &artifact) {
		return "", false
	}
	return artifact.Type, true
}
