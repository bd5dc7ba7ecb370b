package estate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/azward/azward"
)

// Open reads files and folders into one estate. Of a folder it reads every
// file below it whose name ends in .json, .jsonl, .ndjson, .yaml or .yml, each
// with or without .gz or .zst, but for names that begin with a dot. The order
// of the paths decides which of two equally good reads of a resource stays:
// the last.
func Open(ctx context.Context, o ReadOptions, paths ...string) (*Estate, error) {
	if len(paths) == 0 {
		return nil, &azward.Error{
			Kind: azward.KindUsage, Op: "read estate", Cause: "no file is named",
			Remedy: "name an estate file, an export or a folder of these: --estate FILE",
		}
	}
	var b Builder
	return open(ctx, &b, o, paths)
}

// Overlay reads files and folders, as [Open] does, over an estate: what they
// hold stands in the place of what the estate has under the same ID. Listings
// and gaps of the estate stay: it is the estate as it would be.
func Overlay(ctx context.Context, e *Estate, o ReadOptions, paths ...string) (*Estate, error) {
	var b Builder
	b.Add(e)
	b.replace = true
	return open(ctx, &b, o, paths)
}

func open(ctx context.Context, b *Builder, o ReadOptions, paths []string) (*Estate, error) {
	in := &reader{builder: b, options: o}
	for _, path := range paths {
		files, err := inputs(path)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if err := in.readFile(ctx, file); err != nil {
				return nil, err
			}
		}
	}
	if err := in.finish(); err != nil {
		return nil, err
	}
	return b.Build(), nil
}

// inputs returns the files that a path stands for.
func inputs(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var files []string
	err = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if hidden := strings.HasPrefix(entry.Name(), ".") && name != path; hidden {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if entry.IsDir() || !inputName(name) {
			return nil
		}
		if target, err := os.Stat(name); err != nil {
			return fmt.Errorf("look at %s: %w", name, err)
		} else if target.Mode().IsRegular() {
			files = append(files, name)
		}
		return nil
	})
	if err != nil {
		return nil, unreadable(path, err)
	}
	if len(files) == 0 {
		return nil, &azward.Error{
			Kind: azward.KindUsage, Op: "read estate", Subject: path, Cause: "the folder holds no file that azward reads",
			Remedy: "put exports there whose names end in .json, .jsonl, .ndjson, .yaml or .yml, with or without .gz or .zst",
		}
	}
	return files, nil
}

func inputName(name string) bool {
	name = strings.ToLower(name)
	name = strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".zst")
	return slices.Contains([]string{".json", ".jsonl", ".ndjson", ".yaml", ".yml"}, filepath.Ext(name))
}

func (in *reader) readFile(ctx context.Context, path string) (err error) {
	file, err := os.Open(path)
	if err != nil {
		return unreadable(path, err)
	}
	defer func() {
		if closing := file.Close(); err == nil && closing != nil {
			err = unreadable(path, closing)
		}
	}()
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() && info.Size() == 0 {
		return &azward.Error{
			Kind: azward.KindBadInput, Op: "read estate", Subject: path, Cause: "the file is empty",
			Remedy: "export it again; an export that found nothing still holds [] or {}",
		}
	}
	in.name = path
	return in.read(&interruptible{ctx: ctx, r: file})
}

// interruptible ends a long read when the user does.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i *interruptible) Read(p []byte) (int, error) {
	if i.ctx.Err() != nil {
		return 0, &azward.Error{
			Kind: azward.KindInterrupted, Op: "read estate", Cause: "it was interrupted", Remedy: "start it again", Err: i.ctx.Err(),
		}
	}
	return i.r.Read(p)
}

func unreadable(path string, err error) error {
	e := &azward.Error{
		Kind: azward.KindUsage, Op: "read estate", Subject: path, Cause: reason(err), Err: err,
		Remedy: "check the path and that you may read it",
	}
	if errors.Is(err, fs.ErrNotExist) {
		e.Cause = "there is no such file"
	}
	return e
}
