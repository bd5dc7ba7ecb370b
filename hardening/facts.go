package hardening

import (
	"fmt"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/hardening/secret"
)

// Facts are what an image's configuration and layers tell, besides its
// packages.
type Facts struct {
	// Healthcheck says whether the configuration has one. Only Docker's format
	// can.
	Healthcheck azward.Answer `json:"healthcheck"`
	// Path is what PATH names: "/usr/local/bin". Empty when it is not set.
	Path []string `json:"path,omitempty"`
	// Marks are files that a container of the image would see.
	Marks []Mark `json:"marks,omitempty"`
	// Caches are what package managers left in layers. Removing them in a later
	// layer hides them and saves nothing.
	Caches []Cache `json:"caches,omitempty"`
	// Searched counts the files that were searched for secrets, Skipped those
	// that were too large for it.
	Searched int `json:"searched"`
	Skipped  int `json:"skipped,omitempty"`
	// Unread counts layers that could not be read, or not whole.
	Unread int `json:"unread,omitempty"`
}

// Mark is a file worth to be told of.
type Mark struct {
	Kind  MarkKind      `json:"kind"`
	Path  string        `json:"path"` // "/usr/bin/su"
	Mode  Mode          `json:"mode,omitempty"`
	Layer azward.Digest `json:"layer,omitempty"`
}

// MarkKind says why a file is told of.
type MarkKind string

// Kinds of marks.
const (
	Setuid    MarkKind = "setuid"    // runs as its owner
	Setgid    MarkKind = "setgid"    // runs as its group
	Directory MarkKind = "directory" // everybody can write to it
	Shell     MarkKind = "shell"
	Manager   MarkKind = "package-manager"
	Sudo      MarkKind = "sudo"
	Server    MarkKind = "remote-login" // sshd, telnetd
	HostKey   MarkKind = "host-key"     // an SSH server's private key
)

// Mode is the permission bits of POSIX. As JSON it is octal, as chmod takes it.
type Mode uint16

// String is octal: "4755".
func (m Mode) String() string { return fmt.Sprintf("%04o", uint16(m)) }

// MarshalText implements [encoding.TextMarshaler].
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (m *Mode) UnmarshalText(text []byte) error {
	var n uint16
	if _, err := fmt.Sscanf(string(text), "%o", &n); err != nil {
		return fmt.Errorf("file mode %.10q: %w", text, err)
	}
	*m = Mode(n)
	return nil
}

// Cache is what one package manager left in one layer.
type Cache struct {
	Manager string        `json:"manager"` // "apt", "pip"
	Layer   azward.Digest `json:"layer,omitempty"`
	Files   int           `json:"files"`
	Bytes   int64         `json:"bytes"`
}

// Where a secret was found.
const (
	InEnvironment = "environment"
	InHistory     = "history"
	InLabel       = "label"
	InCommand     = "command"
	InFile        = "file"
)

// Secret is a credential in the image, without its value.
type Secret struct {
	secret.Found
	Places []Place `json:"places"`
}

// Place is where a secret is.
type Place struct {
	In    string        `json:"in"`
	Name  string        `json:"name,omitempty"` // of the variable or label
	Path  string        `json:"path,omitempty"` // "/app/.env"
	Line  int           `json:"line,omitempty"`
	Layer azward.Digest `json:"layer,omitempty"`
	// Deleted says that a later layer removes or replaces the file. The layer is
	// pulled with the image all the same, and so is the secret.
	Deleted bool `json:"deleted,omitempty"`
	// Step is the build step, redacted.
	Step string `json:"step,omitempty"`
}

// String says where it is, in a line.
func (p Place) String() string {
	switch p.In {
	case InFile:
		at := p.Path
		if p.Line > 1 {
			at = fmt.Sprintf("%s line %d", at, p.Line)
		}
		if p.Deleted {
			at += ", deleted later, still pullable"
		}
		return at
	case InEnvironment:
		return "environment variable " + p.Name
	case InLabel:
		return "label " + p.Name
	case InHistory:
		return fmt.Sprintf("build step %.60s", p.Step)
	}
	return p.In
}

// Expired says that the secret itself says so.
func (s Secret) Expired(at time.Time) bool { return !s.Expires.IsZero() && s.Expires.Before(at) }

// Live gives the secrets that do not say that they are expired.
func Live(list []Secret, at time.Time) []Secret {
	var out []Secret
	for _, s := range list {
		if !s.Expired(at) {
			out = append(out, s)
		}
	}
	return out
}

// Join makes one of a secret that was found in several places, in the order in
// which they were first found. What has a fingerprint is the same where that
// is; passwords are where name and length are.
func Join(list []Secret) []Secret {
	type key struct {
		kind  secret.Kind
		print string
		n     int
	}
	at := map[key]int{}
	var out []Secret
	for _, s := range list {
		k := key{s.Kind, s.Fingerprint, s.Length}
		if s.Fingerprint == "" {
			k.print = "name " + s.Name
			if s.Name == "" && len(s.Places) > 0 {
				k.print = "path " + s.Places[0].Path + " " + fmt.Sprint(s.Line)
			}
		}
		for i := range s.Places {
			s.Places[i].Line = max(s.Places[i].Line, s.Line)
		}
		s.Line = 0
		if i, ok := at[k]; ok {
			out[i].Places = append(out[i].Places, s.Places...)
			continue
		}
		at[k] = len(out)
		out = append(out, s)
	}
	return out
}
