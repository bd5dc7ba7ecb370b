package image

import (
	"io"
	"io/fs"
	"path"
	"time"
)

// tarFS shows a tarball's files as a file system, as far as [layout] asks.
type tarFS struct{ t *tarball }

// Open implements [fs.FS].
func (f tarFS) Open(name string) (fs.File, error) {
	if s := f.t.entry(name); s != nil {
		return &tarFile{SectionReader: s, name: path.Base(name)}, nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

type tarFile struct {
	*io.SectionReader
	name string
}

// Stat, Close and the rest implement [fs.File] and [fs.FileInfo].
func (f *tarFile) Stat() (fs.FileInfo, error) { return tarInfo{f}, nil }

// Close has nothing to close: the tarball is closed by its source.
func (f *tarFile) Close() error { return nil }

type tarInfo struct{ f *tarFile }

func (i tarInfo) Name() string       { return i.f.name }
func (i tarInfo) Size() int64        { return i.f.SectionReader.Size() }
func (i tarInfo) Mode() fs.FileMode  { return 0o444 }
func (i tarInfo) ModTime() time.Time { return time.Time{} }
func (i tarInfo) IsDir() bool        { return false }
func (i tarInfo) Sys() any           { return nil }
