package store

import (
	"encoding/json"
	"time"
)

// User is a person, or a program that signs in as one.
type User struct {
	ID   string
	Name string // unique among those without Issuer, compared without case
	Role string // as access.Role has it
	// Disabled users cannot sign in, and their tokens and sessions answer nothing.
	Disabled bool
	// Issuer and Subject name the account of an OpenID Connect issuer; "" for
	// local users.
	Issuer, Subject string
	// Password is an argon2id hash in PHC form; "" where none is set.
	Password string
	// Epoch is written into each session; sessions with another one have ended.
	Epoch      int64
	CreatedAt  time.Time
	UpdatedAt  time.Time
	LastSignIn time.Time // zero before the first
}

// Passkey is one public key of a user. Record is the WebAuthn library's JSON;
// nothing in it is secret.
type Passkey struct {
	ID        []byte // credential ID
	UserID    string
	Name      string // as the user calls it
	Record    json.RawMessage
	CreatedAt time.Time
	LastUsed  time.Time // zero before the first
}

// Token is an API token; the token itself is not kept, only its SHA-256.
type Token struct {
	ID        string
	UserID    string
	Name      string
	Hash      []byte
	Role      string
	CreatedAt time.Time
	ExpiresAt time.Time
	LastUsed  time.Time // to about a minute; zero before the first
	RevokedAt time.Time // zero while it is good
}

// Link is a one-time link: to set up the first administrator, where UserID is
// "", or for a user to set a password.
type Link struct {
	Hash      []byte // SHA-256 of what the link holds
	UserID    string
	ExpiresAt time.Time
}

// AuditEntry is one change that somebody made. Seq rises with each, without
// meaning more.
type AuditEntry struct {
	Seq     int64
	At      time.Time
	UserID  string // "" for the program itself
	Who     string // the user's name then
	Via     string // "session", "token tok_…", "link", "oidc", "system"
	Action  string // "user.create"
	Subject string
	Before  json.RawMessage // nil where there was nothing
	After   json.RawMessage // nil where nothing is left
}

// AuditFilter selects entries, newest first. Zero fields select everything.
type AuditFilter struct {
	Before  int64 // only those with a lower Seq
	Limit   int
	UserID  string
	Action  string // this, or what begins with it and a dot
	Subject string
	Since   time.Time
}

// Reply is what was answered to a request with an idempotency key.
type Reply struct {
	UserID, Key string
	Route       string
	Request     []byte // SHA-256 of the request
	Status      int    // 0 while the request is still being answered
	ContentType string
	Header      map[string]string // of the answer, beside its content type; nil for none
	Body        []byte
	ExpiresAt   time.Time
}
