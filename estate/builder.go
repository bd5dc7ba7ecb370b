package estate

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/azward/azward"
)

// Builder gathers what collectors and files bring and makes an [Estate] of it.
// The zero value is ready. It is not safe for concurrent use.
type Builder struct {
	byKey    map[azward.ResourceKey]*Resource
	images   map[azward.Digest]*Resource
	listings map[Listing]struct{}
	gaps     map[azward.Gap]struct{}

	// replace lets whatever is added stand in the place of what is there: a
	// plan over an estate.
	replace bool
	// asIs keeps secrets, see [ReadOptions.AsIs].
	asIs bool

	words   map[string]string // types, kinds, clusters …: one string for each
	scratch bytes.Buffer      // for compaction
}

// AddARM adds an ARM object. An object without an ID, or that is no object, is
// an error; when the ID is there already, the better read stays (ARM before
// Resource Graph before an export, then the later one).
func (b *Builder) AddARM(body json.RawMessage, from Provenance) error {
	const op = "read ARM object"
	object, err := b.compact(op, body)
	if err != nil {
		return err
	}
	return b.addARM(object, from)
}

// addARM adds an object that is compact already and is copied here.
func (b *Builder) addARM(object []byte, from Provenance) error {
	const op = "read ARM object"
	var head armHead
	if err := head.read(object); err != nil {
		return badHead(op, err)
	}
	if head.id == "" {
		return &azward.Error{
			Kind: azward.KindBadInput, Op: op, Subject: fmt.Sprintf("%.80q", head.name),
			Cause: "it has no id", Remedy: "export whole objects, as `az resource show` or an unprojected Resource Graph query return them",
		}
	}
	id, err := azward.ParseResourceID(head.id)
	if err != nil {
		return err
	}
	if head.resourceType == "" {
		head.resourceType = id.Type()
	}
	if head.name == "" || strings.HasSuffix(string(id), "/"+head.name) {
		head.name = id.Name()
	}
	r := &Resource{
		ID: id, Type: b.word(head.resourceType), Kind: b.word(head.kind), Name: head.name,
		Body: b.kept(object), Provenance: b.provenance(from),
	}
	r.maybe = head.maybe && r.Source == azward.SourceTemplate
	r.incomplete = !head.properties && copied(r.Source) && !bareTypes[strings.ToLower(r.Type)]
	b.put(r)
	return nil
}

// copied reports whether a source may leave properties out without saying so.
func copied(s azward.Source) bool {
	return s == azward.SourceExport || s == azward.SourceResourceGraph
}

// bareTypes have no properties in ARM either.
var bareTypes = map[string]bool{
	"microsoft.resources/subscriptions": true,
	"microsoft.resources/tenants":       true,
	"microsoft.resources/locations":     true,
}

// AddKubernetes adds an object of a cluster. Lists must be taken apart by the
// caller.
func (b *Builder) AddKubernetes(cluster azward.ResourceID, body json.RawMessage, from Provenance) error {
	object, err := b.compact("read Kubernetes object", body)
	if err != nil {
		return err
	}
	return b.addKubernetes(cluster, object, from)
}

func (b *Builder) addKubernetes(cluster azward.ResourceID, object []byte, from Provenance) error {
	const op = "read Kubernetes object"
	var head kubernetesHead
	if err := head.read(object); err != nil {
		return badHead(op, err)
	}
	bad := func(cause string) error {
		return &azward.Error{
			Kind: azward.KindBadInput, Op: op, Subject: fmt.Sprintf("%.80q", head.name),
			Cause: cause, Remedy: "export objects with `kubectl get … -o json`",
		}
	}
	switch {
	case head.kind == "" || head.apiVersion == "" || head.name == "":
		return bad("it lacks apiVersion, kind or metadata.name")
	case !pathSafe(head.kind) || !pathSafe(head.name) || !pathSafe(head.namespace) || strings.Count(head.apiVersion, "/") > 1:
		return bad("its apiVersion, kind, name or namespace holds characters that Kubernetes does not allow")
	}
	group, version, grouped := strings.Cut(head.apiVersion, "/")
	if !grouped {
		group, version = "", head.apiVersion
	}
	id, err := azward.ParseResourceID(string(cluster.Kubernetes(group, version, head.namespace, PluralOf(head.kind), head.name)))
	if err != nil {
		return err
	}
	kind := head.kind
	if group != "" {
		kind += "." + group
	}
	from.APIVersion = head.apiVersion
	b.put(&Resource{
		ID: id, Type: kubernetesType, Kind: b.word(kind), Name: id.Name(), Namespace: b.word(head.namespace),
		Cluster: azward.ResourceID(b.word(string(cluster))), Body: b.kept(object), Provenance: b.provenance(from),
	})
	return nil
}

