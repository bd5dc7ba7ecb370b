package secret

import (
	"bytes"
	"encoding/base64"
	"hash/crc32"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// detectors lists every shape that is known by a part of itself.
func detectors() []detector {
	list := []detector{
		{"AccountKey=", 6, storageKey},
		{"SharedAccessKey=", 11, sharedKey},
		{"sig=", 2, sas},
		{"Q~", 0, entraSecret},
		{"AKIA", 1, awsKeyID},
		{"ASIA", 1, awsKeyID},
		{"aws_secret_access_key", 1, awsSecret},
		{"AWS_SECRET_ACCESS_KEY", 1, awsSecret},
		{"xox", 0, slack},
		{"hooks.slack.com/services/", 4, slackHook},
		{"AIza", 1, googleKey},
		{pemBegin, 4, privateKey},
		{"eyJ", 1, jwt},
		{"://", 0, urlPassword},
		{"assword=", 2, databasePassword},
		{"Pwd=", 0, databasePassword},
		{"github_pat_", 6, githubFine},
		{"ghr_", 2, githubRefresh},
		{"_authToken", 4, npmAuth},
	}
	for _, prefix := range []string{"ghp_", "gho_", "ghu_", "ghs_"} {
		list = append(list, detector{prefix, 2, github})
	}
	for _, k := range identifiable {
		list = append(list, detector{k.sign, 0, k.look})
	}
	for _, p := range prefixes {
		list = append(list, detector{p.text, max(0, len(p.text)-2), p.look})
	}
	return list
}

// key is one of Azure's keys that carry a mark at a fixed place.
//
// Source: https://github.com/microsoft/security-utilities, https://learn.microsoft.com/purview/sit-defn-azure-devops-personal-access-token
type key struct {
	sign      string
	kind      Kind
	name      string
	class     *set
	at, whole int // place of the sign, bytes of the key
}

var identifiable = []key{
	{"+ASt", AzureStorageKey, "", base64s, 76, 88},
	{"ACDb", AzureKey, "Cosmos DB", base64s, 76, 88},
	{"+ABa", AzureKey, "Batch", base64s, 76, 88},
	{"+ASb", AzureSharedAccessKey, "Service Bus", base64s, 33, 44},
	{"+AEh", AzureSharedAccessKey, "Event Hubs", base64s, 33, 44},
	{"+ARm", AzureSharedAccessKey, "Relay", base64s, 33, 44},
	{"AIoT", AzureSharedAccessKey, "IoT Hub", base64s, 33, 44},
	{"AzCa", AzureKey, "Redis", base64s, 33, 44},
	{"AzSe", AzureKey, "AI Search", alnum, 42, 52},
	{"+ACR", AzureRegistryKey, "", base64s, 42, 52},
	{"AzFu", AzureKey, "Functions", setOf("_-="), 44, 56},
	{"AZDO", AzureDevOpsPAT, "", alnum, 76, 84},
	{"JQQJ99", AzureKey, "", alnum, 52, 84},
}

func (k key) look(text []byte, at int) (match, bool) {
	start := at - k.at
	// What ends in = before it is a name.
	if !begins(text, start, k.class) && (start <= 0 || text[start-1] != '=') {
		return match{}, false
	}
	end := runEnd(text, start, k.class, k.whole+1)
	m := match{kind: k.kind, start: start, end: end, name: k.name, token: true}
	if end-start != k.whole {
		return m, false
	}
	if k.sign == "JQQJ99" && string(text[start+76:start+80]) == "AZDO" {
		m.kind = AzureDevOpsPAT
	}
	return m, true
}

// prefix is a token that begins with its issuer's mark.
type prefix struct {
	text     string
	kind     Kind
	name     string
	class    *set
	min, max int // bytes after the mark
}

var prefixes = []prefix{
	{"glpat-", GitLabToken, "", dotted, 20, 320},
	{"gldt-", GitLabToken, "", dotted, 20, 320},
	{"glrt-", GitLabToken, "", dotted, 20, 320},
	{"xapp-", SlackToken, "", urlSafe, 60, 120},
	{"npm_", RegistryToken, "npm", alnum, 36, 36},
	{"pypi-AgE", RegistryToken, "PyPI", urlSafe, 50, 1000},
	{"dckr_pat_", DockerAuth, "Docker Hub", urlSafe, 27, 36},
	{"sk_live_", ServiceToken, "Stripe", alnum, 24, 240},
	{"rk_live_", ServiceToken, "Stripe", alnum, 24, 240},
	{"SG.", ServiceToken, "SendGrid", dotted, 66, 66},
	{"hvs.", ServiceToken, "Vault", urlSafe, 24, 240},
	{"hf_", ServiceToken, "Hugging Face", alnum, 34, 40},
	{"sk-ant-", ServiceToken, "Anthropic", urlSafe, 80, 120},
	{"sk-proj-", ServiceToken, "OpenAI", urlSafe, 40, 200},
	{"dop_v1_", ServiceToken, "DigitalOcean", alnum, 64, 64},
}

func (p prefix) look(text []byte, at int) (match, bool) {
	body := at + len(p.text)
	end := runEnd(text, body, p.class, p.max+2)
	for end > body && text[end-1] == '.' { // the end of a sentence
		end--
	}
	fits := end-body >= p.min && end-body <= p.max
	return match{kind: p.kind, start: at, end: end, name: p.name, token: true}, fits && startsWord(text, at)
}

// startsWord says that no name or token goes on to the left.
func startsWord(text []byte, at int) bool { return at == 0 || !wordByte[text[at-1]] }

// keyed takes the base64 after a key's name, of so many bytes decoded.
func keyed(text []byte, at int, kind Kind, decoded int) (match, bool) {
	end := runEnd(text, at, base64s, 2*decoded)
	raw, err := base64.StdEncoding.DecodeString(string(text[at:end]))
	return match{kind: kind, start: at, end: end, token: true}, err == nil && len(raw) == decoded
}

// storageKey: 512 bits.
//
// Source: https://learn.microsoft.com/azure/storage/common/storage-account-keys-manage
func storageKey(text []byte, at int) (match, bool) {
	return keyed(text, at+len("AccountKey="), AzureStorageKey, 64)
}

func sharedKey(text []byte, at int) (match, bool) {
	return keyed(text, at+len("SharedAccessKey="), AzureSharedAccessKey, 32)
}

var queryBytes = setOf("-_.~%+=&/:;")

// Bounds of a query around a signature, and of the signature, in bytes.
const (
	maxQuery     = 2 << 10
	maxSignature = 150
)

// sas takes the signature of a shared access signature: HMAC-SHA256 in
// base64, among the parameters that belong to it.
//
// Source: https://learn.microsoft.com/rest/api/storageservices/create-service-sas
func sas(text []byte, at int) (match, bool) {
	if at > 0 && queryBytes[text[at-1]] && text[at-1] != '&' && text[at-1] != ';' {
		return match{}, false
	}
	m := match{kind: AzureSAS, start: at + len("sig="), token: true}
	m.end = runEnd(text, m.start, signature, maxSignature)
	plain, err := url.PathUnescape(string(text[m.start:m.end]))
	if err != nil {
		return m, false
	}
	raw, err := base64.StdEncoding.DecodeString(plain)
	if err != nil || len(raw) != 32 {
		return m, false
	}
	start := at
	for start > 0 && at-start < maxQuery && queryBytes[text[start-1]] {
		start--
	}
	end := runEnd(text, at, queryBytes, maxQuery)
	parameters := strings.FieldsFunc(strings.ReplaceAll(string(text[start:end]), "&amp;", "&"), func(c rune) bool { return c == '&' })
	belongs := false
	for _, p := range parameters {
		name, value, _ := strings.Cut(p, "=")
		switch name {
		case "sv", "skn", "sr", "ss", "sp":
			belongs = true
		case "se":
			m.expires = expiry(value)
		}
	}
	return m, belongs
}

// expiry reads the end of a shared access signature: a time of ISO 8601, or
// seconds since 1970.
func expiry(value string) time.Time {
	plain, err := url.PathUnescape(value)
	if err != nil {
		return time.Time{}
	}
	if seconds, err := strconv.ParseInt(plain, 10, 40); err == nil {
		return time.Unix(seconds, 0).UTC()
	}
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04Z", time.DateOnly} {
		if at, err := time.Parse(form, plain); err == nil {
			return at.UTC()
		}
	}
	return time.Time{}
}

