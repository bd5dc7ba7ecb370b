package connect

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/seal"
	"github.com/azward/azward/store"
)

const (
	// ConsentFor is how long an administrator has to sign in, and to read what
	// is asked for.
	ConsentFor  = 15 * time.Minute
	maxConsents = 200 // under way at once, some KB each
)

// Consent is an administrator's consent that was asked for and has not come
// back yet. It is kept sealed, under the digest of its state.
type Consent struct {
	User    string // who asked
	Browser [sha256.Size]byte
	// Connection is the one that consent is asked for; "" where it is to be
	// made of Request once the tenant is known.
	Connection string
	Request    Request
	Tenant     azward.TenantID // that has to answer; "" is any
}

// consentDoc is a consent as it is sealed.
type consentDoc struct {
	Connection     string           `json:"connection,omitempty"`
	Tenant         azward.TenantID  `json:"tenant,omitempty"`
	Name           string           `json:"name,omitempty"`
	TenantID       string           `json:"tenantId,omitempty"`
	ClientID       string           `json:"clientId,omitempty"`
	Cloud          string           `json:"cloud,omitempty"`
	CloudConfig    string           `json:"cloudConfig,omitempty"`
	Auth           store.AuthMethod `json:"auth,omitempty"`
	Secret         string           `json:"secret,omitempty"`
	CredentialFile string           `json:"credentialFile,omitempty"`
	Subscriptions  []string         `json:"subscriptions,omitempty"`
}

func docOf(c Consent) consentDoc {
	r := c.Request
	return consentDoc{
		Connection: c.Connection, Tenant: c.Tenant, Name: r.Name, TenantID: r.TenantID, ClientID: r.ClientID, Cloud: r.Cloud, CloudConfig: r.CloudConfig,
		Auth: r.Auth, Secret: r.Secret.Reveal(), CredentialFile: r.CredentialFile, Subscriptions: r.Subscriptions,
	}
}

func (d consentDoc) request() Request {
	r := Request{
		Name: d.Name, TenantID: d.TenantID, ClientID: d.ClientID, Cloud: d.Cloud, CloudConfig: d.CloudConfig, Auth: d.Auth,
		CredentialFile: d.CredentialFile, Subscriptions: d.Subscriptions,
	}
	if d.Secret != "" {
		r.Secret = seal.NewSecret(d.Secret)
	}
	return r
}

func boundState(state []byte) string { return "consent/" + hex.EncodeToString(state) }

// AskConsent keeps a consent that is asked for, and gives its state: what the
// answer has to bring back.
func (c Connections) AskConsent(ctx context.Context, asked Consent, at time.Time) (state string, err error) {
	raw, err := json.Marshal(docOf(asked)) //nolint:gosec // it is sealed below
	if err != nil {
		return "", fmt.Errorf("keep consent: %w", err)
	}
	state = rand.Text()
	sum := sha256.Sum256([]byte(state))
	sealed, err := c.Sealer.Seal(ctx, seal.NewSecret(string(raw)), boundState(sum[:]))
	if err != nil {
		return "", err
	}
	return state, c.Store.SaveConsent(ctx, store.Consent{
		State: sum[:], User: asked.User, Browser: asked.Browser[:], ExpiresAt: at.Add(ConsentFor), Sealed: sealed,
	}, maxConsents, at)
}

// FindConsent gives the consent of a state to the user and browser that asked
// for it; one of somebody else stays theirs.
func (c Connections) FindConsent(ctx context.Context, state, user string, browser [sha256.Size]byte, at time.Time) (Consent, error) {
	sum := sha256.Sum256([]byte(state))
	kept, err := c.Store.Consent(ctx, sum[:])
	if azward.KindOf(err) == azward.KindNotFound && err != nil || err == nil && !at.Before(kept.ExpiresAt) {
		return Consent{}, unawaited()
	}
	if err != nil {
		return Consent{}, err
	}
	if kept.User != user || subtle.ConstantTimeCompare(kept.Browser, browser[:]) != 1 {
		return Consent{}, &azward.Error{
			Kind: azward.KindRole, Op: "take up consent", Cause: "it was asked for in another session, by another user or another browser; nothing was changed",
			Remedy: "open the link in the browser that asked for it, or begin again here",
		}
	}
	plain, err := c.Sealer.Open(ctx, kept.Sealed, boundState(sum[:]))
	if err != nil {
		return Consent{}, err
	}
	var d consentDoc
	if err := json.Unmarshal([]byte(plain.Reveal()), &d); err != nil {
		return Consent{}, fmt.Errorf("read consent: %w", err)
	}
	return Consent{User: user, Browser: browser, Connection: d.Connection, Request: d.request(), Tenant: d.Tenant}, nil
}

// TakeConsent is [Connections.FindConsent], and uses it up: of two who do so at
// once, one gets it.
func (c Connections) TakeConsent(ctx context.Context, state, user string, browser [sha256.Size]byte, at time.Time) (Consent, error) {
	found, err := c.FindConsent(ctx, state, user, browser, at)
	if err != nil {
		return found, err
	}
	sum := sha256.Sum256([]byte(state))
	if err := c.Store.TakeConsent(ctx, sum[:]); err != nil {
		if azward.KindOf(err) == azward.KindNotFound {
			return Consent{}, unawaited()
		}
		return Consent{}, err
	}
	return found, nil
}

func unawaited() error {
	return &azward.Error{
		Kind: azward.KindStale, Op: "take up consent", Cause: "this consent is not awaited here: it was taken up already, is older than " + ConsentFor.String() + ", or was never asked for",
		Remedy: "look whether the connection works already; else begin again from its page",
	}
}
