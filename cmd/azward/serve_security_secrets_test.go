package main

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/azward/azward/api"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/store"
)

// forms are the ways in which a secret may stand in a text.
type needle struct{ secret, form, text string }

// needles are all secrets in all forms.
func (w *secured) needles(t *testing.T) (all []needle) {
	t.Helper()
	for name, secret := range w.secrets {
		const least = 16 // a shorter one would be found by chance
		if len(secret) < least {
			t.Fatalf("%s is too short to look for", name)
		}
		inJSON := strings.Trim(string(mustJSON(t, secret)), `"`)
		forms := map[string]string{
			"plain": secret, "query": url.QueryEscape(secret), "path": url.PathEscape(secret), "json": inJSON, "json in json": strings.Trim(string(mustJSON(t, inJSON)), `"`),
			"html": html.EscapeString(secret), "hex": hex.EncodeToString([]byte(secret)),
		}
		for shift := range 3 { // of bytes before it
			for encoding, of := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
				text := of.EncodeToString([]byte(strings.Repeat("x", shift) + secret))
				from := (shift*8 + 5) / 6
				forms[fmt.Sprint(encoding, shift)] = text[from : len(text)-1]
			}
		}
		seen := map[string]bool{}
		for form, text := range forms {
			if !seen[text] {
				all = append(all, needle{name, form, text})
			}
			seen[text] = true
		}
	}
	return all
}

// search finds needles in one pass, by their first bytes.
type search map[uint64][]needle

const window = 8 // bytes

func (w *secured) search(t *testing.T) search {
	t.Helper()
	s := search{}
	for _, n := range w.needles(t) {
		first := binary.LittleEndian.Uint64([]byte(n.text[:window]))
		s[first] = append(s[first], n)
	}
	return s
}

// in says which secrets a text holds.
func (s search) in(t *testing.T, where, text string) {
	t.Helper()
	raw := []byte(text)
	for i := 0; i+window <= len(raw); i++ {
		for _, n := range s[binary.LittleEndian.Uint64(raw[i:])] {
			if strings.HasPrefix(text[i:], n.text) {
				t.Errorf("%s holds the %s (%s): …%.60q", where, n.secret, n.form, text[max(0, i-30):])
			}
		}
	}
}

