package estate

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/azward/azward"
)

// Workload is one deployed thing that runs code, with what is known of whether
// it runs and of which images.
type Workload struct {
	azward.Workload
	// Resource is the thing itself: the Deployment, the site, the machine.
	Resource *Resource
	// Cluster is the AKS cluster of a Kubernetes workload. It is nil for all
	// others, and where the cluster's own ARM object was not read.
	Cluster *Resource
	// Pods of a Kubernetes workload, as far as they were read.
	Pods []*Resource
	// Running is Yes when it runs now or starts on a request (scale to zero),
	// No when its state says that it does not (stopped, zero replicas), Unknown
	// when that was not read.
	Running  azward.Answer
	Evidence []azward.Evidence // for Running
	// Gaps are what stands in the way of a full answer to Running and
	// Containers. While there are some, Containers may lack an image.
	Gaps []azward.Gap
	// Containers by name; empty for a machine or a code-only site, whose
	// packages azward cannot see. While a rollout is under way a name occurs
	// once for each image that runs.
	Containers []Container
}

// Container is one container of a workload.
type Container struct {
	Name string
	// Image as the workload's own object names it: "contoso.azurecr.io/shop/cart:1.4".
	Image string
	// Digest that runs, "" while only the tag is known. A pod's status gives
	// it; other services tell the tag alone.
	Digest azward.Digest
	// Init says that the container ends before the others start: it runs, but
	// does not stay. A sidecar (restartPolicy Always) is not one.
	Init bool
	// Ports that the container declares. Declaring is documentation in
	// Kubernetes: a container may listen on others.
	Ports    []ContainerPort
	Evidence []azward.Evidence // for Image and Digest
}

// ContainerPort is a declared port.
type ContainerPort struct {
	Name     string // "" where unnamed
	Port     uint16
	Protocol string // "tcp", "udp" or "sctp"
	HostPort uint16 // 0 where none
}

// readers decides for each kind of thing that runs code what is known of it.
// Keys are those of [Resource.TypeKey] in lower case. A reader returns false
// when the thing is a part of another workload (the pod of a Deployment).
var readers = map[string]func(*Estate, *Resource, *Workload) bool{
	"deployment.apps":                   (*Estate).deployment,
	"statefulset.apps":                  (*Estate).statefulSet,
	"daemonset.apps":                    (*Estate).daemonSet,
	"replicaset.apps":                   (*Estate).replicaSet,
	"job.batch":                         (*Estate).job,
	"cronjob.batch":                     (*Estate).cronJob,
	"pod":                               (*Estate).pod,
	"microsoft.compute/virtualmachines": (*Estate).virtualMachine,
	"microsoft.compute/virtualmachinescalesets":   (*Estate).scaleSet,
	"microsoft.web/sites":                         (*Estate).site,
	"microsoft.web/sites/slots":                   (*Estate).site,
	"microsoft.app/containerapps":                 (*Estate).containerApp,
	"microsoft.app/jobs":                          (*Estate).containerAppJob,
	"microsoft.containerinstance/containergroups": (*Estate).containerGroup,
}

// Workloads returns everything that runs code, ordered by the key of its ID.
// On a tracked estate it notes all that it looked at: an engine that decides
// about one workload asks [Estate.Workload].
func (e *Estate) Workloads() []Workload {
	e.tracker.note(lookup{kind: everything})
	var found []Workload
	for typeKey, read := range readers {
		for _, r := range e.byType[typeKey] {
			if w, ok := e.readWorkload(r, read); ok {
				found = append(found, w)
			}
		}
	}
	slices.SortFunc(found, func(a, b Workload) int { return cmp.Compare(a.ID.Key(), b.ID.Key()) })
	return found
}

// Workload returns the workload with this ID. It is false when there is no
// such resource, when it does not run code, and when it is part of another
// workload: a Deployment's pod is found under the Deployment.
func (e *Estate) Workload(id azward.ResourceID) (Workload, bool) {
	r, ok := e.Resource(id)
	if !ok {
		return Workload{}, false
	}
	read, ok := readers[strings.ToLower(r.TypeKey())]
	if !ok {
		return Workload{}, false
	}
	return e.readWorkload(r, read)
}

func (e *Estate) readWorkload(r *Resource, read func(*Estate, *Resource, *Workload) bool) (Workload, bool) {
	e.tracker.touch(r)
	w := Workload{Workload: azward.Workload{ID: r.ID, Name: r.Name}, Resource: r}
	if r.Cluster != "" {
		w.Name = r.Namespace + "/" + r.Name
		if cluster, ok := e.Resource(r.Cluster); ok {
			w.Cluster = cluster
		}
	}
	ok := read(e, r, &w)
	return w, ok
}

// decide sets whether the workload runs, with the property that says so.
func (w *Workload) decide(running azward.Answer, evidence ...azward.Evidence) {
	w.Running = running
	w.Evidence = append(w.Evidence, evidence...)
}

// lacks records that a property of the workload's own object is missing.
func (w *Workload) lacks(property, needs, cause, remedy string) {
	w.Gaps = append(w.Gaps, azward.Gap{
		Scope: w.ID, Kind: azward.GapNotRead, Reads: property, Needs: needs, Error: cause, Remedy: remedy,
	})
}

// view decodes an object for a reader; what does not decode is a gap.
func view[T any](w *Workload, r *Resource) (*T, bool) {
	v, err := Decode[T](r)
	if err != nil {
		g := azward.Gap{Scope: r.ID, Kind: azward.GapUnparsed, Reads: r.TypeKey(), Error: err.Error()}
		var e *azward.Error
		if errors.As(err, &e) {
			g.Error, g.Remedy = e.Cause, e.Remedy
		}
		if r.incomplete {
			g.Kind = azward.GapNotRead
		}
		w.Gaps = append(w.Gaps, g)
		return nil, false
	}
	return v, true
}

// addContainer files what one object says about a container. Statements about
// the same name and image join unless their digests differ.
func (w *Workload) addContainer(c Container) {
	for i := range w.Containers {
		held := &w.Containers[i]
		if held.Name != c.Name || held.Image != c.Image || held.Init != c.Init {
			continue
		}
		switch {
		case c.Digest == "" || c.Digest == held.Digest:
			if len(held.Ports) == 0 {
				held.Ports = c.Ports
			}
			return
		case held.Digest == "":
			held.Digest = c.Digest
			held.Evidence = append(held.Evidence, c.Evidence...)
			if len(held.Ports) == 0 {
				held.Ports = c.Ports
			}
			return
		}
	}
	w.Containers = append(w.Containers, c)
}

// digestOf returns the digest that an image reference pins: the part behind
// "@" of "docker-pullable://registry/repository@sha256:…". An image ID without
// a repository ("docker://sha256:…") is the digest of the configuration, not
// of the manifest, and names nothing that a registry knows.
func digestOf(reference string) azward.Digest {
	_, digest, ok := strings.Cut(reference, "@")
	if hex, sha := strings.CutPrefix(digest, "sha256:"); !ok || !sha || !isHex(hex, 64) {
		return ""
	}
	return azward.Digest(digest)
}

func isHex(s string, length int) bool {
	return len(s) == length && strings.Trim(s, "0123456789abcdef") == ""
}
