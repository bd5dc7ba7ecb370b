package image_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/image"
)

// secretWord is in every credential of these tests and in no error.
const secretWord = "hunter2"

func auth(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
}

func TestDockerConfigurationGivesCredentials(t *testing.T) {
	t.Parallel()
	reader := image.Credentials{Username: "reader", Password: secretWord}
	entry := fmt.Sprintf(`{"auth":%q}`, auth("reader", secretWord))
	for _, c := range []struct {
		name, config, registry string
		want                   image.Credentials
	}{
		{"docker_login", `{"auths":{"contoso.azurecr.io":` + entry + `}}`, "contoso.azurecr.io", reader},
		{"as_old_docker_wrote_it", `{"auths":{"https://contoso.azurecr.io/v1/":` + entry + `}}`, "contoso.azurecr.io", reader},
		{"capitals_in_the_file", `{"auths":{"Contoso.azurecr.io":` + entry + `}}`, "contoso.azurecr.io", reader},
		{"with_a_port", `{"auths":{"127.0.0.1:5000":` + entry + `}}`, "127.0.0.1:5000", reader},
		{"another_port_is_another_registry", `{"auths":{"127.0.0.1:5000":` + entry + `}}`, "127.0.0.1:5001", image.Credentials{}},
		{"one_repository's_entry_is_not_the_registry's", `{"auths":{"contoso.azurecr.io/team":` + entry + `}}`, "contoso.azurecr.io", image.Credentials{}},
		{"docker_hub_by_its_short_name", `{"auths":{"https://index.docker.io/v1/":` + entry + `}}`, "docker.io", reader},
		{"user_and_password_apart", `{"auths":{"contoso.azurecr.io":{"username":"reader","password":"hunter2"}}}`, "contoso.azurecr.io", reader},
		{
			"az_acr_login", `{"auths":{"contoso.azurecr.io":{"auth":"` + auth("00000000-0000-0000-0000-000000000000", "x") + `","identitytoken":"hunter2"}}}`, "contoso.azurecr.io",
			image.Credentials{Username: "00000000-0000-0000-0000-000000000000", Password: "x", IdentityToken: secretWord},
		},
		{"another_registry_is_anonymous", `{"auths":{"contoso.azurecr.io":` + entry + `}}`, "fabrikam.azurecr.io", image.Credentials{}},
		{"empty", `{}`, "contoso.azurecr.io", image.Credentials{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := image.DockerAuth{File: dockerConfigFile(t, c.config)}.Credentials(t.Context(), c.registry)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error("credentials differ") // the difference has them
			}
		})
	}
}

// Helpers are programs: https://github.com/docker/docker-credential-helpers#development
func TestCredentialHelpersAreAsked(t *testing.T) {
	helperDir(t, map[string]string{
		"keyring": `read host; [ "$1" = get ] || exit 2; printf '{"ServerURL":"%s","Username":"%s","Secret":"hunter2"}' "$host" "$host"`,
		"acr":     `printf '{"Username":"<token>","Secret":"hunter2"}'`,
		"none":    `echo 'credentials not found in native keychain'; exit 1`,
		"broken":  `echo hunter2; echo hunter2 >&2; exit 1`,
		"chatty":  `echo hunter2 is the password`,
		"endless": `while :; do echo hunter2hunter2hunter2hunter2hunter2hunter2; done`,
		"hanging": `sleep 600`,
	})
	const host = "contoso.azurecr.io"
	stored := fmt.Sprintf(`"auths":{%q:{"auth":%q}}`, host, auth("stored", secretWord))
	for _, c := range []struct {
		name, config string
		want         image.Credentials
		cause        string // of the error, "" for none
	}{
		{"for_all", `{"credsStore":"keyring"}`, image.Credentials{Username: host, Password: secretWord}, ""},
		{"for_one_registry", `{"credHelpers":{"contoso.azurecr.io":"acr"},"credsStore":"broken"}`, image.Credentials{IdentityToken: secretWord}, ""},
		{"of_another_registry", `{"credHelpers":{"fabrikam.azurecr.io":"broken"},` + stored + `}`, image.Credentials{Username: "stored", Password: secretWord}, ""},
		{"that_has_none_leaves_it_to_the_file", `{"credsStore":"none",` + stored + `}`, image.Credentials{Username: "stored", Password: secretWord}, ""},
		{"that_has_none", `{"credsStore":"none"}`, image.Credentials{}, ""},
		{"that_fails", `{"credsStore":"broken"}`, image.Credentials{}, "it failed"},
		{"that_is_not_installed", `{"credsStore":"absent"}`, image.Credentials{}, "it is not installed"},
		{"that_says_something_else", `{"credsStore":"chatty"}`, image.Credentials{}, "its answer cannot be read"},
		{"that_says_too_much", `{"credsStore":"endless"}`, image.Credentials{}, "it gave no answer within"},
		{"that_never_answers", `{"credsStore":"hanging"}`, image.Credentials{}, "it gave no answer within"},
		{"that_is_a_path", `{"credsStore":"../../bin/sh"}`, image.Credentials{}, "it is no name of a helper"},
		{"that_is_an_option", `{"credsStore":"-c"}`, image.Credentials{}, "it is no name of a helper"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // the path is put back after all of them
			got, err := image.DockerAuth{File: dockerConfigFile(t, c.config), HelperTime: 2 * time.Second}.Credentials(t.Context(), host)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error("credentials differ")
			}
			wantSignIn(t, err, c.cause)
		})
	}
}

func TestBadDockerConfigurationsAreNamed(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]string{
		"it is not JSON":     `{"auths": hunter2`,
		"auth is not base64": `{"auths":{"contoso.azurecr.io":{"auth":"hunter2!"}}}`,
		"no user and passwo": `{"auths":{"contoso.azurecr.io":{"auth":"aHVudGVyMg=="}}}`,
		"cannot be read":     strings.Repeat("hunter2", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := image.DockerAuth{File: dockerConfigFile(t, config)}.Credentials(t.Context(), "contoso.azurecr.io")
			wantSignIn(t, err, name)
		})
	}
}

// wantSignIn wants an error of signing in with a cause, a remedy and no secret.
func wantSignIn(t *testing.T, err error, cause string) {
	t.Helper()
	if cause == "" {
		if err != nil {
			t.Error(err)
		}
		return
	}
	var told *azward.Error
	if !errors.As(err, &told) || told.Kind != azward.KindSignIn || !strings.Contains(told.Error(), cause) || told.Remedy == "" {
		t.Errorf("got %v, want an error of signing in: %s", err, cause)
	}
	if err != nil && strings.Contains(fmt.Sprintf("%+v", err), secretWord) {
		t.Error("the error has the secret")
	}
}

func dockerConfigFile(t *testing.T, config string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// helperDir puts credential helpers on the path.
func helperDir(t *testing.T, scripts map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, body := range scripts {
		if err := os.WriteFile(filepath.Join(dir, "docker-credential-"+name), []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}
