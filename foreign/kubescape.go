package foreign

import (
	"encoding/json"

	"github.com/azward/azward/internal/jsonstream"
)

// kubescapeHead is Kubescape's JSON. What it finds in images stands in the
// shape of Grype, which it is built on: at the top for kubescape scan image, in
// spec.payload for the operator's VulnerabilityManifest. A posture scan holds
// controls, which are no vulnerabilities, and of images numbers at most.
//
// Sources: https://kubescape.io/docs/scanning/,
// https://github.com/kubescape/storage/blob/main/pkg/apis/softwarecomposition/v1beta1/types.go
type kubescapeHead struct {
	manifests []*grypeHead // in order; one for the document itself
	posture   bool
}

func (h *kubescapeHead) failed() error {
	found := false
	for _, m := range h.manifests {
		if m.err != nil {
			return m.err
		}
		found = found || m.anything
	}
	switch {
	case found:
		return nil
	case h.posture:
		return &otherError{
			"it is a posture scan: its controls are no vulnerabilities, and of images it holds numbers alone",
			"scan the images: kubescape scan image IMAGE --format json --output FILE; or with the operator: kubectl get vulnerabilitymanifests -n kubescape -o json",
		}
	}
	return &otherError{"it holds no image scan of Kubescape", "write it with kubescape scan image IMAGE --format json --output FILE"}
}

func (h *kubescapeHead) read(in *jsonstream.Reader, r *Report) {
	document := &grypeHead{}
	h.manifests = []*grypeHead{document}
	for name := range in.Fields() {
		switch name {
		case "summaryDetails", "clusterAPIServerInfo", "customerGUID":
			h.posture = true
		case "items":
			for range in.Items() {
				h.manifests = append(h.manifests, h.manifest(in, r))
				if len(h.manifests) > maxContext {
					return
				}
			}
		case "metadata", "spec":
			h.manifestField(document, name, in, r)
		default:
			document.field(name, in, r)
		}
	}
	r.Scanner = "Kubescape" + versionOf(r.Scanner)
}

// versionOf is the version after a scanner's name, with a blank before it.
func versionOf(scanner string) string {
	for i := range scanner {
		if scanner[i] == ' ' {
			return scanner[i:]
		}
	}
	return ""
}

func (h *kubescapeHead) manifest(in *jsonstream.Reader, r *Report) *grypeHead {
	m := &grypeHead{}
	for name := range in.Fields() {
		h.manifestField(m, name, in, r)
	}
	return m
}

func (h *kubescapeHead) manifestField(m *grypeHead, name string, in *jsonstream.Reader, r *Report) {
	switch name {
	case "metadata":
		var meta struct {
			Annotations map[string]string `json:"annotations"`
		}
		raw := in.Raw()
		if json.Unmarshal(raw, &meta) != nil {
			return // not of a manifest
		}
		m.target.Names = append(m.target.Names, meta.Annotations["kubescape.io/image-tag"])
		m.target.addDigest(meta.Annotations["kubescape.io/image-id"])
	case "spec":
		for part := range in.Fields() {
			if part != "payload" {
				continue
			}
			own := m.target
			for field := range in.Fields() {
				scanner := r.Scanner
				m.field(field, in, r)
				if len(scanner) > 0 && field == "descriptor" {
					r.Scanner = scanner // that of the first
				}
			}
			m.target.Names = append(m.target.Names, own.Names...)
			m.target.Digests = append(m.target.Digests, own.Digests...)
			if m.target.Other != "" && !own.empty() {
				m.target.Other = "" // scanned from a list of its packages
			}
		}
	}
}

func (h *kubescapeHead) entries(in *jsonstream.Reader, yield func(Target, excerpt, string) bool) {
	number := 0
	for name := range in.Fields() {
		switch name {
		case "items":
			for range in.Items() {
				number++
				if number >= len(h.manifests) {
					return
				}
				for part := range in.Fields() {
					if part == "spec" && !h.payload(h.manifests[number], in, yield) {
						return
					}
				}
			}
		case "spec":
			if !h.payload(h.manifests[0], in, yield) {
				return
			}
		default:
			if !h.manifests[0].matches(name, in, yield) {
				return
			}
		}
	}
}

func (h *kubescapeHead) payload(m *grypeHead, in *jsonstream.Reader, yield func(Target, excerpt, string) bool) bool {
	for part := range in.Fields() {
		if part != "payload" {
			continue
		}
		for field := range in.Fields() {
			if !m.matches(field, in, yield) {
				return false
			}
		}
	}
	return true
}
