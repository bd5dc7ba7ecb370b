package web

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"time"

	"github.com/azward/azward/connect"
	"github.com/azward/azward/store"
)

const (
	consentCookie = "azward_consent"
	consentPath   = "/integrations/azure/consent"
)

// consentOf gives the consent of a state to the user and browser that asked for
// it; with take it is used up.
func (s *Site) consentOf(r *http.Request, take bool) (connect.Consent, error) {
	if err := s.connectionsThere(); err != nil {
		return connect.Consent{}, err
	}
	state := r.URL.Query().Get("state")
	if state == "" {
		return connect.Consent{}, badForm("take up consent", "the address has no state, so it does not say which consent it answers", "begin again from the connection, and do not copy addresses out of the middle")
	}
	var browser [sha256.Size]byte // of none
	if kept, err := r.Cookie(consentCookie); err == nil {
		browser = sha256.Sum256([]byte(kept.Value))
	}
	find := s.o.Connections.FindConsent
	if take {
		find = s.o.Connections.TakeConsent
	}
	return find(r.Context(), state, who(r).UserID, browser, s.now())
}

// asked is the connection that a consent is about, as far as its link needs it.
func (s *Site) asked(ctx context.Context, c connect.Consent) (store.Connection, error) {
	if c.Connection != "" {
		return s.o.Connections.Show(ctx, c.Connection)
	}
	return store.Connection{TenantID: c.Tenant, ClientID: c.Request.ClientID, Cloud: c.Request.Cloud, CloudConfig: c.Request.CloudConfig}, nil
}

// browser gives the digest of what this browser is known by, and gives it that
// where it has none.
func consentBrowser(w http.ResponseWriter, r *http.Request) [sha256.Size]byte {
	kept, err := r.Cookie(consentCookie)
	value := rand.Text()
	if err == nil && len(kept.Value) == len(value) {
		value = kept.Value
	}
	c := cookie(r, consentCookie, value, int(connect.ConsentFor/time.Second)) //nolint:gosec // as cookie says
	c.Path = consentPath
	http.SetCookie(w, c)
	return sha256.Sum256([]byte(value))
}
