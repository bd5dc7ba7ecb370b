package estate

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
)

// Builder gathers what collectors and files bring and makes an [Estate] of it.
// The zero value is ready. It is not safe for concurrent use.
type Builder struct {
	byKey    map[azward.ResourceKey]*Resource
	images   map[azward.Digest]*Resource
	listings []Listing
	gaps     []azward.Gap
}

// AddARM adds an ARM object. An object without an ID, or that is no object, is
// an error; when the ID is there already, the better read stays (ARM before
// Resource Graph before an export, then the later one).
func (b *Builder) AddARM(body json.RawMessage, from Provenance) error {
	var head struct {
		ID, Type, Name, Kind string
	}
	compacted, err := compact(body, &head)
	if err != nil {
		return fmt.Errorf("read ARM object: %w", err)
	}
	if head.ID == "" {
		return &azward.Error{
			Kind: azward.KindBadInput, Op: "read ARM object", Subject: fmt.Sprintf("%.80q", head.Name),
			Cause: "it has no id", Remedy: "export whole objects, as `az resource show` or an unprojected Resource Graph query return them",
		}
	}
	id, err := azward.ParseResourceID(head.ID)
	if err != nil {
		return err
	}
	if head.Type == "" {
		head.Type = id.Type()
	}
	if head.Name == "" {
		head.Name = id.Name()
	}
	b.put(&Resource{ID: id, Type: head.Type, Kind: head.Kind, Name: head.Name, Body: compacted, Provenance: from})
	return nil
}

// AddKubernetes adds an object of an AKS cluster. Lists must be taken apart by
// the caller.
func (b *Builder) AddKubernetes(cluster azward.ResourceID, body json.RawMessage, from Provenance) error {
	var head struct {
		APIVersion, Kind string
		Metadata         struct{ Name, Namespace string }
	}
	compacted, err := compact(body, &head)
	if err != nil {
		return fmt.Errorf("read Kubernetes object: %w", err)
	}
	if head.Kind == "" || head.APIVersion == "" || head.Metadata.Name == "" {
		return &azward.Error{
			Kind: azward.KindBadInput, Op: "read Kubernetes object", Subject: fmt.Sprintf("%.80q", head.Metadata.Name),
			Cause: "it lacks apiVersion, kind or metadata.name", Remedy: "export objects with `kubectl get … -o json`",
		}
	}
	group, version, grouped := strings.Cut(head.APIVersion, "/")
	if !grouped {
		group, version = "", head.APIVersion
	}
	kind := head.Kind
	if group != "" {
		kind += "." + group
	}
	from.APIVersion = head.APIVersion
	b.put(&Resource{
		ID:   cluster.Kubernetes(group, version, head.Metadata.Namespace, PluralOf(head.Kind), head.Metadata.Name),
		Type: "kubernetes", Kind: kind, Name: head.Metadata.Name, Namespace: head.Metadata.Namespace,
		Cluster: cluster, Body: compacted, Provenance: from,
	})
	return nil
}

// AddMSGraph adds a Microsoft Graph object; collection is the plural it is
// served under ("servicePrincipals").
func (b *Builder) AddMSGraph(collection string, body json.RawMessage, from Provenance) error {
	var head struct{ ID, DisplayName string }
	compacted, err := compact(body, &head)
	if err != nil {
		return fmt.Errorf("read Microsoft Graph object: %w", err)
	}
	if head.ID == "" {
		return &azward.Error{
			Kind: azward.KindBadInput, Op: "read Microsoft Graph object", Subject: fmt.Sprintf("%.80q", head.DisplayName),
			Cause: "it has no id", Remedy: "export whole objects, as GET https://graph.microsoft.com/v1.0/… returns them",
		}
	}
	id := azward.ResourceID("/providers/Microsoft.Graph/" + collection + "/" + head.ID)
	b.put(&Resource{ID: id, Type: "Microsoft.Graph/" + collection, Name: head.DisplayName, Body: compacted, Provenance: from})
	return nil
}

