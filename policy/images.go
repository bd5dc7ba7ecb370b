package policy

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/hardening"
)

// ImageType is the type of rules about the images that run. Each is judged once
// for every container that runs it, as CONTAINER below the workload's ID, so
// that the result is ranked, and suppressed, with the workload.
const ImageType = "Image"

// Lifecycle tells whether a release of a distribution ("debian", "12") gets no
// more security fixes at the time of the evaluation, and the day on which they
// end; the zero time where no day is known.
type Lifecycle func(distribution, version string) (ended azward.Answer, last time.Time)

// imageRecord is the part of an image line that is judged.
type imageRecord struct {
	Reference string        `json:"reference"`
	Digest    azward.Digest `json:"digest"`
	Index     azward.Digest `json:"index"`
	OS        struct {
		ID      string `json:"id"`
		Version string `json:"version"`
	} `json:"os"`
	Created string `json:"created"`
	Layers  []struct {
		Digest    azward.Digest `json:"digest"`
		CreatedBy string        `json:"createdBy"`
	} `json:"layers"`
	Config struct {
		User         string   `json:"user"`
		ExposedPorts []string `json:"exposedPorts"`
	} `json:"config"`
	Facts      *hardening.Facts   `json:"facts"`
	Secrets    []hardening.Secret `json:"secrets"`
	References []struct {
		Reference string `json:"reference"`
	} `json:"references"`
}

// scope names the image in evidence: "registry/repository@digest".
func (i *imageRecord) scope() azward.ResourceID {
	return azward.ResourceID(pinned(i.Reference, i.Digest))
}

// pinned is a reference with the digest in place of its tag.
func pinned(reference string, digest azward.Digest) string {
	if digest == "" {
		return reference
	}
	name, _, _ := strings.Cut(reference, "@")
	if slash := strings.LastIndexByte(name, '/'); strings.LastIndexByte(name, ':') > slash {
		name = name[:strings.LastIndexByte(name, ':')]
	}
	return name + "@" + string(digest)
}

// imageUse is one container of one workload.
type imageUse struct {
	as    *estate.Resource
	image string // the reference that it names, by digest where that is known
	why   string // no container is known, and why
}

// images evaluates rules about images: each record is decoded once, for all
// containers that run it, and held no longer.
func (c *Checker) images(rules []*Rule, yield func(Result) bool) bool {
	if len(rules) == 0 {
		return true
	}
	records := c.imageRecords()
	runs, blind := map[*estate.Resource][]imageUse{}, []imageUse{}
	for _, w := range c.estate.Workloads() {
		if w.Running == azward.No {
			continue
		}
		for _, u := range usesOf(&w) {
			if r := records[u.image]; r != nil && u.why == "" {
				runs[r] = append(runs[r], u)
			} else {
				blind = append(blind, u)
			}
		}
	}
	byDigest := func(a, b *estate.Resource) int { return cmp.Compare(a.ID, b.ID) }
	for _, r := range slices.SortedFunc(maps.Keys(runs), byDigest) {
		root, err := c.imageDocument(r)
		for _, u := range runs[r] {
			for _, rule := range rules {
				if err != nil {
					if !yield(Result{Rule: rule, Resource: u.as, Reason: "the record of its image is not understood: " + err.Error()}) {
						return false
					}
					continue
				}
				root.as = u.as
				if !c.one(rule, root, yield) {
					return false
				}
			}
		}
	}
	failed := map[azward.ResourceID]string{}
	for _, g := range c.estate.Gaps() {
		failed[g.Scope] = g.Error
	}
	for _, u := range blind {
		root := c.unreadImage(u, failed[azward.ResourceID(u.image)])
		for _, rule := range rules {
			if !c.one(rule, root, yield) {
				return false
			}
		}
	}
	return true
}

