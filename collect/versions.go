package collect

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward/azure"
)

const providersVersion = "2021-04-01"

// unknownVersion reports that a cloud does not have the interface's version,
// or the type at all: sovereign clouds get both later.
func unknownVersion(err error) bool {
	switch azure.Code(err) {
	case "NoRegisteredProviderFound", "InvalidApiVersionParameter", "InvalidResourceType", "UnsupportedApiVersion", "InvalidResourceNamespace":
		return true
	}
	return false
}

// versionOf gives the newest stable version that the cloud has of a type, and
// is not newer than ours, whose shape the engines know; or else the oldest one
// newer than ours. Exists is false when the cloud does not have the type, and
// so no resource of it.
//
// Source: https://learn.microsoft.com/rest/api/resources/providers/get
func (s *subscription) versionOf(ctx context.Context, k kind) (version string, exists bool, err error) {
	namespace, name, _ := strings.Cut(k.resourceType, "/")
	raw, err := s.client.Get(ctx, string(s.id)+"/providers/"+namespace, providersVersion)
	if err != nil {
		return "", azure.Code(err) != "InvalidResourceNamespace", err
	}
	var provider struct {
		ResourceTypes []struct {
			ResourceType string   `json:"resourceType"`
			APIVersions  []string `json:"apiVersions"`
		} `json:"resourceTypes"`
	}
	if err := json.Unmarshal(raw, &provider); err != nil {
		return "", true, fmt.Errorf("read the versions of %s: %w", namespace, err)
	}
	for _, t := range provider.ResourceTypes {
		if !strings.EqualFold(t.ResourceType, name) {
			continue
		}
		version := nearest(t.APIVersions, k.version)
		if version == "" {
			return "", true, fmt.Errorf("the cloud has no stable version of %s", k.resourceType)
		}
		return version, true, nil
	}
	return "", false, nil
}

// nearest picks among versions, which are dates and compare as text.
func nearest(versions []string, ours string) string {
	stable := slices.Sorted(func(yield func(string) bool) {
		for _, v := range versions {
			if len(v) == len("2024-05-01") && !yield(v) {
				return
			}
		}
	})
	at, _ := slices.BinarySearch(stable, ours)
	switch {
	case len(stable) == 0:
		return ""
	case at > 0:
		return stable[at-1]
	default:
		return stable[0]
	}
}
