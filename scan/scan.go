// Package scan is one run from an estate to verdicts: it reads the images that
// run, matches their packages with the advisories, and decides every finding
// in every workload. [Scan.Run] is the call; collecting the estate and saving
// the result are its caller's.
package scan

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure"
	"github.com/azward/azward/foreign"
	"github.com/azward/azward/image"
	"github.com/azward/azward/verdict"
	"github.com/azward/azward/vex"
)

// Images reads an image by the reference that a workload names.
type Images interface {
	Image(ctx context.Context, reference string) (*image.Image, error)
}

// Advisories knows what affects a package; *advisory.Index is one.
type Advisories interface {
	MatchAll(scope azward.ResourceID, pkgs []azward.Package) (advisory.Result, error)
	Match(pkg azward.Package) ([]azward.Finding, error)
	Excerpt(pkg azward.Package, record string) (json.RawMessage, error)
	// About finds a record that tells of a vulnerability in the package.
	About(pkg azward.Package, vulnerability string) (record string, err error)
	// Weigh adds what else is known of a vulnerability that others found.
	Weigh(f *azward.Finding)
}

// Scan is how to run. Advisories is required.
type Scan struct {
	// Images reads what runs; nil reads nothing, and only images that the
	// estate already holds are matched.
	Images     Images
	Advisories Advisories
	// Reports of other scanners are joined to what is found here.
	Reports []*foreign.Report
	// After is an earlier result on an estate that is nearly the same: what
	// holds of a workload in both is not decided again. Nil decides all.
	After *Result
	// Attacker is the nearest place that an attacker may start from; "" is the
	// internet. See [verdict.Subject].
	Attacker exposure.Class
	// Criticality is what tags and labels mean to the user.
	Criticality []verdict.CriticalityRule
	// Denials are what suppliers say of packages in VEX documents.
	Denials vex.Denials
	// Workers is the number of images read at once; 0 means 4.
	Workers int
	// Progress is told of each step, from many goroutines; nil is silent.
	Progress func(Progress)
}

// Progress of a scan.
type Progress struct {
	Stage       string // "images", "verdicts"
	Done, Total int
	Note        string
}

// Result of a scan.
type Result struct {
	// Estate is the one that was decided on: with the images and new gaps.
	Estate   *estate.Estate
	Subjects []verdict.Subject // in the order of Verdicts
	Verdicts []azward.Verdict  // in order of [verdict.Compare]
	Decider  *verdict.Decider
	Images   int
	Packages int
	// Kept counts the workloads whose surroundings were taken over from After.
	Kept int
	// Brought is what became of the reports, in their order.
	Brought []Brought
	// Blind are workloads whose packages nobody can see: machines, code-only
	// sites, images that could not be read.
	Blind int

	weights map[azward.ResourceKey]*verdict.Stated
}

// State says whether everything was read.
func (r *Result) State() string {
	if len(r.Estate.Gaps()) > 0 {
		return "partial"
	}
	return "complete"
}

// Documents yields the verdicts with their proofs, workload by workload, so
// that the facts of one at a time are held. An error is yielded last.
func (r *Result) Documents() iter.Seq2[verdict.Document, error] {
	return func(yield func(verdict.Document, error) bool) {
		order := make([]int, len(r.Subjects))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(r.Subjects[a].Workload, r.Subjects[b].Workload) })
		for n, i := range order {
			doc, err := r.Decider.Document(r.Subjects[i])
			if !yield(doc, err) || err != nil {
				return
			}
			if n+1 == len(order) || r.Subjects[order[n+1]].Workload != r.Subjects[i].Workload {
				r.Decider.Forget(r.Subjects[i].Workload)
			}
		}
	}
}

// use is one container that runs one image.
type use struct {
	workload  azward.ResourceID
	container string
	reference string // what to read: by digest where that is known
}

// Run scans the estate. At is the time for which the verdicts hold. Only an
// interrupted context and a damaged index are errors; what cannot be read
// becomes a gap.
func (s Scan) Run(ctx context.Context, e *estate.Estate, at time.Time) (*Result, error) {
	uses, blind := usesOf(e)
	images, gaps, err := s.images(ctx, e, uses, at)
	if err != nil {
		return nil, err
	}
	var b estate.Builder
	b.Add(e)
	for _, g := range gaps {
		if s.Images != nil || !slices.ContainsFunc(e.Gaps(), func(had azward.Gap) bool { return had.Scope == g.Scope && had.Reads == g.Reads }) {
			b.AddGap(g) // who reads no image adds nothing to what an earlier run said of it
		}
	}
	result := &Result{Blind: blind}
	for digest, img := range images.byDigest {
		if !img.held {
			if err := b.AddImage(digest, img.body(), estate.Provenance{Source: azward.SourceImage, ReadAt: at}); err != nil {
				return nil, fmt.Errorf("file image %s: %w", digest, err)
			}
		}
		result.Images++
		result.Packages += len(img.packages)
	}
	findings, err := s.findings(images, &b)
	if err != nil {
		return nil, err
	}
	result.Estate = b.Build()
	result.Decider = &verdict.Decider{Estate: result.Estate, At: at}
	if s.After != nil {
		result.Kept, _ = result.Decider.After(s.After.Decider)
	}
	for _, u := range uses {
		img, ok := images.byReference[u.reference]
		if !ok {
			result.Blind++
			continue
		}
		for _, f := range findings[img.digest] {
			subject := f
			subject.Workload, subject.Container, subject.Attacker = u.workload, u.container, s.Attacker
			subject.Stated = result.stated(s.Criticality, u.workload)
			result.Subjects = append(result.Subjects, subject)
		}
	}
	if err := s.bring(ctx, result, images); err != nil {
		return nil, err
	}
	if err := s.decide(ctx, result); err != nil {
		return nil, err
	}
	result.differ()
	return result, nil
}

