package kubeapi

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

//go:embed builtin.txt
var builtin string

// resource is one kind of object at one version.
type resource struct {
	group, version   string // group "" is the core group
	plural, singular string
	kind, listKind   string
	namespaced       bool
	custom           bool // items of a custom resource's list carry their kind
	short            []string
	objects          *shelf
}

func (r *resource) apiVersion() string {
	if r.group == "" {
		return r.version
	}
	return r.group + "/" + r.version
}

// shelf holds the objects of a resource; versions of a custom resource share
// one. Sorted by namespace and name, as etcd does.
type shelf struct{ items []*object }

type object struct {
	namespace, name string
	labels          map[string]string
	created         string
	// fields are what field selectors see beyond metadata.
	fields map[string]string
	// body is the object's members without apiVersion and kind.
	body map[string]json.RawMessage
}

func (o *object) key() string { return o.namespace + "/" + o.name }

// catalogue is everything that is served.
type catalogue struct {
	resources []*resource // by group, version, plural
	version   int64       // resourceVersion of lists
}

func newCatalogue(raw []json.RawMessage) (*catalogue, error) {
	c := &catalogue{version: 1}
	for line := range strings.Lines(builtin) {
		f := strings.Fields(line)
		if len(f) < 5 || f[0] == "#" {
			continue
		}
		r := &resource{group: strings.TrimPrefix(f[0], "-"), version: f[1], plural: f[2], kind: f[3], namespaced: f[4] == "namespaced", objects: &shelf{}}
		if len(f) > 5 {
			r.short = strings.Split(f[5], ",")
		}
		c.add(r)
	}
	heads, err := flatten(raw)
	if err != nil {
		return nil, err
	}
	for _, h := range heads {
		if h.Kind == "CustomResourceDefinition" {
			if err := c.define(h); err != nil {
				return nil, err
			}
		}
	}
	for _, h := range heads {
		if err := c.put(h); err != nil {
			return nil, err
		}
	}
	for _, r := range c.resources {
		slices.SortStableFunc(r.objects.items, func(a, b *object) int { return strings.Compare(a.key(), b.key()) })
	}
	slices.SortStableFunc(c.resources, func(a, b *resource) int {
		return strings.Compare(a.group+"\x00"+a.version+"\x00"+a.plural, b.group+"\x00"+b.version+"\x00"+b.plural)
	})
	return c, nil
}

func (c *catalogue) add(r *resource) {
	r.singular, r.listKind = strings.ToLower(r.kind), r.kind+"List"
	c.resources = append(c.resources, r)
}

// head is what the catalogue itself reads of an object.
type head struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Items      []json.RawMessage `json:"items"`
	Metadata   struct {
		Name              string            `json:"name"`
		Namespace         string            `json:"namespace"`
		Labels            map[string]string `json:"labels"`
		CreationTimestamp string            `json:"creationTimestamp"`
		ResourceVersion   string            `json:"resourceVersion"`
	} `json:"metadata"`
	raw json.RawMessage
}

const maxListDepth = 3 // a List of Lists is legal; deeper is a mistake or an attack

func flatten(raw []json.RawMessage) ([]head, error) {
	var out []head
	var walk func(r json.RawMessage, depth int, inherit string) error
	walk = func(r json.RawMessage, depth int, inherit string) error {
		var h head
		if err := json.Unmarshal(r, &h); err != nil {
			return fmt.Errorf("read an object: %w", err)
		}
		if kind, isList := strings.CutSuffix(h.Kind, "List"); isList && h.Items != nil {
			if depth == 0 {
				return errors.New("read a list: it is nested too deeply")
			}
			if kind != "" { // items of a PodList carry no kind
				inherit = h.APIVersion + " " + kind
			}
			for _, item := range h.Items {
				if err := walk(item, depth-1, inherit); err != nil {
					return err
				}
			}
			return nil
		}
		if h.Kind == "" && inherit != "" {
			h.APIVersion, h.Kind, _ = strings.Cut(inherit, " ")
		}
		if h.APIVersion == "" || h.Kind == "" || h.Metadata.Name == "" {
			return fmt.Errorf("an object (%.40q, %.40q, %.80q) lacks apiVersion, kind or name", h.APIVersion, h.Kind, h.Metadata.Name)
		}
		h.raw = r
		out = append(out, h)
		return nil
	}
	for i, r := range raw {
		if err := walk(r, maxListDepth, ""); err != nil {
			return nil, fmt.Errorf("object %d: %w", i+1, err)
		}
	}
	return out, nil
}

