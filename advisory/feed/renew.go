package feed

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
)

// Update says what to download, and where to. One process at a time may work
// in Dir.
type Update struct {
	// Dir keeps the files, so that only what changed is downloaded the next
	// time. It is made where it is missing.
	Dir string
	// Index is the file that is built of them.
	Index string
	// Ecosystems and Overlays are what is wanted; nil is all that there are.
	Ecosystems []string
	Overlays   []string
	// Mirror is where everything lies under the names that Dir has; "" is each
	// publisher's own address.
	Mirror string
	At     time.Time // now
	// HTTP makes the requests; nil is a client that follows HTTPS_PROXY.
	HTTP *http.Client
	// Wait pauses before a request is tried again; nil waits.
	Wait func(context.Context, time.Duration) error
	// Transferred and Built are told how far it is, each by one at a time.
	Transferred func(Transfer)
	Built       func(Progress)
}

// Renewal is what an update did.
type Renewal struct {
	Stats
	Files []FileRenewal `json:"files"`
	// Received counts the bytes of this run.
	Received int64 `json:"received"`
}

// FileRenewal is what became of one file.
type FileRenewal struct {
	Name   string `json:"name"`   // "osv/Debian"
	Result string `json:"result"` // unchanged, downloaded, changed records, failed
	// Records were fetched one by one, and Removed are no longer published.
	Records int    `json:"records,omitempty"`
	Removed int    `json:"removed,omitempty"`
	Error   string `json:"error,omitempty"`
}

// Results of a file.
const (
	resultUnchanged  = "unchanged"
	resultDownloaded = "downloaded"
	resultRecords    = "changed records"
	resultFailed     = "failed"
)

// The folders of Dir.
const (
	filesFolder   = "files"   // what the index is built of
	heldFolder    = "held"    // which records of an ecosystem are there, as ECOSYSTEM.csv
	partialFolder = "partial" // downloads that are not whole
	stateFile     = "state.json"
	atOnce        = 4 // files
	recordsAtOnce = 8
)

// held is what is known of a file that is there.
type held struct {
	validators
	Bytes int64 `json:"bytes"`
	// Checked is when it was last known to be what the publisher has.
	Checked time.Time `json:"checked"`
}

// updater is an update that runs.
type updater struct {
	Update
	client
	origin origin

	mu      sync.Mutex
	state   map[string]held
	renewal Renewal
	errs    []error
}

// Renew downloads what changed and builds the index anew. When a file does not
// come, the one of before stays, the index is built with it, and the error
// says so; the index then tells how old each part is.
func Renew(ctx context.Context, u Update) (Renewal, error) {
	up, err := newUpdater(u)
	if err != nil {
		return Renewal{}, err
	}
	if err := up.download(ctx); err != nil {
		return up.renewal, err
	}
	src := Sources{Dir: filepath.Join(u.Dir, filesFolder), At: u.At, Known: up.known(), Progress: u.Built}
	stats, err := Build(ctx, src, u.Index)
	up.renewal.Stats = stats
	if azward.KindOf(err) == azward.KindBadInput {
		// A file was damaged where it lies: it must come again.
		clear(up.state)
		err = errors.Join(err, up.save())
	}
	if err != nil {
		return up.renewal, err
	}
	return up.renewal, up.failures()
}

