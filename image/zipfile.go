package image

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
)

// directoryMark stands before each entry in a ZIP file's list of them.
//
// Source: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT (4.3.12)
var directoryMark = []byte("PK\x01\x02")

// directory ends the reading of a ZIP file's list that is too long to keep:
// what the file says of its length is not proof, and archive/zip believes the
// list itself.
type directory struct {
	r     io.ReaderAt
	left  int // entries; negative: too many
	bytes int // likewise
	done  bool
}

// ReadAt implements [io.ReaderAt].
func (d *directory) ReadAt(p []byte, at int64) (int, error) {
	n, err := d.r.ReadAt(p, at)
	if !d.done {
		if d.left -= bytes.Count(p[:n], directoryMark); d.left < 0 {
			return 0, errTooManyFiles
		}
		if d.bytes -= n; d.bytes < 0 {
			return 0, errLongList
		}
	}
	return n, err
}

// Why an archive within a layer is not read.
var (
	errTooManyFiles = fmt.Errorf("it has more than %d entries", maxJarEntries)
	errLongList     = fmt.Errorf("the list of its entries takes more than %d bytes", maxJarList)
)

// openZip reads the list of a ZIP file, of at most so many entries.
func openZip(r io.ReaderAt, size int64, entries int) (*zip.Reader, error) {
	// The end of the file, where the list's place is told, is read up to four
	// times, and may hold all of a short list.
	d := &directory{r: r, left: entries + entries/8 + 4*(64<<10)/46, bytes: maxJarList}
	z, err := zip.NewReader(d, size)
	d.done = true
	if err != nil {
		return nil, err
	}
	if len(z.File) > entries {
		return nil, errTooManyFiles
	}
	return z, nil
}
