package estate

import (
	"encoding/json"
	"strings"

	"github.com/azward/azward"
)

// ownerKey names the owner of a Kubernetes object as an ownerReference does,
// but for the API version, which may differ between the two.
type ownerKey struct {
	cluster   azward.ResourceKey
	kind      string // lower-case "kind.group"
	namespace string
	name      string
}

// owners joins the pods, replica sets and jobs of all clusters to what made
// them.
type owners struct {
	named   map[ownerKey]*Resource    // workload kinds
	owned   map[*Resource][]*Resource // by owner, in order of key
	scalers map[ownerKey][]scaler     // autoscalers by target; by namespace alone those whose target cannot be read
}

// ownerKinds are the kinds that own pods, ownedKinds those that a controller
// makes, scalerKinds those that change the number of a workload's pods.
var (
	ownerKinds  = [...]string{"deployment.apps", "statefulset.apps", "daemonset.apps", "replicaset.apps", "job.batch", "cronjob.batch"}
	ownedKinds  = [...]string{"pod", "replicaset.apps", "job.batch"}
	scalerKinds = [...]string{"horizontalpodautoscaler.autoscaling", "scaledobject.keda.sh"}
)

type ownerReference struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	UID        string `json:"uid"`
	Controller bool   `json:"controller"`
}

func (o ownerReference) key(of *Resource) ownerKey {
	kind := o.Kind
	if group, _, grouped := strings.Cut(o.APIVersion, "/"); grouped {
		kind += "." + group
	}
	return ownerKey{of.Cluster.Key(), strings.ToLower(kind), of.Namespace, o.Name}
}

func (e *snapshot) ownership() *owners {
	e.ownersOnce.Do(func() {
		o := &owners{
			named:   make(map[ownerKey]*Resource),
			owned:   make(map[*Resource][]*Resource),
			scalers: make(map[ownerKey][]scaler),
		}
		for _, kind := range ownerKinds {
			for _, r := range e.byType[kind] {
				o.named[ownerKey{r.Cluster.Key(), kind, r.Namespace, r.Name}] = r
			}
		}
		for _, kind := range ownedKinds {
			for _, r := range e.byType[kind] {
				if _, owner := o.controller(r); owner != nil {
					o.owned[owner] = append(o.owned[owner], r)
				}
			}
		}
		for _, kind := range scalerKinds {
			for _, r := range e.byType[kind] {
				o.addScaler(r)
			}
		}
		e.owners = o
	})
	return e.owners
}

// controllerMeta is the part of an object's metadata that names its owner.
type controllerMeta struct {
	Metadata struct {
		Labels          map[string]string `json:"labels"`
		OwnerReferences []ownerReference  `json:"ownerReferences"`
	} `json:"metadata"`
}

// controller returns the workload that made r, nil when none did or it was
// not read. Named is what stands under the owner's name, which may be a later
// object with another UID. Manifests carry no UID and match by name.
func (o *owners) controller(r *Resource) (named, owner *Resource) {
	var head controllerMeta
	if json.Unmarshal(r.Body, &head) != nil {
		return nil, nil // its own reader reports the shape
	}
	for _, ref := range head.Metadata.OwnerReferences {
		if !ref.Controller {
			continue
		}
		named, ok := o.named[ref.key(r)]
		if !ok {
			named = o.named[deploymentKey(r, ref, head.Metadata.Labels)]
			return named, named
		}
		if uid, ok := named.At("/metadata/uid"); ok && ref.UID != "" && string(uid) != `"`+ref.UID+`"` {
			return named, nil
		}
		return named, named
	}
	return nil, nil
}

// deploymentKey finds the Deployment of a pod whose replica set was not read:
// a Deployment names its replica sets NAME-HASH and labels their pods with
// the hash.
//
// Source: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#pod-template-hash-label
func deploymentKey(r *Resource, ref ownerReference, labels map[string]string) ownerKey {
	name, cut := strings.CutSuffix(ref.Name, "-"+labels["pod-template-hash"])
	if !cut || ref.Kind != "ReplicaSet" || r.Kind != "Pod" || labels["pod-template-hash"] == "" {
		return ownerKey{}
	}
	return ownerReference{APIVersion: "apps/v1", Kind: "Deployment", Name: name}.key(r)
}

