package main

import (
	"cmp"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/hardening"
	"github.com/azward/azward/registry"
	"github.com/azward/azward/report"
)

// hardened is an image under the name it is reported by, judged by the profile.
type hardened struct {
	name   string
	image  *registry.Image
	report hardening.Report
	at     time.Time
}

func hardenedAs(name string, i *registry.Image, index *advisory.Index, at time.Time) hardened {
	return hardened{name, i, harden(i, index, at), at}
}

// secretControl begins the IDs of the controls about secrets, of which each
// secret is told by itself.
const secretControl = "secret-"

// weaknesses are the controls that are not met and the secrets, one a place.
func (h hardened) weaknesses() iter.Seq[report.Weakness] {
	return func(yield func(report.Weakness) bool) {
		if h.image.Read().Facts == nil {
			return // nothing but packages was read: unknowns tells
		}
		one := report.Weakness{
			Profile: h.report.Profile + " " + h.report.Version, Image: h.name, Digest: h.image.Digest, Platform: h.image.Platform,
		}
		rules := map[string]hardening.Control{}
		for _, r := range h.report.Results {
			if rules[r.ID] = r.Control; !r.Failed() || strings.HasPrefix(r.ID, secretControl) {
				continue
			}
			x := one
			x.Rule, x.Severity, x.Title, x.Reason, x.Why, x.Fix, x.URL = r.ID, r.Severity, r.Title, r.Reason, r.Why, r.Fix, reference(r.Control)
			if !yield(x) {
				return
			}
		}
		for _, s := range h.image.Read().Secrets {
			for _, p := range s.Places {
				if !yield(h.secret(one, s, p, rules)) {
					return
				}
			}
		}
	}
}

// secret is a secret at one of its places; one that has expired is a note.
func (h hardened) secret(x report.Weakness, s hardening.Secret, p hardening.Place, rules map[string]hardening.Control) report.Weakness {
	control := rules[secretControl+"in-configuration"]
	if p.In == hardening.InFile {
		control = rules[secretControl+"in-file"]
		x.Place, x.Line = p.Path, p.Line
	}
	x.Secret, x.Rule, x.Severity, x.Layer = true, string(s.Kind), control.Severity, p.Layer
	x.Title, x.Why, x.Fix, x.URL = control.Title, control.Why, control.Fix, reference(control)
	x.Reason = secretText(s) + " in " + p.String()
	x.Key = strings.Join([]string{p.In, p.Name, cmp.Or(s.Fingerprint, s.Name)}, " ")
	if s.Expired(h.at) {
		x.Severity = azward.SeverityLow
	}
	return x
}

func reference(c hardening.Control) string {
	for _, r := range c.References {
		return r.URL
	}
	return ""
}

// secretText says what a secret is, without its value.
func secretText(s hardening.Secret) string {
	text := fmt.Sprintf("%s %s (%d bytes", s.Kind, s.Redacted, s.Length)
	if s.Fingerprint != "" {
		text += ", sha256 " + s.Fingerprint
	}
	if !s.Expires.IsZero() {
		text += ", until " + s.Expires.Format(time.DateOnly)
	}
	return text + ")"
}

// unknowns are the controls whose answer is not known: no result, and not met
// either.
func (h hardened) unknowns() []azward.Gap {
	scope := azward.ResourceID(h.name)
	if h.image.Read().Facts == nil {
		return []azward.Gap{{Scope: scope, Kind: azward.GapNotRead, Reads: "hardening and secrets", Error: "nothing but packages was read"}}
	}
	var gaps []azward.Gap
	for _, r := range h.report.Open() {
		gaps = append(gaps, azward.Gap{Scope: scope, Kind: azward.GapNotRead, Reads: "hardening control " + r.ID, Error: r.Reason})
	}
	return gaps
}
