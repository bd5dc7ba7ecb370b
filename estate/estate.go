// Package estate holds what a tenant looks like: resources as Azure returned
// them, the objects of its clusters, and, as facts of their own, which
// listings were complete and what could not be read.
//
// An [Estate] is built once by a [Builder] (or read from an estate file) and
// never changes; everything that analyses it is a pure function of it. Look
// things up by [Estate.Resource], [Estate.OfType], [Estate.Referrers] (who
// points at this?) and [Estate.Objects]; before you conclude anything from an
// absence ask [Estate.Absence].
package estate

import (
	"iter"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/azward/azward"
)

// Estate is an immutable snapshot of one or more tenants. It is safe for
// concurrent use. A tracked estate (see [Estate.Tracked]) also notes what was
// looked up.
type Estate struct {
	*snapshot
	tracker *Tracker
	noted   *sync.Map // what [Memo] holds while lookups are tracked
}

type snapshot struct {
	resources []*Resource // by key
	byKey     map[azward.ResourceKey]*Resource
	byType    map[string][]*Resource // by lower-case type; Kubernetes under kind keys
	listings  []Listing              // by scope key, then type
	gaps      []azward.Gap           // by scope key, then what was wanted
	images    map[azward.Digest]*Resource

	listingsOf map[string][]Listing    // by lower-case type
	gapsOf     map[string][]azward.Gap // by lower-case Reads

	subscriptionsOnce sync.Once
	subscriptions     []azward.ResourceID

	childrenOnce sync.Once
	children     map[childKey][]*Resource

	refsOnce sync.Once
	refs     map[azward.ResourceKey][]*Resource

	objectsOnce sync.Once
	objects     map[objectKey][]*Resource

	ownersOnce sync.Once
	owners     *owners

	addressesOnce sync.Once
	addresses     map[netip.Addr][]*Resource

	imagesOnce sync.Once
	byImage    map[string][]azward.ResourceID // workloads by digest and reference

	memos sync.Map // see [Memo]
}

// Len returns the number of resources, Kubernetes objects included.
func (e *Estate) Len() int { return len(e.resources) }

// All yields every resource and Kubernetes object in order of its key. A
// tracked estate notes nothing here: it is for writing and counting.
func (e *Estate) All() iter.Seq[*Resource] { return slices.Values(e.resources) }

// Resource returns the resource or Kubernetes object with this ID.
func (e *Estate) Resource(id azward.ResourceID) (*Resource, bool) {
	r, ok := e.byKey[id.Key()]
	e.tracker.note(lookup{kind: byID, a: string(id.Key())})
	if ok {
		e.tracker.touch(r)
	}
	return r, ok
}

// OfType returns all resources of an ARM type ("Microsoft.Network/loadBalancers",
// without regard to case), by key. The caller must not change the slice.
// An engine that decides about one workload should ask Referrers instead:
// a decision depends on everything it touches.
func (e *Estate) OfType(resourceType string) []*Resource {
	e.tracker.note(lookup{kind: byType, a: strings.ToLower(resourceType)})
	found := e.byType[strings.ToLower(resourceType)]
	for _, r := range found {
		e.tracker.touch(r)
	}
	return found
}

// Types returns the number of resources by type, as Azure spells the types
// (the first spelling met); Kubernetes kinds as "Kind.group".
func (e *Estate) Types() map[string]int {
	counts := make(map[string]int, len(e.byType))
	for _, list := range e.byType {
		counts[list[0].TypeKey()] += len(list)
	}
	return counts
}

// Referrers returns the resources of the given types (all types when none are
// given) whose body names id or a child of it: the load balancers whose pool
// names a NIC's ip configuration, the NICs in a subnet, the virtual machine of
// a NIC. A resource does not refer to itself or to its own children. The
// result is ordered by key.
func (e *Estate) Referrers(id azward.ResourceID, types ...string) []*Resource {
	e.tracker.note(lookup{kind: byReference, a: string(id.Key()), b: strings.Join(types, " ")})
	e.refsOnce.Do(e.indexReferences)
	all := e.refs[id.Key()]
	if len(all) == 0 {
		return nil
	}
	found := make([]*Resource, 0, len(all))
	for _, r := range all {
		if len(types) == 0 || slices.ContainsFunc(types, func(t string) bool { return strings.EqualFold(t, r.Type) }) {
			e.tracker.touch(r)
			found = append(found, r)
		}
	}
	return found
}

// childKey files ARM resources under their parent.
type childKey struct {
	parent       azward.ResourceKey
	resourceType string // lower-case
}