// entraSecret: three characters, a digit, "Q~", then 31 to 34.
//
// Source: https://github.com/microsoft/security-utilities (SEC101/156)
func entraSecret(text []byte, at int) (match, bool) {
	if at < 4 || text[at-1] < '0' || text[at-1] > '9' {
		return match{}, false
	}
	end := runEnd(text, at, entra, 40)
	after := end - at - len("Q~")
	ok := begins(text, at-4, entra) && entra[text[at-2]] && entra[text[at-3]] && entra[text[at-4]]
	return match{kind: EntraSecret, start: at - 4, end: end, token: true}, ok && after >= 31 && after <= 34
}

// awsKeyID: the ID of an access key, in base32.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
func awsKeyID(text []byte, at int) (match, bool) {
	end := runEnd(text, at, alnum, 21)
	m := match{kind: AWSKeyID, start: at, end: end, token: true}
	if !begins(text, at, alnum) || end-at != 20 {
		return m, false
	}
	for _, c := range text[at+4 : end] {
		if (c < 'A' || c > 'Z') && (c < '2' || c > '7') {
			return m, false
		}
	}
	return m, true
}

// gap is what stands between a name and its value, maxGap how much of it.
const maxGap = 20

var signature = setOf("%+/=-_")

var gap = func() *set {
	s := new(set)
	for _, c := range []byte(" \t\"'=:") {
		s[c] = true
	}
	return s
}()

