// Package secret finds credentials in text by their shape, and tells of them
// without repeating them: what it gives out names the kind, the length, at most
// four characters of each end and a fingerprint, never the value.
//
// It is pure: nothing is asked whether a credential still works.
package secret

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// Kind says what a secret opens: "azure-storage-key".
type Kind string

// Kinds of secrets. Their names are part of the stable surface.
const (
	AzureStorageKey      Kind = "azure-storage-key"
	AzureSharedAccessKey Kind = "azure-shared-access-key" // Service Bus, Event Hubs, IoT Hub, Relay
	AzureSAS             Kind = "azure-sas-token"
	AzureKey             Kind = "azure-service-key" // Cosmos DB, Batch, Search, Functions, Redis and others
	AzureRegistryKey     Kind = "azure-registry-key"
	AzureDevOpsPAT       Kind = "azure-devops-pat"
	EntraSecret          Kind = "entra-client-secret"   //nolint:gosec // a kind's name
	AWSKeyID             Kind = "aws-access-key-id"     // names a key; alone it opens nothing
	AWSSecret            Kind = "aws-secret-access-key" //nolint:gosec // a kind's name
	GitHubToken          Kind = "github-token"
	GitLabToken          Kind = "gitlab-token"
	SlackToken           Kind = "slack-token"
	GoogleKey            Kind = "google-api-key"
	GoogleServiceAccount Kind = "google-service-account-key"
	PrivateKey           Kind = "private-key"
	RegistryToken        Kind = "package-registry-token" // npm, PyPI, NuGet
	DockerAuth           Kind = "docker-registry-login"
	KubeconfigKey        Kind = "kubeconfig-credential"
	JWT                  Kind = "json-web-token"
	URLPassword          Kind = "url-password"
	DatabasePassword     Kind = "database-password"
	MachinePassword      Kind = "netrc-password"
	ServiceToken         Kind = "service-token" // other services with a prefix of their own
	Named                Kind = "named-secret"  // by the name of its variable alone
)

// Found is a secret, without its value.
type Found struct {
	Kind Kind `json:"kind"`
	// Name it goes by: a variable, a key of a document, a service; "" where
	// there is none.
	Name string `json:"name,omitempty"`
	// Redacted is the value with its middle left out, "ghp_…wxyz"; "…" where
	// the ends would tell too much.
	Redacted string `json:"redacted"`
	Length   int    `json:"length"` // bytes of the value
	// Fingerprint is the beginning of the value's SHA-256: the same secret in
	// two places has the same. It is "" for passwords, which could be guessed
	// by it.
	Fingerprint string `json:"fingerprint,omitempty"`
	Line        int    `json:"line,omitempty"` // from 1; 0 where there are no lines
	// Expires is when it stops to work, where it says so itself.
	Expires time.Time `json:"expires,omitzero"`
}

// Guess says that only the name tells: the value has no shape of its own.
func (f Found) Guess() bool { return f.Kind == Named }

// match is where a value stands in a text.
type match struct {
	kind       Kind
	start, end int
	// low and high are where what is redacted begins and ends: with all that
	// overlaps the value.
	low, high int
	name      string
	expires   time.Time
	password  bool // chosen by people: neither ends nor fingerprint are shown
	// token says that it is random: it must look so.
	token bool
}

// Bounds. A text has maxFound secrets at most: more are the same as that many.
const (
	maxFound = 100
	// maxMatches of one expression are looked at: the rest of a file of settings
	// with so many values is left.
	maxMatches = 2_000
	// maxValue is the longest value that is looked at, in bytes: a private key
	// of 8,192 bits takes 6,500.
	maxValue = 16 << 10
	maxName  = 64
	// showFrom is the shortest value of which ends are shown: twelve random
	// characters stay hidden.
	showFrom  = 20
	shownEnds = 4
)

const hidden = "…"

// found makes what is told of a match.
func found(text []byte, m match) Found {
	value := text[m.start:m.end]
	f := Found{Kind: m.kind, Name: cleanName(m.name), Length: len(value), Expires: m.expires, Redacted: redacted(value, m)}
	if !m.password {
		sum := sha256.Sum256(value)
		f.Fingerprint = hex.EncodeToString(sum[:6])
	}
	return f
}