// owned reports whether a workload that was read owns a pod, replica set or
// job.
func (e *Estate) owned(r *Resource) bool {
	e.tracker.note(lookup{kind: owner, a: string(r.key)})
	named, owner := e.ownership().controller(r)
	if named != nil {
		e.tracker.touch(named)
	}
	return owner != nil
}

// podsOf returns the pods below a controller: its own, and those of the
// replica sets and jobs that it owns.
func (e *Estate) podsOf(r *Resource) []*Resource {
	return e.podsBelow(r, maxOwnerDepth)
}

// maxOwnerDepth bounds the chain from a workload to its pods; Kubernetes' own
// is two long (CronJob, Job, Pod), and manifests may name owners in a circle.
const maxOwnerDepth = 4

func (e *Estate) podsBelow(r *Resource, depth int) []*Resource {
	if depth == 0 {
		return nil
	}
	e.tracker.note(lookup{kind: owned, a: string(r.key)})
	var pods []*Resource
	for _, child := range e.ownership().owned[r] {
		e.tracker.touch(child)
		if child.Kind == "Pod" {
			pods = append(pods, child)
			continue
		}
		pods = append(pods, e.podsBelow(child, depth-1)...)
	}
	return pods
}

// scaler is an autoscaler and the property by which it starts its target from
// zero; "" when it does not.
type scaler struct {
	resource *Resource
	fromZero string
}

func (o *owners) addScaler(r *Resource) {
	var v struct {
		Metadata struct {
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
		Spec struct {
			MinReplicas    *int           `json:"minReplicas"`
			ScaleTargetRef ownerReference `json:"scaleTargetRef"`
		} `json:"spec"`
	}
	if json.Unmarshal(r.Body, &v) != nil { // it may be anybody's in the namespace
		key := ownerKey{cluster: r.Cluster.Key(), namespace: r.Namespace}
		o.scalers[key] = append(o.scalers[key], scaler{resource: r})
		return
	}
	s, target := scaler{resource: r}, v.Spec.ScaleTargetRef
	if strings.HasPrefix(r.Kind, "ScaledObject") {
		// https://keda.sh/docs/latest/reference/scaledobject-spec/: the target
		// is a Deployment unless named otherwise, and waits at zero while
		// nothing triggers; paused, it stays where it is.
		if target.Kind == "" {
			target.APIVersion, target.Kind = "apps/v1", "Deployment"
		}
		_, frozen := v.Metadata.Annotations["autoscaling.keda.sh/paused-replicas"]
		if !frozen && v.Metadata.Annotations["autoscaling.keda.sh/paused"] != "true" {
			s.fromZero = "/spec/scaleTargetRef"
		}
	} else if v.Spec.MinReplicas != nil && *v.Spec.MinReplicas == 0 {
		// Without minReplicas 0 a HorizontalPodAutoscaler leaves a target at
		// zero alone:
		// https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#implicit-maintenance-mode-deactivation
		s.fromZero = "/spec/minReplicas"
	}
	key := target.key(r)
	o.scalers[key] = append(o.scalers[key], s)
}

// startsFromZero returns the autoscaler that starts a workload's pods from
// zero, and the property that says so. Gaps are autoscalers that may do so, but
// cannot be read.
func (e *Estate) startsFromZero(r *Resource) (by *Resource, pointer string, gaps []azward.Gap) {
	e.tracker.note(lookup{kind: scalersOf, a: string(r.key)})
	scalers := e.ownership().scalers
	for _, s := range scalers[ownerKey{r.Cluster.Key(), strings.ToLower(r.Kind), r.Namespace, r.Name}] {
		e.tracker.touch(s.resource)
		if s.fromZero != "" {
			return s.resource, s.fromZero, nil
		}
	}
	for _, s := range scalers[ownerKey{cluster: r.Cluster.Key(), namespace: r.Namespace}] {
		e.tracker.touch(s.resource)
		gaps = append(gaps, azward.Gap{
			Scope: s.resource.ID, Kind: azward.GapUnparsed, Reads: "/spec/scaleTargetRef", Error: "what the autoscaler scales has an unexpected shape",
		})
	}
	return nil, "", gaps
}
