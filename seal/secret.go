package seal

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Secret is a string that shows itself nowhere: every verb of fmt, JSON, text,
// gob, YAML and slog give "[redacted]". [Secret.Reveal] reads it out, the one
// call to search for. The zero value is the empty secret.
//
// The value sits in a closure: fmt calls no methods on unexported fields of a
// struct and would print a plain field of it.
type Secret struct {
	reveal func() string
}

// NewSecret wraps value.
func NewSecret(value string) Secret {
	return Secret{reveal: func() string { return value }}
}

// Reveal returns the value itself.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// Empty reports whether there is nothing to hide.
func (s Secret) Empty() bool { return s.Reveal() == "" }

// String gives "[redacted]".
func (s Secret) String() string { return redacted }

// GoString gives "[redacted]".
func (s Secret) GoString() string { return redacted }

// Format writes "[redacted]" whatever the verb and flags.
func (s Secret) Format(f fmt.State, _ rune) {
	// The writer's error is fmt's own to report.
	_, _ = io.WriteString(f, redacted)
}

// LogValue gives "[redacted]".
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText gives "[redacted]"; encoding/json and encoding/xml use it too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalYAML gives "[redacted]".
func (s Secret) MarshalYAML() (any, error) { return redacted, nil }

// GobEncode gives "[redacted]".
func (s Secret) GobEncode() ([]byte, error) { return []byte(redacted), nil }
