package image

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
)

// DockerAuth takes credentials from the user's Docker configuration: what
// `docker login` and `podman login` keep, and credential helpers. A registry
// that is not in there is used anonymously.
//
// Source: https://docs.docker.com/reference/cli/docker/login/#credential-stores
type DockerAuth struct {
	// File is the configuration; "" means the usual places, of which the first
	// that is there counts: $DOCKER_CONFIG/config.json or
	// ~/.docker/config.json, $REGISTRY_AUTH_FILE,
	// $XDG_RUNTIME_DIR/containers/auth.json.
	File string
	// HelperTime is what a credential helper may take; 0 means half a minute.
	HelperTime time.Duration
}

const (
	maxDockerConfig = 4 << 20          // bytes; the largest seen have a few KB
	helperTime      = 30 * time.Second // a helper may ask its user, a cloud or a keyring
	maxHelperAnswer = 1 << 20          // bytes
	// tokenUser is how helpers mark an identity token.
	tokenUser = "<token>"
	// hubKey is Docker Hub's name in configurations.
	hubKey = "https://index.docker.io/v1/"
)

// dockerConfig is what we read of config.json.
type dockerConfig struct {
	Auths       map[string]dockerLogin `json:"auths"`
	CredsStore  string                 `json:"credsStore"`
	CredHelpers map[string]string      `json:"credHelpers"`
}

type dockerLogin struct {
	Auth          string `json:"auth"` // user:password in base64
	Username      string `json:"username"`
	Password      string `json:"password"`
	IdentityToken string `json:"identitytoken"`
	RegistryToken string `json:"registrytoken"`
}

// Credentials implements [Auth].
func (d DockerAuth) Credentials(ctx context.Context, registry string) (Credentials, error) {
	config, file, err := d.read()
	if err != nil || config == nil {
		return Credentials{}, err
	}
	key := registry
	if registry == "docker.io" || registry == "index.docker.io" || registry == "registry-1.docker.io" {
		key = hubKey
	}
	helper, ok := lookUp(config.CredHelpers, key)
	if !ok {
		helper = config.CredsStore
	}
	if helper != "" {
		c, found, err := d.ask(ctx, helper, key)
		if err != nil || found {
			return c, err
		}
	}
	login, ok := lookUp(config.Auths, key)
	if !ok {
		return Credentials{}, nil
	}
	c, err := login.credentials()
	if err != nil {
		return Credentials{}, badDocker(file, fmt.Sprintf("the entry for %s cannot be read: %v", registry, err), nil)
	}
	return c, nil
}

// lookUp finds the entry of a registry: keys are hosts, with or without a
// scheme and a path.
func lookUp[V any](m map[string]V, key string) (V, bool) {
	if v, ok := m[key]; ok {
		return v, true
	}
	want := hostKey(key)
	for _, k := range slices.Sorted(maps.Keys(m)) { // one answer where several match
		if hostKey(k) == want {
			return m[k], true
		}
	}
	var none V
	return none, false
}

// hostKey reduces a key to its host; one with a path other than /v1/ and /v2/
// is for a single repository, which we are not asked about.
func hostKey(key string) string {
	_, rest, ok := strings.Cut(key, "://")
	if !ok {
		rest = key
	}
	host, path, _ := strings.Cut(rest, "/")
	if path = strings.Trim(path, "/"); path != "" && path != "v1" && path != "v2" {
		return rest
	}
	return strings.ToLower(host)
}

func (l dockerLogin) credentials() (Credentials, error) {
	c := Credentials{Username: l.Username, Password: l.Password, IdentityToken: l.IdentityToken, RegistryToken: l.RegistryToken}
	if l.Auth == "" {
		return c, nil
	}
	raw, err := base64.StdEncoding.DecodeString(l.Auth)
	if err != nil {
		return c, errors.New("auth is not base64")
	}
	user, password, ok := strings.Cut(string(raw), ":")
	if !ok || user == "" {
		return c, errors.New("auth has no user and password")
	}
	c.Username, c.Password = user, strings.TrimRight(password, "\x00")
	return c, nil
}

