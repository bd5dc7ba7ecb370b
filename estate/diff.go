package estate

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/azward/azward"
)

// Difference is what changed between two estates. Lists are in order of key;
// resources include Kubernetes objects and images (by digest).
type Difference struct {
	Added   []*Resource
	Removed []*Resource
	Changed []Change

	ListingsAdded   []Listing
	ListingsRemoved []Listing
	GapsAdded       []azward.Gap
	GapsRemoved     []azward.Gap
}

// Change is one resource whose body says something else. The order of keys
// and when it was read are no change.
type Change struct {
	Before, After *Resource
	// Pointers (RFC 6901) to what differs, in order; a list that differs in
	// length is named from the first element that one side lacks. At most
	// maxPointers of them: More counts the rest.
	Pointers []string
	More     int
}

// maxPointers bounds what a change names: beyond it, the object was replaced.
const maxPointers = 32

// Empty reports whether nothing changed.
func (d Difference) Empty() bool {
	return len(d.Added)+len(d.Removed)+len(d.Changed)+
		len(d.ListingsAdded)+len(d.ListingsRemoved)+len(d.GapsAdded)+len(d.GapsRemoved) == 0
}

// Diff compares two estates by ID and content. Listings compare by scope, type
// and what they prove, not by when they were read or in how many pages.
func Diff(before, after *Estate) Difference {
	var d Difference
	walk(before.resources, after.resources, func(r *Resource) azward.ResourceKey { return r.key }, d.pair)
	walk(before.imageList(), after.imageList(), func(r *Resource) azward.ResourceID { return r.ID }, d.pair)
	d.ListingsRemoved, d.ListingsAdded = setDifference(before.listings, after.listings, func(l Listing) any {
		return [...]string{string(l.Scope.Key()), strings.ToLower(l.Type), string(l.Status), string(l.Via)}
	})
	d.GapsRemoved, d.GapsAdded = setDifference(before.gaps, after.gaps, func(g azward.Gap) any {
		return [...]string{string(g.Scope.Key()), strings.ToLower(g.Reads), string(g.Kind), g.Needs, g.Error}
	})
	return d
}

func (e *snapshot) imageList() []*Resource {
	list := make([]*Resource, 0, len(e.images))
	for _, digest := range slices.Sorted(maps.Keys(e.images)) {
		list = append(list, e.images[digest])
	}
	return list
}

// walk steps through two sorted lists and hands over what stands under each
// key on either side; nil where one side has nothing.
func walk[K interface{ ~string }](before, after []*Resource, key func(*Resource) K, pair func(before, after *Resource)) {
	for len(before) > 0 || len(after) > 0 {
		switch {
		case len(after) == 0 || len(before) > 0 && key(before[0]) < key(after[0]):
			pair(before[0], nil)
			before = before[1:]
		case len(before) == 0 || key(after[0]) < key(before[0]):
			pair(nil, after[0])
			after = after[1:]
		default:
			pair(before[0], after[0])
			before, after = before[1:], after[1:]
		}
	}
}

func (d *Difference) pair(before, after *Resource) {
	switch {
	case before == nil:
		d.Added = append(d.Added, after)
	case after == nil:
		d.Removed = append(d.Removed, before)
	case before == after || bytes.Equal(before.Body, after.Body):
	default:
		c := Change{Before: before, After: after}
		c.compare("", before.Body, after.Body)
		if len(c.Pointers) > 0 {
			d.Changed = append(d.Changed, c)
		}
	}
}

// compare walks both values at once; it recurses no deeper than maxDepth,
// which every body keeps to.
func (c *Change) compare(at string, before, after []byte) {
	if bytes.Equal(before, after) {
		return
	}
	switch {
	case len(before) > 0 && len(after) > 0 && before[0] == '{' && after[0] == '{':
		c.compareObjects(at, before, after)
	case len(before) > 0 && len(after) > 0 && before[0] == '[' && after[0] == '[':
		c.compareLists(at, before, after)
	case !sameScalar(before, after):
		c.add(at)
	}
}

func (c *Change) add(at string) {
	if len(c.Pointers) < maxPointers {
		c.Pointers = append(c.Pointers, at)
		return
	}
	c.More++
}

func (c *Change) compareObjects(at string, before, after []byte) {
	left, right := memberMap(before), memberMap(after)
	keys := slices.Collect(maps.Keys(left))
	for key := range right {
		if _, ok := left[key]; !ok {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		l, inLeft := left[key]
		r, inRight := right[key]
		pointer := at + "/" + escapeToken(key)
		if inLeft && inRight {
			c.compare(pointer, l, r)
		} else {
			c.add(pointer)
		}
	}
}

func (c *Change) compareLists(at string, before, after []byte) {
	left, right := elementList(before), elementList(after)
	for i := range max(len(left), len(right)) {
		pointer := at + "/" + strconv.Itoa(i)
		if i < len(left) && i < len(right) {
			c.compare(pointer, left[i], right[i])
		} else {
			c.add(pointer)
		}
	}
}

func memberMap(object []byte) map[string]json.RawMessage {
	m := make(map[string]json.RawMessage)
	for key, value := range members(object) {
		m[unescaped(key)] = value
	}
	return m
}

func elementList(list []byte) []json.RawMessage {
	var values []json.RawMessage
	for _, v := range elements(list) {
		values = append(values, v)
	}
	return values
}

// sameScalar also holds for one string escaped in two ways.
func sameScalar(a, b []byte) bool {
	if len(a) == 0 || len(b) == 0 || a[0] != '"' || b[0] != '"' {
		return false // equal bytes were seen by the caller
	}
	x, okX := text(a)
	y, okY := text(b)
	return okX && okY && x == y
}

// escapeToken writes a key as a token of a JSON pointer (RFC 6901 §3).
func escapeToken(key string) string {
	return strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
}

// setDifference returns what is only in one of two lists, in their order.
func setDifference[T any](before, after []T, key func(T) any) (removed, added []T) {
	only := func(list, other []T) []T {
		held := make(map[any]bool, len(other))
		for _, v := range other {
			held[key(v)] = true
		}
		var found []T
		for _, v := range list {
			if !held[key(v)] {
				found = append(found, v)
			}
		}
		return found
	}
	return only(before, after), only(after, before)
}
