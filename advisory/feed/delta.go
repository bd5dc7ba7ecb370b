package feed

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
)

// Few changes are fetched record by record: as many as take no longer than the
// export. With eight requests at once a record takes as long as some 64 KB of
// an export.
const (
	bytesPerRecord = 64 << 10
	alwaysFew      = 10
	neverMore      = 2000
)

// recordID is what an ID may be made of, since it becomes a file's name.
var recordID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9:._+-]{0,127}$`)

// versions are the records of an ecosystem, each with when it was modified.
type versions map[string]time.Time

// ecosystem brings an ecosystem up to date: by the list of its records it
// learns which changed, and fetches those, or the whole export when there are
// many. Records are compared with what is there, not with a date of the last
// time, so that whatever was interrupted before is made good.
func (u *updater) ecosystem(ctx context.Context, name string) (FileRenewal, error) {
	list := u.origin.osv(name, listFile, maxList)
	export := u.origin.osv(name, exportFile, maxExport)
	if _, err := u.file(ctx, list, nil); err != nil {
		return FileRenewal{}, err
	}
	published, err := u.readVersions(list.name)
	if err != nil {
		return FileRenewal{}, notIt(list, err)
	}
	if len(published) == 0 {
		return FileRenewal{}, notIt(list, errors.New("it lists no record"))
	}
	have, err := u.readVersions(name + ".csv")
	if there := u.bytesOf(export.name); err != nil || there == 0 || there != sizeOf(filepath.Join(u.Dir, filesFolder, filepath.FromSlash(export.name))) {
		have = nil // without a whole export nothing is there
	}
	changed, removed := compare(have, published)
	switch {
	case len(changed)+len(removed) == 0:
		return FileRenewal{Result: resultUnchanged}, u.checked(export.name)
	case have != nil && few(len(changed)+len(removed), u.bytesOf(export.name)) && len(removed)*10 <= len(have):
		result, err := u.records(ctx, name, have, published, changed, removed)
		if azward.KindOf(err) != azward.KindNotFound {
			return result, err
		}
		// A record is listed and not there: the list was written first.
	}
	return u.export(ctx, name, export)
}

func few(n int, export int64) bool {
	return n <= max(alwaysFew, int(min(export/bytesPerRecord, neverMore)))
}

func (u *updater) bytesOf(name string) int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.state[name].Bytes
}

// checked notes that an export, with the records beside it, is what the
// publisher has now.
func (u *updater) checked(name string) error {
	u.mu.Lock()
	h := u.state[name]
	u.mu.Unlock()
	h.Checked = u.At
	return u.keepState(name, h)
}

// export downloads the whole. What lies beside the old one goes before the new
// one comes, so that at no moment an older record is beside a newer export.
func (u *updater) export(ctx context.Context, name string, r remote) (FileRenewal, error) {
	folder := filepath.Join(u.Dir, filesFolder, filepath.FromSlash(r.name), "..", changedFolder)
	list := filepath.Join(u.Dir, heldFolder, name+".csv")
	changed, err := u.file(ctx, r, func() error { return errors.Join(remove(list), os.RemoveAll(folder)) })
	if err != nil {
		return FileRenewal{}, err
	}
	if !changed && sizeOf(list) > 0 {
		return FileRenewal{Result: resultUnchanged}, nil // the export lags behind the list
	}
	have, err := versionsOf(ctx, filepath.Join(u.Dir, filesFolder, filepath.FromSlash(r.name)))
	if err != nil {
		return FileRenewal{}, notIt(r, err)
	}
	return FileRenewal{Result: resultDownloaded}, u.writeVersions(name, have)
}

// records fetches the changed ones, one by one.
func (u *updater) records(ctx context.Context, name string, have, published versions, changed, removed []string) (FileRenewal, error) {
	folder := filepath.Join(u.Dir, filesFolder, "osv", name, changedFolder)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return FileRenewal{}, cannotWrite(folder, err)
	}
	var mu sync.Mutex
	var all errgroup.Group
	all.SetLimit(recordsAtOnce)
	u.meter.want(len(changed))
	for _, id := range changed {
		all.Go(func() error {
			modified, err := u.record(ctx, name, id, folder, published[id])
			u.meter.done(id)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			have[id] = modified
			return nil
		})
	}
	err := all.Wait()
	// Also when one did not come, the others are there.
	if err == nil {
		err = u.dropRecords(folder, have, removed)
	}
	if saved := u.writeVersions(name, have); err == nil {
		err = saved
	}
	if err != nil {
		return FileRenewal{}, err
	}
	return FileRenewal{Result: resultRecords, Records: len(changed), Removed: len(removed)},
		u.checked("osv/" + name + "/" + exportFile)
}

// record fetches one, unless an update that was interrupted has it already.
func (u *updater) record(ctx context.Context, ecosystem, id, folder string, modified time.Time) (time.Time, error) {
	r := u.origin.osv(ecosystem, id+".json", maxRecord)
	final := filepath.Join(folder, strings.ReplaceAll(id, ":", "%3A")+".json")
	if at, err := inspectRecord(final, id); err == nil && !at.Before(modified) {
		return at, nil
	}
	part := filepath.Join(u.Dir, partialFolder, "osv", ecosystem, changedFolder, filepath.Base(final))
	if _, err := u.fetch(ctx, r, validators{}, part); err != nil {
		return time.Time{}, err
	}
	at, err := inspectRecord(part, id)
	if err != nil {
		return at, errors.Join(notIt(r, err), dropPartial(part))
	}
	if err := errors.Join(os.Rename(part, final), dropPartial(part)); err != nil {
		return at, cannotWrite(final, err)
	}
	// The list may give a later time than the record: it counts as fetched.
	return latest(at, modified), nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// inspectRecord reads when a record was modified, and that it is that record.
func inspectRecord(file, id string) (time.Time, error) {
	f, err := os.Open(file)
	if err != nil {
		return time.Time{}, err
	}
	data, err := bound.ReadAll(f, maxRecord, file)
	if err = errors.Join(err, f.Close()); err != nil {
		return time.Time{}, err
	}
	got, at, err := stamp(data)
	if err == nil && got != id {
		err = fmt.Errorf("it is record %.60q", got)
	}
	return at, err
}

// stamp reads ID and time of a record, to the second: the list has no more.
func stamp(data []byte) (id string, modified time.Time, err error) {
	o, err := decodeOSV(string(data))
	if err != nil {
		return "", time.Time{}, fmt.Errorf("not an OSV record: %w", err)
	}
	at, err := time.Parse(time.RFC3339, o.modified)
	return o.id, at.Truncate(time.Second), err
}

// dropRecords notes which records the export should no longer have.
func (u *updater) dropRecords(folder string, have versions, removed []string) error {
	if len(removed) == 0 {
		return nil
	}
	file := filepath.Join(folder, removedFile)
	before, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return cannotWrite(file, err)
	}
	all := strings.Fields(string(before))
	for _, id := range removed {
		delete(have, id)
		all = append(all, id)
		if err := remove(filepath.Join(folder, strings.ReplaceAll(id, ":", "%3A")+".json")); err != nil {
			return cannotWrite(file, err)
		}
	}
	slices.Sort(all)
	err = replaceFile(file, func(w io.Writer) error {
		_, err := io.WriteString(w, strings.Join(slices.Compact(all), "\n")+"\n")
		return err
	})
	if err != nil {
		return cannotWrite(file, err)
	}
	return nil
}

// compare gives the records that are new or newer, and those that are gone.
func compare(have, published versions) (changed, removed []string) {
	for id, at := range published {
		if before, ok := have[id]; !ok || at.After(before) {
			changed = append(changed, id)
		}
	}
	for id := range have {
		if _, ok := published[id]; !ok {
			removed = append(removed, id)
		}
	}
	slices.Sort(changed)
	slices.Sort(removed)
	return changed, removed
}

// readVersions reads a list in the held folder, each line a time and an ID.
func (u *updater) readVersions(name string) (versions, error) {
	f, err := os.Open(filepath.Join(u.Dir, heldFolder, filepath.FromSlash(name)))
	if err != nil {
		return nil, err
	}
	v, err := parseVersions(f)
	return v, errors.Join(err, f.Close())
}

// parseVersions reads "2026-08-21T17:46:43.601907Z,GHSA-…", as OSV's
// modified_id.csv has it, newest first.
//
// Source: https://google.github.io/osv.dev/data/#downloading-recent-changes
func parseVersions(r io.Reader) (versions, error) {
	v := versions{}
	lines := bufio.NewScanner(bound.Reader(r, maxList, "the list of records"))
	for number := 1; lines.Scan(); number++ {
		stamp, id, ok := bytes.Cut(bytes.TrimRight(lines.Bytes(), "\r"), []byte(","))
		at, err := time.Parse(time.RFC3339, string(stamp))
		if !ok || err != nil || !recordID.Match(id) {
			return nil, fmt.Errorf("line %d is no time and ID of a record", number)
		}
		v[string(id)] = at.Truncate(time.Second)
	}
	return v, lines.Err()
}

func (u *updater) writeVersions(ecosystem string, v versions) error {
	file := filepath.Join(u.Dir, heldFolder, ecosystem+".csv")
	err := replaceFile(file, func(w io.Writer) error {
		out := bufio.NewWriter(w)
		for id, at := range v {
			if _, err := fmt.Fprintf(out, "%s,%s\n", at.UTC().Format(time.RFC3339), id); err != nil {
				return err
			}
		}
		return out.Flush()
	})
	if err != nil {
		return cannotWrite(file, err)
	}
	return nil
}

// versionsOf reads which records an export has, from the records themselves:
// the list beside it may have been written earlier or later.
func versionsOf(ctx context.Context, file string) (v versions, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	archive, err := openZip(f, info.Size())
	if err != nil {
		return nil, err
	}
	type one struct {
		id string
		at time.Time
	}
	read := func(_ string, data []byte, err error) (o one) {
		if err == nil {
			o.id, o.at, err = stamp(data)
		}
		if err != nil {
			return one{} // the build names it; here it is one to be fetched
		}
		return o
	}
	v = versions{}
	for batch := range decode(ctx, archive.File, decoders(), read) {
		for _, o := range batch {
			if recordID.MatchString(o.id) {
				v[o.id] = o.at
			}
		}
	}
	return v, ctx.Err()
}
