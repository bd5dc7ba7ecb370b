package seal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// maxKeyFileBytes bounds the key file; a keyset of one key has about 300 bytes.
const maxKeyFileBytes = 64 << 10

// FileProvider keeps the key-encryption key in a file of one machine, a Tink
// keyset in JSON. The file is created by the first Wrap, with mode 0600 in a
// folder of mode 0700, and refused when others can read it.
type FileProvider struct {
	path string

	mu  sync.Mutex
	key tink.AEAD // nil until loaded
	id  string
}

// File returns the provider for the key file at path, which need not exist yet.
func File(path string) *FileProvider { return &FileProvider{path: path} }

// KeyID returns the ID of the keyset's primary key in hexadecimal.
func (f *FileProvider) KeyID(context.Context) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.load(); err != nil {
		return "", err
	}
	return f.id, nil
}

// Wrap encrypts a data key, after creating the key file where there is none.
func (f *FileProvider) Wrap(_ context.Context, dataKey []byte) ([]byte, error) {
	key, err := f.primitive(true)
	if err != nil {
		return nil, err
	}
	return key.Encrypt(dataKey, nil)
}

// Unwrap decrypts what Wrap gave.
func (f *FileProvider) Unwrap(_ context.Context, wrapped []byte) ([]byte, error) {
	key, err := f.primitive(false)
	if err != nil {
		return nil, err
	}
	return key.Decrypt(wrapped, nil)
}

func (f *FileProvider) primitive(create bool) (tink.AEAD, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.load()
	if create && errors.Is(err, fs.ErrNotExist) {
		if err = f.create(); err == nil {
			err = f.load()
		}
	}
	return f.key, err
}

// load reads the key file once.
func (f *FileProvider) load() error {
	if f.key != nil {
		return nil
	}
	raw, err := f.read()
	if err != nil {
		return err
	}
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(raw)))
	if err != nil {
		return f.corrupt(err)
	}
	key, err := aead.New(handle)
	if err != nil {
		return f.corrupt(err)
	}
	primary, err := handle.Primary()
	if err != nil {
		return f.corrupt(err)
	}
	f.key, f.id = key, fmt.Sprintf("%08x", primary.KeyID())
	return nil
}

// read checks the opened file, not the name, so that nobody can swap it between.
func (f *FileProvider) read() ([]byte, error) {
	file, err := os.Open(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, f.fail(azward.KindNotFound, "there is no such file", "put the key file back from your backup; it is made by the first connection that you add", err)
	case err != nil:
		return nil, f.fail(azward.KindFailed, "the file cannot be opened", "run azward as the user who owns it", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, f.fail(azward.KindFailed, "the file cannot be examined", "check the disk", err)
	}
	if !info.Mode().IsRegular() {
		return nil, f.fail(azward.KindFailed, "it is not a regular file", "remove it, or name another data directory with --data", nil)
	}
	// Windows keeps its access lists elsewhere; Go shows no such bits there.
	if open := info.Mode().Perm() & 0o077; open != 0 && runtime.GOOS != "windows" {
		return nil, f.fail(azward.KindFailed, fmt.Sprintf("others can reach it (mode %04o), and with it every stored secret", info.Mode().Perm()),
			"chmod 600 "+f.path+"  (and replace the credentials of your connections if others use this machine)", nil)
	}
	raw, err := bound.ReadAll(file, maxKeyFileBytes, "the key file")
	if errors.Is(err, bound.ErrTooLarge) {
		return nil, f.corrupt(err)
	}
	if err != nil {
		return nil, f.fail(azward.KindFailed, "the file cannot be read", "check the disk", err)
	}
	return raw, nil
}

// create writes a new key beside path and links it there whole: a crash leaves
// no half key, and of two processes one wins and both use its key.
func (f *FileProvider) create() (err error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return f.fail(azward.KindFailed, "no key could be made", "check that the machine has a source of randomness", err)
	}
	var raw bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&raw)); err != nil {
		return f.fail(azward.KindFailed, "the new key could not be encoded", "report this as a bug", err)
	}
	dir := filepath.Dir(f.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return f.unwritable(err)
	}
	// CreateTemp opens with O_EXCL and mode 0600.
	temp, err := os.CreateTemp(dir, filepath.Base(f.path)+".new-*")
	if err != nil {
		return f.unwritable(err)
	}
	defer func() { err = errors.Join(err, os.Remove(temp.Name())) }()
	_, err = temp.Write(raw.Bytes())
	err = errors.Join(err, temp.Sync(), temp.Close())
	if err != nil {
		return f.unwritable(err)
	}
	if err := os.Link(temp.Name(), f.path); err != nil && !errors.Is(err, fs.ErrExist) {
		return f.unwritable(err)
	}
	return nil
}

func (f *FileProvider) fail(kind azward.Kind, cause, remedy string, err error) error {
	return &azward.Error{Kind: kind, Op: "read key file", Subject: f.path, Cause: cause, Remedy: remedy, Err: err}
}

func (f *FileProvider) corrupt(err error) error {
	return f.fail(azward.KindBadInput, "it does not hold a key",
		"put the key file back from your backup; if it is lost, move it away and add your connections anew with their secrets", err)
}

func (f *FileProvider) unwritable(err error) error {
	return &azward.Error{
		Kind: azward.KindFailed, Op: "create key file", Subject: f.path,
		Cause:  "its folder cannot be written",
		Remedy: "make the folder writable for this user, or name another data directory with --data", Err: err,
	}
}
