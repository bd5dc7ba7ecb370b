package estate

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/azward/azward"
)

// Write writes the estate as an estate file, without compression: resources
// and Kubernetes objects by key, then images by digest, listings and gaps. The
// same estate gives the same bytes, and [Read] gives the same estate back.
func (e *Estate) Write(w io.Writer) error {
	out := &writer{w: bufio.NewWriterSize(w, 1<<16)}
	for _, r := range e.resources {
		out.resource(r)
	}
	for _, digest := range slices.Sorted(maps.Keys(e.images)) {
		r := e.images[digest]
		out.open(r.Source)
		out.text("digest", string(digest))
		out.body(r)
	}
	for _, l := range e.listings {
		out.listing(l)
	}
	for _, g := range e.gaps {
		out.gap(g)
	}
	if err := out.w.Flush(); out.err == nil && err != nil {
		out.err = err
	}
	if out.err != nil {
		return fmt.Errorf("write estate: %w", out.err)
	}
	return nil
}

// writer writes lines; it keeps the first error, after which it does nothing.
type writer struct {
	w       *bufio.Writer
	scratch bytes.Buffer
	err     error
}

func (o *writer) raw(parts ...string) {
	for _, s := range parts {
		if o.err == nil {
			_, o.err = o.w.WriteString(s)
		}
	}
}

// open begins a line.
func (o *writer) open(source azward.Source) {
	o.raw(`{"source":`)
	o.quote(string(source))
}

// text adds a member, unless it is empty.
func (o *writer) text(name, value string) {
	if value != "" {
		o.raw(`,"`, name, `":`)
		o.quote(value)
	}
}

func (o *writer) time(name string, t time.Time) {
	if !t.IsZero() {
		o.text(name, t.UTC().Format(time.RFC3339Nano))
	}
}

func (o *writer) quote(s string) {
	o.scratch.Reset()
	enc := json.NewEncoder(&o.scratch)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil && o.err == nil {
		o.err = err
	}
	o.raw(strings.TrimSuffix(o.scratch.String(), "\n"))
}

// body ends a line with what was read.
func (o *writer) body(r *Resource) {
	if r.Cluster == "" { // a Kubernetes body tells its API version itself
		o.text("apiVersion", r.APIVersion)
	}
	o.time("readAt", r.ReadAt)
	o.raw(`,"body":`)
	if o.err == nil {
		_, o.err = o.w.Write(r.Body)
	}
	o.raw("}\n")
}

func (o *writer) resource(r *Resource) {
	o.open(r.Source)
	o.text("cluster", string(r.Cluster))
	if strings.HasPrefix(string(r.ID), msgraphPrefix) {
		o.text("collection", strings.TrimPrefix(r.Type, msgraphType))
	}
	o.body(r)
}

func (o *writer) listing(l Listing) {
	o.open(azward.SourceListing)
	o.text("scope", string(l.Scope))
	o.text("type", l.Type)
	o.text("status", string(l.Status))
	if l.Pages != 0 {
		o.raw(`,"pages":`, strconv.Itoa(l.Pages))
	}
	o.time("readAt", l.ReadAt)
	o.text("via", string(l.Via))
	if l.Own {
		o.raw(`,"own":true`)
	}
	o.raw("}\n")
}

func (o *writer) gap(g azward.Gap) {
	o.open(azward.SourceGap)
	o.text("scope", string(g.Scope))
	o.text("kind", string(g.Kind))
	o.text("reads", g.Reads)
	o.text("needs", g.Needs)
	o.text("error", g.Error)
	o.text("remedy", g.Remedy)
	o.raw("}\n")
}

// WriteFile writes the estate to a file, which is there as a whole or not at
// all: compressed by zstd when its name ends in .zst, by gzip when in .gz.
// Only the user may read it: an estate tells an attacker where to start.
func (e *Estate) WriteFile(path string) (err error) {
	fail := func(err error) error {
		return &azward.Error{
			Kind: azward.KindFailed, Op: "write estate file", Subject: path, Cause: reason(err), Err: err,
			Remedy: "choose a folder that exists, that you may write to, and that has room; nothing that stood there was changed",
		}
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return fail(err)
	}
	defer func() {
		if err != nil {
			err = fail(errors.Join(err, ignoreClosed(temporary.Close()), os.Remove(temporary.Name())))
		}
	}()
	if err := e.writeCompressed(temporary, path); err != nil {
		return err
	}
	if err := temporary.Sync(); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	if err := temporary.Close(); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	if err := os.Rename(temporary.Name(), path); err != nil {
		return fmt.Errorf("rename: %w", err)
	}
	return nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// reason is the innermost cause of a file error, without the temporary name.
func reason(err error) string {
	var pathErr *os.PathError
	var linkErr *os.LinkError
	switch {
	case errors.As(err, &pathErr):
		return pathErr.Err.Error()
	case errors.As(err, &linkErr):
		return linkErr.Err.Error()
	default:
		return err.Error()
	}
}

func (e *Estate) writeCompressed(w io.Writer, name string) error {
	var packed io.WriteCloser
	switch strings.ToLower(filepath.Ext(name)) {
	case ".zst":
		enc, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true))
		if err != nil {
			return fmt.Errorf("write zstd: %w", err)
		}
		packed = enc
	case ".gz":
		packed = gzip.NewWriter(w)
	default:
		return e.Write(w)
	}
	if err := e.Write(packed); err != nil {
		return errors.Join(err, packed.Close())
	}
	if err := packed.Close(); err != nil {
		return fmt.Errorf("compress: %w", err)
	}
	return nil
}
