package store

import "time"

// Consent is an administrator's consent that was asked for and has not come
// back yet.
type Consent struct {
	State     []byte // SHA-256 of what the address holds
	User      string // ID of whoever asked
	Browser   []byte // SHA-256 of the cookie of the browser that asked
	ExpiresAt time.Time
	Sealed    []byte // what is to be done then
}
