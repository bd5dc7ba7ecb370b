package access

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/azward/azward"
	"github.com/go-webauthn/webauthn/webauthn"
)

// flowLifetime is how long somebody may take to sign in at the issuer or with
// the authenticator.
const flowLifetime = 10 * time.Minute

// flow is a sign-in that began and is not done: what the answer must fit. The
// browser keeps it, sealed, in a cookie, so that beginning costs us nothing.
type flow struct {
	Kind    string                `json:"kind"`
	ID      string                `json:"id"`
	Expires time.Time             `json:"expires"`
	Next    string                `json:"next,omitempty"`
	UserID  string                `json:"userId,omitempty"` // who adds a passkey
	Name    string                `json:"name,omitempty"`   // of the first administrator
	Code    string                `json:"code,omitempty"`   // of the link
	State   string                `json:"state,omitempty"`
	Nonce   string                `json:"nonce,omitempty"`
	Proof   string                `json:"proof,omitempty"` // PKCE verifier
	Passkey *webauthn.SessionData `json:"passkey,omitempty"`
}

const (
	flowOIDC       = "oidc"
	flowSignIn     = "passkey sign-in"
	flowAddPasskey = "passkey"
	flowSetUp      = "passkey set-up"
)

// flows seals them with a key that lives as long as the process, and lets each
// succeed once.
type flows struct {
	aead cipher.AEAD
	used *used
}

// used has the flows that succeeded, until they expire: no more than there are
// sign-ins in that time.
type used struct {
	mu  sync.Mutex
	ids map[string]time.Time
}

func newFlows() (flows, error) {
	const keyBytes = 32
	key := make([]byte, keyBytes)
	if _, err := rand.Read(key); err != nil {
		return flows{}, fmt.Errorf("make key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return flows{}, fmt.Errorf("make key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return flows{}, fmt.Errorf("make key: %w", err)
	}
	return flows{aead, &used{ids: map[string]time.Time{}}}, nil
}

// seal gives what the browser keeps.
func (f flows) seal(one flow, now time.Time) (string, error) {
	one.ID, one.Expires = rand.Text(), now.Add(flowLifetime)
	doc, err := json.Marshal(one)
	if err != nil {
		return "", fmt.Errorf("begin %s: %w", one.Kind, err)
	}
	sealed := f.aead.Seal(nil, nil, doc, []byte(one.Kind)) //nolint:gosec // NewGCMWithRandomNonce draws the nonce itself, and takes none
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// open gives it back; KindSignIn where it is of another kind, forged, over, or
// of an earlier run of the hub.
func (f flows) open(kind, sealed string, now time.Time) (flow, error) {
	over := &azward.Error{
		Kind: azward.KindSignIn, Op: "sign in", Cause: "this sign-in was not begun in this browser, or its time is over",
		Remedy: "begin again on the sign-in page, with cookies allowed",
	}
	var one flow
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return one, over
	}
	doc, err := f.aead.Open(nil, nil, raw, []byte(kind))
	if err != nil {
		return one, over
	}
	if err := json.Unmarshal(doc, &one); err != nil {
		return flow{}, fmt.Errorf("read %s: %w", kind, err)
	}
	if !now.Before(one.Expires) || f.used.has(one.ID) {
		return flow{}, over
	}
	return one, nil
}

// use says that the flow succeeds now; false where it did before.
func (f flows) use(one flow, now time.Time) bool {
	f.used.mu.Lock()
	defer f.used.mu.Unlock()
	for id, expires := range f.used.ids {
		if !now.Before(expires) {
			delete(f.used.ids, id)
		}
	}
	if _, again := f.used.ids[one.ID]; again {
		return false
	}
	f.used.ids[one.ID] = one.Expires
	return true
}

func (u *used) has(id string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	_, has := u.ids[id]
	return has
}
