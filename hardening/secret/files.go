package secret

import (
	"bytes"
	"encoding/base64"
	"path"
	"regexp"
	"strings"
)

// MaxFile is the largest file that is searched, in bytes: credentials are
// written by hand or by a tool, in small files.
const MaxFile = 1 << 20

// stores are files that tools keep credentials in, wherever they are.
var stores = map[string]bool{
	".npmrc": true, ".yarnrc": true, ".pypirc": true, ".netrc": true, "_netrc": true, ".git-credentials": true, ".pgpass": true, ".dockercfg": true,
	"id_rsa": true, "id_dsa": true, "id_ecdsa": true, "id_ed25519": true, ".my.cnf": true, ".s3cfg": true, ".htpasswd": true,
	".bash_history": true, ".ash_history": true, ".zsh_history": true, "msal_token_cache.json": true, "accessTokens.json": true, "kubeconfig": true,
}

// directories whose "config" and the like hold credentials.
var homes = map[string]bool{".kube": true, ".aws": true, ".docker": true, ".azure": true, ".config": true, ".ssh": true, ".git": true, ".nuget": true, ".m2": true, "secrets": true}

// extensions of text that people and tools write settings or code in.
var extensions = map[string]bool{
	".env": true, ".json": true, ".yaml": true, ".yml": true, ".toml": true, ".ini": true, ".conf": true, ".cfg": true, ".cnf": true, ".config": true, ".xml": true,
	".properties": true, ".tfvars": true, ".tfstate": true, ".pem": true, ".key": true, ".sh": true, ".bash": true, ".ps1": true, ".py": true, ".js": true, ".ts": true,
	".mjs": true, ".cjs": true, ".cs": true, ".rb": true, ".php": true, ".pl": true, ".sql": true, ".txt": true, ".go": true, ".java": true, ".kt": true, ".gradle": true,
	".settings": true, ".credentials": true, ".secret": true, ".token": true, ".bak": true, ".old": true, ".orig": true, ".tpl": true, ".tmpl": true, ".log": true,
}

// locked are generated lists: many, large, and without secrets.
var locked = map[string]bool{
	"package-lock.json": true, "yarn.lock": true, "pnpm-lock.yaml": true, "composer.lock": true, "tsconfig.json": true, "direct_url.json": true,
}

// libraries are directories of code that somebody else published: what looks
// like a secret in them is an example or a test.
var libraries = []string{"node_modules/", "site-packages/", "dist-packages/", "/gems/", "/vendor/", "pkg/mod/", "/.git/objects/", "/.cargo/registry/"}

// system are the distribution's own directories.
var system = []string{
	"usr/share/", "usr/lib/", "usr/lib64/", "usr/libexec/", "usr/include/", "usr/local/lib/", "usr/local/share/", "usr/local/include/", "usr/local/go/",
	"lib/", "lib64/", "proc/", "sys/", "dev/", "var/lib/dpkg/", "var/lib/apt/", "var/cache/", "etc/ssl/certs/", "etc/pki/", "opt/java/", "usr/bin/", "bin/", "usr/sbin/", "sbin/",
}

// Wanted says whether a file's path, from the image's root without a leading
// slash, is one that secrets are kept in.
func Wanted(p string) bool {
	base := path.Base(p)
	if stores[base] || base == "config.json" && path.Base(path.Dir(p)) == ".docker" {
		return true
	}
	if locked[base] || strings.HasSuffix(base, ".min.js") || strings.HasSuffix(base, ".d.ts") {
		return false
	}
	ext := path.Ext(base)
	named := extensions[ext] || strings.HasPrefix(base, ".env") || homes[path.Base(path.Dir(p))] && ext == "" || base == "Dockerfile" || base == "environment" || base == "credentials"
	if !named {
		return false
	}
	for _, dir := range system {
		if strings.HasPrefix(p, dir) {
			return false
		}
	}
	for _, dir := range libraries {
		if strings.Contains(p, dir) {
			return false
		}
	}
	return true
}