// kubernetesType is the [Resource.Type] of Kubernetes objects, imageType that
// of image records.
const (
	kubernetesType = "kubernetes"
	imageType      = "image"
)

// pathSafe holds for what may stand in a path segment of a Kubernetes API.
//
// Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#path-segment-names
func pathSafe(s string) bool {
	return !strings.ContainsAny(s, "/%\x00\r\n\t") && s != "." && s != ".."
}

// AddMSGraph adds a Microsoft Graph object; collection is the plural it is
// served under ("servicePrincipals").
func (b *Builder) AddMSGraph(collection string, body json.RawMessage, from Provenance) error {
	const op = "read Microsoft Graph object"
	object, err := b.compact(op, body)
	if err != nil {
		return err
	}
	var id, name string
	for key, value := range members(object) {
		ok := true
		switch {
		case keyIs(key, "id"):
			id, ok = text(value)
		case keyIs(key, "displayName"):
			name, ok = text(value)
		}
		if !ok {
			return badHead(op, fmt.Errorf("%s is not a string", key))
		}
	}
	if id == "" || collection == "" || !pathSafe(id) || !pathSafe(collection) {
		return &azward.Error{
			Kind: azward.KindBadInput, Op: op, Subject: fmt.Sprintf("%.80q", name),
			Cause: "it has no id, or its collection is not named", Remedy: "export whole objects, as GET https://graph.microsoft.com/v1.0/… returns them",
		}
	}
	full, err := azward.ParseResourceID(msgraphPrefix + collection + "/" + id)
	if err != nil {
		return err
	}
	b.put(&Resource{
		ID: full, Type: b.word(msgraphType + collection), Name: name,
		Body: b.kept(object), Provenance: b.provenance(from),
	})
	return nil
}

// msgraphType begins the types, msgraphPrefix the IDs, of Microsoft Graph's
// objects.
const (
	msgraphType   = "Microsoft.Graph/"
	msgraphPrefix = "/providers/" + msgraphType
)

// AddImage adds what was found in an image.
func (b *Builder) AddImage(digest azward.Digest, body json.RawMessage, from Provenance) error {
	const op = "read image record"
	object, err := b.compact(op, body)
	if err != nil {
		return err
	}
	if digest == "" {
		return &azward.Error{Kind: azward.KindBadInput, Op: op, Cause: "it has no digest", Remedy: "scan the image again"}
	}
	if b.images == nil {
		b.images = make(map[azward.Digest]*Resource)
	}
	r := &Resource{
		ID: azward.ResourceID(digest), Type: imageType, Name: string(digest),
		Body: bytes.Clone(object), Provenance: b.provenance(from),
	}
	if held, ok := b.images[digest]; !ok || !better(held.Provenance, r.Provenance) {
		b.images[digest] = r
	}
	return nil
}

// kept is what the estate keeps of a compact object: a copy without secrets.
func (b *Builder) kept(object []byte) json.RawMessage {
	if b.asIs {
		return bytes.Clone(object)
	}
	return bytes.Clone(withoutSecrets(object))
}

// AddListing records how far a type was listed in a scope.
func (b *Builder) AddListing(l Listing) {
	if b.listings == nil {
		b.listings = make(map[Listing]struct{})
	}
	l.Scope, l.Type, l.ReadAt = azward.ResourceID(valid(string(l.Scope))), valid(l.Type), utc(l.ReadAt)
	b.listings[l] = struct{}{}
}

// AddGap records what could not be read. The same gap twice is one.
func (b *Builder) AddGap(g azward.Gap) {
	if b.gaps == nil {
		b.gaps = make(map[azward.Gap]struct{})
	}
	g.Scope, g.Reads, g.Needs = azward.ResourceID(valid(string(g.Scope))), valid(g.Reads), valid(g.Needs)
	g.Error, g.Remedy = valid(g.Error), valid(g.Remedy)
	b.gaps[g] = struct{}{}
}

