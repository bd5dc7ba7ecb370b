package aurora

import (
	_ "embed"
	"net/http"
)

//go:embed setup.sh
var setupBash []byte

//go:embed setup.ps1
var setupPowerShell []byte

func (h *handler) bashScript(w http.ResponseWriter, _ *http.Request) {
	script(w, "setup-azward-access.sh", setupBash)
}

func (h *handler) powerShellScript(w http.ResponseWriter, _ *http.Request) {
	script(w, "setup-azward-access.ps1", setupPowerShell)
}

// script writes a script as text that is not kept: an old one may ask for
// other rights.
func script(w http.ResponseWriter, name string, text []byte) {
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("Content-Disposition", "inline; filename="+name)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-cache, no-store, must-revalidate")
	header.Set("Pragma", "no-cache")
	header.Set("Expires", "0")
	_, _ = w.Write(text) // who asked is gone where this fails
}