// nothingShowsSecrets asks everything of everybody, stops the hub, and looks
// for secrets in what it answered, wrote and kept.
func nothingShowsSecrets(t *testing.T, w *secured) {
	w.connectWithSecrets(t)
	for _, c := range w.callers { // a session's name changes at each sign-in
		if c.cookies["azward"] != "" {
			w.secrets["present session of "+c.name] = c.cookies["azward"]
		}
	}
	all := w.search(t)
	admin, redacted := w.callers["admin"], 0
	for _, page := range crawl(t, admin, false, w.hostilePages(t)...) {
		all.in(t, page.path, page.body+headerText(page.header))
	}
	for path, got := range w.readAPI(t) {
		all.in(t, path, got.body+headerText(got.header))
		redacted += strings.Count(got.body, estate.Redacted)
		if got.status >= http.StatusInternalServerError {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	arguments := strings.Join(w.Args, "\x00")
	if raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", w.Process.Pid)); err == nil {
		arguments += string(raw)
	}
	all.in(t, "the command line", arguments)
	log := w.stop(t)
	link := w.secrets["link of "+admin.name]
	if strings.Count(log, link) != 1 {
		t.Errorf("the set-up link is written %d times", strings.Count(log, link))
	}
	all.in(t, "what the hub wrote", strings.Replace(log, link, "", 1))
	kept := keptContents(t, w.data)
	for where, content := range kept {
		all.in(t, where, content)
	}
	if redacted == 0 || !strings.Contains(kept["pieces.doc_zst unpacked"], estate.Redacted) {
		t.Errorf("secrets are not where they were looked for: %d in answers", redacted)
	}
}

func headerText(h http.Header) string { return fmt.Sprint(map[string][]string(h)) }

// connectWithSecrets sends secrets by every way that takes them.
func (w *secured) connectWithSecrets(t *testing.T) {
	t.Helper()
	admin := w.callers["admin"]
	for _, name := range []string{"secret by the API", "secret by a page", "secret by Aurora's login", "wrong password"} {
		w.secrets[name] = "pl4nted-" + strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), "'", "") + "/+=&?"
	}
	const tenant, client = "3f1c9e0a-7b52-4c8d-9d41-6e0f2ab5c713", "9d2e4b71-0c3f-4f6a-8e15-b7a2d90c4e58"
	settings := map[string]any{"name": "by-api", "tenantId": tenant, "clientId": client, "auth": "clientSecret", "secret": w.secrets["secret by the API"], "cloudConfig": filepath.Join(w.data, demoCloud)}
	admin.json(t, http.MethodPost, "/api/v1/connections", settings, nil, "Idempotency-Key", "once")
	admin.json(t, http.MethodPost, "/api/v1/connections", settings, nil, "Idempotency-Key", "once")
	for _, path := range []string{"/test", "/doctor"} {
		admin.do(t, http.MethodPost, "/api/v1/connections/by-api"+path, jsonType, "")
	}
	values := url.Values{"name": {"by-page"}, "auth": {"clientSecret"}, "tenantId": {tenant}, "clientId": {client}, "tenant": {tenant}, "client": {client}, "secret": {w.secrets["secret by a page"]}, "cloudConfig": {filepath.Join(w.data, demoCloud)}}
	if got := admin.post(t, "/integrations/azure", values); got.status != http.StatusSeeOther {
		t.Errorf("connect by a page: %d %s", got.status, got.body)
	}
	values.Set("name", "not a name")
	admin.post(t, "/integrations/azure", values)
	// What is wrong is told without what was sent.
	settings["unknown"] = 1
	admin.do(t, http.MethodPost, "/api/v1/connections", jsonType, string(mustJSON(t, settings)))
	admin.do(t, http.MethodPost, "/api/v1/connections", jsonType, `{"auth":"`+w.secrets["secret by the API"]+`","secret":["`+w.secrets["secret by the API"]+`"]}`)
	login := map[string]any{"tenantId": "nobody's", "clientId": client, "clientSecret": w.secrets["secret by Aurora's login"], "readOnlyCredentials": w.secrets["secret by Aurora's login"]}
	admin.do(t, http.MethodPost, "/azure/login", jsonType, string(mustJSON(t, login)))
	w.browser().post(t, "/signin", url.Values{"name": {admin.name}, "password": {w.secrets["wrong password"]}, "next": {"/verdicts"}})
	w.browser().get(t, "/api/v1/me", "Authorization", "Bearer azw_"+w.secrets["wrong password"])
	w.browser().get(t, "/setup?code="+url.QueryEscape(w.secrets["link of "+admin.name]))
}

// readAPI asks every route that reads for what there is.
func (w *secured) readAPI(t *testing.T) map[string]reply {
	t.Helper()
	admin := w.callers["admin"]
	known := w.known(t)
	answers := map[string]reply{}
	for _, m := range allRoutes(t) {
		if m.method != http.MethodGet || m.door != apiDoor && m.door != auroraDoor || strings.HasSuffix(m.path, "/events") {
			continue
		}
		for _, path := range known.fill(m.path) {
			answers[path] = admin.get(t, path)
		}
	}
	const least = 100
	if len(answers) < least {
		t.Errorf("only %d answers were read", len(answers))
	}
	return answers
}

// things are what the API's lists tell of.
type things struct{ verdicts, resources, connections, scans, jobs, users, images []string }

func (w *secured) known(t *testing.T) (k things) {
	t.Helper()
	admin := w.callers["admin"]
	for path, of := range map[string]struct {
		field string
		into  *[]string
	}{
		"/verdicts?limit=500": {"id", &k.verdicts}, "/resources?limit=500": {"id", &k.resources}, "/connections": {"name", &k.connections}, "/scans": {"id", &k.scans},
		"/jobs": {"id", &k.jobs}, "/users": {"id", &k.users}, "/registries/" + demoRegistry + "/images": {"digest", &k.images},
	} {
		var page struct{ Items []map[string]any }
		admin.json(t, http.MethodGet, api.Prefix+path, nil, &page)
		for _, one := range page.Items {
			if id, ok := one[of.field].(string); ok {
				*of.into = append(*of.into, id)
			}
		}
		if len(*of.into) == 0 {
			t.Errorf("%s tells of nothing: %v", path, page.Items)
		}
	}
	return k
}

