package estate

import (
	"bytes"
	"strings"
)

// Later is the text that stands in a planned object for a value which is known
// when it is deployed alone. The value may be anything, unset too.
const Later = "(known after apply)"

// LaterName stands within a text of which a part is known later: a name that
// is made of a hash, the ID of something that has such a name. That the text is
// set is known, and not what it is.
const LaterName = "known-after-apply"

// HoldsLater reports whether a document has a value that is known later.
func HoldsLater(body []byte) bool {
	return bytes.Contains(body, []byte(Later)) || bytes.Contains(body, []byte(LaterName))
}

// PartlyLater reports whether a part of a text is known later.
func PartlyLater(s string) bool {
	return strings.Contains(s, LaterName) || strings.Contains(s, Later)
}
