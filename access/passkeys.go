package access

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
	"github.com/azward/azward/store"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// Passkey is a key of a user's authenticator, as it is listed.
type Passkey struct {
	ID        string    `json:"id"` // base64url, as browsers write it
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"createdAt"`
	LastUsed  time.Time `json:"lastUsed,omitzero"`
}

func passkeyOf(p store.Passkey) Passkey {
	return Passkey{base64.RawURLEncoding.EncodeToString(p.ID), p.Name, p.CreatedAt, p.LastUsed}
}

const (
	maxPasskeyBytes = 64 << 10 // an answer with attestation is a few KiB
	maxPasskeys     = 20       // of a user
)

// relyingParty is nil where the hub is reached by an IP address: passkeys
// belong to a domain.
//
// Source: https://www.w3.org/TR/webauthn-3/#relying-party-identifier
func relyingParty(public *url.URL) (*webauthn.WebAuthn, error) {
	domain := public.Hostname()
	if net.ParseIP(domain) != nil || public.Scheme != "https" && domain != "localhost" && !strings.HasSuffix(domain, ".localhost") {
		return nil, nil //nolint:nilnil // nil is "no passkeys here", which every caller asks for
	}
	resident := true
	party, err := webauthn.New(&webauthn.Config{
		RPID: domain, RPDisplayName: "azward", RPOrigins: []string{public.Scheme + "://" + public.Host},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			RequireResidentKey: &resident, ResidentKey: protocol.ResidentKeyRequirementRequired,
			UserVerification: protocol.VerificationRequired,
		},
	})
	if err != nil {
		return nil, &azward.Error{
			Kind: azward.KindUsage, Op: "read public URL", Subject: public.String(), Cause: "passkeys cannot be bound to it",
			Remedy: "use a host name that browsers know as a domain", Err: err,
		}
	}
	return party, nil
}

// TakesPasskeys says that the public URL is one that passkeys work with.
func (c *Control) TakesPasskeys() bool { return c.passkeys != nil }

func (c *Control) party() (*webauthn.WebAuthn, error) {
	if c.passkeys == nil {
		return nil, &azward.Error{
			Kind: azward.KindUsage, Op: "use passkey", Cause: "passkeys need https and a domain, and the hub is reached at " + c.public.String(),
			Remedy: "open the hub at http://localhost, or give it a domain with --public-url",
		}
	}
	return c.passkeys, nil
}

// holder is a user as the WebAuthn library wants to see one.
type holder struct {
	user store.User
	keys []webauthn.Credential
}

// WebAuthnID is the user's ID.
func (h holder) WebAuthnID() []byte { return []byte(h.user.ID) }

// WebAuthnName is the user's name.
func (h holder) WebAuthnName() string { return h.user.Name }

// WebAuthnDisplayName is the user's name.
func (h holder) WebAuthnDisplayName() string { return h.user.Name }

// WebAuthnCredentials are the user's passkeys.
func (h holder) WebAuthnCredentials() []webauthn.Credential { return h.keys }

func (c *Control) holder(ctx context.Context, u store.User) (holder, []store.Passkey, error) {
	list, err := c.store.Passkeys(ctx, u.ID)
	if err != nil {
		return holder{}, nil, err
	}
	h := holder{user: u}
	for _, p := range list {
		var key webauthn.Credential
		if err := json.Unmarshal(p.Record, &key); err != nil {
			return holder{}, nil, fmt.Errorf("read passkey %s: %w", p.Name, err)
		}
		h.keys = append(h.keys, key)
	}
	return h, list, nil
}

// Passkeys lists your own.
func (c *Control) Passkeys(ctx context.Context) ([]Passkey, error) {
	who, err := Check(ctx, Viewer, "list passkeys")
	if err != nil {
		return nil, err
	}
	list, err := c.store.Passkeys(ctx, who.UserID)
	if err != nil {
		return nil, err
	}
	keys := make([]Passkey, len(list))
	for i, p := range list {
		keys[i] = passkeyOf(p)
	}
	return keys, nil
}

// BeginPasskey gives what a browser hands to navigator.credentials.create, and
// the state that it brings back with the answer.
func (c *Control) BeginPasskey(ctx context.Context) (options any, state string, err error) {
	const op = "add passkey"
	u, err := c.inPerson(ctx, op)
	if err != nil {
		return nil, "", err
	}
	party, err := c.party()
	if err != nil {
		return nil, "", err
	}
	h, list, err := c.holder(ctx, u)
	if err != nil {
		return nil, "", err
	}
	if len(list) >= maxPasskeys {
		return nil, "", &azward.Error{Kind: azward.KindConflict, Op: op, Cause: "you have 20 passkeys already", Remedy: "remove one that you no longer use"}
	}
	creation, session, err := party.BeginRegistration(h, webauthn.WithExclusions(webauthn.Credentials(h.keys).CredentialDescriptors()))
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", op, err)
	}
	state, err = c.flows.seal(flow{Kind: flowAddPasskey, UserID: u.ID, Passkey: session}, c.now())
	return creation, state, err
}

// AddPasskey keeps the key that a browser answered with; name is how the user
// calls it.
func (c *Control) AddPasskey(ctx context.Context, state, name string, answer io.Reader) (Passkey, error) {
	const op = "add passkey"
	u, err := c.inPerson(ctx, op)
	if err != nil {
		return Passkey{}, err
	}
	party, err := c.party()
	if err != nil {
		return Passkey{}, err
	}
	begun, err := c.flows.open(flowAddPasskey, state, c.now())
	if err != nil {
		return Passkey{}, err
	}
	if begun.UserID != u.ID {
		return Passkey{}, foreignPasskey(op, nil)
	}
	p, err := c.register(party, begun, u, name, answer)
	if err != nil {
		return Passkey{}, err
	}
	entry, err := c.entry(ctx, "passkey.add", u.Name, nil, passkeyOf(p))
	if err != nil {
		return Passkey{}, err
	}
	return passkeyOf(p), c.store.AddPasskey(ctx, p, entry)
}

// register checks what a browser answered to a registration that begun says.
func (c *Control) register(party *webauthn.WebAuthn, begun flow, u store.User, name string, answer io.Reader) (store.Passkey, error) {
	const op = "add passkey"
	if name = strings.TrimSpace(name); name == "" {
		name = "passkey of " + c.now().UTC().Format(time.DateOnly)
	}
	if !printable(name, maxName) {
		return store.Passkey{}, &azward.Error{Kind: azward.KindUsage, Op: op, Cause: "the name is too long, or has characters that do not print", Remedy: "choose another"}
	}
	parsed, err := protocol.ParseCredentialCreationResponseBody(bound.Reader(answer, maxPasskeyBytes, "passkey"))
	if err != nil || begun.Passkey == nil {
		return store.Passkey{}, foreignPasskey(op, err)
	}
	key, err := party.CreateCredential(holder{user: u}, *begun.Passkey, parsed)
	if err != nil {
		return store.Passkey{}, foreignPasskey(op, err)
	}
	if !c.flows.use(begun, c.now()) {
		return store.Passkey{}, foreignPasskey(op, nil)
	}
	record, err := json.Marshal(key)
	if err != nil {
		return store.Passkey{}, fmt.Errorf("%s: %w", op, err)
	}
	return store.Passkey{ID: key.ID, UserID: u.ID, Name: name, Record: record, CreatedAt: c.now()}, nil
}

// BeginPasskeySetUp is [Control.BeginPasskey] for whoever holds a link; name is
// the first administrator's, where the link is theirs.
func (c *Control) BeginPasskeySetUp(ctx context.Context, code, name, address string) (options any, state string, err error) {
	_, u, err := c.invited(ctx, code, name, address)
	if err != nil {
		return nil, "", err
	}
	party, err := c.party()
	if err != nil {
		return nil, "", err
	}
	creation, session, err := party.BeginRegistration(holder{user: u})
	if err != nil {
		return nil, "", fmt.Errorf("add passkey: %w", err)
	}
	state, err = c.flows.seal(flow{Kind: flowSetUp, UserID: u.ID, Name: u.Name, Code: code, Passkey: session}, c.now())
	return creation, state, err
}

// PasskeySetUp is [Control.SetUp] with a passkey in place of a password.
func (c *Control) PasskeySetUp(ctx context.Context, state string, answer io.Reader, address string) (User, error) {
	party, err := c.party()
	if err != nil {
		return User{}, err
	}
	begun, err := c.flows.open(flowSetUp, state, c.now())
	if err != nil {
		return User{}, err
	}
	link, u, err := c.invited(ctx, begun.Code, begun.Name, address)
	if err != nil {
		return User{}, err
	}
	if link.UserID == "" {
		u.ID = begun.UserID // the authenticator has it as the user's handle
	}
	key, err := c.register(party, begun, u, "", answer)
	if err != nil {
		return User{}, err
	}
	return c.redeem(ctx, link, u, "", &key)
}

// RemovePasskey takes one of your own away; the last way to sign in stays
// (KindConflict).
func (c *Control) RemovePasskey(ctx context.Context, id string) error {
	const op = "remove passkey"
	u, err := c.inPerson(ctx, op)
	if err != nil {
		return err
	}
	list, err := c.store.Passkeys(ctx, u.ID)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(list, func(p store.Passkey) bool { return passkeyOf(p).ID == id })
	if at < 0 {
		return &azward.Error{Kind: azward.KindNotFound, Op: op, Subject: id, Cause: "there is none of that name", Remedy: "see Settings, Sign-in, for those there are"}
	}
	if len(list) == 1 && u.Password == "" && u.Issuer == "" {
		return &azward.Error{Kind: azward.KindConflict, Op: op, Subject: list[at].Name, Cause: "it is your only way to sign in", Remedy: "set a password or add another passkey first"}
	}
	entry, err := c.entry(ctx, "passkey.remove", u.Name, passkeyOf(list[at]), nil)
	if err != nil {
		return err
	}
	return c.store.RemovePasskey(ctx, u.ID, list[at].ID, entry)
}

// BeginPasskeySignIn gives what a browser hands to navigator.credentials.get,
// and the state that it brings back with the answer. It says nothing about who
// has passkeys.
func (c *Control) BeginPasskeySignIn() (options any, state string, err error) {
	party, err := c.party()
	if err != nil {
		return nil, "", err
	}
	assertion, session, err := party.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, "", fmt.Errorf("sign in: %w", err)
	}
	state, err = c.flows.seal(flow{Kind: flowSignIn, Passkey: session}, c.now())
	return assertion, state, err
}

// PasskeySignIn checks the answer. A key whose counter went back gives
// KindSignIn: it may have been copied.
func (c *Control) PasskeySignIn(ctx context.Context, state string, answer io.Reader, address string) (User, error) {
	const op = "sign in"
	if err := c.takeAddress(address); err != nil {
		return User{}, err
	}
	party, err := c.party()
	if err != nil {
		return User{}, err
	}
	begun, err := c.flows.open(flowSignIn, state, c.now())
	if err != nil {
		return User{}, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBody(bound.Reader(answer, maxPasskeyBytes, "passkey"))
	if err != nil || begun.Passkey == nil {
		return User{}, foreignPasskey(op, err)
	}
	var found holder
	var kept []store.Passkey
	var broken error // ours, not the answer's
	key, err := party.ValidateDiscoverableLogin(func(_, handle []byte) (webauthn.User, error) {
		u, err := c.store.User(ctx, string(handle))
		if err == nil {
			found, kept, err = c.holder(ctx, u)
		}
		if err != nil && azward.KindOf(err) != azward.KindNotFound {
			broken = err
		}
		return found, err
	}, *begun.Passkey, parsed)
	if broken != nil {
		return User{}, broken
	}
	if err != nil {
		return User{}, foreignPasskey(op, err)
	}
	if key.Authenticator.CloneWarning {
		return User{}, &azward.Error{Kind: azward.KindSignIn, Op: op, Subject: found.user.Name, Cause: "the passkey's counter went back: it may have been copied", Remedy: "sign in another way, remove this passkey, and add it again"}
	}
	if !c.flows.use(begun, c.now()) {
		return User{}, foreignPasskey(op, nil)
	}
	at := slices.IndexFunc(kept, func(p store.Passkey) bool { return string(p.ID) == string(key.ID) })
	if at < 0 {
		return User{}, foreignPasskey(op, nil)
	}
	record, err := json.Marshal(key)
	if err != nil {
		return User{}, fmt.Errorf("%s: %w", op, err)
	}
	kept[at].Record, kept[at].LastUsed = record, c.now()
	user, err := c.signedIn(ctx, found.user, "passkey")
	if err != nil {
		return User{}, err
	}
	return user, c.store.UsePasskey(ctx, kept[at])
}

// foreignPasskey tells a person no more than that; the library's reason is for
// the log.
func foreignPasskey(op string, err error) error {
	var detailed *protocol.Error
	if errors.As(err, &detailed) {
		err = fmt.Errorf("%w: %s", err, detailed.DevInfo)
	}
	return &azward.Error{Kind: azward.KindSignIn, Op: op, Cause: "the passkey's answer does not fit", Remedy: "try again, with a passkey that was added to this hub", Err: err}
}