func newUpdater(u Update) (*updater, error) {
	up := &updater{Update: u, state: map[string]held{}}
	var err error
	if up.origin, err = newOrigin(u.Mirror); err != nil {
		return nil, err
	}
	if up.Ecosystems == nil {
		up.Ecosystems = Ecosystems()
	}
	if up.Overlays == nil {
		up.Overlays = Overlays()
	}
	for _, e := range up.Ecosystems {
		if err := checkEcosystem(e); err != nil {
			return nil, err
		}
	}
	up.client = client{http: u.HTTP, wait: u.Wait, meter: &meter{told: u.Transferred}}
	if up.client.http == nil {
		up.client.http = newClient()
	}
	if up.wait == nil {
		up.wait = pause
	}
	for _, folder := range []string{filesFolder, heldFolder, partialFolder} {
		if err := os.MkdirAll(filepath.Join(u.Dir, folder), 0o700); err != nil {
			return nil, cannotWrite(u.Dir, err)
		}
	}
	if err := up.tidy(); err != nil {
		return nil, cannotWrite(u.Dir, err)
	}
	if err := readJSON(filepath.Join(u.Dir, stateFile), &up.state); err != nil && !errors.Is(err, os.ErrNotExist) {
		clear(up.state) // unreadable: everything is asked for again
	}
	return up, nil
}

