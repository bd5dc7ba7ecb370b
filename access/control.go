package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/azward/azward"
	"github.com/azward/azward/store"
	"github.com/go-webauthn/webauthn/webauthn"
)

// Store is what keeps users and all that belongs to them; store/sqlite does.
type Store interface {
	AddUser(context.Context, store.User, store.AuditEntry) error
	SetUpUser(ctx context.Context, link []byte, u store.User, key *store.Passkey, entry store.AuditEntry) error
	RedeemLink(ctx context.Context, link []byte, u store.User, was time.Time, key *store.Passkey, entry store.AuditEntry) error
	UpdateUser(ctx context.Context, u store.User, was time.Time, entry store.AuditEntry) error
	Users(context.Context) ([]store.User, error)
	User(ctx context.Context, id string) (store.User, error)
	LocalUser(ctx context.Context, name string) (store.User, error)
	IssuedUser(ctx context.Context, issuer, subject string) (store.User, error)
	AddLink(context.Context, store.Link, store.AuditEntry) error
	Link(ctx context.Context, hash []byte) (store.Link, error)
	AddToken(context.Context, store.Token, store.AuditEntry) error
	RevokeTokens(ctx context.Context, user, id string, entry store.AuditEntry) error
	Tokens(ctx context.Context, user string) ([]store.Token, error)
	Token(ctx context.Context, id string) (store.Token, error)
	TokenByHash(ctx context.Context, hash []byte) (store.Token, error)
	AddPasskey(context.Context, store.Passkey, store.AuditEntry) error
	UsePasskey(context.Context, store.Passkey) error
	RemovePasskey(ctx context.Context, user string, id []byte, entry store.AuditEntry) error
	Passkeys(ctx context.Context, user string) ([]store.Passkey, error)
	SaveSession(ctx context.Context, key, doc []byte, expires time.Time) error
	Session(ctx context.Context, key []byte, now time.Time) (doc []byte, expires time.Time, found bool, err error)
	RemoveSession(ctx context.Context, key []byte) error
	Touch(ctx context.Context, sessions, tokens map[string]time.Time) error
	SweepAccess(ctx context.Context, now time.Time) error
	BeginReply(ctx context.Context, r store.Reply, most int, now time.Time) (held store.Reply, begun bool, err error)
	FinishReply(context.Context, store.Reply) error
	WriteAudit(context.Context, store.AuditEntry) error
	AuditLog(context.Context, store.AuditFilter) ([]store.AuditEntry, error)
}

// Options are what a [Control] is made of.
type Options struct {
	Store Store
	// PublicURL is how browsers reach the hub: "https://azward.example.com", or
	// "http://localhost:8484". Links, passkeys and the issuer's callback hold it.
	PublicURL string
	OIDC      *OIDC            // nil where no issuer signs users in
	Idle      time.Duration    // a session ends so long after its last request; 0 is DefaultIdle
	Lifetime  time.Duration    // and so long after the sign-in at the latest; 0 is DefaultLifetime
	Log       *slog.Logger     // nil discards
	Now       func() time.Time // nil is time.Now; sessions always follow that
}

// Defaults of [Options]: a working day, and a week.
const (
	DefaultIdle     = 8 * time.Hour
	DefaultLifetime = 7 * 24 * time.Hour
)

// Control says who may sign in, and remembers who did. It is safe for
// concurrent use. [Control.Run] does its housekeeping.
type Control struct {
	store    Store
	public   *url.URL
	now      func() time.Time
	log      *slog.Logger
	sessions *scs.SessionManager
	passkeys *webauthn.WebAuthn // nil where the public URL has no domain
	oidc     *issuer            // nil where none is set
	flows    flows
	hashing  chan struct{} // bounds the memory that hashing takes
	dummy    string        // hash that unknown users are checked against

	byAccount, byAddress *Limiter

	mu            sync.Mutex
	touchSessions map[string]time.Time
	touchTokens   map[string]time.Time
}

