package estate

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// Redacted stands where a secret would.
const Redacted = "[redacted]"

// secretNames end the names of properties that hold a secret, in lower case. A
// name that goes on tells something else: passwordSecretRef, tokenEndpoint,
// passwordAuth.
var secretNames = []string{
	"password", "passwd", "pwd", "passphrase", "secret", "secretvalue", "secrettext", "token", "connectionstring", "connectionstrings", "connection-string",
	"sharedaccesskey", "sharedaccesssignature", "accountkey", "accesskey", "storageaccountkey", "primarykey", "secondarykey", "apikey", "api_key",
	"privatekey", "sharedkey", "instrumentationkey", "commandtoexecute", "customdata", "userdata", "masterkey", "adminkey", "sas", "credential",
	"last-applied-configuration", // an annotation with all that stood in the manifest
}

// protectedNames hold nothing but secrets, whatever the names in them.
var protectedNames = []string{"protectedsettings", "protectedsettingsfromkeyvault"}

// settingNames hold environment variables and settings, as a list of name and
// value, of texts NAME=value, or as names with values. What of them is secret
// only their owner knows.
var settingNames = []string{"env", "environment", "environmentvariables", "environment_variables", "appsettings", "app_settings", "connectionstrings", "secrets", "stringdata"}

// Shown is a value as evidence shows it: what stands at the JSON pointer of
// some document, with its secrets [Redacted]. Secrets are texts under names
// such as adminPassword or connectionString, and the values of environment
// variables and settings; references to a key vault are none.
func Shown(pointer string, value json.RawMessage) json.RawMessage {
	if len(value) == 0 {
		return value
	}
	path := strings.Split(pointer, "/")
	switch value[0] {
	case '"':
		secret := secretAt(path)
		if !secret && !mayBeSigned(value) {
			return value
		}
		var text string
		if json.Unmarshal(value, &text) != nil {
			return value
		}
		if !secret {
			return encoded(unsigned(text), value)
		}
		return encoded(redacted(path, text), value)
	case '{', '[':
		if !mayHoldSecret(path, value) {
			return value
		}
		in := json.NewDecoder(bytes.NewReader(value))
		in.UseNumber()
		var whole any
		if in.Decode(&whole) != nil {
			return value
		}
		if again, changed := shown(path, whole); changed {
			return encoded(again, value)
		}
	}
	return value
}

// encoded is v as JSON; a value that cannot be written shows nothing.
func encoded(v any, instead json.RawMessage) json.RawMessage {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil {
		return json.RawMessage(`"` + Redacted + `"`)
	}
	raw := bytes.TrimSpace(out.Bytes())
	if bytes.Equal(raw, instead) {
		return instead
	}
	return raw
}

func shown(path []string, v any) (any, bool) {
	changed := false
	// The next token is written over the last one: no path is kept.
	path = append(path[:len(path):len(path)], "")
	last := len(path) - 1
	switch v := v.(type) {
	case map[string]any:
		for name, one := range v {
			path[last] = name
			if again, other := shown(path, one); other {
				v[name], changed = again, true
			}
		}
	case []any:
		path[last] = "0"
		for i, one := range v {
			if again, other := shown(path, one); other {
				v[i], changed = again, true
			}
		}
	case string:
		path = path[:last]
		text := unsigned(v)
		if secretAt(path) {
			text = redacted(path, v)
		}
		return text, text != v
	}
	return v, changed
}

// redacted hides a text. Of NAME=value the name stays.
func redacted(path []string, text string) string {
	switch {
	case text == "", text == Later, strings.HasPrefix(text, LaterName), strings.HasPrefix(text, "@Microsoft.KeyVault("):
		return text
	case PartlyLater(text): // what is not known stays unknown
		return LaterName
	}
	if index(path[len(path)-1]) {
		if name, _, ok := strings.Cut(text, "="); ok {
			return name + "=" + Redacted
		}
	}
	return Redacted
}

// secretAt tells whether a text at this path is a secret.
func secretAt(path []string) bool {
	n := len(path)
	last := path[n-1]
	if index(last) && n > 1 {
		// An access policy of a key vault lists what one may do with its secrets.
		granted := n > 2 && strings.EqualFold(path[n-3], "permissions")
		return !granted && (isSetting(path[n-2]) || isSecret(path[n-2]))
	}
	if isSecret(last) {
		return true
	}
	if n > 1 && isSetting(path[n-2]) {
		return true // NAME: value
	}
	if strings.EqualFold(last, "value") && n > 2 && (isSetting(path[n-3]) || strings.EqualFold(path[n-3], "keys")) { // a list's element, or NAME: {value}
		return true
	}
	return slices.ContainsFunc(path, func(name string) bool {
		return slices.ContainsFunc(protectedNames, func(all string) bool { return strings.EqualFold(name, all) })
	})
}

func isSecret(name string) bool {
	for _, end := range secretNames {
		if len(name) >= len(end) && strings.EqualFold(name[len(name)-len(end):], end) {
			return true
		}
	}
	return false
}

func isSetting(name string) bool {
	for _, s := range settingNames {
		if strings.EqualFold(name, s) {
			return true
		}
	}
	return false
}

// index tells the number of a list's element.
func index(token string) bool {
	return token != "" && strings.Trim(token, "0123456789") == ""
}

// secretHints occur in the names of all that may hold a secret, in lower case.
var secretHints = []string{"pass", "pwd", "secret", "token", "connectionstring", "connection-string", "key", "signature", "env", "settings", "data", "command", "sas", "credential", "protected", "://"}

// mayHoldSecret is a quick look at an object or list, and at where it stands.
func mayHoldSecret(path []string, value json.RawMessage) bool {
	for _, name := range path[max(0, len(path)-2):] {
		if isSetting(name) {
			return true
		}
	}
	for _, hint := range secretHints {
		if containsFold(value, hint) {
			return true
		}
	}
	return false
}

// containsFold looks for text in lower case, which has ASCII letters alone.
func containsFold(in []byte, text string) bool {
	for i := 0; i+len(text) <= len(in); i++ {
		if in[i]|0x20 == text[0] && strings.EqualFold(string(in[i:i+len(text)]), text) {
			return true
		}
	}
	return false
}
