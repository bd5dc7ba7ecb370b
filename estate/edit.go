package estate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/azward/azward"
)

// Edit is a change that somebody thinks of making.
type Edit struct {
	Resource azward.ResourceID
	// Property is a JSON pointer (RFC 6901) into the resource's body, or the
	// dotted path that `az resource update --set` takes
	// ("properties.publicNetworkAccess"). "" means the whole resource.
	Property string
	// Value to put there; nil takes the property, or the resource, away.
	Value json.RawMessage
}

// With is the estate with edits: all that they do not name is shared. What is
// edited rests on the user's word. An edit of a resource that is not there, or
// of a property below something that is no object and no list, is an error.
func (e *Estate) With(edits ...Edit) (*Estate, error) {
	var b Builder
	b.byKey, b.images = maps.Clone(e.byKey), maps.Clone(e.images)
	b.listings, b.gaps = map[Listing]struct{}{}, map[azward.Gap]struct{}{}
	for _, l := range e.listings {
		b.listings[l] = struct{}{}
	}
	for _, g := range e.gaps {
		b.gaps[g] = struct{}{}
	}
	for _, edit := range edits {
		r, ok := b.byKey[edit.Resource.Key()]
		if !ok {
			return nil, edit.wrong(azward.KindNotFound, "the estate holds no resource of this ID", "`azward exposure --output json` names workloads; the portal's Properties page names others")
		}
		if edit.Property == "" && edit.Value == nil {
			delete(b.byKey, r.key)
			continue
		}
		body, err := edit.apply(r.Body)
		if err != nil {
			return nil, err
		}
		from := Provenance{Source: azward.SourceUser, APIVersion: r.APIVersion, ReadAt: r.ReadAt}
		delete(b.byKey, r.key)
		if r.Cluster != "" {
			err = b.AddKubernetes(r.Cluster, body, from)
		} else {
			err = b.AddARM(body, from)
		}
		if err != nil {
			return nil, err
		}
		if b.byKey[r.key] == nil {
			return nil, edit.wrong(azward.KindUsage, "the edit would give the resource another ID", "edit its properties, not its name or type")
		}
	}
	return b.Build(), nil
}

func (edit Edit) wrong(kind azward.Kind, cause, remedy string) error {
	return &azward.Error{Kind: kind, Op: "edit", Subject: fmt.Sprintf("%.200s:%.200s", edit.Resource, edit.Property), Cause: cause, Remedy: remedy}
}

// maxEditDepth bounds how deep an edit may go: no body is deeper.
const maxEditDepth = maxDepth

func (edit Edit) apply(body []byte) ([]byte, error) {
	var document any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&document); err != nil {
		return nil, fmt.Errorf("read %s: %w", edit.Resource, err)
	}
	var value any
	if edit.Value != nil {
		decoder = json.NewDecoder(bytes.NewReader(edit.Value))
		decoder.UseNumber()
		if err := decoder.Decode(&value); err != nil {
			return nil, edit.wrong(azward.KindUsage, "the value is not JSON: "+err.Error(), "write text in double quotes, or as it is on the command line")
		}
	}
	path := edit.path()
	if len(path) > maxEditDepth {
		return nil, edit.wrong(azward.KindUsage, fmt.Sprintf("the property is more than %d levels deep", maxEditDepth), "name a property of the resource")
	}
	changed, err := edit.put(document, path, value)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(changed); err != nil {
		return nil, fmt.Errorf("write %s: %w", edit.Resource, err)
	}
	return out.Bytes(), nil
}

func (edit Edit) path() []string {
	switch {
	case edit.Property == "":
		return nil
	case strings.HasPrefix(edit.Property, "/"):
		tokens := strings.Split(edit.Property[1:], "/")
		for i, t := range tokens {
			tokens[i] = strings.ReplaceAll(strings.ReplaceAll(t, "~1", "/"), "~0", "~")
		}
		return tokens
	}
	return strings.Split(strings.NewReplacer("[", ".", "]", "").Replace(edit.Property), ".")
}

// put sets or removes the value at a path and returns the changed document.
// Objects on the way that are not there are made; "-" appends to a list.
func (edit Edit) put(at any, path []string, value any) (any, error) {
	if len(path) == 0 {
		return value, nil
	}
	switch v := at.(type) {
	case nil:
		if edit.Value == nil {
			return nil, nil //nolint:nilnil // what is not there is taken away already
		}
		return edit.put(map[string]any{}, path, value)
	case map[string]any:
		key := path[0]
		if _, exact := v[key]; !exact { // Azure takes its properties' names in any case
			for _, have := range slices.Sorted(maps.Keys(v)) {
				if strings.EqualFold(have, key) {
					key = have
					break
				}
			}
		}
		if len(path) == 1 && edit.Value == nil {
			delete(v, key)
			return v, nil
		}
		below, err := edit.put(v[key], path[1:], value)
		if err == nil && (below != nil || edit.Value != nil) {
			v[key] = below
		}
		return v, err
	case []any:
		i, err := strconv.Atoi(path[0])
		if path[0] == "-" && edit.Value != nil {
			i, err = len(v), nil
			v = append(v, nil)
		}
		if err != nil || i < 0 || i >= len(v) {
			return nil, edit.wrong(azward.KindUsage, fmt.Sprintf("%.40q is no place of a list of %d", path[0], len(v)), "count from 0, or use - to append")
		}
		if len(path) == 1 && edit.Value == nil {
			return slices.Delete(v, i, i+1), nil
		}
		v[i], err = edit.put(v[i], path[1:], value)
		return v, err
	}
	return nil, edit.wrong(azward.KindUsage, fmt.Sprintf("%.40q is below a value that is neither object nor list", path[0]), "look at the resource: az resource show --ids …")
}