// tidy removes what an update that was killed had begun to write.
func (u *updater) tidy() error {
	index := filepath.Base(u.Index)
	for folder, prefix := range map[string]string{filepath.Dir(u.Index): index, u.Dir: "", filepath.Join(u.Dir, heldFolder): ""} {
		list, err := os.ReadDir(folder)
		if err != nil {
			return err
		}
		for _, f := range list {
			if name := f.Name(); strings.HasPrefix(name, prefix) && strings.Contains(name, strings.TrimSuffix(newSuffix, "*")) {
				if err := remove(filepath.Join(folder, name)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// newClient makes no connection without encryption of one with.
func newClient() *http.Client {
	c := &http.Client{CheckRedirect: func(req *http.Request, via []*http.Request) error {
		if len(via) >= 10 {
			return errors.New("it redirects more than ten times")
		}
		if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
			return errors.New("it redirects to an address without encryption")
		}
		return nil
	}}
	if t, ok := http.DefaultTransport.(*http.Transport); ok { // it has the proxy of the environment
		own := t.Clone()
		own.ResponseHeaderTimeout = idleLimit
		own.MaxIdleConnsPerHost = recordsAtOnce
		c.Transport = own
	}
	return c
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// download gets everything that is wanted. Its error is that nothing came, or
// that it was interrupted.
func (u *updater) download(ctx context.Context) error {
	type job struct {
		name string
		run  func() (FileRenewal, error)
	}
	var jobs []job
	for _, e := range u.Ecosystems {
		jobs = append(jobs, job{path.Join("osv", e), func() (FileRenewal, error) { return u.ecosystem(ctx, e) }})
	}
	for _, folder := range u.Overlays {
		jobs = append(jobs, job{folder, func() (FileRenewal, error) { return u.overlay(ctx, folder) }})
	}
	u.meter.want(len(jobs))
	var all errgroup.Group
	all.SetLimit(atOnce)
	for _, j := range jobs {
		all.Go(func() error {
			if ctx.Err() != nil {
				return nil
			}
			result, err := j.run()
			result.Name = j.name
			u.meter.done(j.name)
			u.mu.Lock()
			defer u.mu.Unlock()
			if err != nil {
				result.Result, result.Error = resultFailed, err.Error()
				u.errs = append(u.errs, err)
			}
			u.renewal.Files = append(u.renewal.Files, result)
			return nil
		})
	}
	_ = all.Wait() // every error is in errs
	u.client.http.CloseIdleConnections()
	slices.SortFunc(u.renewal.Files, func(a, b FileRenewal) int { return strings.Compare(a.Name, b.Name) })
	u.renewal.Received = u.meter.received()
	switch {
	case ctx.Err() != nil:
		return interrupted(ctx)
	case len(u.errs) == len(jobs):
		return u.failures()
	}
	return nil
}

// failures is one error of all files that did not come: the first tells why,
// the others follow by name.
func (u *updater) failures() error {
	if len(u.errs) == 0 {
		return nil
	}
	var names []string
	for _, f := range u.renewal.Files {
		if f.Result == resultFailed {
			names = append(names, f.Name)
		}
	}
	e := azward.Error{Kind: azward.KindOf(u.errs[0]), Op: "update advisories", Err: errors.Join(u.errs...)}
	var first *azward.Error
	if errors.As(u.errs[0], &first) {
		e.Remedy = first.Remedy
	}
	e.Cause = fmt.Sprintf("%d of %d parts did not come (%s): %s", len(names), len(u.renewal.Files), strings.Join(names, ", "), u.errs[0])
	return &e
}

// overlay renews one that is a single file.
func (u *updater) overlay(ctx context.Context, folder string) (FileRenewal, error) {
	r, err := u.origin.overlay(folder)
	if err != nil {
		return FileRenewal{}, err
	}
	changed, err := u.file(ctx, r, nil)
	if changed {
		return FileRenewal{Result: resultDownloaded}, err
	}
	return FileRenewal{Result: resultUnchanged}, err
}

// file renews one file of the folder. Before it takes the place of the old
// one, it is read as far as shows that it is what it should be, and before is
// called.
func (u *updater) file(ctx context.Context, r remote, before func() error) (changed bool, err error) {
	final := filepath.Join(u.Dir, filesFolder, filepath.FromSlash(r.name))
	if path.Base(r.name) == listFile {
		final = filepath.Join(u.Dir, heldFolder, filepath.FromSlash(r.name))
	}
	part := filepath.Join(u.Dir, partialFolder, filepath.FromSlash(r.name))
	u.mu.Lock()
	have := u.state[r.name]
	u.mu.Unlock()
	if have.URL != r.url || sizeOf(final) != have.Bytes {
		have = held{}
	}
	got, err := u.fetch(ctx, r, have.validators, part)
	if err != nil {
		return false, err
	}
	if !got.changed {
		have.Checked = u.At
		return false, u.keepState(r.name, have)
	}
	if err := inspect(part, r); err != nil {
		return false, errors.Join(notIt(r, err), dropPartial(part))
	}
	if before != nil {
		if err := before(); err != nil {
			return false, cannotWrite(final, err)
		}
	}
	err = os.MkdirAll(filepath.Dir(final), 0o700)
	if err == nil {
		err = os.Rename(part, final)
	}
	if err = errors.Join(err, dropPartial(part)); err != nil {
		return false, cannotWrite(final, err)
	}
	return true, u.keepState(r.name, held{validators: got.validators, Bytes: got.bytes, Checked: u.At})
}

func notIt(r remote, err error) error {
	return &azward.Error{
		Kind: azward.KindBadInput, Op: "download", Subject: r.url, Cause: "what came is not the file: " + err.Error(), Err: err,
		Remedy: "open the address in a browser: a proxy's or an error page may be in its place; the file of before stays",
	}
}

// inspect makes sure that a file is of its kind.
func inspect(file string, r remote) (err error) {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	switch kind := overlayOf(r.name); {
	case path.Ext(r.name) == ".zip":
		archive, err := openZip(f, info.Size())
		if err == nil && !slices.ContainsFunc(archive.File, func(f *zip.File) bool { return strings.HasSuffix(f.Name, ".json") }) {
			err = errors.New("the archive has no record")
		}
		return err
	case kind != noOverlay:
		b := builder{Sources: Sources{At: time.Now()}, w: advisory.NewWriter(io.Discard, time.Now())}
		_, err = b.overlayFile(kind, f, r.name)
		return err
	}
	return nil
}

func (u *updater) keepState(name string, h held) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.state[name] = h
	return u.save()
}

func (u *updater) save() error {
	file := filepath.Join(u.Dir, stateFile)
	if err := writeJSON(file, u.state); err != nil {
		return cannotWrite(file, err)
	}
	return nil
}

// known is what the index will say of its sources.
func (u *updater) known() map[string]advisory.Source {
	known := map[string]advisory.Source{}
	for name, h := range u.state {
		s := advisory.Source{Downloaded: h.Checked.UTC()}
		if at, err := http.ParseTime(h.LastModified); err == nil {
			s.Modified = at.UTC()
		}
		known[name] = s
	}
	return known
}