// valid replaces what is not UTF-8, as JSON would when it is written.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// Build makes the estate. The builder is empty afterwards.
func (b *Builder) Build() *Estate {
	for _, r := range b.byKey {
		if r.incomplete {
			b.AddGap(withoutProperties(r))
		}
	}
	s := &snapshot{
		byKey: b.byKey, images: b.images,
		listings:  slices.SortedFunc(maps.Keys(b.listings), compareListings),
		gaps:      slices.SortedFunc(maps.Keys(b.gaps), compareGaps),
		resources: make([]*Resource, 0, len(b.byKey)),
		byType:    make(map[string][]*Resource),
	}
	for _, r := range b.byKey {
		s.resources = append(s.resources, r)
	}
	slices.SortFunc(s.resources, func(x, y *Resource) int { return strings.Compare(string(x.key), string(y.key)) })
	lower := make(map[string]string)
	for _, r := range s.resources {
		typeKey := r.TypeKey()
		key, ok := lower[typeKey]
		if !ok {
			key = strings.ToLower(typeKey)
			lower[typeKey] = key
		}
		s.byType[key] = append(s.byType[key], r)
	}
	s.indexCoverage()
	*b = Builder{}
	return &Estate{snapshot: s}
}

// withoutProperties is the gap that an incomplete resource leaves: one for
// each type and subscription.
func withoutProperties(r *Resource) azward.Gap {
	scope := r.ID.SubscriptionScope()
	if scope == "" {
		scope = "/"
	}
	return azward.Gap{
		Scope: scope, Kind: azward.GapNotRead, Reads: r.Type, Needs: r.Type + "/read",
		Error:  "the export holds resources of this type without their properties",
		Remedy: "export whole objects: `az resource show --ids …`, or a Resource Graph query that projects properties",
	}
}

func compareListings(x, y Listing) int {
	return cmp.Or(
		cmp.Compare(x.Scope.Key(), y.Scope.Key()), cmp.Compare(strings.ToLower(x.Type), strings.ToLower(y.Type)),
		cmp.Compare(x.Status, y.Status), x.ReadAt.Compare(y.ReadAt), cmp.Compare(x.Pages, y.Pages), cmp.Compare(x.Via, y.Via), ownLast(x, y),
		cmp.Compare(x.Scope, y.Scope), cmp.Compare(x.Type, y.Type),
	)
}

func ownLast(x, y Listing) int {
	switch {
	case x.Own == y.Own:
		return 0
	case x.Own:
		return 1
	default:
		return -1
	}
}

func compareGaps(x, y azward.Gap) int {
	return cmp.Or(
		cmp.Compare(x.Scope.Key(), y.Scope.Key()), cmp.Compare(x.Reads, y.Reads), cmp.Compare(x.Needs, y.Needs),
		cmp.Compare(x.Error, y.Error), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Remedy, y.Remedy), cmp.Compare(x.Scope, y.Scope),
	)
}

func (b *Builder) put(r *Resource) {
	if b.byKey == nil {
		b.byKey = make(map[azward.ResourceKey]*Resource)
	}
	r.key = r.ID.Key()
	if held, ok := b.byKey[r.key]; ok && !b.replace && !replaces(held, r) {
		return
	}
	b.byKey[r.key] = r
}

// replaces reports whether r takes the place of what is held under its ID: a
// whole object that of an incomplete one, whoever gave them.
func replaces(held, r *Resource) bool {
	if held.incomplete != r.incomplete {
		return held.incomplete
	}
	return !better(held.Provenance, r.Provenance)
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

// word returns one shared copy of a string that many resources repeat.
func (b *Builder) word(s string) string {
	if held, ok := b.words[s]; ok {
		return held
	}
	if b.words == nil {
		b.words = make(map[string]string)
	}
	s = strings.Clone(s)
	b.words[s] = s
	return s
}

// provenance shares its strings. What comes from nowhere is taken for an
// export: whoever read it from Azure says so.
func (b *Builder) provenance(from Provenance) Provenance {
	if from.Source == "" {
		from.Source = azward.SourceExport
	}
	return Provenance{
		Source: azward.Source(b.word(string(from.Source))), APIVersion: b.word(from.APIVersion), ReadAt: utc(from.ReadAt),
	}
}

// compact checks that body is one JSON object and returns it without white
// space, in a buffer that the next call overwrites.
func (b *Builder) compact(op string, body []byte) ([]byte, error) {
	b.scratch.Reset()
	object, err := compactJSON(&b.scratch, body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	if len(object) == 0 || object[0] != '{' {
		return nil, &azward.Error{Kind: azward.KindBadInput, Op: op, Cause: "it is not a JSON object", Remedy: "check the export"}
	}
	return object, nil
}
