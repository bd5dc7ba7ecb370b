package secret

import (
	"bytes"
	"math"
	"strings"
)

// examples are words that stand in documentation where a secret would.
var examples = []string{
	"example", "changeme", "change_me", "change-me", "changeit", "xxxx", "your_", "your-", "yourpass", "yoursecret", "yourtoken", "yourkey",
	"placeholder", "dummy", "redacted", "replace", "insert", "notreal", "not-a-real", "<", "${", "$(", "{{", "****", "....", "1234567890", "abcdefgh", hidden,
	"eby8vdm02xnocqflqu", // Azurite's key, the same for everybody
}

// words stand for a password in examples, as a whole.
var words = map[string]bool{
	"password": true, "passwd": true, "pass": true, "pwd": true, "secret": true, "token": true, "user": true, "username": true, "null": true,
	"none": true, "nil": true, "true": true, "false": true, "yes": true, "no": true, "string": true, "undefined": true, "foo": true, "bar": true,
	"foobar": true, "test": true, "todo": true, "value": true, "key": true, "required": true, "optional": true, "disabled": true, "enabled": true, "x-oauth-basic": true,
}

// plausible leaves out what stands for a secret in examples, and what is not
// random enough to be a token.
func plausible(value []byte, m match) bool {
	if len(value) == 0 || len(value) > maxValue {
		return false
	}
	if m.kind == PrivateKey || m.kind == GoogleServiceAccount {
		return true // decoded already
	}
	if placeholder(string(value)) {
		return false
	}
	if m.token {
		return entropy(value) >= 3 || len(value) < showFrom && entropy(value) >= 2.5
	}
	return !m.password || password(string(value))
}

func placeholder(v string) bool {
	lower := strings.ToLower(v)
	for _, word := range examples {
		if strings.Contains(lower, word) {
			return true
		}
	}
	return words[lower] || strings.HasPrefix(v, "$") || strings.HasPrefix(v, "%") || strings.Trim(v, v[:1]) == ""
}

// minPassword is the shortest that is told of: shorter values are mostly
// switches and numbers.
const minPassword = 6

// password says whether a value can be a password: no path, no number, no
// reference to somewhere else.
func password(v string) bool {
	switch {
	case len(v) < minPassword, strings.HasPrefix(v, "/"), strings.HasPrefix(v, "./"), strings.HasPrefix(v, "@"), strings.HasPrefix(v, "-"):
		return false
	case strings.HasPrefix(v, "http://"), strings.HasPrefix(v, "https://"), strings.ContainsAny(v, "()[]{}\n"):
		return false
	}
	return strings.Trim(v, "0123456789.") != ""
}

// entropy is Shannon's, in bits a byte: random base64 of 40 characters has
// about 4.8, random hexadecimal 3.7, a word of a language 2.5.
func entropy(b []byte) float64 {
	var count [256]int
	for _, c := range b {
		count[c]++
	}
	sum := 0.0
	for _, n := range count {
		if n > 0 {
			p := float64(n) / float64(len(b))
			sum -= p * math.Log2(p)
		}
	}
	return sum
}

// isText says whether a file's beginning could be text.
func isText(data []byte) bool {
	return bytes.IndexByte(data[:min(len(data), 512)], 0) < 0
}