// fill are the addresses that a path stands for.
func (k things) fill(path string) (paths []string) {
	ids := map[string][]string{"/verdicts/": k.verdicts, "/scans/": k.scans, "/jobs/": k.jobs, "/users/": k.users, "/tokens/": {"tok_x"}}
	for part, of := range ids {
		if strings.Contains(path, part+"{id}") {
			for _, id := range of {
				paths = append(paths, strings.ReplaceAll(path, "{id}", url.PathEscape(id)))
			}
			return paths
		}
	}
	path = strings.ReplaceAll(path, "{host}", demoRegistry)
	switch {
	case strings.Contains(path, "{name}"):
		for _, name := range k.connections {
			paths = append(paths, strings.ReplaceAll(path, "{name}", url.PathEscape(name)))
		}
	case strings.Contains(path, "/resource") && !strings.HasSuffix(path, "/resources") && !strings.HasSuffix(path, "/types"), strings.HasSuffix(path, "/exposure"), strings.HasSuffix(path, "/picture"):
		for i, id := range k.resources {
			// History and neighbours repeat what the resource itself tells.
			const few = 12
			if strings.HasSuffix(path, "/resource") || i%few == 0 || strings.Contains(id, "zqx") {
				paths = append(paths, path+"?id="+url.QueryEscape(id))
			}
		}
	case strings.HasSuffix(path, "/image"):
		for _, digest := range k.images {
			paths = append(paths, path+"?name="+url.QueryEscape(digest))
		}
	default:
		paths = []string{path}
	}
	return paths
}

// keptContents are the files of a data directory, and what its database holds,
// unpacked. The key that opens the secrets is no secret of a user.
func keptContents(t *testing.T, data string) map[string]string {
	t.Helper()
	parts := map[string]*strings.Builder{}
	add := func(name string, value []byte) {
		if parts[name] == nil {
			parts[name] = &strings.Builder{}
		}
		parts[name].Write(value)
		parts[name].WriteByte('\n')
	}
	err := filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err == nil {
			add(path, raw)
			unpacked(t, path, raw, add)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(data, store.DatabaseFile))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tables := column(t, db, `SELECT name FROM sqlite_master WHERE type = 'table'`)
	for _, table := range tables {
		eachValue(t, db, table, func(name string, value []byte) {
			add(name, value)
			unpacked(t, name, value, add)
		})
	}
	contents := map[string]string{}
	for name, b := range parts {
		contents[name] = b.String()
	}
	const least = 10
	if len(tables) < least || len(contents) < least {
		t.Errorf("only %d tables and %d files and columns were read", len(tables), len(contents))
	}
	return contents
}

func column(t *testing.T, db *sql.DB, query string) (values []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var value string
		if err := rows.Scan(&value); err != nil {
			t.Fatal(err)
		}
		values = append(values, value)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return values
}

func eachValue(t *testing.T, db *sql.DB, table string, tell func(name string, value []byte)) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT * FROM "`+table+`"`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	values, into := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		for i, name := range columns {
			tell(table+"."+name, values[i])
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// unpacked adds what the compressed parts of a value hold.
func unpacked(t *testing.T, name string, raw []byte, add func(string, []byte)) {
	t.Helper()
	magic := []byte("\x28\xb5\x2f\xfd") // RFC 8878
	var out bytes.Buffer
	for at := bytes.Index(raw, magic); at >= 0; {
		d, err := zstd.NewReader(bytes.NewReader(raw[at:]), zstd.WithDecoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		// What follows a part is no part of it: that is where it ends.
		_, _ = io.Copy(&out, d)
		d.Close()
		next := bytes.Index(raw[at+len(magic):], magic)
		if next < 0 {
			break
		}
		at += len(magic) + next
	}
	if out.Len() > 0 {
		add(name+" unpacked", out.Bytes())
	}
}

// TestSecretsAreFound: the search finds what it is meant to find.
func TestSecretsAreFound(t *testing.T) {
	t.Parallel()
	const secret = "pl4nted/S3cret+=&? of a test"
	w := &secured{secrets: map[string]string{"it": secret}}
	raw, err := json.Marshal(map[string]any{"a": secret, "b": []byte("xy" + secret)})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(raw), url.QueryEscape(secret), "x" + html.EscapeString(secret), base64.URLEncoding.EncodeToString([]byte("?" + secret + "tail")), hex.EncodeToString([]byte(secret))} {
		if !slices.ContainsFunc(w.needles(t), func(n needle) bool { return strings.Contains(text, n.text) }) {
			t.Errorf("%s hides the secret", text)
		}
	}
}
