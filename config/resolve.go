package config

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
	"github.com/azward/azward/seal"
)

// SealedSecrets are those of azward's own store.
type SealedSecrets interface {
	SealedSecret(ctx context.Context, name string) ([]byte, error)
}

// Opener opens sealed bytes; seal.Box is one.
type Opener interface {
	Open(ctx context.Context, sealed []byte, bound string) (seal.Secret, error)
}

// Finder resolves secrets. What the file says of a name holds; else the
// variable of the environment that is the name in capitals, then the sealed
// store.
type Finder struct {
	Getenv func(string) string
	Folder string // that of the file: paths are relative to it
	Store  SealedSecrets
	Box    Opener
	Vault  seal.Vault
}

// maxSecretBytes of a file: a certificate with its key and chain.
const maxSecretBytes = 64 << 10

// SecretBound ties a sealed secret to its name.
func SecretBound(name string) string { return "secret/" + name }

// Resolve finds a secret, as [Resolver] asks.
func (f Finder) Resolve(ctx context.Context, name string, source *Source) (seal.Secret, error) {
	switch {
	case source == nil:
		if value := f.Getenv(strings.ToUpper(name)); value != "" {
			return seal.NewSecret(value), nil
		}
		found, err := f.sealed(ctx, name)
		if azward.KindOf(err) == azward.KindNotFound {
			return found, &azward.Error{
				Kind: azward.KindNotFound, Op: "find secret", Subject: name,
				Cause:  "there is no variable " + strings.ToUpper(name) + ", and no sealed secret of that name",
				Remedy: "set the variable, keep the secret with azward secrets set " + name + ", or say under secrets where it is found",
			}
		}
		return found, err
	case source.Env != "":
		if value := f.Getenv(source.Env); value != "" {
			return seal.NewSecret(value), nil
		}
		return seal.Secret{}, &azward.Error{Kind: azward.KindNotFound, Op: "find secret", Subject: name, Cause: "the variable " + source.Env + " is not set, or empty", Remedy: "export " + source.Env}
	case source.File != "":
		return f.file(source.File)
	case source.Vault != nil:
		return f.Vault.Read(ctx, source.Vault.Path, source.Vault.Field)
	}
	return f.sealed(ctx, source.Sealed)
}

func (f Finder) sealed(ctx context.Context, name string) (seal.Secret, error) {
	sealed, err := f.Store.SealedSecret(ctx, name)
	if err != nil {
		return seal.Secret{}, err
	}
	return f.Box.Open(ctx, sealed, SecretBound(name))
}

func (f Finder) file(name string) (seal.Secret, error) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(f.Folder, filepath.FromSlash(name))
	}
	failed := func(err error) (seal.Secret, error) {
		return seal.Secret{}, &azward.Error{Kind: azward.KindUsage, Op: "read secret", Subject: name, Cause: err.Error(), Remedy: "name a file that can be read", Err: err}
	}
	in, err := os.Open(name)
	if err != nil {
		return failed(err)
	}
	defer in.Close()
	data, err := bound.ReadAll(in, maxSecretBytes, "the secret")
	if err != nil {
		return failed(err)
	}
	return seal.NewSecret(string(bytes.TrimRight(data, "\r\n"))), nil
}
