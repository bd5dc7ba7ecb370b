package web

import (
	"net/http"

	"github.com/azward/azward/access"
)

// Route is one way in.
type Route struct {
	Pattern string
	// Least is the role that it asks for; "" is anybody, signed in or not.
	Least access.Role
	// Does says what it is for, in errors: "dismiss verdicts".
	Does  string
	serve func(*Site, http.ResponseWriter, *http.Request) error
}

// Routes is the table of all ways into the pages.
func Routes() []Route {
	return []Route{
		{"GET /assets/{name}", "", "load a file of the pages", func(s *Site, w http.ResponseWriter, r *http.Request) error { return s.assets.serve(w, r) }},
		{"POST /theme", "", "choose colours", (*Site).chooseTheme},

		{"GET /{$}", access.Viewer, "see the overview", (*Site).overview},
		{"GET /verdicts", access.Viewer, "list verdicts", (*Site).verdicts},
		{"GET /verdicts/{id}", access.Viewer, "see a verdict", (*Site).verdict},
		{"GET /verdicts/{id}/export/{format}", access.Viewer, "export a verdict", (*Site).exportVerdict},
		{"POST /verdicts/dismiss", access.Operator, "dismiss verdicts", (*Site).dismiss},
		{"POST /verdicts/reopen", access.Operator, "reopen a verdict", (*Site).reopen},
		{"POST /verdicts/views", access.Viewer, "save a view", (*Site).saveView},
		{"POST /verdicts/views/remove", access.Viewer, "remove a view", (*Site).removeView},

		{"GET /scans", access.Viewer, "list scans", (*Site).scans},
		{"GET /scans/{id}", access.Viewer, "see a scan", (*Site).scan},
		{"GET /scans/jobs/{id}", access.Viewer, "follow a scan", (*Site).job},
		{"GET /scans/jobs/{id}/events", access.Viewer, "follow a scan", (*Site).jobEvents},
		{"POST /scans/start", access.Operator, "start a scan", (*Site).startScan},
		{"POST /scans/jobs/{id}/cancel", access.Operator, "cancel a scan", (*Site).cancelScan},
		{"POST /scans/schedules", access.Operator, "schedule scans", (*Site).schedule},
		{"POST /scans/schedules/remove", access.Operator, "remove a schedule", (*Site).removeSchedule},

		{"GET /integrations", access.Viewer, "see the integrations", (*Site).integrations},
		{"GET /integrations/azure/new", access.Operator, "connect a tenant", (*Site).newConnection},
		{"POST /integrations/azure", access.Operator, "connect a tenant", (*Site).addConnection},
		{"GET /integrations/azure/consent", access.Operator, "ask for consent", (*Site).askConsent},
		{"GET /integrations/azure/consent/callback", access.Operator, "take up consent", (*Site).consented},
		{"GET /integrations/connections/{name}", access.Viewer, "see a connection", (*Site).connection},
		{"POST /integrations/connections/{name}", access.Operator, "configure a connection", (*Site).configure},
		{"GET /integrations/connections/{name}/test", access.Operator, "test a connection", (*Site).testConnection},
		{"GET /integrations/connections/{name}/disconnect", access.Admin, "disconnect", (*Site).disconnecting},
		{"POST /integrations/connections/{name}/disconnect", access.Admin, "disconnect", (*Site).disconnect},

		{"GET /estate", access.Viewer, "see the estate", (*Site).estate},
		{"GET /estate/resource", access.Viewer, "see a resource", (*Site).resource},
		{"GET /estate/map", access.Viewer, "see a map", (*Site).networkMap},

		{"GET /registries", access.Viewer, "list registries", (*Site).registries},
		{"GET /registries/{host}", access.Viewer, "see a registry", (*Site).registry},
		{"GET /registries/{host}/repository", access.Viewer, "see a repository", (*Site).repository},
		{"GET /registries/{host}/image", access.Viewer, "see an image", (*Site).image},
		{"POST /registries/scan", access.Operator, "scan a registry", (*Site).scanRegistry},

		{"GET /posture", access.Viewer, "see the posture", (*Site).posture},
		{"GET /posture/rules", access.Viewer, "list rules", (*Site).postureRules},
		{"GET /posture/rules/{id}", access.Viewer, "see a rule", (*Site).postureRule},
		{"GET /posture/results", access.Viewer, "list results of rules", (*Site).postureResults},
		{"GET /posture/finding", access.Viewer, "see a result", (*Site).postureFinding},
		{"GET /posture/framework", access.Viewer, "see a framework", (*Site).postureFramework},
		{"GET /posture/export/{format}", access.Viewer, "export results", (*Site).exportPosture},

		{"POST /registries/images/scan", access.Operator, "scan an image", (*Site).scanImage},

		{"GET /settings", access.Viewer, "see your account", (*Site).account},
		{"GET /settings/tokens", access.Viewer, "list tokens", (*Site).tokens},
		{"POST /settings/tokens", access.Viewer, "make a token", (*Site).makeToken},
		{"POST /settings/tokens/revoke", access.Viewer, "revoke a token", (*Site).revokeToken},
		{"POST /settings/sessions/end", access.Viewer, "sign out everywhere", (*Site).endSessions},
		{"POST /settings/passkeys/remove", access.Viewer, "remove a passkey", (*Site).removePasskey},
		{"GET /settings/sign-in", access.Admin, "see how users sign in", (*Site).signInSettings},
		{"GET /settings/advisories", access.Viewer, "see the advisory index", (*Site).advisories},
		{"GET /settings/retention", access.Viewer, "see what is kept", (*Site).retention},
		{"POST /settings/retention", access.Admin, "change what is kept", (*Site).setRetention},
		{"POST /settings/retention/apply", access.Admin, "do the housekeeping", (*Site).applyRetention},
		{"GET /settings/users", access.Admin, "list users", (*Site).users},
		{"POST /settings/users", access.Admin, "add a user", (*Site).addUser},
		{"POST /settings/users/{id}", access.Admin, "change a user", (*Site).changeUser},
		{"GET /settings/audit", access.Admin, "read the audit log", (*Site).auditLog},
	}
}
