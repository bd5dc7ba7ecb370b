package entra

import (
	"html/template"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// consentPage asks as Entra's does: who wants in, and yes or no.
var consentPage = template.Must(template.New("consent").Parse(`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Permissions requested</title></head>
<body><main><h1>Permissions requested</h1><p>{{.Name}} ({{.ClientID}}) asks for {{.Scope}} in {{.Directory}}.</p>
<p><a href="{{.Accept}}">Accept</a> <a href="{{.Cancel}}">Cancel</a></p></main></body></html>`))

// adminConsent is the page where an administrator lets an application in. Its
// links answer it: the simulator has no users who could sign in.
//
// Source: https://learn.microsoft.com/entra/identity-platform/v2-admin-consent
func (a *Authority) adminConsent(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	if tenant := r.PathValue("tenant"); tenant != "organizations" && a.checkTenant(tenant) != nil {
		http.Error(w, "AADSTS90002: Tenant not found.", http.StatusBadRequest)
		return
	}
	who := a.apps[strings.ToLower(q.Get("client_id"))]
	if who == nil {
		http.Error(w, "AADSTS700016: Application not found in the directory.", http.StatusBadRequest)
		return
	}
	if err != nil || !onLoopback(back) {
		http.Error(w, "AADSTS50011: The redirect URI does not match: the simulator leads back to loopback alone.", http.StatusBadRequest)
		return
	}
	answer := url.Values{"state": {q.Get("state")}, "tenant": {a.o.Tenant.ID}}
	switch q.Get("answer") {
	case "accept":
		a.consented.Store(strings.ToLower(who.ClientID), true)
		answer.Set("admin_consent", "True")
		answer.Set("scope", q.Get("scope"))
	case "cancel":
		answer.Set("admin_consent", "True") // Entra says so of those who did not, too
		answer.Set("error", "access_denied")
		answer.Set("error_description", "AADSTS65004: User declined to consent to access the app.")
	default:
		a.askConsent(w, r, who, q)
		return
	}
	back.RawQuery = answer.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound) //nolint:gosec // to loopback alone
}

func (a *Authority) askConsent(w http.ResponseWriter, r *http.Request, who *app, q url.Values) {
	link := func(answer string) string {
		q.Set("answer", answer)
		return r.URL.Path + "?" + q.Encode()
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	err := consentPage.Execute(w, map[string]string{
		"Name": who.DisplayName, "ClientID": who.ClientID, "Scope": q.Get("scope"), "Directory": a.directory(), "Accept": link("accept"), "Cancel": link("cancel"),
	})
	if err != nil {
		return // the reader left
	}
}

func onLoopback(u *url.URL) bool {
	if u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}
