package access

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/azward/azward"
	"golang.org/x/crypto/argon2"
)

// The second of OWASP's equal settings for argon2id: a sign-in takes 19 MiB and
// some 20 ms, and so does each guess.
//
// Source: https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id
const (
	argonMemory  = 19 * 1024 // KiB
	argonTime    = 2
	argonThreads = 1
	argonSalt    = 16 // bytes
	argonKey     = 32 // bytes
	maxHashing   = 4  // at once, 76 MiB

	// MinPassword is how many characters a password has at least.
	MinPassword = 12
	maxPassword = 256 // characters; a longer one would only cost time
	fewest      = 5   // different characters
)

var errHash = errors.New("the stored password hash is damaged")

// hashPassword returns a PHC string: $argon2id$v=19$m=19456,t=2,p=1$salt$key.
func hashPassword(password string) (string, error) {
	salt := make([]byte, argonSalt)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	key := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, argonKey)
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("%s%s$%s", argonPrefix(), encode(salt), encode(key)), nil
}

// dummyHash costs what a real one does to compare with, and is of no password.
func dummyHash() string {
	random := make([]byte, argonSalt+argonKey)
	_, _ = rand.Read(random) // it fills them or ends the process
	encode := base64.RawStdEncoding.EncodeToString
	return argonPrefix() + encode(random[:argonSalt]) + "$" + encode(random[argonSalt:])
}

func argonPrefix() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$", argon2.Version, argonMemory, argonTime, argonThreads)
}

// checkPassword compares in constant time. Stale says that the hash was made
// with other settings than today's.
func checkPassword(hash, password string) (same, stale bool, err error) {
	fields := strings.Split(hash, "$")
	const parts = 6 // "", argon2id, v, settings, salt, key
	if len(fields) != parts || fields[1] != "argon2id" {
		return false, false, errHash
	}
	var version int
	var memory, rounds uint32
	var threads uint8
	if _, err := fmt.Sscanf(fields[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false, false, errHash
	}
	if _, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &memory, &rounds, &threads); err != nil {
		return false, false, errHash
	}
	// A forged row must not take all memory.
	const mostMemory, mostTime = 256 * 1024, 16
	if memory == 0 || memory > mostMemory || rounds == 0 || rounds > mostTime || threads == 0 {
		return false, false, errHash
	}
	salt, err := base64.RawStdEncoding.DecodeString(fields[4])
	if err != nil {
		return false, false, errHash
	}
	want, err := base64.RawStdEncoding.DecodeString(fields[5])
	if err != nil || len(want) != argonKey {
		return false, false, errHash
	}
	got := argon2.IDKey([]byte(password), salt, rounds, memory, threads, argonKey)
	return subtle.ConstantTimeCompare(got, want) == 1, !strings.HasPrefix(hash, argonPrefix()), nil
}

// acceptable says why a password can't be taken; nil where it can. Length
// counts, not kinds of characters.
//
// Source: https://pages.nist.gov/800-63-4/sp800-63b.html#passwordver
func acceptable(name, password string) error {
	const op = "set password"
	length := utf8.RuneCountInString(password)
	var cause string
	switch folded := strings.ToLower(password); {
	case !utf8.ValidString(password):
		cause = "it is not UTF-8 text"
	case length < MinPassword:
		cause = fmt.Sprintf("it has %d characters, and needs %d", length, MinPassword)
	case length > maxPassword:
		cause = fmt.Sprintf("it has more than %d characters", maxPassword)
	case different(folded) < fewest:
		cause = fmt.Sprintf("it has fewer than %d different characters", fewest)
	case len(name) > 3 && strings.Contains(folded, strings.ToLower(name)):
		cause = "it contains the user's name"
	case strings.Contains(folded, "password1234") || strings.Contains(folded, "123456789012") || strings.Contains(folded, "qwertyuiop"):
		cause = "it is among the first that are guessed"
	default:
		return nil
	}
	return &azward.Error{Kind: azward.KindUsage, Op: op, Cause: cause, Remedy: "choose a longer one, such as four words that nobody would put together"}
}

func different(text string) int {
	seen := map[rune]struct{}{}
	for _, r := range text {
		seen[r] = struct{}{}
	}
	return len(seen)
}