// stated looks a workload up once.
func (r *Result) stated(rules []verdict.CriticalityRule, id azward.ResourceID) *verdict.Stated {
	if len(rules) == 0 {
		return nil
	}
	key := id.Key()
	known, ok := r.weights[key]
	if !ok {
		if w, found := r.Estate.Workload(id); found {
			known = verdict.StatedBy(rules, w)
		}
		if r.weights == nil {
			r.weights = map[azward.ResourceKey]*verdict.Stated{}
		}
		r.weights[key] = known
	}
	return known
}

// usesOf lists every container with an image, by workload; blind counts the
// workloads without any.
func usesOf(e *estate.Estate) (uses []use, blind int) {
	for _, w := range e.Workloads() {
		if len(w.Containers) == 0 {
			blind++
		}
		for _, c := range w.Containers {
			uses = append(uses, use{w.ID, c.Name, byDigest(c)})
		}
	}
	return uses, blind
}

// byDigest names a container's image by its digest where that is known.
func byDigest(c estate.Container) string {
	if c.Digest == "" {
		return c.Image
	}
	name, _, _ := strings.Cut(c.Image, "@")
	if slash := strings.LastIndexByte(name, '/'); strings.LastIndexByte(name, ':') > slash {
		name = name[:strings.LastIndexByte(name, ':')]
	}
	return name + "@" + string(c.Digest)
}

// known is one image with what the estate has to say of it.
type known struct {
	digest     azward.Digest
	name       string // "registry/repository@digest"
	references []reference
	packages   []azward.Package
	read       *image.Image
	held       bool // the estate had it already
}

type reference struct {
	Reference  string    `json:"reference"`
	ResolvedAt time.Time `json:"resolvedAt,omitzero"`
}

// vex is the image as VEX documents name it.
func (k *known) vex() vex.Image {
	return vex.Image{Reference: k.name, Digests: []azward.Digest{k.digest}}
}

// body is the image line of the estate: the image as read, and the references
// that were resolved to it.
func (k *known) body() json.RawMessage {
	slices.SortFunc(k.references, func(a, b reference) int { return cmp.Compare(a.Reference, b.Reference) })
	return azward.JSONValue(struct {
		*image.Image
		References []reference `json:"references"`
	}{k.read, k.references})
}

type imageSet struct {
	byReference map[string]*known
	byDigest    map[azward.Digest]*known
}

// images reads every distinct image once. An image that cannot be read is a
// gap and keeps no other from being read.
func (s Scan) images(ctx context.Context, e *estate.Estate, uses []use, at time.Time) (*imageSet, []azward.Gap, error) {
	set := &imageSet{byReference: map[string]*known{}, byDigest: map[azward.Digest]*known{}}
	set.hold(e)
	users := map[string][]azward.ResourceID{}
	var wanted []string
	for _, u := range uses {
		if _, ok := set.byReference[u.reference]; ok {
			continue
		}
		if users[u.reference] == nil {
			wanted = append(wanted, u.reference)
		}
		users[u.reference] = append(users[u.reference], u.workload)
	}
	var mu sync.Mutex
	var gaps []azward.Gap
	done := 0
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(cmp.Or(s.Workers, 4))
	for _, ref := range wanted {
		group.Go(func() error {
			img, err := s.read(ctx, ref)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			mu.Lock()
			defer mu.Unlock()
			done++
			if err != nil {
				gaps = append(gaps, imageGap(ref, len(users[ref]), err))
			} else {
				set.add(ref, img, at)
				gaps = append(gaps, img.Gaps...)
			}
			s.tell(Progress{Stage: "images", Done: done, Total: len(wanted), Note: ref})
			return nil
		})
	}
	return set, gaps, group.Wait()
}

func (s Scan) read(ctx context.Context, ref string) (*image.Image, error) {
	if s.Images == nil {
		return nil, errors.New("no registry is read in this run, and the estate does not hold the image")
	}
	return s.Images.Image(ctx, ref)
}