// usesOf are the images that a workload runs. One of which not even that is
// known has one use that says why.
func usesOf(w *estate.Workload) []imageUse {
	var uses []imageUse
	seen := map[string]bool{}
	for _, container := range w.Containers {
		name := container.Name
		if seen[name] { // two images during a rollout
			name += "@" + cmp.Or(string(container.Digest), strings.ReplaceAll(container.Image, "/", "_"))
		}
		if seen[name] {
			continue
		}
		seen[name] = true
		uses = append(uses, imageUse{as: containerOf(w.Resource, name), image: pinned(container.Image, container.Digest)})
	}
	if len(uses) > 0 {
		return uses
	}
	// A machine, and a site of code alone, runs no image. Of a site whose
	// configuration was not read that is not known.
	at := slices.IndexFunc(w.Gaps, func(g azward.Gap) bool {
		return g.Kind == azward.GapUnparsed || strings.HasPrefix(g.Reads, "/properties/siteConfig")
	})
	if at < 0 {
		return nil
	}
	return []imageUse{{as: containerOf(w.Resource, "unknown"), why: w.Gaps[at].Error}}
}

// containerOf stands for one container of a workload.
func containerOf(r *estate.Resource, name string) *estate.Resource {
	return &estate.Resource{
		ID: r.ID.Child("containers", name), Type: ImageType, Name: name, Cluster: "", Namespace: r.Namespace, Provenance: r.Provenance,
	}
}

// imageRecords are the estate's image lines by every name that a container may
// have for one.
func (c *Checker) imageRecords() map[string]*estate.Resource {
	records := map[string]*estate.Resource{}
	for digest, r := range c.estate.Images() {
		rec, err := estate.Decode[imageRecord](r)
		if err != nil {
			records[string(digest)] = r
			continue
		}
		names := []string{rec.Reference}
		for _, ref := range rec.References {
			names = append(names, ref.Reference)
		}
		for _, name := range names {
			if name == "" {
				continue
			}
			records[name] = r
			records[pinned(name, digest)] = r
			if rec.Index != "" {
				records[pinned(name, rec.Index)] = r
			}
		}
	}
	return records
}

// Members of an image's document beside those of its record.
const (
	memberHardening = "hardening"
	memberMet       = "met"
)

// control is what the document of an image says of one control of [hardening].
type control struct {
	Met      *bool           `json:"met,omitempty"` // left out where it is not known
	Reason   string          `json:"reason"`
	Severity azward.Severity `json:"severity,omitempty"`
}

const imageUnread = "the image was read without its configuration and files: scan it again"

// imageDocument is an image's record with the answer to each control of
// [hardening] under "hardening".
func (c *Checker) imageDocument(r *estate.Resource) (*object, error) {
	rec, err := estate.Decode[imageRecord](r)
	if err != nil {
		return nil, err
	}
	results := c.harden(rec).Results
	controls, proof := map[string]control{}, map[string][]azward.Evidence{}
	for _, x := range results {
		one := control{Reason: x.Reason, Severity: x.Severity}
		if met := x.Met == azward.Yes; x.Met != azward.Unknown {
			one.Met = &met
		}
		controls[x.ID], proof[x.ID] = one, x.Evidence
	}
	// The record is an object in compact form.
	body := json.RawMessage(strings.TrimSuffix(string(r.Body), "}") + `,"` + memberHardening + `":` + string(azward.JSONValue(controls)) + "}")
	of := &estate.Resource{ID: rec.scope(), Type: r.Type, Name: r.Name, Body: r.Body, Provenance: r.Provenance}
	d := &document{resource: of, run: &c.run, image: proof}
	if rec.Facts == nil {
		d.unread = imageUnread
	}
	if err := d.read(body); err != nil {
		return nil, err
	}
	return d.root, nil
}

// unreadImage stands for an image of which nothing is known.
func (c *Checker) unreadImage(u imageUse, failed string) *object {
	why := cmp.Or(u.why, failed, "the image was not scanned")
	r := &estate.Resource{ID: azward.ResourceID(cmp.Or(u.image, string(u.as.ID))), Type: "image", Body: json.RawMessage("{}"), Provenance: u.as.Provenance}
	d := &document{resource: r, run: &c.run, unread: why, image: map[string][]azward.Evidence{}}
	d.root = &object{place: place{doc: d}, as: u.as}
	return d.root
}