// define serves the versions of a custom resource definition.
func (c *catalogue) define(h head) error {
	var crd struct {
		Spec struct {
			Group string `json:"group"`
			Scope string `json:"scope"`
			Names struct {
				Plural     string   `json:"plural"`
				Kind       string   `json:"kind"`
				ShortNames []string `json:"shortNames"`
			} `json:"names"`
			Versions []struct {
				Name   string `json:"name"`
				Served bool   `json:"served"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(h.raw, &crd); err != nil {
		return fmt.Errorf("read the definition %.80q: %w", h.Metadata.Name, err)
	}
	s := crd.Spec
	if s.Group == "" || s.Names.Plural == "" || s.Names.Kind == "" {
		return nil // listed as an object; defines nothing we could serve
	}
	objects := &shelf{}
	for _, v := range s.Versions {
		if v.Served && c.find(s.Group, v.Name, s.Names.Plural) == nil {
			c.add(&resource{
				group: s.Group, version: v.Name, plural: s.Names.Plural, kind: s.Names.Kind,
				namespaced: s.Scope != "Cluster", custom: true, short: s.Names.ShortNames, objects: objects,
			})
		}
	}
	return nil
}

func (c *catalogue) put(h head) error {
	group, version, _ := strings.Cut(h.APIVersion, "/")
	if version == "" {
		group, version = "", h.APIVersion
	}
	i := slices.IndexFunc(c.resources, func(r *resource) bool {
		return r.group == group && r.version == version && r.kind == h.Kind
	})
	if i < 0 {
		c.add(&resource{
			group: group, version: version, plural: plural(h.Kind), kind: h.Kind,
			namespaced: h.Metadata.Namespace != "", custom: group != "", objects: &shelf{},
		})
		i = len(c.resources) - 1
	}
	r := c.resources[i]
	o, err := newObject(h)
	if err != nil {
		return err
	}
	if r.namespaced && o.namespace == "" {
		o.namespace = "default"
	}
	if v, err := strconv.ParseInt(h.Metadata.ResourceVersion, 10, 64); err == nil {
		c.version = max(c.version, v)
	}
	if at := slices.IndexFunc(r.objects.items, func(p *object) bool { return p.key() == o.key() }); at >= 0 {
		r.objects.items[at] = o
		return nil
	}
	r.objects.items = append(r.objects.items, o)
	return nil
}

// plural spells a kind as its resource, the way that tools generate it.
func plural(kind string) string {
	s := strings.ToLower(kind)
	switch {
	case strings.HasSuffix(s, "s"), strings.HasSuffix(s, "x"), strings.HasSuffix(s, "ch"), strings.HasSuffix(s, "sh"):
		return s + "es"
	case strings.HasSuffix(s, "y") && len(s) > 1 && !strings.ContainsRune("aeiou", rune(s[len(s)-2])):
		return s[:len(s)-1] + "ies"
	default:
		return s + "s"
	}
}

func newObject(h head) (*object, error) {
	o := &object{namespace: h.Metadata.Namespace, name: h.Metadata.Name, labels: h.Metadata.Labels, created: h.Metadata.CreationTimestamp}
	if err := json.Unmarshal(h.raw, &o.body); err != nil {
		return nil, fmt.Errorf("read %s %.80q: %w", h.Kind, o.key(), err)
	}
	delete(o.body, "apiVersion")
	delete(o.body, "kind")
	for k, v := range o.body {
		var b bytes.Buffer
		if err := json.Compact(&b, v); err != nil {
			return nil, fmt.Errorf("read %s %.80q: %w", h.Kind, o.key(), err)
		}
		o.body[k] = b.Bytes()
	}
	o.fields = map[string]string{"metadata.name": o.name, "metadata.namespace": o.namespace}
	for _, path := range selectable[h.Kind] {
		section, field, _ := strings.Cut(path, ".")
		var members map[string]json.RawMessage
		value := ""
		if json.Unmarshal(o.body[section], &members) == nil && json.Unmarshal(members[field], &value) != nil {
			value = strings.Trim(string(members[field]), `"`) // hostNetwork: true
		}
		o.fields[path] = value
	}
	return o, nil
}

// selectable are the field labels beyond metadata that a kind supports.
// https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/#list-of-supported-fields
var selectable = map[string][]string{
	"Pod":       {"spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork", "status.phase", "status.podIP", "status.nominatedNodeName"},
	"Node":      {"spec.unschedulable"},
	"Namespace": {"status.phase"},
	"Secret":    {"type"},
	"Event":     {"reason", "type"},
	"Job":       {"status.successful"},
	"Service":   {"spec.clusterIP", "spec.type"},
}

// write gives the object with its members in order; apiVersion and kind only
// when told, since items of a typed list have none.
func (o *object) write(r *resource, typed bool) json.RawMessage {
	var b bytes.Buffer
	b.WriteByte('{')
	if typed {
		fmt.Fprintf(&b, `"apiVersion":%q,"kind":%q`, r.apiVersion(), r.kind)
	}
	for _, k := range slices.Sorted(maps.Keys(o.body)) {
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(k)
		if err != nil {
			continue // a string always marshals
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(o.body[k])
	}
	b.WriteByte('}')
	return b.Bytes()
}

func (c *catalogue) find(group, version, plural string) *resource {
	for _, r := range c.resources {
		if r.group == group && r.version == version && r.plural == plural {
			return r
		}
	}
	return nil
}

// serves says whether anything is known of a group and version.
func (c *catalogue) serves(group, version string) bool {
	return slices.ContainsFunc(c.resources, func(r *resource) bool { return r.group == group && r.version == version }) ||
		reviewVersions[group] == version && version != ""
}
