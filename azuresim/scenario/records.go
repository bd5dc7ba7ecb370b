package scenario

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// addARM takes an ARM object; its apiVersion field is the record's, and name
// and type are filled in from the ID where a person left them out.
func (s *Scenario) addARM(doc json.RawMessage) error {
	fields, err := decodeObject(doc)
	if err != nil {
		return err
	}
	version := ""
	if raw, ok := fields["apiVersion"]; ok {
		if json.Unmarshal(raw, &version) != nil {
			return errors.New("apiVersion is not a string")
		}
		delete(fields, "apiVersion")
	}
	id, err := text(fields, "id")
	if err != nil {
		return err
	}
	if err := checkID(id); err != nil {
		return err
	}
	fillName(fields, id)
	body, err := json.Marshal(fields)
	if err != nil {
		return fmt.Errorf("write %s: %w", id, err)
	}
	s.ARM = append(s.ARM, Record{ID: id, APIVersion: version, Body: body})
	return nil
}

// fillName gives subscriptions their own fields and everything else its name
// and type.
func fillName(fields map[string]json.RawMessage, id string) {
	segments := strings.Split(strings.Trim(id, "/"), "/")
	if len(segments) == 2 && strings.EqualFold(segments[0], "subscriptions") {
		setDefault(fields, "subscriptionId", segments[1])
		setDefault(fields, "state", "Enabled")
		return
	}
	setDefault(fields, "name", segments[len(segments)-1])
	setDefault(fields, "type", TypeOf(id))
}

func setDefault(fields map[string]json.RawMessage, key, value string) {
	if _, ok := fields[key]; ok || value == "" {
		return
	}
	if raw, err := json.Marshal(value); err == nil {
		fields[key] = raw
	}
}

// TypeOf reads the resource type out of an ARM ID as it is spelt there:
// "Microsoft.Network/virtualNetworks/subnets". Subscriptions, resource groups
// and tenants are of Microsoft.Resources.
func TypeOf(id string) string {
	at := strings.LastIndex(strings.ToLower(id), "/providers/")
	if at < 0 {
		switch strings.Count(strings.Trim(id, "/"), "/") {
		case 1:
			return "Microsoft.Resources/subscriptions"
		case 3:
			return "Microsoft.Resources/resourceGroups"
		}
		return ""
	}
	segments := strings.Split(strings.Trim(id[at+len("/providers/"):], "/"), "/")
	parts := segments[:1]
	for i := 1; i < len(segments); i += 2 {
		parts = append(parts, segments[i])
	}
	return strings.Join(parts, "/")
}

// checkID wants the shape of an ARM ID: absolute, pairs of type and name.
func checkID(id string) error {
	trimmed := strings.Trim(id, "/")
	switch {
	case !strings.HasPrefix(id, "/") || trimmed == "":
		return fmt.Errorf("id %.200q is not an ARM ID: it begins with /subscriptions/ or /providers/", id)
	case strings.Contains(trimmed, "//") || strings.ContainsAny(id, "?#%\n"):
		return fmt.Errorf("id %.200q has an empty segment or a character that no ARM ID has", id)
	case len(id) > maxIDBytes:
		return fmt.Errorf("id %.60q… is longer than %d bytes", id, maxIDBytes)
	}
	segments := strings.Split(trimmed, "/")
	first := strings.ToLower(segments[0])
	if first != "subscriptions" && first != "providers" {
		return fmt.Errorf("id %.200q does not begin with /subscriptions/ or /providers/", id)
	}
	provider := strings.LastIndex("/"+strings.ToLower(trimmed), "/providers/")
	if provider >= 0 {
		// After the namespace come pairs of type and name.
		tail := strings.Split(("/" + trimmed)[provider+len("/providers/"):], "/")
		if len(tail) < 3 || len(tail)%2 == 0 {
			return fmt.Errorf("id %.200q does not end in pairs of type and name", id)
		}
		return nil
	}
	if len(segments)%2 != 0 || len(segments) > 4 {
		return fmt.Errorf("id %.200q does not end in pairs of type and name", id)
	}
	return nil
}

const maxIDBytes = 4096 // bytes; Azure's own limit is lower, IDs end up in URLs

func (s *Scenario) addMSGraph(collection string, doc json.RawMessage) error {
	fields, err := decodeObject(doc)
	if err != nil {
		return err
	}
	if _, err := text(fields, "id"); err != nil {
		return err
	}
	s.MSGraph = append(s.MSGraph, DirectoryObject{Collection: collection, Body: doc})
	return nil
}

// addKubernetes takes an object with apiVersion and kind; a List is opened.
func (s *Scenario) addKubernetes(cluster string, doc json.RawMessage) error {
	fields, err := decodeObject(doc)
	if err != nil {
		return err
	}
	kind, err := text(fields, "kind")
	if err != nil {
		return err
	}
	if _, err := text(fields, "apiVersion"); err != nil {
		return err
	}
	if kind == "List" {
		var items []json.RawMessage
		if err := json.Unmarshal(fields["items"], &items); err != nil {
			return fmt.Errorf("read items of a List: %w", err)
		}
		for _, item := range items {
			if err := s.addKubernetes(cluster, item); err != nil {
				return err
			}
		}
		return nil
	}
	if s.Kubernetes == nil {
		s.Kubernetes = map[string][]json.RawMessage{}
	}
	s.Kubernetes[cluster] = append(s.Kubernetes[cluster], doc)
	return nil
}

func decodeObject(doc json.RawMessage) (map[string]json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(doc, &fields); err != nil || fields == nil {
		return nil, errors.New("an object with fields was expected here")
	}
	return fields, nil
}

func text(fields map[string]json.RawMessage, key string) (string, error) {
	var s string
	raw, ok := fields[key]
	if !ok || bytes.Equal(raw, []byte("null")) {
		return "", fmt.Errorf("the object has no %s", key)
	}
	if err := json.Unmarshal(raw, &s); err != nil || s == "" {
		return "", fmt.Errorf("the object's %s is not a text", key)
	}
	return s, nil
}