// byPath gives what the form of a known file tells beside the shapes.
func byPath(p string, data []byte) []match {
	base := path.Base(p)
	switch base {
	case ".dockercfg":
		return dockerAuths(data)
	case "config.json":
		if bytes.Contains(data, []byte(`"auths"`)) {
			return dockerAuths(data)
		}
	case ".pgpass":
		return groups(pgpass, data, DatabasePassword, true)
	case ".netrc", "_netrc":
		return groups(netrc, data, MachinePassword, true)
	case ".npmrc", ".yarnrc":
		return groups(npmrc, data, RegistryToken, true)
	case ".pypirc":
		return groups(pypirc, data, RegistryToken, true)
	}
	if bytes.Contains(data, []byte("users:")) && kubeKind.Match(data) {
		return append(kubeconfigKeys(data), groups(kubeToken, data, KubeconfigKey, false)...)
	}
	if settings(base) {
		return settingsOf(data)
	}
	return nil
}

// settings says whether the file is one of settings, in which a telling name
// is enough.
func settings(base string) bool {
	switch path.Ext(base) {
	case ".env", ".properties", ".tfvars":
		return true
	case ".json":
		return strings.HasPrefix(strings.ToLower(base), "appsettings") || base == "local.settings.json" || base == "secrets.json"
	case ".yml", ".yaml":
		return strings.HasPrefix(base, "application") || strings.HasPrefix(base, "secret")
	}
	return strings.HasPrefix(base, ".env") || base == "environment"
}

var (
	// Source: https://www.postgresql.org/docs/current/libpq-pgpass.html
	pgpass = regexp.MustCompile(`(?m)^[^#:\n][^:\n]*:[^:\n]*:[^:\n]*:[^:\n]*:([^\n\r]+)$`)
	// Source: https://www.gnu.org/software/inetutils/manual/html_node/The-_002enetrc-file.html
	netrc = regexp.MustCompile(`\bpassword\s+(\S+)`)
	// Source: https://docs.npmjs.com/cli/configuring-npm/npmrc
	npmrc  = regexp.MustCompile(`(?m)_(?:password|auth)\s*=\s*"?([^\s"]+)`)
	pypirc = regexp.MustCompile(`(?m)^\s*password\s*[=:]\s*(\S+)`)
	// Source: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
	kubeKind  = regexp.MustCompile(`(?m)^kind:\s*"?Config"?\s*$`)
	kubeKey   = regexp.MustCompile(`client-key-data:\s*"?([A-Za-z0-9+/=]+)`)
	kubeToken = regexp.MustCompile(`(?m)^\s*(?:token|password):\s*"?([^\s"]+)`)
	// Source: https://docs.docker.com/reference/cli/docker/login/
	dockerAuth = regexp.MustCompile(`"(?:auth|identitytoken|registrytoken|password)"\s*:\s*"([^"\n]+)"`)
)

func groups(re *regexp.Regexp, data []byte, kind Kind, password bool) []match {
	var out []match
	for _, at := range re.FindAllSubmatchIndex(data, maxMatches) {
		out = append(out, match{kind: kind, start: at[2], end: at[3], password: password, token: !password})
	}
	return out
}

// dockerAuths gives the logins of a Docker configuration: base64 of
// user:password, or a token.
func dockerAuths(data []byte) []match {
	var out []match
	for _, m := range groups(dockerAuth, data, DockerAuth, true) {
		raw, err := base64.StdEncoding.DecodeString(string(data[m.start:m.end]))
		if err == nil {
			if _, password, ok := bytes.Cut(raw, []byte(":")); ok && (len(password) == 0 || placeholder(string(password))) {
				continue
			}
		}
		out = append(out, m)
	}
	return out
}

// kubeconfigKeys gives client keys that are really private keys.
func kubeconfigKeys(data []byte) []match {
	var out []match
	for _, m := range groups(kubeKey, data, KubeconfigKey, false) {
		raw, err := base64.StdEncoding.DecodeString(string(data[m.start:m.end]))
		if err == nil && bytes.Contains(raw, []byte("PRIVATE KEY")) {
			out = append(out, m)
		}
	}
	return out
}
