// Package seal keeps secrets: [Secret] shows itself nowhere, and [Box] seals
// bytes for keeping at rest.
//
// Sealing is envelope encryption: each sealed value has a data key of its own
// (AES-256-GCM), which is wrapped by a key-encryption key that a [Provider]
// holds. [File] is the provider for one machine, a key file with mode 0600.
package seal

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/azward/azward"
	"github.com/tink-crypto/tink-go/v2/aead"
)

// Provider holds a key-encryption key and wraps data keys with it. It is safe
// for concurrent use. [sealtest.Run] is its contract.
//
// [sealtest.Run]: https://pkg.go.dev/github.com/azward/azward/seal/sealtest
type Provider interface {
	// KeyID names the key that Wrap uses now, at most 255 bytes: it is stored
	// with what was sealed, so that another key is told from damage. It is not
	// secret.
	KeyID(ctx context.Context) (string, error)
	// Wrap encrypts a data key. The first call may create the key-encryption
	// key where none is.
	Wrap(ctx context.Context, dataKey []byte) ([]byte, error)
	// Unwrap decrypts what Wrap gave. It never creates a key.
	Unwrap(ctx context.Context, wrapped []byte) ([]byte, error)
}

// magic opens each sealed value; the digit is the format's version. After it
// come one byte with the length of the key ID, the key ID, and Tink's envelope.
const magic = "azs1"

// Box seals and opens bytes with the key of Provider.
type Box struct {
	Provider Provider
}

// Seal encrypts plain. Bound names what it belongs to ("connection/prod"): the
// same value must be given to [Box.Open], so that a sealed value moved to
// another row does not open there.
func (b Box) Seal(ctx context.Context, plain Secret, bound string) ([]byte, error) {
	envelope, err := b.envelope()
	if err != nil {
		return nil, err
	}
	sealed, err := envelope.EncryptWithContext(ctx, []byte(plain.Reveal()), []byte(bound))
	if err != nil {
		return nil, b.explain(err, "seal secret", bound)
	}
	// After the encryption, which creates the key where none was.
	id, err := b.Provider.KeyID(ctx)
	if err != nil {
		return nil, b.explain(err, "seal secret", bound)
	}
	if len(id) > 255 {
		return nil, fmt.Errorf("seal: key ID of %d bytes is longer than 255", len(id))
	}
	var out bytes.Buffer
	out.WriteString(magic)
	out.WriteByte(byte(len(id)))
	out.WriteString(id)
	out.Write(sealed)
	return out.Bytes(), nil
}

// Open decrypts what [Box.Seal] gave for the same bound. Damage, another key
// and a value that belongs elsewhere are told apart, each an *azward.Error.
func (b Box) Open(ctx context.Context, sealed []byte, bound string) (Secret, error) {
	sealedWith, body, err := split(sealed)
	if err != nil {
		return Secret{}, damaged(bound, err)
	}
	id, err := b.Provider.KeyID(ctx)
	if err != nil {
		return Secret{}, b.explain(err, "open sealed secret", bound)
	}
	if id != sealedWith {
		return Secret{}, &azward.Error{
			Kind: azward.KindFailed, Op: "open sealed secret", Subject: bound,
			Cause:  fmt.Sprintf("it was sealed with key %s and the key in use is %s", sealedWith, id),
			Remedy: "put the earlier key back, everything opens again with it; if it is lost, add the connection anew with its secret",
		}
	}
	envelope, err := b.envelope()
	if err != nil {
		return Secret{}, err
	}
	plain, err := envelope.DecryptWithContext(ctx, body, []byte(bound))
	if err != nil {
		var known *azward.Error
		if errors.As(err, &known) || ctx.Err() != nil {
			return Secret{}, b.explain(err, "open sealed secret", bound)
		}
		return Secret{}, damaged(bound, err)
	}
	return NewSecret(string(plain)), nil
}

func (b Box) envelope() (*aead.KMSEnvelopeAEADWithContext, error) {
	envelope, err := aead.NewKMSEnvelopeAEADWithContext(aead.AES256GCMKeyTemplate(), wrapper{b.Provider})
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return envelope, nil
}

// explain passes on what a provider already explained and names the rest.
func (b Box) explain(err error, op, bound string) error {
	var known *azward.Error
	if errors.As(err, &known) {
		return err
	}
	return fmt.Errorf("%s of %s: %w", op, bound, err)
}

func damaged(bound string, err error) error {
	return &azward.Error{
		Kind: azward.KindBadInput, Op: "open sealed secret", Subject: bound,
		Cause:  "the sealed bytes are damaged or belong to something else",
		Remedy: "restore the data directory from a backup, or add the connection anew with its secret",
		Err:    err,
	}
}

// split takes a sealed value apart into key ID and envelope.
func split(sealed []byte) (keyID string, envelope []byte, err error) {
	rest, ok := bytes.CutPrefix(sealed, []byte(magic))
	if !ok {
		return "", nil, fmt.Errorf("it does not start with %q", magic)
	}
	if len(rest) == 0 {
		return "", nil, errors.New("it ends after its first bytes")
	}
	length := int(rest[0])
	if len(rest) < 1+length {
		return "", nil, errors.New("it ends inside its key ID")
	}
	return string(rest[1 : 1+length]), rest[1+length:], nil
}

// wrapper makes a Provider what Tink's envelope calls. Tink passes no
// associated data for data keys.
type wrapper struct{ provider Provider }

func (w wrapper) EncryptWithContext(ctx context.Context, dataKey, _ []byte) ([]byte, error) {
	return w.provider.Wrap(ctx, dataKey)
}

func (w wrapper) DecryptWithContext(ctx context.Context, wrapped, _ []byte) ([]byte, error) {
	return w.provider.Unwrap(ctx, wrapped)
}
