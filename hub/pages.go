package hub

import (
	"net/http"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
)

// Pages draws what the hub itself has to show; the web door does. Each method
// writes the whole answer, with the page's Status.
type Pages interface {
	SignIn(w http.ResponseWriter, r *http.Request, page access.SignInPage)
	Setup(w http.ResponseWriter, r *http.Request, page access.SetupPage)
	// Problem tells a browser what went wrong: nothing is found, too many
	// requests, a broken page. Status is that of err's kind.
	Problem(w http.ResponseWriter, r *http.Request, err *azward.Error)
}
