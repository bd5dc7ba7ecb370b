package arm

import (
	"encoding/json"
	"strings"
)

// respell writes the body's own ID in another case, as Azure's endpoints do
// among themselves. The empty form leaves it as recorded.
func respell(raw json.RawMessage, id, form string) json.RawMessage {
	spelt := Respell(id, form)
	if spelt == id {
		return raw
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil || fields == nil {
		return raw
	}
	quoted, err := json.Marshal(spelt)
	if err != nil {
		return raw
	}
	fields["id"] = quoted
	whole, err := json.Marshal(fields)
	if err != nil {
		return raw
	}
	return whole
}

// Respell gives an ID in the form that a scenario's idCase names.
func Respell(id, form string) string {
	switch form {
	case "lower":
		return strings.ToLower(id)
	case "upper":
		return strings.ToUpper(id)
	case "upperGroup":
		segments := strings.Split(id, "/")
		if len(segments) > 4 && strings.EqualFold(segments[3], "resourceGroups") {
			segments[4] = strings.ToUpper(segments[4])
		}
		return strings.Join(segments, "/")
	}
	return id
}
