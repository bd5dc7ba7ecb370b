package seal

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
)

// Vault reads secrets from the KV engine, version 2, of HashiCorp Vault or
// OpenBao.
//
// Source: https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-version
type Vault struct {
	Address   string // such as https://vault.contoso.com:8200
	Token     Secret
	Namespace string       // "" for the root
	Client    *http.Client // nil is one that waits vaultTimeout
}

const (
	maxVaultBytes = 2 << 20 // the engine's storage takes 1 MiB by default
	vaultTimeout  = 15 * time.Second
)

// Read gives one field of a secret. Where is "MOUNT/PATH", such as
// "secret/azward/prod".
func (v Vault) Read(ctx context.Context, where, field string) (Secret, error) {
	endpoint, err := v.endpoint(where)
	if err != nil {
		return Secret{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint, http.NoBody)
	if err != nil {
		return Secret{}, v.failed(where, azward.KindUsage, "the address cannot be asked", "name it in VAULT_ADDR, with https://", err)
	}
	request.Header.Set("X-Vault-Token", v.Token.Reveal())
	request.Header.Set("X-Vault-Request", "true")
	if v.Namespace != "" {
		request.Header.Set("X-Vault-Namespace", v.Namespace)
	}
	client := v.Client
	if client == nil {
		client = &http.Client{Timeout: vaultTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	response, err := client.Do(request)
	if err != nil {
		return Secret{}, v.failed(where, azward.KindUnavailable, "Vault does not answer", "look whether "+v.Address+" is reached from here", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return Secret{}, v.refused(where, response.StatusCode)
	}
	return v.field(where, field, response.Body)
}

func (v Vault) endpoint(where string) (string, error) {
	base, err := url.Parse(v.Address)
	if err != nil || base.Host == "" || (base.Scheme != "https" && base.Scheme != "http") {
		return "", v.failed(where, azward.KindUsage, "VAULT_ADDR is no address", "such as https://vault.contoso.com:8200", err)
	}
	mount, rest, found := strings.Cut(strings.Trim(where, "/"), "/")
	if !found || path.Clean("/"+rest) != "/"+rest {
		return "", v.failed(where, azward.KindUsage, "a secret's path has a mount and what is below it", "such as secret/azward/prod", nil)
	}
	return base.JoinPath("v1", mount, "data", rest).String(), nil
}

func (v Vault) field(where, field string, body io.Reader) (Secret, error) {
	var answer struct {
		Data struct {
			Data map[string]json.RawMessage `json:"data"`
		} `json:"data"`
	}
	if err := json.NewDecoder(bound.Reader(body, maxVaultBytes, "answer of Vault")).Decode(&answer); err != nil {
		// The text of the error may quote the answer.
		return Secret{}, v.failed(where, azward.KindBadInput, "the answer is no secret of the KV engine, version 2", "look whether VAULT_ADDR is a Vault server", nil)
	}
	var value string
	if raw, ok := answer.Data.Data[field]; !ok || json.Unmarshal(raw, &value) != nil {
		return Secret{}, v.failed(where, azward.KindNotFound, fmt.Sprintf("it has no text under %.60q", field), "name another field; vault kv get "+where+" lists them", nil)
	}
	return NewSecret(value), nil
}

func (v Vault) refused(where string, status int) error {
	switch status {
	case http.StatusForbidden:
		return v.failed(where, azward.KindRole, "the token may not read it, or has expired", "give it a policy with read on the path, or sign in anew: vault login", nil)
	case http.StatusNotFound:
		return v.failed(where, azward.KindNotFound, "there is nothing under that path, or its engine is not KV version 2", "vault kv get "+where+" shows what there is", nil)
	case http.StatusServiceUnavailable:
		return v.failed(where, azward.KindUnavailable, "Vault is sealed or in maintenance", "unseal it: vault operator unseal", nil)
	}
	return v.failed(where, azward.KindUnavailable, fmt.Sprintf("Vault answers %d %s", status, http.StatusText(status)), "see its log", nil)
}

func (v Vault) failed(where string, kind azward.Kind, cause, remedy string, err error) error {
	return &azward.Error{Kind: kind, Op: "read secret from Vault", Subject: where, Cause: cause, Remedy: remedy, Err: err}
}
