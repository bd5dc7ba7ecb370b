package terraform

import "bytes"

// addressLines notes, while a plan is read, in which line the address of each
// change stands. The sections before and after name addresses, too.
type addressLines struct {
	lines map[string]int // from 1

	line    int // of what is read, from 0
	text    []byte
	inText  bool
	escaped bool
	last    string // the last string, to tell keys
	key     string
	section bool // within resource_changes
}

// maxAddress bounds what is kept of a string: longer ones are no address.
const maxAddress = 2048

// Write takes the next bytes of the plan.
func (a *addressLines) Write(b []byte) (int, error) {
	for _, c := range b {
		switch {
		case a.inText && a.escaped:
			a.escaped = false
			a.keep(c)
		case a.inText && c == '\\':
			a.escaped = true
		case a.inText && c == '"':
			a.inText = false
			a.word()
		case a.inText:
			a.keep(c)
		case c == '"':
			a.inText, a.text = true, a.text[:0]
		case c == ':':
			a.key = a.last
			switch a.key {
			case "resource_changes":
				a.section = true
			case "output_changes", "prior_state", "configuration", "planned_values", "relevant_attributes", "checks":
				a.section = false
			}
		case c == ',' || c == '{' || c == '}' || c == '[' || c == ']':
			a.key = ""
		case c == '\n':
			a.line++
		}
	}
	return len(b), nil
}

func (a *addressLines) keep(c byte) {
	if len(a.text) <= maxAddress {
		a.text = append(a.text, c)
	}
}

// word takes a whole string.
func (a *addressLines) word() {
	if a.section && a.key == "address" && len(a.text) <= maxAddress {
		if a.lines == nil {
			a.lines = map[string]int{}
		}
		if _, known := a.lines[string(a.text)]; !known {
			a.lines[string(a.text)] = a.line + 1
		}
		return
	}
	if len(a.text) <= len("relevant_attributes") {
		a.last = string(bytes.Clone(a.text))
	} else {
		a.last = ""
	}
}