// AddImage adds what was found in an image.
func (b *Builder) AddImage(digest azward.Digest, body json.RawMessage, from Provenance) error {
	compacted, err := compact(body, nil)
	if err != nil {
		return fmt.Errorf("read image record: %w", err)
	}
	if b.images == nil {
		b.images = make(map[azward.Digest]*Resource)
	}
	b.images[digest] = &Resource{ID: azward.ResourceID(digest), Type: "image", Name: string(digest), Body: compacted, Provenance: from}
	return nil
}

// AddListing records how far a type was listed in a scope.
func (b *Builder) AddListing(l Listing) { b.listings = append(b.listings, l) }

// AddGap records what could not be read. The same gap twice is one.
func (b *Builder) AddGap(g azward.Gap) {
	if !slices.Contains(b.gaps, g) {
		b.gaps = append(b.gaps, g)
	}
}

// Build makes the estate. The builder is empty afterwards.
func (b *Builder) Build() *Estate {
	s := &snapshot{
		byKey: b.byKey, images: b.images, listings: b.listings, gaps: b.gaps,
		resources: make([]*Resource, 0, len(b.byKey)), byType: make(map[string][]*Resource),
	}
	for _, r := range b.byKey {
		s.resources = append(s.resources, r)
	}
	slices.SortFunc(s.resources, func(x, y *Resource) int { return cmp.Compare(x.ID.Key(), y.ID.Key()) })
	for _, r := range s.resources {
		key := strings.ToLower(r.TypeKey())
		s.byType[key] = append(s.byType[key], r)
	}
	slices.SortStableFunc(s.listings, func(x, y Listing) int {
		return cmp.Or(cmp.Compare(x.Scope.Key(), y.Scope.Key()), cmp.Compare(strings.ToLower(x.Type), strings.ToLower(y.Type)))
	})
	slices.SortStableFunc(s.gaps, compareGaps)
	*b = Builder{}
	return &Estate{snapshot: s}
}

func compareGaps(x, y azward.Gap) int {
	return cmp.Or(cmp.Compare(x.Scope.Key(), y.Scope.Key()), cmp.Compare(x.Reads, y.Reads), cmp.Compare(x.Needs, y.Needs), cmp.Compare(x.Error, y.Error))
}

func (b *Builder) put(r *Resource) {
	if b.byKey == nil {
		b.byKey = make(map[azward.ResourceKey]*Resource)
	}
	key := r.ID.Key()
	if held, ok := b.byKey[key]; ok && better(held.Provenance, r.Provenance) {
		return
	}
	b.byKey[key] = r
}

// better reports whether a's read outranks b's.
func better(a, b Provenance) bool {
	ga, gb := rank(a.Source), rank(b.Source)
	return ga > gb || ga == gb && a.ReadAt.After(b.ReadAt)
}

func rank(s azward.Source) int {
	switch s {
	case azward.SourceARM, azward.SourceKubernetes:
		return 2
	case azward.SourceResourceGraph:
		return 1
	default:
		return 0
	}
}

// compact checks that body is a JSON object, decodes its head, and returns it
// without white space.
func compact(body json.RawMessage, head any) (json.RawMessage, error) {
	trimmed := bytes.TrimSpace(body)
	if len(trimmed) == 0 || trimmed[0] != '{' {
		return nil, &azward.Error{Kind: azward.KindBadInput, Op: "read object", Cause: "it is not a JSON object", Remedy: "check the export"}
	}
	var out bytes.Buffer
	out.Grow(len(trimmed))
	if err := json.Compact(&out, trimmed); err != nil {
		return nil, &azward.Error{Kind: azward.KindBadInput, Op: "read object", Cause: "it is not valid JSON: " + err.Error(), Remedy: "check the export", Err: err}
	}
	if head != nil {
		if err := json.Unmarshal(out.Bytes(), head); err != nil {
			return nil, &azward.Error{Kind: azward.KindBadInput, Op: "read object", Cause: "its head has an unexpected shape: " + err.Error(), Remedy: "check the export", Err: err}
		}
	}
	return bytes.Clone(out.Bytes()), nil
}
