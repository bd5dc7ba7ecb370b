package advisory

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/edsrzf/mmap-go"

	"github.com/azward/azward"
)

// Open maps an index file into memory, read-only: many processes share one
// copy, and it takes as long as checking the tables does. The file is replaced
// by rename, never changed, so a reader keeps the one it opened.
func Open(path string) (*Index, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, openError(path, err)
	}
	info, err := f.Stat()
	if err == nil && info.Size() < footerSize {
		err = fmt.Errorf("it has only %d bytes", info.Size())
	}
	var data mmap.MMap
	if err == nil {
		data, err = mmap.Map(f, mmap.RDONLY, 0)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		if data != nil {
			err = errors.Join(err, data.Unmap())
		}
		return nil, (&Index{name: path}).damaged(err)
	}
	ix, err := open(data, path, mapping{&data})
	if err != nil {
		if unmapErr := data.Unmap(); unmapErr != nil {
			return nil, errors.Join(err, unmapErr)
		}
		return nil, err
	}
	return ix, nil
}

type mapping struct{ m *mmap.MMap }

func (m mapping) Close() error { return m.m.Unmap() }

func openError(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &azward.Error{
			Kind: azward.KindNotFound, Op: "open advisory index", Subject: path,
			Cause: "there is no index yet", Remedy: "run `azward advisory update` first", Err: err,
		}
	}
	return &azward.Error{
		Kind: azward.KindFailed, Op: "open advisory index", Subject: path,
		Cause: err.Error(), Remedy: "check that the file can be read, or build it again with `azward advisory update`", Err: err,
	}
}
