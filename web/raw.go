package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// hiddenValue stands where a value could be a secret.
const hiddenValue = "(hidden: it may be a secret)"

// maxRaw bounds a document as it is shown, in bytes.
const maxRaw = 128 << 10

var (
	secretName = regexp.MustCompile(`(?i)(password|passwd|secret|token|credential|connectionstring|customdata|userdata|commandtoexecute|key\d?$|sas$)`)
	// What only names a secret, or says how one is kept, tells none.
	secretsName = regexp.MustCompile(`(?i)(name|ref|reference|id|type|uri|version|expiry|path|source|identity|policy|enabled|rotation)$`)
	// Below these, a "value" may be a secret whatever its name.
	settingsName = regexp.MustCompile(`(?i)^(env|environmentvariables|appsettings|connectionstrings|secrets|parameters|variables)$`)
	// Below these everything is one.
	protectedName = regexp.MustCompile(`(?i)^(protectedsettings|protectedsettingsfromkeyvault|stringdata|last-applied-configuration|kubectl\.kubernetes\.io/last-applied-configuration)$`)
)

// raw is a document as Azure or Kubernetes returned it, indented, without the
// values that could be secrets. What is no JSON is not shown.
func raw(body json.RawMessage) string {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var document any
	if err := d.Decode(&document); err != nil {
		return "(not shown: it is no JSON)"
	}
	hideWhole(document)
	document = masked(document, hideSecrets)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(document); err != nil {
		return "(not shown: it cannot be written)"
	}
	out := strings.TrimSpace(b.String())
	if len(out) > maxRaw {
		out = strings.ToValidUTF8(out[:maxRaw], "") + "\n… cut here; azward's export of the estate has all of it"
	}
	return clean(out)
}

// hide says which values of a document are hidden.
type hide int

const (
	hideSecrets hide = iota // those whose name says so
	hideValues              // and those of members named "value"
	hideAll
)

// hideWhole hides the parts that are nothing but secrets: the data of a Secret
// of Kubernetes, the settings of a site.
func hideWhole(document any) {
	top, ok := document.(map[string]any)
	if !ok {
		return
	}
	kind, _ := top["kind"].(string)
	resourceType, _ := top["type"].(string)
	name, _ := top["name"].(string)
	resourceType, name = strings.ToLower(resourceType), strings.ToLower(name[strings.LastIndexByte(name, '/')+1:])
	settings := strings.HasSuffix(resourceType, "/config") && (name == "appsettings" || name == "connectionstrings" || name == "azurestorageaccounts")
	if settings {
		if properties, ok := top["properties"]; ok {
			top["properties"] = masked(properties, hideAll)
		}
	}
	if strings.EqualFold(kind, "Secret") {
		for _, part := range []string{"data", "stringData"} {
			if data, ok := top[part]; ok {
				top[part] = masked(data, hideAll)
			}
		}
	}
}

func masked(value any, how hide) any {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			v[name] = masked(member, below(name, member, how))
		}
		return v
	case []any:
		for i, one := range v {
			v[i] = masked(one, how)
		}
		return v
	case string:
		if how == hideAll && v != "" {
			return hiddenValue
		}
		return unsigned(v)
	case json.Number:
		if how == hideAll {
			return hiddenValue
		}
	}
	return value
}

// below says what is hidden of a member.
func below(name string, member any, how hide) hide {
	_, text := member.(string)
	switch {
	case how == hideAll || protectedName.MatchString(name):
		return hideAll
	case text && secretName.MatchString(name) && !secretsName.MatchString(name):
		return hideAll
	case how == hideValues && strings.EqualFold(name, "value"):
		return hideAll
	case how == hideValues || settingsName.MatchString(name):
		return hideValues
	}
	return hideSecrets
}

// unsigned takes the signature out of a URL that carries one, and the password
// out of one with a user.
func unsigned(text string) string {
	if !strings.Contains(text, "://") || !strings.Contains(text, "sig=") && !strings.Contains(text, "@") && !strings.Contains(text, "code=") {
		return text
	}
	u, err := url.Parse(text)
	if err != nil {
		return hiddenValue
	}
	if _, has := u.User.Password(); has {
		u.User = url.UserPassword(u.User.Username(), "hidden")
	}
	q := u.Query()
	for _, key := range []string{"sig", "code"} {
		if q.Has(key) {
			q.Set(key, "hidden")
		}
	}
	if u.RawQuery != "" {
		u.RawQuery = q.Encode()
	}
	return fmt.Sprint(u)
}
