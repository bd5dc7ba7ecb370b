package estate

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
)

// What the estate keeps holds no secrets: a body loses them when it is added,
// so that neither what is stored nor what is proven, shown, logged or served
// can hold one. Structure, order and everything else stay as they were read,
// and a secret that is there is still seen to be there: [Redacted].

// withoutSecrets gives a compact object with its secrets [Redacted]; the very
// object where it has none.
func withoutSecrets(object []byte) []byte {
	r := redactor{in: object, path: make([]string, 1, maxDepth/8)}
	if r.policy(object) {
		return object
	}
	r.whole = r.wholly(object)
	r.value(0)
	if r.out == nil {
		return object
	}
	return append(r.out, object[r.done:]...)
}

// redactor walks an object once, and copies what is before each secret.
type redactor struct {
	in, out []byte
	done    int      // of in, that out has
	path    []string // of names and numbers, after one that is empty
	whole   string   // member of the object that is nothing but secrets
}

// policy tells a definition, set or assignment of Azure Policy. Everybody with
// Reader reads their parameters, which may have any name ("environment") and
// decide what is asked; there is no kind of parameter for secrets.
// Source: https://learn.microsoft.com/azure/governance/policy/concepts/definition-structure-parameters
func (r *redactor) policy(object []byte) bool {
	for key, value := range members(object) {
		if keyIs(key, "type") {
			kind, _ := text(value)
			return strings.HasPrefix(strings.ToLower(kind), "microsoft.authorization/policy")
		}
	}
	return false
}

// wholly names the member that is nothing but secrets, whatever the names in
// it: the data of a Secret of Kubernetes, the settings of a site.
func (r *redactor) wholly(object []byte) string {
	var kind, resourceType, name string
	for key, value := range members(object) {
		switch {
		case keyIs(key, "kind"):
			kind, _ = text(value)
		case keyIs(key, "type"):
			resourceType, _ = text(value)
		case keyIs(key, "name"):
			name, _ = text(value)
		}
	}
	name = strings.ToLower(name[strings.LastIndexByte(name, '/')+1:])
	switch {
	case kind == "Secret":
		return "data"
	case strings.HasSuffix(strings.ToLower(resourceType), "sites/config") || strings.HasSuffix(strings.ToLower(resourceType), "slots/config"):
		if name == "appsettings" || name == "connectionstrings" || name == "azurestorageaccounts" {
			return "properties"
		}
	}
	return ""
}

// value passes the value at in[i], and gives the index behind it.
func (r *redactor) value(i int) int {
	if i >= len(r.in) {
		return i
	}
	switch r.in[i] {
	case '{':
		return r.object(i)
	case '[':
		return r.list(i)
	case '"':
		end := skipString(r.in, i)
		r.text(i, end)
		return end
	}
	end, _ := skip(r.in, i)
	return end
}

func (r *redactor) object(i int) int {
	r.path = append(r.path, "")
	for i++; i < len(r.in) && r.in[i] == '"'; {
		end := skipString(r.in, i)
		r.path[len(r.path)-1] = nameOf(r.in[i:end])
		if i = r.value(end + 1); i < len(r.in) && r.in[i] == ',' {
			i++
		}
	}
	r.path = r.path[:len(r.path)-1]
	return i + 1
}

func (r *redactor) list(i int) int {
	r.path = append(r.path, "0")
	for i++; i < len(r.in) && r.in[i] != ']'; {
		if i = r.value(i); i < len(r.in) && r.in[i] == ',' {
			i++
		}
	}
	r.path = r.path[:len(r.path)-1]
	return i + 1
}

// nameOf is a member's name from its JSON.
func nameOf(quoted []byte) string {
	if len(quoted) < 2 {
		return ""
	}
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	name, _ := text(quoted) // what cannot be read is no name of ours
	return name
}

// text hides the text at in[i:end] where it is a secret.
func (r *redactor) text(i, end int) {
	secret := secretAt(r.path) || r.whole != "" && len(r.path) > 1 && strings.EqualFold(r.path[1], r.whole)
	if !secret && !mayBeSigned(r.in[i:end]) {
		return
	}
	old, ok := text(r.in[i:end])
	if !ok {
		return
	}
	hidden := unsigned(old)
	if secret {
		hidden = redacted(r.path, old)
	}
	if hidden == old {
		return
	}
	r.out = append(r.out, r.in[r.done:i]...)
	r.out = append(r.out, quotedText(hidden)...)
	r.done = end
}

// quotedText is a text as JSON, as compact bodies have it.
func quotedText(text string) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if enc.Encode(text) != nil {
		return []byte(`"` + Redacted + `"`)
	}
	return bytes.TrimSpace(out.Bytes())
}

// signedBy are the parameters of URLs that let in whoever has them.
var signedBy = []string{"sig", "code"}

// mayBeSigned is a quick look at a text, in JSON or not.
func mayBeSigned(text []byte) bool {
	return bytes.Contains(text, []byte("://")) || bytes.Contains(text, []byte(`:\/\/`))
}

// unsigned takes the signature out of a URL that carries one (SAS, function
// keys), and the password out of one with a user. Everything else of it stays.
func unsigned(text string) string {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok || strings.ContainsAny(scheme, " \t\n/?#") {
		return text
	}
	authority := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority = rest[:end]
	}
	if user, host, has := strings.Cut(authority, "@"); has {
		if name, password, has := strings.Cut(user, ":"); has && password != "" && password != Redacted {
			rest = name + ":" + Redacted + "@" + host + rest[len(authority):]
		}
	}
	path, query, has := strings.Cut(rest, "?")
	if !has {
		return scheme + "://" + rest
	}
	query, fragment, hasFragment := strings.Cut(query, "#")
	parts := strings.Split(query, "&")
	for i, part := range parts {
		name, value, _ := strings.Cut(part, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		for _, key := range signedBy {
			if value != "" && strings.EqualFold(name, key) {
				parts[i] = key + "=" + Redacted
			}
		}
	}
	text = scheme + "://" + path + "?" + strings.Join(parts, "&")
	if hasFragment {
		text += "#" + fragment
	}
	return text
}
