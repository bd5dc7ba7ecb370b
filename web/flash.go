package web

import (
	"encoding/base64"
	"encoding/json"
	"net/http"

	"github.com/azward/azward/access"
)

// flash is what the page after a form says about it. It travels in a cookie of
// one use: nothing is kept for who never comes back.
type flash struct {
	Text string `json:"text"`
	Warn bool   `json:"warn,omitempty"`
}

const (
	flashCookie  = "azward_flash"
	flashSeconds = 60
	maxFlash     = 1 << 10 // bytes of its text
	themeCookie  = "azward_theme"
	themeSeconds = 365 * 24 * 60 * 60
)

func cookie(r *http.Request, name, value string, seconds int) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure follows the connection: on loopback there is plain HTTP
		Name: name, Value: value, Path: "/", MaxAge: seconds, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil,
	}
}

// tell gives the next page something to say.
func tell(w http.ResponseWriter, r *http.Request, f flash) error {
	f.Text = f.Text[:min(len(f.Text), maxFlash)]
	raw, err := json.Marshal(f)
	if err != nil {
		return err
	}
	http.SetCookie(w, cookie(r, flashCookie, base64.RawURLEncoding.EncodeToString(raw), flashSeconds))
	return nil
}

// takeFlash reads it, and takes it away.
func takeFlash(w http.ResponseWriter, r *http.Request) *flash {
	kept, err := r.Cookie(flashCookie)
	if err != nil {
		return nil
	}
	http.SetCookie(w, cookie(r, flashCookie, "", -1))
	raw, err := base64.RawURLEncoding.DecodeString(kept.Value)
	var f flash
	if err != nil || json.Unmarshal(raw, &f) != nil || f.Text == "" || len(f.Text) > maxFlash {
		return nil
	}
	return &f
}

// done sends the browser on after a form, with something to say.
func done(w http.ResponseWriter, r *http.Request, to, text string) error {
	if text != "" {
		if err := tell(w, r, flash{Text: text}); err != nil {
			return err
		}
	}
	http.Redirect(w, r, access.LocalPath(to), http.StatusSeeOther) //nolint:gosec // LocalPath leaves paths of this hub alone
	return nil
}

// themeOf is the reader's choice of colours; "" follows the system.
func themeOf(r *http.Request) string {
	if kept, err := r.Cookie(themeCookie); err == nil && (kept.Value == "light" || kept.Value == "dark") {
		return kept.Value
	}
	return ""
}

func (s *Site) chooseTheme(w http.ResponseWriter, r *http.Request) error {
	seconds := themeSeconds
	theme := r.PostForm.Get("theme")
	if theme != "light" && theme != "dark" {
		theme, seconds = "", -1
	}
	http.SetCookie(w, cookie(r, themeCookie, theme, seconds))
	return done(w, r, r.PostForm.Get("back"), "")
}