// New checks the options. A public URL that is none, and an issuer that is
// described wrongly, give KindUsage.
func New(o Options) (*Control, error) {
	public, err := parsePublic(o.PublicURL)
	if err != nil {
		return nil, err
	}
	c := &Control{
		store: o.Store, public: public, now: o.Now, log: o.Log,
		hashing:       make(chan struct{}, maxHashing),
		byAccount:     NewLimiter(accountEvery, accountBurst),
		byAddress:     NewLimiter(addressEvery, addressBurst),
		touchSessions: map[string]time.Time{}, touchTokens: map[string]time.Time{},
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.flows, err = newFlows(); err != nil {
		return nil, err
	}
	c.dummy = dummyHash()
	if c.passkeys, err = relyingParty(public); err != nil {
		return nil, err
	}
	if o.OIDC != nil {
		if c.oidc, err = newIssuer(*o.OIDC, public, c.now); err != nil {
			return nil, err
		}
	}
	c.sessions = newSessions(o, c)
	return c, nil
}

func parsePublic(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return nil, &azward.Error{
			Kind: azward.KindUsage, Op: "read public URL", Subject: text, Cause: "it is not the address of a site",
			Remedy: "give scheme and host alone, such as https://azward.example.com", Err: err,
		}
	}
	return &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host)}, nil
}

// PublicURL is how browsers reach the hub: scheme and host, without path.
func (c *Control) PublicURL() *url.URL { return &url.URL{Scheme: c.public.Scheme, Host: c.public.Host} }

// Run keeps sessions' ends and tokens' uses, and deletes what expired, until
// the context ends. What it can't write is logged and tried again.
func (c *Control) Run(ctx context.Context) {
	touch, sweep := time.NewTicker(touchEvery), time.NewTicker(sweepEvery)
	defer touch.Stop()
	defer sweep.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlush)
			defer cancel()
			if err := c.Flush(last); err != nil {
				c.log.Warn("keep sessions", "error", err)
			}
			return
		case <-touch.C:
			err = c.Flush(ctx)
		case <-sweep.C:
			err = c.store.SweepAccess(ctx, c.now())
		}
		if err != nil && ctx.Err() == nil {
			c.log.Warn("keep sessions", "error", err)
		}
	}
}

const (
	touchEvery = 15 * time.Second // how much of a session's use a crash may forget
	sweepEvery = 10 * time.Minute
	lastFlush  = 2 * time.Second // part of the time that stopping may take
	// touchStep is how exactly uses are kept: without it each request would
	// write, and wait for the scan that is saving its verdicts.
	touchStep  = time.Minute
	maxTouches = 10_000 // entries between two flushes; more are not kept
)

// Flush writes now what [Control.Run] writes every few seconds.
func (c *Control) Flush(ctx context.Context) error {
	c.mu.Lock()
	sessions, tokens := c.touchSessions, c.touchTokens
	c.touchSessions, c.touchTokens = map[string]time.Time{}, map[string]time.Time{}
	c.mu.Unlock()
	if len(sessions)+len(tokens) == 0 {
		return nil
	}
	err := c.store.Touch(ctx, sessions, tokens)
	if err == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, at := range sessions {
		noteLater(c.touchSessions, key, at)
	}
	for id, at := range tokens {
		noteLater(c.touchTokens, id, at)
	}
	return err
}

// noteLater keeps the later of two times, and no more entries than it may.
func noteLater(in map[string]time.Time, key string, at time.Time) {
	if known, has := in[key]; has && !known.Before(at) || !has && len(in) >= maxTouches {
		return
	}
	in[key] = at
}

// secret returns 256 random bits behind a prefix that scanners for leaked
// secrets know, and what is kept of it.
func secret(prefix string) (text string, hash []byte) {
	raw := make([]byte, secretBytes)
	// Read fills raw or ends the process: https://pkg.go.dev/crypto/rand#Read
	_, _ = rand.Read(raw)
	text = prefix + base64.RawURLEncoding.EncodeToString(raw)
	return text, digest(text)
}

const secretBytes = 32

// digest is enough for 256 random bits: there is nothing to guess.
func digest(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

func newID(prefix string) string {
	raw := make([]byte, 10) // 80 bits never meet twice here
	_, _ = rand.Read(raw)
	return prefix + hex.EncodeToString(raw)
}

// WaitError is under a KindThrottled error that says when to try again.
type WaitError struct{ After time.Duration }

// Error says how long.
func (e *WaitError) Error() string { return fmt.Sprintf("try again in %v", e.After) }

// digestText is short, and tells users without names apart.
func digestText(text string) string { return hex.EncodeToString(digest(text)[:4]) }