func redacted(value []byte, m match) string {
	if m.kind == PrivateKey || m.kind == GoogleServiceAccount {
		return pemBegin + hidden
	}
	if m.password || len(value) < showFrom {
		return hidden
	}
	return string(value[:shownEnds]) + hidden + string(value[len(value)-shownEnds:])
}

// cleanName keeps a name short, and from being a secret itself.
func cleanName(name string) string {
	name = strings.Map(func(c rune) rune {
		if c < 0x80 && (wordByte[c] || c == '.' || c == '-' || c == '/' || c == ':' || c == '@') {
			return c
		}
		return -1
	}, name)
	if len(name) > maxName || len(scan([]byte(name))) > 0 {
		return ""
	}
	return name
}

// settle sorts matches and keeps one of those that overlap: the first in the
// text, the more telling of the same place.
func settle(list []match) []match {
	slices.SortStableFunc(list, func(a, b match) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(rank(a), rank(b)), cmp.Compare(b.end, a.end))
	})
	out := list[:0]
	for _, m := range list {
		m.low, m.high = m.start, m.end
		last := len(out) - 1
		if last < 0 || m.start >= out[last].high {
			out = append(out, m)
			continue
		}
		low, high := out[last].low, max(out[last].high, m.high)
		if rank(m) < rank(out[last]) {
			out[last] = m
		}
		out[last].low, out[last].high = low, high
	}
	return out
}

// rank is lower for what tells more.
func rank(m match) int {
	switch m.kind {
	case Named:
		return 2
	case AWSKeyID, ServiceToken, URLPassword, AzureKey:
		return 1
	}
	return 0
}

// all finds what the detectors and, for settings, the names tell, and leaves
// out what only looks like a secret.
func all(text []byte, more []match) []match {
	more = slices.DeleteFunc(more, func(m match) bool { return !plausible(text[m.start:m.end], m) })
	return settle(append(scan(text), more...))
}

func tell(text []byte, list []match, lines bool) []Found {
	var out []Found
	line, at := 1, 0
	for _, m := range list[:min(len(list), maxFound)] {
		f := found(text, m)
		if lines {
			line += bytes.Count(text[at:m.start], []byte("\n"))
			f.Line, at = line, m.start
		}
		out = append(out, f)
	}
	return out
}

// Variable finds secrets in an environment variable or build argument.
func Variable(name, value string) []Found {
	if len(value) > maxText {
		value = value[:maxText]
	}
	text := []byte(value)
	var more []match
	if sensitive(name) {
		more = append(more, match{kind: Named, end: len(text), name: name, password: true})
	}
	list := tell(text, all(text, more), false)
	for i := range list {
		if list[i].Name == "" || list[i].Kind != Named {
			list[i].Name = cleanName(name)
		}
	}
	return list
}

// Line finds secrets in a line of a Dockerfile or of a build's history.
func Line(text string) []Found {
	raw := []byte(text[:min(len(text), maxText)])
	return tell(raw, all(raw, slices.Concat(assignments(raw), commands(raw))), false)
}

// File finds secrets in a file; the path tells what shapes to expect. What is
// no text has none.
func File(path string, data []byte) []Found {
	data = data[:min(len(data), MaxFile)]
	if !isText(data) {
		return nil
	}
	return tell(data, all(data, byPath(path, data)), true)
}

// Redact gives a text with what [Line] finds in it left out, and with values
// that go by a telling name, whatever they are. Of a text with very many of
// them nothing is left.
func Redact(text string) string {
	if len(text) > maxText {
		text = text[:maxText] + hidden
	}
	raw := []byte(text)
	list := slices.Concat(scan(raw), assignments(raw), commands(raw))
	switch {
	case len(list) == 0:
		return text
	case len(list) >= maxFound: // there may be more
		return hidden
	}
	list = settle(list)
	var out strings.Builder
	at := 0
	for _, m := range list {
		out.Write(raw[at:m.low])
		if m.low == m.start && m.high == m.end {
			out.WriteString(redacted(raw[m.start:m.end], m))
		} else {
			out.WriteString(hidden)
		}
		at = m.high
	}
	out.Write(raw[at:])
	clean := out.String()
	for _, m := range list { // the same value where nothing tells that it is one
		if value := text[m.start:m.end]; len(value) >= 8 && plausible(raw[m.start:m.end], m) {
			clean = strings.ReplaceAll(clean, value, hidden)
		}
	}
	return clean
}
