package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
)

const pemBegin = "-----BEGIN"

// privateKey takes a private key in PEM that is not encrypted. In JSON its
// lines end in \n as two characters.
//
// Source: RFC 7468; https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.key
func privateKey(text []byte, at int) (match, bool) {
	rest := text[at:min(len(text), at+maxValue)]
	label, body, ok := bytes.Cut(rest[len(pemBegin):], []byte("-----"))
	kind := strings.TrimSpace(string(label))
	if !ok || len(kind) > 40 || !strings.HasSuffix(kind, "PRIVATE KEY") || strings.Contains(kind, "ENCRYPTED") {
		return match{}, false
	}
	inner, _, ok := bytes.Cut(body, []byte("-----END "+kind))
	if !ok || bytes.Contains(inner, []byte("-----")) || bytes.Contains(inner, []byte("ENCRYPTED")) {
		return match{}, false
	}
	m := match{kind: PrivateKey, start: at, name: strings.TrimSpace(strings.TrimSuffix(kind, "PRIVATE KEY"))}
	// The end mark is hidden with the rest: it tells nothing.
	m.end = at + len(rest) - len(body) + len(inner) + len("-----END "+kind)
	if bytes.HasPrefix(text[m.end:], []byte("-----")) {
		m.end += len("-----")
	}
	if head := text[max(0, at-maxValue/4):at]; bytes.Contains(head, []byte(`"service_account"`)) {
		m.kind = GoogleServiceAccount
	}
	return m, holdsKey(kind, inner)
}

// minKey is what the shortest private key takes, in bytes: an Ed25519 key in
// PKCS #8 has 48.
const minKey = 40

// holdsKey says whether the body decodes to something that can be a key.
func holdsKey(kind string, body []byte) bool {
	clean := strings.NewReplacer(`\r`, "", `\n`, "", "\\\n", "", "\n", "", "\r", "", " ", "", "\t", "", `"`, "", "+\"", "").Replace(string(body))
	if at := strings.LastIndexByte(clean, ':'); at >= 0 { // headers of the old form
		return len(clean)-at > minKey && !strings.Contains(clean, "DEK-Info")
	}
	raw, err := base64.StdEncoding.DecodeString(clean)
	if err != nil || len(raw) < minKey {
		return false
	}
	if kind != "OPENSSH PRIVATE KEY" {
		return raw[0] == 0x30 || kind == "PGP PRIVATE KEY BLOCK" // ASN.1: a sequence
	}
	rest, ok := bytes.CutPrefix(raw, []byte("openssh-key-v1\x00"))
	return ok && bytes.HasPrefix(rest, []byte("\x00\x00\x00\x04none"))
}

// jwt takes a signed token: header, claims and signature.
//
// Source: RFC 7519, RFC 7515 section 3
func jwt(text []byte, at int) (match, bool) {
	if !begins(text, at, dotted) {
		return match{}, false
	}
	end := runEnd(text, at, dotted, maxValue)
	parts := bytes.Split(text[at:end], []byte("."))
	if len(parts) != 3 || len(parts[2]) < 20 {
		return match{}, false
	}
	var head struct {
		Alg string `json:"alg"`
	}
	var claims struct {
		Exp float64 `json:"exp"`
		Iss string  `json:"iss"`
	}
	if !decode(parts[0], &head) || head.Alg == "" || strings.EqualFold(head.Alg, "none") || !decode(parts[1], &claims) {
		return match{}, false
	}
	m := match{kind: JWT, start: at, end: end, token: true}
	if claims.Exp > 0 && claims.Exp < 1<<36 {
		m.expires = time.Unix(int64(claims.Exp), 0).UTC()
	}
	return m, true
}

func decode(part []byte, into any) bool {
	raw, err := base64.RawURLEncoding.DecodeString(string(part))
	return err == nil && json.Unmarshal(raw, into) == nil
}

// maxUserInfo is the longest user and password in a URL that is looked at.
const maxUserInfo = 300

// urlPassword takes the password of scheme://user:password@host.
func urlPassword(text []byte, at int) (match, bool) {
	start := at + len("://")
	if at == 0 || !alnum[text[at-1]] {
		return match{}, false
	}
	colon := -1
	for i := start; i < min(len(text), start+maxUserInfo); i++ {
		switch c := text[i]; {
		case c == ':' && colon < 0:
			colon = i
		case c == '@':
			m := match{kind: URLPassword, start: colon + 1, end: i, password: true}
			if colon < 0 || i+1 >= len(text) || !alnum[text[i+1]] && text[i+1] != '[' && text[i+1] != '$' && text[i+1] != '{' {
				return m, false
			}
			m.name = string(text[start:colon])
			return m, !reserved(text[i+1 : min(len(text), i+maxUserInfo)])
		case c <= ' ' || c == '/' || c == '"' || c == '\'' || c == '<' || c == '`' || c == '\\' || c >= 0x7f:
			return match{}, false
		}
	}
	return match{}, false
}

// reserved says whether a host is one that only documentation has.
//
// Source: RFC 2606
func reserved(rest []byte) bool {
	host := strings.ToLower(string(rest[:runEnd(rest, 0, dotted, maxUserInfo)]))
	for _, name := range []string{"example.com", "example.org", "example.net", "example", "host", "hostname"} {
		if host == name || strings.HasSuffix(host, "."+name) {
			return true
		}
	}
	return false
}

// databasePassword takes the password of a connection string, which names a
// server or a user as well.
func databasePassword(text []byte, at int) (match, bool) {
	eq := bytes.IndexByte(text[at:], '=') + at
	start, from := eq+1, max(0, at-500)
	end := start
	for end < len(text) && end-start < maxUserInfo && text[end] > ' ' && text[end] != ';' && text[end] != '"' && text[end] != '\'' && text[end] != '<' && text[end] != '&' {
		end++
	}
	m := match{kind: DatabasePassword, start: start, end: end, password: true}
	if end-start < minPassword {
		return m, false
	}
	line := text[from:min(len(text), end+500)]
	if nl := bytes.LastIndexByte(text[from:at], '\n'); nl >= 0 {
		line = line[nl+1:]
	}
	line, _, _ = bytes.Cut(line, []byte("\n"))
	lower := strings.ToLower(string(line))
	if !strings.Contains(lower, ";") {
		return m, false
	}
	for _, word := range []string{"server=", "data source=", "host=", "user id=", "uid=", "accountendpoint="} {
		if strings.Contains(lower, word) {
			return m, true
		}
	}
	return m, false
}
