package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/hardening"
	"github.com/azward/azward/image"
	"github.com/azward/azward/policy"
	"github.com/azward/azward/registry"
	"github.com/azward/azward/store"
)

// weakSpots are what weakens an image besides its vulnerabilities, as lists of
// images show it.
type weakSpots struct {
	Profile string           `json:"profile"`
	Version string           `json:"version"`
	Counts  hardening.Counts `json:"counts"`
	// Failed and Unknown controls that count.
	Failed  []spot `json:"failed"`
	Unknown []spot `json:"unknown"`
	// Live counts the secrets that do not say that they are expired.
	Live    int                `json:"liveSecrets"`
	Secrets []hardening.Secret `json:"secrets"`
}

// spot is a control that is not met, or unknown, with the reason.
type spot struct {
	ID       string          `json:"id"`
	Severity azward.Severity `json:"severity"`
	Reason   string          `json:"reason"`
}

func spots(list []hardening.Result) []spot {
	out := make([]spot, 0, len(list))
	for _, x := range list {
		out = append(out, spot{x.ID, x.Severity, x.Reason})
	}
	return out
}

func newWeakSpots(r hardening.Report, secrets []hardening.Secret, at time.Time) weakSpots {
	return weakSpots{
		Profile: r.Profile, Version: r.Version, Counts: r.Counts, Failed: spots(r.Failed()), Unknown: spots(r.Open()),
		Live: len(hardening.Live(secrets, at)), Secrets: append([]hardening.Secret{}, secrets...),
	}
}

