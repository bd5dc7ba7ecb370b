package access

import (
	"net/url"
	"strings"

	"github.com/azward/azward"
)

// SignInPage is what the sign-in page shows. It posts `name`, `password` and
// `next` to /signin as a form; its passkey button posts nothing to
// /signin/passkey/begin, gives the answer's `publicKey` to
// navigator.credentials.get, and posts the credential's JSON to
// /signin/passkey/finish?next=…, which answers {"next": "/…"}. The
// organisation's sign-in is a link to /signin/oidc?next=…, no form: browsers
// hold a form's redirect to the policy's form-action.
type SignInPage struct {
	Next     string        // local path to go to afterwards, checked already
	Name     string        // as it was typed before, where Err is set
	Passkeys bool          // the hub's address is one that passkeys work with
	OIDC     string        // label of the organisation's sign-in; "" where there is none
	Err      *azward.Error // why the last try failed; nil at first
	// Status is what to answer with: 200 at first, 401 or 429 where Err is set.
	Status int
}

// SetupPage is what the page behind a one-time link shows. It posts `code`,
// `name` (where FixedName is not set) and `password` to /setup as a form. Its
// passkey button posts `code` and `name` as a form to /setup/passkey/begin,
// gives the answer's `publicKey` to navigator.credentials.create, and posts the
// credential's JSON to /setup/passkey/finish, which answers {"next": "/"}.
type SetupPage struct {
	// Code is the link's own; "" where the page was opened without one, and
	// then the page says that the link stands in the server's output.
	Code      string
	Name      string // user that the link is for, or as it was typed before
	FixedName bool   // the link is for a user that exists already
	MinLength int    // characters that a password has at least
	Passkeys  bool   // the hub's address is one that passkeys work with
	Err       *azward.Error
	Status    int // 200, or the error's
}

// LocalPath returns next where it is a path of this hub ("/verdicts?x=1"), and
// "/" for everything else: other sites, schemes, "//host", "/\host", control
// characters, and the sign-in itself.
func LocalPath(next string) string {
	const home = "/"
	if len(next) > maxPath || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsFunc(next, unsafeInPath) {
		return home
	}
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" {
		return home
	}
	// Browsers fold "/./" and "/../" before they go: "/.//host" would be "//host".
	if strings.Contains(u.Path, "//") || strings.Contains(u.Path, "\\") || strings.Contains(u.Path, "/.") {
		return home
	}
	for _, own := range []string{"/signin", "/signout", "/setup"} {
		if u.Path == own || strings.HasPrefix(u.Path, own+"/") {
			return home
		}
	}
	return next
}

// maxPath is longer than any page's filters, in bytes.
const maxPath = 2048

func unsafeInPath(r rune) bool { return r <= ' ' || r == '\\' || r == 0x7f || r == 0xfffd }

// SignInURL is where a page sends somebody who has to sign in first.
func SignInURL(next string) string {
	next = LocalPath(next)
	if next == "/" {
		return "/signin"
	}
	return "/signin?next=" + url.QueryEscape(next)
}