// hold files the images that the estate brings.
func (set *imageSet) hold(e *estate.Estate) {
	type record struct {
		Reference  string           `json:"reference"`
		Digest     azward.Digest    `json:"digest"`
		References []reference      `json:"references"`
		Packages   []azward.Package `json:"packages"`
	}
	for digest, r := range e.Images() {
		rec, err := estate.Decode[record](r)
		if err != nil {
			continue // then no finding follows from it, and its users are read or are gaps
		}
		k := &known{digest: digest, packages: rec.Packages, references: rec.References, held: true}
		for _, ref := range append(rec.References, reference{Reference: rec.Reference}) {
			if ref.Reference != "" {
				k.name = nameOf(ref.Reference, digest)
				set.byReference[ref.Reference] = k
				set.byReference[k.name] = k
			}
		}
		set.byDigest[digest] = k
	}
}

func (set *imageSet) add(ref string, img *image.Image, at time.Time) {
	k, ok := set.byDigest[img.Digest]
	if !ok || k.held {
		k = &known{digest: img.Digest, name: string(img.Scope()), packages: img.Packages, read: img}
		set.byDigest[img.Digest] = k
	}
	k.references = append(k.references, reference{ref, at.UTC()})
	set.byReference[ref] = k
}

func nameOf(ref string, digest azward.Digest) string {
	name, _, _ := strings.Cut(ref, "@")
	if slash := strings.LastIndexByte(name, '/'); strings.LastIndexByte(name, ':') > slash {
		name = name[:strings.LastIndexByte(name, ':')]
	}
	return name + "@" + string(digest)
}

func imageGap(ref string, users int, err error) azward.Gap {
	g := azward.Gap{
		Scope: azward.ResourceID(ref), Kind: azward.GapFailed, Reads: "the image's packages", Needs: "the right to pull the image",
		Error: fmt.Sprintf("%v; %d containers run it and their vulnerabilities are not known", err, users),
	}
	var own *azward.Error
	if errors.As(err, &own) {
		g.Error = fmt.Sprintf("%s; %d containers run it and their vulnerabilities are not known", own.Cause, users)
		g.Remedy = own.Remedy
		switch own.Kind {
		case azward.KindSignIn, azward.KindRole:
			g.Kind = azward.GapDenied
		case azward.KindUnavailable:
			g.Kind = azward.GapUnreachable
		case azward.KindBadInput:
			g.Kind = azward.GapUnparsed
		case azward.KindThrottled:
			g.Kind = azward.GapThrottled
		}
	}
	return g
}

// findings matches every image's packages, each image once, and adds what
// could not be matched as gaps.
func (s Scan) findings(images *imageSet, b *estate.Builder) (map[azward.Digest][]verdict.Subject, error) {
	found := make(map[azward.Digest][]verdict.Subject, len(images.byDigest))
	for digest, img := range images.byDigest {
		all, err := s.Advisories.MatchAll(azward.ResourceID(img.name), img.packages)
		if err != nil {
			return nil, err
		}
		for _, g := range all.Gaps {
			b.AddGap(g)
		}
		for _, p := range img.packages {
			matched, err := s.Advisories.Match(p)
			if err != nil {
				return nil, err
			}
			for _, f := range matched {
				record, err := s.Advisories.Excerpt(p, f.Record)
				if err != nil {
					return nil, err
				}
				subject := verdict.Subject{Image: img.name, Digest: digest, Package: p, Finding: f, Record: record}
				if denial, ok := s.Denials.Of(img.vex(), p, f); ok {
					subject.Denied = &verdict.Denial{Reason: denial.Reason, Document: denial.Document}
				}
				found[digest] = append(found[digest], subject)
			}
		}
	}
	return found, nil
}

// decide fills in the verdicts and puts them in order.
func (s Scan) decide(ctx context.Context, r *Result) error {
	type decided struct {
		subject verdict.Subject
		verdict azward.Verdict
	}
	all := make([]decided, 0, len(r.Subjects))
	seen := make(map[azward.VerdictID]bool, len(r.Subjects))
	for i, subject := range r.Subjects {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		v := r.Decider.Decide(subject)
		if !seen[v.ID] { // the same package in two places of one image is one verdict
			seen[v.ID] = true
			all = append(all, decided{subject, v})
		}
		if i%256 == 0 || i == len(r.Subjects)-1 {
			s.tell(Progress{Stage: "verdicts", Done: i + 1, Total: len(r.Subjects)})
		}
	}
	slices.SortFunc(all, func(a, b decided) int { return verdict.Compare(a.verdict, b.verdict) })
	r.Subjects, r.Verdicts = r.Subjects[:0], make([]azward.Verdict, 0, len(all))
	for _, d := range all {
		r.Subjects = append(r.Subjects, d.subject)
		r.Verdicts = append(r.Verdicts, d.verdict)
	}
	return nil
}

func (s Scan) tell(p Progress) {
	if s.Progress != nil {
		s.Progress(p)
	}
}