func counted(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// harden judges an image by the profile, with the end-of-life dates that the
// index has.
func harden(i *registry.Image, index *advisory.Index, at time.Time) hardening.Report {
	img := i.Read()
	s := hardening.Subject{
		Scope: img.Scope(), Facts: img.Facts, Secrets: img.Secrets, User: img.Config.User, Ports: img.Config.ExposedPorts, Created: i.Created,
		Attached: i.Attached, AskedAttached: i.AskedAttached, At: at,
	}
	for _, l := range img.Layers {
		s.Layers = append(s.Layers, hardening.Layer{Digest: l.Digest, CreatedBy: l.CreatedBy})
	}
	if i.Base != nil {
		s.Base = i.Base.Reference
	}
	if img.OS.ID != "" {
		s.Release = strings.TrimSpace(img.OS.ID + " " + img.OS.Version)
		s.Ended, s.EndOfLife = ended(index, img.OS.ID, img.OS.Version, at)
	}
	return hardening.Evaluate(s)
}

// rest asks what is attached to the image itself where the index that names it
// was asked about.
func (f *attached) rest(ctx context.Context, img *image.Image) error {
	if img.Index == "" {
		return nil
	}
	list, err := f.registry.Referrers(ctx, f.repository, img.Digest)
	f.all = append(f.all, list...)
	return err
}

// kinds names what is attached to an image or to the index that names it, as a
// scan of the registry keeps it.
func (f *attached) kinds(img *image.Image) *[]string {
	kinds := []string{}
	for _, a := range f.all {
		kind := cmp.Or(a.PredicateType, a.ArtifactType)
		switch {
		case a.Subject != img.Digest && a.Subject != img.Index:
			continue
		case a.IsSignature():
			kind = store.AttachedSignature
		case a.IsSBOM():
			kind = store.AttachedSBOM
		}
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return &kinds
}

// products are endoflife.date's names of distributions where these differ from
// os-release's.
//
// Source: https://endoflife.date/api/v1/products
var products = map[string]string{
	"alpine": "alpine-linux", "azurelinux": "azure-linux", "rocky": "rocky-linux", "amzn": "amazon-linux", "ol": "oracle-linux",
	"opensuse-leap": "opensuse", "mariner": "azure-linux",
}

// ended says whether a release gets no more security fixes.
func ended(index *advisory.Index, id, version string, at time.Time) (azward.Answer, time.Time) {
	if version == "" {
		return azward.Unknown, time.Time{}
	}
	for _, product := range []string{products[id], id} {
		if product == "" {
			continue
		}
		l, known := index.Lifecycle(product, version)
		switch {
		case !known:
			continue
		case l.EndOfLife.IsZero():
			return l.Ended, l.EndOfLife
		case at.Before(l.EndOfLife):
			return azward.No, l.EndOfLife
		}
		return azward.Yes, l.EndOfLife
	}
	return azward.Unknown, time.Time{}
}

// lifecycle tells of distributions' ends what the advisory index knows. Without
// an index nothing is known of them, and a rule that asks is unknown.
func (a *app) lifecycle(at time.Time) (known policy.Lifecycle, closeIndex func()) {
	index, err := a.advisories()
	if err != nil {
		if azward.KindOf(err) != azward.KindNotFound {
			a.progress.clear()
			_, _ = fmt.Fprintf(a.stderr, "which distributions have ended is not known: %v\n", err)
		}
		return nil, func() {}
	}
	known = func(distribution, version string) (azward.Answer, time.Time) {
		return ended(index, distribution, version, at)
	}
	return known, func() { _ = index.Close() }
}

// Bounds of what one image's table shows; JSON has all.
const (
	maxControlsShown = 10
	maxSecretsShown  = 5
)

// hardened writes the controls that are not met and the secrets.
func (r *imageReport) hardened(w io.Writer) error {
	if r.Facts == nil {
		_, err := fmt.Fprintln(w, "\nhardening: not known: nothing but packages was read")
		return err
	}
	c := r.Hardening.Counts
	if _, err := fmt.Fprintf(w, "\nhardening: %d met, %d not met, %d unknown, %d for information only\n", c.Pass, c.Fail, c.Unknown, c.Info); err != nil {
		return err
	}
	failed := r.Hardening.Failed()
	for _, x := range failed[:min(len(failed), maxControlsShown)] {
		if _, err := fmt.Fprintf(w, "  %-7s not met: %s: %s\n", x.Severity, x.Title, x.Reason); err != nil {
			return err
		}
	}
	if len(failed) > 0 {
		more := ""
		if n := len(failed) - maxControlsShown; n > 0 {
			more = fmt.Sprintf("and %d more; ", n)
		}
		if _, err := fmt.Fprintf(w, "  %swhy, and how to mend each: --output json\n", more); err != nil {
			return err
		}
	}
	open := r.Hardening.Open()
	for _, x := range open[:min(len(open), maxControlsShown)] {
		if _, err := fmt.Fprintf(w, "  %-7s unknown: %s: %s\n", x.Severity, x.ID, x.Reason); err != nil {
			return err
		}
	}
	return r.leaked(w)
}

// leaked lists the secrets with their first place.
func (r *imageReport) leaked(w io.Writer) error {
	if len(r.Secrets) == 0 {
		return nil
	}
	if _, err := fmt.Fprintf(w, "\n%s, redacted:\n", counted(len(r.Secrets), "secret")); err != nil {
		return err
	}
	for n, s := range r.Secrets {
		if n == maxSecretsShown {
			_, err := fmt.Fprintf(w, "  and %d more: --output json\n", len(r.Secrets)-n)
			return err
		}
		text := "  " + secretText(s) + " in " + s.Places[0].String()
		if more := len(s.Places) - 1; more > 0 {
			text += fmt.Sprintf(" and %d more places", more)
		}
		if _, err := fmt.Fprintln(w, text); err != nil {
			return err
		}
	}
	return nil
}

// Words of --fail-on about what is no vulnerability.
const (
	onSecret           = "secret"
	onMisconfiguration = "misconfiguration"
)

// judgeWeak gives the error of the gate's words about secrets and
// misconfiguration. What is unknown leaves the gate undecided.
func (g *findingGate) judgeWeak(images []*registry.Image, index *advisory.Index, at time.Time) error {
	for _, on := range []string{onSecret, onMisconfiguration} {
		if !slices.Contains(g.on, on) {
			continue
		}
		met, unknown := []string{}, []string{}
		for _, i := range images {
			r := harden(i, index, at)
			if failed := asked(r.Failed(), on); len(failed) > 0 {
				met = append(met, i.Name()+" ("+strings.Join(failed, ", ")+")")
			}
			if open := asked(r.Open(), on); len(open) > 0 {
				unknown = append(unknown, i.Name()+" ("+strings.Join(open, ", ")+")")
			}
		}
		switch {
		case len(met) > 0:
			return &azward.Error{Kind: azward.KindFailOn, Op: "--fail-on " + on, Cause: "met in " + some(met)}
		case len(unknown) > 0:
			return &azward.Error{
				Kind: azward.KindUndecided, Op: "--fail-on " + on, Cause: "nothing meets it, but it is not known of " + some(unknown),
				Remedy: "--output json says why; or accept exit code 4",
			}
		}
	}
	return nil
}

// asked gives the IDs of the controls that a word of the gate is about. They
// count from medium on: nearly every distribution has setuid files.
func asked(list []hardening.Result, on string) []string {
	var ids []string
	for _, x := range list {
		secret := strings.HasPrefix(x.ID, "secret-")
		if secret != (on == onSecret) || x.Severity.Rank() < azward.Severity("medium").Rank() {
			continue
		}
		ids = append(ids, x.ID)
	}
	return ids
}