func awsSecret(text []byte, at int) (match, bool) {
	start := runEnd(text, at+len("aws_secret_access_key"), gap, maxGap)
	end := runEnd(text, start, base64s, 41)
	return match{kind: AWSSecret, start: start, end: end, token: true}, end-start == 40
}

// github: 30 random characters and six of a checksum.
//
// Source: https://github.blog/engineering/behind-githubs-new-authentication-token-formats/
func github(text []byte, at int) (match, bool) {
	end := runEnd(text, at+4, alnum, 37)
	m := match{kind: GitHubToken, start: at, end: end, token: true}
	return m, end-at == 40 && startsWord(text, at) && checksum(text[at+4:end])
}

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// checksum says whether the last six characters are the CRC-32 of the others.
func checksum(token []byte) bool {
	body, sum := token[:len(token)-6], token[len(token)-6:]
	n := crc32.ChecksumIEEE(body)
	for i := range sum {
		if sum[len(sum)-1-i] != base62[n%62] {
			return false
		}
		n /= 62
	}
	return true
}

func githubRefresh(text []byte, at int) (match, bool) {
	end := runEnd(text, at+4, alnum, 77)
	return match{kind: GitHubToken, start: at, end: end, token: true}, end-at == 80 && startsWord(text, at) && checksum(text[at+4:end])
}

func githubFine(text []byte, at int) (match, bool) {
	body := at + len("github_pat_")
	end := runEnd(text, body, wordByte, 83)
	return match{kind: GitHubToken, start: at, end: end, token: true}, end-body == 82 && text[body+22] == '_' && startsWord(text, at)
}

func slack(text []byte, at int) (match, bool) {
	end := runEnd(text, at, dotted, 300)
	m := match{kind: SlackToken, start: at, end: end, token: true}
	if end-at < 40 || !startsWord(text, at) || !strings.ContainsRune("abeoprs", rune(text[at+3])) || text[at+4] != '-' && text[at+4] != '.' {
		return m, false
	}
	return m, bytes.Count(text[at:end], []byte("-")) >= 2 && text[at+5] != '-'
}

func slackHook(text []byte, at int) (match, bool) {
	start := at + len("hooks.slack.com/services/")
	end := runEnd(text, start, base64s, 100)
	parts := bytes.Split(text[start:end], []byte("/"))
	ok := len(parts) == 3 && len(parts[0]) >= 8 && parts[0][0] == 'T' && len(parts[1]) >= 8 && parts[1][0] == 'B' && len(parts[2]) == 24
	return match{kind: SlackToken, start: start, end: end, name: "webhook", token: true}, ok
}

// googleKey: 39 characters.
//
// Source: https://cloud.google.com/docs/authentication/api-keys
func googleKey(text []byte, at int) (match, bool) {
	end := runEnd(text, at, urlSafe, 40)
	return match{kind: GoogleKey, start: at, end: end, token: true}, begins(text, at, urlSafe) && end-at == 39
}

var npmToken = setOf("_-.+/=")

func npmAuth(text []byte, at int) (match, bool) {
	start := runEnd(text, at+len("_authToken"), gap, maxGap)
	end := runEnd(text, start, npmToken, 1000)
	return match{kind: RegistryToken, start: start, end: end, name: "npm", token: true}, end-start >= 16
}
