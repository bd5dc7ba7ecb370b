package accesstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"
)

// Authenticator holds one passkey and answers as a browser with it would.
//
// Source: https://www.w3.org/TR/webauthn-3/
type Authenticator struct {
	Origin  string // of the page that asks
	Domain  string // relying party ID
	Counter uint32 // goes up with each use
	ID      []byte // of the credential
	handle  []byte // of the user, from the registration
	key     *ecdsa.PrivateKey
}

// NewAuthenticator makes an authenticator whose browser is on a page of origin.
func NewAuthenticator(t testing.TB, origin, domain string) *Authenticator {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &Authenticator{Origin: origin, Domain: domain, ID: []byte(rand.Text()), key: key}
}

// What the authenticator says of itself in the flags: the user is there, was
// verified, and attested data follows.
const (
	userPresent  = 0x01
	userVerified = 0x04
	attestedData = 0x40
)

var encode = base64.RawURLEncoding.EncodeToString

type asked struct {
	PublicKey struct {
		Challenge string `json:"challenge"`
		User      struct {
			ID string `json:"id"`
		} `json:"user"`
	} `json:"publicKey"`
}

func ask(t testing.TB, options []byte) asked {
	t.Helper()
	var a asked
	if err := json.Unmarshal(options, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// Create answers navigator.credentials.create: options and answer are JSON.
func (a *Authenticator) Create(t testing.TB, options []byte) []byte {
	t.Helper()
	asked := ask(t, options)
	handle, err := base64.RawURLEncoding.DecodeString(asked.PublicKey.User.ID)
	if err != nil {
		t.Fatal(err)
	}
	a.handle = handle
	data := a.data(userPresent | userVerified | attestedData)
	data = append(data, make([]byte, 16)...) // no AAGUID
	data = binary.BigEndian.AppendUint16(data, uint16(len(a.ID)))
	data = append(append(data, a.ID...), a.publicKey(t)...)
	attestation := cborMap(
		"fmt", cborText("none"),
		"attStmt", []byte{0xa0},
		"authData", cborBytes(data),
	)
	return a.answer(t, map[string]string{
		"clientDataJSON": encode(a.client(t, "webauthn.create", asked.PublicKey.Challenge)), "attestationObject": encode(attestation),
	})
}

// Get answers navigator.credentials.get.
func (a *Authenticator) Get(t testing.TB, options []byte) []byte {
	t.Helper()
	a.Counter++
	client := a.client(t, "webauthn.get", ask(t, options).PublicKey.Challenge)
	data := a.data(userPresent | userVerified)
	hash := sha256.Sum256(client)
	sum := sha256.Sum256(append(append([]byte{}, data...), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return a.answer(t, map[string]string{
		"clientDataJSON": encode(client), "authenticatorData": encode(data), "signature": encode(signature), "userHandle": encode(a.handle),
	})
}

func (a *Authenticator) answer(t testing.TB, response map[string]string) []byte {
	t.Helper()
	return mustJSON(t, map[string]any{
		"id": encode(a.ID), "rawId": encode(a.ID), "type": "public-key", "response": response, "clientExtensionResults": map[string]any{},
	})
}

func (a *Authenticator) client(t testing.TB, ceremony, challenge string) []byte {
	t.Helper()
	return mustJSON(t, map[string]any{"type": ceremony, "challenge": challenge, "origin": a.Origin, "crossOrigin": false})
}

func mustJSON(t testing.TB, value any) []byte {
	t.Helper()
	doc, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func (a *Authenticator) data(flags byte) []byte {
	domain := sha256.Sum256([]byte(a.Domain))
	return binary.BigEndian.AppendUint32(append(domain[:], flags), a.Counter)
}

// publicKey is a COSE key for ES256: https://www.rfc-editor.org/rfc/rfc9053
func (a *Authenticator) publicKey(t testing.TB) []byte {
	t.Helper()
	point, err := a.key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		t.Fatal(err)
	}
	const half = 32
	cose := []byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21}
	cose = append(cose, cborBytes(point[1:1+half])...)
	return append(append(cose, 0x22), cborBytes(point[1+half:])...)
}

// The little of CBOR that is needed: https://www.rfc-editor.org/rfc/rfc8949
func cborHead(major byte, n int) []byte {
	switch {
	case n < 24:
		return []byte{major | byte(n)}
	case n < 256:
		return []byte{major | 24, byte(n)}
	}
	return binary.BigEndian.AppendUint16([]byte{major | 25}, uint16(n))
}

func cborText(s string) []byte  { return append(cborHead(0x60, len(s)), s...) }
func cborBytes(b []byte) []byte { return append(cborHead(0x40, len(b)), b...) }

func cborMap(first string, value []byte, second string, value2 []byte, third string, value3 []byte) []byte {
	out := cborHead(0xa0, 3)
	for _, pair := range [][]byte{cborText(first), value, cborText(second), value2, cborText(third), value3} {
		out = append(out, pair...)
	}
	return out
}
