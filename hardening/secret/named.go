package secret

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

// maxText bounds a line of history or a variable, in bytes: whole scripts stand in some.
const maxText = 256 << 10

// telling are words in the name of a secret.
const telling = `(?:password|passwd|passphrase|secret|token|api_?key|access_?key|account_?key|private_?key|auth_?key|signing_?key|encryption_?key|credentials?|connection_?strings?|connstr)`

var (
	sensitiveName = regexp.MustCompile(`(?i)` + telling)
	// harmless names end in what is no secret: a path, an address, a name.
	harmlessName = regexp.MustCompile(`(?i)(?:_?(?:file|path|dir|url|uri|endpoint|name|id|type|length|size|expiry|expires|ttl|timeout|policy|enabled|required|version|prefix|header|issuer|audience|field|provider|algorithm|count|limit|min|max|hash|sha256|checksum|regex|pattern|class|store|manager|region|host|user|username|mode|format))$`)
	// assignment is NAME=value, NAME: "value" and ENV NAME value.
	assignment = regexp.MustCompile(`(?i)([a-z0-9_.:-]*` + telling + `[a-z0-9_.-]*)["']?(?:\s*[=]\s*|\s*:\s+|\s*:\s*["'])(?:"([^"\n]*)"|'([^'\n]*)'|([^\s"',;&|]+))`)
	envForm    = regexp.MustCompile(`(?i)\b(?:ENV|ARG)\s+([a-z0-9_]*` + telling + `[a-z0-9_]*)\s+(?:"([^"\n]*)"|'([^'\n]*)'|([^\s"',;&|]+))`)
	// options are secrets on a command line: --password x, -u user:password, a header.
	options = regexp.MustCompile(`(?i)--?[a-z-]*` + telling + `\s+(?:"([^"\n]*)"|'([^'\n]*)'|([^\s"'-][^\s"']*))`)
	users   = regexp.MustCompile(`\s(?:-u|--user)\s+["']?[^\s:"'/]+:([^\s"']+)`)
	headers = regexp.MustCompile(`(?i)authorization:\s*(?:bearer|basic|token)\s+([^\s"']+)`)
)

// sensitive says whether a name is that of a secret.
func sensitive(name string) bool {
	return sensitiveName.MatchString(name) && !harmlessName.MatchString(name) && !strings.Contains(strings.ToLower(name), "tokeniz")
}

// assignments gives values that stand beside a telling name.
func assignments(text []byte) []match {
	var out []match
	for _, re := range []*regexp.Regexp{assignment, envForm} {
		for _, at := range re.FindAllSubmatchIndex(text, maxMatches) {
			name := string(text[at[2]:at[3]])
			if i := strings.LastIndexByte(name, ':'); i >= 0 {
				name = name[i+1:]
			}
			if !sensitive(name) {
				continue
			}
			if start, end := value(at[4:]); start < end {
				out = append(out, match{kind: Named, start: start, end: end, name: name, password: true})
			}
		}
	}
	return out
}

// Bounds on what names are looked for in a file, in bytes: settings are short
// lines. Shapes are found beyond them, too.
const (
	maxLine  = 4 << 10
	maxNamed = 64 << 10
)

// stems are in every telling name.
var stems = [][]byte{[]byte("pass"), []byte("secret"), []byte("token"), []byte("key"), []byte("credential"), []byte("conn")}

// settingsOf gives the assignments of a file, by its lines: the expression is
// slow, and most lines have no telling name.
func settingsOf(text []byte) []match {
	var out []match
	at, looked := 0, 0
	for line := range bytes.Lines(text) {
		start := at
		at += len(line)
		line = line[:min(len(line), maxLine)]
		lower := bytes.ToLower(line)
		if !slices.ContainsFunc(stems, func(stem []byte) bool { return bytes.Contains(lower, stem) }) {
			continue
		}
		if looked += len(line); looked > maxNamed {
			break
		}
		for _, m := range assignments(line) {
			m.start, m.end = m.start+start, m.end+start
			out = append(out, m)
		}
	}
	return out
}

// value is the first group that took part.
func value(groups []int) (start, end int) {
	for i := 0; i+1 < len(groups); i += 2 {
		if groups[i] >= 0 {
			return groups[i], groups[i+1]
		}
	}
	return 0, 0
}

// commands gives values on command lines.
func commands(text []byte) []match {
	var out []match
	for _, form := range []struct {
		re   *regexp.Regexp
		name string
	}{{options, "option"}, {users, "user"}, {headers, "authorization"}} {
		for _, at := range form.re.FindAllSubmatchIndex(text, maxMatches) {
			if start, end := value(at[2:]); start < end {
				out = append(out, match{kind: Named, start: start, end: end, name: form.name, password: true})
			}
		}
	}
	return out
}
