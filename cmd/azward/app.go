package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/connect"
	"github.com/azward/azward/report"
	"github.com/azward/azward/seal"
	"github.com/azward/azward/store"
	"github.com/azward/azward/store/sqlite"
)

// app is one run of the program: its streams, its flags and what it opened.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string

	data, output, out, logLevel string
	quiet                       bool

	progress progress
	follower follower // of the job that this run is; nil on the command line
	opened   *sqlite.Store
	decided  []azward.Verdict // by the scan of this run, in the order shown
	attached *[]string        // to this run's image; nil when no registry was asked
	sbom     *sbomSource      // where the packages of this run's image come from; nil for its layers
}

// formats are all that any command writes.
var formats = []string{"table", "json", "markdown", "sarif", "openvex", "proof", "csv", "cyclonedx", "spdx", "svg", "dot", "junit", "html", "csaf", "ocsf"}

// prepare checks the flags that every command has.
func (a *app) prepare() error {
	if !slices.Contains(formats, a.output) {
		return a.noFormat(formats...)
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, a.logLevel) {
		return &azward.Error{Kind: azward.KindUsage, Op: "read --log-level", Subject: fmt.Sprintf("%.40q", a.logLevel), Cause: "there is no such level", Remedy: "use debug, info, warn or error"}
	}
	a.progress = progress{to: a.stderr, silent: a.quiet, terminal: isTerminal(a.stderr)}
	return nil
}

// noFormat says that a command does not write the format that was asked for.
func (a *app) noFormat(known ...string) error {
	return &azward.Error{
		Kind: azward.KindUsage, Op: "read --output", Subject: fmt.Sprintf("%.40q", a.output),
		Cause: "this command does not write that format", Remedy: "use " + strings.Join(known, ", "),
	}
}

// only checks that the command writes the asked format.
func (a *app) only(known ...string) error {
	if !slices.Contains(known, a.output) {
		return a.noFormat(known...)
	}
	return nil
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// style is how to write for the person at stdout.
func (a *app) style() report.Style {
	s := report.Style{Colour: a.out == "" && isTerminal(a.stdout) && a.getenv("NO_COLOR") == ""}
	if f, ok := a.stdout.(*os.File); ok && a.out == "" {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			s.Width = width
		}
	}
	return s
}

// write gives the result to f: stdout, or the file of --out, which appears
// whole or not at all.
func (a *app) write(f func(io.Writer) error) error {
	if a.out == "" {
		return f(a.stdout)
	}
	failed := func(err error) error {
		return &azward.Error{Kind: azward.KindFailed, Op: "write", Subject: a.out, Cause: err.Error(), Remedy: "name a file that can be written with --out", Err: err}
	}
	tmp, err := os.CreateTemp(filepath.Dir(a.out), "."+filepath.Base(a.out)+".*")
	if err != nil {
		return failed(err)
	}
	err = f(tmp)
	if err = errors.Join(err, tmp.Close()); err == nil {
		if err = os.Rename(tmp.Name(), a.out); err == nil {
			return nil
		}
	}
	return errors.Join(failed(err), os.Remove(tmp.Name()))
}

// dataDir is where azward keeps things.
func (a *app) dataDir() (string, error) {
	switch state, home := a.getenv("XDG_STATE_HOME"), a.getenv("HOME"); {
	case a.data != "":
		return a.data, nil
	case filepath.IsAbs(state):
		return filepath.Join(state, "azward"), nil
	case home != "":
		return filepath.Join(home, ".local", "state", "azward"), nil
	}
	return "", &azward.Error{Kind: azward.KindUsage, Op: "find data directory", Cause: "neither HOME nor XDG_STATE_HOME is set", Remedy: "name it with --data DIR"}
}

// store opens the store, once.
func (a *app) store(ctx context.Context) (*sqlite.Store, error) {
	if a.opened != nil {
		return a.opened, nil
	}
	dir, err := a.dataDir()
	if err != nil {
		return nil, err
	}
	a.opened, err = sqlite.Open(ctx, dir)
	return a.opened, err
}

func (a *app) close() error {
	if a.opened == nil {
		return nil
	}
	err := a.opened.Close()
	a.opened = nil
	return err
}

// connections is the use case over this run's store and key.
func (a *app) connections(ctx context.Context) (connect.Connections, error) {
	s, err := a.store(ctx)
	if err != nil {
		return connect.Connections{}, err
	}
	box, err := a.box()
	return connect.Connections{Store: s, Sealer: box}, err
}

// box seals with the key of the data directory.
func (a *app) box() (seal.Box, error) {
	dir, err := a.dataDir()
	return seal.Box{Provider: seal.File(filepath.Join(dir, store.KeyFile))}, err
}

// indexFile is the advisory index within the data directory.
const indexFile = "advisories.idx"

// advisories opens the advisory index of the data directory.
func (a *app) advisories() (*advisory.Index, error) {
	dir, err := a.dataDir()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, indexFile)
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		return nil, &azward.Error{
			Kind: azward.KindNotFound, Op: "open advisory index", Subject: file, Cause: "there is none yet",
			Remedy: "azward advisory update, or without a network: azward advisory update --from BUNDLE",
		}
	}
	return advisory.Open(file)
}

// warnStale says what the index is too old for, or does not have.
func (a *app) warnStale(ix *advisory.Index, now time.Time) { a.sayAge(ix.Status(), now) }
