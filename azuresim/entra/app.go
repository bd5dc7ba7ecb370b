package entra

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // x5t is a SHA-1 thumbprint by RFC 7515 §4.1.7; nothing rests on its strength
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/azward/azward/azuresim/scenario"
)

// app is an application with its certificates ready to compare.
type app struct {
	scenario.App
	certificates []certificate // registered ones, read
	// generated are made on first use: no client can have one before.
	generated func() ([]certificate, error)
}

type certificate struct {
	cert *x509.Certificate
	// keyPEM is the private key of a generated certificate, to hand to a client.
	keyPEM []byte
}

const generatedLifetime = 24 * time.Hour

func newApp(described scenario.App, now time.Time) (*app, error) {
	a := &app{App: described}
	for _, c := range described.Certificates {
		if c.Generate {
			continue
		}
		read, err := readCertificate(c)
		if err != nil {
			return nil, err
		}
		a.certificates = append(a.certificates, read)
	}
	a.generated = sync.OnceValues(func() ([]certificate, error) { return generateAll(described, now) })
	return a, nil
}

func generateAll(described scenario.App, now time.Time) ([]certificate, error) {
	var all []certificate
	for _, c := range described.Certificates {
		if !c.Generate {
			continue
		}
		made, err := generate(described.DisplayName, now, c.Expires)
		if err != nil {
			return nil, err
		}
		all = append(all, made)
	}
	return all, nil
}

func readCertificate(c scenario.Certificate) (certificate, error) {
	block, _ := pem.Decode([]byte(c.PEM))
	if block == nil || block.Type != "CERTIFICATE" {
		return certificate{}, errors.New("the certificate's pem holds no CERTIFICATE block")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return certificate{}, fmt.Errorf("read certificate: %w", err)
	}
	return certificate{cert: cert}, nil
}

func generate(name string, now, expires time.Time) (certificate, error) {
	key, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		return certificate{}, fmt.Errorf("make a client key: %w", err)
	}
	if expires.IsZero() {
		expires = now.Add(generatedLifetime)
	}
	start := now.Add(-time.Hour)
	if expires.Before(now) {
		start = expires.Add(-generatedLifetime)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: start, NotAfter: expires, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return certificate{}, fmt.Errorf("make a client certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return certificate{}, fmt.Errorf("read the client certificate just made: %w", err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return certificate{}, fmt.Errorf("write the client key: %w", err)
	}
	return certificate{cert: cert, keyPEM: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})}, nil
}

// ClientCertificate gives key and certificate, PEM, of the app's first
// generated certificate.
func (a *Authority) ClientCertificate(name string) ([]byte, error) {
	for _, candidate := range a.apps {
		if !strings.EqualFold(candidate.Name, name) {
			continue
		}
		made, err := candidate.generated()
		if err != nil || len(made) == 0 {
			return nil, errors.Join(err, fmt.Errorf("app %.60q has no generated certificate", name))
		}
		var out bytes.Buffer
		out.Write(made[0].keyPEM)
		out.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made[0].cert.Raw}))
		return out.Bytes(), nil
	}
	return nil, fmt.Errorf("there is no app %.60q", name)
}

// certificate finds the registered certificate that an assertion's header
// names by thumbprint (x5t, x5t#S256).
func (a *app) certificate(header jose.Header) (*x509.Certificate, string) {
	named, _ := header.ExtraHeaders["x5t#S256"].(string)
	if named == "" {
		named, _ = header.ExtraHeaders["x5t"].(string)
	}
	// Some clients write the standard alphabet where RFC 7515 asks for the URL's.
	named = strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(named), "=")
	shown := named
	if raw, err := base64.RawURLEncoding.DecodeString(named); err == nil {
		shown = strings.ToUpper(hex.EncodeToString(raw))
	}
	made, err := a.generated()
	if err != nil {
		made = nil // a certificate that could not be made matches nothing
	}
	for _, c := range slices.Concat(a.certificates, made) {
		short, long := sha1.Sum(c.cert.Raw), sha256.Sum256(c.cert.Raw) //nolint:gosec // as above
		for _, sum := range [][]byte{short[:], long[:]} {
			if named != "" && base64.RawURLEncoding.EncodeToString(sum) == named {
				return c.cert, shown
			}
		}
	}
	return nil, shown
}

func thumbprint(key *rsa.PrivateKey) string {
	sum := sha1.Sum(key.N.Bytes()) //nolint:gosec // a name for the key, in the form that Entra's key IDs have
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// TestIssuer is the URL of the simulator's own issuer of federated assertions.
func (a *Authority) TestIssuer() string { return a.o.BaseURL + "/federation" }

// Assertion signs a federated assertion of the own issuer. An empty audience
// is api://AzureADTokenExchange.
func (a *Authority) Assertion(subject, audience string) (string, error) {
	if audience == "" {
		audience = "api://AzureADTokenExchange"
	}
	now := a.o.Now()
	raw, err := jwt.Signed(a.signer).Claims(jwt.Claims{
		Issuer: a.TestIssuer(), Subject: subject, Audience: jwt.Audience{audience}, ID: rand.Text(),
		IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(tokenLifetime)),
	}).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign an assertion: %w", err)
	}
	return raw, nil
}