// Children returns the resources of an ARM type whose ID lies directly below
// parent, such as the slots of a site, or that are attached to it, such as its
// diagnostic settings, by key. The caller must not change the
// slice.
func (e *Estate) Children(parent azward.ResourceID, resourceType string) []*Resource {
	e.tracker.note(lookup{kind: byParent, a: string(parent.Key()), b: resourceType})
	e.childrenOnce.Do(e.indexChildren)
	found := e.children[childKey{parent.Key(), strings.ToLower(resourceType)}]
	for _, r := range found {
		e.tracker.touch(r)
	}
	return found
}

func (e *snapshot) indexChildren() {
	e.children = make(map[childKey][]*Resource)
	for typeKey, list := range e.byType {
		if strings.Count(typeKey, "/") < 2 {
			for _, r := range list { // attached ones; others are top-level, or of a Kubernetes kind
				if scope := azward.ResourceID(r.key).AttachedTo(); scope != "" {
					key := childKey{azward.ResourceKey(scope), typeKey}
					e.children[key] = append(e.children[key], r)
				}
			}
			continue
		}
		for _, r := range list {
			if parent := azward.ResourceID(r.key).Parent(); parent != "" {
				key := childKey{azward.ResourceKey(parent), typeKey}
				e.children[key] = append(e.children[key], r)
			}
		}
	}
}

// Image returns what is known of an image by its digest: the body of an
// "image" line.
func (e *Estate) Image(digest azward.Digest) (*Resource, bool) {
	e.tracker.note(lookup{kind: byDigest, a: string(digest)})
	r, ok := e.images[digest]
	if ok {
		e.tracker.touch(r)
	}
	return r, ok
}

// Images returns all image records by digest, in no particular order.
func (e *Estate) Images() iter.Seq2[azward.Digest, *Resource] {
	return func(yield func(azward.Digest, *Resource) bool) {
		e.tracker.note(lookup{kind: allImages})
		for d, r := range e.images {
			e.tracker.touch(r)
			if !yield(d, r) {
				return
			}
		}
	}
}

// indexReferences scans every body once for ARM IDs and files the resource
// under each ID, and each parent resource of it, that it names.
func (e *snapshot) indexReferences() {
	e.refs = make(map[azward.ResourceKey][]*Resource)
	for _, r := range e.resources {
		own := r.key
		for ref := range references(r.Body) {
			// The key of a parent is part of its child's: no copies are made.
			for key := ref.Key(); key != ""; key = azward.ResourceKey(azward.ResourceID(key).Parent()) {
				if rest, below := strings.CutPrefix(string(key), string(own)); below && (rest == "" || rest[0] == '/') {
					continue
				}
				list := e.refs[key]
				if n := len(list); n > 0 && list[n-1] == r {
					continue
				}
				e.refs[key] = append(list, r)
			}
		}
	}
}

// references yields the ARM IDs that stand as JSON strings in body. IDs hold
// no characters that JSON escapes, so the raw text is enough.
func references(body []byte) iter.Seq[azward.ResourceID] {
	const prefix = "/subscriptions/"
	return func(yield func(azward.ResourceID) bool) {
		for i := 0; i+len(prefix) < len(body); i++ {
			if body[i] != '"' || body[i+1] != '/' {
				continue
			}
			end := i + 1
			for end < len(body) && body[end] != '"' && body[end] != '\\' {
				end++
			}
			text := body[i+1 : end]
			if len(text) > len(prefix) && len(text) < maxReferenceLen && strings.EqualFold(string(text[:len(prefix)]), prefix) {
				if !yield(azward.ResourceID(text)) {
					return
				}
			}
			i = end - 1
		}
	}
}

// maxReferenceLen bounds, in bytes, what is taken for an ARM ID.
const maxReferenceLen = 2048

// Matching returns the resources of an ARM type that keep reports true for, by
// key. An answer depends on these, and on there being no others: that is what
// to ask where OfType would make a decision depend on everything.
func (e *Estate) Matching(resourceType string, keep func(*Resource) bool) []*Resource {
	e.tracker.note(lookup{kind: byType, a: strings.ToLower(resourceType)})
	return e.matching(e.byType[strings.ToLower(resourceType)], keep)
}

func (e *Estate) matching(list []*Resource, keep func(*Resource) bool) []*Resource {
	var found []*Resource
	for _, r := range list {
		if keep(r) {
			e.tracker.touch(r)
			found = append(found, r)
		}
	}
	return found
}
