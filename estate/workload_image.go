package estate

import (
	"strings"

	"github.com/azward/azward"
)

// WorkloadsOf returns the workloads that run an image, by key. The image is
// named by its digest ("sha256:…", in whatever repository) or by a reference
// ("contoso.azurecr.io/shop/cart:1.4", "nginx").
func (e *Estate) WorkloadsOf(image string) []Workload {
	e.imagesOnce.Do(e.indexWorkloadImages)
	var found []Workload
	for _, id := range e.byImage[imageKey(image)] {
		if w, ok := e.Workload(id); ok {
			found = append(found, w)
		}
	}
	return found
}

func (e *snapshot) indexWorkloadImages() {
	e.byImage = make(map[string][]azward.ResourceID)
	whole := &Estate{snapshot: e} // what is looked at here decides nothing yet
	for _, w := range whole.Workloads() {
		file := func(key string) {
			list := e.byImage[key]
			if n := len(list); n == 0 || list[n-1] != w.ID {
				e.byImage[key] = append(list, w.ID)
			}
		}
		for _, c := range w.Containers {
			file(imageKey(c.Image))
			if c.Digest != "" {
				file(string(c.Digest))
			}
		}
	}
}

// imageKey is how a reference is filed: with registry and tag spelt out, as
// container runtimes complete it.
//
// Source: https://kubernetes.io/docs/concepts/containers/images/#image-names
func imageKey(reference string) string {
	if strings.HasPrefix(reference, "sha256:") {
		return reference
	}
	name, digest, pinned := strings.Cut(reference, "@")
	first, _, several := strings.Cut(name, "/")
	switch registry := strings.ContainsAny(first, ".:") || first == "localhost"; {
	case several && registry:
		name = strings.TrimPrefix(name, "index.")
	case several:
		name = "docker.io/" + name
	default:
		name = "docker.io/library/" + name
	}
	switch last := name[strings.LastIndexByte(name, '/')+1:]; {
	case pinned:
		name, _ = cutTag(name)
		return strings.ToLower(name) + "@" + digest
	case !strings.Contains(last, ":"):
		name += ":latest"
	}
	repository, tag := cutTag(name)
	return strings.ToLower(repository) + ":" + tag
}

// cutTag parts a name at its tag's colon, which stands behind the last slash:
// an earlier one begins a port.
func cutTag(name string) (repository, tag string) {
	at := strings.LastIndexByte(name, ':')
	if at < 0 || at < strings.LastIndexByte(name, '/') {
		return name, ""
	}
	return name[:at], name[at+1:]
}
