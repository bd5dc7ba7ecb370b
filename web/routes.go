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
	}
}
