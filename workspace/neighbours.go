package workspace

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// maxNeighbours bounds what is told of one resource: a network has thousands.
const maxNeighbours = 500

// Relation says how a neighbour stands to a resource.
type Relation string

// Relations.
const (
	RefersTo   Relation = "refersTo"   // the resource's body names it
	ReferredBy Relation = "referredBy" // its body names the resource
	ParentOf   Relation = "parent"
	ChildOf    Relation = "child"
)

// Neighbour is a resource beside another.
type Neighbour struct {
	Relation Relation          `json:"relation"`
	ID       azward.ResourceID `json:"id"`
	Name     string            `json:"name"`
	Type     string            `json:"type"`
	Kind     string            `json:"kind,omitempty"`
	// Known says that the estate holds it. What is only named was not read, or
	// is not there.
	Known bool `json:"known"`
	// Property is the JSON pointer at which the resource's body names it.
	Property string `json:"property,omitempty"`
}

// Neighbours are what stands beside one resource, by relation and ID.
type Neighbours struct {
	Resource   Resource    `json:"resource"`
	Neighbours []Neighbour `json:"neighbours"`
	More       bool        `json:"more,omitempty"` // there are more than are told
}

// Neighbours of a resource in the newest estate that has it.
func (w *Workspace) Neighbours(ctx context.Context, id azward.ResourceID) (Neighbours, error) {
	k, r, err := w.find(ctx, id)
	if err != nil {
		return Neighbours{}, err
	}
	b := beside{estate: k.Estate, seen: map[string]bool{}, of: r}
	b.family()
	var body any
	if err := json.Unmarshal(r.Body, &body); err != nil {
		return Neighbours{}, fmt.Errorf("read %s: %w", r.ID, err)
	}
	b.named(body, "")
	for _, other := range k.Estate.Referrers(r.ID) {
		b.add(ReferredBy, other.ID, "")
	}
	slices.SortStableFunc(b.list, func(x, y Neighbour) int {
		return cmp.Or(cmp.Compare(x.Relation, y.Relation), cmp.Compare(x.ID.Key(), y.ID.Key()))
	})
	found := Neighbours{Resource: k.row(r), Neighbours: b.list, More: len(b.list) > maxNeighbours}
	found.Neighbours = append([]Neighbour{}, found.Neighbours[:min(len(b.list), maxNeighbours)]...)
	return found, nil
}

type beside struct {
	estate *estate.Estate
	of     *estate.Resource
	seen   map[string]bool
	list   []Neighbour
}

func (b *beside) add(relation Relation, id azward.ResourceID, property string) {
	key := string(relation) + string(id.Key())
	if b.seen[key] || id.Equal(b.of.ID) {
		return
	}
	b.seen[key] = true
	n := Neighbour{Relation: relation, ID: id, Name: id.Name(), Type: id.Type(), Property: property}
	if r, ok := b.estate.Resource(id); ok {
		n.ID, n.Name, n.Type, n.Kind, n.Known = r.ID, r.Name, r.Type, r.Kind, true
	}
	b.list = append(b.list, n)
}

// family adds the parent and the children.
func (b *beside) family() {
	if parent := b.of.ID.Parent(); parent != "" {
		if _, ok := b.estate.Resource(parent); ok {
			b.add(ParentOf, parent, "")
		}
	}
	if b.of.Cluster != "" {
		b.add(ParentOf, b.of.Cluster, "")
	}
	for r := range b.estate.All() {
		if len(b.list) > maxNeighbours {
			return
		}
		if r.ID.Within(b.of.ID) && (r.ID.Parent().Equal(b.of.ID) || r.Cluster.Equal(b.of.ID)) {
			b.add(ChildOf, r.ID, "")
		}
	}
}

// named adds what the body names: every text that is an ARM ID of something
// below a subscription.
func (b *beside) named(value any, pointer string) {
	if len(b.list) > maxNeighbours {
		return
	}
	switch v := value.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for key := range v {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		escape := strings.NewReplacer("~", "~0", "/", "~1")
		for _, key := range keys {
			b.named(v[key], pointer+"/"+escape.Replace(key))
		}
	case []any:
		for i, one := range v {
			b.named(one, pointer+"/"+strconv.Itoa(i))
		}
	case string:
		if !strings.HasPrefix(strings.ToLower(v), "/subscriptions/") {
			return
		}
		if id, err := azward.ParseResourceID(v); err == nil && id.Type() != "" && !id.Within(b.of.ID) {
			b.add(RefersTo, id, pointer)
		}
	}
}