// harden judges an image by the profile of hardening.
func (c *Checker) harden(i *imageRecord) hardening.Report {
	s := hardening.Subject{
		Scope: i.scope(), Facts: i.Facts, Secrets: i.Secrets, User: i.Config.User, Ports: i.Config.ExposedPorts, At: c.run.now,
	}
	if at, err := time.Parse(time.RFC3339, i.Created); err == nil {
		s.Created = at
	}
	for _, l := range i.Layers {
		s.Layers = append(s.Layers, hardening.Layer{Digest: l.Digest, CreatedBy: l.CreatedBy})
	}
	if i.OS.ID != "" {
		s.Release, s.Ended = strings.TrimSpace(i.OS.ID+" "+i.OS.Version), azward.Unknown
		if c.Lifecycle != nil && i.OS.Version != "" {
			s.Ended, s.EndOfLife = c.Lifecycle(i.OS.ID, i.OS.Version)
		}
	}
	return hardening.Evaluate(s)
}

// judged is a member of a control, which is proved by what the control found,
// and not by the document: no record holds it.
func (o *object) judged() (id string, is bool) {
	if o.doc.image == nil || o.up == nil || o.up.up == nil || o.up.up.up != nil || o.up.name != memberHardening {
		return "", false
	}
	return o.name, true
}

// undecided says why the answer of a control is not known.
func (o *object) undecided(key string) string {
	if _, is := o.judged(); !is || key != memberMet {
		return ""
	}
	if at := o.find("reason"); at >= 0 {
		if why, ok := o.at(at).(types.String); ok {
			return string(why)
		}
	}
	return imageUnread
}

// prove adds what a control found.
func (o *object) prove(r *run, key string, v ref.Val) {
	if id, is := o.judged(); is && key == memberMet && v != types.NullValue {
		r.proof = append(r.proof, o.doc.image[id][:min(len(o.doc.image[id]), maxReads)]...)
	}
}

// derived reports a read of what is computed from the record.
func (r *read) derived() bool {
	if r.at.doc.image == nil {
		return false
	}
	for at := r.at; at.up != nil; at = at.up {
		if at.up.up == nil && at.name == memberHardening {
			return true
		}
	}
	return r.at.up == nil && r.name == memberHardening
}

// imageCase files an image and a workload that runs it, whose container is
// judged.
func imageCase(b *estate.Builder, record map[string]any, read bool, at time.Time) (azward.ResourceID, error) {
	const reference = "contoso.azurecr.io/example"
	digest := azward.Digest("sha256:" + strings.Repeat("a", 64))
	from := estate.Provenance{Source: azward.SourceImage, ReadAt: at}
	if read {
		setDefault(record, "reference", reference+":1.4")
		setDefault(record, "digest", digest)
		delete(record, "type")
		delete(record, caseEnd)
		if err := b.AddImage(digest, azward.JSONValue(record), from); err != nil {
			return "", err
		}
	}
	return addCaseWorkload(b, pinned(reference, digest), at)
}

func addCaseWorkload(b *estate.Builder, image string, at time.Time) (azward.ResourceID, error) {
	id, err := addKubernetesCase(b, map[string]any{
		"metadata": map[string]any{"name": "example"},
		"spec":     map[string]any{"containers": []any{map[string]any{"name": "example", "image": image}}},
		"status":   map[string]any{"phase": "Running"},
	}, "Pod", at)
	return id.Child("containers", "example"), err
}

// caseEnd is the member of a case's image that tells the last day of its
// distribution's security fixes.
const caseEnd = "end_of_life"

// caseLifecycle knows one distribution's end, which the case tells.
func caseLifecycle(c *Case, now time.Time) Lifecycle {
	text, _ := c.Resource[caseEnd].(string)
	last, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return nil
	}
	ended := azward.No
	if now.After(last) {
		ended = azward.Yes
	}
	return func(string, string) (azward.Answer, time.Time) { return ended, last }
}
