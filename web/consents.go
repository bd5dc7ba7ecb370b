package web

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"sync"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/connect"
)

const (
	consentCookie = "azward_consent"
	consentPath   = "/integrations/azure/consent"
	consentFor    = 15 * time.Minute // to sign in as an administrator, and to read what is asked for
	maxConsents   = 200              // under way at once, a KB each
)

// consent is an administrator's consent that was asked for and has not come
// back yet. It lives in this process alone: after a restart it is asked anew.
type consent struct {
	user    string
	browser [sha256.Size]byte // digest of the cookie of the browser that asked
	until   time.Time
	// connection is the one that consent is asked for; "" where it is to be
	// made of request once the tenant is known.
	connection string
	request    connect.Request
	tenant     azward.TenantID // that has to answer; "" is any
	link       string          // of the page that asks the administrator
}

// consents are those under way, by the digest of their state.
type consents struct {
	mu   sync.Mutex
	held map[[sha256.Size]byte]consent
}

// add keeps c and gives its state. The oldest goes where there are too many.
func (s *consents) add(now time.Time, c consent, link func(state string) string) string {
	state := rand.Text()
	c.link = link(state)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == nil {
		s.held = map[[sha256.Size]byte]consent{}
	}
	var oldest [sha256.Size]byte
	for key, other := range s.held {
		if now.After(other.until) {
			delete(s.held, key)
		} else if first, ok := s.held[oldest]; !ok || other.until.Before(first.until) {
			oldest = key
		}
	}
	if len(s.held) >= maxConsents {
		delete(s.held, oldest)
	}
	s.held[sha256.Sum256([]byte(state))] = c
	return state
}

// find gives the consent of a state to the user and browser that asked for it;
// with take it is used up. One of somebody else stays theirs.
func (s *consents) find(r *http.Request, state string, now time.Time, take bool) (consent, error) {
	const op = "take up consent"
	if state == "" {
		return consent{}, badForm(op, "the address has no state, so it does not say which consent it answers", "begin again from the connection, and do not copy addresses out of the middle")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := sha256.Sum256([]byte(state))
	c, ok := s.held[key]
	if !ok || now.After(c.until) {
		delete(s.held, key)
		return consent{}, &azward.Error{
			Kind: azward.KindStale, Op: op, Cause: "this consent is not awaited here: it was taken up already, is older than " + consentFor.String() + ", or was never asked for",
			Remedy: "look whether the connection works already; else begin again from its page",
		}
	}
	kept, err := r.Cookie(consentCookie)
	foreign := err != nil || who(r).UserID != c.user
	if err == nil {
		sum := sha256.Sum256([]byte(kept.Value))
		foreign = foreign || subtle.ConstantTimeCompare(sum[:], c.browser[:]) != 1
	}
	if foreign {
		return consent{}, &azward.Error{
			Kind: azward.KindRole, Op: op, Cause: "it was asked for in another session, by another user or another browser; nothing was changed",
			Remedy: "open the link in the browser that asked for it, or begin again here",
		}
	}
	if take {
		delete(s.held, key)
	}
	return c, nil
}

// browser gives the digest of what this browser is known by, and gives it that
// where it has none.
func consentBrowser(w http.ResponseWriter, r *http.Request) [sha256.Size]byte {
	kept, err := r.Cookie(consentCookie)
	value := rand.Text()
	if err == nil && len(kept.Value) == len(value) {
		value = kept.Value
	}
	c := cookie(r, consentCookie, value, int(consentFor/time.Second)) //nolint:gosec // as cookie says
	c.Path = consentPath
	http.SetCookie(w, c)
	return sha256.Sum256([]byte(value))
}
