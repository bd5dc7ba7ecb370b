package arm

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/azward/azward/azuresim/inventory"
)

func isMachine(r *inventory.Resource) bool {
	t := strings.ToLower(r.Type)
	return t == "microsoft.compute/virtualmachines" || t == "microsoft.compute/virtualmachinescalesets/virtualmachines"
}

// withoutInstanceView hides the state that a GET gives only when expanded.
func withoutInstanceView(raw json.RawMessage) json.RawMessage {
	if !bytes.Contains(raw, []byte(`"instanceView"`)) {
		return raw
	}
	return edit(raw, "properties", func(properties map[string]json.RawMessage) { delete(properties, "instanceView") })
}

// edit changes one object field of a body; a body that does not have it stays.
func edit(raw json.RawMessage, name string, change func(map[string]json.RawMessage)) json.RawMessage {
	var fields, inner map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil || json.Unmarshal(fields[name], &inner) != nil || inner == nil {
		return raw
	}
	change(inner)
	changed, err := json.Marshal(inner)
	if err != nil {
		return raw
	}
	fields[name] = changed
	whole, err := json.Marshal(fields)
	if err != nil {
		return raw
	}
	return whole
}

// instanceView gives the recorded state, or one made of the power state that
// Resource Graph put into properties.extended; without either it has no
// statuses, and the state stays unknown.
func instanceView(r *inventory.Resource) json.RawMessage {
	var body struct {
		Properties struct {
			InstanceView json.RawMessage `json:"instanceView"`
			Extended     struct {
				InstanceView struct {
					PowerState struct {
						Code          string `json:"code"`
						DisplayStatus string `json:"displayStatus"`
					} `json:"powerState"`
				} `json:"instanceView"`
			} `json:"extended"`
		} `json:"properties"`
	}
	if json.Unmarshal(r.Body, &body) == nil {
		if len(body.Properties.InstanceView) > 0 {
			return body.Properties.InstanceView
		}
		if state := body.Properties.Extended.InstanceView.PowerState; state.Code != "" {
			made, err := json.Marshal(map[string]any{"statuses": []any{map[string]string{
				"code": state.Code, "level": "Info", "displayStatus": state.DisplayStatus,
			}}})
			if err == nil {
				return made
			}
		}
	}
	return json.RawMessage(`{"statuses":[]}`)
}
