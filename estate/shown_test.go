package estate_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/azward/azward/estate"
)

func TestShown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ pointer, value, want string }{
		"password":                 {"/properties/osProfile/adminPassword", `"hunter2"`, `"[redacted]"`},
		"not_a_secret":             {"/properties/osProfile/adminUsername", `"hunter2"`, `"hunter2"`},
		"setting_not_the_password": {"/properties/authConfig/passwordAuth", `"Disabled"`, `"Disabled"`},
		"reference":                {"/properties/registries/0/passwordSecretRef", `"registry"`, `"registry"`},
		"flag":                     {"/spec/automountServiceAccountToken", `true`, `true`},
		"unset":                    {"/properties/password", `null`, `null`},
		"empty":                    {"/properties/password", `""`, `""`},
		"environment_of_container": {"/properties/template/containers/0/env/1/value", `"hunter2"`, `"[redacted]"`},
		"name_of_variable":         {"/properties/template/containers/0/env/1/name", `"DB_PASSWORD"`, `"DB_PASSWORD"`},
		"environment_of_image":     {"/config/Env/0", `"DB=hunter2=2"`, `"DB=[redacted]"`},
		"app_setting":              {"/properties/siteConfig/appSettings/0/value", `"hunter2"`, `"[redacted]"`},
		"key_vault_reference":      {"/properties/siteConfig/appSettings/0/value", `"@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/s)"`, `"@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/s)"`},
		"known_later":              {"/properties/password", `"(known after apply)"`, `"(known after apply)"`},
		"partly_known_later":       {"/properties/password", `"hunter2-known-after-apply"`, `"known-after-apply"`},
		"value_elsewhere":          {"/properties/tags/0/value", `"x"`, `"x"`},
		"whole_container":          {"/spec/containers/0", `{"name":"a","env":[{"name":"P","value":"hunter2"},{"name":"Q","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}}]}`, `{"env":[{"name":"P","value":"[redacted]"},{"name":"Q","valueFrom":{"secretKeyRef":{"key":"k","name":"s"}}}],"name":"a"}`},
		"whole_list":               {"/properties/containers/0/properties/environmentVariables", `[{"name":"P","value":"hunter2"}]`, `[{"name":"P","value":"[redacted]"}]`},
		"settings_by_name":         {"/properties/appSettings", `{"A":"hunter2"}`, `{"A":"[redacted]"}`},
		"registry_credential":      {"/properties/imageRegistryCredentials", `[{"server":"r","username":"u","password":"hunter2"}]`, `[{"password":"[redacted]","server":"r","username":"u"}]`},
		"connection_string":        {"/properties/siteConfig/connectionStrings/0/connectionString", `"Server=s;Password=hunter2"`, `"[redacted]"`},
		"nothing_to_hide":          {"/properties", `{"b":1.50,"a":{"passwordAuth":"Enabled"}}`, `{"b":1.50,"a":{"passwordAuth":"Enabled"}}`},
		"whole_document":           {"", `{"properties":{"secrets":[{"name":"n","value":"hunter2"}],"n":12345678901234567890}}`, `{"properties":{"n":12345678901234567890,"secrets":[{"name":"n","value":"[redacted]"}]}}`},
		"no_json":                  {"/password", `"`, `"`},
		"nothing":                  {"/password", ``, ``},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := string(estate.Shown(c.pointer, json.RawMessage(c.value))); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// FuzzShown: what is shown is JSON when the value was, stays the same when
// shown again, and hides what stands under a secret's name.
func FuzzShown(f *testing.F) {
	f.Add("/properties/password", `"x"`)
	f.Add("/env", `[{"name":"a","value":"b"},["c=d"]]`)
	f.Add("", `{"env":{"a":{"value":[{"secrets":["x"]}]}}}`)
	f.Fuzz(func(t *testing.T, pointer, value string) {
		if !json.Valid([]byte(value)) {
			return
		}
		value = strings.TrimSpace(value)
		once := estate.Shown(pointer, json.RawMessage(value))
		if !json.Valid(once) {
			t.Fatalf("%q at %q gives %q", value, pointer, once)
		}
		if again := estate.Shown(pointer, once); string(again) != string(once) {
			t.Fatalf("%q, shown again %q", once, again)
		}
		var text string
		if json.Unmarshal([]byte(value), &text) == nil && text != "" && !strings.HasPrefix(text, "@Microsoft.KeyVault(") && !estate.PartlyLater(text) {
			if got := estate.Shown(pointer+"/adminPassword", json.RawMessage(value)); value[0] == '"' && string(got) != `"[redacted]"` {
				t.Fatalf("%q shows as %q", value, got)
			}
		}
	})
}
