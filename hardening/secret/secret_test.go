package secret_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward/hardening/secret"
)

// random gives characters of an alphabet that look random and are the same
// each time: no real credential stands in these files.
func random(alphabet string, n int, seed string) string {
	var out strings.Builder
	for i := 0; out.Len() < n; i++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", seed, i))
		for _, b := range sum {
			if out.Len() < n {
				out.WriteByte(alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return out.String()
}

const (
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	lower  = "abcdefghijklmnopqrstuvwxyz"
	digits = "0123456789"
	alnum  = digits + upper + lower
)

func key64(seed string) string {
	sum, more := sha256.Sum256([]byte(seed)), sha256.Sum256([]byte(seed+"+"))
	return base64.StdEncoding.EncodeToString(append(sum[:], more[:]...))
}

func key32(seed string) string {
	sum := sha256.Sum256([]byte(seed))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func github(prefix string) string { return longToken(prefix, 30) }

// longToken ends with the checksum of its body.
func longToken(prefix string, length int) string {
	body := random(alnum, length, prefix)
	sum, n := make([]byte, 6), crc32.ChecksumIEEE([]byte(body))
	for i := range sum {
		sum[5-i] = alnum[n%62]
		n /= 62
	}
	return prefix + body + string(sum)
}

func jwt(header, claims string) string {
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	return part(header) + "." + part(claims) + "." + random(alnum, 43, "signature")
}

func pemKey(tb testing.TB) string {
	tb.Helper()
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), []byte(random(alnum, 32, "key")))
	if err != nil {
		tb.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		tb.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
}

// sample is a text of a file, with the value that is to be found in it; ""
// when nothing is.
type sample struct {
	name, path, text, value string
	kind                    secret.Kind
}

func samples(tb testing.TB) []sample {
	tb.Helper()
	storage, shared := key64("storage"), key32("bus")
	sig := strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(key32("sas"))
	entra := random(alnum, 3, "e") + "8Q~" + random(alnum+"_.-~", 34, "entra")
	pat := random(alnum, 52, "pat") + "JQQJ99" + random(alnum, 18, "pat2") + "AZDO" + random(alnum, 4, "pat3")
	acr := random(alnum+"/", 42, "acr") + "+ACRC" + random(alnum, 5, "acr2")
	akia := "AKIA" + random(upper+"234567", 16, "akia")
	aws := random(alnum, 40, "aws")
	ghp, fine := github("ghp_"), "github_pat_"+random(alnum, 22, "f1")+"_"+random(alnum, 59, "f2")
	glpat := "glpat-" + random(alnum, 20, "gl")
	slack := "xoxb-" + random(digits, 12, "s1") + "-" + random(digits, 12, "s2") + "-" + random(alnum, 24, "s3")
	google := "AIzaSy" + random(alnum, 33, "google")
	token := jwt(`{"alg":"RS256","typ":"JWT"}`, `{"iss":"kubernetes/serviceaccount","exp":1700000000}`)
	private := pemKey(tb)
	npm := "npm_" + random(alnum, 36, "npm")
	list := []sample{
		{"storage_connection_string", "app/appsettings.json", `"Storage": "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=` + storage + `;EndpointSuffix=core.windows.net"`, storage, secret.AzureStorageKey},
		{"storage_key_of_the_emulator", "app/.env", "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==", "", ""},
		{"service_bus", "app/local.settings.json", "Endpoint=sb://shop.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=" + shared + "\n", shared, secret.AzureSharedAccessKey},
		{"sas", "app/run.sh", "curl 'https://shop.blob.core.windows.net/c/x.zip?sv=2023-11-03&se=2027-01-01T00%3A00%3A00Z&sr=b&sp=r&sig=" + sig + "'", sig, secret.AzureSAS},
		{"entra", "app/config.yaml", "clientSecret: '" + entra + "'", entra, secret.EntraSecret},
		{"devops_pat", "app/nuget.config", `<add key="ClearTextPassword" value="` + pat + `" />`, pat, secret.AzureDevOpsPAT},
		{"acr", "app/deploy.sh", "docker login shop.azurecr.io -u shop --password-stdin <<< " + acr, acr, secret.AzureRegistryKey},
		{"aws_id", "app/x.py", "boto3.client('s3', '" + akia + "')", akia, secret.AWSKeyID},
		{"aws_documented_example", "app/x.py", "AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "", ""},
		{"aws_credentials", "root/.aws/credentials", "[default]\naws_secret_access_key = " + aws + "\n", aws, secret.AWSSecret},
		{"github_classic", "app/x.sh", "git clone https://" + ghp + "@github.com/x/y", ghp, secret.GitHubToken},
		{"github_wrong_checksum", "app/x.sh", "export T=" + ghp[:39] + "0", "", ""},
		{"github_fine_grained", "app/x.yml", "token: " + fine, fine, secret.GitHubToken},
		{"gitlab", "app/x.yml", "token: " + glpat + ".", glpat, secret.GitLabToken},
		{"slack", "app/x.toml", `token = "` + slack + `"`, slack, secret.SlackToken},
		{"google", "app/x.js", "key:'" + google + "'", google, secret.GoogleKey},
		{"jwt", "run/secrets/token.txt", "Bearer " + token, token, secret.JWT},
		{"jwt_without_signature", "app/x.txt", jwt(`{"alg":"none"}`, `{}`), "", ""},
		{"jwt_header_is_no_json", "app/x.txt", "eyJhbGciOi.eyJhbGciOi." + random(alnum, 43, "x"), "", ""},
		{"private_key", "app/tls.key", private, strings.TrimSpace(private), secret.PrivateKey},
		{"private_key_encrypted", "app/tls.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + storage + "\n-----END ENCRYPTED PRIVATE KEY-----", "", ""},
		{"private_key_old_encryption", "app/tls.key", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n" + storage + "\n-----END RSA PRIVATE KEY-----", "", ""},
		{"private_key_of_a_manual", "app/readme.txt", "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----", "", ""},
		{"public_key", "app/x.pem", "-----BEGIN PUBLIC KEY-----\n" + storage + "\n-----END PUBLIC KEY-----", "", ""},
		{"npmrc", "root/.npmrc", "//registry.npmjs.org/:_authToken=" + npm, npm, secret.RegistryToken},
		{"npmrc_reference", "root/.npmrc", "//registry.npmjs.org/:_authToken=${NPM_TOKEN}", "", ""},
		{"docker_config", "root/.docker/config.json", `{"auths":{"shop.azurecr.io":{"auth":"` + base64.StdEncoding.EncodeToString([]byte("shop:Kx82hbvQ+pL")) + `"}}}`, base64.StdEncoding.EncodeToString([]byte("shop:Kx82hbvQ+pL")), secret.DockerAuth},
		{"kubeconfig", "root/.kube/config", "apiVersion: v1\nkind: Config\ncurrent-context: prod\nusers:\n- user:\n    client-key-data: " + base64.StdEncoding.EncodeToString([]byte(private)), base64.StdEncoding.EncodeToString([]byte(private)), secret.KubeconfigKey},
		{"git_credentials", "root/.git-credentials", "https://build:Kx82hbvQpL@dev.azure.com\n", "Kx82hbvQpL", secret.URLPassword},
		{"url_of_a_manual", "app/x.txt", "postgres://user:password@localhost/db", "", ""},
		{"url_of_documentation", "app/x.txt", "https://deploy:Kx82hbvQpL@git.example.com/x", "", ""},
		{"config_map_of_a_cluster", "app/x.yaml", "kind: ConfigMap\ndata:\n  password: Kx82hbvQpL\n", "", ""},
		{"url_with_port", "app/x.txt", "http://localhost:8080/a@b", "", ""},
		{"pgpass", "root/.pgpass", "db.contoso.com:5432:shop:app:Kx82hbvQpL", "Kx82hbvQpL", secret.DatabasePassword},
		{"netrc", "root/.netrc", "machine api.contoso.com login build password Kx82hbvQpL", "Kx82hbvQpL", secret.MachinePassword},
		{"sql_connection", "app/web.config", `connectionString="Server=tcp:shop.database.windows.net;User ID=app;Password=Kx82!hbvQpL;Encrypt=True"`, "Kx82!hbvQpL", secret.DatabasePassword},
		{"env_file", "app/.env", "DB_PASSWORD=Kx82hbvQpL\n", "Kx82hbvQpL", secret.Named},
		{"env_file_reference", "app/.env", "DB_PASSWORD=${DB_PASSWORD}\nSECRET=changeme\nTOKEN_FILE=/run/secrets/x\n", "", ""},
	}
	for _, x := range []struct {
		name, after, alphabet string
		first, last           int // random characters around the mark
		kind                  secret.Kind
	}{
		{"cosmos", "==", alnum + "+/", 76, 6, secret.AzureKey},
		{"batch", "==", alnum + "+/", 76, 6, secret.AzureKey},
		{"service_bus_key", "=", alnum + "+/", 33, 6, secret.AzureSharedAccessKey},
		{"event_hubs_key", "=", alnum + "+/", 33, 6, secret.AzureSharedAccessKey},
		{"relay_key", "=", alnum + "+/", 33, 6, secret.AzureSharedAccessKey},
		{"iot_hub_key", "=", alnum + "+/", 33, 6, secret.AzureSharedAccessKey},
		{"redis", "=", alnum, 33, 6, secret.AzureKey},
		{"search", "", alnum, 42, 6, secret.AzureKey},
		{"functions", "=", alnum + "-_", 44, 7, secret.AzureKey},
		{"common_annotated", "", alnum, 52, 26, secret.AzureKey},
	} {
		mark := map[string]string{
			"cosmos": "ACDb", "batch": "+ABa", "service_bus_key": "+ASb", "event_hubs_key": "+AEh", "relay_key": "+ARm", "iot_hub_key": "AIoT",
			"redis": "AzCa", "search": "AzSe", "functions": "AzFu", "common_annotated": "JQQJ99",
		}[x.name]
		value := random(x.alphabet, x.first, x.name) + mark + random(alnum, x.last, x.name+"2") + x.after
		list = append(list, sample{x.name, "app/x.yaml", "key: '" + value + "'", value, x.kind})
	}
	for _, x := range []struct {
		prefix string
		n      int
		kind   secret.Kind
	}{
		{"gldt-", 20, secret.GitLabToken},
		{"glrt-", 20, secret.GitLabToken},
		{"pypi-AgE", 120, secret.RegistryToken},
		{"dckr_pat_", 27, secret.DockerAuth},
		{"sk_live_", 24, secret.ServiceToken},
		{"rk_live_", 24, secret.ServiceToken},
		{"hvs.", 90, secret.ServiceToken},
		{"hf_", 34, secret.ServiceToken},
		{"sk-ant-", 95, secret.ServiceToken},
		{"sk-proj-", 48, secret.ServiceToken},
		{"dop_v1_", 64, secret.ServiceToken},
	} {
		value := x.prefix + random(alnum, x.n, x.prefix)
		list = append(list, sample{"prefix_" + x.prefix, "app/x.toml", `token = "` + value + `"`, value, x.kind})
	}
	sendgrid := "SG." + random(alnum, 22, "sg") + "." + random(alnum, 43, "sg2")
	xapp := "xapp-1-" + random(upper+digits, 11, "xa") + "-" + random(digits, 13, "xb") + "-" + random("0123456789abcdef", 64, "xc")
	hook := "T" + random(upper+digits, 9, "h1") + "/B" + random(upper+digits, 9, "h2") + "/" + random(alnum, 24, "h3")
	return append(
		list,
		sample{"sendgrid", "app/x.toml", sendgrid, sendgrid, secret.ServiceToken},
		sample{"slack_app", "app/x.toml", xapp, xapp, secret.SlackToken},
		sample{"slack_hook", "app/x.toml", "https://hooks.slack.com/services/" + hook, hook, secret.SlackToken},
		sample{"github_refresh", "app/x.toml", longToken("ghr_", 70), longToken("ghr_", 70), secret.GitHubToken},
	)
}

func TestFile(t *testing.T) {
	t.Parallel()
	for _, tc := range samples(t) {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			found := secret.File(tc.path, []byte(tc.text))
			if tc.value == "" {
				if len(found) > 0 {
					t.Errorf("found %+v", found)
				}
				return
			}
			if len(found) != 1 || found[0].Kind != tc.kind {
				t.Fatalf("found %+v, want %s", found, tc.kind)
			}
			if found[0].Length != len(tc.value) {
				t.Errorf("length %d, want %d", found[0].Length, len(tc.value))
			}
			neverTold(t, tc.value, found)
			if !secret.Wanted(tc.path) {
				t.Errorf("%s would not be read", tc.path)
			}
			if clean := secret.Redact(tc.text); tc.kind != secret.DatabasePassword && tc.kind != secret.MachinePassword && tc.kind != secret.KubeconfigKey && tc.kind != secret.DockerAuth && strings.Contains(clean, tc.value) {
				t.Errorf("redacted to %q", clean)
			}
		})
	}
}

// neverTold fails when something of the value but its ends is in what is told.
func neverTold(tb testing.TB, value string, told any) {
	tb.Helper()
	raw, err := json.Marshal(told)
	if err != nil {
		tb.Fatal(err)
	}
	if _, body, ok := strings.Cut(value, "PRIVATE KEY-----"); ok { // where it begins is told
		value = body
	}
	const piece = 6
	if len(value) < 8+piece {
		if len(value) >= piece && strings.Contains(string(raw), value) {
			tb.Errorf("%s has the value", raw)
		}
		return
	}
	for i := 4; i+piece <= len(value)-4; i++ {
		if strings.Contains(string(raw), value[i:i+piece]) {
			tb.Fatalf("%s has the piece %q of the value", raw, value[i:i+piece])
		}
	}
}

func TestVariable(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, variable, value string
		want                  []secret.Found
	}{
		{"password", "DB_PASSWORD", "hunter2!", []secret.Found{{Kind: secret.Named, Name: "DB_PASSWORD", Redacted: "…", Length: 8}}},
		{"signing_key_of_python", "GPG_KEY", "E3FF2839C048B25C084DEBE9B26995E310250568", nil},
		{"path_to_a_secret", "DB_PASSWORD_FILE", "/run/secrets/db", nil},
		{"path_in_a_password", "DB_PASSWORD", "/run/secrets/db", nil},
		{"tokenizer", "TOKENIZER", "bert-base-uncased", nil},
		{"switch", "TOKEN_ENABLED", "true-and-so-on", nil},
		{"empty", "API_KEY", "", nil},
		{"reference", "API_KEY", "$OTHER_VARIABLE", nil},
		{"example", "API_KEY", "your-api-key", nil},
		{"shape_without_telling_name", "CART", github("ghp_"), []secret.Found{{Kind: secret.GitHubToken, Name: "CART", Redacted: "ghp_…" + github("ghp_")[36:], Length: 40, Fingerprint: fingerprint(github("ghp_"))}}},
		{"path", "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", nil},
	} {
		if diff := cmp.Diff(tc.want, secret.Variable(tc.variable, tc.value)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

func fingerprint(value string) string {
	sum := sha256.Sum256([]byte(value))
	return fmt.Sprintf("%x", sum[:6])
}

func TestRedact(t *testing.T) {
	t.Parallel()
	ghp := github("ghp_")
	for _, tc := range []struct{ name, text, want string }{
		{"nothing", "RUN apt-get update && apt-get install -y curl # buildkit", "RUN apt-get update && apt-get install -y curl # buildkit"},
		{"build_argument", "RUN |1 NPM_TOKEN=abc123 /bin/sh -c npm ci # buildkit", "RUN |1 NPM_TOKEN=… /bin/sh -c npm ci # buildkit"},
		{"env", "ENV DB_PASSWORD=hunter2", "ENV DB_PASSWORD=…"},
		{"env_old_form", "/bin/sh -c #(nop)  ENV DB_PASSWORD hunter2", "/bin/sh -c #(nop)  ENV DB_PASSWORD …"},
		{"option", "RUN az login --service-principal --password Kx82hbvQpL --tenant x", "RUN az login --service-principal --password … --tenant x"},
		{"curl_user", "RUN curl -u build:Kx82hbvQpL https://x/y", "RUN curl -u build:… https://x/y"},
		{"header", "RUN curl -H 'Authorization: Bearer abcdefg'", "RUN curl -H 'Authorization: Bearer …'"},
		{"token_in_url", "RUN git clone https://" + ghp + "@github.com/x", "RUN git clone https://ghp_…" + ghp[36:] + "@github.com/x"},
		{"same_value_again", "ENV TOKEN=Kx82hbvQpL RUN echo Kx82hbvQpL", "ENV TOKEN=… RUN echo …"},
		{"file_of_a_secret", "RUN --mount=type=secret,id=npm cat /run/secrets/npm", "RUN --mount=type=secret,id=npm cat /run/secrets/npm"},
	} {
		if got := secret.Redact(tc.text); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	got := secret.Line("RUN |1 NPM_TOKEN=Kx82hbvQpL /bin/sh -c npm ci")
	want := []secret.Found{{Kind: secret.Named, Name: "NPM_TOKEN", Redacted: "…", Length: 10}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !got[0].Guess() {
		t.Error("a name alone is a guess")
	}
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	at := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, tc := range samples(t) {
		switch tc.name {
		case "sas":
			if got := secret.File(tc.path, []byte(tc.text)); !got[0].Expires.Equal(at) {
				t.Errorf("a SAS ends %s, want %s", got[0].Expires, at)
			}
		case "jwt":
			if got := secret.File(tc.path, []byte(tc.text)); got[0].Expires.Unix() != 1700000000 {
				t.Errorf("a token ends %s", got[0].Expires)
			}
		}
	}
}

func TestWanted(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"app/.env": true, "app/.env.production": true, "srv/config/settings.yaml": true, "root/.npmrc": true, "home/x/.ssh/id_ed25519": true,
		"app/node_modules/x/package.json": false, "usr/share/doc/x.txt": false, "app/node_modules/x/.npmrc": true, "usr/bin/python": false,
		"app/package-lock.json": false, "app/logo.png": false, "etc/ssl/private/ssl-cert-snakeoil.key": true, "app/main": false,
	} {
		if got := secret.Wanted(path); got != want {
			t.Errorf("%s: %t, want %t", path, got, want)
		}
	}
}

// BenchmarkFile searches a megabyte of JavaScript.
func BenchmarkFile(b *testing.B) {
	line := "function t(e,n){return e&&e.value!==void 0?n(e.value):{key:\"some-key\",passwordField:!0}}// see http://example.com/\n"
	text := []byte(strings.Repeat(line, (1<<20)/len(line)))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if found := secret.File("app/bundle.js", text); len(found) > 0 {
			b.Fatalf("%+v", found)
		}
	}
}

// TestCost: a file of nothing but the beginnings of secrets costs no more
// than a few times what ordinary text does. It would take minutes if each
// beginning were followed to the end.
func TestCost(t *testing.T) {
	t.Parallel()
	var pieces []string
	for _, s := range samples(t) {
		if s.value != "" {
			pieces = append(pieces, s.value[:min(len(s.value), 12)])
		}
	}
	pieces = append(pieces, "AccountKey=", "&sig=", "eyJ", "eyJ.", "AKIA", "xoxb-", "glpat-", "github_pat_", "_authToken=", "://a:b", ";Pwd=aaaaaaa", "8Q~",
		"-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\n-----END", "+ASt", "JQQJ99", "hooks.slack.com/services/", "AIza", "aws_secret_access_key=", "token=x ")
	for _, piece := range pieces {
		text := []byte(strings.Repeat(piece, (1<<18)/len(piece)))
		start := time.Now()
		secret.File("app/.env", text)
		if took := time.Since(start); took > time.Minute { // a hundred times what a busy machine takes
			t.Errorf("%q took %s", piece, took)
		}
	}
}

func TestRedactMany(t *testing.T) {
	t.Parallel()
	if got := secret.Redact(strings.Repeat("A_TOKEN=abcdefg ", 5000)); strings.Contains(got, "abcdefg") {
		t.Errorf("%.100q", got)
	}
}

// FuzzFile: whatever surrounds a secret, nothing of its middle is told, and
// no text is too strange.
func FuzzFile(f *testing.F) {
	list := samples(f)
	for i := range list {
		f.Add(i, "x=\"", "\"\n", list[i].path)
		f.Add(i, "{{", "=Q~eyJ", "root/.docker/config.json")
		f.Add(i, "TOKEN=", "://a:b@c", "app/.env")
	}
	f.Fuzz(func(t *testing.T, which int, before, after, path string) {
		s := list[uint(which)%uint(len(list))]
		if s.value == "" {
			return
		}
		text := before + s.text + after
		neverTold(t, s.value, secret.File(path, []byte(text)))
		neverTold(t, s.value, secret.Line(text))
		neverTold(t, s.value, secret.Variable(before, s.text+after))
	})
}

// FuzzRedact: what was found is not in the redacted text.
func FuzzRedact(f *testing.F) {
	for _, s := range samples(f) {
		f.Add(s.text)
		f.Add("ENV A_TOKEN " + s.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		clean := secret.Redact(text)
		for _, found := range secret.Line(clean) {
			if found.Length >= 20 && !found.Guess() && found.Kind != secret.URLPassword {
				t.Errorf("%+v is left in %q", found, clean)
			}
		}
	})
}
