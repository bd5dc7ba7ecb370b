package web

import (
	"bytes"
	"encoding/json"
	"strings"
)

// maxRaw bounds a document as it is shown, in bytes.
const maxRaw = 128 << 10

// raw is a document as Azure or Kubernetes returned it, indented; estates keep
// no secrets. What is no JSON is not shown.
func raw(body json.RawMessage) string {
	var b bytes.Buffer
	if err := json.Indent(&b, body, "", "  "); err != nil {
		return "(not shown: it is no JSON)"
	}
	out := strings.TrimSpace(b.String())
	if len(out) > maxRaw {
		out = strings.ToValidUTF8(out[:maxRaw], "") + "\n… cut here; azward's export of the estate has all of it"
	}
	return clean(out)
}
