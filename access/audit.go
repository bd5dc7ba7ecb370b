package access

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/azward/azward/store"
)

// Entry is one change: who did what to what, and how it was before and after.
type Entry struct {
	// Seq orders entries and is the cursor of pages.
	Seq     int64           `json:"seq"`
	At      time.Time       `json:"at"`
	UserID  string          `json:"userId,omitempty"` // "" for the program itself
	Who     string          `json:"who"`              // the name that the user had then
	Via     string          `json:"via"`              // "session", "token tok_…", "link", "passkey", "oidc", "system"
	Action  string          `json:"action"`           // "connection.add"
	Subject string          `json:"subject"`
	Before  json.RawMessage `json:"before,omitempty"`
	After   json.RawMessage `json:"after,omitempty"`
}

// AuditFilter selects entries. Zero fields select everything.
type AuditFilter struct {
	UserID  string
	Action  string // this one, or "connection" for all that begin with "connection."
	Subject string
	Since   time.Time
	Before  int64 // only those with a lower Seq: the last of the page before
	Limit   int   // at most so many; 0 is 100, and more than 1000 is 1000
}

const (
	auditPage, maxAuditPage = 100, 1000
	// maxAuditDoc bounds what is kept of one side of a change, in bytes.
	maxAuditDoc = 64 << 10
	viaSystem   = "system"
	systemName  = "azward"
)

// Audit writes down that whoever the context carries did action to subject.
// Before and after are encoded as JSON, nil for "was not there" and "is gone";
// they hold no secrets (a seal.Secret shows itself as redacted). An action is a
// noun and a verb: "scan.start".
func (c *Control) Audit(ctx context.Context, action, subject string, before, after any) error {
	entry, err := c.entry(ctx, action, subject, before, after)
	if err != nil {
		return err
	}
	return c.store.WriteAudit(ctx, entry)
}

// AuditLog returns a page of the log, newest first; for administrators.
func (c *Control) AuditLog(ctx context.Context, f AuditFilter) ([]Entry, error) {
	if _, err := Check(ctx, Admin, "read audit log"); err != nil {
		return nil, err
	}
	if f.Limit <= 0 {
		f.Limit = auditPage
	}
	list, err := c.store.AuditLog(ctx, store.AuditFilter{
		UserID: f.UserID, Action: f.Action, Subject: f.Subject, Since: f.Since, Before: f.Before, Limit: min(f.Limit, maxAuditPage),
	})
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(list))
	for i, e := range list {
		entries[i] = Entry(e)
	}
	return entries, nil
}

// entry is about whoever the context carries; nobody is the program itself.
func (c *Control) entry(ctx context.Context, action, subject string, before, after any) (store.AuditEntry, error) {
	e := store.AuditEntry{At: c.now(), Who: systemName, Via: viaSystem, Action: action, Subject: subject}
	if who, known := From(ctx); known {
		e.UserID, e.Who, e.Via = who.UserID, who.Name, "session"
		if who.Token != "" {
			e.Via = "token " + who.Token
		}
	}
	return e, sides(&e, before, after)
}

func sides(e *store.AuditEntry, before, after any) error {
	for _, side := range []struct {
		value any
		to    *json.RawMessage
	}{{before, &e.Before}, {after, &e.After}} {
		if side.value == nil {
			continue
		}
		doc, err := json.Marshal(side.value)
		if err != nil {
			return fmt.Errorf("write audit log: %w", err)
		}
		if len(doc) > maxAuditDoc {
			doc = fmt.Appendf(nil, `{"omitted":"%d bytes"}`, len(doc))
		}
		*side.to = doc
	}
	return nil
}

// by is an entry of somebody who is not signed in yet.
func (c *Control) by(u store.User, via, action string, before, after any) (store.AuditEntry, error) {
	e := store.AuditEntry{At: c.now(), UserID: u.ID, Who: u.Name, Via: via, Action: action, Subject: u.Name}
	return e, sides(&e, before, after)
}
