package estate

import (
	"fmt"
	"time"

	"github.com/azward/azward"
)

// armHead is what the builder files an ARM object by.
type armHead struct {
	id, resourceType, name, kind string
	properties                   bool // a "properties" object is there
	maybe                        bool // its condition is known later
}

func (h *armHead) read(object []byte) error {
	for key, value := range members(object) {
		ok := true
		switch {
		case keyIs(key, "id"):
			h.id, ok = text(value)
		case keyIs(key, "type"):
			h.resourceType, ok = text(value)
		case keyIs(key, "name"):
			h.name, ok = text(value)
		case keyIs(key, "kind"):
			h.kind, ok = text(value)
		case keyIs(key, "properties"):
			h.properties = value[0] == '{'
		case keyIs(key, "condition"):
			s, _ := text(value)
			h.maybe = s == Later
		}
		if !ok {
			return fmt.Errorf("its %s is not a string", key)
		}
	}
	return nil
}

// kubernetesHead is what the builder files a Kubernetes object by.
type kubernetesHead struct {
	apiVersion, kind, name, namespace string
}

func (h *kubernetesHead) read(object []byte) error {
	for key, value := range members(object) {
		ok := true
		switch {
		case keyIs(key, "apiVersion"):
			h.apiVersion, ok = text(value)
		case keyIs(key, "kind"):
			h.kind, ok = text(value)
		case keyIs(key, "metadata"):
			if err := h.readMetadata(value); err != nil {
				return err
			}
		}
		if !ok {
			return fmt.Errorf("its %s is not a string", key)
		}
	}
	return nil
}

func (h *kubernetesHead) readMetadata(metadata []byte) error {
	for key, value := range members(metadata) {
		ok := true
		switch {
		case keyIs(key, "name"):
			h.name, ok = text(value)
		case keyIs(key, "namespace"):
			h.namespace, ok = text(value)
		}
		if !ok {
			return fmt.Errorf("its metadata.%s is not a string", key)
		}
	}
	return nil
}

func badHead(op string, err error) error {
	return &azward.Error{
		Kind: azward.KindBadInput, Op: op, Cause: "its head has an unexpected shape: " + err.Error(),
		Remedy: "export it again as the interface returns it", Err: err,
	}
}

// utc drops the zone, and the monotonic clock, that a time may carry, so that
// equal times are equal values.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Round(0)
}