// read gives the configuration; nil when there is none.
func (d DockerAuth) read() (*dockerConfig, string, error) {
	for _, file := range d.files() {
		f, err := os.Open(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, file, badDocker(file, "it cannot be opened", err)
		}
		raw, err := bound.ReadAll(f, maxDockerConfig, "the Docker configuration")
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, file, badDocker(file, "it cannot be read", err)
		}
		config := new(dockerConfig)
		if err := json.Unmarshal(raw, config); err != nil {
			return nil, file, badDocker(file, "it is not JSON", nil) // the parser's words may quote a secret
		}
		return config, file, nil
	}
	return nil, "", nil
}

func (d DockerAuth) files() []string {
	if d.File != "" {
		return []string{d.File}
	}
	var files []string
	if dir := os.Getenv("DOCKER_CONFIG"); dir != "" {
		files = append(files, filepath.Join(dir, "config.json"))
	} else if home, err := os.UserHomeDir(); err == nil {
		files = append(files, filepath.Join(home, ".docker", "config.json"))
	}
	if file := os.Getenv("REGISTRY_AUTH_FILE"); file != "" {
		files = append(files, file)
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		files = append(files, filepath.Join(dir, "containers", "auth.json"))
	}
	return files
}

func badDocker(file, cause string, err error) error {
	return &azward.Error{
		Kind: azward.KindSignIn, Op: "read Docker configuration", Subject: file, Cause: cause,
		Remedy: "repair or remove the file, then `docker login`", Err: err,
	}
}

// helperForm keeps a configuration from naming a program elsewhere.
var helperForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// ask runs docker-credential-HELPER. What it writes is a secret whether it
// fails or not, so errors tell its name alone.
//
// Source: https://github.com/docker/docker-credential-helpers#development
func (d DockerAuth) ask(ctx context.Context, helper, key string) (Credentials, bool, error) {
	fail := func(cause, remedy string) (Credentials, bool, error) {
		return Credentials{}, false, &azward.Error{
			Kind: azward.KindSignIn, Op: "ask credential helper", Subject: fmt.Sprintf("docker-credential-%.64s", helper),
			Cause: cause, Remedy: remedy,
		}
	}
	if !helperForm.MatchString(helper) {
		return fail("it is no name of a helper", "correct credsStore and credHelpers in the Docker configuration")
	}
	limit := d.HelperTime
	if limit == 0 {
		limit = helperTime
	}
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	command := exec.CommandContext(bounded, "docker-credential-"+helper, "get") //nolint:gosec // the user's own configuration names it; its form is checked
	command.Stdin = strings.NewReader(key)
	command.WaitDelay = time.Second // its children may hold the pipe
	out := &limited{left: maxHelperAnswer}
	command.Stdout, command.Stderr = out, io.Discard
	err := command.Run()
	switch {
	case ctx.Err() != nil:
		return Credentials{}, false, interrupted(ctx, "ask credential helper", helper, ctx.Err())
	case bounded.Err() != nil:
		return fail(fmt.Sprintf("it gave no answer within %s", limit), "run `docker login` again, or use another credential store")
	case errors.Is(err, exec.ErrNotFound):
		return fail("it is not installed", "install it, or remove it from the Docker configuration")
	case err != nil && bytes.Contains(out.Bytes(), []byte("credentials not found")):
		return Credentials{}, false, nil // the one failure that is none
	case err != nil:
		return fail("it failed", "try `docker pull` with it; then `docker login` again")
	}
	var answer struct{ Username, Secret string }
	if out.left < 0 || json.Unmarshal(out.Bytes(), &answer) != nil {
		return fail("its answer cannot be read", "check that it is a Docker credential helper")
	}
	if answer.Username == tokenUser {
		return Credentials{IdentityToken: answer.Secret}, true, nil
	}
	return Credentials{Username: answer.Username, Password: answer.Secret}, answer.Secret != "", nil
}

// limited keeps the first bytes that are written, and notes that there were more.
type limited struct {
	bytes.Buffer
	left int
}

// Write implements [io.Writer].
func (l *limited) Write(p []byte) (int, error) {
	n := len(p)
	if l.left -= n; l.left >= 0 {
		l.Buffer.Write(p)
	}
	return n, nil
}
